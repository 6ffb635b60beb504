//! The reference's vectors and traces.

use std::fs;
use std::path::Path;

use super::*;
use crate::math::Random;
use crate::{serial, testdata};

/// The samples of a file, whole frames only.
fn pcm(path: &Path) -> Vec<[i16; FRAME]> {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let samples: Vec<i16> = bytes.as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
    samples.as_chunks().0.to_vec()
}

/// Numbers of a trace's value, which may be one or an array.
fn numbers(value: &serde_json::Value) -> Vec<i64> {
    match value {
        serde_json::Value::Array(items) => items.iter().flat_map(numbers).collect(),
        one => vec![one.as_i64().expect("a number")],
    }
}

/// Encodes a file and compares every value that is told with the trace.
fn follows_trace(trace: &str, input: &str, options: EncoderOptions) {
    let Some(folder) = testdata::data_pack("encoder traces") else { return };
    let mut encoder = Encoder::new(options);
    let frames = pcm(&folder.join("vectors").join(input));
    probe::clear();
    for (line, samples) in testdata::trace(&folder, trace).iter().zip(&frames) {
        encoder.encode(samples);
        let mut seen: Vec<&str> = Vec::new();
        for (name, values) in probe::take() {
            seen.push(name);
            let turn = seen.iter().filter(|&&other| other == name).count();
            let names = [name.to_owned(), format!("{name}_{turn}"), format!("{name}{turn}")];
            let expected = names.iter().find_map(|name| line.get(name));
            let Some(expected) = expected else {
                let pause = line.get("cng_exc").is_some();
                assert!(pause && name == "wsp", "{trace} has no {name} in frame {}", line["frame"]);
                continue;
            };
            assert_eq!(values, numbers(expected), "{trace} frame {} {name} {turn}", line["frame"]);
        }
        assert!(seen.len() > 10, "only {seen:?} told");
    }
}

#[test]
fn speech_is_coded_as_in_the_trace() {
    follows_trace("enc_SPEECH.jsonl", "annex_a/speech.in", EncoderOptions { dtx: false });
}

#[test]
fn tamed_signal_is_coded_as_in_the_trace() {
    follows_trace("enc_TAME.jsonl", "annex_a/tame.in", EncoderOptions { dtx: false });
}

#[test]
fn pauses_are_coded_as_in_the_trace() {
    follows_trace("enc_vad_tstseq1.jsonl", "annex_b/tstseq1.bin", EncoderOptions { dtx: true });
}

/// Encodes a file and compares the stream.
fn yields(input: &str, stream: &str, options: EncoderOptions) {
    let Some(folder) = testdata::data_pack("encoder vectors") else { return };
    let vectors = folder.join("vectors");
    let mut encoder = Encoder::new(options);
    let expected = fs::read(vectors.join(stream)).unwrap_or_else(|error| panic!("{stream}: {error}"));
    let expected = serial::read_all(&expected).expect("a stream of frames");
    let frames = pcm(&vectors.join(input));
    assert_eq!(frames.len(), expected.len(), "{input}");
    for (index, (samples, expected)) in frames.iter().zip(expected).enumerate() {
        assert_eq!(Some(encoder.encode(samples)), expected, "{input} frame {index}");
    }
    probe::clear();
}

#[test]
fn annex_a_vectors_come_out_bit_exact() {
    for name in ["algthm", "fixed", "lsp", "speech", "tame"] {
        yields(&format!("annex_a/{name}.in"), &format!("annex_a/{name}.bit"), EncoderOptions { dtx: false });
    }
}

#[test]
fn generated_vectors_come_out_bit_exact_without_dtx() {
    for name in ["S_speech_clean", "S_speech_noise", "S_signals"] {
        yields(
            &format!("generated/{name}.pcm"),
            &format!("generated/{name}.d0.bit"),
            EncoderOptions { dtx: false },
        );
    }
}

#[test]
fn annex_b_vectors_come_out_bit_exact() {
    for n in [1, 2, 4] {
        let (input, stream) = (format!("annex_b/tstseq{n}.bin"), format!("annex_b/tstseq{n}a.bit"));
        yields(&input, &stream, EncoderOptions { dtx: true });
    }
}

#[test]
fn generated_vectors_come_out_bit_exact_with_dtx() {
    for name in ["S_speech_clean", "S_speech_noise", "S_signals"] {
        let (input, stream) = (format!("generated/{name}.pcm"), format!("generated/{name}.d1.bit"));
        yields(&input, &stream, EncoderOptions { dtx: true });
    }
}

/// Signals that real ones hardly come to: `kind` from 0, each with a seed of its own.
fn extreme(kind: u16, frames: usize) -> Vec<[i16; FRAME]> {
    let mut random = Random(kind as i16);
    let full = |positive: bool| if positive { i16::MAX } else { i16::MIN };
    let mut n = 0usize;
    let mut sample = || {
        n += 1;
        let noise = random.next();
        match kind {
            0 => 0,
            1 => i16::MAX,
            2 => i16::MIN,
            3 => noise,
            4 => full(n % 2 == 0),
            5 => full(n / 40 % 2 == 0),
            6 => full(n / 7 % 2 == 0),
            7 => full(noise < 0),
            8 => {
                if n % 97 == 0 {
                    full(n % 2 == 0)
                } else {
                    0
                }
            }
            9 => noise >> (n / 400 % 16),
            10 => {
                if n / 800 % 3 == 0 {
                    noise
                } else {
                    noise >> 13
                }
            }
            11 => full((n * n / 900) % 2 == 0),
            12 => full(n % 80 == 0),
            13 => noise >> 15,
            14 => (noise >> 3).saturating_mul(if n / 1000 % 2 == 0 { 9 } else { 1 }),
            _ => full(n / (4 + n / 2000 % 60) % 2 == 0) >> (kind % 5),
        }
    };
    (0..frames).map(|_| core::array::from_fn(|_| sample())).collect()
}

const EXTREMES: core::ops::Range<u16> = 0..20;

#[test]
fn bounds_change_nothing_on_extreme_signals() {
    for kind in EXTREMES {
        for dtx in [false, true] {
            let frames = extreme(kind, 120);
            let code = || {
                let mut encoder = Encoder::new(EncoderOptions { dtx });
                frames.iter().map(|samples| encoder.encode(samples)).collect::<Vec<_>>()
            };
            let (with, without) = (code(), bound::ignored(code));
            assert_eq!(with, without, "signal {kind}, dtx {dtx}");
            probe::clear();
        }
    }
}

#[test]
fn bounds_change_nothing_on_speech() {
    let Some(folder) = testdata::data_pack("bounds on speech") else { return };
    for name in ["annex_a/speech.in", "annex_a/tame.in", "generated/S_signals.pcm", "annex_b/tstseq1.bin"] {
        let mut encoder = Encoder::new(EncoderOptions { dtx: true });
        let mut twin = encoder.clone();
        for (index, samples) in pcm(&folder.join("vectors").join(name)).iter().take(500).enumerate() {
            let without = bound::ignored(|| twin.encode(samples));
            assert_eq!(encoder.encode(samples), without, "{name} frame {index}");
        }
        probe::clear();
    }
}
