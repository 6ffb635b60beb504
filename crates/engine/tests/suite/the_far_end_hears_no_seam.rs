//! Whatever happens on one side of a call, the other side hears one SSRC, sequence numbers that go on, and timestamps
//! that keep to the clock: under loss, reordering, duplicates and jitter, with many seeds, relayed and through the media
//! path.

use std::time::Duration;

use mediapoint_engine::{
    Direction, EncoderSettings, LegConfig, PacketTime, PayloadType, Relearn, RemoteAddress, Source,
};
use mediapoint_packet::rtp::{RtpTicks, Ssrc};
use mediapoint_srtp::Suite;
use mediapoint_testkit::{
    Library, LinkProfile, PeerId, Voice, World, audio, codec, for_each_seed, pcma, pcmu, telephone_event,
};

const SEEDS: u64 = 60;

/// Packets that may find no number at one border: what was overtaken by the first packet behind it.
const LATE_AT_A_BORDER: u64 = 4;

/// How what one party says gets to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    Relay,
    /// Decoded, and encoded again in shorter packets.
    Media,
}

struct Scene {
    world: World,
    a: PeerId,
    b: PeerId,
    borders: u64,
    unheard_at_a_border: u64,
}

impl Scene {
    /// A call that has run for a while; what `a` sends has a rough way, what `b` hears comes as the engine sent it.
    fn new(seed: u64, path: Path) -> Self {
        let mut world = World::new(seed);
        let (a, b) = world.two_party_call();
        for peer in [a, b] {
            world.peer_mut(peer).up.set_profile(LinkProfile::rough());
            if path == Path::Media {
                let packet_time = PacketTime::Always(Duration::from_millis(10));
                world.reinvite(peer, |config| config.packet_time = packet_time);
                // Marks do not survive another packet time.
                let voice = Voice::new(&pcmu(), 8000, &EncoderSettings::default(), hum);
                world.peer_mut(peer).stream.voice = Some(voice);
            }
        }
        let mut scene = Self { world, a, b, borders: 0, unheard_at_a_border: LATE_AT_A_BORDER };
        scene.world.start(a);
        let stagger = scene.world.random().duration_below(Duration::from_millis(20));
        scene.world.run_for(stagger);
        scene.world.start(b);
        scene.go_on();
        scene
    }

    /// Lets a random while pass.
    fn go_on(&mut self) {
        let more = self.world.random().duration_below(Duration::from_secs(2));
        self.world.run_for(Duration::from_secs(1) + more);
    }

    /// Something that `a` or its signalling does, and what follows.
    fn border(&mut self, act: impl FnOnce(&mut World, PeerId, PeerId)) {
        self.borders += 1;
        act(&mut self.world, self.a, self.b);
        self.go_on();
    }

    /// No seam on either side, and nothing missing but what was lost on the way to the engine.
    fn check(&mut self) {
        for peer in [self.a, self.b] {
            self.world.stop(peer);
        }
        self.world.run_for(Duration::from_secs(1));
        for (from, to) in [(self.a, self.b), (self.b, self.a)] {
            let up = self.world.peer(from).up.counts();
            let heard = &self.world.peer(to).heard;
            assert_eq!(heard.seam.check(), Ok(()));
            // What was under way when a party changed between RTP and SRTP.
            assert!(heard.not_authentic <= 2 * self.borders, "{} not authentic", heard.not_authentic);
            let (missing, lost) = (heard.missing(), up.lost);
            let most = lost + self.unheard_at_a_border * (self.borders + 1);
            assert!(missing <= most, "{missing} missing, {lost} lost in {} borders", self.borders);
            assert!(heard.packets > 100, "only {} packets heard", heard.packets);
        }
        assert_eq!(self.world.buffers_lost(), 0);
    }
}

fn every_seed(test: impl Fn(&mut Scene)) {
    for (path, seeds) in [(Path::Relay, SEEDS), (Path::Media, SEEDS / 3)] {
        for_each_seed(seeds, |seed| {
            let mut scene = Scene::new(seed, path);
            test(&mut scene);
            scene.check();
        });
    }
}

fn hum(n: u64, _rate: u32) -> i16 {
    i16::try_from(n * 37 % 8000).unwrap_or(0) - 4000
}

#[test]
fn of_a_rough_path() {
    every_seed(|scene| scene.world.run_for(Duration::from_secs(20)));
}

