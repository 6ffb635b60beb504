//! Digits as telephone events.

use mediapoint_engine::{Codec, DigitMethod, Event, LegConfig, PayloadCodec, PayloadType};
use mediapoint_packet::rtp::RtpTicks;
use mediapoint_srtp::Suite;
use mediapoint_testkit::{Library, PeerId, Voice, World, audio, codec, pcma, pcmu, telephone_event, tone};

use super::*;

fn opus() -> PayloadCodec {
    PayloadCodec::new(PayloadType::new(96).unwrap(), Codec::OPUS)
}

fn events_at(payload_type: u8, clock_rate: u32) -> PayloadCodec {
    codec(payload_type, "telephone-event", clock_rate)
}

fn call(of_a: LegConfig, of_b: LegConfig) -> (World, PeerId, PeerId) {
    let mut world = World::new(5);
    let call = world.add_call();
    let [a, b] = [of_a, of_b].map(|config| {
        let peer = world.add_peer(call, config);
        world.peer_mut(peer).heard.keep_packets = true;
        peer
    });
    world.connect(a, b);
    (world, a, b)
}

/// The digits came as events of these lengths, each with one marker, one timestamp, a growing duration and three ends, 20 ms
/// apart, and no audio between the first and the last packet.
#[track_caller]
fn assert_events(log: &[HeardPacket], expected: &[(char, u16)], clock_rate: u16) -> Vec<Got> {
    let got = events(log, 101);
    let seen: Vec<_> = got.iter().map(|got| (got.digit(), got.blocks.last().unwrap().duration)).collect();
    assert_eq!(seen, expected);
    let step = clock_rate / 50;
    for (got, &(_, length)) in got.iter().zip(expected) {
        let reports = length.div_ceil(step);
        let growing = (1..=reports).map(|n| (n * step).min(length)).chain([length; 2]);
        assert_eq!(got.durations(), growing.collect::<Vec<_>>());
        for (n, block) in (1..).zip(&got.blocks) {
            assert_eq!((block.end, block.volume), (n >= reports, 8), "packet {n} of {}", got.digit());
        }
        let markers: Vec<_> = got.at.iter().map(|&at| log[at].marker).collect();
        assert_eq!(markers.iter().filter(|marker| **marker).count(), 1);
        assert!(markers[0]);
        for pair in got.at.windows(2) {
            assert_eq!(log[pair[1]].at.since(log[pair[0]].at), MILLIS(20));
        }
    }
    let (first, last) = (got[0].at[0], *got.last().unwrap().at.last().unwrap());
    assert!(log[first..=last].iter().all(|packet| packet.payload_type.get() == 101), "nothing between");
    got
}

// test-of: [RFC4733 2.5]
// test-of: [RFC4733 2.5.1.4]
#[test]
fn between_forwarded_packets() {
    for phase in 0..20 {
        let (mut world, a, b) =
            call(audio([pcmu(), telephone_event(101)]), audio([pcmu(), telephone_event(101)]));
        world.start(a);
        world.run_for(MILLIS(1000 + phase));
        send(&mut world, b, of_millis("1#", 100, 60));
        send(&mut world, b, of_millis("D", 70, 40));
        world.run_for(MILLIS(1500));
        let log = &world.peer(b).heard.log;
        assert_in_sequence(log);
        let got = assert_events(log, &[('1', 800), ('#', 800), ('D', 560)], 8000);
        // The event begins where the packet would have that it came in the place of.
        assert_eq!(got[0].begin, log[got[0].at[0] - 1].timestamp.wrapping_add(160), "phase {phase}");
        assert!(log[got[0].at[0]].at.since(log[got[0].at[0] - 1].at) <= MILLIS(41));
        for pair in got.windows(2) {
            assert_eq!(pair[1].begin, pair[0].begin.wrapping_add(1280), "160 ms later");
        }
        // Then the source's packets go on, as they come, with a marker.
        let after = &log[got[2].at[4 + 1] + 1..];
        assert!(after[0].marker && after[1..].iter().all(|packet| !packet.marker));
        assert!(after.iter().all(|packet| packet.mark.is_some_and(|mark| mark.tag == world.peer(a).tag)));
        assert!(after.len() > 40, "{} packets", after.len());
        assert_eq!(world.peer(b).heard.seam.check(), Ok(()));
        assert_eq!(world.leg_statistics(a).playout, None, "nothing was decoded");
        assert_eq!(ends(&world, b), [false]);
        assert_eq!((ends(&world, a), world.buffers_lost()), (vec![], 0));
    }
}

