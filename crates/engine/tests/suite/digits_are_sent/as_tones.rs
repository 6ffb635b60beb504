//! Digits as tones in the audio, found by the detector with their levels and lengths.

use mediapoint_engine::{
    Codec, DigitMethod, LegConfig, PayloadCodec, PayloadType, Playlist, Prompt, PromptsSpec, Repeat, Source,
};
use mediapoint_prompt::Audio;
use mediapoint_srtp::Suite;
use mediapoint_testkit::{
    Library, PeerId, Voice, World, audio, codec, level_of, pcma, pcmu, telephone_event, tone,
};

use super::*;

/// What the source says.
const SAID: f64 = 437.0;

/// A call whose first party says a tone; and the codec that the second is sent, decoded at a rate.
fn call(of_a: PayloadCodec, of_b: LegConfig) -> (World, PeerId, PeerId) {
    let mut world = World::new(9);
    let call = world.add_call();
    let a = world.add_peer(call, audio([of_a.clone()]));
    let b = world.add_peer(call, of_b);
    world.peer_mut(b).heard.keep_packets = true;
    world.connect(a, b);
    let stream = &mut world.peer_mut(a).stream;
    stream.voice = Some(Voice::new(&of_a, 48_000, &Default::default(), tone(SAID)));
    stream.clock_rate = of_a.codec.clock_rate;
    world.start(a);
    (world, a, b)
}

/// Codecs that a party is sent, the rate that it decodes at, and by how many dB and milliseconds a tone may come out otherwise.
fn codecs() -> [(PayloadCodec, u32, f32, f32); 6] {
    let opus = PayloadCodec::new(PayloadType::new(96).unwrap(), Codec::OPUS);
    [
        (pcmu(), 8000, 0.5, 6.0),
        (pcma(), 8000, 0.5, 6.0),
        (codec(9, "G722", 8000), 16_000, 0.7, 6.0),
        (codec(97, "L16", 48_000), 48_000, 0.5, 6.0),
        (opus, 48_000, 1.0, 10.0),
        (codec(18, "G729", 8000), 8000, 2.0, 14.0),
    ]
}

fn millis(samples: u64) -> f32 {
    f32::from(u16::try_from(samples / 8).unwrap()) + f32::from(u8::try_from(samples % 8).unwrap()) / 8.0
}

#[test]
fn in_every_codec_at_their_levels_and_lengths() {
    for of_a in [pcmu(), codec(97, "L16", 16_000)] {
        for (entry, rate, decibels, length) in codecs() {
            let name = format!("{} to {}", of_a.codec.name(), entry.codec.name());
            let (mut world, a, b) = call(of_a.clone(), audio([entry.clone()]));
            world.peer_mut(b).heard.clock_rate = entry.codec.clock_rate;
            world.run_for(MILLIS(1003));
            send(&mut world, b, of_millis("159", 100, 80));
            let quiet = DigitSpec { volume: 20, ..of_millis("D", 250, 80)[0] };
            send(&mut world, b, vec![quiet]);
            world.run_for(MILLIS(2500));
            let ear = ear(&world, b, rate);
            let found = found(&ear.pcm);
            assert_eq!(text(&found), "159D", "{name}");
            for (digit, (volume, lasts)) in
                found.iter().zip([(8.0, 100.0); 3].into_iter().chain([(20.0, 250.0)]))
            {
                let sum =
                    10.0 * (10_f32.powf(digit.low_dbm0 / 10.0) + 10_f32.powf(digit.high_dbm0 / 10.0)).log10();
                assert!((sum + volume).abs() < decibels, "{name}: {sum} dBm0 instead of -{volume}");
                assert!((digit.twist_db - 2.0).abs() < 2.0 * decibels, "{name}: twist {}", digit.twist_db);
                let lasted = millis(digit.duration);
                assert!((lasted - lasts).abs() <= length, "{name}: {lasted} ms instead of {lasts}");
            }
            for pair in found.windows(2) {
                let pause = millis(pair[1].start_sample - pair[0].start_sample - pair[0].duration);
                assert!((pause - 80.0).abs() <= length, "{name}: {pause} ms between");
            }
            // Nothing of the source from the first digit to the last pause; before and after, it is there.
            let (first, last) = (found[0].start_sample, found[3].start_sample + found[3].duration + 500);
            let at = |sample: u64| usize::try_from(sample).unwrap();
            let level = |from: u64, to: u64| level_of(&ear.pcm[at(from)..at(to)], SAID, 8000);
            let before = level(first - 1800, first - 200);
            assert!(level(last + 1600, last + 3200) > before - 2.0, "{name}: the source goes on");
            for pair in found.windows(2) {
                let (from, to) = (pair[0].start_sample + pair[0].duration + 120, pair[1].start_sample - 120);
                assert!(level(from, to) < before - 25.0, "{name}: {} in a pause", level(from, to));
            }
            assert_eq!(ear.missing(), 0, "{name}: no gap");
            let heard = &world.peer(b).heard;
            assert_in_sequence(&heard.log);
            assert_eq!(heard.seam.check(), Ok(()), "{name}");
            assert_eq!(ends(&world, b), [false], "{name}");
            assert_eq!(world.buffers_lost(), 0);
            let forwards = of_a == pcmu() && [pcmu(), pcma()].contains(&entry);
            let statistics = world.leg_statistics(a).playout.unwrap();
            world.run_for(MILLIS(400));
            let later = world.leg_statistics(a).playout.unwrap();
            assert_eq!(statistics == later, forwards, "{name}: forwarded again where it was");
        }
    }
}

