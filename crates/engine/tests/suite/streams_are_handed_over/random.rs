//! Random packets and commands in two worlds of one seed, one of which hands streams over: what leaves the engine is the
//! same, octet for octet and at the same time, and so are figures, reports and events, jitter among them.
//!
//! Left out is what cannot be the same. Of what was forwarded the session does not know the last samples, so that no other
//! source takes its place here; nor what was lost more than 64 numbers before, which a snapshot shows.

#![expect(clippy::indexing_slicing, clippy::panic, reason = "helpers of the test: what is missing fails it")]

use std::time::Duration;

use mediapoint_engine::{Direction, EndReason, Relearn, TapSide};
use mediapoint_packet::rtp::{RtpTicks, Ssrc};
use mediapoint_testkit::{LinkProfile, PeerId, Random, World, for_each_seed, rtp_port};

/// One thing that happens in both worlds.
#[derive(Debug, Clone, Copy)]
enum Step {
    Wait(Duration),
    Press(usize, u8, Duration),
    Hold(usize, bool),
    Reinvite(usize, Relearn),
    Mark(usize, bool),
    Ssrc(usize, u32),
    Jump(usize, u16),
    Leap(usize, u32),
    Pause(usize, bool),
    Silence(usize, bool),
    Size(usize, bool),
    Move(usize, u8),
    Query,
    Snapshot,
    Tap(usize),
    Stranger(usize, u16),
    Odd(usize, u8),
    Report(usize),
    Elsewhere,
}

fn step(random: &mut Random) -> Step {
    let party = usize::try_from(random.below(2)).unwrap();
    match random.below(30) {
        0 => Step::Press(party, 5, Duration::from_millis(40 + random.below(200))),
        1 => Step::Hold(party, random.chance(0.3)),
        2 => Step::Reinvite(party, if random.chance(0.2) { Relearn::Now } else { Relearn::IfMoved }),
        3 => Step::Mark(party, random.chance(0.3)),
        4 => Step::Ssrc(party, random.next_u32()),
        5 => Step::Jump(party, u16::try_from(random.below(200)).unwrap()),
        6 => Step::Leap(party, random.next_u32() >> random.below(32)),
        7 => Step::Pause(party, random.chance(0.3)),
        8 => Step::Silence(party, random.chance(0.3)),
        9 => Step::Size(party, random.chance(0.5)),
        10 => Step::Move(party, u8::try_from(random.below(4)).unwrap()),
        11 | 12 => Step::Query,
        13 => Step::Snapshot,
        14 => Step::Tap(party),
        15 => Step::Stranger(party, u16::try_from(random.below(3)).unwrap()),
        16 => Step::Odd(party, u8::try_from(random.below(5)).unwrap()),
        17 => Step::Report(party),
        18 => Step::Elsewhere,
        _ => Step::Wait(Duration::from_millis(random.below(6000))),
    }
}

struct Scene {
    world: World,
    parties: [PeerId; 2],
    readers: Vec<mediapoint_net::ring::Consumer<mediapoint_engine::session::tap::audio::TapFrame>>,
    /// What was asked, in words.
    told: Vec<String>,
}

impl Scene {
    fn new(seed: u64, profile: LinkProfile, through_kernel: bool) -> Self {
        let mut world = World::with_timeouts(seed, Duration::from_secs(20), Duration::from_secs(200));
        if through_kernel {
            world = world.through_kernel();
        }
        let (a, b) = world.two_party_call();
        world.on_the_wire = Some(Vec::new());
        for party in [a, b] {
            world.peer_mut(party).up.set_profile(profile);
            world.peer_mut(party).reports_every = Some(Duration::from_millis(3700));
            world.start(party);
        }
        Self { world, parties: [a, b], readers: Vec::new(), told: Vec::new() }
    }