#[test]
fn between_encoded_packets() {
    for millis in [10, 20, 30, 60] {
        let packet_time = mediapoint_engine::PacketTime::WhereEncoded(MILLIS(millis));
        let of_b = LegConfig { packet_time, ..audio([pcmu(), telephone_event(101)]) };
        let wide = codec(97, "L16", 16_000);
        let (mut world, a, b) = call(audio([wide.clone()]), of_b);
        let stream = &mut world.peer_mut(a).stream;
        stream.voice = Some(Voice::new(&wide, 16_000, &Default::default(), tone(437.0)));
        stream.clock_rate = 16_000;
        world.start(a);
        world.run_for(MILLIS(1007));
        send(&mut world, b, of_millis("17", 100, 100));
        world.run_for(MILLIS(2000));
        let log = &world.peer(b).heard.log;
        assert_in_sequence(log);
        let got = assert_events(log, &[('1', 800), ('7', 800)], 8000);
        assert_eq!(got[1].begin, got[0].begin.wrapping_add(1600));
        let before = &log[got[0].at[0] - 1];
        let length = u32::try_from(before.payload.len()).unwrap();
        assert_eq!(got[0].begin, before.timestamp.wrapping_add(length), "{millis} ms");
        let after = &log[got[1].at.last().unwrap() + 1..];
        assert!(after[0].marker, "the audio begins anew");
        assert!(after.iter().map(|packet| packet.payload.len()).sum::<usize>() > 8000);
        assert_eq!(world.peer(b).heard.seam.check(), Ok(()), "{millis} ms");
    }
}

#[test]
fn whatever_feeds_the_leg() {
    for kind in ["silence", "player", "mix", "a party that is silent", "a party that is under SRTP"] {
        let (mut world, a, b) = call(audio([pcma()]), audio([pcmu(), telephone_event(101)]));
        match kind {
            "silence" | "player" | "mix" => feed(&mut world, (a, b), kind),
            "a party that is under SRTP" => {
                world.secure(a, Suite::AesCm128HmacSha1_80, Library::WebRtc);
                world.secure(b, Suite::AeadAes128Gcm, Library::WebRtc);
            }
            _ => {}
        }
        world.start(a);
        world.run_for(MILLIS(500));
        if kind == "a party that is silent" {
            world.stop(a);
            world.run_for(MILLIS(500));
        }
        let sent_at = world.now();
        send(&mut world, b, digits("0*"));
        world.run_for(MILLIS(1000));
        let peer = world.peer(b);
        assert_in_sequence(&peer.heard.log);
        let got = assert_events(&peer.heard.log, &[('0', 800), ('*', 800)], 8000);
        assert!(peer.heard.log[got[0].at[0]].at.since(sent_at) <= MILLIS(65), "{kind}");
        assert_eq!((peer.heard.seam.check(), peer.heard.not_authentic), (Ok(()), 0), "{kind}");
        assert_eq!(ends(&world, b), [false], "{kind}");
        let audio_after = peer.heard.log.len() - 1 - got[1].at.last().unwrap();
        let expected = !kind.contains("silen");
        assert_eq!(audio_after > 20, expected, "{kind}: {audio_after} packets");
    }
}