#[test]
fn of_a_reinvite_that_repeats_what_was_said() {
    every_seed(|scene| {
        for _ in 0..5 {
            scene.border(|world, a, b| {
                world.reinvite(a, |_| {});
                world.reinvite(b, |_| {});
            });
        }
    });
}

#[test]
fn of_a_reinvite_from_another_address() {
    every_seed(|scene| {
        for port in [5000, 6000, 7000] {
            scene.border(|world, a, _| {
                let address = format!("203.0.113.9:{port}").parse().unwrap();
                world.move_peer(a, address);
                world.reinvite(a, |config| config.remote = Some(RemoteAddress { rtp: address, rtcp: None }));
            });
        }
    });
}

#[test]
fn of_a_party_that_moves_and_relearning() {
    every_seed(|scene| {
        // The old source is believed gone after a tenth of a second, then the new one has to show two packets.
        scene.unheard_at_a_border = 12;
        for port in [5000, 6000] {
            scene.border(|world, a, _| {
                let host = world.peer(a).config.remote.unwrap().rtp.ip();
                world.move_peer(a, std::net::SocketAddr::new(host, port));
                world.reinvite_with(a, Relearn::Now, |_| {});
            });
        }
    });
}

fn hold(world: &mut World, party: PeerId, direction: Direction) {
    world.reinvite(party, |config| config.direction = direction);
}

#[test]
fn of_hold_and_resume_while_all_parties_go_on_sending() {
    every_seed(|scene| {
        let holds = [
            (Direction::ReceiveOnly, Direction::SendOnly),
            (Direction::SendOnly, Direction::ReceiveOnly),
            (Direction::Inactive, Direction::Inactive),
            (Direction::Inactive, Direction::SendReceive),
        ];
        for (of_a, of_b) in holds {
            scene.border(|world, a, b| {
                hold(world, a, of_a);
                hold(world, b, of_b);
            });
            scene.border(|world, a, b| {
                hold(world, a, Direction::SendReceive);
                hold(world, b, Direction::SendReceive);
            });
        }
    });
}

#[test]
fn of_hold_and_resume_while_the_held_party_is_silent() {
    every_seed(|scene| {
        for clock_runs in [true, false] {
            scene.border(|world, a, b| {
                hold(world, a, Direction::ReceiveOnly);
                hold(world, b, Direction::SendOnly);
                if clock_runs {
                    world.peer_mut(a).stream.speaking = false;
                } else {
                    world.stop(a);
                }
            });
            scene.world.run_for(Duration::from_secs(10));
            scene.border(|world, a, b| {
                hold(world, a, Direction::SendReceive);
                hold(world, b, Direction::SendReceive);
                world.peer_mut(a).stream.speaking = true;
                world.start(a);
            });
        }
    });
}

#[test]
fn of_an_address_withheld_on_hold() {
    every_seed(|scene| {
        scene.border(|world, a, _| {
            world.reinvite(a, |config| {
                config.remote = None;
                config.direction = Direction::Inactive;
            });
        });
        scene.border(|world, a, _| {
            let remote = Some(RemoteAddress { rtp: world.peer(a).address, rtcp: None });
            world.reinvite(a, |config| {
                config.remote = remote;
                config.direction = Direction::SendReceive;
            });
        });
    });
}

#[test]
fn of_another_ssrc_of_the_party() {
    every_seed(|scene| {
        for _ in 0..5 {
            scene.border(|world, a, _| {
                let random = world.random();
                let (ssrc, sequence, timestamp) =
                    (Ssrc(random.next_u32()), random.next_u16(), RtpTicks(random.next_u32()));
                let stream = &mut world.peer_mut(a).stream;
                (stream.ssrc, stream.sequence.0, stream.timestamp) = (ssrc, sequence, timestamp);
            });
        }
    });
}

#[test]
fn of_a_return_to_an_earlier_ssrc() {
    every_seed(|scene| {
        let first = scene.world.peer(scene.a).stream.ssrc;
        for ssrc in [Ssrc(1), first, Ssrc(1)] {
            scene.border(|world, a, _| world.peer_mut(a).stream.ssrc = ssrc);
        }
    });
}

#[test]
fn of_a_jump_of_the_sequence_number() {
    every_seed(|scene| {
        for jump in [4000, 30_000, 40_000, 60_000] {
            scene.border(|world, a, _| {
                let stream = &mut world.peer_mut(a).stream;
                stream.sequence = stream.sequence.wrapping_add(jump);
            });
        }
    });
}

