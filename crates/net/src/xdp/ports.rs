//! What is kept of the ports that are served past the kernel, and which of them a frame is for.

use std::net::SocketAddr;

use crate::io::Port;
use crate::xdp::paths::{Ends, Known};

/// No port: the end of a chain.
const NONE: u32 = u32::MAX;

/// One port.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) local: SocketAddr,
    /// By which of the worker's AF_XDP sockets.
    pub(super) lane: usize,
    pub(super) dscp: u8,
    /// The path of the last datagram sent, and between whom.
    pub(super) last: Option<(Ends, Known)>,
    /// The next of the same number.
    next: u32,
}

/// The ports of a worker that are served past the kernel.
#[derive(Debug)]
pub(super) struct Ports {
    /// Indexed by port.
    slots: Vec<Option<Slot>>,
    /// Indexed by port number: the first port that has it, on whichever address.
    by_number: Box<[u32]>,
}

impl Ports {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), by_number: vec![NONE; 1 << 16].into_boxed_slice() }
    }

    /// Enters a port.
    pub(super) fn insert(&mut self, port: Port, local: SocketAddr, lane: usize, dscp: u8) {
        let index = port.index();
        if self.slots.len() <= index {
            self.slots.resize(index + 1, None);
        }
        let first = self.by_number.get_mut(usize::from(local.port()));
        if let (Some(slot), Some(first), Ok(own)) = (self.slots.get_mut(index), first, u32::try_from(index)) {
            *slot = Some(Slot { local, lane, dscp, last: None, next: std::mem::replace(first, own) });
        }
    }

    /// Takes a port out.
    pub(super) fn remove(&mut self, port: Port) -> Option<Slot> {
        let removed = self.slots.get_mut(port.index())?.take()?;
        let own = u32::try_from(port.index()).unwrap_or(NONE);
        let first = self.by_number.get_mut(usize::from(removed.local.port()))?;
        if *first == own {
            *first = removed.next;
            return Some(removed);
        }
        let mut before = *first;
        loop {
            let slot = self.slots.get_mut(before as usize)?.as_mut()?;
            if slot.next == own {
                slot.next = removed.next;
                return Some(removed);
            }
            before = slot.next;
        }
    }

    pub(super) fn get_mut(&mut self, port: Port) -> Option<&mut Slot> {
        self.slots.get_mut(port.index())?.as_mut()
    }

    /// The port that has a local address.
    pub(super) fn find(&self, local: SocketAddr) -> Option<Port> {
        let mut index = *self.by_number.get(usize::from(local.port()))?;
        loop {
            let slot = self.slots.get(index as usize)?.as_ref()?;
            if slot.local == local {
                return Some(Port::new(index));
            }
            index = slot.next;
        }
    }

    /// Ports that are served.
    pub(super) fn len(&self) -> usize {
        self.slots.iter().flatten().count()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ports_are_found_by_address_and_number(steps in vec((0..2_u8, 0..6_u32, 0..3_u8, 0..2_u16), 0..100)) {
            let mut ports = Ports::new();
            let mut model: HashMap<u32, SocketAddr> = HashMap::new();
            for (step, index, host, number) in steps {
                let local = SocketAddr::from(([192, 0, 2, host], 30_000 + number));
                let port = Port::new(index);
                let is_taken = model.values().any(|other| *other == local);
                if step == 0 && !model.contains_key(&index) && !is_taken {
                    ports.insert(port, local, 0, 46);
                    model.insert(index, local);
                } else if step == 1 {
                    prop_assert_eq!(ports.remove(port).map(|slot| slot.local), model.remove(&index));
                }
                prop_assert_eq!(ports.len(), model.len());
                for host in 0..3 {
                    for number in 0..2 {
                        let local = SocketAddr::from(([192, 0, 2, host], 30_000 + number));
                        let expected = model.iter().find(|(_, at)| **at == local);
                        prop_assert_eq!(ports.find(local), expected.map(|(index, _)| Port::new(*index)));
                    }
                }
            }
        }
    }
}
