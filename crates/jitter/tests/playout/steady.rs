//! A network without jitter to follow: what is played is what the codec alone makes of the packets, sample by sample.

use std::time::Duration;

use mediapoint_codec::{Codec, EncoderSettings, Parameters, decoder, encoder};
use mediapoint_jitter::{Kind, PlayoutConfig, PlayoutStatistics};
use mediapoint_packet::Time;

use crate::common::{Leg, Packet, Random, ms, voice};

/// From the first packet to the first pull, as the engine starts a media path.
const LEAD: Duration = Duration::from_millis(25);
const PACKETS: u64 = 30_000;
/// Voice that is encoded before it repeats.
const DISTINCT: usize = 500;

/// Payloads of 20 ms, over and over.
fn payloads(codec: &Codec) -> Vec<Vec<u8>> {
    let mut encoder =
        encoder(codec, 8000, &Parameters::default(), &EncoderSettings::default()).expect("a codec there is");
    (0..DISTINCT)
        .map(|n| {
            let pcm: Vec<i16> = (0..160).map(|at| voice((n * 160 + at) as f64 / 8000.0)).collect();
            let mut payload = vec![0; 160];
            let len = encoder.encode(&pcm, &mut payload).expect("20 ms").len;
            payload.truncate(len);
            payload
        })
        .collect()
}

fn packet(payload_type: u8, n: u64, payloads: &[Vec<u8>]) -> Packet {
    let payload = payloads[n as usize % DISTINCT].clone();
    let (index, timestamp) = (1000 + n, (n * 160) as u32);
    Packet { epoch: 0, index, timestamp, payload_type, marker: n == 0, payload }
}

/// Ten minutes of a stream whose packets are up to `jitter` microseconds late, the pulls of which are up to `tick` late.
/// Checks every pull against the decoder without a jitter buffer.
fn play(number: u8, codec: &Codec, jitter: u64, tick: u64, seed: u64) -> PlayoutStatistics {
    let payloads = payloads(codec);
    let mut random = Random(seed);
    let lateness: Vec<u64> = (0..PACKETS).map(|_| random.below(jitter + 1)).collect();
    let config = PlayoutConfig::new(8000).expect("a rate there is");
    let mut leg = Leg::of(config, &[(number, codec.clone())], 20);
    let start = Time::from_millis(1000);
    for n in 0..PACKETS {
        let packet = packet(number, n, &payloads);
        leg.at(start + ms(20 * n) + Duration::from_micros(lateness[n as usize]), packet);
    }
    let first_pull = start + Duration::from_micros(lateness[0]) + LEAD;
    let mut alone = decoder(codec, 8000).expect("a codec there is");
    for n in 0..PACKETS {
        leg.now = first_pull + ms(20 * n) + Duration::from_micros(random.below(tick + 1));
        leg.step = Duration::from_nanos(1);
        leg.run(leg.now + leg.step);
        let mut expected = vec![0; 160];
        alone.decode(&payloads[n as usize % DISTINCT], &mut expected).expect("our own encoder's");
        let heard = leg.heard.pop().expect("what was pulled");
        assert_eq!((heard.kind, heard.pcm), (Kind::Speech, expected), "packet {n}, {jitter} us, seed {seed}");
    }
    leg.statistics()
}

fn nothing_was_scaled(statistics: &PlayoutStatistics) {
    let scaled = (statistics.stretched_samples, statistics.compressed_samples, statistics.concealed_samples);
    assert_eq!(scaled, (0, 0, 0), "{statistics:?}");
    assert_eq!((statistics.played, statistics.lost, statistics.late), (PACKETS, 0, 0), "{statistics:?}");
}

#[test]
fn pcmu_without_jitter_is_what_the_codec_makes() {
    nothing_was_scaled(&play(0, &Codec::PCMU, 0, 0, 1));
}

#[test]
fn pcmu_with_scheduling_jitter_is_what_the_codec_makes() {
    for seed in 0..3 {
        nothing_was_scaled(&play(0, &Codec::PCMU, 3000, 0, seed));
        nothing_was_scaled(&play(0, &Codec::PCMU, 3000, 2000, seed));
    }
}

