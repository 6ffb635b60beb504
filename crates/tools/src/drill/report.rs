//! What a drill says in the end: figures, what was judged and how, as tables for people and as JSON for programs.

use std::fmt;
use std::time::SystemTime;

use comfy_table::CellAlignment;
use serde::Serialize;

use super::DrillError;
use super::server::Target;
use crate::bench::machine::Machine;
use crate::text;

/// One limit and whether it was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    what: String,
    found: String,
    allowed: String,
    kept: bool,
}

impl Check {
    fn new(what: &str, found: impl ToString, allowed: String, kept: bool) -> Self {
        Self { what: what.to_owned(), found: found.to_string(), allowed, kept }
    }

    /// There may be none.
    pub(super) fn none(what: &str, found: u64) -> Self {
        Self::new(what, found, "0".to_owned(), found == 0)
    }

    pub(super) fn equal(what: &str, found: u64, wanted: u64) -> Self {
        Self::new(what, found, wanted.to_string(), found == wanted)
    }

    pub(super) fn at_most(what: &str, found: u64, most: u64) -> Self {
        Self::new(what, found, format!("at most {most}"), found <= most)
    }

    pub(super) fn at_least(what: &str, found: u64, least: u64) -> Self {
        Self::new(what, found, format!("at least {least}"), found >= least)
    }

    /// Memory that grew from `before` to `after` bytes, by at most so many MiB.
    pub(super) fn growth(what: &str, before: u64, after: u64, most_mib: u64) -> Self {
        let kept = after <= before.saturating_add(most_mib << 20);
        let sign = if after < before { '-' } else { '+' };
        let found = format!("{sign}{}", mib(after.abs_diff(before)));
        Self::new(what, found, format!("at most +{most_mib} MiB"), kept)
    }

    #[cfg(test)]
    pub(super) fn is_kept(&self) -> bool {
        self.kept
    }

    /// What was not kept, and how.
    #[cfg(test)]
    pub(super) fn failure(&self) -> Option<String> {
        (!self.kept).then(|| format!("{}: {}, {}", self.what, self.found, self.allowed))
    }
}

/// Bytes for people.
pub(super) fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// So much in so long, a second.
pub(super) fn rate(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { (count as f64 / seconds * 10.0).round() / 10.0 } else { 0.0 }
}

/// What came of one drill.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Outcome {
    drill: &'static str,
    command: String,
    passed: bool,
    checks: Vec<Check>,
    figures: serde_json::Value,
    #[serde(skip)]
    lines: Vec<(String, String)>,
}

impl Outcome {
    /// `figures` for programs, `lines` of them for people.
    pub(super) fn new(
        (drill, command): (&'static str, String),
        figures: &impl Serialize,
        lines: Vec<(String, String)>,
        checks: Vec<Check>,
    ) -> Result<Self, DrillError> {
        let passed = checks.iter().all(|check| check.kept);
        Ok(Self { drill, command, passed, checks, figures: serde_json::to_value(figures)?, lines })
    }

    /// True where every limit was kept.
    pub(super) fn passed(&self) -> bool {
        self.passed
    }
}

/// All drills, and where they ran.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    version: &'static str,
    date: String,
    machine: Machine,
    server_core: Option<usize>,
    load_core: Option<usize>,
    drills: Vec<Outcome>,
}

impl Report {
    pub(super) fn new(target: &Target, drills: Vec<Outcome>) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            machine: target.machine.clone(),
            server_core: target.server_core,
            load_core: target.load_core,
            drills,
        }
    }

    /// True where every limit of every drill was kept.
    pub(super) fn passed(&self) -> bool {
        self.drills.iter().all(|drill| drill.passed)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = |core: Option<usize>| core.map_or_else(|| "any".to_owned(), |core| core.to_string());
        write!(
            f,
            "{}, {} cores, Linux {}; server on core {}, attack on core {}",
            self.machine.processor,
            self.machine.cores,
            self.machine.kernel,
            core(self.server_core),
            core(self.load_core)
        )?;
        for drill in &self.drills {
            write!(f, "\n\n{drill}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.command)?;
        let width = self.lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in &self.lines {
            writeln!(f, "{}", text::wrap(&format!("  {name:width$}  {value}"), width + 4))?;
        }
        let mut table = text::table();
        table.set_header(["judged", "found", "allowed", ""]);
        for check in &self.checks {
            let verdict = if check.kept { "kept" } else { "FAILED" };
            table.add_row([&check.what, &check.found, &check.allowed, verdict]);
        }
        for index in [1, 2] {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let failed = self.checks.iter().filter(|check| !check.kept).count();
        writeln!(f, "{table}")?;
        match failed {
            0 => write!(f, "{}: passed", self.drill),
            failed => write!(f, "{}: FAILED, {failed} of {} limits", self.drill, self.checks.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(checks: Vec<Check>) -> Outcome {
        let lines = vec![("rate".to_owned(), "5/s".to_owned())];
        Outcome::new(("churn", "drill churn".to_owned()), &7, lines, checks).unwrap()
    }

    #[test]
    fn one_limit_that_is_not_kept_fails_the_drill() {
        let kept = [Check::none("a", 0), Check::equal("b", 3, 3), Check::at_most("c", 4, 4)];
        let more = [Check::at_least("d", 5, 5), Check::growth("e", 10, 10 + (2 << 20), 2)];
        let kept: Vec<Check> = kept.into_iter().chain(more).collect();
        assert!(outcome(kept.clone()).passed);
        for broken in [
            Check::none("a", 1),
            Check::equal("b", 2, 3),
            Check::at_most("c", 5, 4),
            Check::at_least("d", 4, 5),
            Check::growth("e", 10, 11 + (2 << 20), 2),
        ] {
            let mut checks = kept.clone();
            checks.push(broken);
            let failed = outcome(checks);
            assert!(!failed.passed);
            assert!(failed.to_string().ends_with("churn: FAILED, 1 of 6 limits"), "{failed}");
        }
    }

    #[test]
    fn memory_that_shrinks_is_no_growth() {
        let check = Check::growth("memory", 5 << 20, 3 << 20, 0);
        assert!(check.is_kept() && check.found == "-2.0 MiB", "{check:?}");
        assert!((rate(10, 4.0) - 2.5).abs() < 1e-9 && rate(1, 0.0) == 0.0);
    }
}
