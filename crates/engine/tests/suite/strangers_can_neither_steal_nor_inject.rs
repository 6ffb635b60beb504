//! RTP bleed: whoever sends to a leg's ports without being its party is neither heard by the other side nor sent to,
//! whatever the guard's policy, before, while and after the party is learnt.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_engine::{Event, LegConfig, Relearn, RemoteAddress, SourceGuard};
use mediapoint_packet::rtcp::{CompoundWriter, ReportBlock, SenderInfo};
use mediapoint_packet::rtp::{PayloadType, RtpHeader, RtpTicks, Seq, Ssrc};
use mediapoint_srtp::Suite;
use mediapoint_testkit::{Library, PeerId, World, audio, for_each_seed, pcmu, telephone_event};

const SEEDS: u64 = 20;

const POLICIES: [SourceGuard; 4] =
    [SourceGuard::Symmetric, SourceGuard::Signalled, SourceGuard::Asymmetric, SourceGuard::Handover];

const STRANGER: &str = "198.51.100.66:7000";

/// Where a party behind NAT appears to be: another host and another port than it said.
const BEHIND_NAT: &str = "203.0.113.20:61234";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The party says where it is within its own network, behind NAT.
fn signal_private_address(world: &mut World, party: PeerId) {
    let rtp = address("192.168.1.20:4000");
    world.reinvite(party, |config| config.remote = Some(RemoteAddress { rtp, rtcp: None }));
}

fn call(seed: u64, policy: SourceGuard) -> (World, PeerId, PeerId) {
    let mut world = World::new(seed);
    let call = world.add_call();
    let config = LegConfig { source_guard: policy, ..audio([pcmu(), telephone_event(101)]) };
    let a = world.add_peer(call, config.clone());
    let b = world.add_peer(call, config);
    world.connect(a, b);
    (world, a, b)
}

/// Somebody who sends a stream in sequence to the leg of `target`.
fn streamer(world: &mut World, target: PeerId) -> PeerId {
    let stranger = world.add_stranger(target, address(STRANGER));
    world.start(stranger);
    stranger
}

/// Somebody who sends single packets with numbers of chance to the leg of `target`, from one port or many. By chance two
/// of them would be in sequence once in 65,536 packets: that chance is taken out.
fn sprayer(world: &mut World, target: PeerId, ports: u16, packets: u32) {
    for n in 0..packets {
        let at = Duration::from_millis(7) * n;
        world.after(at, move |world| {
            let random = world.random();
            let (sequence, ssrc, port) =
                (random.next_u16(), random.next_u32(), 7000 + random.next_u16() % ports);
            let header = RtpHeader {
                marker: true,
                payload_type: PayloadType::PCMU,
                sequence: Seq(sequence),
                timestamp: RtpTicks(ssrc),
                ssrc: Ssrc(if ports == 1 { 66 } else { ssrc }),
            };
            let header = RtpHeader { sequence: Seq(sequence & !1), ..header };
            let mut packet = [0; 172];
            header.write(&mut packet).unwrap();
            let key = mediapoint_testkit::rtp_port(world.peer(target).slot);
            world.inject(key, SocketAddr::new(address(STRANGER).ip(), port), &packet);
        });
    }
}

/// What the stranger gained so far: packets heard by `b`, packets sent to it.
fn gains(world: &World, stranger: PeerId, b: PeerId) -> (u64, u64) {
    let tag = world.peer(stranger).tag;
    (world.peer(b).heard.packets_from(tag), world.peer(stranger).heard.packets)
}

/// Both parties hear each other without a seam, and all that was sent since the beginning but `unheard` packets.
fn undisturbed(world: &World, a: PeerId, b: PeerId, unheard: u64) {
    for (from, to) in [(a, b), (b, a)] {
        let sent = world.peer(from).stream.packets;
        let heard = world.peer(to).heard.packets_from(world.peer(from).tag);
        assert!(heard + unheard + 2 >= sent, "{heard} of {sent} heard");
        assert_eq!(world.peer(to).heard.seam.check(), Ok(()));
    }
}