// test-of: [RFC4733 2.1]
#[test]
fn of_the_clock_rate_of_the_stream_where_the_party_has_it() {
    let both = [opus(), telephone_event(100), events_at(101, 48_000)];
    for (codecs, clock_rate) in [(both.to_vec(), 48_000), (vec![opus(), telephone_event(101)], 8000)] {
        let (mut world, a, b) = call(audio([pcmu()]), LegConfig { codecs, ..LegConfig::default() });
        world.peer_mut(a).stream.voice = Some(Voice::new(&pcmu(), 8000, &Default::default(), tone(437.0)));
        world.peer_mut(b).heard.clock_rate = 48_000;
        world.start(a);
        world.run_for(MILLIS(500));
        send(&mut world, b, digits("58"));
        world.run_for(MILLIS(1000));
        let length = clock_rate / 10;
        let log = &world.peer(b).heard.log;
        let got = assert_events(log, &[('5', length), ('8', length)], clock_rate);
        assert_eq!(got[1].begin, got[0].begin.wrapping_add(9600), "200 ms on the stream's clock");
        assert_eq!(world.peer(b).heard.seam.check(), Ok(()));
    }
}

// test-of: [RFC4733 2.5.1.3]
#[test]
fn a_long_one_goes_in_segments() {
    let (mut world, _, b) = call(audio([opus()]), audio([opus(), events_at(101, 48_000)]));
    send(&mut world, b, of_millis("3", 5000, 40));
    world.run_for(MILLIS(6000));
    let log = &world.peer(b).heard.log;
    let got = events(log, 101);
    let segments: Vec<_> = got.iter().map(|got| got.blocks.last().unwrap().duration).collect();
    assert_eq!(segments, [65_535, 65_535, 65_535, 43_395], "240,000 ticks in all");
    for pair in got.windows(2) {
        assert_eq!(pair[1].begin, pair[0].begin.wrapping_add(65_535));
        assert!(pair[0].blocks.iter().all(|block| !block.end));
    }
    assert_eq!(got[3].blocks.iter().filter(|block| block.end).count(), 3);
    assert_in_sequence(log);
}

#[test]
fn not_into_an_event_of_the_source() {
    let (mut world, a, b) =
        call(audio([pcmu(), telephone_event(101)]), audio([pcmu(), telephone_event(101)]));
    world.start(a);
    world.run_for(MILLIS(500));
    world.peer_mut(a).stream.press(9, MILLIS(300));
    world.run_for(MILLIS(100));
    send(&mut world, b, digits("4"));
    world.run_for(MILLIS(1000));
    let log = &world.peer(b).heard.log;
    assert_in_sequence(log);
    let got = events(log, 101);
    let seen: Vec<_> = got.iter().map(|got| (got.digit(), got.blocks.last().unwrap().duration)).collect();
    assert_eq!(seen, [('9', 2400), ('4', 800)]);
    assert!(got[0].at.last() < got[1].at.first());
    assert_eq!(world.peer(b).heard.seam.check(), Ok(()));
    // One that does not end is not waited for longer than a second.
    world.peer_mut(a).stream.press(9, MILLIS(8000));
    world.run_for(MILLIS(100));
    send(&mut world, b, digits("6"));
    world.run_for(MILLIS(1400));
    assert_eq!(ends(&world, b), [false, false]);
}

/// The party has a codec that nothing here can encode: it can be sent events, in the place of what is forwarded.
#[test]
fn to_a_party_whose_codec_cannot_be_encoded() {
    let strange = codec(97, "EVS", 16_000);
    let (mut world, a, b) = call(audio([strange.clone()]), audio([strange, events_at(101, 16_000)]));
    world.peer_mut(a).stream.clock_rate = 16_000;
    world.peer_mut(b).heard.clock_rate = 16_000;
    world.start(a);
    world.run_for(MILLIS(500));
    send(&mut world, b, digits("12"));
    world.run_for(MILLIS(1000));
    let heard = &world.peer(b).heard;
    let got = assert_events(&heard.log, &[('1', 1600), ('2', 1600)], 16_000);
    assert_eq!(got[0].begin, heard.log[got[0].at[0] - 1].timestamp.wrapping_add(320));
    assert_in_sequence(&heard.log);
    assert!(heard.log.len() - got[1].at.last().unwrap() > 20, "the source goes on");
    assert_eq!(heard.seam.check(), Ok(()));
    let tone = DigitSpec { method: DigitMethod::Tone, ..digits("1")[0] };
    let leg = world.peer(b).leg;
    assert_eq!(try_send(&mut world, b, vec![tone]), Err(CommandError::NoDigit(leg)));
}

