//! Which ports of an address are lent. The pool hands out addresses and ports; the packet I/O backend opens them, under no
//! lock.
//!
//! Ports that this process has not lent yet come first, in random order: after a restart, phones of calls that ended with
//! the process before still send to its ports, and new calls are to get others. Then comes the port that has rested longest,
//! so that late packets of an ended call do not reach the next. A rest is cut short before a call is refused.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng, RngExt as _, SeedableRng as _, rng};

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

/// Where a lent pair came from, to put it back to where it could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Fresh,
    Rested,
}

/// The pairs of one address, each by its place in the range. A single port takes its pair too, so that pairs never overlap.
#[derive(Debug)]
struct Pairs {
    /// Never lent by this process. Taken from at random.
    fresh: Vec<u16>,
    /// Given back; the longest ago first.
    resting: VecDeque<u16>,
    lent: Vec<bool>,
}

impl Pairs {
    fn new(count: usize) -> Self {
        let fresh = (0..count).filter_map(|place| u16::try_from(place).ok()).collect();
        Self { fresh, resting: VecDeque::new(), lent: vec![false; count] }
    }

    /// Takes a pair that is free.
    fn take(&mut self, random: &mut StdRng) -> Option<(u16, Origin)> {
        let (place, origin) = if self.fresh.is_empty() {
            (self.resting.pop_front()?, Origin::Rested)
        } else {
            (self.fresh.swap_remove(random.random_range(0..self.fresh.len())), Origin::Fresh)
        };
        self.mark(place, true);
        Some((place, origin))
    }

    /// Takes one pair; false where it is lent. Rare, so that it may look at all of them.
    fn take_exactly(&mut self, place: u16) -> bool {
        if let Some(at) = self.fresh.iter().position(|free| *free == place) {
            self.fresh.swap_remove(at);
        } else if let Some(at) = self.resting.iter().position(|free| *free == place) {
            self.resting.remove(at);
        } else {
            return false;
        }
        self.mark(place, true);
        true
    }

    /// Takes a pair back after use: it rests.
    fn rest(&mut self, place: u16) {
        if self.mark(place, false) {
            self.resting.push_back(place);
        }
    }

    /// Takes a pair back that was not opened: it is as free as before.
    fn put_back(&mut self, place: u16, origin: Origin) {
        if self.mark(place, false) {
            match origin {
                Origin::Fresh => self.fresh.push(place),
                Origin::Rested => self.resting.push_front(place),
            }
        }
    }

    /// Sets whether a pair is lent; true where that changed.
    fn mark(&mut self, place: u16, lent: bool) -> bool {
        self.lent.get_mut(usize::from(place)).is_some_and(|mark| std::mem::replace(mark, lent) != lent)
    }
}

#[derive(Debug)]
struct State {
    random: StdRng,
    addresses: HashMap<IpAddr, Pairs>,
}

/// All ports of all addresses.
#[derive(Debug)]
pub(crate) struct PortPool {
    range: RangeInclusive<u16>,
    state: Mutex<State>,
}

impl PortPool {
    /// A pool whose order nobody can foretell.
    pub(crate) fn new(range: RangeInclusive<u16>) -> Self {
        let mut seed = [0; 32];
        rng().fill_bytes(&mut seed);
        Self::seeded(range, seed)
    }

    /// A pool whose order follows from a seed.
    pub(crate) fn seeded(range: RangeInclusive<u16>, seed: [u8; 32]) -> Self {
        let state = State { random: StdRng::from_seed(seed), addresses: HashMap::new() };
        Self { range, state: Mutex::new(state) }
    }

    fn with<T>(&self, address: IpAddr, act: impl FnOnce(&mut Pairs, &mut StdRng) -> T) -> T {
        let count = self.pair_count();
        let mut state: MutexGuard<'_, State> = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { random, addresses } = &mut *state;
        act(addresses.entry(address).or_insert_with(|| Pairs::new(count)), random)
    }

    fn first_even(&self) -> u16 {
        self.range.start().saturating_add(self.range.start() % 2)
    }

    /// Pairs of one address.
    pub(crate) fn pair_count(&self) -> usize {
        let span = (u32::from(*self.range.end()) + 1).saturating_sub(u32::from(self.first_even()));
        usize::try_from(span / 2).unwrap_or(0)
    }

    /// The place of a pair in the range; `None` outside of it.
    fn place(&self, first: u16) -> Option<u16> {
        let place = first.checked_sub(self.first_even())?;
        (place.is_multiple_of(2) && usize::from(place / 2) < self.pair_count()).then_some(place / 2)
    }

    /// Lends a pair of an address.
    fn lend(&self, address: IpAddr) -> Option<(PortLease, Origin)> {
        let (place, origin) = self.with(address, Pairs::take)?;
        Some((PortLease { address, first: self.first_even() + place * 2 }, origin))
    }

