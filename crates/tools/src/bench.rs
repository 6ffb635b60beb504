//! `mediapoint-tools bench`: loads a real server over loopback and says what it carries.

mod arguments;
mod comparison;
pub(crate) mod machine;
mod report;
mod rounds;
mod server;

use std::fmt::Display;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use mediapoint_caller::load::{LoadError, LoadGenerator, LoadReport};
use serde::Serialize;

use crate::child::ChildError;
use crate::cli::{FAILED, refuse};
pub(crate) use arguments::BenchArguments;
use report::BenchReport;
use server::Target;

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error(transparent)]
    Child(#[from] ChildError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("{0} seconds cannot be measured")]
    Seconds(f64),
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot encode the figures: {0}")]
    Encode(#[from] serde_json::Error),
}

/// `mediapoint-tools bench`.
pub(crate) fn command(arguments: &BenchArguments) -> ExitCode {
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(FAILED, &error),
    }
}

fn run(arguments: &BenchArguments) -> Result<(), BenchError> {
    match arguments.rounds() {
        Some(rounds) => write(&rounds::run(arguments, rounds)?, arguments.json.as_ref()),
        None => write(&single(arguments)?, arguments.json.as_ref()),
    }
}

/// One server, each load once.
fn single(arguments: &BenchArguments) -> Result<BenchReport, BenchError> {
    let [server_core, load_core] = arguments.cores();
    let target = Target::of(arguments)?;
    let server = target.start(server_core, arguments)?;
    let mut runs: Vec<LoadReport> = Vec::new();
    for load in arguments.steps() {
        eprintln!("{} calls, {} s", load.calls, arguments.seconds);
        let run = LoadGenerator::new(arguments.config(load, &server, load_core)?)?.run()?;
        let within = report::within_service_level(&run);
        runs.push(run);
        if arguments.sweep && !within {
            break;
        }
    }
    server.stop();
    let tick = matches!(target, Target::Program(_)).then(|| arguments.tick.clone());
    Ok(BenchReport::new(machine::describe(), tick, [server_core, load_core], runs))
}

/// As a table to standard output, as JSON where that was asked for.
fn write(report: &(impl Display + Serialize), json: Option<&PathBuf>) -> Result<(), BenchError> {
    let Some(path) = json else {
        println!("{report}");
        return Ok(());
    };
    let text = serde_json::to_string_pretty(report)?;
    if path.as_os_str() == "-" {
        println!("{text}");
        return Ok(());
    }
    println!("{report}");
    fs::write(path, text + "\n").map_err(|source| BenchError::Write { path: path.clone(), source })
}
