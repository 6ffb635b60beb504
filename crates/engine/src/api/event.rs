//! What the engine tells.

use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_packet::rtp::Ssrc;

use crate::api::leg::LegId;
use crate::api::stats::CallStatistics;

/// Names a call within one engine, for the engine's lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub(crate) u64);

impl CallId {
    /// The number, for logs and for state kept outside.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The call of that number, for state kept outside and for tests of the bare core.
    #[must_use]
    pub const fn from_u64(id: u64) -> Self {
        Self(id)
    }
}

/// Why a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// The controller ended it.
    Command,
    /// None of its legs was heard for the media time-out.
    MediaTimeout,
    /// It was on hold for longer than the hold time-out.
    HoldTimeout,
    /// Its worker failed and started again without it.
    WorkerFailed,
    /// The engine was shut down.
    Shutdown,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A leg learnt where its party is.
    LegLearnt {
        /// Its call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// Source of its RTP.
        from: SocketAddr,
    },
    /// The party's stream began anew with another SSRC or sequence.
    StreamRestarted {
        /// Its call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// Its SSRC now.
        ssrc: Ssrc,
    },
    /// A leg that should be heard has been silent for its media time-out. Told once until it is heard again.
    MediaTimeout {
        /// Its call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// For how long.
        silent: Duration,
    },
    /// A leg that had timed out is heard again.
    MediaResumed {
        /// Its call.
        call: CallId,
        /// The leg.
        leg: LegId,
    },
    /// The party ended its stream by an RTCP BYE.
    Bye {
        /// Its call.
        call: CallId,
        /// The leg.
        leg: LegId,
    },
    /// A call ended; its legs and ports are gone.
    CallEnded {
        /// Which call.
        call: CallId,
        /// Why.
        reason: EndReason,
        /// Its last figures; empty where the worker failed.
        statistics: CallStatistics,
    },
    /// A worker failed; its calls ended, and it started again.
    WorkerFailed {
        /// Its number.
        worker: usize,
    },
}