    /// Lends a pair by its number; false where it is lent already. One outside of the range is nobody's.
    pub(crate) fn lend_exactly(&self, lease: PortLease) -> bool {
        let Some(place) = self.place(lease.first) else { return true };
        self.with(lease.address, |pairs, _| pairs.take_exactly(place))
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
            let Some((lease, origin)) = self.lend(address) else { break };
            match open_at(lease, ports, &open) {
                Ok(opened) => return Ok(opened),
                // Another program has it: leave it alone and try the next.
                Err(source) if source.kind() == io::ErrorKind::AddrInUse => self.give_back(lease),
                Err(source) => {
                    if let Some(place) = self.place(lease.first) {
                        self.with(address, |pairs, _| pairs.put_back(place, origin));
                    }
                    return Err(OpenLegError::Socket { address, source });
                }
            }
        }
        Err(OpenLegError::NoPorts { total: pairs * 2, address })
    }

    /// Takes back what a closed leg had.
    pub(crate) fn give_back(&self, lease: PortLease) {
        if let Some(place) = self.place(lease.first) {
            self.with(lease.address, |pairs, _| pairs.rest(place));
        }
    }

    /// Pairs that are lent now, of all addresses.
    pub(crate) fn lent(&self) -> usize {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.addresses.values().map(|pairs| pairs.lent.iter().filter(|lent| **lent).count()).sum()
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

    /// The first ports that a pool lends, opened by nobody.
    fn order(pool: &PortPool, count: usize) -> Vec<u16> {
        (0..count).map(|_| pool.lend(LOCAL).unwrap().0.first).collect()
    }

    #[test]
    fn a_process_that_starts_again_does_not_lend_the_same_ports_first() {
        let ranges = || PortPool::new(30_000..=60_000);
        let orders = [(); 3].map(|()| order(&ranges(), 1000));
        for (one, other) in [(0, 1), (0, 2), (1, 2)] {
            let again = orders[one].iter().filter(|first| orders[other].contains(first)).count();
            // 1,000 of 15,000 pairs meet 1,000 others in 67 on average; a pool that begins at the same place has 1,000.
            assert!(again < 200, "{again} of 1000 are the same");
        }
        let seeded = || order(&PortPool::seeded(30_000..=60_000, [7; 32]), 50);
        assert_eq!(seeded(), seeded(), "a seed makes it repeatable");
    }

    #[test]
    fn what_was_given_back_rests_until_all_others_were_lent_since() {
        let pool = PortPool::seeded(30_000..=30_199, [1; 32]);
        let lease = |first| PortLease { address: LOCAL, first };
        let mut all = order(&pool, 100);
        assert!(pool.lend(LOCAL).is_none());
        // Whichever is given back first is lent first again: none skips its rest, wherever it lies in the range.
        let mut random = StdRng::from_seed([2; 32]);
        for _ in 0..1000 {
            let mut resting: Vec<u16> = Vec::new();
            for _ in 0..random.random_range(1..100) {
                let gone = all.swap_remove(random.random_range(0..all.len()));
                pool.give_back(lease(gone));
                resting.push(gone);
            }
            let again = order(&pool, resting.len());
            assert_eq!(again, resting, "the longest rest is taken first");
            assert!(pool.lend(LOCAL).is_none(), "and the last of them before a call is refused");
            all.extend(again);
        }
        assert_eq!(pool.lent(), 100);
    }

    #[test]
    fn a_refusal_of_the_system_neither_keeps_a_pair_nor_wears_the_range_out() {
        let pool = PortPool::seeded(30_000..=30_019, [3; 32]);
        let full = |_: SocketAddr| -> io::Result<()> { Err(io::Error::from_raw_os_error(24)) };
        for _ in 0..1000 {
            let refused = pool.open(LOCAL, Ports::RtpAndRtcp, full).unwrap_err();
            assert!(matches!(refused, OpenLegError::Socket { .. }), "{refused}");
        }
        assert_eq!(pool.lent(), 0);
        pool.with(LOCAL, |pairs, _| assert_eq!((pairs.fresh.len(), pairs.resting.len()), (10, 0)));
        let second_fails = std::cell::Cell::new(false);
        let half = |_: SocketAddr| -> io::Result<()> {
            if second_fails.replace(true) { full(SocketAddr::new(LOCAL, 0)) } else { Ok(()) }
        };
        assert!(pool.open(LOCAL, Ports::RtpAndRtcp, half).is_err());
        assert_eq!(pool.lent(), 0, "nor where the second port of a pair is refused");
    }

    #[test]
    fn memory_is_bounded_by_the_range() {
        let pool = PortPool::seeded(30_000..=30_199, [4; 32]);
        for _ in 0..10_000 {
            let (lease, _) = pool.lend(LOCAL).unwrap();
            pool.give_back(lease);
            pool.give_back(lease);
        }
        pool.with(LOCAL, |pairs, _| assert_eq!(pairs.fresh.len() + pairs.resting.len(), 100));
    }

    #[test]
    fn a_pair_is_lent_by_its_number_once() {
        let pool = PortPool::new(21030..=21039);
        let lease = PortLease { address: LOCAL, first: 21034 };
        assert!(pool.lend_exactly(lease));
        assert!(!pool.lend_exactly(lease));
        pool.give_back(lease);
        let firsts = order(&pool, 5);
        assert_eq!(firsts.iter().filter(|first| **first == lease.first).count(), 1);
        assert_eq!(firsts.last(), Some(&lease.first), "it rests as others do");
    }
}
