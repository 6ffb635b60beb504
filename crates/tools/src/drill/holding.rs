//! What a server holds at one moment, by its own figures and the kernel's, and whether anything is left after a drill.

use std::thread;
use std::time::{Duration, Instant};

use mediapoint_caller::ng::{Client, Reply};
use serde::Serialize;

use super::DrillError;
use super::report::Check;
use super::server::Server;

/// How long a server may take until what ended is gone: its workers close sockets after the answer.
const SETTLE_WITHIN: Duration = Duration::from_secs(5);
/// How often it is looked whether it is.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a server holds. Builds from before a figure was shown have none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Holding {
    /// Calls by the statistics.
    pub(super) calls: u64,
    /// Call-ids that `list` shows.
    pub(super) listed: u64,
    /// Thousandths of media points in use.
    pub(super) points: u64,
    /// Room for legs that is reserved.
    pub(super) legs: Option<u64>,
    /// Pairs of ports that are lent.
    pub(super) port_pairs: Option<u64>,
    /// Open files that are reserved.
    pub(super) files: Option<u64>,
    /// Open descriptors of the process.
    pub(super) descriptors: u64,
    /// Resident memory in bytes.
    pub(super) resident: u64,
    /// Workers that failed and started again.
    pub(super) restarts: u64,
}

impl Holding {
    pub(super) fn of(server: &Server, client: &mut Client) -> Result<Self, DrillError> {
        let listed = u64::try_from(client.list(1_000)?.len()).unwrap_or(u64::MAX);
        let statistics = client.statistics()?;
        let current = |key| statistics.int_at(&["statistics", "currentstatistics", key]);
        Ok(Self {
            calls: current("sessionsown").unwrap_or_default(),
            listed,
            points: statistics.points("pointsused").unwrap_or_default(),
            legs: current("legsreserved"),
            port_pairs: current("portpairsused"),
            files: current("filesreserved"),
            descriptors: server.process().descriptors()?,
            resident: server.process().resident()?,
            restarts: total(&statistics, "workerrestarts"),
        })
    }

    /// True where it holds no more than `before`.
    fn is_back_to(&self, before: &Self) -> bool {
        Self { resident: before.resident, ..*self } == *before
    }

    /// Waits until it holds no more than `before`, or long enough.
    pub(super) fn settled(server: &Server, client: &mut Client, before: &Self) -> Result<Self, DrillError> {
        let deadline = Instant::now() + SETTLE_WITHIN;
        loop {
            let now = Self::of(server, client)?;
            if now.is_back_to(before) || Instant::now() > deadline {
                return Ok(now);
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// What may be left where it was as in `before` before any call.
    pub(super) fn judge(&self, before: &Self) -> Vec<Check> {
        let mut checks = vec![
            Check::equal("calls left", self.calls, before.calls),
            Check::equal("call-ids left in list", self.listed, before.listed),
            Check::equal("thousandths of points left", self.points, before.points),
        ];
        let shown = [
            ("legs left", self.legs, before.legs),
            ("pairs of ports left", self.port_pairs, before.port_pairs),
            ("reserved files left", self.files, before.files),
        ];
        let shown = shown.into_iter().filter_map(|(what, found, wanted)| Some((what, found?, wanted?)));
        checks.extend(shown.map(|(what, found, wanted)| Check::equal(what, found, wanted)));
        checks.push(Check::equal("descriptors of the process", self.descriptors, before.descriptors));
        checks.push(Check::equal("workers that failed", self.restarts, before.restarts));
        checks
    }
}

/// A figure since the server's start.
pub(super) fn total(statistics: &Reply, key: &str) -> u64 {
    statistics.int_at(&["statistics", "totalstatistics", key]).unwrap_or_default()
}

/// Packets that were not taken for one reason, of all calls that have ended.
pub(super) fn dropped(statistics: &Reply, reason: &str) -> u64 {
    statistics.int_at(&["statistics", "totalstatistics", "dropped", reason]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_left_fails_by_its_name() {
        let before = Holding {
            legs: Some(0),
            port_pairs: Some(0),
            files: Some(40),
            descriptors: 20,
            ..Holding::default()
        };
        assert!(before.judge(&before).iter().all(Check::is_kept));
        let more_memory = Holding { resident: 1 << 30, ..before };
        assert!(more_memory.judge(&before).iter().all(Check::is_kept) && more_memory.is_back_to(&before));
        for (after, what) in [
            (Holding { calls: 1, ..before }, "calls left"),
            (Holding { listed: 1, ..before }, "call-ids left in list"),
            (Holding { points: 1, ..before }, "thousandths of points left"),
            (Holding { legs: Some(2), ..before }, "legs left"),
            (Holding { port_pairs: Some(1), ..before }, "pairs of ports left"),
            (Holding { files: Some(42), ..before }, "reserved files left"),
            (Holding { descriptors: 21, ..before }, "descriptors of the process"),
            (Holding { restarts: 1, ..before }, "workers that failed"),
        ] {
            let failed: Vec<String> = after.judge(&before).iter().filter_map(Check::failure).collect();
            assert!(failed.len() == 1 && failed[0].contains(what), "{failed:?}");
            assert!(!after.is_back_to(&before), "{what}");
        }
    }

    #[test]
    fn what_a_build_does_not_show_is_not_judged() {
        let before = Holding::default();
        assert_eq!(before.judge(&before).len(), 5);
    }
}
