//! What loss costs, and what the means against it gain.

use mediapoint_codec::{Codec, Decoder, EncoderSettings, OpusParameters, Signal};

use crate::support::*;

/// Decodes with every packet lost that `lost` names; `conceal` fills in for it.
fn with_loss(
    decoder: &mut dyn Decoder,
    payloads: &[Vec<u8>],
    samples: usize,
    lost: impl Fn(usize) -> bool,
    mut conceal: impl FnMut(&mut dyn Decoder, &mut [i16], Option<&[u8]>, &[i16]),
) -> Vec<i16> {
    let mut all: Vec<i16> = Vec::new();
    for (n, payload) in payloads.iter().enumerate() {
        let mut pcm = vec![0; samples];
        if lost(n) {
            let next = payloads.get(n + 1).filter(|_| !lost(n + 1)).map(Vec::as_slice);
            conceal(decoder, &mut pcm, next, &all);
        } else {
            assert_eq!(decoder.decode(payload, &mut pcm).unwrap().kind, Signal::Speech);
        }
        all.extend_from_slice(&pcm);
    }
    all
}

/// Signal to noise in decibels over the packets that `which` names.
fn snr_of(reference: &[i16], output: &[i16], samples: usize, which: impl Fn(usize) -> bool) -> f64 {
    let (mut signal, mut noise) = (0.0, 1.0);
    for (n, (x, y)) in reference.chunks(samples).zip(output.chunks(samples)).enumerate() {
        if which(n) {
            signal += x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
            noise += x.iter().zip(y).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2)).sum::<f64>();
        }
    }
    10.0 * (signal / noise).log10()
}

// test-of: [RFC6716 4.2.3]
#[test]
fn opus_recovers_a_lost_packet_from_the_next_one() {
    for rate in [8000, 12_000, 16_000, 24_000, 48_000] {
        // Above 16 kHz a packet of 40 ms is two frames, and has a copy of 20 ms only.
        for ptime in [10, 20, 40].into_iter().filter(|ptime| *ptime <= 20 || rate <= 16_000) {
            let party = opus(OpusParameters { use_in_band_fec: true, ..OpusParameters::default() });
            let settings = EncoderSettings::default();
            let mut encoder = mediapoint_codec::encoder(&Codec::OPUS, rate, &party, &settings).unwrap();
            let packets = payloads(&mut *encoder, &speech_at(rate), ptime);
            let samples = rate as usize * ptime / 1000;
            let lost = |n: usize| n % 9 == 8;
            let heard = decoded(&mut *decoder(&Codec::OPUS, rate), &packets);
            let with = |use_next: bool| {
                let output = with_loss(
                    &mut *decoder(&Codec::OPUS, rate),
                    &packets,
                    samples,
                    lost,
                    |decoder, pcm, next, _| {
                        assert!(next.is_some());
                        decoder.conceal(pcm, next.filter(|_| use_next));
                    },
                );
                snr_of(&heard, &output, samples, lost)
            };
            let (guessed, recovered) = (with(false), with(true));
            println!("{rate} Hz, {ptime} ms: {guessed:.1} dB guessed, {recovered:.1} dB recovered");
            assert!(recovered > guessed + 3.0, "{rate} Hz, {ptime} ms: {guessed} dB, {recovered} dB");
        }
    }
}

#[test]
fn opus_without_error_correction_takes_the_next_packet_for_no_copy() {
    let packets = payloads(&mut *encoder(&Codec::OPUS, 8000), &speech(), 20);
    let output = |use_next: bool| {
        let lost = |n: usize| n % 9 == 8;
        with_loss(&mut *decoder(&Codec::OPUS, 8000), &packets, 160, lost, |decoder, pcm, next, _| {
            decoder.conceal(pcm, next.filter(|_| use_next));
        })
    };
    let sound = decoded(&mut *decoder(&Codec::OPUS, 8000), &packets);
    let (without, with) = (snr(&sound, &output(false), 0).0, snr(&sound, &output(true), 0).0);
    assert!(with > without - 1.0, "{without} dB, {with} dB");
}

