//! What rounds come to: medians with the least and the most, and the ratio of two servers.

use std::fmt;
use std::time::SystemTime;

use comfy_table::{CellAlignment, Table};
use mediapoint_caller::load::LoadReport;
use serde::Serialize;

use super::machine::Machine;
use super::report::{Added, added};
use crate::text;

/// All runs of one load.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    kind: String,
    calls: usize,
    /// The rounds of each server.
    runs: Vec<Vec<LoadReport>>,
}

impl Measured {
    /// Nothing yet, of so many servers.
    pub(super) fn new(kind: String, calls: usize, servers: usize) -> Self {
        Self { kind, calls, runs: vec![Vec::new(); servers] }
    }

    /// One more round of a server, by its place in the list of them.
    pub(super) fn add(&mut self, server: usize, report: LoadReport) {
        if let Some(runs) = self.runs.get_mut(server) {
            runs.push(report);
        }
    }
}

/// The middle of some values, and their ends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    /// `None` of no values. Of an even number the median is the mean of the two in the middle.
    fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = |index: usize| values.get(index).copied();
        let median = f64::midpoint(middle((values.len() - 1) / 2)?, middle(values.len() / 2)?);
        Some(Self { median, min, max })
    }

    /// The median, and the ends where there are any.
    fn show(&self, digits: usize, scale: f64) -> String {
        let Self { median, min, max } = *self;
        let [median, min, max] = [median, min, max].map(|value| format!("{:.digits$}", value * scale));
        if min == max { median } else { format!("{median} ({min} to {max})") }
    }
}

/// What one load came to with one server.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Figures {
    us_per_packet: Option<Spread>,
    added_p50_us: Option<Spread>,
    added_p99_us: Option<Spread>,
    calls_per_core: Option<Spread>,
    /// Packets lost, missing, duplicated, damaged, misrouted or stale, in all rounds.
    faults: u64,
    /// Rounds in which what was heard was not what was said.
    unlike: usize,
    /// Rounds in which the load itself was sent late.
    held_up: usize,
    runs: Vec<LoadReport>,
}

impl Figures {
    fn new(runs: Vec<LoadReport>) -> Self {
        let delays = || runs.iter().filter_map(|run| Some(added(&run.delay, &run.baseline?.delay)));
        let of_delays = |figure: fn(Added) -> f64| Spread::of(delays().map(figure));
        let costs = || runs.iter().filter_map(|run| run.server.as_ref());
        Self {
            us_per_packet: Spread::of(costs().map(|server| server.us_per_packet)),
            added_p50_us: of_delays(|added| added.p50_us),
            added_p99_us: of_delays(|added| added.p99_us),
            calls_per_core: Spread::of(costs().map(|server| count(server.calls_per_core))),
            faults: runs.iter().map(faults).sum(),
            unlike: runs.iter().filter(|run| sounded_wrong(run)).count(),
            held_up: runs.iter().filter(|run| run.generator_was_held_up()).count(),
            runs,
        }
    }

    fn cells(&self) -> [String; 5] {
        let cell = |spread: Option<Spread>, digits, scale| {
            spread.map_or_else(|| "-".to_owned(), |spread| spread.show(digits, scale))
        };
        [
            cell(self.us_per_packet, 2, 1.0),
            cell(self.added_p50_us, 2, 1e-3),
            cell(self.added_p99_us, 2, 1e-3),
            cell(self.calls_per_core, 0, 1.0),
            self.faults.to_string(),
        ]
    }
}

fn faults(run: &LoadReport) -> u64 {
    run.lost + run.missing + run.duplicated + run.damaged + run.misrouted + run.stale
}

fn sounded_wrong(run: &LoadReport) -> bool {
    run.transcoded.and_then(|audio| audio.sound).is_some_and(|sound| !sound.same)
}

#[expect(clippy::cast_precision_loss, reason = "no count comes near 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct LoadFigures {
    kind: String,
    calls: usize,
    /// Of each server, in the order of [`Comparison::servers`].
    figures: Vec<Figures>,
    /// CPU time a packet of the first server over that of the second: of their medians; the ends are of single rounds.
    ratio: Option<Spread>,
}

impl LoadFigures {
    fn new(measured: Measured) -> Self {
        let Measured { kind, calls, runs } = measured;
        let figures: Vec<Figures> = runs.into_iter().map(Figures::new).collect();
        let ratio = match figures.as_slice() {
            [server, versus] => ratio(server, versus),
            _ => None,
        };
        Self { kind, calls, figures, ratio }
    }
}

