//! What the engine makes of the commands of one message.

use std::time::Duration;

use mediapoint_engine::{CommandError, Pending};

/// Outcomes that are to come. Those that nobody waits for are reported by the engine where they are failures.
#[derive(Debug, Default)]
pub(crate) struct Outcomes(Vec<Pending<()>>);

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

impl Outcomes {
    pub(crate) fn push(&mut self, outcome: Pending<()>) {
        self.0.push(outcome);
    }

    pub(crate) fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    /// Waits `within` at most. No lock may be held.
    pub(crate) fn settle(self, within: Duration) -> Settled {
        let Some((last, earlier)) = self.0.split_last() else { return Settled::InEffect };
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
