//! The log level while the server runs: what the configuration says, and the steps that an operator took from there.

use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::filter::{LevelFilter, Targets};

use super::OWN_TARGET;
use super::filter::Filter;
use crate::config::values::LogFilter;

/// A change of the level by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Fewer lines: from `info` to `warn`.
    Quieter,
    /// More lines: from `info` to `debug`.
    MoreVerbose,
}

#[derive(Debug)]
struct State {
    /// What the configuration says, or an operator instead.
    configured: LogFilter,
    /// Levels more verbose than that.
    steps: i8,
}

impl State {
    fn in_force(&self) -> LogFilter {
        self.configured.shifted(self.steps)
    }
}

/// What is logged.
#[derive(Debug)]
pub(crate) struct Level {
    state: Mutex<State>,
    filter: Arc<Filter>,
}

impl Level {
    pub(super) fn new(configured: LogFilter) -> Self {
        let filter = Arc::new(Filter::new(targets(&configured)));
        Self { state: Mutex::new(State { configured, steps: 0 }), filter }
    }

    pub(super) const fn filter(&self) -> &Arc<Filter> {
        &self.filter
    }

    /// What is logged now.
    pub(crate) fn in_force(&self) -> LogFilter {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).in_force()
    }

    /// Logs by this filter from now on; steps taken before are forgotten.
    pub(crate) fn set(&self, filter: &LogFilter) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { configured: filter.clone(), steps: 0 };
        self.put_in_force(&state);
    }

    /// The same for somebody who asked for it; the change is logged.
    pub(crate) fn change(&self, filter: &LogFilter, who: &str) {
        let before = self.in_force();
        self.set(filter);
        log_change(&format_args!("the log level is {filter}, it was {before}"), who);
    }

    /// Changes the level by one. The change is logged, whatever the level is then; at the end of the levels nothing changes.
    pub(crate) fn step(&self, step: Step, who: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.in_force();
        let change = if step == Step::MoreVerbose { 1 } else { -1 };
        let steps = state.steps.saturating_add(change);
        let level = state.configured.shifted(steps);
        if level == before {
            log_change(&format_args!("the log level stays {level}: there is none beyond it"), who);
            return;
        }
        state.steps = steps;
        self.put_in_force(&state);
        log_change(&format_args!("the log level is {level}, it was {before}"), who);
    }

    fn put_in_force(&self, state: &State) {
        self.filter.set(targets(&state.in_force()));
        tracing::callsite::rebuild_interest_cache();
    }
}

/// The filter's targets. A change of the level is logged at every level: only a log that is off says nothing.
fn targets(filter: &LogFilter) -> Targets {
    let targets = filter.targets();
    if filter.is_off() { targets } else { targets.with_target(OWN_TARGET, LevelFilter::INFO) }
}

/// Logs a change of the level.
fn log_change(what: &impl std::fmt::Display, who: &str) {
    tracing::info!(target: OWN_TARGET, who, "{what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(text: &str) -> Level {
        Level::new(text.parse().unwrap())
    }

    #[test]
    fn steps_end_at_error_and_trace_and_lead_back() {
        let level = level("info,mediapoint_engine=debug");
        let mut seen = Vec::new();
        for step in [Step::MoreVerbose; 4].into_iter().chain([Step::Quieter; 7]) {
            level.step(step, "test");
            seen.push(level.in_force().to_string());
        }
        let expected = [
            "debug,mediapoint_engine=trace",
            "trace,mediapoint_engine=trace",
            "trace,mediapoint_engine=trace",
            "trace,mediapoint_engine=trace",
            "debug,mediapoint_engine=trace",
            "info,mediapoint_engine=debug",
            "warn,mediapoint_engine=info",
            "error,mediapoint_engine=warn",
            "error,mediapoint_engine=error",
            "error,mediapoint_engine=error",
            "error,mediapoint_engine=error",
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_log_that_is_off_is_turned_on_by_a_step_and_off_by_none() {
        let level = level("off");
        level.step(Step::Quieter, "test");
        assert_eq!(level.in_force().to_string(), "off");
        level.step(Step::MoreVerbose, "test");
        assert_eq!(level.in_force().to_string(), "error");
    }

    #[test]
    fn another_filter_forgets_the_steps() {
        let level = level("info");
        level.step(Step::MoreVerbose, "test");
        level.set(&"warn".parse().unwrap());
        assert_eq!(level.in_force().to_string(), "warn");
    }
}
