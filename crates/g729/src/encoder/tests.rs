//! The reference's vectors and traces, and signals that drive the encoder out of its bounds.

#[path = "../../tests/common/signals.rs"]
mod signals;

use std::fs;
use std::path::Path;

use super::*;
use crate::{exact, serial, testdata};

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
    let folder = testdata::data_pack();
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
#[ignore = "needs the ITU's vectors: MEDIAPOINT_G729_DATA names their folder"]
fn speech_is_coded_as_in_the_trace() {
    follows_trace("enc_SPEECH.jsonl", "annex_a/speech.in", EncoderOptions { dtx: false });
}

#[test]
#[ignore = "needs the ITU's vectors: MEDIAPOINT_G729_DATA names their folder"]
fn tamed_signal_is_coded_as_in_the_trace() {
    follows_trace("enc_TAME.jsonl", "annex_a/tame.in", EncoderOptions { dtx: false });
}

#[test]
#[ignore = "needs the ITU's vectors: MEDIAPOINT_G729_DATA names their folder"]
fn pauses_are_coded_as_in_the_trace() {
    follows_trace("enc_vad_tstseq1.jsonl", "annex_b/tstseq1.bin", EncoderOptions { dtx: true });
}

/// Encodes a file and compares the stream.
fn yields(input: &str, stream: &str, options: EncoderOptions) {
    let folder = testdata::data_pack();
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
#[ignore = "needs the ITU's vectors: MEDIAPOINT_G729_DATA names their folder"]
fn annex_a_vectors_come_out_bit_exact() {
    for name in ["algthm", "fixed", "lsp", "speech", "tame"] {
        yields(&format!("annex_a/{name}.in"), &format!("annex_a/{name}.bit"), EncoderOptions { dtx: false });
    }
}

#[test]
#[ignore = "needs the ITU's vectors: MEDIAPOINT_G729_DATA names their folder"]
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
#[ignore = "needs the ITU's vectors: MEDIAPOINT_G729_DATA names their folder"]
fn annex_b_vectors_come_out_bit_exact() {
    for n in [1, 2, 4] {
        let (input, stream) = (format!("annex_b/tstseq{n}.bin"), format!("annex_b/tstseq{n}a.bit"));
        yields(&input, &stream, EncoderOptions { dtx: true });
    }
}

#[test]
#[ignore = "needs the ITU's vectors: MEDIAPOINT_G729_DATA names their folder"]
fn generated_vectors_come_out_bit_exact_with_dtx() {
    for name in ["S_speech_clean", "S_speech_noise", "S_signals"] {
        let (input, stream) = (format!("generated/{name}.pcm"), format!("generated/{name}.d1.bit"));
        yields(&input, &stream, EncoderOptions { dtx: true });
    }
}

#[test]
fn bounds_change_nothing_on_extreme_signals() {
    for kind in 0..signals::EXTREMES {
        for dtx in [false, true] {
            let frames = signals::extreme(kind, 120);
            let code = || {
                let mut encoder = Encoder::new(EncoderOptions { dtx });
                frames.iter().map(|samples| encoder.encode(samples)).collect::<Vec<_>>()
            };
            let (with, without) = (code(), exact::without(code));
            assert_eq!(with, without, "signal {kind}, dtx {dtx}");
            probe::clear();
        }
    }
}

#[test]
fn bounds_change_nothing_on_what_is_like_speech() {
    for seed in 0..4 {
        let mut encoder = Encoder::new(EncoderOptions { dtx: true });
        let mut twin = encoder.clone();
        for (index, samples) in signals::speech_like(seed, 400).iter().enumerate() {
            let without = exact::without(|| twin.encode(samples));
            assert_eq!(encoder.encode(samples), without, "seed {seed} frame {index}");
        }
        probe::clear();
    }
}

#[test]
#[ignore = "needs the ITU's vectors: MEDIAPOINT_G729_DATA names their folder"]
fn bounds_change_nothing_on_speech() {
    let folder = testdata::data_pack();
    for name in ["annex_a/speech.in", "annex_a/tame.in", "generated/S_signals.pcm", "annex_b/tstseq1.bin"] {
        let mut encoder = Encoder::new(EncoderOptions { dtx: true });
        let mut twin = encoder.clone();
        for (index, samples) in pcm(&folder.join("vectors").join(name)).iter().take(500).enumerate() {
            let without = exact::without(|| twin.encode(samples));
            assert_eq!(encoder.encode(samples), without, "{name} frame {index}");
        }
        probe::clear();
    }
}
