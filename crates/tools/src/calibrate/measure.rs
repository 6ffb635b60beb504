//! Measures a number of calls of one kind, or members of rooms, against a server that is started for it.

use std::time::Duration;

use mediapoint_caller::load::conference::{Bridge, ConferenceConfig, ConferenceReport};
use mediapoint_caller::load::{
    Beside, Extra, Kind, LoadConfig, LoadError, LoadGenerator, LoadReport, Stop, Window,
};

use super::CalibrateError;
use super::fit::{Cost, Measure, rounded};
use super::kinds::{Load, Work};
use super::place::{Place, Server};
use super::plan::Plan;
use super::search::Step;

/// Lateness of the load from which it says little of the server, in microseconds: `LoadReport::generator_was_held_up`.
const LATE_US: f64 = 2_000.0;

/// Measures loads.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) place: Place,
    pub(super) load_core: Option<usize>,
    pub(super) plan: Plan,
    pub(super) stop: Stop,
}

/// A server of relayed calls beside that of each kind, on the same core.
#[derive(Debug)]
pub(super) struct Reference {
    server: Server,
    calls: usize,
}

impl Reference {
    fn beside(&self) -> Beside {
        Beside { ng: self.server.ng(), server_pid: self.server.pid(), calls: self.calls }
    }

    /// Ends its server.
    pub(super) fn end(self) {
        self.server.end();
    }
}

impl Bench {
    /// Starts the server that so many relayed calls are to be on beside each kind.
    pub(super) fn reference(&self, calls: usize) -> Result<Reference, CalibrateError> {
        Ok(Reference { server: self.place.start(false)?, calls })
    }

    /// Relayed calls, with the delay that the server adds.
    pub(super) fn step(&self, calls: usize) -> Result<Step, CalibrateError> {
        let server = self.place.start(false)?;
        let config = LoadConfig {
            duration: self.plan.step,
            baseline: self.plan.baseline,
            ..self.calls(&server, calls, (Kind::RELAY, &Extra::None, 0))
        };
        let report = LoadGenerator::new(config)?.run()?;
        server.end();
        let without = report.baseline.map_or(0.0, |baseline| baseline.delay.p99_us);
        Ok(Step {
            calls,
            busy_percent: report.server.map_or(0.0, |server| server.busy_percent),
            p99_ms: rounded((report.delay.p99_us - without).max(0.0) / 1000.0, 2),
            lost: faults(&report),
            sent: report.sent,
            late: report.generator_was_held_up(),
        })
    }

    /// So many calls or members of a kind, beside relayed calls.
    pub(super) fn load(
        &self,
        work: &Work,
        units: usize,
        reference: &Reference,
    ) -> Result<Measure, CalibrateError> {
        let beside = Some(reference.beside());
        match &work.load {
            Load::Calls { kind, extra, recordings } => {
                let server = self.place.start(*recordings > 0)?;
                let config = self.calls(&server, units, (*kind, extra, *recordings));
                let report = LoadGenerator::new(LoadConfig { beside, ..config })?.run()?;
                server.end();
                Ok(of_calls(work, (&report, reference.calls)))
            }
            Load::Rooms { members, speakers } => {
                let server = self.place.start(false)?;
                let rooms = (units / members).max(1);
                let config = self.rooms(&server, rooms, (*members, *speakers));
                let report = ConferenceConfig { beside, ..config }.run()?;
                server.end();
                Ok(of_rooms(work, (&report, reference.calls)))
            }
        }
    }

    fn calls(
        &self,
        server: &Server,
        calls: usize,
        (kind, extra, recordings): (Kind, &Extra, u32),
    ) -> LoadConfig {
        LoadConfig {
            server_pid: Some(server.pid()),
            calls,
            kind,
            duration: self.plan.load,
            warm_up: self.plan.warm_up,
            core: self.load_core,
            baseline: Duration::ZERO,
            recordings,
            extra: extra.clone(),
            counting: true,
            windows: self.plan.windows,
            progress: false,
            stop: self.stop.clone(),
            ..LoadConfig::new(server.ng())
        }
    }

