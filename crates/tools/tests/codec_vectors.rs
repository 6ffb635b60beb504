//! `mediapoint-tools codec` makes of the vectors of G.729 what the ITU's own programs make of them, file for file.

#![expect(clippy::unwrap_used, reason = "test support outside of test functions")]

#[path = "../../g729/tests/common/data_pack.rs"]
mod data_pack;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use data_pack::data_pack;

/// Runs `mediapoint-tools codec` from one file to another, and compares what came out.
fn same(options: &str, input: &Path, wanted: &Path, extension: &str) {
    let name = wanted.file_name().unwrap().to_str().unwrap();
    let output =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}.{extension}", std::process::id()));
    let ran = Command::new(env!("CARGO_BIN_EXE_mediapoint-tools"))
        .arg("codec")
        .args(options.split_whitespace())
        .args([input, &output])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{name}: {}", String::from_utf8_lossy(&ran.stderr));
    let (wanted, made) = (fs::read(wanted).unwrap(), fs::read(&output).unwrap());
    let differs = wanted.iter().zip(&made).position(|(wanted, made)| wanted != made);
    assert_eq!((differs, made.len()), (None, wanted.len()), "{name}: first byte that differs, and length");
    fs::remove_file(&output).unwrap();
}

fn encodes(vectors: &Path, options: &str, pairs: &[(&str, &str)]) {
    for (input, wanted) in pairs {
        let options = format!("encode --codec g729 --input-format raw {options}");
        same(&options, &vectors.join(input), &vectors.join(wanted), "bit");
    }
}

#[test]
#[ignore = "needs the ITU's vectors: MEDIAPOINT_G729_DATA names their folder"]
fn vectors_encode_to_the_files_of_the_itu() {
    let vectors = data_pack().join("vectors");
    let pairs = [
        ("annex_a/speech.in", "annex_a/speech.bit"),
        ("annex_a/algthm.in", "annex_a/algthm.bit"),
        ("annex_a/fixed.in", "annex_a/fixed.bit"),
        ("annex_a/lsp.in", "annex_a/lsp.bit"),
        ("annex_a/tame.in", "annex_a/tame.bit"),
        ("generated/S_signals.pcm", "generated/S_signals.d0.bit"),
    ];
    encodes(&vectors, "", &pairs);
}

#[test]
#[ignore = "needs the ITU's vectors: MEDIAPOINT_G729_DATA names their folder"]
fn vectors_encode_with_pauses_to_the_files_of_the_itu() {
    let vectors = data_pack().join("vectors");
    let pairs = [
        ("annex_b/tstseq1.bin", "annex_b/tstseq1a.bit"),
        ("annex_b/tstseq2.bin", "annex_b/tstseq2a.bit"),
        ("annex_b/tstseq4.bin", "annex_b/tstseq4a.bit"),
        ("generated/S_speech_noise.pcm", "generated/S_speech_noise.d1.bit"),
    ];
    encodes(&vectors, "--dtx", &pairs);
}

#[test]
#[ignore = "needs the ITU's vectors: MEDIAPOINT_G729_DATA names their folder"]
fn vectors_decode_to_the_files_of_the_itu() {
    let vectors = data_pack().join("vectors");
    for (input, wanted) in [
        ("annex_a/erasure.bit", "annex_a/erasure.pst"),
        ("annex_a/overflow.bit", "annex_a/overflow.pst"),
        ("annex_a/speech.bit", "annex_a/speech.pst"),
        ("annex_a/algthm.bit", "annex_a/algthm.pst"),
        ("annex_a/fixed.bit", "annex_a/fixed.pst"),
        ("annex_a/lsp.bit", "annex_a/lsp.pst"),
        ("annex_a/tame.bit", "annex_a/tame.pst"),
        ("annex_b/tstseq1a.bit", "annex_b/tstseq1a.out"),
        ("annex_b/tstseq2a.bit", "annex_b/tstseq2a.out"),
        ("annex_b/tstseq4a.bit", "annex_b/tstseq4a.out"),
        ("annex_b/tstseq6.bit", "annex_b/tstseq6a.out"),
        ("generated/S_speech_noise.d1.burst.bit", "generated/S_speech_noise.d1.burst.out"),
        ("generated/S_x.fuzz.bit", "generated/S_x.fuzz.out"),
    ] {
        same("decode --codec g729", &vectors.join(input), &vectors.join(wanted), "raw");
    }
}
