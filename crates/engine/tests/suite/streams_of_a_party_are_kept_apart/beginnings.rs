//! What begins a stream anew: a re-INVITE, a key, an address that moved. And what does not.

use std::net::SocketAddr;

use mediapoint_engine::{Direction, Relearn, RemoteAddress};
use mediapoint_srtp::Suite;
use mediapoint_testkit::Library;

use crate::streams_of_a_party_are_kept_apart::{PTIME, Scene, Stream, WAYS, Way};

const A: u32 = 0xaaaa_0001;

/// What a re-INVITE changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// Nothing: it refreshes the session.
    Nothing,
    /// The party's address and port, and where it sends from.
    Address,
    /// The party's port only.
    Port,
    /// The key.
    Key,
    /// It takes the party off hold.
    Direction,
    /// The order of the codecs.
    Codecs,
    /// The address is to be learnt anew.
    Relearn,
}

const CHANGES: [Change; 7] = [
    Change::Nothing,
    Change::Address,
    Change::Port,
    Change::Key,
    Change::Direction,
    Change::Codecs,
    Change::Relearn,
];

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn reinvite(scene: &mut Scene, change: Change) {
    let (party, world) = (scene.party, &mut scene.world);
    match change {
        Change::Nothing => world.reinvite(party, |_| {}),
        Change::Address | Change::Port => {
            let to = address(if change == Change::Port { "192.0.2.1:4100" } else { "192.0.2.77:5000" });
            world.move_peer(party, to);
            world.reinvite(party, |config| config.remote = Some(RemoteAddress { rtp: to, rtcp: None }));
        }
        Change::Key => {
            // What the party protects with has no memory of the key before.
            world.peer_mut(party).protector = None;
            world.secure(party, Suite::Aes256CmHmacSha1_80, Library::Own);
        }
        Change::Direction => {
            world.reinvite(party, |config| config.direction = Direction::Inactive);
            world.reinvite(party, |config| config.direction = Direction::SendReceive);
        }
        Change::Codecs => world.reinvite(party, |config| config.codecs.reverse()),
        Change::Relearn => world.reinvite_with(party, Relearn::Now, |_| {}),
    }
}

/// A stream that goes on over any re-INVITE goes on, and copies of its packets stay copies.
#[test]
fn a_stream_that_goes_on_is_not_disturbed_by_a_reinvite() {
    for way in WAYS {
        for change in CHANGES.into_iter().filter(|change| way.secure || *change != Change::Key) {
            let mut scene = Scene::new(way);
            let mut stream = Stream::new(A, 65_500, 5);
            scene.talk(&mut stream, 50);
            for _ in 0..5 {
                reinvite(&mut scene, change);
                for _ in 0..50 {
                    let mut copy = stream;
                    scene.say(&mut stream);
                    if !way.secure {
                        scene.say(&mut copy);
                    }
                    scene.pass(20);
                }
            }
            scene.pass(300);
            assert_eq!(scene.heard(), 300, "{way:?} {change:?}");
            let received = scene.world.leg_statistics(scene.party).received;
            let copies = if way.secure { 0 } else { 250 };
            assert_eq!((received.restarts, received.duplicates), (0, copies), "{way:?} {change:?}");
            assert_eq!((received.lost, received.dropped.total()), (0, 0), "{way:?} {change:?}");
            scene.check_heard();
        }
    }
}

/// The stream begins anew with its re-INVITE, under its SSRC and with its numbers, and its clock or another. How many of
/// 50 packets are heard then: all where something tells them from copies, all but the first where the next one does.
#[test]
fn a_stream_that_begins_anew_with_its_numbers_is_heard() {
    for way in WAYS {
        for change in CHANGES.into_iter().filter(|change| way.secure == (*change == Change::Key)) {
            for (pause, base) in [(0, 0), (400, 0), (2000, 0), (0, 0x9000_0000), (2000, 0x9000_0000)] {
                let mut scene = Scene::new(way);
                scene.talk(&mut Stream::new(A, 100, 0), 50);
                reinvite(&mut scene, change);
                scene.pass(pause);
                scene.talk(&mut Stream::new(A, 100, base), 50);
                scene.pass(300);
                let heard = scene.heard() - 50;
                let least = match change {
                    // Either may be: copies, and a beginning.
                    Change::Nothing if pause == 0 => 46,
                    Change::Address | Change::Port | Change::Key => 50,
                    _ if pause == 2000 => 50,
                    _ => 49,
                };
                assert_eq!(heard, least, "{way:?} {change:?} {pause} {base}");
                scene.check_heard();
            }
        }
    }
}