#[test]
fn after_the_party_was_learnt_a_stream_gains_nothing() {
    for policy in POLICIES {
        for_each_seed(SEEDS, |seed| {
            let (mut world, a, b) = call(seed, policy);
            world.start(a);
            world.start(b);
            world.run_for(Duration::from_millis(200));
            let stranger = streamer(&mut world, a);
            world.run_for(Duration::from_secs(20));
            assert_eq!(gains(&world, stranger, b), (0, 0), "{policy:?}");
            undisturbed(&world, a, b, 0);
            let refused = world.leg_statistics(a).received.dropped;
            assert_eq!(refused.foreign_source, world.peer(stranger).up.counts().arrived);
        });
    }
}

#[test]
fn a_stream_that_began_together_with_the_party_loses_to_it() {
    for policy in POLICIES {
        for_each_seed(SEEDS, |seed| {
            let (mut world, a, b) = call(seed, policy);
            world.start(b);
            let stranger = streamer(&mut world, a);
            let later = world.random().duration_below(Duration::from_millis(60));
            world.run_for(later);
            world.start(a);
            world.run_for(Duration::from_millis(100));
            let (injected, stolen) = gains(&world, stranger, b);
            assert!(injected <= 4 && stolen <= 4, "{policy:?}: {injected} injected, {stolen} stolen");
            world.run_for(Duration::from_secs(10));
            assert_eq!(gains(&world, stranger, b), (injected, stolen), "{policy:?}");
            undisturbed(&world, a, b, 6);
        });
    }
}

#[test]
fn a_party_that_comes_late_to_where_it_said_takes_its_leg_back() {
    for policy in POLICIES {
        for_each_seed(SEEDS, |seed| {
            let (mut world, a, b) = call(seed, policy);
            world.start(b);
            let stranger = streamer(&mut world, a);
            world.run_for(Duration::from_secs(30));
            let (injected, stolen) = gains(&world, stranger, b);
            match policy {
                SourceGuard::Signalled => assert_eq!((injected, stolen), (0, 0)),
                SourceGuard::Asymmetric => assert_eq!(stolen, 0),
                _ => {}
            }
            world.start(a);
            world.run_for(Duration::from_millis(200));
            let before = gains(&world, stranger, b);
            let heard = world.peer(b).heard.packets_from(world.peer(a).tag);
            world.run_for(Duration::from_secs(10));
            assert_eq!(gains(&world, stranger, b), before, "{policy:?}");
            let heard = world.peer(b).heard.packets_from(world.peer(a).tag) - heard;
            assert!(heard >= 498, "{policy:?}: {heard}");
            assert_eq!(world.peer(b).heard.seam.check(), Ok(()));
        });
    }
}

#[test]
fn packets_of_chance_are_never_learnt_and_do_not_keep_the_party_out() {
    for policy in POLICIES {
        for ports in [1, 1000] {
            for_each_seed(SEEDS / 2, |seed| {
                let (mut world, a, b) = call(seed, policy);
                world.start(b);
                sprayer(&mut world, a, ports, 2000);
                world.run_for(Duration::from_secs(3));
                assert_eq!(world.leg_statistics(a).learnt, None, "{policy:?}");
                assert_eq!(world.peer(b).heard.packets, 0);
                world.start(a);
                world.run_for(Duration::from_secs(10));
                assert_eq!(world.leg_statistics(a).learnt, Some(world.peer(a).address));
                assert_eq!(world.peer(b).heard.unmarked, 0, "nothing was injected");
                undisturbed(&world, a, b, 0);
            });
        }
    }
}

#[test]
fn a_party_behind_nat_is_learnt_in_a_shower_of_packets_and_held() {
    for policy in [SourceGuard::Symmetric, SourceGuard::Handover] {
        for_each_seed(SEEDS, |seed| {
            let (mut world, a, b) = call(seed, policy);
            signal_private_address(&mut world, a);
            world.start(b);
            sprayer(&mut world, a, 1, 3000);
            world.run_for(Duration::from_millis(500));
            world.move_peer(a, address(BEHIND_NAT));
            world.start(a);
            world.run_for(Duration::from_secs(3));
            assert_eq!(world.leg_statistics(a).learnt, Some(address(BEHIND_NAT)), "{policy:?}");
            let heard = world.peer(a).heard.packets;
            world.run_for(Duration::from_secs(10));
            assert!(world.peer(a).heard.packets >= heard + 498, "it is sent to where it is");
            assert_eq!(world.peer(b).heard.unmarked, 0);
            assert_eq!(world.peer(b).heard.seam.check(), Ok(()));
        });
    }
}

