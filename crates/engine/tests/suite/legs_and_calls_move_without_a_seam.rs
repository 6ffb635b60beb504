//! Calls move between sessions, and legs between calls (merged, split, transferred), again and again while packets flow, under
//! SRTP and G.729: nothing is lost or comes twice, and no far end finds a seam.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::time::Duration;

use mediapoint_engine::session::{Session, SessionConfig};
use mediapoint_engine::{CallId, EncoderSettings, PayloadCodec, Source, ToneSpec};
use mediapoint_srtp::Suite;
use mediapoint_testkit::{
    HeardPacket, Library, LinkProfile, PeerId, Random, Voice, World, audio, codec, for_each_seed, pcmu,
    telephone_event, tone,
};

const MOVES: u32 = 100;

fn g729() -> PayloadCodec {
    codec(18, "G729", 8000)
}

/// How a pair of parties talks.
#[derive(Debug, Clone)]
struct Case {
    codecs: [PayloadCodec; 2],
    suite: Option<Suite>,
}

impl Case {
    fn is_forwarded(&self) -> bool {
        self.codecs[0] == self.codecs[1]
    }

    fn name(&self) -> String {
        let suite = self.suite.map_or("RTP", Suite::name);
        format!("{} and {}, {suite}", self.codecs[0].codec.name(), self.codecs[1].codec.name())
    }
}

fn cases() -> Vec<Case> {
    let case = |a, b, suite| Case { codecs: [a, b], suite };
    vec![
        case(pcmu(), pcmu(), None),
        case(pcmu(), pcmu(), Some(Suite::AesCm128HmacSha1_80)),
        case(pcmu(), pcmu(), Some(Suite::AeadAes256Gcm)),
        case(pcmu(), g729(), None),
        case(pcmu(), g729(), Some(Suite::AesCm128HmacSha1_80)),
        case(g729(), g729(), Some(Suite::AesCm128HmacSha1_32)),
    ]
}

/// A party in a call. Parties of one codec mark their packets where that is PCMU, else they say a tone.
fn party(world: &mut World, call: CallId, entry: &PayloadCodec, case: &Case) -> PeerId {
    let party = world.add_peer(call, audio([entry.clone(), telephone_event(101)]));
    if let Some(suite) = case.suite {
        world.secure(party, suite, Library::WebRtc);
    }
    let peer = world.peer_mut(party);
    peer.heard.keep_packets = true;
    peer.heard.seam.set_tolerance(Duration::from_millis(120));
    if !case.is_forwarded() || *entry != pcmu() {
        peer.stream.voice = Some(Voice::new(entry, 8000, &EncoderSettings::default(), tone(400.0)));
    }
    party
}

fn pair(world: &mut World, case: &Case) -> (CallId, PeerId, PeerId) {
    let call = world.add_call();
    let [a, b] = [0, 1].map(|n: usize| party(world, call, &case.codecs[n], case));
    world.connect(a, b);
    (call, a, b)
}

/// Headers without a seam and without a hole.
#[track_caller]
fn check(world: &World, party: PeerId, name: &str) {
    let heard = &world.peer(party).heard;
    assert_eq!((heard.seam.check(), heard.missing(), heard.not_authentic), (Ok(()), 0, 0), "{name}");
    assert!(heard.log.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1)), "{name}");
}

/// Every packet of `from` that was heard, in order, without a hole: the first and the last.
fn run_of(log: &[HeardPacket], tag: u8) -> (u32, u32) {
    let marks: Vec<u32> = log
        .iter()
        .filter_map(|packet| packet.mark)
        .filter(|mark| mark.tag == tag)
        .map(|mark| mark.number)
        .collect();
    assert!(marks.windows(2).all(|pair| pair[1] == pair[0] + 1), "nothing is lost or twice");
    (marks[0], *marks.last().unwrap())
}

fn session() -> Session {
    Session::new(SessionConfig {
        max_legs: 100,
        media_timeout: Duration::from_secs(60),
        hold_timeout: Duration::from_secs(3600),
        seed: [7; 32],
        wall_at_zero: Duration::from_secs(1_760_000_000),
        remotes: Default::default(),
        kernel_forwarding: false,
    })
}

/// Moves all calls to the other session, which is the world's from then on.
fn change_session(world: &mut World, other: &mut Session, calls: &[CallId]) {
    for call in calls {
        let value = world.with_session(|session, now, out| session.take_call(now, *call, out)).unwrap();
        assert!(other.put_call(value).is_ok());
    }
    world.session().check_invariants();
    assert_eq!((world.session().calls(), world.session().legs()), (0, 0));
    assert_eq!(world.session().next_deadline(), None, "nothing of them stays behind");
    std::mem::swap(world.session(), other);
    world.session().check_invariants();
}

