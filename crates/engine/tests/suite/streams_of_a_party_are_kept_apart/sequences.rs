//! Streams of audio one after another and at one time, and numbers that begin anew.

use crate::streams_of_a_party_are_kept_apart::{PTIME, Scene, Stream, WAYS, on_every_way};

const A: u32 = 0xaaaa_0001;
const B: u32 = 0xbbbb_0002;
const C: u32 = 0xcccc_0003;

/// The timestamps of what was forwarded are on the clock, to a packet's time.
#[track_caller]
fn check_clock(scene: &Scene) {
    if scene.way.decoded {
        return;
    }
    let first = scene.log().next().unwrap();
    for packet in scene.log() {
        let passed = i64::try_from(packet.at.since(first.at).as_millis()).unwrap() * 8;
        let ticks = i64::from(packet.timestamp.distance_from(first.timestamp));
        assert!((ticks - passed).abs() <= i64::from(PTIME), "{ticks} ticks in {passed}");
    }
}

#[test]
fn music_on_hold_and_the_return_from_it_lose_nothing() {
    for (packets, pause) in [(50, 0), (50, 100), (50, 3000), (5, 0)] {
        on_every_way(|scene| {
            let mut streams = [Stream::new(A, 65_500, 5), Stream::new(B, 7, 0xdead_beef)];
            for n in 0..4 {
                scene.talk(&mut streams[n % 2], packets);
                scene.pass(pause);
            }
            scene.pass(300);
            assert_eq!(scene.heard(), u64::from(4 * packets), "{:?}", scene.way);
            scene.check();
            check_clock(scene);
        });
    }
}

/// The stream that was on hold has gone on with its numbers and its clock, or has stood still.
#[test]
fn a_stream_that_comes_back_leaves_no_gap_whatever_its_numbers_did() {
    for (numbers, ticks) in [(0, 0), (0, 50 * PTIME), (50, 50 * PTIME), (2900, 0), (9000, 5)] {
        for way in WAYS {
            let mut scene = Scene::new(way);
            let mut a = Stream::new(A, 100, 5);
            scene.talk(&mut a, 50);
            scene.talk(&mut Stream::new(B, 7, 0xdead_beef), 50);
            (a.sequence, a.timestamp) = (a.sequence + numbers, a.timestamp + ticks);
            scene.talk(&mut a, 50);
            scene.pass(300);
            assert_eq!(scene.heard(), 150, "{way:?} {numbers}");
            scene.check_heard();
            check_clock(&scene);
        }
    }
}

#[test]
fn three_streams_in_turn_lose_nothing() {
    on_every_way(|scene| {
        let mut streams = [Stream::new(A, 65_500, 5), Stream::new(B, 7, 6), Stream::new(C, 7, 0xdead_beef)];
        for n in 0..30 {
            scene.talk(&mut streams[n % 3], 10);
        }
        scene.pass(300);
        assert_eq!(scene.heard(), 300, "{:?}", scene.way);
        scene.check();
        check_clock(scene);
    });
}

#[test]
fn another_ssrc_whose_numbers_and_clock_go_on_is_heard_without_a_gap() {
    on_every_way(|scene| {
        let mut stream = Stream::new(A, 65_500, 5);
        for ssrc in [A, B, C] {
            stream.ssrc = ssrc;
            scene.talk(&mut stream, 50);
        }
        scene.pass(300);
        assert_eq!(scene.heard(), 150);
        scene.check();
        check_clock(scene);
    });
}

/// More streams than there is room for, once each and again.
#[test]
fn more_streams_than_are_kept_lose_nothing() {
    on_every_way(|scene| {
        let mut streams: Vec<Stream> = (0..20).map(|n| Stream::new(A + n, 9, n * 1000)).collect();
        for n in 0..60 {
            scene.talk(&mut streams[n % 20], 10);
        }
        scene.pass(300);
        assert_eq!(scene.heard(), 600, "{:?}", scene.way);
        scene.check();
        check_clock(scene);
    });
}

/// Two streams of audio at one time, as of an announcement that goes on when the callee answers: the later one is heard,
/// and the first again when that has ended.
#[test]
fn of_two_streams_at_one_time_the_later_is_heard() {
    on_every_way(|scene| {
        let mut streams = [Stream::new(A, 100, 5), Stream::new(B, 7, 0xdead_beef)];
        scene.talk(&mut streams[0], 50);
        for _ in 0..50 {
            let [a, b] = &mut streams;
            scene.say(b);
            scene.pass(7);
            scene.say(a);
            scene.pass(13);
        }
        scene.talk(&mut streams[0], 50);
        scene.pass(300);
        let heard = scene.heard();
        assert!((148..=152).contains(&heard), "{:?}: {heard}", scene.way);
        scene.check_heard();
        let received = scene.world.leg_statistics(scene.party).received;
        assert_eq!((received.lost, received.dropped.out_of_range), (0, 200 - received.packets));
    });
}

