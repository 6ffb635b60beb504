//! `mediapoint-tools amd`: who or what answered, by recordings that begin at answer.

mod confusion;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use mediapoint_analysis::{AnalyserSettings, CallAnalyser, Decision, Outcome, RATE};
use mediapoint_prompt::{DecodeFailure, FileFormat, Hint, Limits, decode};
use serde::Serialize;

use crate::cli::{FAILED, UNUSABLE, refuse};
use confusion::{Confusion, Labels};

pub(crate) const EXAMPLES: &str = "\
Examples:
  mediapoint-tools amd call.wav
  mediapoint-tools amd --explain call.wav      what was heard, and when
  mediapoint-tools amd --json calls/*.wav      a line of JSON a file
  mediapoint-tools amd --labels calls.csv calls/*.wav

Results: person, machine, beep, fax, sit, busy, reorder, ringing, silence,
modem, unsure. A file whose audio ends early is judged by what it has.

A line of --labels is FILE,LABEL; a label is one of the results. A file is found
by its path as given, or else by its name alone.

Exit codes: 0 done, 1 a file cannot be read, 2 unusable arguments or labels.";

/// Intervals that `--explain` prints at most.
const INTERVALS: usize = 1000;

#[derive(Debug, Args)]
pub(crate) struct AmdArguments {
    /// Recordings: WAV, MP3, FLAC, Ogg, or bare G.711, G.722, G.729 by the name
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Print a line of JSON a file
    #[arg(long, conflicts_with_all = ["explain", "labels"])]
    json: bool,
    /// Print what was heard, and the measures that the decision rests on
    #[arg(long)]
    explain: bool,
    /// What the files are, as lines of FILE,LABEL: prints how many were recognised
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Country whose tones count, by its ISO 3166 code; all countries unless given
    #[arg(long, value_name = "CODE")]
    country: Option<String>,
}

/// A line of `--json`.
#[derive(Debug, Serialize)]
struct Line<'a> {
    file: &'a str,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sit_class: Option<&'static str>,
    probability: f32,
    at_ms: u32,
}

/// What was heard of a file.
struct Analysed {
    decision: Decision,
    beep: Option<Decision>,
    timeline: String,
}

/// `mediapoint-tools amd`.
pub(crate) fn command(arguments: &AmdArguments) -> ExitCode {
    let labels = match arguments.labels.as_deref().map(Labels::read).transpose() {
        Ok(labels) => labels,
        Err(error) => return refuse(UNUSABLE, &error),
    };
    let mut tones = mediapoint_analysis::ToneSettings::default();
    if let Some(country) = &arguments.country {
        let code = country.to_uppercase();
        if !mediapoint_analysis::COUNTRIES.iter().any(|row| row.country == code) {
            return refuse(
                UNUSABLE,
                &format!("no tones of country '{country}' are known: leave --country away"),
            );
        }
        tones.country = Some(code);
    }
    let timeline = if arguments.explain { INTERVALS } else { 0 };
    let settings = AnalyserSettings { timeline, tones, ..AnalyserSettings::default() };
    let mut confusion = labels.map(Confusion::new);
    let mut failed = false;
    for file in &arguments.files {
        let heard = match listen(file, &settings) {
            Ok(heard) => heard,
            Err(error) => {
                refuse(FAILED, &format!("{}: {error}", file.display()));
                failed = true;
                continue;
            }
        };
        if let Some(confusion) = &mut confusion {
            confusion.count(file, heard.decision.outcome.name());
        }
        if show(arguments, file, &heard).is_err() {
            // Whoever read it is gone.
            return ExitCode::SUCCESS;
        }
    }
    if let Some(confusion) = confusion {
        println!("{confusion}");
    }
    if failed { ExitCode::from(FAILED) } else { ExitCode::SUCCESS }
}

fn listen(file: &Path, settings: &AnalyserSettings) -> Result<Analysed, DecodeFailure> {
    let hint = FileFormat::of_path(file).map_or(Hint::None, Hint::Likely);
    let audio = decode(File::open(file)?, hint, &Limits::default())?.at_rate(RATE)?;
    let mut analyser = CallAnalyser::new(settings.clone());
    let mut decisions = analyser.process(&audio.samples).into_iter().collect::<Vec<_>>();
    decisions.extend(analyser.process(&[]));
    decisions.extend(analyser.finish());
    let unsure = || Decision {
        outcome: Outcome::Unsure,
        probability: 0.5,
        at_ms: analyser.now_ms(),
        measures: analyser.measures(),
        tone: None,
        classic: None,
    };
    Ok(Analysed {
        decision: decisions.first().copied().unwrap_or_else(unsure),
        beep: decisions.get(1).copied(),
        timeline: analyser.timeline().to_string(),
    })
}

fn show(arguments: &AmdArguments, file: &Path, heard: &Analysed) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let Decision { outcome, probability, at_ms, measures, classic, .. } = &heard.decision;
    if arguments.json {
        let sit_class = if let Outcome::Sit(class) = outcome { Some(class.name()) } else { None };
        let file = &file.to_string_lossy();
        let probability = (probability * 1000.0).round() / 1000.0;
        let line = Line { file, result: outcome.name(), sit_class, probability, at_ms: *at_ms };
        return writeln!(out, "{}", serde_json::to_string(&line)?);
    }
    if arguments.labels.is_none() || arguments.explain {
        writeln!(out, "{}: {outcome}, probability {probability:.2}, at {at_ms} ms", file.display())?;
    }
    if !arguments.explain {
        return Ok(());
    }
    write!(out, "{}", heard.timeline)?;
    writeln!(
        out,
        "  speech {} ms in {} words from {} ms on, longest {} ms, then {} ms of silence",
        measures.speech_ms,
        measures.words,
        measures.initial_silence_ms,
        measures.longest_word_ms,
        measures.silence_ms
    )?;
    writeln!(
        out,
        "  speech {:.0} dBm0, noise {:.0} dBm0, pitch {:.0} Hz",
        measures.level_dbm0, measures.noise_dbm0, measures.pitch_hz
    )?;
    if let Some(verdict) = classic {
        let (result, cause) = (verdict.result.name(), verdict.cause.name());
        writeln!(out, "  the classic rule: {result} by {cause} at {} ms", verdict.at_ms)?;
    }
    if let Some(beep) = &heard.beep {
        writeln!(out, "  its beep is over, at {} ms", beep.at_ms)?;
    }
    Ok(())
}