#[test]
fn a_party_whose_port_is_rewritten_is_learnt() {
    for policy in [SourceGuard::Symmetric, SourceGuard::Asymmetric, SourceGuard::Handover] {
        let (mut world, a, b) = call(3, policy);
        let rewritten = SocketAddr::new(world.peer(a).address.ip(), 54_321);
        world.move_peer(a, rewritten);
        world.start(a);
        world.start(b);
        world.run_for(Duration::from_secs(5));
        assert_eq!(world.leg_statistics(a).learnt, Some(rewritten));
        assert!(world.peer(b).heard.packets_from(world.peer(a).tag) > 245);
        let to_where_it_is = world.peer(a).heard.packets;
        // Asymmetric sends to where the party said it would listen, and nobody is there in this world.
        assert_eq!(to_where_it_is > 200, policy != SourceGuard::Asymmetric, "{to_where_it_is}");
        assert_eq!(world.to_nowhere > 200, policy == SourceGuard::Asymmetric);
    }
}

#[test]
fn the_signalled_policy_never_learns() {
    let (mut world, a, b) = call(4, SourceGuard::Signalled);
    world.move_peer(a, address(BEHIND_NAT));
    world.start(a);
    world.run_for(Duration::from_secs(5));
    assert_eq!(world.peer(b).heard.packets, 0);
    assert_eq!(world.leg_statistics(a).learnt, None);
}

#[test]
fn on_an_srtp_leg_a_stranger_gains_nothing_in_any_phase() {
    for policy in POLICIES {
        for_each_seed(SEEDS, |seed| {
            let (mut world, a, b) = call(seed, policy);
            world.secure(a, Suite::AesCm128HmacSha1_80, Library::WebRtc);
            world.start(b);
            // One stranger sends plain RTP, another protects with a key of its own.
            let plain = streamer(&mut world, a);
            let key = world.key(Suite::AesCm128HmacSha1_80);
            let keyed = world.add_stranger(a, address("198.51.100.67:7000"));
            world.peer_mut(keyed).protector = mediapoint_testkit::Protector::new(&key, Library::WebRtc);
            world.start(keyed);
            world.run_for(Duration::from_secs(5));
            assert_eq!(world.leg_statistics(a).learnt, None);
            if policy != SourceGuard::Signalled {
                world.move_peer(a, address(BEHIND_NAT));
            }
            world.start(a);
            world.run_for(Duration::from_secs(10));
            for stranger in [plain, keyed] {
                assert_eq!(gains(&world, stranger, b), (0, 0), "{policy:?}");
            }
            assert_eq!(world.leg_statistics(a).learnt, Some(world.peer(a).address));
            assert!(world.peer(b).heard.packets_from(world.peer(a).tag) >= 498);
            assert_eq!(world.peer(b).heard.seam.check(), Ok(()));
        });
    }
}

#[test]
fn handover_follows_the_party_and_not_a_stranger() {
    for secured in [false, true] {
        for_each_seed(SEEDS, |seed| {
            let (mut world, a, b) = call(seed, SourceGuard::Handover);
            if secured {
                world.secure(a, Suite::AeadAes128Gcm, Library::WebRtc);
            }
            world.start(a);
            world.start(b);
            let stranger = streamer(&mut world, a);
            world.run_for(Duration::from_secs(5));
            let moved = address("203.0.113.99:5555");
            world.move_peer(a, moved);
            world.run_for(Duration::from_secs(5));
            assert_eq!(world.leg_statistics(a).learnt, Some(moved));
            assert_eq!(gains(&world, stranger, b), (0, 0));
            undisturbed(&world, a, b, 4);
        });
    }
}

