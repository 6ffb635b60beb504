//! Every codec through a leg: whole, with loss, and with pauses that its encoder makes.

use mediapoint_codec::resample::Resampler;
use mediapoint_codec::{Codec, EncoderSettings, Parameters, Transmission, decoder, encoder};
use mediapoint_jitter::{Kind, PlayoutConfig};
use mediapoint_packet::Time;

use crate::common::{Leg, Packet, ms, voice};

const CODECS: [(u8, Codec); 6] = [
    (0, Codec::PCMU),
    (8, Codec::PCMA),
    (9, Codec::G722),
    (18, Codec::G729),
    (97, Codec::L16_16K),
    (96, Codec::OPUS),
];

/// A stream of 20 ms packets as an encoder sends it: what is not transmitted is missing in time, not in numbers.
fn stream(
    codec: &Codec,
    number: u8,
    settings: &EncoderSettings,
    pcm: impl Fn(f64) -> i16,
) -> Vec<Option<Packet>> {
    let party =
        Parameters::parse(codec, if settings.dtx { "usedtx=1;useinbandfec=1" } else { "useinbandfec=1" });
    let mut encoder = encoder(codec, 16_000, &party, settings).expect("an encoder there is");
    let rate = f64::from(encoder.sample_rate());
    let len = encoder.sample_rate() as usize / 50;
    let mut index = 0;
    let mut talking = false;
    (0..300_u32)
        .map(|n| {
            let audio: Vec<i16> = (0..len).map(|at| pcm((n as usize * len + at) as f64 / rate)).collect();
            let mut payload = vec![0; 2000];
            let encoded = encoder.encode(&audio, &mut payload).expect("a length there is");
            payload.truncate(encoded.len);
            let marker = encoded.kind == Transmission::Speech && !talking;
            talking = encoded.kind == Transmission::Speech;
            (encoded.kind != Transmission::Nothing).then(|| {
                index += 1;
                let timestamp = n * codec.clock_rate / 50;
                Packet { epoch: 0, index, timestamp, payload_type: number, marker, payload }
            })
        })
        .collect()
}

/// A leg that hears `sent`, but for what is lost.
fn heard(
    codec: &Codec,
    number: u8,
    rate: u32,
    delay: u64,
    sent: &[Option<Packet>],
    lost: impl Fn(usize) -> bool,
) -> Leg {
    let config = PlayoutConfig::new(rate)
        .and_then(|config| config.with_delay(ms(delay), ms(200)))
        .expect("bounds that hold");
    let mut leg = Leg::of(config, &[(number, codec.clone())], 20);
    for (n, packet) in sent.iter().enumerate() {
        if let Some(packet) = packet.as_ref().filter(|_| !lost(n)) {
            leg.at(Time::from_millis(20 * n as u64), packet.clone());
        }
    }
    leg.run(Time::from_millis(6000));
    leg
}

/// The best likeness of `part` with any place of `whole` around `near`, from -1 to 1.
fn likeness(part: &[i16], whole: &[i16], near: usize, around: usize) -> f64 {
    let dot = |a: &[i16], b: &[i16]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    (near.saturating_sub(around)..=near + around)
        .filter_map(|at| whole.get(at..at + part.len()))
        .map(|other| dot(part, other) / (dot(part, part) * dot(other, other)).sqrt().max(1.0))
        .fold(-1.0, f64::max)
}

/// Voice whose pitch wanders, so that no period repeats for long.
fn wandering(seconds: f64) -> i16 {
    voice(seconds + 0.012 * (2.0 * std::f64::consts::PI * 0.9 * seconds).sin())
}

/// What the codec's decoder makes of it, at `rate`.
fn decoded(codec: &Codec, rate: u32, sent: &[Option<Packet>]) -> Vec<i16> {
    let mut decoder = decoder(codec, rate).expect("a decoder there is");
    let mut resampler = Resampler::new(decoder.sample_rate(), rate).expect("rates there are");
    let mut pcm = Vec::new();
    for packet in sent.iter().flatten() {
        let (mut own, mut out) = (vec![0; 960], vec![0; 961]);
        let samples = decoder.decode(&packet.payload, &mut own).expect("our own encoder's").samples;
        let samples = resampler.process(&own[..samples], &mut out);
        pcm.extend_from_slice(&out[..samples]);
    }
    pcm
}

#[test]
fn every_codec_is_heard_at_every_rate() {
    for (number, codec) in CODECS {
        let sent = stream(&codec, number, &EncoderSettings::default(), wandering);
        for rate in [8000, 16_000, 48_000] {
            let leg = heard(&codec, number, rate, 0, &sent, |_| false);
            let statistics = leg.statistics();
            let name = codec.sdp_name();
            assert!(statistics.played >= 298, "{name} at {rate}: {statistics:?}");
            assert_eq!((statistics.lost, statistics.concealed_samples), (0, 0), "{name} at {rate}");
            let second = rate as usize;
            let (pcm, decoded) = (leg.pcm(), decoded(&codec, rate, &sent));
            let part = &pcm[4 * second..4 * second + second / 5];
            assert!(decoded.windows(part.len()).any(|window| window == part), "{name} at {rate}");
        }
    }
}

