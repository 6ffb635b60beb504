//! Which ports of an address are lent, and the sockets opened on them.
//!
//! Ports are tried in rotation, so that one that was given back rests as long as the range allows: late packets of an
//! ended call do not reach the next.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use mediapoint_net::{SocketOptions, UdpSocket};

use crate::api::error::OpenLegError;
use crate::api::leg::Ports;

/// The sockets of one leg.
#[derive(Debug)]
pub(crate) struct LegSockets {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: Option<UdpSocket>,
    pub(crate) lease: PortLease,
}

/// What must be given back when a leg is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PortLease {
    pub(crate) address: IpAddr,
    pub(crate) first: u16,
}

/// All ports of all addresses.
#[derive(Debug)]
pub(crate) struct PortPool {
    range: RangeInclusive<u16>,
    addresses: HashMap<IpAddr, Lent>,
}

#[derive(Debug, Default)]
struct Lent {
    /// First ports of the pairs in use: a single port takes its pair too, so that pairs never overlap.
    pairs: HashSet<u16>,
    next: usize,
}

impl PortPool {
    pub(crate) fn new(range: RangeInclusive<u16>) -> Self {
        Self { range, addresses: HashMap::new() }
    }

    fn first_even(&self) -> u16 {
        self.range.start().saturating_add(self.range.start() % 2)
    }

    fn pair_count(&self) -> usize {
        let span = u32::from(*self.range.end()) + 1 - u32::from(self.first_even());
        usize::try_from(span / 2).unwrap_or(0)
    }

    /// Opens the sockets of a leg on the next free ports of `address`.
    pub(crate) fn open(
        &mut self,
        address: IpAddr,
        ports: Ports,
        options: &SocketOptions,
    ) -> Result<LegSockets, OpenLegError> {
        let (first_even, pairs) = (self.first_even(), self.pair_count());
        let lent = self.addresses.entry(address).or_default();
        for _ in 0..pairs {
            let slot = u16::try_from(lent.next % pairs).unwrap_or(0);
            lent.next = (lent.next + 1) % pairs;
            let first = first_even + slot * 2;
            if lent.pairs.contains(&first) {
                continue;
            }
            match bind(address, first, ports, options) {
                Ok((rtp, rtcp)) => {
                    lent.pairs.insert(first);
                    let lease = PortLease { address, first };
                    return Ok(LegSockets { rtp, rtcp, lease });
                }
                // Another program has it: leave it alone and try the next.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(source) => return Err(OpenLegError::Socket { address, source }),
            }
        }
        Err(OpenLegError::NoPorts { total: pairs * 2, address })
    }

    /// Takes back what a closed leg had.
    pub(crate) fn give_back(&mut self, lease: PortLease) {
        if let Some(lent) = self.addresses.get_mut(&lease.address) {
            lent.pairs.remove(&lease.first);
        }
    }

    #[cfg(test)]
    pub(crate) fn lent(&self) -> usize {
        self.addresses.values().map(|lent| lent.pairs.len()).sum()
    }
}

fn bind(
    address: IpAddr,
    first: u16,
    ports: Ports,
    options: &SocketOptions,
) -> io::Result<(UdpSocket, Option<UdpSocket>)> {
    let rtp = UdpSocket::bind(SocketAddr::new(address, first), options)?;
    let rtcp = match ports {
        Ports::Single => None,
        Ports::RtpAndRtcp => Some(UdpSocket::bind(SocketAddr::new(address, first + 1), options)?),
    };
    Ok((rtp, rtcp))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn every_pair_is_lent_once_and_then_refused_with_the_total() {
        let mut pool = PortPool::new(21001..=21008);
        let options = SocketOptions::default();
        let opened: Vec<_> = (0..3).map(|_| pool.open(LOCAL, Ports::RtpAndRtcp, &options).unwrap()).collect();
        let mut firsts: Vec<u16> = opened.iter().map(|leg| leg.lease.first).collect();
        firsts.sort_unstable();
        assert_eq!(firsts, [21002, 21004, 21006]);
        assert!(opened.iter().all(|leg| leg.rtcp.is_some()));
        let refused = pool.open(LOCAL, Ports::RtpAndRtcp, &options).unwrap_err();
        assert!(matches!(refused, OpenLegError::NoPorts { total: 6, .. }), "{refused}");
    }

    #[test]
    fn a_pair_given_back_is_lent_again_after_the_others() {
        let mut pool = PortPool::new(21010..=21015);
        let options = SocketOptions::default();
        let first = pool.open(LOCAL, Ports::Single, &options).unwrap();
        let lease = first.lease;
        drop(first);
        pool.give_back(lease);
        let second = pool.open(LOCAL, Ports::Single, &options).unwrap();
        assert_ne!(second.lease.first, lease.first);
        assert_eq!(pool.lent(), 1);
    }

    #[test]
    fn a_port_that_another_program_holds_is_passed_over() {
        let options = SocketOptions::default();
        let _other = UdpSocket::bind(SocketAddr::new(LOCAL, 21021), &options).unwrap();
        let mut pool = PortPool::new(21020..=21023);
        let leg = pool.open(LOCAL, Ports::RtpAndRtcp, &options).unwrap();
        assert_eq!(leg.lease.first, 21022);
    }
}
