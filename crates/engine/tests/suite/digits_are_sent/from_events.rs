//! Events of the source, to which the party did not agree, are tones in its audio.

use mediapoint_engine::{EventPolicy, PayloadCodec};
use mediapoint_testkit::{
    LinkProfile, PeerId, Voice, World, audio, codec, for_each_seed, pcmu, telephone_event, tone,
};

use super::*;

const SAID: f64 = 437.0;

fn call(of_b: PayloadCodec) -> (World, PeerId, PeerId) {
    let mut world = World::new(2);
    let call = world.add_call();
    let a = world.add_peer(call, audio([pcmu(), telephone_event(101)]));
    let b = world.add_peer(call, audio([of_b]));
    world.peer_mut(b).heard.keep_packets = true;
    world.connect(a, b);
    world.peer_mut(a).stream.voice = Some(Voice::new(&pcmu(), 8000, &Default::default(), tone(SAID)));
    world.start(a);
    (world, a, b)
}

fn press(world: &mut World, by: PeerId, keys: &[(u8, u64)], pause: u64) {
    for &(code, length) in keys {
        world.peer_mut(by).stream.press(code, MILLIS(length));
        world.run_for(MILLIS(length + 40 + pause));
    }
}

fn lasted(digit: &DetectedDigit) -> u64 {
    (digit.duration + 4) / 8
}

#[test]
fn as_long_and_as_loud_as_the_events() {
    for (of_b, slack) in [(pcmu(), 8), (codec(18, "G729", 8000), 16)] {
        for phase in [0, 5, 11, 17] {
            let (mut world, a, b) = call(of_b.clone());
            world.run_for(MILLIS(700 + phase));
            let keys = [(5, 100), (5, 60), (11, 400), (0, 120)];
            press(&mut world, a, &keys, 100);
            world.run_for(MILLIS(800));
            let ear = ear(&world, b, 8000);
            let found = found(&ear.pcm);
            assert_eq!(text(&found), "55#0", "{} {phase}", of_b.codec.name());
            for (digit, (_, length)) in found.iter().zip(keys) {
                assert!(lasted(digit).abs_diff(length) <= slack, "{} instead of {length} ms", lasted(digit));
                let sum =
                    10.0 * (10_f32.powf(digit.low_dbm0 / 10.0) + 10_f32.powf(digit.high_dbm0 / 10.0)).log10();
                assert!((sum + 10.0).abs() < 2.0, "{sum} dBm0, the event says -10");
            }
            assert_eq!(ear.missing(), 0);
            let heard = &world.peer(b).heard;
            assert_in_sequence(&heard.log);
            assert_eq!(heard.seam.check(), Ok(()));
            assert!(heard.log.iter().all(|packet| packet.payload_type == of_b.payload_type));
            assert_eq!(world.leg_statistics(a).received.dropped.no_common_codec, 0);
            // Nobody commanded them.
            assert!(ends(&world, b).is_empty());
        }
    }
}

#[test]
fn by_the_policies_of_both_legs() {
    for (policy, as_tones, expected) in [
        (EventPolicy::Forward, true, "12"),
        (EventPolicy::Replace(14), true, "CC"),
        (EventPolicy::Block, true, ""),
        (EventPolicy::Forward, false, ""),
    ] {
        let (mut world, a, b) = call(pcmu());
        world.reinvite(a, |config| config.events = policy);
        world.reinvite(b, |config| config.events_as_tones = as_tones);
        world.run_for(MILLIS(500));
        press(&mut world, a, &[(1, 100), (2, 100)], 100);
        world.run_for(MILLIS(500));
        assert_eq!(text(&found(&ear(&world, b, 8000).pcm)), expected, "{policy:?}");
        let dropped = world.leg_statistics(a).received.dropped.no_common_codec;
        assert_eq!(dropped > 0, !as_tones, "{policy:?}: {dropped}");
    }
}

