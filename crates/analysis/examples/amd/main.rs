//! Builds the labelled set, trains the model on its tuning part, and evaluates on its test part: `cargo run -p mediapoint-analysis --example amd`.
//!
//! `--calls N` persons a part, `--train FILE` writes new coefficients, `--check FILE` compares them, `--write FOLDER` writes the
//! tables and the figures of the picture below docs/. Without these it fails where a limit is not kept.

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
mod onset;
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
const TRAINED: usize = 3000;
/// Share of unusual greetings among them: more than in a set, with less weight each, so that the model knows more of them.
const UNUSUAL: f64 = 0.3;
/// Where the results begin in docs/call-analysis.md.
const RESULTS: &str = "## Results on the test part: ";

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
    if let Some(file) = value("--train").or_else(|| value("--check")) {
        let source = trained(&tuning);
        if arguments.iter().any(|argument| argument == "--train") {
            return written(Path::new(&file), &source);
        }
        if std::fs::read_to_string(&file).is_ok_and(|text| text == source) {
            println!("{file} is what training gives");
            return ExitCode::SUCCESS;
        }
        eprintln!("error: {file} is not what training gives: run with --train");
        return ExitCode::FAILURE;
    }
    let part = if arguments.iter().any(|argument| argument == "--tuning") { &tuning } else { &test };
    let seed = if std::ptr::eq(part, &tuning) { 1 } else { 2 };
    let report = evaluate::run(&set::build(part, calls, seed, f64::MAX, set::UNUSUAL));
    println!("{}", report.text);
    if let Some(folder) = value("--write") {
        let folder = Path::new(&folder);
        let page = folder.join("call-analysis.md");
        let text = std::fs::read_to_string(&page).unwrap_or_default();
        let before = text.split(RESULTS).next().unwrap_or_default();
        let heading = format!("{RESULTS}{calls} persons, {calls} machines, {} of each tone\n\n", calls / 8);
        let page_written = written(&page, &format!("{before}{heading}{}", report.text));
        if page_written != ExitCode::SUCCESS {
            return page_written;
        }
        return written(&folder.join("pictures/amd.json"), &report.figures());
    }
    if report.failures.is_empty() {
        return ExitCode::SUCCESS;
    }
    for failure in &report.failures {
        eprintln!("error: {failure}");
    }
    ExitCode::FAILURE
}

/// Coefficients out of the tuning part, as a source file.
fn trained(tuning: &Sources) -> String {
    let calls = set::build(tuning, TRAINED, 1, tuning::HEARD_MS, UNUSUAL);
    let mut traces = tuning::traces(&calls);
    let calibration = tuning::cross_validate(&mut traces);
    tuning::explore(&traces);
    train::source(&train::train(&tuning::examples(&traces)), calibration)
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