#[test]
fn a_reinvite_opens_the_leg_to_the_party_and_not_to_a_stranger() {
    for relearn in [Relearn::IfMoved, Relearn::Now] {
        for_each_seed(SEEDS, |seed| {
            let (mut world, a, b) = call(seed, SourceGuard::Symmetric);
            world.start(a);
            world.start(b);
            let stranger = streamer(&mut world, a);
            world.run_for(Duration::from_secs(5));
            for round in 0..5 {
                // The party says where it will be, and is there after a while; until then it goes on where it was.
                let moved = address(&format!("192.0.2.{}:{}", 100 + round, 5000 + 2 * round));
                let before = (round % 2 == 0).then_some(moved);
                if let Some(moved) = before {
                    world.reinvite_with(a, relearn, |config| {
                        config.remote = Some(RemoteAddress { rtp: moved, rtcp: None });
                    });
                    world.run_for(Duration::from_millis(1500));
                    world.move_peer(a, moved);
                } else {
                    world.reinvite_with(a, relearn, |_| {});
                }
                world.run_for(Duration::from_secs(10));
                assert_eq!(gains(&world, stranger, b), (0, 0), "{relearn:?}, round {round}");
            }
            assert_eq!(world.peer(b).heard.seam.check(), Ok(()));
        });
    }
}

/// A compound of the party's own SSRC that reports disaster and says BYE.
fn forged_rtcp(party: Ssrc, engine: Ssrc) -> Vec<u8> {
    let mut out = [0; 256];
    let info = SenderInfo {
        ntp: mediapoint_packet::ntp::NtpTime(77 << 32),
        rtp: RtpTicks(9),
        packets: 1,
        octets: 1,
    };
    let block = ReportBlock {
        ssrc: engine,
        fraction_lost: 255,
        cumulative_lost: 99_999,
        highest_sequence: 5,
        jitter: 99_999,
        last_sr: 1,
        delay_since_last_sr: 1,
    };
    let mut writer = CompoundWriter::new(&mut out);
    writer.sender_report(party, &info, &[block]).unwrap();
    writer.cname(party, "forged").unwrap();
    writer.bye(&[party], Some("forged")).unwrap();
    let len = writer.finish();
    out[..len].to_vec()
}

#[test]
fn rtcp_of_a_stranger_tells_nothing_and_draws_nothing() {
    for secured in [false, true] {
        for_each_seed(SEEDS, |seed| {
            let (mut world, a, b) = call(seed, SourceGuard::Symmetric);
            if secured {
                world.secure(a, Suite::AeadAes256Gcm, Library::WebRtc);
            }
            let stranger = world.add_stranger(a, address(STRANGER));
            for (peer, every) in [(a, 3), (b, 4)] {
                world.peer_mut(peer).reports_every = Some(Duration::from_secs(every));
            }
            let attack = move |world: &mut World| {
                let party = world.peer(a).stream.ssrc;
                let engine = world.leg_statistics(a).sent.ssrc.unwrap();
                let forged = forged_rtcp(party, engine);
                let slot = world.peer(a).slot;
                for key in [mediapoint_testkit::rtp_port(slot), mediapoint_testkit::rtcp_port(slot)] {
                    world.inject(key, address(STRANGER), &forged);
                    world.inject(key, address("198.51.100.66:7001"), &forged);
                }
            };
            attack(&mut world);
            world.start(a);
            world.start(b);
            for _ in 0..30 {
                world.run_for(Duration::from_secs(1));
                attack(&mut world);
            }
            let bye = |(_, event): &(_, Event)| matches!(event, Event::Bye { .. });
            assert!(!world.events.iter().any(bye), "no BYE was believed");
            assert_eq!(world.peer(stranger).heard.compounds, 0, "no report was drawn away");
            assert!(world.peer(a).heard.compounds >= 4, "the party goes on getting reports");
            let statistics = world.leg_statistics(a);
            assert_eq!(statistics.sent.reported_lost, Some(0));
            assert_eq!(
                statistics.received.dropped.foreign_source + statistics.received.dropped.not_authentic,
                31 * 4
            );
            let round_trip = statistics.sent.round_trip.unwrap();
            assert!((19..22).contains(&round_trip.as_millis()), "{round_trip:?}");
        });
    }
}

