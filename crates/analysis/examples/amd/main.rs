//! Builds the labelled set, trains the model on its tuning part, and evaluates on its test part: `cargo run -p mediapoint-analysis --example amd`.
//!
//! `--calls N` persons a part, `--train FILE` writes new coefficients, `--write FOLDER` writes the tables and the picture
//! below docs/. Without `--train` it fails where a limit is not kept.

#![allow(
    unreachable_pub,
    clippy::approx_constant,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "signals are made and measured here: what is out of range fails the measurement"
)]

mod evaluate;
mod picture;
mod prompts;
mod set;
#[path = "../../tests/suite/signal.rs"]
mod signal;
mod synth;
mod train;

use std::path::Path;
use std::process::ExitCode;

use mediapoint_analysis::{AnalyserSettings, CallAnalyser};

use set::{Call, Sources};
use train::Example;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let calls = value("--calls").and_then(|count| count.parse().ok()).unwrap_or(600);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/amd");
    if let Err(error) = std::fs::create_dir_all(&folder) {
        eprintln!("error: {}: {error}", folder.display());
        return ExitCode::FAILURE;
    }
    let [tuning, test] = Sources::gather(&folder);
    println!("tuning part: {}", tuning.describe());
    println!("test part: {}", test.describe());
    if tuning.is_empty() || test.is_empty() {
        eprintln!("error: the set needs Debian's prompts and espeak-ng: see docs/call-analysis.md");
        return ExitCode::FAILURE;
    }
    if let Some(file) = value("--train") {
        let examples = examples(&set::build(&tuning, calls, 1));
        println!("{} moments of {calls} persons and as many machines", examples.len());
        let coefficients = train::train(&examples);
        return written(Path::new(&file), &train::source(&coefficients));
    }
    let part = if arguments.iter().any(|argument| argument == "--tuning") { &tuning } else { &test };
    let seed = if std::ptr::eq(part, &tuning) { 1 } else { 2 };
    let report = evaluate::run(&set::build(part, calls, seed));
    println!("{}", report.text);
    if let Some(folder) = value("--write") {
        let folder = Path::new(&folder);
        written(&folder.join("call-analysis-results.md"), &report.text);
        written(&folder.join("pictures/amd.svg"), &picture::draw(&report.curve, report.classic));
    }
    if report.failures.is_empty() {
        return ExitCode::SUCCESS;
    }
    for failure in &report.failures {
        eprintln!("error: {failure}");
    }
    ExitCode::FAILURE
}

fn written(file: &Path, text: &str) -> ExitCode {
    match std::fs::write(file, text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}: {error}", file.display());
            ExitCode::FAILURE
        }
    }
}

/// Moments of persons' and machines' calls, each 60 ms from the first word to what a decision may wait for.
fn examples(calls: &[Call]) -> Vec<Example> {
    let settings = AnalyserSettings { total_analysis_time_ms: 60_000, ..AnalyserSettings::default() };
    let mut out = Vec::new();
    for call in calls.iter().filter(|call| ["person", "machine"].contains(&call.class)) {
        let mut analyser = CallAnalyser::new(settings.clone());
        for frame in call.pcm.chunks(480) {
            analyser.process(frame);
            let Some(features) = analyser.features() else { continue };
            if features[0] > 1.6 {
                break;
            }
            out.push(Example { features, person: call.class == "person", weight: 1.0 });
        }
    }
    out
}