fn ratio(server: &Figures, versus: &Figures) -> Option<Spread> {
    let cost = |run: &LoadReport| run.server.as_ref().map(|server| server.us_per_packet);
    let rounds = server.runs.iter().zip(&versus.runs);
    let of_rounds = Spread::of(rounds.filter_map(|(one, other)| Some(cost(one)? / cost(other)?)))?;
    let median = server.us_per_packet?.median / versus.us_per_packet?.median;
    Some(Spread { median, ..of_rounds })
}

/// All loads, all servers, all rounds, and where they ran.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Comparison {
    version: &'static str,
    date: String,
    machine: Machine,
    /// How often a busy worker looked at its sockets, where the servers were started for it.
    tick: Option<String>,
    server_core: Option<usize>,
    load_core: Option<usize>,
    rounds: usize,
    /// Paths or addresses of the servers: the one that is measured, and the one that it is compared with.
    servers: Vec<String>,
    loads: Vec<LoadFigures>,
}

impl Comparison {
    pub(super) fn new(
        machine: Machine,
        tick: Option<String>,
        [server_core, load_core]: [Option<usize>; 2],
        servers: Vec<String>,
        measured: Vec<Measured>,
    ) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            machine,
            tick,
            server_core,
            load_core,
            rounds: measured.iter().flat_map(|load| &load.runs).map(Vec::len).max().unwrap_or_default(),
            servers,
            loads: measured.into_iter().map(LoadFigures::new).collect(),
        }
    }

    fn table(&self) -> Table {
        let compared = self.servers.len() > 1;
        let mut table = text::table();
        let mut header =
            vec!["load", "CPU/packet\nµs", "added delay\np50 ms", "p99 ms", "calls/core\nat 85 %", "faults"];
        if compared {
            header.insert(1, "");
            header.push("CPU ratio");
        }
        let columns = header.len();
        table.set_header(header);
        for load in &self.loads {
            let mut lines = load.figures.iter().map(Figures::cells);
            let mut row = vec![format!("{} calls, {}", load.calls, load.kind)];
            let first = lines.next().unwrap_or_default();
            if let Some(second) = lines.next() {
                row.push("server\nversus".to_owned());
                row.extend(first.iter().zip(&second).map(|(one, other)| format!("{one}\n{other}")));
                row.push(load.ratio.map_or_else(|| "-".to_owned(), |ratio| ratio.show(2, 1.0)));
            } else {
                row.extend(first);
            }
            table.add_row(row);
        }
        for index in (1 + usize::from(compared))..columns {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { processor, cores, kernel } = &self.machine;
        let core = |core: Option<usize>| core.map_or_else(|| "any".to_owned(), |core| core.to_string());
        let tick = self.tick.as_ref().map(|tick| format!(", tick {tick}")).unwrap_or_default();
        writeln!(f, "{processor}, {cores} cores, Linux {kernel}")?;
        writeln!(
            f,
            "server on core {}, load on core {}{tick}; {} round(s), {}",
            core(self.server_core),
            core(self.load_core),
            self.rounds,
            self.date
        )?;
        for (role, name) in ["server", "versus"].iter().zip(&self.servers) {
            writeln!(f, "{role}: {name}")?;
        }
        writeln!(f, "{}", self.table())?;
        let mut notes = "Medians of the rounds (least to most). CPU: user and system time of all the server's threads per packet \
                         forwarded. Added delay: through the server less without one; of transcoded calls that of the sound. \
                         Faults: packets lost, missing, duplicated, damaged, misrouted or stale in all rounds."
            .to_owned();
        if self.servers.len() > 1 {
            notes.push_str(" CPU ratio: server over versus, of the medians (of single rounds).");
        }
        f.write_str(&text::wrap(&notes, 0))?;
        for load in &self.loads {
            for (figures, role) in load.figures.iter().zip(["server", "versus"]) {
                let name = format!("{} calls, {}, {role}", load.calls, load.kind);
                if figures.held_up > 0 {
                    write!(
                        f,
                        "\nnote: {name}: the load itself was sent late in {} round(s)",
                        figures.held_up
                    )?;
                }
                if figures.unlike > 0 {
                    write!(
                        f,
                        "\nnote: {name}: WHAT WAS HEARD IS NOT WHAT WAS SAID in {} round(s)",
                        figures.unlike
                    )?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_the_middle_and_both_ends() {
        let spread = |values: &[f64]| Spread::of(values.iter().copied());
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]), Some(Spread { median: 2.5, min: 1.0, max: 4.0 }));
    }

    #[test]
    fn ends_are_shown_where_they_differ_from_the_median() {
        let spread = Spread { median: 6.254, min: 5.82, max: 6.31 };
        assert_eq!(spread.show(2, 1.0), "6.25 (5.82 to 6.31)");
        assert_eq!(Spread { median: 7.0, min: 7.0, max: 7.0 }.show(1, 1e-3), "0.0");
    }
}