/// A party's NAT gives it another port in mid-call; where the party proves who it is, another host, too.
#[test]
fn a_party_whose_nat_changes_its_port_lives() {
    let moves = [
        ("192.0.2.1:61000", false, 52, SourceGuard::Symmetric),
        ("192.0.2.1:61000", false, 3, SourceGuard::Handover),
        ("192.0.2.1:61000", true, 6, SourceGuard::Symmetric),
        ("203.0.113.99:5555", true, 6, SourceGuard::Symmetric),
    ];
    for (moved, secured, lost, policy) in moves {
        for_each_seed(SEEDS, |seed| {
            let (mut world, a, b) = call(seed, policy);
            if secured {
                world.secure(a, Suite::AeadAes128Gcm, Library::WebRtc);
            }
            world.peer_mut(a).reports_every = Some(Duration::from_secs(3));
            world.start(a);
            world.start(b);
            let stranger = streamer(&mut world, a);
            world.run_for(Duration::from_secs(10));
            let before = world.peer(b).heard.packets_from(world.peer(a).tag);
            let reports = world.peer(a).heard.compounds;
            world.move_peer(a, address(moved));
            world.run_for(Duration::from_millis(1200));
            let heard = world.peer(a).heard.packets;
            world.run_for(Duration::from_secs(9));
            assert_eq!(world.leg_statistics(a).learnt, Some(address(moved)));
            let after = world.peer(b).heard.packets_from(world.peer(a).tag) - before;
            assert!(after + lost >= 510, "{moved} {secured}: {after} of 510");
            // What it gets and what is reported to it go to where it is now.
            assert!(world.peer(a).heard.packets >= heard + 448);
            assert!(world.peer(a).heard.compounds > reports, "{moved}: no report came");
            assert_eq!(gains(&world, stranger, b), (0, 0));
            assert_eq!(world.peer(b).heard.seam.check(), Ok(()));
            let mut told = world.events.iter().filter_map(|(_, event)| match event {
                Event::LegLearnt { leg, from, .. } if *leg == world.peer(a).leg => Some(*from),
                _ => None,
            });
            assert_eq!(told.next_back(), Some(address(moved)));
        });
    }
}

/// Somebody on the party's host, such as another phone behind its NAT, and somebody elsewhere who knows everything: what
/// they send while the party talks, and while it is silent.
#[test]
fn beside_the_partys_nat_nobody_wins_its_leg() {
    for_each_seed(SEEDS, |seed| {
        for silent in [false, true] {
            // From where, and by how much SSRC and number are off those of the party.
            for (from, ssrc, sequence) in [
                ("192.0.2.1:61000", 1, 0),
                ("192.0.2.1:61000", 0, 3100),
                ("192.0.2.1:61000", 0, 65_000),
                ("198.51.100.66:7000", 0, 0),
            ] {
                let (mut world, a, b) = call(seed, SourceGuard::Symmetric);
                world.start(a);
                world.start(b);
                world.run_for(Duration::from_secs(5));
                if silent {
                    world.stop(a);
                }
                let stranger = world.add_stranger(a, address(from));
                let party = &world.peer(a).stream;
                let (of_party, number) = (party.ssrc.0, party.sequence.0);
                let stream = &mut world.peer_mut(stranger).stream;
                (stream.ssrc, stream.sequence) =
                    (Ssrc(of_party.wrapping_add(ssrc)), Seq(number.wrapping_add(sequence)));
                world.start(stranger);
                world.run_for(Duration::from_secs(10));
                assert_eq!(gains(&world, stranger, b), (0, 0), "{from} {ssrc} {sequence} {silent}");
            }
        }
        // While the party talks, not even who goes on with its stream from its host.
        let (mut world, a, b) = call(seed, SourceGuard::Symmetric);
        world.start(a);
        world.start(b);
        world.run_for(Duration::from_secs(5));
        let stranger = world.add_stranger(a, address("192.0.2.1:61000"));
        let party = &world.peer(a).stream;
        let (of_party, number) = (party.ssrc, party.sequence);
        let stream = &mut world.peer_mut(stranger).stream;
        (stream.ssrc, stream.sequence) = (of_party, number);
        world.start(stranger);
        world.run_for(Duration::from_secs(10));
        assert_eq!(gains(&world, stranger, b), (0, 0));
        undisturbed(&world, a, b, 0);
    });
}