#[test]
fn of_a_jump_of_the_timestamp() {
    every_seed(|scene| {
        for jump in [20_000, 1_000_000, 0x8000_0000, u32::MAX - 1_000_000, u32::MAX - 20_000, u32::MAX - 3000]
        {
            scene.border(|world, a, _| {
                let stream = &mut world.peer_mut(a).stream;
                stream.timestamp = stream.timestamp.wrapping_add(jump);
            });
        }
    });
}

#[test]
fn of_another_payload_type_and_codec() {
    every_seed(|scene| {
        scene.border(|world, a, _| {
            world.reinvite(a, |config| config.codecs = vec![pcma(), pcmu(), telephone_event(101)]);
            world.peer_mut(a).stream.payload_type = PayloadType::PCMA;
        });
        scene.border(|world, _, b| {
            world.reinvite(b, |config| config.codecs = vec![pcma(), telephone_event(101)]);
            world.peer_mut(b).stream.payload_type = PayloadType::PCMA;
        });
        scene.border(|world, a, _| {
            world.reinvite(a, |config| config.codecs = vec![codec(107, "PCMU", 8000), telephone_event(101)]);
            world.peer_mut(a).stream.payload_type = PayloadType::new(107).unwrap();
        });
    });
}

#[test]
fn of_packets_that_the_other_side_has_no_codec_for() {
    every_seed(|scene| {
        scene.world.reinvite(scene.a, |config| config.codecs.push(codec(13, "CN", 8000)));
        for payload_type in [13, 111] {
            scene.border(|world, a, _| {
                // Some packets of comfort noise, which `b` has not agreed to, or of a type nobody agreed to.
                let number = PayloadType::new(payload_type).unwrap();
                world.peer_mut(a).stream.payload_type = number;
                world.after(Duration::from_millis(300), move |world| {
                    world.peer_mut(a).stream.payload_type = PayloadType::PCMU;
                });
            });
        }
    });
}

// test-of: [RFC4733 2.2.1]
#[test]
fn of_telephone_events() {
    every_seed(|scene| {
        for length in [60, 100, 400, 4000] {
            scene.border(|world, a, _| {
                world.peer_mut(a).stream.press(5, Duration::from_millis(length));
            });
        }
    });
}

#[test]
fn of_another_ssrc_right_after_a_long_telephone_event() {
    every_seed(|scene| {
        scene.world.peer_mut(scene.a).stream.press(5, Duration::from_secs(3));
        while scene.world.peer(scene.a).stream.is_pressing() {
            scene.world.run_for(Duration::from_millis(20));
        }
        scene.border(|world, a, _| world.peer_mut(a).stream.ssrc = Ssrc(77));
    });
}

#[test]
fn of_a_change_of_source_between_legs() {
    for_each_seed(SEEDS, |seed| {
        let mut scene = Scene::new(seed, Path::Relay);
        let call = scene.world.peer(scene.a).call;
        let c = scene.world.add_peer(call, audio([pcmu(), telephone_event(101)]));
        scene.world.peer_mut(c).up.set_profile(LinkProfile::rough());
        scene.world.start(c);
        scene.world.run_for(Duration::from_millis(500));
        for heard in [Some(c), Some(scene.a), None, Some(scene.a), None, Some(c), Some(scene.a)] {
            scene.borders += 1;
            scene.world.set_source(scene.b, heard);
            scene.go_on();
        }
        let lost_by_c = scene.world.peer(c).up.counts().lost;
        let (b, a) = (scene.b, scene.a);
        for peer in [a, b, c] {
            scene.world.stop(peer);
        }
        scene.world.run_for(Duration::from_secs(1));
        let heard = &scene.world.peer(b).heard;
        assert_eq!(heard.seam.check(), Ok(()));
        let lost = scene.world.peer(a).up.counts().lost + lost_by_c;
        let most = lost + LATE_AT_A_BORDER * scene.borders;
        assert!(heard.missing() <= most, "{} missing, {lost} lost", heard.missing());
        assert!(heard.packets_from(scene.world.peer(c).tag) > 50);
    });
}

