//! A tone to a leg that has no other leg: it begins with the command, keeps frequency, level and cadence, comes in packets
//! of the length asked for, reports its end once, and leaves nothing behind.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::time::Duration;

use mediapoint_engine::{
    Burst, Codec, Event, LegConfig, PacketTime, PayloadCodec, PayloadType, PlayerId, Sine, Source, ToneSpec,
};
use mediapoint_packet::Time;
use mediapoint_testkit::{Ear, PeerId, World, audio, codec, level_of, pcma, pcmu};

const PACKET_TIMES: [u64; 4] = [10, 20, 30, 60];

/// Time on the way to the party.
const WAY: u64 = 10;

fn opus() -> PayloadCodec {
    PayloadCodec::new(PayloadType::new(96).unwrap(), Codec::OPUS)
}

/// Each codec with the rate it is decoded at, how far a level may be off in dB, how far an edge in milliseconds, and how
/// much later than its timestamp its audio is.
fn codecs() -> Vec<(PayloadCodec, u32, f64, usize)> {
    vec![
        (pcmu(), 8000, 0.1, 1),
        (pcma(), 8000, 0.1, 1),
        (codec(97, "L16", 8000), 8000, 0.05, 1),
        (codec(18, "G729", 8000), 8000, 2.0, 20),
        (opus(), 16_000, 1.0, 20),
    ]
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

struct Scene {
    world: World,
    party: PeerId,
    player: PlayerId,
    began: Time,
}

/// A party that sends nothing is played a tone from now on.
fn play(entry: &PayloadCodec, packet_time: u64, tone: ToneSpec) -> Scene {
    let mut world = World::new(2);
    let call = world.add_call();
    let packet_time = PacketTime::WhereEncoded(millis(packet_time));
    let party = world.add_peer(call, LegConfig { packet_time, ..audio([entry.clone()]) });
    let heard = &mut world.peer_mut(party).heard;
    (heard.keep_packets, heard.clock_rate) = (true, entry.codec.clock_rate);
    heard.seam.set_tolerance(Duration::from_micros(100));
    world.run_for(millis(1234));
    let player = world.add_tone(call, tone);
    world.feed(party, Source::Player(player));
    let began = world.now();
    Scene { world, party, player, began }
}

fn ear(scene: &Scene, entry: &PayloadCodec, rate: u32) -> Ear {
    Ear::new(&scene.world.peer(scene.party).heard.log, std::slice::from_ref(entry), rate)
}

/// Checks the packets: one each packet time from the command on, so many of them.
fn check_packets(scene: &Scene, entry: &PayloadCodec, packet_time: u64, count: u64) {
    let name = format!("{} {packet_time} ms", entry.codec.name());
    let heard = &scene.world.peer(scene.party).heard;
    let ticks = u32::try_from(packet_time * u64::from(entry.codec.clock_rate) / 1000).unwrap();
    assert_eq!(heard.log.len() as u64, count, "{name}: packets");
    // The tick is of 20 ms where that makes whole packets, else of 10.
    let tick = if packet_time.is_multiple_of(20) { 20 } else { 10 };
    let mut at = scene.began + millis(packet_time - tick + WAY);
    for (n, packet) in heard.log.iter().enumerate() {
        let first = &heard.log[0];
        let number = u32::try_from(n).unwrap();
        assert_eq!(packet.at, at, "{name}: packet {n} comes on time");
        assert_eq!(packet.ssrc, first.ssrc);
        assert_eq!(packet.sequence, first.sequence.wrapping_add(u16::try_from(n).unwrap()));
        assert_eq!(packet.timestamp, first.timestamp.wrapping_add(number * ticks), "{name}: packet {n}");
        assert_eq!(packet.marker, n == 0, "{name}: packet {n}");
        at = at + millis(packet_time);
    }
    assert_eq!(heard.seam.check(), Ok(()), "{name}");
    assert_eq!(scene.world.buffers_lost(), 0, "{name}");
}

#[test]
fn it_has_its_frequencies_and_levels() {
    for (entry, rate, off, _) in codecs() {
        for packet_time in PACKET_TIMES {
            let sines =
                vec![Sine { frequency: 350.0, level: -13.0 }, Sine { frequency: 1000.0, level: -16.0 }];
            let tone = ToneSpec { sines, cadence: Vec::new(), cycles: None };
            let mut scene = play(&entry, packet_time, tone);
            scene.world.run_for(millis(6 * 500 + WAY - 1));
            check_packets(&scene, &entry, packet_time, 3000 / packet_time);
            let ear = ear(&scene, &entry, rate);
            assert_eq!(ear.missing(), 0);
            assert_eq!(ear.pcm.len(), rate as usize * 3);
            // A whole number of periods of both, once the codec has begun.
            let pcm = &ear.pcm[rate as usize..2 * rate as usize];
            let name = format!("{} {packet_time} ms", entry.codec.name());
            for (hertz, expected) in [(350.0, -13.0), (1000.0, -16.0)] {
                let level = level_of(pcm, hertz, rate);
                assert!((level - expected).abs() < off, "{name}: {hertz} Hz has {level} dBm0");
            }
            for hertz in [440.0, 700.0, 1350.0, 2000.0, 3000.0] {
                let level = level_of(pcm, hertz, rate);
                assert!(level < -30.0, "{name}: {hertz} Hz has {level} dBm0");
            }
        }
    }
}

/// Milliseconds at which the audio becomes loud, and quiet again.
fn edges(pcm: &[i16], rate: u32) -> Vec<usize> {
    let per_ms = rate as usize / 1000;
    // Over 2 ms or more, so that a zero of the sine is no edge.
    let loud: Vec<bool> = (0..pcm.len() / per_ms)
        .map(|at| {
            let from = (at * per_ms).saturating_sub(per_ms);
            let peak = pcm[from..((at + 2) * per_ms).min(pcm.len())].iter().map(|x| x.unsigned_abs());
            peak.max().unwrap_or(0) > 1000
        })
        .collect();
    (1..loud.len()).filter(|&at| loud[at] != loud[at - 1]).collect()
}

#[test]
fn it_keeps_its_cadence_reports_its_end_once_and_then_sends_nothing() {
    for (entry, rate, _, off) in codecs() {
        for packet_time in PACKET_TIMES {
            let cadence = vec![
                Burst { on: millis(330), off: millis(210) },
                Burst { on: millis(150), off: millis(390) },
            ];
            let tone = ToneSpec { cadence, cycles: Some(3), ..ToneSpec::continuous(1000.0, -10.0) };
            let mut scene = play(&entry, packet_time, tone);
            scene.world.run_for(Duration::from_secs(20));
            let name = format!("{} {packet_time} ms", entry.codec.name());
            check_packets(&scene, &entry, packet_time, 3 * 1080 / packet_time);
            let mut expected = Vec::new();
            for cycle in 0..3 {
                expected.extend([0, 330, 540, 690].map(|at| cycle * 1080 + at));
            }
            // The first burst begins with the audio, or when the codec has begun.
            let edges = edges(&ear(&scene, &entry, rate).pcm, rate).into_iter().filter(|at| *at > off);
            let found: Vec<usize> = std::iter::once(0).chain(edges).collect();
            assert_eq!(found.len(), expected.len(), "{name}: {found:?}");
            for (found, expected) in found.iter().zip(&expected) {
                assert!(found.abs_diff(*expected) <= off + 1, "{name}: {found} instead of {expected} ms");
            }
            let finished: Vec<Time> = (scene.world.events.iter())
                .filter(|(_, event)| matches!(event, Event::PlayerFinished { player, .. } if *player == scene.player))
                .map(|(at, _)| *at)
                .collect();
            assert_eq!(finished.len(), 1, "{name}");
            let after = finished[0].since(scene.began).as_millis();
            assert!((3220..=3240).contains(&after), "{name}: finished after {after} ms");
        }
    }
}

/// A tone that ends in the middle of a packet is heard to its end.
#[test]
fn its_last_burst_is_heard_to_its_end() {
    for (entry, rate, _, off) in codecs() {
        for packet_time in PACKET_TIMES {
            for on in [40, 50, 100, 110] {
                let cadence = vec![Burst { on: millis(on), off: Duration::ZERO }];
                let tone = ToneSpec { cadence, cycles: Some(1), ..ToneSpec::continuous(1000.0, -10.0) };
                let mut scene = play(&entry, packet_time, tone);
                scene.world.run_for(Duration::from_secs(5));
                let name = format!("{} {packet_time} ms, {on} ms on", entry.codec.name());
                let tick = if packet_time.is_multiple_of(20) { 20 } else { 10 };
                let count = on.next_multiple_of(tick).div_ceil(packet_time);
                check_packets(&scene, &entry, packet_time, count);
                let ear = ear(&scene, &entry, rate);
                // Its last 10 ms but the ramp, as far as the codec's delay lets them into the last packet.
                let from = usize::try_from(on - 10).unwrap() * rate as usize / 1000;
                let peak = ear.pcm[from..].iter().map(|x| x.unsigned_abs()).max().unwrap();
                assert!(
                    peak > 3000 || off > 1 && ear.pcm.len() < from + off * rate as usize / 1000,
                    "{name}: {peak}"
                );
                assert_eq!(scene.world.events.len(), 1, "{name}: {:?}", scene.world.events);
            }
        }
    }
}

/// Taken from the leg in the middle, it can be given to it again and goes on; nobody hears it meanwhile.
#[test]
fn it_plays_only_while_somebody_wants_it() {
    let cadence = vec![Burst { on: millis(300), off: millis(100) }];
    let tone = ToneSpec { cadence, cycles: Some(2), ..ToneSpec::continuous(1000.0, -10.0) };
    let mut scene = play(&pcmu(), 20, tone);
    scene.world.run_for(millis(200));
    scene.world.feed(scene.party, Source::Silence);
    scene.world.run_for(Duration::from_secs(1));
    let before = scene.world.peer(scene.party).heard.packets;
    // Eleven ticks, and the packet in which it fades out.
    assert_eq!(before, 12);
    assert_eq!(scene.world.events, []);
    scene.world.feed(scene.party, Source::Player(scene.player));
    scene.world.peer_mut(scene.party).heard.seam.set_tolerance(millis(20));
    scene.world.run_for(Duration::from_secs(5));
    assert_eq!(scene.world.events.len(), 1);
    assert_eq!(scene.world.peer(scene.party).heard.packets, before + 40 - 11);
    assert_eq!(scene.world.peer(scene.party).heard.seam.check(), Ok(()));
}