/// Whose end is lost ends by its time-out; another one that begins ends it; what is no digit is no tone.
#[test]
fn of_events_without_an_end() {
    let (mut world, a, b) = call(pcmu());
    world.run_for(MILLIS(500));
    world.peer_mut(a).stream.press(3, MILLIS(5000));
    world.run_for(MILLIS(200));
    world.stop(a);
    world.run_for(MILLIS(1000));
    let found_first = found(&ear(&world, b, 8000).pcm);
    assert_eq!(text(&found_first), "3");
    let length = lasted(&found_first[0]);
    assert!((200..=380).contains(&length), "{length} ms");

    let (mut world, a, b) = call(pcmu());
    world.run_for(MILLIS(500));
    world.peer_mut(a).stream.press(3, MILLIS(5000));
    world.run_for(MILLIS(200));
    press(&mut world, a, &[(4, 100), (16, 100), (70, 100)], 60);
    world.run_for(MILLIS(500));
    assert_eq!(text(&found(&ear(&world, b, 8000).pcm)), "34");
    assert_eq!(world.peer(b).heard.seam.check(), Ok(()));
}

/// With digits of a command before and behind it.
#[test]
fn in_turn_with_digits_of_a_command() {
    let (mut world, a, b) = call(pcmu());
    world.run_for(MILLIS(500));
    send(&mut world, b, digits("12"));
    world.run_for(MILLIS(100));
    world.peer_mut(a).stream.press(9, MILLIS(120));
    world.run_for(MILLIS(60));
    send(&mut world, b, digits("3"));
    world.run_for(MILLIS(1500));
    assert_eq!(text(&found(&ear(&world, b, 8000).pcm)), "1293");
    assert_eq!(ends(&world, b), [false]);
    assert_in_sequence(&world.peer(b).heard.log);
    // A party that presses without end keeps no room from commands.
    for n in 0..60 {
        world.peer_mut(a).stream.press(n % 10, MILLIS(20));
        world.run_for(MILLIS(60));
    }
    send(&mut world, b, digits("7777777"));
}

/// What waits in the jitter buffer when a key is pressed is sent at once. The tone comes when that is through: the party's stream
/// does not get ahead of the clock with each key, which would be heard as delay.
#[test]
fn without_a_delay_that_adds_up() {
    for of_b in [pcmu(), codec(97, "L16", 8000)] {
        let (mut world, a, b) = call(of_b.clone());
        world.reinvite(a, |config| config.jitter_buffer.min = MILLIS(80));
        world.run_for(MILLIS(2000));
        let ahead = |world: &World| {
            let log = &world.peer(b).heard.log;
            let (first, last) = (&log[0], &log[log.len() - 1]);
            let sent = i64::from(last.timestamp.distance_from(first.timestamp)) / 8;
            sent - i64::try_from(last.at.since(first.at).as_millis()).unwrap()
        };
        let before = ahead(&world);
        press(&mut world, a, &[(1, 100); 20], 300);
        world.run_for(MILLIS(2000));
        let after = ahead(&world);
        assert!((after - before).abs() <= 40, "{}: {before} ms before, {after} ms after", of_b.codec.name());
        assert_eq!(text(&found(&ear(&world, b, 8000).pcm)), "1".repeat(20));
        assert_eq!(world.peer(b).heard.seam.check(), Ok(()));
    }
}

/// Over a path that loses, delays and overtakes, each key is one tone of its length.
#[test]
fn over_a_rough_path() {
    for_each_seed(8, |seed| {
        let (mut world, a, b) = call(codec(97, "L16", 16_000));
        world.peer_mut(b).heard.clock_rate = 16_000;
        let mut links = LinkProfile::rough();
        links.reorder = 0.02 * f64::from(u8::try_from(seed).unwrap());
        world.peer_mut(a).up.set_profile(links);
        world.run_for(MILLIS(500 + seed));
        let keys: Vec<(u8, u64)> = (0..16).map(|code| (code, 80 + 10 * u64::from(code))).collect();
        press(&mut world, a, &keys, 120);
        world.run_for(MILLIS(1000));
        let found = found(&ear(&world, b, 16_000).pcm);
        assert_eq!(text(&found), "0123456789*#ABCD");
        for (digit, (_, length)) in found.iter().zip(keys) {
            assert!(lasted(digit).abs_diff(length) <= 40, "{} instead of {length} ms", lasted(digit));
        }
        assert_eq!(world.peer(b).heard.seam.check(), Ok(()));
    });
}