#[test]
fn of_a_leg_replaced_by_a_new_one() {
    for_each_seed(SEEDS, |seed| {
        let mut scene = Scene::new(seed, Path::Relay);
        let call = scene.world.peer(scene.a).call;
        // A transfer: the old party's leg goes, another one comes, in the same slot of the core as it happens.
        scene.world.remove_leg(scene.a);
        let c = scene.world.add_peer(call, audio([pcmu(), telephone_event(101)]));
        scene.world.connect(c, scene.b);
        scene.world.start(c);
        scene.world.run_for(Duration::from_secs(3));
        let heard = &scene.world.peer(scene.b).heard;
        assert_eq!(heard.seam.check(), Ok(()));
        assert!(heard.packets_from(scene.world.peer(c).tag) > 140);
        let lost = scene.world.peer(scene.a).up.counts().lost;
        assert!(heard.missing() <= lost + LATE_AT_A_BORDER, "{} missing, {lost} lost", heard.missing());
    });
}

#[test]
fn of_new_keys_from_the_srtp_side() {
    for suite in Suite::ALL {
        every_seed_few(|scene| {
            scene.world.secure(scene.a, suite, Library::Own);
            let a = scene.a;
            for _ in 0..4 {
                let inbound = scene.world.key(suite);
                let outbound = scene.world.peer(a).config.srtp.as_ref().unwrap().outbound.clone();
                scene.border(|world, a, _| world.set_keys(a, &inbound, &outbound, Library::Own));
            }
            for _ in 0..4 {
                scene.border(|world, a, _| world.secure(a, suite, Library::Own));
            }
        });
    }
}

#[test]
fn of_a_switch_between_rtp_and_srtp() {
    every_seed(|scene| {
        for _ in 0..3 {
            scene.border(|world, a, _| world.secure(a, Suite::AesCm128HmacSha1_80, Library::WebRtc));
            scene.border(|world, a, _| world.expose(a));
        }
    });
}

/// As [`every_seed`], with fewer of them, for a test that has rounds of its own.
fn every_seed_few(test: impl Fn(&mut Scene)) {
    for_each_seed(SEEDS / 8, |seed| {
        let mut scene = Scene::new(seed, Path::Relay);
        test(&mut scene);
        scene.check();
    });
}

/// All of it at once, in random order.
#[test]
fn of_any_sequence_of_changes() {
    for_each_seed(SEEDS * 3, |seed| {
        let mut scene = Scene::new(seed, if seed % 3 == 0 { Path::Media } else { Path::Relay });
        let mut secured = false;
        for _ in 0..25 {
            let choice = scene.world.random().below(12);
            let value = scene.world.random().next_u32();
            scene.border(|world, a, b| match choice {
                0 => world.peer_mut(a).stream.ssrc = Ssrc(value),
                1 => world.peer_mut(a).stream.timestamp = RtpTicks(value),
                // An SRTP sender cannot jump: numbers from behind are refused by its own library.
                2 if !secured => {
                    let stream = &mut world.peer_mut(a).stream;
                    stream.sequence =
                        stream.sequence.wrapping_add(4000 + u16::try_from(value % 57_000).unwrap());
                }
                3 => hold(world, b, Direction::ReceiveOnly),
                4 => hold(world, b, Direction::SendReceive),
                5 => {
                    hold(world, a, if value & 1 == 0 { Direction::Inactive } else { Direction::SendReceive })
                }
                6 => world.peer_mut(a).stream.press(3, Duration::from_millis(u64::from(value % 1000))),
                7 => world.set_source(b, (value & 3 != 0).then_some(a)),
                8 => {
                    let address = format!("203.0.113.7:{}", 1024 + value % 60_000).parse().unwrap();
                    world.move_peer(a, address);
                    world.reinvite(a, |config: &mut LegConfig| {
                        config.remote = Some(RemoteAddress { rtp: address, rtcp: None });
                    });
                }
                9 => {
                    world.secure(a, Suite::AeadAes128Gcm, Library::Own);
                    secured = true;
                }
                10 if secured => {
                    world.expose(a);
                    secured = false;
                }
                _ => world.reinvite(a, |_| {}),
            });
        }
        let (a, b) = (scene.a, scene.b);
        hold(&mut scene.world, a, Direction::SendReceive);
        hold(&mut scene.world, b, Direction::SendReceive);
        scene.world.set_source(b, Some(a));
        scene.go_on();
        let before = scene.world.peer(b).heard.packets;
        scene.world.run_for(Duration::from_secs(2));
        assert!(scene.world.peer(b).heard.packets > before + 80, "media flows in the end");
        scene.borders += 3;
        scene.world.peer_mut(b).heard.seam.set_tolerance(Duration::from_secs(2));
        scene.check();
        scene.world.feed(b, Source::Silence);
    });
}
