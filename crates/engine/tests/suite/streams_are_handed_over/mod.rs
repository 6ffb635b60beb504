//! Streams that are merely forwarded are handed over to the packet I/O backend, here a model of the XDP program
//! (`mediapoint_testkit::Kernel`), and taken back when anything else needs them. Nobody can see the difference: neither the
//! far end nor who asks for figures.

#![expect(clippy::unwrap_used, reason = "helpers of the tests: what is missing fails them")]

mod obstacles;
mod random;

use std::time::Duration;

use mediapoint_engine::{Direction, Event, ToneSpec};
use mediapoint_net::NotForwarded;
use mediapoint_packet::rtp::Ssrc;
use mediapoint_testkit::{PeerId, World, rtp_port};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A call of two parties who both speak.
fn talking(seed: u64) -> (World, PeerId, PeerId) {
    let mut world = World::new(seed).through_kernel();
    let (a, b) = world.two_party_call();
    for party in [a, b] {
        world.peer_mut(party).heard.keep_packets = true;
        world.start(party);
    }
    (world, a, b)
}

fn is_handed_over(world: &mut World, party: PeerId) -> bool {
    let port = rtp_port(world.peer(party).slot);
    world.kernel().has(port)
}

/// Both parties heard all that the other sent, without a seam.
#[track_caller]
fn nothing_is_missing(world: &World, [a, b]: [PeerId; 2]) {
    for (from, to) in [(a, b), (b, a)] {
        let heard = &world.peer(to).heard;
        assert_eq!(heard.seam.check(), Ok(()));
        assert_eq!(heard.missing(), 0);
        let (sent, got) = (world.peer(from).stream.packets, heard.packets_from(world.peer(from).tag));
        assert!(sent - got <= 1, "{got} of {sent}");
    }
}

#[test]
fn a_stream_that_runs_undisturbed_is_handed_over_and_goes_on_without_a_seam() {
    let (mut world, a, b) = talking(1);
    world.run_for(seconds(10));
    assert_eq!((world.kernel().taken, world.kernel().rules()), (2, 2));
    let before = world.inputs;
    world.run_for(seconds(20));
    let inputs = world.inputs - before;
    assert!(inputs <= 60, "{inputs} packets and timers in 20 s: looks, reports");
    assert_eq!(world.kernel().taken, 2, "they stay where they are");
    for party in [a, b] {
        let statistics = world.leg_statistics(party);
        assert!(statistics.received.packets >= 1499, "{statistics:?}");
        assert_eq!(statistics.received.packets, statistics.received_streams[0].packets);
        assert!(statistics.sent.packets >= 1499 && statistics.idle.unwrap() <= Duration::from_millis(20));
    }
    world.stop(a);
    world.stop(b);
    world.run_for(seconds(1));
    nothing_is_missing(&world, [a, b]);
}

#[test]
fn whatever_changes_the_call_takes_its_streams_back_first() {
    type Change = fn(&mut World, PeerId, PeerId);
    let changes: [(&str, Change); 9] = [
        ("hold", |world, a, _| world.reinvite(a, |config| config.direction = Direction::SendOnly)),
        ("a re-INVITE that changes nothing", |world, a, _| world.reinvite(a, |_| {})),
        ("another DSCP", |world, _, b| world.reinvite(b, |config| config.dscp = 46)),
        ("a tap on audio", |world, a, _| drop(world.tap_audio(a, mediapoint_engine::TapSide::Both, 8000, 8))),
        ("a tap on key presses", |world, a, _| drop(world.tap_keys(a))),
        ("another source", |world, _, b| world.set_source(b, None)),
        ("a player", |world, a, _| {
            let call = world.peer(a).call;
            world.add_tone(call, ToneSpec::continuous(440.0, -10.0));
        }),
        ("a leg that goes", |world, _, b| assert!(world.remove_leg(b))),
        ("a leg that moves", |world, a, _| {
            let other = world.add_call();
            world.move_leg(a, other);
        }),
    ];
    for (name, change) in changes {
        let (mut world, a, b) = talking(2);
        world.run_for(seconds(5));
        assert_eq!(world.kernel().rules(), 2, "{name}");
        let sent = world.peer(a).stream.packets;
        change(&mut world, a, b);
        assert_eq!(world.kernel().rules(), 0, "{name}");
        let received = world.leg_statistics(a).received.packets;
        assert!(sent - received <= 1, "{name}: {received} of {sent}");
    }
}

#[test]
fn it_is_handed_over_again_after_a_change() {
    let (mut world, a, b) = talking(3);
    world.run_for(seconds(5));
    world.reinvite(a, |_| {});
    world.run_for(Duration::from_millis(900));
    assert_eq!(world.kernel().rules(), 0, "it is watched for a second");
    world.run_for(seconds(2));
    assert_eq!(world.kernel().rules(), 2);
    world.stop(a);
    world.stop(b);
    world.run_for(seconds(1));
    nothing_is_missing(&world, [a, b]);
}

#[test]
fn a_packet_that_does_not_fit_comes_to_the_session_and_so_do_those_after_it() {
    let (mut world, a, b) = talking(4);
    world.run_for(seconds(5));
    let forwarded = world.kernel().forwarded;
    world.peer_mut(a).stream.press(7, Duration::from_millis(100));
    world.run_for(Duration::from_millis(400));
    assert!(!is_handed_over(&mut world, a) && is_handed_over(&mut world, b));
    assert!(world.kernel().forwarded - forwarded <= 23, "b's, and what was under way");
    world.run_for(seconds(4));
    assert!(is_handed_over(&mut world, a));
    // Another SSRC is another stream.
    world.peer_mut(a).stream.ssrc = Ssrc(77);
    world.run_for(Duration::from_millis(100));
    assert!(!is_handed_over(&mut world, a));
    world.run_for(seconds(4));
    assert!(is_handed_over(&mut world, a));
    assert_eq!(world.leg_statistics(a).received.ssrc, Some(Ssrc(77)));
    world.stop(a);
    world.stop(b);
    world.run_for(seconds(1));
    for (from, to) in [(a, b), (b, a)] {
        let heard = &world.peer(to).heard;
        assert_eq!((heard.seam.check(), heard.missing()), (Ok(()), 0));
        assert!(heard.packets_from(world.peer(from).tag) > 0);
    }
}

