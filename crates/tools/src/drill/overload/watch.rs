//! What the server says of its overload: `statistics`, and its reports of calls that were shed.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Instant;

use mediapoint_caller::ng::Client;

use crate::drill::DrillError;
use crate::drill::holding::total;

/// Lines that the timeline has at most.
const MOST_LINES: usize = 60;

/// Where the server's reports come.
#[derive(Debug)]
pub(super) struct Reports(UdpSocket);

impl Reports {
    pub(super) fn new() -> Result<Self, DrillError> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        Ok(Self(socket))
    }

    pub(super) fn address(&self) -> Result<SocketAddr, DrillError> {
        Ok(self.0.local_addr()?)
    }

    /// The call-id of the next call that was shed, where a report of it has come.
    fn next(&self) -> Option<String> {
        let mut buffer = [0; 4096];
        loop {
            let len = self.0.recv(&mut buffer).ok()?;
            if let Some(id) = shed(buffer.get(..len).unwrap_or_default()) {
                return Some(id);
            }
        }
    }
}

/// The call-id of a report of a call that was shed.
fn shed(report: &[u8]) -> Option<String> {
    let report: serde_json::Value = serde_json::from_slice(report).ok()?;
    let text = |key: &str| report.get(key).and_then(serde_json::Value::as_str);
    if text("type") == Some("shed") { text("callid").map(str::to_owned) } else { None }
}

/// What the server says now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Now {
    /// Thousandths of points.
    pub(super) budget: u64,
    pub(super) configured: u64,
    pub(super) late: u64,
    pub(super) shed: u64,
}

impl Now {
    pub(super) fn read(client: &mut Client) -> Result<Self, DrillError> {
        let statistics = client.statistics()?;
        let points = |key| statistics.points(key).unwrap_or_default();
        Ok(Self {
            budget: points("pointsbudget"),
            configured: points("pointsconfigured"),
            late: statistics.int_at(&["statistics", "currentstatistics", "lateworkers"]).unwrap_or_default(),
            shed: total(&statistics, "shedsessions"),
        })
    }
}

/// What happened, and when.
#[derive(Debug)]
pub(super) struct Watch {
    reports: Reports,
    start: Instant,
    /// Numbers of the calls by their ids.
    pub(super) calls: BTreeMap<String, u32>,
    pub(super) now: Now,
    /// The least that the worker might carry, and whether it was less before the first call was shed.
    pub(super) least_budget: u64,
    pub(super) shrank_first: bool,
    /// Calls that were shed, by their numbers in the order of the reports.
    pub(super) shed: Vec<u32>,
    pub(super) unknown: u64,
    pub(super) last_shed: Option<Instant>,
    timeline: Vec<(String, String)>,
    /// Calls that were shed one after another and are not in the timeline yet: since when, the first and the last.
    shedding: Option<(Instant, u32, u32)>,
}

impl Watch {
    pub(super) fn new(reports: Reports) -> Self {
        Self {
            reports,
            start: Instant::now(),
            calls: BTreeMap::new(),
            now: Now::default(),
            least_budget: u64::MAX,
            shrank_first: false,
            shed: Vec::new(),
            unknown: 0,
            last_shed: None,
            timeline: Vec::new(),
            shedding: None,
        }
    }

    /// Looks what the server says. Gives the calls that were shed since the last look.
    pub(super) fn look(&mut self, client: &mut Client) -> Result<Vec<u32>, DrillError> {
        let before = self.shed.len();
        // Read first: a call whose report is here has been counted by the statistics after it.
        while let Some(id) = self.reports.next() {
            match self.calls.get(&id) {
                Some(number) => self.shed.push(*number),
                None => self.unknown += 1,
            }
        }
        let now = Now::read(client)?;
        self.least_budget = self.least_budget.min(now.budget);
        if self.shed.is_empty() && now.shed == 0 {
            self.shrank_first = now.budget < now.configured;
        }
        if (now.budget, now.late) != (self.now.budget, self.now.late) {
            let late = if now.late > 0 { ", the worker is late" } else { "" };
            self.note(format!("budget {} of {} points{late}", points(now.budget), points(now.configured)));
        }
        self.now = now;
        let new = self.shed.get(before..).unwrap_or_default().to_vec();
        if let (Some(first), Some(last)) = (new.first(), new.last()) {
            let now = Instant::now();
            self.last_shed = Some(now);
            let (since, first, _) = self.shedding.unwrap_or((now, *first, *last));
            self.shedding = Some((since, first, *last));
        }
        Ok(new)
    }

    pub(super) fn note(&mut self, what: String) {
        self.note_shed();
        self.note_at(Instant::now(), what);
    }

    fn note_shed(&mut self) {
        match self.shedding.take() {
            Some((at, first, last)) if first == last => self.note_at(at, format!("call {first} is shed")),
            Some((at, first, last)) => self.note_at(at, format!("calls {first} to {last} are shed")),
            None => {}
        }
    }

    fn note_at(&mut self, at: Instant, what: String) {
        if self.timeline.len() < MOST_LINES {
            let at = at.saturating_duration_since(self.start).as_secs_f64();
            self.timeline.push((format!("  {at:5.1} s"), what));
        }
    }

    pub(super) fn into_timeline(mut self) -> Vec<(String, String)> {
        self.note_shed();
        self.timeline
    }
}

/// Points with one decimal.
pub(super) fn points(thousandths: u64) -> String {
    format!("{}.{}", thousandths / 1000, thousandths % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reports_of_shed_calls_count() {
        assert_eq!(shed(br#"{"callid":"a@b","type":"shed","age":5}"#).as_deref(), Some("a@b"));
        assert_eq!(shed(br#"{"callid":"a@b","type":"DTMF","event":5}"#), None);
        assert_eq!(shed(b"x"), None);
    }
}
