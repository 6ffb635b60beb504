//! Timers that are served late, in any order with the datagrams that came meanwhile: forwarded packets do not notice it,
//! audio is made up for, up to a fifth of a second, sample by sample, and beyond that the timestamps say what is left out.
//! Lateness does not add up.

use std::time::Duration;

use mediapoint_engine::session::source::tone::ToneGenerator;
use mediapoint_engine::{CallId, EncoderSettings, Event, PayloadCodec, Source, TapSide, ToneSpec};
use mediapoint_packet::Time;
use mediapoint_testkit::{
    Ear, Outbox, PeerId, Voice, World, audio, codec, for_each_seed, pcmu, telephone_event, tone,
};

/// A stall up to this long is made up for.
const MAKE_UP: u64 = 200;

const LATE: [u64; 4] = [5, 50, 190, 500];

fn l16() -> PayloadCodec {
    codec(97, "L16", 8000)
}

/// A call between these codecs; the first party talks.
fn call(seed: u64, codecs: [PayloadCodec; 2]) -> (World, PeerId, PeerId) {
    let mut world = World::new(seed);
    let call = world.add_call();
    let clock_rate = codecs[1].codec.clock_rate;
    let spoken = codecs[0].clone();
    let [a, b] = codecs.map(|entry| world.add_peer(call, audio([entry, telephone_event(101)])));
    world.connect(a, b);
    let voice = Voice::new(&spoken, 8000, &EncoderSettings::default(), tone(437.0));
    world.peer_mut(a).stream.voice = Some(voice);
    let heard = &mut world.peer_mut(b).heard;
    (heard.keep_packets, heard.clock_rate) = (true, clock_rate);
    world.start(a);
    (world, a, b)
}

#[test]
fn forwarded_packets_do_not_notice() {
    let run = |late| {
        let (mut world, _, b) = call(1, [pcmu(), pcmu()]);
        world.late_up_to = Duration::from_millis(late);
        world.run_for(Duration::from_secs(10));
        std::mem::take(&mut world.peer_mut(b).heard.log)
    };
    let in_time = run(0);
    assert!(in_time.len() > 490);
    for late in LATE {
        assert_eq!(run(late), in_time, "{late} ms late");
    }
}

#[test]
fn a_tone_is_whole_up_to_a_fifth_of_a_second_and_leaves_out_what_is_longer() {
    for_each_seed(10, |seed| {
        for late in LATE {
            let mut world = World::new(seed);
            let call = world.add_call();
            let party = world.add_peer(call, audio([l16()]));
            world.peer_mut(party).heard.keep_packets = true;
            world.peer_mut(party).heard.seam.set_tolerance(Duration::from_millis(late + 40));
            let spec = ToneSpec::continuous(440.0, -10.0);
            let tone = world.add_tone(call, spec.clone());
            world.run_for(Duration::from_millis(100));
            world.feed(party, Source::Player(tone));
            world.late_up_to = Duration::from_millis(late);
            world.run_for(Duration::from_secs(10));
            world.late_up_to = Duration::ZERO;
            world.run_for(Duration::from_secs(1));
            let heard = &world.peer(party).heard;
            assert_eq!((heard.seam.check(), heard.missing()), (Ok(()), 0), "{late} ms late");
            let first = &heard.log[0];
            let sequences =
                heard.log.windows(2).map(|pair| pair[1].sequence.0.wrapping_sub(pair[0].sequence.0));
            assert!(sequences.into_iter().all(|step| step == 1));
            let ear = Ear::new(&heard.log, &[l16()], 8000);
            let mut expected = vec![0; ear.pcm.len()];
            ToneGenerator::new(&spec).generate(8000, &mut expected);
            if late <= MAKE_UP {
                assert_eq!(ear.missing(), 0, "{late} ms late");
                // It begins out of silence with a fade of 5 ms.
                assert!(ear.pcm[40..] == expected[40..], "{late} ms late: samples");
            } else {
                assert!(ear.missing() > 0, "{late} ms late");
                let played: Vec<i16> = ear
                    .pcm
                    .iter()
                    .zip(&ear.covered)
                    .filter(|(_, covered)| **covered)
                    .map(|(x, _)| *x)
                    .collect();
                assert!(
                    played[40..] == expected[40..played.len()],
                    "{late} ms late: what is played is in order"
                );
            }
            // In the end timestamps are where they would be without any lateness.
            let last = heard.log.last().unwrap();
            let stream = i64::from(last.timestamp.distance_from(first.timestamp));
            let clock = i64::try_from(last.at.since(first.at).as_millis()).unwrap() * 8;
            // The first tick may have been late itself.
            let most = i64::try_from(late.min(MAKE_UP)).unwrap() * 8 + 160;
            assert!((stream - clock).abs() <= most, "{late} ms late: {stream} ticks in {clock}");
        }
    });
}

