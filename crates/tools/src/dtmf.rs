//! `mediapoint-tools dtmf`: the digits in audio files.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use mediapoint_dtmf::{DetectedDigit, Detection, Detector, SAMPLE_RATE};
use mediapoint_prompt::audio::{RateConverter, Reader};
use serde::Serialize;
use thiserror::Error;

use crate::cli::{FAILED, refuse};

pub(crate) const EXAMPLES: &str = "\
Examples:
  mediapoint-tools dtmf call.wav
  mediapoint-tools dtmf --json calls/*.wav | jq -r .digit

A line per digit: file, digit, start, length, levels of the low and the high
tone in dBm0, and twist (high over low) in dB. With --json each line is an
object: file, digit, start_ms, duration_ms, low_dbm0, high_dbm0, twist_db.
Channels are mixed to one, and other rates converted to 8000 Hz.";

/// The command line of `mediapoint-tools dtmf`.
#[derive(Debug, Args)]
pub(crate) struct DtmfArguments {
    /// Print a JSON object per line
    #[arg(long)]
    json: bool,
    /// Audio files: WAV, and what else `codec encode` reads
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// A digit as it is printed.
#[derive(Debug, Serialize)]
struct Line {
    file: String,
    digit: char,
    start_ms: f64,
    duration_ms: f64,
    low_dbm0: f64,
    high_dbm0: f64,
    twist_db: f64,
}

/// Why a file has no list of digits.
#[derive(Debug, Error)]
enum DtmfError {
    #[error("{}: {source}", file.display())]
    Open { file: PathBuf, source: io::Error },
    #[error("{}: {reason}", file.display())]
    Audio { file: PathBuf, reason: String },
    #[error("cannot write the digits: {0}")]
    Write(#[from] io::Error),
}

/// `mediapoint-tools dtmf`.
pub(crate) fn command(arguments: &DtmfArguments) -> ExitCode {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut code = ExitCode::SUCCESS;
    for file in &arguments.files {
        // A file that cannot be read does not keep the others from it.
        if let Err(error) = list(file, arguments.json, &mut out) {
            let _ = out.flush();
            code = refuse(FAILED, &error);
        }
    }
    if let Err(error) = out.flush() {
        return refuse(FAILED, &DtmfError::Write(error));
    }
    code
}

fn list(file: &Path, json: bool, out: &mut impl Write) -> Result<(), DtmfError> {
    let mut digits = Vec::new();
    // What was found before a file is cut off is found.
    let outcome = detect(file, |digit| digits.push(digit));
    for digit in digits {
        let line = Line::new(file, &digit);
        if json {
            serde_json::to_writer(&mut *out, &line).map_err(io::Error::from)?;
            writeln!(out)?;
        } else {
            let Line { file, digit, start_ms, duration_ms, low_dbm0, high_dbm0, twist_db } = line;
            let start = start_ms / 1000.0;
            writeln!(
                out,
                "{file}  {digit}  {start:>8.3} s {duration_ms:>6.0} ms {low_dbm0:>6.1} {high_dbm0:>6.1} {twist_db:>+5.1} dB"
            )?;
        }
    }
    outcome
}

fn detect(file: &Path, mut found: impl FnMut(DetectedDigit)) -> Result<(), DtmfError> {
    let audio =
        |reason: &dyn ToString| DtmfError::Audio { file: file.to_owned(), reason: reason.to_string() };
    let source = File::open(file).map_err(|source| DtmfError::Open { file: file.to_owned(), source })?;
    let extension = file.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    let mut reader = Reader::new(Box::new(source), extension.as_deref()).map_err(|error| audio(&error))?;
    let Some(rate) = reader.rate() else { return Ok(()) };
    let mut converter = RateConverter::new(rate, SAMPLE_RATE).map_err(|error| audio(&error))?;
    let mut detector = Detector::default();
    let mut ready = Vec::new();
    let mut take = |detection| {
        if let Detection::Digit(digit) = detection {
            found(digit);
        }
    };
    let outcome = loop {
        match reader.next_block() {
            Ok(Some(mono)) => converter.push(mono, &mut ready).map_err(|error| audio(&error))?,
            Ok(None) => break Ok(()),
            Err(error) => break Err(audio(&error)),
        }
        detector.process(&ready, &mut take);
        ready.clear();
    };
    if outcome.is_ok() && reader.announced().is_some_and(|announced| reader.read() < announced) {
        // Where nobody reads it, the digits are worth printing all the same.
        let _ = writeln!(io::stderr(), "note: {}: the file is cut off", file.display());
    }
    converter.finish(&mut ready).map_err(|error| audio(&error))?;
    detector.process(&ready, &mut take);
    detector.flush(&mut take);
    outcome
}

impl Line {
    #[expect(clippy::cast_precision_loss, reason = "a file's samples are fewer than 2^53")]
    fn new(file: &Path, digit: &DetectedDigit) -> Self {
        let milliseconds = |samples: u64| samples as f64 * 1000.0 / f64::from(SAMPLE_RATE);
        let tenths = |value: f32| (f64::from(value) * 10.0).round() / 10.0;
        Self {
            file: file.display().to_string(),
            digit: digit.digit.as_char(),
            start_ms: milliseconds(digit.start_sample),
            duration_ms: milliseconds(digit.duration),
            low_dbm0: tenths(digit.low_dbm0),
            high_dbm0: tenths(digit.high_dbm0),
            twist_db: tenths(digit.twist_db),
        }
    }
}
