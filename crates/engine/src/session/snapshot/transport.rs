//! The transport of a leg in a snapshot: addresses learnt and signalled, the keys in use, and where their indexes stand.

use std::net::SocketAddr;

use mediapoint_srtp::{InboundState, MasterKey, OutboundState};

use crate::api::leg::RemoteAddress;
use crate::session::snapshot::age::Age;
use crate::session::snapshot::secret;

/// A transport.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct TransportSnapshot {
    pub(crate) latch: LatchSnapshot,
    pub(crate) srtp: Option<SrtpSnapshot>,
    /// Where the party was signalled to be last: hold with an address of 0.0.0.0 does not change it.
    pub(crate) remote: Option<RemoteAddress>,
    pub(crate) rtcp_latched: Option<SocketAddr>,
}

/// A latch, without candidates.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct LatchSnapshot {
    pub(crate) signalled: Option<SocketAddr>,
    pub(crate) state: LatchState,
    /// SSRC and highest sequence number of the party's streams, the one used last first.
    pub(crate) streams: Vec<(u32, u16)>,
}

/// What a latch has learnt.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) enum LatchState {
    Learning { old: Option<OldSource> },
    Held { from: SocketAddr, since: Age },
}

/// The source from before learning began anew.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct OldSource {
    pub(crate) from: SocketAddr,
    pub(crate) last: Age,
    pub(crate) since: Age,
}

/// SRTP of a leg. Holds keys: treat as a secret.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct SrtpSnapshot {
    pub(crate) inbound: Option<InboundSnapshot>,
    pub(crate) outbound: OutboundSnapshot,
}

/// The receiving direction: the newest key. One before it, which may be in use while keys change, is left behind.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct InboundSnapshot {
    #[serde(with = "secret")]
    pub(crate) key: MasterKey,
    pub(crate) mki: Option<Vec<u8>>,
    pub(crate) state: InboundState,
}

/// The sending direction.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct OutboundSnapshot {
    #[serde(with = "secret")]
    pub(crate) key: MasterKey,
    pub(crate) state: OutboundState,
}