/// A call is one value: where it is makes no difference to a single octet.
#[test]
fn a_call_between_two_sessions() {
    for case in cases() {
        for_each_seed(3, |seed| {
            let run = |moves: u32| {
                let mut world = World::new(seed);
                let (call, a, b) = pair(&mut world, &case);
                let tone = world.add_tone(call, ToneSpec::continuous(440.0, -10.0));
                let c = party(&mut world, call, &g729(), &case);
                world.feed(c, Source::Player(tone));
                for party in [a, b] {
                    world.peer_mut(party).set_links(LinkProfile::rough());
                    world.peer_mut(party).down.set_profile(LinkProfile::default());
                }
                world.start(a);
                world.run_for(Duration::from_millis(7));
                world.start(b);
                let mut other = session();
                let mut times = Random::new(seed);
                for n in 0..MOVES {
                    let wait = times.duration_below(Duration::from_millis(70));
                    world.run_for(wait);
                    if n % 10 == 3 {
                        world.peer_mut(a).stream.press(5, Duration::from_millis(60));
                    }
                    if n < moves {
                        change_session(&mut world, &mut other, &[call]);
                    }
                }
                world.run_for(Duration::from_millis(500));
                assert_eq!(world.buffers_lost(), 0);
                [a, b, c].map(|party| {
                    assert_eq!(world.peer(party).heard.seam.check(), Ok(()), "{}", case.name());
                    std::mem::take(&mut world.peer_mut(party).heard.log)
                })
            };
            let (still, moved) = (run(0), run(MOVES));
            for (still, moved) in still.iter().zip(&moved) {
                assert!(still.len() > 100);
                assert!(still == moved, "{}: another stream where the call moves", case.name());
            }
        });
    }
}

/// Both legs of a pair go to a new call, and back into the old one: split and merged.
#[test]
fn a_pair_of_legs_between_calls() {
    for case in cases() {
        let mut world = World::new(5);
        let (first, a, b) = pair(&mut world, &case);
        // Others stay in the old call, whose clock goes on.
        let (_, c, d) = pair(&mut world, &case);
        for party in [c, d] {
            world.move_leg(party, first);
        }
        world.connect(c, d);
        for party in [a, b, c, d] {
            world.start(party);
            world.run_for(Duration::from_millis(3));
        }
        world.run_for(Duration::from_secs(1));
        let mut times = Random::new(3);
        for n in 0..MOVES {
            let call = if n % 2 == 0 { world.add_call() } else { first };
            for party in [a, b] {
                world.move_leg(party, call);
            }
            world.connect(a, b);
            let wait = times.duration_below(Duration::from_millis(100));
            world.run_for(Duration::from_millis(20) + wait);
        }
        world.run_for(Duration::from_secs(1));
        for party in [a, b, c, d] {
            check(&world, party, &case.name());
        }
        for (from, to) in [(a, b), (b, a), (c, d), (d, c)] {
            let log = &world.peer(to).heard.log;
            if case.is_forwarded() && case.codecs[0] == pcmu() {
                let (first, last) = run_of(log, world.peer(from).tag);
                assert!(first <= 1 && last + 2 >= world.peer(from).stream.number, "{}", case.name());
            } else {
                // One packet each 20 ms, all the time, and the tone in them.
                let lasted = log.last().unwrap().at.since(log[0].at).as_millis();
                let expected = u64::try_from(lasted / 20).unwrap() + 1;
                assert!(
                    expected.abs_diff(log.len() as u64) <= 2,
                    "{}: {} of {expected}",
                    case.name(),
                    log.len()
                );
            }
        }
        assert_eq!(world.buffers_lost(), 0);
    }
}

/// An attended transfer: who was called by the first party and asked by it to hold is put through to the second.
#[test]
fn a_transferred_leg() {
    for case in cases() {
        for_each_seed(MOVES.into(), |seed| {
            let mut world = World::new(seed);
            let (first, a, b) = pair(&mut world, &case);
            let (second, b2, c) = pair(&mut world, &case);
            for party in [a, b, b2, c] {
                world.start(party);
                let wait = world.random().duration_below(Duration::from_millis(20));
                world.run_for(wait);
            }
            let wait = world.random().duration_below(Duration::from_millis(300));
            world.run_for(Duration::from_millis(500) + wait);
            world.move_leg(a, second);
            world.connect(a, c);
            assert!(world.remove_leg(b2) && world.end_call(first));
            world.run_for(Duration::from_secs(1));
            for party in [a, c] {
                check(&world, party, &case.name());
            }
            if case.is_forwarded() && case.codecs[0] == pcmu() {
                let before = run_of(&world.peer(a).heard.log, world.peer(b).tag);
                let after = run_of(&world.peer(a).heard.log, world.peer(c).tag);
                assert!(before.1 > 20 && after.1 - after.0 > 45, "{before:?} {after:?}");
                run_of(&world.peer(c).heard.log, world.peer(a).tag);
            }
            let recent = world.now();
            for party in [a, c] {
                let log = &world.peer(party).heard.log;
                let count =
                    log.iter().filter(|packet| recent.since(packet.at) < Duration::from_millis(800)).count();
                assert!((39..=41).contains(&count), "{}: {count} packets in 800 ms", case.name());
            }
            assert_eq!(world.buffers_lost(), 0);
        });
    }
}
