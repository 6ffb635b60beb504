//! Places for connections: so many in all, so many of one source.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whom a quota is for: an IPv4 address, an IPv6 network of 64 bits, or all of this machine over a Unix socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Quota {
    V4(u32),
    V6(u64),
    Unix,
}

impl From<IpAddr> for Quota {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            // One host can have every address of its network.
            IpAddr::V6(address) => Self::V6(u64::try_from(address.to_bits() >> 64).unwrap_or(u64::MAX)),
        }
    }
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    by_source: HashMap<Quota, usize>,
}

/// The places of a listener.
#[derive(Debug)]
pub(super) struct Places {
    total: usize,
    per_source: usize,
    taken: Mutex<Taken>,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    source: Quota,
}

impl Places {
    pub(super) fn new(total: usize, per_source: usize) -> Arc<Self> {
        Arc::new(Self { total, per_source, taken: Mutex::default() })
    }

    /// A place, where one is left for this source.
    pub(super) fn take(self: &Arc<Self>, source: Quota) -> Option<Place> {
        let mut taken = self.lock();
        let own = taken.by_source.get(&source).copied().unwrap_or(0);
        // Who may use a Unix socket was named by the permissions of its file: one source of many processes.
        if taken.total >= self.total || (own >= self.per_source && source != Quota::Unix) {
            return None;
        }
        taken.total += 1;
        taken.by_source.insert(source, own + 1);
        Some(Place { places: Arc::clone(self), source })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().total == 0
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.total -= 1;
        if let Some(own) = taken.by_source.get_mut(&self.source) {
            *own -= 1;
            if *own == 0 {
                taken.by_source.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_source_cannot_take_every_place() {
        let places = Places::new(4, 2);
        let from = |address: &str| places.take(address.parse::<IpAddr>().unwrap().into());
        let first: Vec<Place> = [from("192.0.2.1"), from("::ffff:192.0.2.1")].map(Option::unwrap).into();
        assert!(from("192.0.2.1").is_none());
        let other = from("2001:db8::1").unwrap();
        let _same_network = from("2001:db8::2").unwrap();
        assert!(from("192.0.2.2").is_none(), "four in all");
        drop(other);
        assert!(from("192.0.2.1").is_none());
        drop(first);
        assert!(from("192.0.2.1").is_some());
        assert_eq!(places.lock().by_source.len(), 1);
    }
}