#[test]
fn silence_is_told_at_the_same_time_and_so_is_its_end() {
    let events = |through_kernel: bool| {
        let mut world = World::with_timeouts(5, seconds(10), seconds(60));
        if through_kernel {
            world = world.through_kernel();
        }
        let (a, b) = world.two_party_call();
        world.start(a);
        world.start(b);
        world.run_for(seconds(5));
        if through_kernel {
            assert_eq!(world.kernel().rules(), 2);
        }
        world.stop(a);
        world.run_for(seconds(15));
        world.start(a);
        world.run_for(seconds(5));
        for party in [a, b] {
            world.stop(party);
        }
        world.run_for(seconds(30));
        world.events
    };
    let told = events(true);
    assert_eq!(told, events(false));
    let count = |is: fn(&Event) -> bool| told.iter().filter(|(_, event)| is(event)).count();
    assert_eq!(count(|event| matches!(event, Event::MediaResumed { .. })), 1);
    assert_eq!(count(|event| matches!(event, Event::CallEnded { .. })), 1);
}

#[test]
fn a_refusal_is_remembered_for_as_long_as_it_holds() {
    for (refusal, most) in
        [(NotForwarded::NoPath, 2 * 15), (NotForwarded::Full, 2 * 8), (NotForwarded::Unsupported, 2)]
    {
        let (mut world, a, b) = talking(6);
        world.kernel().refuses = Some(refusal);
        world.run_for(seconds(30));
        let asked = world.kernel().asked;
        assert!((most / 3..=most).contains(&asked), "{refusal:?}: asked {asked} times");
        world.kernel().refuses = None;
        world.run_for(seconds(10));
        let expected = if refusal == NotForwarded::Unsupported { 0 } else { 2 };
        assert_eq!(world.kernel().rules(), expected, "{refusal:?}");
        world.stop(a);
        world.stop(b);
        world.run_for(seconds(1));
        nothing_is_missing(&world, [a, b]);
    }
}

/// Only the session finds a loop, by the payloads: it looks at them again from time to time.
#[test]
fn what_is_handed_over_is_watched_again_each_minute() {
    let (mut world, ..) = talking(7);
    world.run_for(seconds(310));
    let taken = world.kernel().taken;
    assert!((8..=10).contains(&taken), "{taken}");
}

/// Of a stream whose first packet does not fit in each case, as with a header extension, the session has nothing.
#[test]
fn a_stream_that_never_fits_is_offered_more_and_more_seldom() {
    let mut world = World::new(8).through_kernel();
    let (a, _) = world.two_party_call();
    world.peer_mut(a).stream.marks_all = true;
    world.start(a);
    world.run_for(seconds(120));
    let taken = world.kernel().taken;
    assert!((3..=8).contains(&taken), "{taken}");
}

#[test]
fn more_than_the_leg_takes_is_taken_back_and_cut() {
    let mut world = World::new(9).through_kernel();
    let (a, b) = world.two_party_call();
    world.start(a);
    world.run_for(seconds(5));
    assert!(is_handed_over(&mut world, a));
    // The same stream, 5,000 packets a second.
    world.peer_mut(a).stream.ptime = Duration::from_micros(200);
    world.run_for(seconds(3));
    assert!(!is_handed_over(&mut world, a));
    let dropped = world.leg_statistics(a).received.dropped;
    assert!(dropped.flood > 2000, "{dropped:?}");
    let got = world.peer(b).heard.packets;
    assert!(got < 8000, "a second of it at most passed: {got}");
}

/// Before a snapshot is taken, what was forwarded is in it.
#[test]
fn a_snapshot_is_as_if_each_packet_had_come_through_the_session() {
    let text = |through_kernel: bool| {
        let mut world = World::new(10);
        if through_kernel {
            world = world.through_kernel();
        }
        let (a, b) = world.two_party_call();
        world.start(a);
        world.start(b);
        world.run_for(Duration::from_millis(7310));
        if through_kernel {
            assert_eq!(world.kernel().rules(), 2);
        }
        let call = world.peer(a).call;
        let text = serde_json::to_string(&world.snapshot(call).unwrap()).unwrap();
        if through_kernel {
            assert_eq!(world.kernel().rules(), 2, "they stay where they are");
        }
        text
    };
    assert_eq!(text(true), text(false));
}

#[test]
fn a_source_that_takes_its_place_goes_on_with_the_next_number() {
    let (mut world, a, b) = talking(11);
    world.run_for(seconds(5));
    let call = world.peer(a).call;
    let tone = world.add_tone(call, ToneSpec::continuous(440.0, -10.0));
    world.run_for(seconds(5));
    world.feed(b, mediapoint_engine::Source::Player(tone));
    world.run_for(seconds(2));
    world.set_source(b, Some(a));
    world.run_for(seconds(5));
    assert!(is_handed_over(&mut world, a));
    let heard = &world.peer(b).heard;
    assert_eq!((heard.seam.check(), heard.missing()), (Ok(()), 0));
}