#[test]
fn stragglers_of_the_stream_before_do_not_call_it_back() {
    on_every_way(|scene| {
        let mut a = Stream::new(A, 100, 5);
        let mut b = Stream::new(B, 7, 0xdead_beef);
        scene.talk(&mut a, 50);
        scene.talk(&mut b, 3);
        scene.say(&mut a);
        scene.talk(&mut b, 50);
        scene.pass(300);
        assert_eq!(scene.heard(), 103, "{:?}", scene.way);
        assert_eq!(scene.world.leg_statistics(scene.party).received.dropped.out_of_range, 1);
        scene.check_heard();
    });
}

/// A packet of another stream now and then, such as those that keep a NAT's binding.
#[test]
fn a_stray_packet_of_another_stream_costs_two_at_most() {
    on_every_way(|scene| {
        let mut a = Stream::new(A, 100, 5);
        let mut b = Stream::new(B, 7, 0xdead_beef);
        for _ in 0..6 {
            scene.talk(&mut a, 50);
            scene.say(&mut b);
        }
        scene.talk(&mut a, 50);
        scene.pass(300);
        let received = scene.world.leg_statistics(scene.party).received;
        assert_eq!((received.packets, received.dropped.out_of_range), (356 - 12, 12));
        assert_eq!(received.lost, 0);
        scene.check_heard();
    });
}

/// Prompts of 80 packets under one SSRC, each numbered from 0, and how many of each are heard.
fn prompts(scene: &mut Scene, (first, pause): (u16, u64), clock: impl Fn(u32) -> u32) -> Vec<u64> {
    let mut stream = Stream::new(A, first, 0);
    let mut heard = Vec::new();
    for n in 0..4 {
        (stream.sequence, stream.timestamp) = (first, clock(n));
        let before = scene.heard();
        scene.talk(&mut stream, 80);
        scene.pass(pause.max(100));
        heard.push(scene.heard() - before);
        // Back to back, the jitter buffer is not waited for.
        if pause == 0 {
            heard.clear();
        }
    }
    heard
}

// test-of: [RFC3550 A.1]
#[test]
fn prompts_that_are_numbered_from_zero_while_the_clock_goes_on_are_all_heard() {
    for way in WAYS.into_iter().filter(|way| !way.secure) {
        for first in [0, 50, 65_500] {
            for pause in [100, 400, 3000] {
                let mut scene = Scene::new(way);
                let ticks = |n: u32| n * (80 * PTIME + u32::try_from(pause * 8).unwrap());
                assert_eq!(prompts(&mut scene, (first, pause), ticks), [80; 4], "{way:?} {first} {pause}");
                scene.check();
                check_clock(&scene);
                assert_eq!(scene.world.leg_statistics(scene.party).received.restarts, 3);
            }
        }
    }
}

#[test]
fn prompts_back_to_back_leave_neither_gap_nor_overlap() {
    for way in WAYS.into_iter().filter(|way| !way.secure) {
        let mut scene = Scene::new(way);
        let mut stream = Stream::new(A, 0, 0xffff_f000);
        for _ in 0..10 {
            stream.sequence = 0;
            scene.talk(&mut stream, 80);
        }
        scene.pass(300);
        assert_eq!(scene.heard(), 800, "{way:?}");
        scene.check();
        if way.decoded {
            let playout = scene.world.leg_statistics(scene.party).playout.unwrap();
            assert_eq!((playout.late, playout.lost, playout.overflows), (0, 0, 0), "{playout:?}");
        } else {
            let stamps: Vec<_> = scene.log().map(|packet| packet.timestamp).collect();
            let even = stamps.windows(2).all(|pair| pair[1].distance_from(pair[0]) == 160);
            assert!(even, "forwarded timestamps go on as the party's do");
        }
    }
}

/// The same packets again and again, as of a file that is played over: two packets tell, after all that can be a copy.
#[test]
fn a_recording_that_is_played_over_is_heard_but_for_what_may_be_copies() {
    for way in WAYS.into_iter().filter(|way| !way.secure) {
        for (pause, least) in [(100, 79), (1000, 80)] {
            let mut scene = Scene::new(way);
            let heard = prompts(&mut scene, (0, pause), |_| 0);
            assert_eq!(heard, [80, least, least, least], "{way:?} {pause}");
            scene.check_heard();
            check_clock(&scene);
        }
    }
}

/// A longer recording: its beginning is too far behind to be a copy.
#[test]
fn numbers_that_go_far_back_with_the_clock_take_two_packets() {
    for way in WAYS.into_iter().filter(|way| !way.secure) {
        let mut scene = Scene::new(way);
        for _ in 0..3 {
            scene.talk(&mut Stream::new(A, 0, 0), 300);
        }
        scene.pass(300);
        assert_eq!(scene.heard(), 300 + 2 * 299, "{way:?}");
        scene.check_heard();
    }
}

