//! Ports as the session knows them: opaque numbers of the packet I/O backend, and the table from port to leg.

use crate::api::remote::LocalScope;

/// A port of the worker's packet I/O backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortKey(pub u32);

/// The ports of one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LegPorts {
    /// The port of RTP, and of RTCP where both share one.
    pub rtp: PortKey,
    /// The port of RTCP.
    pub rtcp: Option<PortKey>,
    /// Where their address lies.
    pub scope: LocalScope,
}

/// What a port belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PortOwner {
    /// Slot of the call in its session.
    pub(super) call: u32,
    /// Place of the leg in its call.
    pub(super) leg: u16,
    /// True for the port of RTCP.
    pub(super) rtcp: bool,
}

/// From port to call and leg.
#[derive(Debug, Default)]
pub(super) struct PortTable {
    owners: Vec<Option<PortOwner>>,
}

impl PortTable {
    pub(super) fn get(&self, port: PortKey) -> Option<PortOwner> {
        self.owners.get(port.0 as usize).copied().flatten()
    }

    pub(super) fn set(&mut self, port: PortKey, owner: PortOwner) {
        let place = port.0 as usize;
        if self.owners.len() <= place {
            self.owners.resize(place + 1, None);
        }
        if let Some(entry) = self.owners.get_mut(place) {
            *entry = Some(owner);
        }
    }

    pub(super) fn clear(&mut self, port: PortKey) {
        if let Some(entry) = self.owners.get_mut(port.0 as usize) {
            *entry = None;
        }
    }

    /// Ports in use.
    pub(super) fn len(&self) -> usize {
        self.owners.iter().flatten().count()
    }
}