#[test]
fn loss_is_concealed_by_every_codec_or_for_it() {
    for (number, codec) in CODECS {
        let sent = stream(&codec, number, &EncoderSettings::default(), wandering);
        for rate in [8000, 16_000] {
            let whole = heard(&codec, number, rate, 60, &sent, |_| false);
            let holed = heard(&codec, number, rate, 60, &sent, |n| n % 13 == 12);
            let statistics = holed.statistics();
            let name = codec.sdp_name();
            assert_eq!(statistics.lost, 22, "{name} at {rate}: {statistics:?}");
            assert_eq!(
                statistics.concealed_samples,
                22 * u64::from(rate) / 50,
                "{name} at {rate}: {statistics:?}"
            );
            let (whole, holed) = (whole.pcm(), holed.pcm());
            let half = rate as usize / 2;
            let alike = likeness(&holed[half * 6..half * 8], &whole, half * 6, half / 10);
            assert!(alike > 0.8, "{name} at {rate}: {alike:.3}");
        }
    }
}

#[test]
fn opus_repeats_what_was_lost_where_the_next_packet_is_there() {
    let settings = EncoderSettings { expected_loss_percent: 20, ..EncoderSettings::default() };
    let sent = stream(&Codec::OPUS, 96, &settings, wandering);
    let whole = heard(&Codec::OPUS, 96, 16_000, 60, &sent, |_| false);
    let lost = |n: usize| n > 50 && n % 13 == 12;
    let holed = heard(&Codec::OPUS, 96, 16_000, 60, &sent, lost);
    // Without the copies: the same losses, each with the packet behind it held back until it is late.
    let config = PlayoutConfig::new(16_000).unwrap().with_delay(ms(0), ms(1)).unwrap();
    let mut blind = Leg::of(config, &[(96, Codec::OPUS)], 20);
    for (n, packet) in sent.iter().enumerate().filter(|(n, _)| !lost(*n)) {
        blind.at(Time::from_millis(20 * n as u64), packet.clone().expect("no pauses"));
    }
    blind.run(Time::from_millis(6000));
    let error = |leg: &Leg| {
        let (pcm, whole) = (leg.pcm(), whole.pcm());
        1.0 - likeness(&pcm[32_000..64_000], &whole, 32_000, 2000)
    };
    let (with, without) = (error(&holed), error(&blind));
    assert!(with < without / 2.0, "{with:.4} with the copies, {without:.4} without");
}

#[test]
fn pauses_of_the_encoder_are_noise_and_not_loss() {
    // Two seconds of voice, two of faint noise, two of voice.
    let pcm = |seconds: f64| {
        let noise = (seconds * 16_000.0 * 0.618_034).fract() - 0.5;
        if (2.0..4.0).contains(&seconds) { (noise * 30.0) as i16 } else { voice(seconds) }
    };
    for (number, codec) in [(18, Codec::G729), (96, Codec::OPUS)] {
        let settings = EncoderSettings { dtx: true, ..EncoderSettings::default() };
        let sent = stream(&codec, number, &settings, pcm);
        let name = codec.sdp_name();
        let transmitted = sent.iter().flatten().count();
        assert!(transmitted < 270, "{name}: {transmitted} packets is no pause");
        for rate in [8000, 16_000] {
            let leg = heard(&codec, number, rate, 0, &sent, |_| false);
            let statistics = leg.statistics();
            assert_eq!(
                (statistics.lost, statistics.late, statistics.resets),
                (0, 0, 0),
                "{name}: {statistics:?}"
            );
            // Opus says nothing when it falls silent, nor after each refresh of its noise.
            let most = if codec == Codec::OPUS { 6 * 60 } else { 0 };
            assert!(statistics.concealed_samples <= most * u64::from(rate) / 1000, "{name}: {statistics:?}");
            assert!(leg.count(Kind::ComfortNoise) > 40, "{name}: {}", leg.count(Kind::ComfortNoise));
            assert!(leg.count(Kind::Nothing) <= 2, "{name}: {}", leg.count(Kind::Nothing));
            assert!(statistics.delay < ms(45), "{name}: {statistics:?}");
            assert!(statistics.played + 2 >= transmitted as u64, "{name}: {statistics:?} of {transmitted}");
            let quiet = &leg.heard[150..190];
            let loudest = quiet.iter().flat_map(|heard| &heard.pcm).map(|s| s.unsigned_abs()).max();
            assert!(loudest.is_some_and(|loudest| loudest < 500), "{name}: {loudest:?} in the pause");
        }
    }
}
