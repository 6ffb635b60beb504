//! `mediapoint-tools calibrate`: measures on this machine what a core carries of each kind of work, and writes the prices
//! that `mediapoint serve` admits calls by.
//!
//! The server runs on one core, the load on another, over real sockets on loopback, driven over ng. How many relayed
//! calls a core carries is searched for; of the other kinds core time is measured at a moderate load.

mod arguments;
mod chart;
mod comparison;
mod file;
mod fit;
mod kinds;
mod measure;
mod noise;
mod place;
mod plan;
mod report;
mod search;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Instant, SystemTime};

use indicatif::{ProgressBar, ProgressStyle};
use mediapoint_caller::load::{LoadError, Stop};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::bench::machine;
use crate::child::{self, ChildError};
use crate::cli::{FAILED, UNUSABLE, refuse};
use crate::text;
pub(crate) use arguments::CalibrateArguments;
use comparison::Comparison;
use file::PointsFile;
use fit::{Fit, Measure};
use kinds::{Load, Work};
use measure::{Bench, Reference};
use place::Place;
use plan::Plan;
use report::{Calibration, Run};
use search::{Limit, Search, Step};

/// Exit code after a signal, as shells have it for SIGINT.
const STOPPED: u8 = 130;

/// Exit code where a figure is further off the file of `--compare` than it may be.
const DIFFERS: u8 = 3;

/// Calls of the first step of the search.
const FIRST: usize = 200;

/// Kinds between relayed calls and relayed calls.
const OTHERS: usize = 9;

/// How busy a core is to be with each kind, as a share of what is within the service level: enough for the server's
/// work to count more than its waking up, and no more than the load's own core generates of any kind.
const SHARE: f64 = 0.24;
/// The same of the relayed calls on the server beside.
const SHARE_BESIDE: f64 = 0.12;

pub(crate) const EXAMPLES: &str = "\
Examples:
  mediapoint-tools calibrate                    five minutes, points.toml
  mediapoint-tools calibrate --quick            one minute
  mediapoint-tools calibrate --compare points.toml --out again.toml
  mediapoint-tools calibrate --kinds g729,opus --chart chart.svg
  mediapoint serve --points points.toml         admit calls by it

