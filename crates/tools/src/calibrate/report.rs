//! What a calibration says in the end: as a table for people, as JSON for programs, as the file that a server loads.

use std::collections::BTreeMap;
use std::fmt;

use comfy_table::{CellAlignment, ColumnConstraint, Width};
use serde::Serialize;

use super::chart;
use super::file::{FigureEntry, Measured, PointsFile};
use super::fit::{Figure, Fit, Measure};
use super::kinds::Price;
use super::search::{Limit, Step};
use crate::bench::machine::Machine;
use crate::text;

/// From which share above what admission asks a kind is named, in thousandths.
const UNDER: f64 = 1.05;

/// How the server was run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Run {
    pub(super) server_core: Option<usize>,
    pub(super) load_core: Option<usize>,
    pub(super) backend: &'static str,
    pub(super) tick: String,
    pub(super) realtime_priority: u8,
}

/// The outcome.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Calibration {
    pub(super) version: &'static str,
    pub(super) date: String,
    pub(super) machine: Machine,
    pub(super) run: Run,
    /// Most relayed calls that were tried and within the service level, the points of a worker, and what keeps the core from more.
    pub(super) capacity: Step,
    pub(super) limit: Limit,
    /// Points, by the key of the file.
    pub(super) prices: BTreeMap<&'static str, f64>,
    pub(super) figures: Vec<Figure>,
    /// What the figures are found from, in the order in which it was measured.
    pub(super) loads: Vec<Measure>,
    pub(super) spread_percent: f64,
    /// Kinds that could not be measured, and why.
    pub(super) left_out: Vec<(&'static str, String)>,
    /// What else the machine did meanwhile.
    pub(super) disturbed: Option<String>,
    /// How long it took.
    pub(super) seconds: f64,
}

impl Calibration {
    /// Points of a worker.
    #[expect(clippy::cast_precision_loss, reason = "a count of calls")]
    pub(super) fn budget(&self) -> f64 {
        self.capacity.calls as f64
    }

    pub(super) fn set_fit(&mut self, fit: Fit) {
        self.spread_percent = fit.spread();
        self.prices = fit.prices.iter().map(|(price, points)| (Price::key(*price), *points)).collect();
        self.figures = fit.figures;
    }

    /// The file of it.
    pub(super) fn file(&self) -> PointsFile {
        let core = |core: Option<usize>| core.map(|core| core as u64);
        let step = &self.capacity;
        PointsFile {
            budget: self.budget(),
            prices: self.prices.iter().map(|(key, points)| ((*key).to_owned(), *points)).collect(),
            measured: Measured {
                machine: self.machine.processor.clone(),
                cores: self.machine.cores as u64,
                server_core: core(self.run.server_core),
                load_core: core(self.run.load_core),
                kernel: self.machine.kernel.clone(),
                backend: self.run.backend.to_owned(),
                tick: self.run.tick.clone(),
                realtime_priority: self.run.realtime_priority.into(),
                version: self.version.to_owned(),
                date: self.date.clone(),
                calls: step.calls as u64,
                busy_percent: step.busy_percent,
                p99_ms: step.p99_ms,
                sent: step.sent,
                lost: step.lost,
                limit: self.limit.words().to_owned(),
                bounded_by: self.limit.name().to_owned(),
                spread_percent: self.spread_percent,
                disturbed: self.disturbed.clone(),
            },
            figures: self.figures.iter().map(entry).collect(),
        }
    }

    fn write_notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut note = |words: &str| writeln!(f, "{}", text::wrap(words, 2));
        if let Some(disturbed) = &self.disturbed {
            note(&format!("DISTURBED: {disturbed} meanwhile. Measure again on a quiet machine."))?;
        }
        if self.limit == Limit::Load {
            note(
                "BOUNDED BY THE LOAD: its core generates no more calls than this. The core of the server may carry more.",
            )?;
        }
        let late = self.named(|figure| figure.late);
        if !late.is_empty() {
            note(&format!("The load itself was sent late: {late}. Its p99 is not the server's alone."))?;
        }
        let under = self.named(|figure| figure.asked.is_some_and(|asked| figure.points > asked * UNDER));
        if !under.is_empty() {
            note(&format!("Admission asks less than these cost: {under}."))?;
        }
        for (kind, why) in &self.left_out {
            note(&format!("Not measured: {kind}: {why}"))?;
        }
        Ok(())
    }

    fn named(&self, wanted: impl Fn(&Figure) -> bool) -> String {
        let names: Vec<&str> =
            self.figures.iter().filter(|figure| wanted(figure)).map(|figure| figure.kind).collect();
        names.join(", ")
    }
}

