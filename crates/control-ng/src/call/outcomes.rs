//! What the engine makes of the commands of one message.

use std::time::Duration;

use mediapoint_engine::{Call, CallStatistics, CommandError, Pending};
use mediapoint_recorder::RecordingId;

use crate::recording::By;

/// Outcomes that are to come. Those that nobody waits for are reported by the engine where they are failures.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    commands: Vec<Pending<()>>,
    /// Recordings that ended, whose figures are asked for.
    pub(crate) closings: Closings,
}

/// A recording that ended while its call goes on.
#[derive(Debug)]
pub(crate) struct Closing {
    pub(crate) id: RecordingId,
    pub(crate) by: By,
    /// When: time since 1970.
    pub(crate) at: Duration,
}

/// Recordings that ended, and the figures of their call, which are asked for before what they are of is removed.
#[derive(Debug, Default)]
pub(crate) struct Closings {
    figures: Option<Pending<CallStatistics>>,
    pub(crate) recordings: Vec<Closing>,
}

impl Closings {
    /// Asks the worker for the figures as they are now, where that was not done.
    pub(crate) fn ask(&mut self, call: &Call) {
        if self.figures.is_none() {
            self.figures = call.statistics().ok();
        }
    }

    /// The figures. No lock may be held.
    pub(crate) fn figures(&self, within: Duration) -> Option<CallStatistics> {
        self.figures.as_ref()?.wait_timeout(within)?.ok()
    }
}

/// What became of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Settled {
    /// All is in effect.
    InEffect,
    /// The worker has not said so in time; where it fails yet, the engine reports it.
    Unknown,
    /// The engine refused one of the commands.
    Refused(CommandError),
}

impl From<Closings> for Outcomes {
    fn from(closings: Closings) -> Self {
        Self { commands: Vec::new(), closings }
    }
}

impl Outcomes {
    pub(crate) fn push(&mut self, outcome: Pending<()>) {
        self.commands.push(outcome);
    }

    pub(crate) fn append(&mut self, mut others: Self) {
        self.commands.append(&mut others.commands);
        self.closings.recordings.append(&mut others.closings.recordings);
        if self.closings.figures.is_none() {
            self.closings.figures = others.closings.figures;
        }
    }

    /// Waits `within` at most. No lock may be held.
    pub(crate) fn settle(self, within: Duration) -> Settled {
        let Some((last, earlier)) = self.commands.split_last() else { return Settled::InEffect };
        // The commands of a call are carried out in order, so that one wait is enough for all of them.
        let last = last.wait_timeout(within);
        let mut settled = Settled::InEffect;
        for outcome in earlier.iter().map(Pending::try_take).chain([last]) {
            match outcome {
                Some(Err(error)) => return Settled::Refused(error),
                Some(Ok(())) => {}
                None => settled = Settled::Unknown,
            }
        }
        settled
    }
}