/// G.711 in and out: before and after the digit the source is heard as it is, without a gap or a step.
#[test]
fn between_forwarded_packets_without_a_click() {
    for phase in 0..20 {
        let (mut world, a, b) = call(pcmu(), audio([pcmu()]));
        world.run_for(MILLIS(1000 + phase));
        send(&mut world, b, of_millis("7", 100, 60));
        world.run_for(MILLIS(1500));
        let ear = ear(&world, b, 8000);
        assert_eq!(ear.missing(), 0);
        let found = found(&ear.pcm);
        assert_eq!(text(&found), "7", "phase {phase}");
        let start = usize::try_from(found[0].start_sample).unwrap();
        let broken = |from: usize, to: usize| {
            Ear { pcm: ear.pcm[from..to].to_vec(), ..Ear::default() }.worst_break(SAID, 8000, 0)
        };
        let grain = 900.0;
        assert!(broken(0, start - 80) < grain, "phase {phase}: {}", broken(0, start - 80));
        // 100 and 60 ms, and 5 ms of the cross-fade.
        let after = start + 1280 + 200;
        assert!(broken(after, ear.pcm.len()) < grain, "phase {phase}: {}", broken(after, ear.pcm.len()));
        // At the borders there is no step: none is larger than those of the tone itself.
        let step = |pcm: &[i16]| {
            pcm.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap()
        };
        let of_tone = step(&ear.pcm[start + 200..start + 600]);
        assert!(step(&ear.pcm) <= of_tone * 11 / 10, "phase {phase}: {} of {of_tone}", step(&ear.pcm));
        assert_eq!(world.peer(b).heard.seam.check(), Ok(()));
        let forwarded = world.peer(b).heard.log.iter().rev().take(20);
        assert!(forwarded.clone().all(|packet| packet.payload.len() == 160));
        let _ = a;
    }
}

#[test]
fn whatever_feeds_the_leg() {
    for kind in ["silence", "player", "mix", "silent party", "SRTP", "20 ms of 60", "asked for"] {
        let packet_time = match kind {
            "20 ms of 60" => mediapoint_engine::PacketTime::Always(MILLIS(60)),
            _ => mediapoint_engine::PacketTime::AsReceived,
        };
        let codecs = if kind == "asked for" { vec![pcmu(), telephone_event(101)] } else { vec![pcmu()] };
        let (mut world, a, b) = call(pcma(), LegConfig { packet_time, codecs, ..LegConfig::default() });
        match kind {
            "silence" | "player" | "mix" => feed(&mut world, (a, b), kind),
            "silent party" => world.stop(a),
            "SRTP" => world.secure(b, Suite::AeadAes256Gcm, Library::WebRtc),
            _ => {}
        }
        world.run_for(MILLIS(500));
        let tone = |spec| DigitSpec { method: DigitMethod::Tone, ..spec };
        send(&mut world, b, digits("0*A").into_iter().map(tone).collect());
        world.run_for(MILLIS(1500));
        let heard = &world.peer(b).heard;
        let ear = ear(&world, b, 8000);
        assert_eq!(text(&found(&ear.pcm)), "0*A", "{kind}");
        assert_in_sequence(&heard.log);
        assert_eq!((heard.seam.check(), heard.not_authentic), (Ok(()), 0), "{kind}");
        assert_eq!(events(&heard.log, 101).len(), 0, "{kind}");
        assert_eq!(ends(&world, b), [false], "{kind}");
        let last = heard.log.last().unwrap().at;
        assert_eq!(world.now().since(last) < MILLIS(100), !kind.starts_with("silen"), "{kind}");
    }
}

