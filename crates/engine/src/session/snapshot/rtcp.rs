//! RTCP of a leg in a snapshot.

use std::time::Duration;

use crate::session::leg::receiver::MAX_STREAMS;
use crate::session::snapshot::age::{Age, Due, Malformed, ensure, ensure_counts};

/// Round trips and jitter that a party can state at most [RFC3550 6.4.1]: 16 bits of seconds.
const LONGEST: Duration = Duration::from_secs(1 << 16);

/// The RTCP session.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct RtcpSnapshot {
    pub(crate) cname: String,
    /// The SSRCs of the party's streams, the middle of the NTP time in the last sender report on each, and its age.
    pub(crate) sender_reports: Vec<(u32, u32, Age)>,
    /// Average size of a compound, in 1/256 octet.
    pub(crate) average_size: u32,
    pub(crate) reported_before: bool,
    pub(crate) reported: Age,
    pub(crate) next_report: Option<Due>,
    pub(crate) sent_at: [u64; 2],
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) remote: Option<RemoteReport>,
    pub(crate) round_trip: Option<Duration>,
    pub(crate) left: bool,
}

/// The party's last report on the stream that it receives.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct RemoteReport {
    pub(crate) fraction_lost: u8,
    pub(crate) lost: i32,
    pub(crate) jitter: Duration,
}

impl RtcpSnapshot {
    pub(crate) fn check(&self) -> Result<(), Malformed> {
        ensure((1..=255).contains(&self.cname.len()), "the canonical name of a leg")?;
        ensure_counts([self.sent, self.received, self.sent_at[0], self.sent_at[1]], "the counters of RTCP")?;
        ensure(self.sender_reports.len() <= MAX_STREAMS, "the reports of the party")?;
        ensure(self.average_size < 1 << 24, "the size of RTCP")?;
        let times = [self.round_trip, self.remote.map(|remote| remote.jitter)];
        ensure(times.into_iter().flatten().all(|time| time <= LONGEST), "the figures of RTCP")
    }
}