fn entry(figure: &Figure) -> FigureEntry {
    FigureEntry {
        kind: figure.kind.to_owned(),
        measured: figure.measured as u64,
        core_us: figure.core_us,
        points: figure.points,
        spread_percent: figure.spread_percent,
        a_core: figure.a_core,
        lost: figure.lost,
        p99_ms: figure.p99_ms,
    }
}

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = |core: Option<usize>| core.map_or_else(|| "any".to_owned(), |core| core.to_string());
        let Machine { processor, cores, kernel } = &self.machine;
        writeln!(f, "{}", text::wrap(&format!("{processor}, {cores} cores, Linux {kernel}"), 2))?;
        let run = &self.run;
        let line = format!(
            "server on core {}, load on core {}, {}, tick {}, real-time priority {}",
            core(run.server_core),
            core(run.load_core),
            run.backend,
            run.tick,
            run.realtime_priority
        );
        writeln!(f, "{}", text::wrap(&line, 2))?;
        let step = &self.capacity;
        let line = format!(
            "A core carries {} relayed calls: {:.1} % busy, {} of {} packets lost, p99 of the added delay \
             {:.2} ms; {}.",
            step.calls,
            step.busy_percent,
            step.lost,
            step.sent,
            step.p99_ms,
            self.limit.words()
        );
        writeln!(f, "\n{}", text::wrap(&line, 0))?;
        let mut table = text::table();
        table.set_header([
            "kind",
            "points",
            "spread\n%",
            "a core\ncarries",
            "with",
            "core\nµs/s",
            "busy\n%",
            "lost",
            "p99\nms",
        ]);
        for figure in &self.figures {
            table.add_row(row(figure));
        }
        if let Some(column) = table.column_mut(0) {
            // The longest name and its margins.
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(16)));
        }
        for index in 1..9 {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        writeln!(f, "{table}")?;
        let explained = "Points: core time of one over a relayed call's. A core carries: by proportion to relayed calls. Loss and p99 as measured with so many; p99 of the delay, or where audio is coded or mixed, \
             of how far packets are off their time.";
        writeln!(f, "{}", text::wrap(explained, 0))?;
        self.write_notes(f)?;
        write!(f, "\n{}", chart::terminal(self))
    }
}

fn row(figure: &Figure) -> [String; 9] {
    [
        figure.kind.to_owned(),
        format!("{:.3}", figure.points),
        format!("{:.1}", figure.spread_percent),
        figure.a_core.to_string(),
        figure.measured.to_string(),
        format!("{:.0}", figure.core_us),
        format!("{:.1}", figure.busy_percent),
        figure.lost.to_string(),
        format!("{:.2}", figure.p99_ms),
    ]
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::calibrate) fn example() -> Calibration {
        let figure = |kind, points: f64, a_core| Figure {
            kind,
            what: "",
            unit: "calls",
            measured: 300,
            core_us: 650.0 * points,
            points,
            asked: Some(points),
            spread_percent: 3.0,
            a_core,
            busy_percent: 20.0,
            lost: 0,
            p99_ms: 1.0,
            late: false,
        };
        let step = Step { calls: 1290, busy_percent: 83.4, p99_ms: 1.1, lost: 0, sent: 516_000, late: false };
        Calibration {
            version: "0.2.0",
            date: "2026-11-30T05:00:00Z".to_owned(),
            machine: Machine { processor: "A Chip".to_owned(), cores: 2, kernel: "6.18".to_owned() },
            run: Run {
                server_core: Some(1),
                load_core: Some(0),
                backend: "sockets",
                tick: "1ms".to_owned(),
                realtime_priority: 0,
            },
            capacity: step,
            limit: Limit::Core,
            prices: BTreeMap::from([("call", 1.0)]),
            figures: vec![figure("relay", 1.0, 1290), figure("opus", 8.01, 161)],
            loads: Vec::new(),
            spread_percent: 3.0,
            left_out: Vec::new(),
            disturbed: None,
            seconds: 250.0,
        }
    }

    #[test]
    fn every_line_fits_a_terminal_and_what_is_amiss_is_said() {
        let mut calibration = example();
        assert!(!calibration.to_string().contains("DISTURBED"));
        calibration.disturbed = Some("other programs took 60 % of a core".to_owned());
        calibration.figures[1].asked = Some(7.0);
        calibration.figures[0].late = true;
        calibration.figures[0].kind = "srtp-aes128-80";
        calibration.left_out.push(("g729", "the server does not speak it".to_owned()));
        let text = calibration.to_string();
        assert!(text.lines().all(|line| line.chars().count() <= text::WIDTH), "{text}");
        for said in [
            "DISTURBED: other",
            "Admission asks less than these cost: opus.",
            "Not measured: g729",
            "late: srtp-aes128-80",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
        assert!(text.contains("0 of 516000 packets lost"), "{text}");
        assert!(!text.contains("BOUNDED BY"), "{text}");
        assert!(text.contains("│ srtp-aes128-80 "), "a name is not broken: {text}");
    }

    #[test]
    fn a_budget_that_the_load_bounds_is_marked() {
        let mut calibration = example();
        calibration.limit = Limit::Load;
        let text = calibration.to_string();
        assert!(text.contains("BOUNDED BY THE LOAD"), "{text}");
        let file = calibration.file();
        assert_eq!((file.budget, file.measured.calls), (1290.0, 1290));
        assert_eq!(file.measured.bounded_by, "load");
    }

    #[test]
    fn the_file_has_the_budget_and_what_the_table_has() {
        let file = example().file();
        assert_eq!(file.budget, 1290.0);
        assert_eq!(file.figures.len(), 2);
        assert_eq!(file.measured.limit, "the core is full");
        assert_eq!(file.prices["call"], 1.0);
    }
}