Run it while nothing else runs on the machine. Exit codes: 0 measured, 1 failed,
2 unusable arguments, 3 beyond 10 % of the file of --compare, 130 stopped.";

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
enum CalibrateError {
    #[error(transparent)]
    Child(#[from] ChildError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("{name:?} is no kind of work; there are {}", names())]
    Kind { name: String },
    #[error("{0} seconds cannot be measured, 0.2 to 60 can")]
    Seconds(f64),
    #[error("server and load need a core each; where there is one alone, nothing can be said of it")]
    OneCore,
    #[error("no call keeps the service level on this machine")]
    Nothing,
    #[error("relayed calls could not be measured: {0}")]
    Reference(String),
    #[error("cannot make {}: {source}", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("cannot watch for signals: {0}")]
    Signals(io::Error),
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: {reason}", path.display())]
    Format { path: PathBuf, reason: String },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot encode the figures: {0}")]
    Encode(#[from] serde_json::Error),
    #[error("cannot encode the file: {0}")]
    Toml(#[from] toml::ser::Error),
}

fn names() -> String {
    kinds::all().iter().map(|work| work.name).collect::<Vec<_>>().join(", ")
}

/// `mediapoint-tools calibrate`.
pub(crate) fn command(arguments: &CalibrateArguments) -> ExitCode {
    if arguments.list {
        list();
        return ExitCode::SUCCESS;
    }
    let stop = Stop::default();
    match run(arguments, &stop) {
        _ if stop.is_stopped() => refuse(STOPPED, &"stopped; nothing was written"),
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(DIFFERS),
        Err(error @ (CalibrateError::Kind { .. } | CalibrateError::Seconds(_))) => refuse(UNUSABLE, &error),
        Err(error) => refuse(FAILED, &error),
    }
}

fn list() {
    let mut table = text::table();
    table.set_header(["kind", "what it is"]);
    for work in kinds::all() {
        table.add_row([work.name, work.what]);
    }
    println!("{table}");
}

/// Measures, writes, prints; false where it is too far off an earlier file.
fn run(arguments: &CalibrateArguments, stop: &Stop) -> Result<bool, CalibrateError> {
    let works = arguments.works()?;
    let count = u32::try_from(loads(&works).count()).unwrap_or(u32::MAX);
    let plan = Plan::new(arguments.quick, count, arguments.load()?);
    let [server_core, load_core] = arguments.cores()?;
    let before = arguments.compare.as_deref().map(PointsFile::read).transpose()?;
    let program = child::program(arguments.server.as_deref())?;
    stop_by_signal(stop.clone())?;
    let place = Place::new(program, server_core, arguments.flags())?;
    let bench = Bench { place, load_core, plan, stop: stop.clone() };
    let run = Run {
        server_core,
        load_core,
        backend: "sockets",
        tick: arguments.tick.clone(),
        realtime_priority: arguments.realtime_priority,
    };
    let calibration = measure(&bench, &works, run, arguments.calls())?;
    drop(bench);
    conclude(arguments, &calibration, before.as_ref())
}

/// Writes and prints what was measured.
fn conclude(
    arguments: &CalibrateArguments,
    calibration: &Calibration,
    before: Option<&PointsFile>,
) -> Result<bool, CalibrateError> {
    let file = calibration.file();
    file.write(&arguments.out)?;
    if let Some(path) = &arguments.chart {
        write(path, &chart::svg(calibration))?;
    }
    let comparison = before.map(|before| Comparison::of(before, &file));
    let to_stdout = arguments.json.as_deref().is_some_and(|path| path.as_os_str() == "-");
    if let Some(path) = &arguments.json {
        let json = serde_json::json!({ "calibration": calibration, "comparison": comparison });
        let json = serde_json::to_string_pretty(&json)?;
        if to_stdout { println!("{json}") } else { write(path, &(json + "\n"))? }
    }
    if !to_stdout {
        println!("{calibration}");
        if let Some(comparison) = &comparison {
            println!("{comparison}\n");
        }
        println!("written to {0}: mediapoint serve --points {0}", arguments.out.display());
    }
    Ok(comparison.is_none_or(|comparison| comparison.agrees()))
}

fn write(path: &Path, text: &str) -> Result<(), CalibrateError> {
    fs::write(path, text).map_err(|source| CalibrateError::Write { path: path.to_owned(), source })
}

/// Ends the load on a signal: then everything is put away as after any other end.
fn stop_by_signal(stop: Stop) -> Result<(), CalibrateError> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).map_err(CalibrateError::Signals)?;
    let watch = move || signals.forever().for_each(|_| stop.stop());
    let thread = thread::Builder::new().name("signals".to_owned()).spawn(watch);
    thread.map(drop).map_err(CalibrateError::Signals)
}

fn measure(
    bench: &Bench,
    works: &[Work],
    run: Run,
    (most, given): (usize, Option<usize>),
) -> Result<Calibration, CalibrateError> {
    let begin = Instant::now();
    let noise = noise::Noise::begin();
    let of_round = loads(works).count() as u64;
    let bar = bar(u64::from(bench.plan.steps) + u64::from(bench.plan.rounds) * of_round);
    let (capacity, limit) = match given {
        Some(calls) => (bench.step(calls)?, Limit::Given),
        None => capacity(bench, &bar, most)?,
    };
    bar.set_position(bench.plan.steps.into());
    let mut left_out = Vec::new();
    let sized = search::nominal(&capacity);
    let reference = bench.reference(search::scaled(sized, SHARE_BESIDE).max(2))?;
    let measured = rounds(bench, (works, &reference), sized, (begin, &bar), &mut left_out);
    // Before the other programs' time is taken: it is no other.
    reference.end();
    let measures = measured?;
    bar.finish_and_clear();
    let mut calibration = Calibration {
        version: env!("CARGO_PKG_VERSION"),
        date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        machine: machine::describe(),
        run,
        capacity,
        limit,
        prices: std::collections::BTreeMap::new(),
        figures: Vec::new(),
        loads: Vec::new(),
        spread_percent: 0.0,
        left_out,
        disturbed: noise.end(),
        seconds: fit::rounded(begin.elapsed().as_secs_f64(), 1),
    };
    calibration.set_fit(Fit::of(works, &measures, calibration.budget()));
    calibration.loads = measures;
    Ok(calibration)
}

/// The most relayed calls that keep the service level.
fn capacity(bench: &Bench, bar: &ProgressBar, most: usize) -> Result<(Step, Limit), CalibrateError> {
    let mut search = Search::new(FIRST, most, bench.plan.steps);
    while let Some(calls) = search.next() {
        bar.set_message(format!("{calls} relayed calls"));
        search.record(bench.step(calls)?);
        bar.inc(1);
    }
    search.result().ok_or(CalibrateError::Nothing)
}

/// Every kind in each round, as far as the time allows more than one.
fn rounds(
    bench: &Bench,
    (works, reference): (&[Work], &Reference),
    sized: usize,
    (begin, bar): (Instant, &ProgressBar),
    left_out: &mut Vec<(&'static str, String)>,
) -> Result<Vec<Measure>, CalibrateError> {
    let mut measures = Vec::new();
    for _ in 0..bench.plan.rounds {
        for work in loads(works) {
            let measured = measures.iter().any(|measure: &Measure| measure.name == work.name);
            let late = begin.elapsed() + bench.plan.of_load() > bench.plan.whole;
            if left_out.iter().any(|(name, _)| *name == work.name) || (measured && late) {
                bar.inc(1);
                continue;
            }
            bar.set_message(work.what);
            let at = fit::rounded(begin.elapsed().as_secs_f64(), 1);
            match bench.load(work, units(work, sized), reference) {
                Ok(measure) => measures.push(Measure { at, ..measure }),
                Err(error) if measure::is_stopped(&error) || bench.stop.is_stopped() => return Err(error),
                Err(error) if work.is_reference() => {
                    return Err(CalibrateError::Reference(error.to_string()));
                }
                // A codec that is not built, or a core too slow for one call of it: the others go on.
                Err(error) => left_out.push((work.name, error.to_string())),
            }
            bar.inc(1);
        }
    }
    Ok(measures)
}

/// The loads of a round: each kind, and relayed calls among them time and again, for all others are measured by them.
fn loads(works: &[Work]) -> impl Iterator<Item = &Work> {
    let relayed = works.iter().find(|work| work.is_reference());
    let before = move |at: usize| relayed.filter(|_| at > 0 && at.is_multiple_of(OTHERS));
    works.iter().enumerate().flat_map(move |(at, work)| before(at).into_iter().chain([work]))
}

/// Calls or members of a kind for about [`SHARE`] of what a core carries.
fn units(work: &Work, capacity: usize) -> usize {
    let units = search::scaled(capacity, SHARE / work.about);
    match work.load {
        Load::Calls { .. } => units.max(2),
        Load::Rooms { members, .. } => units.div_ceil(members).max(1) * members,
    }
}

fn bar(loads: u64) -> ProgressBar {
    let bar = ProgressBar::new(loads);
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos:>3}/{len} {elapsed_precise} {wide_msg}") {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relayed_calls_come_back_between_the_kinds_of_a_round() {
        let works = kinds::all();
        let names: Vec<&str> = loads(&works).map(|work| work.name).collect();
        assert_eq!(names.len(), works.len() + (works.len() - 1) / OTHERS);
        assert_eq!((names[0], names[1], names[OTHERS]), ("relay", "g711", "relay"));
        assert_eq!(loads(&works[..3]).count(), 3);
    }

    #[test]
    fn each_kind_is_measured_with_about_a_quarter_of_what_a_core_carries() {
        let units_of = |name: &str, capacity| {
            let works = kinds::all();
            units(works.iter().find(|work| work.name == name).unwrap(), capacity)
        };
        assert_eq!(units_of("relay", 1300), 312);
        assert_eq!(units_of("opus", 1300), 34);
        assert_eq!(units_of("speaker", 1300) % 4, 0);
        assert_eq!((units_of("listener", 20), units_of("opus", 20)), (20, 2));
    }
}