#[test]
fn what_cannot_be_sent_is_refused_and_what_waits_is_bounded() {
    let (mut world, a, b) = call(audio([pcmu()]), audio([pcmu(), telephone_event(101)]));
    let [of_a, of_b] = [a, b].map(|peer| world.peer(peer).leg);
    let full = CommandError::TooManyDigits { limit: DigitSpec::MAX_WAITING };
    assert_eq!(try_send(&mut world, b, digits(&"1".repeat(33))), Err(full.clone()));
    send(&mut world, b, digits(&"1".repeat(20)));
    assert_eq!(try_send(&mut world, b, digits(&"2".repeat(13))), Err(full.clone()), "none of them is taken");
    send(&mut world, b, digits(&"3".repeat(12)));
    assert_eq!(try_send(&mut world, b, digits("4")), Err(full));
    world.run_for(MILLIS(32 * 200 + 100));
    let sent: String = events(&world.peer(b).heard.log, 101).iter().map(Got::digit).collect();
    assert_eq!(sent, "1".repeat(20) + &"3".repeat(12));
    assert_eq!(ends(&world, b), [false]);

    assert_eq!(try_send(&mut world, a, digits("!")), Err(CommandError::NoDigit(of_a)), "a flash has no tone");
    send(&mut world, b, digits("!"));
    let event = DigitSpec { method: DigitMethod::Event, ..digits("1")[0] };
    assert_eq!(try_send(&mut world, a, vec![event]), Err(CommandError::NoDigit(of_a)));
    for wrong in [
        DigitSpec { duration: MILLIS(39), ..event },
        DigitSpec { duration: MILLIS(5001), ..event },
        DigitSpec { pause: MILLIS(39), ..event },
        DigitSpec { volume: 64, ..event },
    ] {
        let refused = try_send(&mut world, b, vec![wrong]);
        assert!(matches!(refused, Err(CommandError::OutOfRange { .. })), "{refused:?}");
    }
    world.reinvite(b, |config| config.direction = mediapoint_engine::Direction::Inactive);
    assert_eq!(try_send(&mut world, b, vec![event]), Err(CommandError::NoDigit(of_b)), "on hold");
    assert!(!format!("{:?}", digits("7")[0]).contains('7'), "what may be of a card number is not shown");
}

#[test]
fn stopped_in_the_middle() {
    let (mut world, a, b) = call(audio([pcmu()]), audio([pcmu(), telephone_event(101)]));
    world.start(a);
    world.run_for(MILLIS(500));
    send(&mut world, b, of_millis("123", 1000, 100));
    world.run_for(MILLIS(330));
    let (call, leg) = (world.peer(b).call, world.peer(b).leg);
    assert_eq!(world.apply(call, CallCommand::StopDigits { leg }), Ok(()));
    assert_eq!(ends(&world, b), [true]);
    world.run_for(MILLIS(1000));
    let log = &world.peer(b).heard.log;
    let got = events(log, 101);
    assert_eq!(got.len(), 1);
    let last = got[0].blocks.last().unwrap();
    assert!(last.end && (2200..=2600).contains(&last.duration), "{}", last.duration);
    assert_eq!(got[0].blocks.iter().filter(|block| block.end).count(), 3);
    assert_in_sequence(log);
    assert!(log.len() - got[0].at.last().unwrap() > 30, "the source goes on");
    assert_eq!(ends(&world, b), [true], "once");
    assert!(!world.events.iter().any(|(_, event)| matches!(event, Event::CommandFailed { .. })));
    let _: RtpTicks = got[0].begin;
}
