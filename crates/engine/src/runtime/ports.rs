//! Which ports of an address are lent. The pool hands out addresses and ports; the packet I/O backend opens them, under no
//! lock.
//!
//! Ports are lent in rotation, so that one that was given back rests as long as the range allows: late packets of an ended
//! call do not reach the next.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::api::error::OpenLegError;
use crate::api::leg::Ports;

/// Ports lent to a leg: an even one, with the odd one above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct PortLease {
    pub(crate) address: IpAddr,
    pub(crate) first: u16,
}

impl PortLease {
    pub(crate) const fn rtp(self) -> SocketAddr {
        SocketAddr::new(self.address, self.first)
    }

    pub(crate) const fn rtcp(self) -> SocketAddr {
        SocketAddr::new(self.address, self.first + 1)
    }
}

/// The opened ports of a leg, before a worker serves them.
#[derive(Debug)]
pub(crate) struct OpenPorts<H> {
    pub(crate) lease: PortLease,
    pub(crate) rtp: H,
    pub(crate) rtcp: Option<H>,
}

#[derive(Debug, Default)]
struct Lent {
    /// First ports of the pairs in use: a single port takes its pair too, so that pairs never overlap.
    pairs: HashSet<u16>,
    next: usize,
}

/// All ports of all addresses.
#[derive(Debug)]
pub(crate) struct PortPool {
    range: RangeInclusive<u16>,
    addresses: Mutex<HashMap<IpAddr, Lent>>,
}

impl PortPool {
    pub(crate) fn new(range: RangeInclusive<u16>) -> Self {
        Self { range, addresses: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Lent>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn first_even(&self) -> u16 {
        self.range.start().saturating_add(self.range.start() % 2)
    }

    fn pair_count(&self) -> usize {
        let span = u32::from(*self.range.end()) + 1 - u32::from(self.first_even());
        usize::try_from(span / 2).unwrap_or(0)
    }

    /// Lends the next free pair of an address.
    fn lend(&self, address: IpAddr) -> Option<PortLease> {
        let (first_even, pairs) = (self.first_even(), self.pair_count());
        let mut addresses = self.lock();
        let lent = addresses.entry(address).or_default();
        for _ in 0..pairs {
            let place = u16::try_from(lent.next % pairs).unwrap_or(0);
            lent.next = (lent.next + 1) % pairs;
            let first = first_even + place * 2;
            if lent.pairs.insert(first) {
                return Some(PortLease { address, first });
            }
        }
        None
    }

    /// Lends a pair by its number; false where it is lent already.
    pub(crate) fn lend_exactly(&self, lease: PortLease) -> bool {
        self.lock().entry(lease.address).or_default().pairs.insert(lease.first)
    }

    /// Lends and opens the ports of a leg on `address`. `open` opens one address.
    pub(crate) fn open<H>(
        &self,
        address: IpAddr,
        ports: Ports,
        open: impl Fn(SocketAddr) -> io::Result<H>,
    ) -> Result<OpenPorts<H>, OpenLegError> {
        let pairs = self.pair_count();
        for _ in 0..pairs {
            let Some(lease) = self.lend(address) else { break };
            match open_at(lease, ports, &open) {
                Ok(opened) => return Ok(opened),
                Err(source) => {
                    self.give_back(lease);
                    // Another program has it: leave it alone and try the next.
                    if source.kind() != io::ErrorKind::AddrInUse {
                        return Err(OpenLegError::Socket { address, source });
                    }
                }
            }
        }
        Err(OpenLegError::NoPorts { total: pairs * 2, address })
    }

    /// Takes back what a closed leg had.
    pub(crate) fn give_back(&self, lease: PortLease) {
        if let Some(lent) = self.lock().get_mut(&lease.address) {
            lent.pairs.remove(&lease.first);
        }
    }

    #[cfg(test)]
    pub(crate) fn lent(&self) -> usize {
        self.lock().values().map(|lent| lent.pairs.len()).sum()
    }
}

/// Opens the ports of a lease.
pub(crate) fn open_at<H>(
    lease: PortLease,
    ports: Ports,
    open: impl Fn(SocketAddr) -> io::Result<H>,
) -> io::Result<OpenPorts<H>> {
    let rtp = open(lease.rtp())?;
    let rtcp = match ports {
        Ports::Single => None,
        Ports::RtpAndRtcp => Some(open(lease.rtcp())?),
    };
    Ok(OpenPorts { lease, rtp, rtcp })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn open(at: SocketAddr) -> io::Result<std::net::UdpSocket> {
        std::net::UdpSocket::bind(at)
    }

    #[test]
    fn every_pair_is_lent_once_and_then_refused_with_the_total() {
        let pool = PortPool::new(21001..=21008);
        let opened: Vec<_> = (0..3).map(|_| pool.open(LOCAL, Ports::RtpAndRtcp, open).unwrap()).collect();
        let mut firsts: Vec<u16> = opened.iter().map(|leg| leg.lease.first).collect();
        firsts.sort_unstable();
        assert_eq!(firsts, [21002, 21004, 21006]);
        assert!(opened.iter().all(|leg| leg.rtcp.is_some()));
        let refused = pool.open(LOCAL, Ports::RtpAndRtcp, open).unwrap_err();
        assert!(matches!(refused, OpenLegError::NoPorts { total: 6, .. }), "{refused}");
    }

    #[test]
    fn a_pair_given_back_is_lent_again_after_the_others() {
        let pool = PortPool::new(21010..=21015);
        let first = pool.open(LOCAL, Ports::Single, open).unwrap();
        let lease = first.lease;
        drop(first);
        pool.give_back(lease);
        let second = pool.open(LOCAL, Ports::Single, open).unwrap();
        assert_ne!(second.lease.first, lease.first);
        assert_eq!(pool.lent(), 1);
    }

    #[test]
    fn a_port_that_another_program_holds_is_passed_over() {
        let _other = open(SocketAddr::new(LOCAL, 21021)).unwrap();
        let pool = PortPool::new(21020..=21023);
        let leg = pool.open(LOCAL, Ports::RtpAndRtcp, open).unwrap();
        assert_eq!(leg.lease.first, 21022);
        assert_eq!(pool.lent(), 1, "the pair that could not be opened is not lent");
    }

    #[test]
    fn a_pair_is_lent_by_its_number_once() {
        let pool = PortPool::new(21030..=21039);
        let lease = PortLease { address: LOCAL, first: 21034 };
        assert!(pool.lend_exactly(lease));
        assert!(!pool.lend_exactly(lease));
    }
}
