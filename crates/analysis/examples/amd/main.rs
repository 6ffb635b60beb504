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
mod texts;
mod train;
mod tuning;

use std::path::Path;
use std::process::ExitCode;

use set::Sources;

/// Persons, and as many machines, that the model is trained on.
const TRAINED: usize = 1500;

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
        let calls = set::build(&tuning, TRAINED, 1, tuning::HEARD_MS);
        let mut traces = tuning::traces(&calls);
        let calibration = tuning::cross_validate(&mut traces);
        tuning::explore(&traces);
        let trees = train::train(&tuning::examples(&traces));
        return written(Path::new(&file), &train::source(&trees, calibration));
    }
    let part = if arguments.iter().any(|argument| argument == "--tuning") { &tuning } else { &test };
    let seed = if std::ptr::eq(part, &tuning) { 1 } else { 2 };
    let report = evaluate::run(&set::build(part, calls, seed, f64::MAX));
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