#[test]
fn concealment_is_heard_and_fades() {
    for codec in [Codec::G729, Codec::OPUS] {
        let packets = payloads(&mut *encoder(&codec, 8000), &speech(), 20);
        let mut decoder = decoder(&codec, 8000);
        assert!(decoder.conceals());
        decoded(&mut *decoder, &packets[..60]);
        let loudness =
            |pcm: &[i16]| pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len() as f64;
        let mut pcm = vec![0; 160];
        decoder.conceal(&mut pcm, None);
        let first = loudness(&pcm);
        let mut later = vec![0; 8000];
        decoder.conceal(&mut later, None);
        assert!(first > 1e4, "{codec:?}: {first}");
        assert!(loudness(&later[7000..]) < first / 100.0, "{codec:?}");
    }
}

#[test]
fn concealment_takes_any_length() {
    for codec in ALL {
        let packets = payloads(&mut *encoder(&codec, 8000), &speech_at(8000)[..16_000], 20);
        let mut decoder = decoder(&codec, 16_000);
        for (len, packet) in (0..700).step_by(7).zip(packets.iter().cycle()) {
            let mut pcm = vec![0; 5760];
            decoder.decode(packet, &mut pcm).unwrap();
            decoder.conceal(&mut pcm[..len], Some(packet));
            decoder.conceal(&mut pcm[..len], None);
            decoder.feed_concealed(&pcm[..len]);
            decoder.continue_noise(&mut pcm[..len]);
        }
    }
}

/// Goes on with what was played last at the pitch it had, fading.
fn played_on(before: &[i16], pcm: &mut [i16]) {
    let now = &before[before.len() - 320..];
    let likeness = |lag: &usize| {
        let earlier = &before[before.len() - 320 - lag..];
        let product: f64 = now.iter().zip(earlier).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        let energy: f64 = earlier[..320].iter().map(|b| f64::from(*b).powi(2)).sum();
        product / (energy + 1.0).sqrt()
    };
    let lag = (40..320).max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap();
    for (n, sample) in pcm.iter_mut().enumerate() {
        let gain = 1.0 - n as f64 / 1600.0;
        *sample = (f64::from(before[before.len() - lag + n % lag]) * gain) as i16;
    }
}

#[test]
fn g722_finds_back_sooner_when_told_what_was_played() {
    let packets = payloads(&mut *encoder(&Codec::G722, 16_000), &resampled(&long_speech(), 8000, 16_000), 20);
    let lost = |n: usize| n > 20 && n % 11 == 10;
    let sound = decoded(&mut *decoder(&Codec::G722, 16_000), &packets);
    let after_loss = |told: bool| {
        let output = with_loss(
            &mut *decoder(&Codec::G722, 16_000),
            &packets,
            320,
            lost,
            |decoder, pcm, next, before| {
                assert!(!decoder.conceals());
                decoder.conceal(pcm, next);
                assert!(pcm.iter().all(|s| *s == 0));
                played_on(before, pcm);
                if told {
                    decoder.feed_concealed(pcm);
                }
            },
        );
        let after = |n: usize| n > 20 && (1..=3).any(|back| lost(n - back));
        (snr_of(&sound, &output, 320, after), excess(&sound, &output, 320, after))
    };
    let (untold, told) = (after_loss(false), after_loss(true));
    println!("in the 60 ms after a loss: {untold:.1?} untold, {told:.1?} when told");
    assert!(told.0 > untold.0 && told.1 < untold.1 * 0.85, "{untold:?}, {told:?}");
}

/// By how many decibels packets of `output` are louder than those of `reference`, all added up.
fn excess(reference: &[i16], output: &[i16], samples: usize, which: impl Fn(usize) -> bool) -> f64 {
    let power = |pcm: &[i16]| pcm.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() + samples as f64 * 1e4;
    reference
        .chunks(samples)
        .zip(output.chunks(samples))
        .enumerate()
        .filter(|(n, _)| which(*n))
        .map(|(_, (x, y))| (10.0 * (power(y) / power(x)).log10()).max(0.0))
        .sum()
}
