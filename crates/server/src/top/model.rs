//! What the screen shows: the newest figures, what has changed since those before, and how calls are sorted.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use super::Asked;
use super::figures::{Figures, LongCall, Worker};

/// What the calls are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Sort {
    #[default]
    Age,
    Points,
    Parties,
}

impl Sort {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Points => "points",
            Self::Parties => "parties",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::Age => Self::Points,
            Self::Points => Self::Parties,
            Self::Parties => Self::Age,
        }
    }
}

/// What has changed in a second.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Rates {
    pub(super) received: f64,
    pub(super) sent: f64,
    pub(super) dropped: f64,
    pub(super) rejected: f64,
    pub(super) errors: f64,
    pub(super) ended: f64,
    /// Share of its core that each worker used.
    pub(super) busy: Vec<f64>,
}

/// A key that means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Quit,
    Sort,
    Pause,
}

#[derive(Debug)]
pub(super) struct Model {
    pub(super) target: String,
    pub(super) figures: Figures,
    at: Instant,
    /// `None` before the second figures.
    pub(super) rates: Option<Rates>,
    pub(super) sort: Sort,
    pub(super) paused: bool,
    /// Why there are no newer figures.
    pub(super) error: Option<String>,
}

impl Model {
    pub(super) fn new(target: String, (figures, at): (Figures, Instant)) -> Self {
        Self { target, figures, at, rates: None, sort: Sort::default(), paused: false, error: None }
    }

    /// Takes newer figures, or why there are none.
    pub(super) fn take(&mut self, asked: Asked) {
        match asked {
            Err(error) => self.error = Some(error),
            Ok(_) if self.paused => {}
            Ok((figures, at)) => {
                let span = at.saturating_duration_since(self.at);
                // One that was started anew begins at zero again.
                let goes_on = figures.uptime >= self.figures.uptime;
                self.rates = goes_on.then(|| rates(&self.figures, &figures, span));
                (self.figures, self.at, self.error) = (figures, at, None);
            }
        }
    }

    /// Does what a key asks for; true where it ends.
    pub(super) fn press(&mut self, key: Key) -> bool {
        match key {
            Key::Quit => return true,
            Key::Sort => self.sort = self.sort.next(),
            Key::Pause => self.paused = !self.paused,
        }
        false
    }

    /// The calls as they are sorted.
    pub(super) fn calls(&self) -> Vec<&LongCall> {
        let mut calls: Vec<&LongCall> = self.figures.longest.iter().collect();
        match self.sort {
            Sort::Age => calls.sort_by_key(|call| Reverse(call.age)),
            Sort::Points => calls.sort_by_key(|call| Reverse((call.points, call.age))),
            Sort::Parties => calls.sort_by_key(|call| Reverse((call.parties, call.age))),
        }
        calls
    }
}

fn rates(before: &Figures, now: &Figures, span: Duration) -> Rates {
    let seconds = span.as_secs_f64().max(1e-3);
    #[expect(clippy::cast_precision_loss, reason = "what happens in a second is far below 2^52")]
    let rate = |before: u64, now: u64| now.saturating_sub(before) as f64 / seconds;
    let sum = |of: fn(&Worker) -> u64| rate(before.sum(of), now.sum(of));
    let earlier = |worker: &Worker| before.workers.iter().find(|known| known.number == worker.number);
    let busy = |worker: &Worker| {
        let before = earlier(worker).map_or(worker.cpu, |before| before.cpu);
        worker.cpu.saturating_sub(before).as_secs_f64() / seconds
    };
    Rates {
        received: sum(|worker| worker.received),
        sent: sum(|worker| worker.sent),
        dropped: sum(|worker| worker.dropped),
        rejected: rate(before.rejected, now.rejected),
        errors: rate(before.errors, now.errors),
        ended: rate(before.ended, now.ended),
        busy: now.workers.iter().map(busy).collect(),
    }
}