/// Every packet twice, at once and some time later: none goes out twice, and none begins anything.
#[test]
fn copies_stay_copies() {
    for way in WAYS {
        for delay in [0, 1, 4] {
            let mut scene = Scene::new(way);
            let mut stream = Stream::new(A, 65_500, 5);
            let mut sent: Vec<Stream> = Vec::new();
            for _ in 0..4 {
                for _ in 0..100 {
                    sent.push(stream);
                    scene.say(&mut stream);
                    if let Some(n) = sent.len().checked_sub(1 + delay) {
                        let mut copy = sent[n];
                        if !way.secure {
                            scene.say(&mut copy);
                        }
                    }
                    scene.pass(20);
                }
                // The last ones come as copies while nothing else does.
                for mut copy in sent[sent.len() - delay..].iter().copied() {
                    if !way.secure {
                        scene.say(&mut copy);
                    }
                    scene.pass(20);
                }
                scene.pass(300);
                stream.pass(15 * PTIME);
            }
            let received = scene.world.leg_statistics(scene.party).received;
            assert_eq!((received.packets, received.restarts), (400, 0), "{way:?} {delay}");
            assert_eq!(scene.heard(), 400);
            scene.check_heard();
        }
    }
}

#[test]
fn a_jump_ahead_with_the_clock_is_taken_at_once_and_counts_as_no_loss() {
    on_every_way(|scene| {
        let mut stream = Stream::new(A, 100, 5);
        scene.talk(&mut stream, 50);
        stream.sequence += 3500;
        scene.talk(&mut stream, 50);
        scene.pass(300);
        assert_eq!(scene.heard(), 100);
        scene.check();
        check_clock(scene);
    });
}

/// One packet with a number and a timestamp of chance changes nothing.
#[test]
fn one_stray_number_begins_nothing() {
    for way in WAYS.into_iter().filter(|way| !way.secure) {
        let mut scene = Scene::new(way);
        let mut stream = Stream::new(A, 100, 5);
        for n in 0..10_u16 {
            scene.talk(&mut stream, 20);
            scene.say(&mut Stream::new(A, 30_000 + n * 77, 0x8765_4321));
        }
        scene.talk(&mut stream, 20);
        scene.pass(300);
        let received = scene.world.leg_statistics(scene.party).received;
        assert_eq!((scene.heard(), received.restarts, received.dropped.out_of_range), (220, 0, 10));
        scene.check_heard();
    }
}

/// Under SRTP the replay window decides: what it takes is new.
#[test]
fn with_srtp_a_jump_to_any_number_loses_nothing() {
    for way in WAYS.into_iter().filter(|way| way.secure) {
        for (numbers, ticks) in [(3000, 0), (20_000, 0x1234_5678), (32_000, 0x8000_0000)] {
            let mut scene = Scene::new(way);
            let mut stream = Stream::new(A, 100, 5);
            scene.talk(&mut stream, 50);
            stream.sequence += numbers;
            stream.pass(ticks);
            scene.talk(&mut stream, 50);
            scene.pass(300);
            assert_eq!(scene.heard(), 100, "{way:?} {numbers}");
            scene.check_heard();
            check_clock(&scene);
        }
    }
}

/// What was under way when the numbers began anew does not disturb them.
#[test]
fn late_packets_of_the_numbers_before_are_left_out() {
    for way in WAYS.into_iter().filter(|way| !way.secure) {
        let mut scene = Scene::new(way);
        let mut old = Stream::new(A, 100, 0);
        scene.talk(&mut old, 50);
        let mut new = Stream::new(A, 90, old.timestamp + 2 * PTIME);
        for n in 0..50 {
            scene.say(&mut new);
            if n == 2 || n == 5 {
                scene.say(&mut old);
            }
            scene.pass(20);
        }
        scene.pass(300);
        assert_eq!(scene.heard(), 100, "{way:?}");
        let received = scene.world.leg_statistics(scene.party).received;
        assert_eq!((received.restarts, received.dropped.out_of_range), (1, 2));
        scene.check_heard();
    }
}

/// Both parties of a call may draw one SSRC: each leg has its own, and what is sent has another.
#[test]
fn both_parties_may_have_one_ssrc() {
    let mut world = mediapoint_testkit::World::new(3);
    let (a, b) = world.two_party_call();
    for peer in [a, b] {
        world.peer_mut(peer).stream.ssrc = mediapoint_packet::rtp::Ssrc(A);
        world.peer_mut(peer).heard.keep_packets = true;
        world.start(peer);
    }
    world.run_for(std::time::Duration::from_secs(5));
    for (from, to) in [(a, b), (b, a)] {
        let heard = &world.peer(to).heard;
        assert_eq!(heard.seam.check(), Ok(()));
        assert!(heard.packets_from(world.peer(from).tag) >= 249);
        assert!(heard.log.iter().all(|packet| packet.ssrc.0 != A));
        assert_eq!(world.leg_statistics(to).received.restarts, 0);
    }
}