/// It may just as well begin with numbers that look like a loss of hundreds.
#[test]
fn a_stream_that_begins_anew_further_on_leaves_no_gap() {
    for way in WAYS {
        for change in CHANGES.into_iter().filter(|change| *change != Change::Nothing) {
            if way.secure != (change == Change::Key) {
                continue;
            }
            let mut scene = Scene::new(way);
            scene.talk(&mut Stream::new(A, 100, 0), 50);
            reinvite(&mut scene, change);
            scene.talk(&mut Stream::new(A, 1500, 0x9000_0000), 50);
            scene.pass(300);
            assert!(scene.heard() >= 99, "{way:?} {change:?}: {}", scene.heard());
            assert_eq!(scene.world.leg_statistics(scene.party).received.lost, 0, "{way:?} {change:?}");
            scene.check_heard();
        }
    }
}

/// From encrypted to plain and back, with the numbers of before each time.
#[test]
fn encryption_that_comes_and_goes_begins_the_stream_anew() {
    for decoded in [false, true] {
        let mut scene = Scene::new(Way { decoded, secure: false });
        for n in 0..4 {
            scene.talk(&mut Stream::new(A, 100, n * 50 * PTIME), 50);
            let party = scene.party;
            if n % 2 == 0 {
                scene.world.secure(party, Suite::AesCm128HmacSha1_80, Library::Own);
            } else {
                scene.world.expose(party);
            }
        }
        scene.pass(300);
        assert_eq!(scene.heard(), 200);
        scene.check();
    }
}

/// A leg that goes on in another call, and one that another session takes over, keep their windows.
#[test]
fn a_leg_that_moves_takes_its_streams_along() {
    for way in WAYS {
        for takeover in [false, true] {
            let mut scene = Scene::new(way);
            let mut streams = [Stream::new(A, 65_500, 5), Stream::new(A + 1, 9, 0xdead_beef)];
            for n in 0..6 {
                let stream = &mut streams[n % 2];
                scene.talk(stream, 30);
                let world = &mut scene.world;
                if takeover {
                    let call = world.peer(scene.party).call;
                    let text = serde_json::to_string(&world.snapshot(call).unwrap()).unwrap();
                    world.kill_session();
                    world.restore(&serde_json::from_str(&text).unwrap()).unwrap();
                } else {
                    let to = world.add_call();
                    for peer in [scene.party, scene.far] {
                        world.move_leg(peer, to);
                    }
                    let (party, far) = (scene.party, scene.far);
                    world.connect(party, far);
                }
                // Copies of what came before the move are copies after it.
                let mut copy = *stream;
                copy.sequence = copy.sequence.wrapping_sub(3);
                copy.timestamp = copy.timestamp.wrapping_sub(3 * PTIME);
                if !way.secure {
                    scene.say(&mut copy);
                }
                scene.talk(stream, 30);
            }
            scene.pass(300);
            let received = scene.world.leg_statistics(scene.party).received;
            let copies = if way.secure { 0 } else { 6 };
            let seen = (received.packets, received.lost, received.duplicates, received.restarts);
            assert_eq!(seen, (360, 0, copies, 5), "{way:?} {takeover}");
            if !way.decoded {
                assert_eq!(scene.heard(), 360);
            }
            assert_eq!(scene.world.peer(scene.far).heard.seam.check(), Ok(()), "{way:?} {takeover}");
        }
    }
}
