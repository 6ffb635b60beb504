//! What `cargo test` prints, read line by line, and the table at the end.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The outcomes of one `cargo test`.
pub(super) struct Step {
    name: &'static str,
    passed: u64,
    failed: u64,
    ignored: u64,
    /// Tests that were ignored, by reason.
    reasons: BTreeMap<String, Vec<String>>,
    failures: Vec<String>,
    /// What runs now: `tests/drills.rs`.
    target: String,
    took: Duration,
    /// False where cargo failed, be it to compile.
    success: bool,
}

impl Step {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            passed: 0,
            failed: 0,
            ignored: 0,
            reasons: BTreeMap::new(),
            failures: Vec::new(),
            target: String::new(),
            took: Duration::ZERO,
            success: false,
        }
    }

    /// Takes a line of output.
    pub(super) fn take(&mut self, line: &str) {
        let start = line.trim_start();
        if let Some(target) = start.strip_prefix("Running ") {
            self.target = target.split(" (").next().unwrap_or(target).to_owned();
        } else if let Some(name) = start.strip_prefix("Doc-tests ") {
            self.target = format!("examples of {name}");
        } else if let Some(counts) = line.strip_prefix("test result: ") {
            // What a test says of the harness's own may be torn; this line is not.
            self.passed += count(counts, "passed");
            self.failed += count(counts, "failed");
            self.ignored += count(counts, "ignored");
        } else if let Some((name, outcome)) =
            line.strip_prefix("test ").and_then(|line| line.rsplit_once(" ... "))
        {
            if outcome == "FAILED" {
                self.failures.push(format!("{}: {name}", self.target));
            } else if let Some(rest) = outcome.strip_prefix("ignored") {
                let reason = rest.strip_prefix(", ").unwrap_or("without a reason");
                self.reasons.entry(reason.to_owned()).or_default().push(name.to_owned());
            }
        }
    }

    /// Sets how long it took and whether cargo succeeded.
    pub(super) fn end(&mut self, took: Duration, success: bool) {
        (self.took, self.success) = (took, success);
    }
}

/// The number before a word: `12 passed`.
fn count(counts: &str, what: &str) -> u64 {
    let mut words = counts.split([' ', ';', '.']).filter(|word| !word.is_empty());
    let mut before = "";
    words
        .find_map(|word| {
            let number = (word == what).then(|| before.parse().ok());
            before = word;
            number
        })
        .flatten()
        .unwrap_or(0)
}

/// The outcomes of all steps.
#[derive(Default)]
pub(super) struct Report(Vec<Step>);

impl Report {
    pub(super) fn add(&mut self, step: Step) {
        self.0.push(step);
    }

    /// True where a test failed, or did not even compile.
    pub(super) fn failed(&self) -> bool {
        self.0.iter().any(|step| step.failed > 0 || !step.success)
    }

    /// Names of the tests that were ignored for a reason that begins so.
    pub(super) fn ignored_for(&self, reason: &str) -> Vec<String> {
        let of = self.0.iter().flat_map(|step| &step.reasons).filter(|(why, _)| why.starts_with(reason));
        of.flat_map(|(_, names)| names.clone()).collect()
    }

    /// Tests that were ignored for this reason have run since.
    pub(super) fn forget_ignored(&mut self, reason: &str) {
        for step in &mut self.0 {
            let run = step.reasons.extract_if(.., |why, _| why.starts_with(reason));
            step.ignored -= run.map(|(_, names)| u64::try_from(names.len()).unwrap_or(0)).sum::<u64>();
        }
    }

    fn sum(&self, of: impl Fn(&Step) -> u64) -> u64 {
        self.0.iter().map(of).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{:16} {:>7} {:>7} {:>8} {:>7}", "tests", "passed", "failed", "skipped", "time")?;
        for step in &self.0 {
            let seconds = step.took.as_secs();
            write!(
                out,
                "{:16} {:>7} {:>7} {:>8} {:>5} s",
                step.name, step.passed, step.failed, step.ignored, seconds
            )?;
            let note = if step.success || step.failed > 0 { "" } else { "  did not build or run, see above" };
            writeln!(out, "{note}")?;
        }
        for (reason, names) in self.0.iter().flat_map(|step| &step.reasons) {
            writeln!(out, "skipped, {reason}: {}", names.join(", "))?;
        }
        for failure in self.0.iter().flat_map(|step| &step.failures) {
            writeln!(out, "FAILED {failure}")?;
        }
        let (passed, failed) = (self.sum(|step| step.passed), self.sum(|step| step.failed));
        let broken = self.sum(|step| u64::from(!step.success && step.failed == 0));
        write!(out, "{passed} passed, {} failed, {} skipped", failed + broken, self.sum(|step| step.ignored))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\
   Compiling mediapoint-g729 v0.1.0
     Running unittests src/lib.rs (target/debug/deps/mediapoint_g729-1)

running 3 tests
test serial::tests::words ... ok
test decoder::tests::traces ... ignored, needs the ITU's vectors: set X
test decoder::tests::fades - should panic ... FAILED

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.30s
     Running tests/second.rs (target/debug/deps/second-2)
test first ... ignored, the first process of the test below
test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.30s
   Doc-tests mediapoint_g729
test crates/g729/src/lib.rs - (line 9) ... ok
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.30s";

    fn step(printed: &str, success: bool) -> Step {
        let mut step = Step::new("workspace");
        printed.lines().for_each(|line| step.take(line));
        step.end(Duration::from_secs(61), success);
        step
    }

    #[test]
    fn outcomes_are_counted_and_what_was_skipped_says_why() {
        let mut report = Report::default();
        report.add(step(PRINTED, false));
        assert!(report.failed());
        assert_eq!(report.ignored_for("needs the ITU"), ["decoder::tests::traces"]);
        let shown = report.to_string();
        for line in [
            "workspace             14       1        2    61 s\n",
            "skipped, needs the ITU's vectors: set X: decoder::tests::traces\n",
            "FAILED unittests src/lib.rs: decoder::tests::fades - should panic\n",
        ] {
            assert!(shown.contains(line), "{line}: {shown}");
        }
        assert!(shown.ends_with("\n14 passed, 1 failed, 2 skipped"), "{shown}");
    }

    #[test]
    fn what_ran_since_is_skipped_no_more() {
        let mut report = Report::default();
        report.add(step(PRINTED, false));
        report.forget_ignored("needs the ITU");
        assert!(report.to_string().ends_with("\n14 passed, 1 failed, 1 skipped"), "{report}");
    }

    #[test]
    fn what_does_not_compile_is_a_failure() {
        let mut report = Report::default();
        report.add(step("error: could not compile `mediapoint-net`", false));
        assert!(report.failed());
        assert!(
            report.to_string().ends_with("did not build or run, see above\n0 passed, 1 failed, 0 skipped")
        );
    }
}