    fn rooms(&self, server: &Server, rooms: usize, (members, speakers): (usize, usize)) -> ConferenceConfig {
        ConferenceConfig {
            server_pid: Some(server.pid()),
            rooms,
            members,
            speakers,
            listeners: true,
            duration: self.plan.load,
            warm_up: self.plan.warm_up,
            core: self.load_core,
            windows: self.plan.windows,
            progress: false,
            stop: self.stop.clone(),
            ..ConferenceConfig::new(Bridge::Ng(server.ng()))
        }
    }
}

/// True where the load was ended from outside.
pub(super) const fn is_stopped(error: &CalibrateError) -> bool {
    matches!(error, CalibrateError::Load(LoadError::Stopped))
}

/// Packets that did not come, or not as they should.
const fn faults(report: &LoadReport) -> u64 {
    let LoadReport { lost, missing, duplicated, damaged, misrouted, .. } = report;
    *lost + *missing + *duplicated + *damaged + *misrouted
}

fn of_calls(work: &Work, (report, beside): (&LoadReport, usize)) -> Measure {
    let p99_us = report.transcoded.map_or(report.delay.p99_us, |audio| audio.regularity.p99_us);
    Measure {
        name: work.name,
        at: 0.0,
        units: report.calls,
        costs: costs(&report.windows, [report.calls, beside], work.worker_only),
        busy_percent: report.server.map_or(0.0, |server| server.busy_percent),
        lost: faults(report),
        p99_ms: p99_us / 1000.0,
        late: report.generator_was_held_up(),
    }
}

fn of_rooms(work: &Work, (report, beside): (&ConferenceReport, usize)) -> Measure {
    let ConferenceReport { rooms, members, speakers, .. } = *report;
    // Where some listen, the cost is theirs: what speakers take of it is known from rooms of speakers alone.
    let units = rooms * if speakers < members { members - speakers } else { members };
    Measure {
        name: work.name,
        at: 0.0,
        units: rooms * members,
        costs: costs(&report.windows, [units, beside], work.worker_only),
        busy_percent: report.server.map_or(0.0, |server| server.busy_percent),
        lost: report.lost + report.missing + report.duplicated + report.damaged + report.misrouted,
        p99_ms: report.regularity.map_or(0.0, |regularity| regularity.p99_us) / 1000.0,
        late: report.generator.lateness.p99_us > LATE_US,
    }
}

/// Microseconds of core time a second for one of so many, and for one of the relayed calls beside, in each window.
#[expect(clippy::cast_precision_loss, reason = "a count of calls")]
fn costs(windows: &[Window], [units, beside]: [usize; 2], worker_only: bool) -> Vec<Cost> {
    let used = |window: &Window| if worker_only { window.worker_seconds } else { window.cpu_seconds };
    let one = |window: &Window, used: f64, of: usize| used / window.seconds / of.max(1) as f64 * 1e6;
    let sensible = windows.iter().filter(|window| window.seconds > 0.0);
    let cost = |window: &Window| Cost {
        own: one(window, used(window), units),
        beside: one(window, window.beside_seconds, beside),
    };
    sensible.map(cost).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_core_time_a_second_of_one_in_each_window() {
        let window = |cpu, worker, beside_seconds| Window {
            seconds: 0.5,
            cpu_seconds: cpu,
            worker_seconds: worker,
            beside_seconds,
        };
        let windows = [window(0.1, 0.05, 0.01), window(0.2, 0.1, 0.02)];
        let cost = |own, beside| Cost { own, beside };
        assert_eq!(costs(&windows, [100, 20], false), [cost(2000.0, 1000.0), cost(4000.0, 2000.0)]);
        assert_eq!(costs(&windows, [100, 10], true), [cost(1000.0, 2000.0), cost(2000.0, 4000.0)]);
        assert!(costs(&[Window { seconds: 0.0, ..windows[0] }], [1, 1], false).is_empty());
    }
}
