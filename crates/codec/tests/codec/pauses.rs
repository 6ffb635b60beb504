//! Discontinuous transmission: what is sent in pauses, and what is heard.

use mediapoint_codec::{
    Codec, EncoderSettings, OpusParameters, Parameters, Signal, Transmission, encoder as new_encoder,
};

use crate::support::*;

/// A second of soft noise, two of speech, four of noise, two of speech. G.729 takes what it hears first for noise.
fn with_pause() -> Vec<i16> {
    let (speech, soft) = (speech(), noise(40_000, 9));
    let soft = |range: std::ops::Range<usize>| soft[range].iter().map(|s| s / 1024);
    let speech = |range: std::ops::Range<usize>| speech[range].iter().copied();
    soft(0..8000).chain(speech(0..16_000)).chain(soft(8000..40_000)).chain(speech(16_000..32_000)).collect()
}

/// The first two seconds of speech.
const SPEECH: std::ops::Range<usize> = 8000..24_000;
/// The second half of the pause: G.729 takes a while to be sure of one.
const PAUSE: std::ops::Range<usize> = 40_000..56_000;

fn both() -> [(Codec, Parameters); 2] {
    [
        (Codec::G729, Parameters::default()),
        (Codec::OPUS, opus(OpusParameters { use_dtx: true, ..OpusParameters::default() })),
    ]
}

// test-of: [RFC7587 3.1.3]
#[test]
fn pause_is_told_once_in_a_while_and_heard_as_noise() {
    for (codec, party) in both() {
        for ptime in PTIMES {
            let settings = EncoderSettings { dtx: true, ..EncoderSettings::default() };
            let mut encoder = new_encoder(&codec, 8000, &party, &settings).unwrap();
            let mut decoder = decoder(&codec, 8000);
            let pcm = with_pause();
            let len = ptime * 8;
            let (mut heard, mut sent, mut told, mut quiet) = (Vec::new(), 0, 0, 0);
            let mut out = vec![0; len];
            for (n, frame) in pcm.chunks_exact(len).enumerate() {
                let mut payload = [0; 1500];
                let encoded = encoder.encode(frame, &mut payload).unwrap();
                let payload = &payload[..encoded.len];
                let in_pause = PAUSE.contains(&(n * len)) && PAUSE.contains(&(n * len + len));
                if encoded.kind == Transmission::Nothing {
                    assert!(decoder.continue_noise(&mut out));
                    quiet += usize::from(in_pause);
                } else {
                    let (skipped, rest) = out.split_at_mut(encoded.skipped);
                    decoder.continue_noise(skipped);
                    let decoded = decoder.decode(payload, rest).unwrap();
                    // What is left out behind a description goes on as noise.
                    decoder.continue_noise(&mut rest[decoded.samples..]);
                    sent += usize::from(in_pause);
                    told += usize::from(in_pause && encoded.kind == Transmission::ComfortNoise);
                    if codec == Codec::G729 {
                        let speech = encoded.kind == Transmission::Speech;
                        assert_eq!(decoded.kind == Signal::Speech, speech, "{ptime} ms");
                    }
                }
                heard.extend_from_slice(&out);
            }
            let level = |pcm: &[i16]| {
                10.0 * (pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len() as f64).log10()
            };
            let (said, got) = (level(&pcm[PAUSE]), level(&heard[PAUSE]));
            println!(
                "{} {ptime} ms: {sent} sent, {quiet} not, {got:.1} dB heard for {said:.1}",
                codec.name()
            );
            assert!(told > 0 && sent * 2 < quiet, "{codec:?} {ptime} ms: {sent} sent, {quiet} not");
            assert!((said - got).abs() < 6.0, "{codec:?} {ptime} ms: {got} dB for {said} dB");
            let (snr, _) = snr(&pcm[SPEECH], &heard[SPEECH.start..], 200);
            assert!(snr > 4.0, "{codec:?} {ptime} ms: {snr} dB");
        }
    }
}

#[test]
fn pauses_are_sent_in_full_unless_both_sides_want_otherwise() {
    let silence = vec![0; 32_000];
    let mut cases: Vec<(Codec, Parameters, bool)> =
        both().into_iter().map(|(codec, party)| (codec, party, false)).collect();
    cases.push((Codec::G729, Parameters::parse(&Codec::G729, "annexb=no"), true));
    cases.push((Codec::OPUS, Parameters::default(), true));
    for (codec, party, dtx) in cases {
        let settings = EncoderSettings { dtx, ..EncoderSettings::default() };
        let mut encoder = new_encoder(&codec, 8000, &party, &settings).unwrap();
        let payloads = payloads(&mut *encoder, &silence, 20);
        assert!(payloads.iter().all(|payload| payload.len() > 2), "{codec:?}");
    }
}

#[test]
fn codecs_without_pauses_have_no_noise() {
    for codec in [Codec::PCMU, Codec::PCMA, Codec::G722, Codec::L16_8K] {
        let mut pcm = [7; 160];
        assert!(!decoder(&codec, 8000).continue_noise(&mut pcm));
        assert_eq!(pcm, [7; 160]);
    }
}
