//! Telephone events under an SSRC of their own, beside audio that goes on or pauses.

use mediapoint_packet::telephone_event::EventBlock;

use crate::streams_of_a_party_are_kept_apart::{PTIME, Scene, Stream, on_every_way};

const AUDIO: u32 = 0x1111_0001;
const EVENTS: u32 = 0x2222_0002;

/// Packets of an event: six reports, and the end three times.
const PACKETS: u32 = 9;

/// Presses a key: an event packet each 20 ms, with audio beside it where `beside` says so.
fn press(scene: &mut Scene, code: u8, events: &mut Stream, audio: &mut Stream, beside: bool) {
    let begin = events.timestamp;
    for n in 1..=PACKETS {
        let duration = u16::try_from(n.min(7) * PTIME).unwrap();
        let block = EventBlock { code, end: n >= 7, volume: 10, duration };
        scene.event(events, begin, n == 1, block);
        if beside {
            scene.say(audio)
        } else {
            audio.pass(PTIME)
        }
        events.pass(PTIME);
        scene.pass(20);
    }
}

fn digits(scene: &mut Scene, (codes, beside): (&[u8], bool), events_from: u32) {
    let mut audio = Stream::new(AUDIO, 65_500, 77_000);
    let mut events = Stream::new(EVENTS, 65_530, events_from);
    scene.talk(&mut audio, 25);
    events.pass(25 * PTIME);
    for code in codes {
        press(scene, *code, &mut events, &mut audio, beside);
        for _ in 0..20 {
            if beside {
                scene.say(&mut audio)
            } else {
                audio.pass(PTIME)
            }
            events.pass(PTIME);
            scene.pass(20);
        }
        scene.room.give();
    }
    scene.talk(&mut audio, 25);
    scene.pass(200);
}

/// The far end gets all packets of each event under one timestamp, one event for each press, in the order pressed.
fn check(scene: &Scene, codes: &[u8]) {
    let events = scene.events();
    assert_eq!(events.len(), codes.len() * PACKETS as usize, "{:?}", scene.way);
    let mut before = None;
    for (event, code) in events.chunks(PACKETS as usize).zip(codes) {
        assert!(event.iter().all(|packet| packet.timestamp == event[0].timestamp), "one timestamp");
        assert!(event.iter().all(|packet| packet.payload[0] == *code));
        assert_eq!(event.iter().filter(|packet| packet.marker).count(), 1, "one marker");
        assert_eq!(event.iter().filter(|packet| packet.payload[1] & 0x80 != 0).count(), 3, "three ends");
        if let Some((at, timestamp)) = before {
            let passed = i64::try_from(event[0].at.since(at).as_millis()).unwrap() * 8;
            let ticks = i64::from(event[0].timestamp.distance_from(timestamp));
            // Encoded audio has timestamps of whole ticks.
            let off = if scene.way.decoded { 160 } else { 8 };
            assert!((ticks - passed).abs() <= off, "{:?}: {ticks} ticks in {passed}", scene.way);
        }
        before = Some((event[0].at, event[0].timestamp));
    }
    assert_eq!(scene.presses(), codes, "{:?}", scene.way);
    scene.check();
}

/// The forwarded audio lies where it lay, whatever came beside it.
fn check_audio(scene: &Scene) {
    let audio = || scene.log().filter(|packet| packet.payload_type.get() == 0);
    for (packet, first) in audio().zip(std::iter::repeat(audio().next())) {
        let first = first.unwrap();
        let passed = i64::try_from(packet.at.since(first.at).as_millis()).unwrap() * 8;
        assert_eq!(i64::from(packet.timestamp.distance_from(first.timestamp)), passed);
    }
}

// test-of: [RFC4733 2.1] [RFC4733 2.5.1.4]
#[test]
fn events_under_an_ssrc_of_their_own_come_out_whole_beside_audio() {
    // On the clock of the audio, and on one of their own.
    for base in [77_000, 0xdead_beef] {
        on_every_way(|scene| {
            digits(scene, (&[1, 2, 3], true), base);
            check(scene, &[1, 2, 3]);
            check_audio(scene);
            if !scene.way.decoded {
                assert_eq!(scene.heard(), 25 + 3 * 29 + 25);
            }
        });
    }
}

#[test]
fn and_while_the_audio_pauses() {
    for base in [77_000, 0xdead_beef] {
        on_every_way(|scene| {
            digits(scene, (&[1, 2, 3], false), base);
            check(scene, &[1, 2, 3]);
            check_audio(scene);
        });
    }
}

#[test]
fn nine_digits_one_after_another() {
    on_every_way(|scene| {
        let codes = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        digits(scene, (&codes, true), 5);
        check(scene, &codes);
        check_audio(scene);
    });
}

