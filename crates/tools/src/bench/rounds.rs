//! Rounds: each load several times, one or two servers in turn, each time started anew.
//!
//! Whatever else the machine does then falls on all of them alike. The order of two servers changes from round to round,
//! so that neither is always the one that comes after a pause.

use mediapoint_caller::load::{LoadGenerator, LoadReport};

use super::BenchError;
use super::arguments::{BenchArguments, Load};
use super::comparison::{Comparison, Measured};
use super::machine;
use super::server::Target;

/// Measures all loads in each round and prints a line for each run.
pub(super) fn run(arguments: &BenchArguments, rounds: u32) -> Result<Comparison, BenchError> {
    let cores = arguments.cores();
    let mut targets = vec![Target::of(arguments)?];
    targets.extend(Target::versus(arguments)?);
    let loads = arguments.loads();
    let mut progress = Progress::new(rounds as usize * loads.len() * targets.len());
    let mut measured: Vec<Measured> =
        loads.iter().map(|load| Measured::new(load.kind.name(), load.calls, targets.len())).collect();
    for round in 0..rounds {
        for (load, measured) in loads.iter().zip(&mut measured) {
            let mut turns: Vec<usize> = (0..targets.len()).collect();
            if round % 2 == 1 {
                turns.reverse();
            }
            for turn in turns {
                let Some(target) = targets.get(turn) else { continue };
                progress.begin(*load, target, targets.len() > 1);
                let report = measure(arguments, *load, target, cores)?;
                progress.end(&report);
                measured.add(turn, report);
            }
        }
    }
    let names = targets.iter().map(Target::name).collect();
    let tick = matches!(targets.first(), Some(Target::Program(_))).then(|| arguments.tick.clone());
    Ok(Comparison::new(machine::describe(), tick, cores, names, measured))
}

fn measure(
    arguments: &BenchArguments,
    load: Load,
    target: &Target,
    [server_core, load_core]: [Option<usize>; 2],
) -> Result<LoadReport, BenchError> {
    let server = target.start(server_core, arguments)?;
    let report = LoadGenerator::new(arguments.config(load, &server, load_core)?)?.run()?;
    server.stop();
    Ok(report)
}

/// Says on standard error which run goes on, and what came of it.
struct Progress {
    done: usize,
    all: usize,
}

impl Progress {
    fn new(all: usize) -> Self {
        Self { done: 0, all }
    }

    fn begin(&mut self, load: Load, target: &Target, several: bool) {
        self.done += 1;
        let of = if several { format!(", {}", target.name()) } else { String::new() };
        eprintln!("[{}/{}] {} calls, {}{of}", self.done, self.all, load.calls, load.kind.name());
    }

    fn end(&self, report: &LoadReport) {
        let cost = report.server.as_ref().map_or_else(String::new, |server| {
            format!(
                "{:.2} µs of CPU time a packet, {:.1} % of a core, ",
                server.us_per_packet, server.busy_percent
            )
        });
        let held_up = if report.generator_was_held_up() { "; the load was sent late" } else { "" };
        eprintln!(
            "        {cost}delay p50 {:.0} µs, p99 {:.0} µs, {} lost{held_up}",
            report.delay.p50_us, report.delay.p99_us, report.lost
        );
    }
}