#[test]
fn jitter_within_the_delay_is_not_followed() {
    for seed in 0..3 {
        nothing_was_scaled(&play(0, &Codec::PCMU, 15_000, 0, seed));
    }
}

#[test]
fn g729_is_what_the_codec_makes() {
    nothing_was_scaled(&play(18, &Codec::G729, 0, 0, 1));
    nothing_was_scaled(&play(18, &Codec::G729, 3000, 1000, 2));
}

/// The delay was shorter than the start delay from the beginning: that is no reason to lengthen the first words.
#[test]
fn start_is_never_lengthened_without_jitter() {
    let payloads = payloads(&Codec::PCMU);
    let config = PlayoutConfig::new(8000).unwrap().with_start(ms(60));
    let mut leg = Leg::of(config, &[(0, Codec::PCMU)], 20);
    for n in 0..3000 {
        let packet = packet(0, n, &payloads);
        leg.at(Time::from_millis(5 + 20 * n), packet);
    }
    leg.run(Time::from_millis(60_000));
    let statistics = leg.statistics();
    assert_eq!((statistics.stretched_samples, statistics.compressed_samples), (0, 0), "{statistics:?}");
    assert_eq!(leg.count(Kind::Speech), 3000);
}

/// A delay that is too long is still given up, after a while.
#[test]
fn surplus_is_shortened_after_seconds() {
    let payloads = payloads(&Codec::PCMU);
    let mut leg = Leg::of(PlayoutConfig::new(8000).unwrap(), &[(0, Codec::PCMU)], 20);
    // The first packet is 60 ms later than all that follow.
    for n in 0..3000 {
        let packet = packet(0, n, &payloads);
        leg.at(Time::from_millis(if n < 4 { 65 } else { 5 + 20 * n }), packet);
    }
    leg.run(Time::from_millis(3000));
    let before = leg.statistics();
    assert_eq!((before.compressed_samples, before.lost), (0, 0), "{before:?}");
    assert!(before.delay >= ms(60), "{before:?}");
    leg.run(Time::from_millis(60_000));
    let after = leg.statistics();
    assert!(after.delay <= ms(31) && after.compressed_samples > 0, "{after:?}");
    assert_eq!((after.stretched_samples, after.lost), (0, 0), "{after:?}");
}

/// Two seconds of G.729 in numbers of their own, pulled as they come.
fn two_seconds(leg: &mut Leg, payloads: &[Vec<u8>], from: u64, index: u64) -> Vec<(Kind, Vec<i16>)> {
    let mut heard = Vec::new();
    for (n, payload) in (0..).zip(&payloads[..100]) {
        let packet = Packet {
            epoch: 0,
            index: index + n,
            timestamp: (index * 7 + n * 160) as u32,
            payload_type: 18,
            marker: false,
            payload: payload.clone(),
        };
        let now = Time::from_millis(from + 20 * n);
        leg.insert(now, &packet);
        let mut pcm = vec![0; 160];
        let kind = leg.playout.pull(now + ms(5), &mut pcm).kind;
        heard.push((kind, pcm));
    }
    heard
}

#[test]
fn reset_forgets_the_stream_and_keeps_the_configuration() {
    let payloads = payloads(&Codec::G729);
    let mut leg = Leg::of(PlayoutConfig::new(8000).unwrap(), &[(18, Codec::G729)], 20);
    let first = two_seconds(&mut leg, &payloads, 0, 5000);
    leg.playout.reset();
    let mut pcm = vec![9; 160];
    assert_eq!(leg.playout.pull(Time::from_millis(2100), &mut pcm).kind, Kind::Nothing);
    assert_eq!(pcm, vec![0; 160]);
    // Numbers from before, in the same epoch.
    assert_eq!(two_seconds(&mut leg, &payloads, 3000, 3), first);
    let statistics = leg.statistics();
    assert_eq!((statistics.played, statistics.late, statistics.lost), (200, 0, 0), "{statistics:?}");
}