/// A prompt whose packets were made before goes on beside the digits. What follows them is not decoded on from a past that the
/// party has not had: it is as loud as before at once, and no louder.
#[test]
fn into_a_prompt() {
    let g729 = codec(18, "G729", 8000);
    for method in [DigitMethod::Event, DigitMethod::Tone] {
        let (mut world, a, b) = call(pcmu(), audio([g729.clone(), telephone_event(101)]));
        let mut samples = vec![0; 800];
        samples.extend((0..40_000).map(|n| tone(SAID)(n, 8000)));
        let prompt = Prompt::new("music", Audio { rate: 8000, samples });
        let playlist = Playlist { repeat: Repeat::FOREVER, ..Playlist::of([prompt]) };
        let player = world.add_prompts(world.peer(a).call, PromptsSpec::new(playlist, g729.clone()));
        world.feed(b, Source::Player(player));
        world.run_for(MILLIS(1500));
        let sent_at = world.now();
        send(&mut world, b, digits("5").into_iter().map(|spec| DigitSpec { method, ..spec }).collect());
        world.run_for(MILLIS(1000));
        let ear = ear(&world, b, 8000);
        let level = |from: usize| level_of(&ear.pcm[from..from + 400], SAID, 8000);
        let (_, first) = ear.arrivals.iter().find(|(at, _)| at.since(sent_at) >= MILLIS(240)).unwrap();
        let before = level(8000);
        for n in 0..8 {
            let after = level(first + 200 + n * 400);
            assert!((after - before).abs() < 1.0, "{method:?}: {after} dB, {before} before");
        }
        let loudest = |pcm: &[i16]| pcm.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        let (usual, then) = (loudest(&ear.pcm[4000..12_000]), loudest(&ear.pcm[*first..]));
        assert!(then < usual * 5 / 4, "{method:?}: {then} after {usual}");
        assert_eq!(world.peer(b).heard.seam.check(), Ok(()));
        assert_in_sequence(&world.peer(b).heard.log);
    }
}

/// A source with more bandwidth makes the encoder another one while a digit sounds: the digit stays what it is.
#[test]
fn beside_a_change_of_the_sample_rate() {
    let opus = PayloadCodec::new(PayloadType::new(96).unwrap(), Codec::OPUS);
    let (mut world, a, b) = call(pcmu(), audio([opus]));
    world.peer_mut(b).heard.clock_rate = 48_000;
    let wide = codec(97, "L16", 48_000);
    let c = world.add_peer(world.peer(a).call, audio([wide.clone()]));
    let stream = &mut world.peer_mut(c).stream;
    stream.voice = Some(Voice::new(&wide, 48_000, &Default::default(), tone(SAID)));
    stream.clock_rate = 48_000;
    stream.payload_type = wide.payload_type;
    world.start(c);
    world.run_for(MILLIS(500));
    send(&mut world, b, of_millis("9", 500, 60));
    world.run_for(MILLIS(200));
    world.set_source(b, Some(c));
    world.run_for(MILLIS(1500));
    let found = found(&ear(&world, b, 48_000).pcm);
    assert_eq!(text(&found), "9");
    assert!((millis(found[0].duration) - 500.0).abs() <= 12.0, "{} ms", millis(found[0].duration));
    assert_eq!(world.peer(b).heard.seam.check(), Ok(()));
}

#[test]
fn into_events_and_tones_in_turn() {
    let (mut world, a, b) = call(pcmu(), audio([pcmu(), telephone_event(101)]));
    world.run_for(MILLIS(500));
    let methods = [DigitMethod::Event, DigitMethod::Tone, DigitMethod::Automatic, DigitMethod::Tone];
    let specs = digits("1234").into_iter().zip(methods).map(|(spec, method)| DigitSpec { method, ..spec });
    send(&mut world, b, specs.collect());
    world.run_for(MILLIS(1500));
    let heard = &world.peer(b).heard;
    let sent: String = events(&heard.log, 101).iter().map(Got::digit).collect();
    assert_eq!((sent.as_str(), text(&found(&ear(&world, b, 8000).pcm)).as_str()), ("13", "24"));
    assert_in_sequence(&heard.log);
    assert_eq!((heard.seam.check(), ends(&world, b)), (Ok(()), vec![false]));
    assert_eq!(world.peer(a).unsent, 0);
}