#[test]
fn a_transcoded_call_has_no_seam_and_is_on_the_clock_afterwards() {
    let g729 = codec(18, "G729", 8000);
    for codecs in [[pcmu(), g729.clone()], [g729, pcmu()], [l16(), pcmu()]] {
        for_each_seed(5, |seed| {
            for late in LATE {
                let (mut world, a, b) = call(seed, codecs.clone());
                world.peer_mut(b).heard.seam.set_tolerance(Duration::from_millis(2 * late + 300));
                let (_, room) = world.tap_keys(a);
                let (_, mut reader) = world.tap_audio(a, TapSide::Both, 8000, 100);
                world.run_for(Duration::from_secs(1));
                world.late_up_to = Duration::from_millis(late);
                for n in 0..10 {
                    world.peer_mut(a).stream.press(n, Duration::from_millis(80));
                    world.run_for(Duration::from_secs(1));
                    room.give();
                    while reader.pop_with(|_| ()).is_some() {}
                }
                world.late_up_to = Duration::ZERO;
                world.run_for(Duration::from_secs(5));
                let name =
                    format!("{} to {}, {late} ms late", codecs[0].codec.name(), codecs[1].codec.name());
                let heard = &world.peer(b).heard;
                assert_eq!((heard.seam.check(), heard.missing()), (Ok(()), 0), "{name}");
                let pressed: Vec<u8> = (world.events.iter())
                    .filter_map(|(_, event)| match event {
                        Event::KeyPressed { press, .. } => Some(press.code),
                        _ => None,
                    })
                    .collect();
                assert_eq!(pressed, (0..10).collect::<Vec<u8>>(), "{name}");
                let first = &heard.log[0];
                let last = heard.log.last().unwrap();
                let stream = i64::from(last.timestamp.distance_from(first.timestamp));
                let clock = i64::try_from(last.at.since(first.at).as_millis()).unwrap() * 8;
                assert!((stream - clock).abs() <= 100 * 8, "{name}: {stream} ticks in {clock}");
                // Each 20 ms again, and the tone is there.
                let at = last.at;
                let recent = heard.log.iter().filter(|packet| at.since(packet.at) < Duration::from_secs(3));
                assert!((149..=151).contains(&recent.count()), "{name}");
                assert_eq!(world.buffers_lost(), 0, "{name}");
            }
        });
    }
}

/// The session is called at times of chance, far apart: nothing panics, nothing is lost, every call ends.
#[test]
fn of_every_kind_at_once() {
    for_each_seed(20, |seed| {
        let mut world = World::new(seed);
        let call = world.add_call();
        let g729 = codec(18, "G729", 8000);
        let parties: Vec<PeerId> = [pcmu(), g729, l16(), codec(9, "G722", 8000)]
            .into_iter()
            .map(|entry| world.add_peer(call, audio([entry, telephone_event(101)])))
            .collect();
        let inputs: Vec<Source> = parties.iter().map(|party| world.source_of(*party)).collect();
        let mix = world.add_mix(call, &inputs);
        let tone = world.add_tone(call, ToneSpec::continuous(440.0, -10.0));
        let (_stream, mut writer) = world.add_stream(call, 8000, 100);
        for party in &parties {
            world.feed(*party, Source::Mix(mix));
            world.start(*party);
        }
        world.run_for(Duration::from_secs(1));
        for _ in 0..200 {
            world.late_up_to = Duration::from_millis(
                [0, 5, 50, 500, 3000][usize::try_from(random_below(&mut world, 5)).unwrap()],
            );
            let wait = random_below(&mut world, 700);
            world.run_for(Duration::from_millis(wait));
            let party = parties[usize::try_from(random_below(&mut world, 4)).unwrap()];
            let source = match random_below(&mut world, 4) {
                0 => Source::Player(tone),
                1 => inputs[usize::try_from(random_below(&mut world, 4)).unwrap()],
                _ => Source::Mix(mix),
            };
            world.feed(party, source);
            writer.push_with(|block| block.pcm.fill(1));
        }
        world.late_up_to = Duration::ZERO;
        for party in &parties {
            world.stop(*party);
        }
        world.run_for(Duration::from_secs(1));
        for party in &parties {
            let heard = &mut world.peer_mut(*party).heard;
            assert_eq!(heard.missing(), 0);
        }
        assert_eq!(world.buffers_lost(), 0);
        world.run_for(Duration::from_secs(100));
        assert_eq!(world.session().calls(), 0, "it ends for want of packets");
    });
}

fn random_below(world: &mut World, bound: u64) -> u64 {
    world.random().below(bound)
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "time runs backwards")]
fn and_time_that_runs_backwards_is_a_fault_of_the_caller() {
    let mut world = World::new(1);
    let call = world.add_call();
    world.run_for(Duration::from_secs(1));
    let mut out = Outbox::new(4);
    world.session().handle_timeouts(Time::from_millis(1000), &mut out);
    let added = world.session().add_call(Time::from_millis(999), CallId::from_u64(call.as_u64() + 1));
    assert_eq!(added, Ok(()), "not reached");
}