    fn take(&mut self, step: Step) {
        let Self { world, parties, .. } = self;
        match step {
            Step::Wait(time) => world.run_for(time),
            Step::Press(party, code, length) => {
                world.peer_mut(parties[party]).stream.press(code, length);
            }
            Step::Hold(party, held) => world.reinvite(parties[party], |config| {
                config.direction = if held { Direction::SendOnly } else { Direction::SendReceive };
            }),
            Step::Reinvite(party, relearn) => world.reinvite_with(parties[party], relearn, |_| {}),
            Step::Mark(party, on) => {
                let stream = &mut world.peer_mut(parties[party]).stream;
                stream.marks_all = on;
            }
            Step::Ssrc(party, ssrc) => world.peer_mut(parties[party]).stream.ssrc = Ssrc(ssrc),
            Step::Jump(party, by) => {
                let stream = &mut world.peer_mut(parties[party]).stream;
                stream.sequence = stream.sequence.wrapping_add(by);
            }
            Step::Leap(party, by) => {
                let stream = &mut world.peer_mut(parties[party]).stream;
                stream.timestamp = RtpTicks(stream.timestamp.0.wrapping_sub(by));
            }
            Step::Pause(party, paused) if paused => world.stop(parties[party]),
            Step::Pause(party, _) => world.start(parties[party]),
            Step::Silence(party, silent) => world.peer_mut(parties[party]).stream.speaking = !silent,
            Step::Size(party, short) => {
                let stream = &mut world.peer_mut(parties[party]).stream;
                (stream.octets, stream.ptime) =
                    if short { (80, Duration::from_millis(10)) } else { (160, Duration::from_millis(20)) };
            }
            Step::Move(party, port) => {
                let mut address = world.peer(parties[party]).address;
                address.set_port(5000 + 2 * u16::from(port));
                world.move_peer(parties[party], address);
            }
            Step::Query => {
                let figures = parties.map(|party| world.statistics(world.peer(party).call));
                self.told.push(format!("{figures:?}"));
            }
            Step::Snapshot => {
                let snapshot = world.snapshot(world.peer(parties[0]).call);
                let mut text = serde_json::to_value(snapshot.ok()).unwrap();
                let legs = text.get_mut("legs").and_then(|legs| legs.as_array_mut());
                for leg in legs.into_iter().flatten() {
                    let streams = leg["receiver"]["streams"].as_array_mut().unwrap();
                    streams.iter_mut().for_each(|stream| stream["seen"] = 0.into());
                }
                self.told.push(text.to_string());
            }
            Step::Tap(_) if self.readers.pop().is_some() => {}
            Step::Tap(party) => {
                let call = world.peer(parties[party]).call;
                if world.session().call(call).is_some() {
                    let (_, reader) = world.tap_audio(parties[party], TapSide::Received, 8000, 4);
                    self.readers.push(reader);
                }
            }
            Step::Stranger(party, port) => {
                let from = std::net::SocketAddr::from(([203, 0, 113, 5], 4000 + port));
                let key = rtp_port(world.peer(parties[party]).slot);
                world.inject(key, from, &[0x80; 172]);
            }
            Step::Odd(party, which) => {
                let (key, from) =
                    (rtp_port(world.peer(parties[party]).slot), world.peer(parties[party]).address);
                let odd: [&[u8]; 5] = [&[], &[0x80], &[0x80, 0], &[0, 1, 0, 0], &[0x90; 40]];
                world.inject(key, from, odd[usize::from(which)]);
            }
            Step::Report(party) => world.report_now(parties[party]),
            Step::Elsewhere => {
                let call = world.peer(parties[0]).call;
                world.with_session(|session, now, out| {
                    if let Ok(taken) = session.take_call(now, call, out) {
                        assert!(session.put_call(taken).is_ok());
                    }
                });
            }
        }
    }

    fn end(&mut self) {
        self.take(Step::Query);
        let call = self.world.peer(self.parties[0]).call;
        // It may have ended by itself.
        let _ended =
            self.world.with_session(|session, now, out| session.end_call(now, call, EndReason::Command, out));
    }
}

/// Runs both worlds; how many packets one of them forwarded by itself, of how many.
fn compare(seed: u64, profile: LinkProfile, steps: usize) -> (u64, u64) {
    let mut scenes = [false, true].map(|through_kernel| Scene::new(seed, profile, through_kernel));
    let mut random = Random::new(seed ^ 0xf02d);
    let mut done = Vec::new();
    for _ in 0..steps {
        let next = step(&mut random);
        done.push(next);
        for scene in &mut scenes {
            scene.take(next);
        }
        same(&mut scenes, &done);
    }
    scenes.iter_mut().for_each(Scene::end);
    same(&mut scenes, &done);
    assert_eq!(scenes[1].world.kernel().rules(), 0, "a call that is gone leaves no rule");
    let packets = scenes[1].world.peer(scenes[1].parties[0]).heard.packets
        + scenes[1].world.peer(scenes[1].parties[1]).heard.packets;
    (scenes[1].world.kernel().forwarded, packets)
}

#[track_caller]
fn same(scenes: &mut [Scene; 2], done: &[Step]) {
    let [plain, handed] = scenes;
    let sent =
        [&mut plain.world, &mut handed.world].map(|world| world.on_the_wire.replace(Vec::new()).unwrap());
    let [of_plain, of_handed] = &sent;
    let differs = of_plain.iter().zip(of_handed).position(|(one, other)| one != other);
    if let Some(at) = differs {
        panic!("datagram {at}: {:?}\nis {:?}\nafter {done:?}", of_plain[at], of_handed[at]);
    }
    assert_eq!(of_plain.len(), of_handed.len(), "{done:?}");
    assert_eq!(plain.told, handed.told, "{done:?}");
    assert_eq!(plain.world.events, handed.world.events, "{done:?}");
    plain.told.clear();
    handed.told.clear();
}

#[test]
fn nobody_sees_the_difference() {
    let clean = LinkProfile::default();
    let profiles = [
        clean,
        LinkProfile { loss: 0.02, jitter: Duration::from_millis(15), ..clean },
        LinkProfile { loss: 0.01, reorder: 0.005, duplicate: 0.005, ..clean },
    ];
    for profile in profiles {
        let total = std::cell::Cell::new((0, 0));
        for_each_seed(25, |seed| {
            let (forwarded, packets) = compare(seed, profile, 120);
            let before = total.get();
            total.set((before.0 + forwarded, before.1 + packets));
        });
        let (forwarded, packets) = total.get();
        // So that the comparison is one.
        assert!(forwarded * 8 > packets, "{forwarded} of {packets} were forwarded elsewhere: {profile:?}");
    }
}
