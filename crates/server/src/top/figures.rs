//! What the server says of itself: the reply to `statistics`.

use std::time::Duration;

use mediapoint_control_ng::wire::{Dict, Value};

use crate::ctl::call::Part;

/// Media points in thousandths.
pub(super) type Milli = u64;

/// Figures of the server at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Figures {
    pub(super) uptime: Duration,
    pub(super) calls: u64,
    pub(super) rooms: u64,
    pub(super) recordings: u64,
    /// Calls that ended since the start.
    pub(super) ended: u64,
    /// Offers and publications that there was no room for.
    pub(super) rejected: u64,
    /// Requests that were refused.
    pub(super) errors: u64,
    /// Kinds of work with their points, those that nothing is spent on left out.
    pub(super) kinds: Vec<(String, Milli)>,
    pub(super) workers: Vec<Worker>,
    pub(super) longest: Vec<LongCall>,
}

/// One worker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Worker {
    pub(super) number: u64,
    pub(super) used: Milli,
    pub(super) budget: Milli,
    /// What it may carry while it keeps up.
    pub(super) configured: Milli,
    pub(super) free: Milli,
    pub(super) calls: u64,
    pub(super) cpu: Duration,
    pub(super) late: Duration,
    pub(super) received: u64,
    pub(super) sent: u64,
    pub(super) dropped: u64,
}

/// A call that has lasted long.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct LongCall {
    pub(super) id: String,
    pub(super) age: Duration,
    pub(super) parties: u64,
    pub(super) points: Milli,
    pub(super) worker: String,
}

impl Figures {
    /// Reads a reply. What it does not have is empty or 0.
    pub(super) fn read(reply: &Dict) -> Self {
        let statistics = Part(Some(reply)).part("statistics");
        let (current, totals) = (statistics.part("currentstatistics"), statistics.part("totalstatistics"));
        let objects = statistics.part("objects");
        let control = statistics.part("controlstatistics");
        let kinds = statistics.part("points").0.into_iter().flatten();
        let mut kinds: Vec<(String, Milli)> = kinds
            .map(|(kind, value)| (String::from_utf8_lossy(kind).into_owned(), milli(&text(value))))
            .filter(|(_, points)| *points > 0)
            .collect();
        kinds.sort_by(|(_, a), (_, b)| b.cmp(a));
        Self {
            uptime: Duration::from_secs(totals.count("uptime")),
            calls: current.count("sessionsown"),
            rooms: objects.count("rooms"),
            recordings: objects.count("recordings"),
            ended: totals.count("managedsessions"),
            rejected: totals.count("rejectedsessions"),
            errors: control.count("totalerrorcount"),
            kinds,
            workers: statistics.list("workers").into_iter().map(worker).collect(),
            longest: statistics.list("longest").into_iter().map(long_call).collect(),
        }
    }

    /// A figure of all workers.
    pub(super) fn sum(&self, of: impl Fn(&Worker) -> u64) -> u64 {
        self.workers.iter().map(of).sum()
    }
}

fn worker(part: Part<'_>) -> Worker {
    let points = |key| milli(&part.text(key));
    Worker {
        number: part.count("worker"),
        used: points("pointsused"),
        budget: points("pointsbudget"),
        // A server that does not say so has one budget.
        configured: points("pointsconfigured").max(points("pointsbudget")),
        free: points("pointsfree"),
        calls: part.count("calls"),
        cpu: Duration::from_micros(part.count("cpu_us")),
        late: Duration::from_micros(part.count("late_us")),
        received: part.count("receiveddatagrams"),
        sent: part.count("sentdatagrams"),
        dropped: part.count("droppeddatagrams"),
    }
}

fn long_call(part: Part<'_>) -> LongCall {
    LongCall {
        // A name of the signalling may hold anything; a terminal is to show it and not to obey it.
        id: part.text("call-id").chars().map(|c| if c.is_control() { '?' } else { c }).collect(),
        age: Duration::from_secs(part.count("seconds")),
        parties: part.count("parties"),
        points: milli(&part.text("points")),
        worker: part.text("worker"),
    }
}

fn text(value: &Value) -> String {
    value.to_text().unwrap_or_default()
}

/// Reads points such as `12.400`.
fn milli(text: &str) -> Milli {
    let (whole, thousandths) = text.split_once('.').unwrap_or((text, "0"));
    let whole: u64 = whole.parse().unwrap_or(0);
    whole.saturating_mul(1000).saturating_add(thousandths.parse().unwrap_or(0))
}