/// The events' numbers begin anew with each digit, under one SSRC.
#[test]
fn numbers_that_begin_anew_with_each_digit() {
    on_every_way(|scene| {
        if scene.way.secure {
            return;
        }
        let mut audio = Stream::new(AUDIO, 9, 77_000);
        let mut events = Stream::new(EVENTS, 100, 9000);
        scene.talk(&mut audio, 25);
        for code in [4, 5, 6] {
            events.sequence = 100;
            press(scene, code, &mut events, &mut audio, true);
            scene.talk(&mut audio, 20);
            events.pass(20 * PTIME);
            scene.room.give();
        }
        check(scene, &[4, 5, 6]);
        check_audio(scene);
    });
}

/// Before there is any audio, and with audio after.
#[test]
fn a_digit_is_the_first_that_comes() {
    on_every_way(|scene| {
        let mut audio = Stream::new(AUDIO, 9, 77_000);
        let mut events = Stream::new(EVENTS, 100, 9000);
        press(scene, 7, &mut events, &mut audio, false);
        scene.room.give();
        scene.talk(&mut audio, 25);
        events.pass(25 * PTIME);
        press(scene, 8, &mut events, &mut audio, true);
        scene.talk(&mut audio, 25);
        assert_eq!(scene.events().len(), 18, "{:?}", scene.way);
        assert_eq!(scene.presses(), [7, 8]);
        assert_eq!(scene.world.leg_statistics(scene.party).received.restarts, 0);
        scene.check();
    });
}

/// Audio that is overtaken between the packets of an event keeps its number.
#[test]
fn audio_out_of_order_beside_events_fills_its_gap() {
    on_every_way(|scene| {
        let mut audio = Stream::new(AUDIO, 9, 77_000);
        let mut events = Stream::new(EVENTS, 100, 9000);
        scene.talk(&mut audio, 25);
        let begin = events.timestamp;
        for n in 1..=PACKETS {
            let block = EventBlock { code: 3, end: n >= 7, volume: 10, duration: 160 };
            scene.event(&mut events, begin, n == 1, block);
            if n % 3 == 1 {
                // The next packet comes first.
                let mut overtaken = audio;
                (audio.sequence, audio.timestamp) = (audio.sequence + 1, audio.timestamp + PTIME);
                scene.say(&mut audio);
                scene.say(&mut overtaken);
                scene.pass(20);
            } else {
                scene.pass(20);
            }
        }
        audio.pass(3 * PTIME);
        scene.talk(&mut audio, 25);
        assert_eq!(scene.events().len(), 9);
        if !scene.way.decoded {
            assert_eq!(scene.heard(), 25 + 6 + 25);
            scene.check_heard();
        }
        assert_eq!(scene.world.leg_statistics(scene.party).received.lost, 0);
    });
}

/// The policies of events hold for events under an SSRC of their own, too.
#[test]
fn blocked_events_leave_no_gap() {
    on_every_way(|scene| {
        scene.world.reinvite(scene.party, |config| config.events = mediapoint_engine::EventPolicy::Block);
        digits(scene, (&[1, 2], true), 5);
        assert_eq!((scene.events().len(), scene.presses()), (0, vec![1, 2]));
        scene.check();
        check_audio(scene);
    });
}

/// A snapshot is taken in the middle of a digit.
#[test]
fn another_session_goes_on_with_the_event() {
    on_every_way(|scene| {
        let mut audio = Stream::new(AUDIO, 9, 77_000);
        let mut events = Stream::new(EVENTS, 100, 9000);
        scene.talk(&mut audio, 25);
        press(scene, 1, &mut events, &mut audio, true);
        scene.talk(&mut audio, 20);
        scene.room.give();
        let begin = events.timestamp;
        for n in 1..=PACKETS {
            if n == 4 {
                let call = scene.world.peer(scene.party).call;
                let text = serde_json::to_string(&scene.world.snapshot(call).unwrap()).unwrap();
                scene.world.kill_session();
                scene.world.restore(&serde_json::from_str(&text).unwrap()).unwrap();
            }
            let block = EventBlock { code: 5, end: n >= 7, volume: 10, duration: 160 };
            scene.event(&mut events, begin, n == 1, block);
            scene.say(&mut audio);
            scene.pass(20);
        }
        scene.talk(&mut audio, 20);
        let events = scene.events();
        assert_eq!(events.len(), 18, "{:?}", scene.way);
        assert!(events[9..].iter().all(|packet| packet.timestamp == events[9].timestamp));
        // Where events make numbers of their own possible, those that may have been given out are passed over.
        assert!(scene.world.peer(scene.far).heard.missing() <= 2);
        assert_eq!(scene.world.peer(scene.far).heard.seam.check(), Ok(()));
        assert_eq!(scene.world.leg_statistics(scene.party).received.dropped.total(), 0);
    });
}
