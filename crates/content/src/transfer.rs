//! The way of one finished recording, as a state machine that does no I/O and is told the time.
//!
//! Each step may be done twice: a crash or a lost answer leaves it open whether it was done, so it is done again. A step
//! counts once its result is written down ([`crate::queue`]); the next begins only then.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One step, in the order in which they are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Step {
    /// Lengths and hashes of the local files are taken.
    Measure,
    /// The signed manifest is put, if absent. It claims the recording's name in the store.
    PutManifest,
    /// The encrypted metadata is put, if absent.
    PutMeta,
    /// The encrypted audio is put, if absent, in parts where it is long.
    PutAudio,
    /// Everything is read back and compared.
    Verify,
    /// The catalogue's row and the header of the file are written, in one transaction with the audit entry.
    Catalogue,
    /// The listeners are told.
    Notify,
    /// The local files are removed.
    RemoveLocal,
    /// The queue forgets the recording.
    Forget,
}

impl Step {
    const ORDER: [Self; 9] = [
        Self::Measure,
        Self::PutManifest,
        Self::PutMeta,
        Self::PutAudio,
        Self::Verify,
        Self::Catalogue,
        Self::Notify,
        Self::RemoveLocal,
        Self::Forget,
    ];

    fn after(self) -> Option<Self> {
        Self::ORDER.iter().copied().find(|step| *step > self)
    }
}

/// Where a recording is, as an operator is shown it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Stage {
    /// On the local disk alone.
    Spooled,
    /// On its way to the store.
    Uploading,
    /// In the store, and read back.
    Stored,
    /// In the catalogue.
    Catalogued,
    /// The listeners know it.
    Notified,
    /// The local copy is gone.
    LocalRemoved,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spooled => "spooled",
            Self::Uploading => "uploading",
            Self::Stored => "stored",
            Self::Catalogued => "catalogued",
            Self::Notified => "notified",
            Self::LocalRemoved => "local copy removed",
        })
    }
}

/// Result of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done, now or before.
    Done,
    /// It may succeed later: the store, the database or the network is away.
    Later(String),
    /// A local file could not be read: some more attempts are made, see [`BackOff::local_attempts`], then it is refused.
    Local(String),
    /// It will not succeed by itself: a conflict, a local file that is missing or altered.
    Refused(String),
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Do the step.
    Do(Step),
    /// Nothing before that time (milliseconds since 1970).
    At(i64),
    /// Nothing until an operator asks for another attempt.
    Stuck,
    /// Nothing, ever.
    Finished,
}

/// Delays between attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackOff {
    /// After the first failure.
    pub first: Duration,
    /// At most.
    pub longest: Duration,
    /// A listener that has not answered for that long is given up: the local disk must not fill for its sake.
    pub notify_for: Duration,
    /// Attempts in a row at a local file that cannot be read, before an operator has to ask for another one.
    pub local_attempts: u32,
}

impl Default for BackOff {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_mins(5),
            notify_for: Duration::from_hours(24),
            local_attempts: 8,
        }
    }
}

impl BackOff {
    /// Milliseconds to wait after `failures` in a row: doubled each time, three quarters to the whole of it by `spread`, so
    /// that recordings which failed together do not come back together.
    fn delay(&self, failures: u32, spread: u64) -> i64 {
        let first = millis(self.first).max(1);
        let longest = millis(self.longest).max(first);
        let doubled = first.saturating_mul(1_i64.checked_shl(failures.saturating_sub(1)).unwrap_or(i64::MAX));
        let whole = if failures > 40 { longest } else { doubled.clamp(first, longest) };
        let quarter = whole / 4;
        let part = i64::try_from(spread % 1024).unwrap_or(0);
        whole - quarter * part / 1024
    }
}

/// Milliseconds, as far as they fit.
fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// State of one recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    step: Option<Step>,
    failures: u32,
    /// Time of the first failure of this step.
    failing_since: Option<i64>,
    retry_at: Option<i64>,
    last_failure: Option<String>,
    stuck: Option<String>,
}

impl Default for Transfer {
    fn default() -> Self {
        Self {
            step: Some(Step::Measure),
            failures: 0,
            failing_since: None,
            retry_at: None,
            last_failure: None,
            stuck: None,
        }
    }
}

impl Transfer {
    /// What to do at `now` (milliseconds since 1970).
    #[must_use]
    pub fn next(&self, now: i64) -> Next {
        match (self.step, &self.stuck, self.retry_at) {
            (None, ..) => Next::Finished,
            (_, Some(_), _) => Next::Stuck,
            (_, _, Some(at)) if at > now => Next::At(at),
            (Some(step), ..) => Next::Do(step),
        }
    }

    /// Takes the result of the step that [`Transfer::next`] named. `spread` is any number of the recording's own.
    pub fn handle(&mut self, now: i64, outcome: Outcome, back_off: &BackOff, spread: u64) {
        match outcome {
            Outcome::Done => self.advance(),
            Outcome::Later(_) if self.gives_up(now, back_off) => self.advance(),
            Outcome::Local(reason) if self.failures.saturating_add(1) >= back_off.local_attempts => {
                self.stuck = Some(reason);
            }
            Outcome::Later(reason) | Outcome::Local(reason) => {
                self.last_failure = Some(reason);
                self.failures = self.failures.saturating_add(1);
                self.failing_since.get_or_insert(now);
                self.retry_at = Some(now.saturating_add(back_off.delay(self.failures, spread)));
            }
            Outcome::Refused(reason) => self.stuck = Some(reason),
        }
    }

    /// Whether a failure at `now` ends the attempts: only telling a listener is ever given up.
    #[must_use]
    pub fn gives_up(&self, now: i64, back_off: &BackOff) -> bool {
        self.step == Some(Step::Notify)
            && self
                .failing_since
                .is_some_and(|since| now.saturating_sub(since) >= millis(back_off.notify_for))
    }

    /// An operator asks for another attempt, at once.
    pub fn retry(&mut self) {
        (self.stuck, self.retry_at, self.last_failure) = (None, None, None);
        (self.failures, self.failing_since) = (0, None);
    }

    /// An operator asks for a retry after the local files were replaced: everything is measured again.
    pub fn start_again(&mut self) {
        *self = Self::default();
    }

    /// Why it stands still, if it does.
    #[must_use]
    pub fn stuck(&self) -> Option<&str> {
        self.stuck.as_deref()
    }

    /// Why the current step failed last.
    #[must_use]
    pub fn last_failure(&self) -> Option<&str> {
        self.last_failure.as_deref()
    }

    /// Failures of the current step in a row.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Where it is.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        match self.step {
            Some(Step::Measure) => Stage::Spooled,
            Some(Step::PutManifest | Step::PutMeta | Step::PutAudio | Step::Verify) => Stage::Uploading,
            Some(Step::Catalogue) => Stage::Stored,
            Some(Step::Notify) => Stage::Catalogued,
            Some(Step::RemoveLocal) => Stage::Notified,
            Some(Step::Forget) | None => Stage::LocalRemoved,
        }
    }

    fn advance(&mut self) {
        self.step = self.step.and_then(Step::after);
        self.retry();
    }
}

#[cfg(test)]
mod tests;
