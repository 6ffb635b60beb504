//! The forwarding rules of one worker, by the port that each is for.

use std::time::Duration;

use mediapoint_packet::Time;
use mediapoint_packet::frame::Link;

use super::paths::Ends;
use super::rules::Place;
use crate::io::Port;

/// Time in which each rule is looked after once.
const ROUND: Duration = Duration::from_secs(1);

/// A rule at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// By which of the worker's AF_XDP sockets its port is served.
    pub(super) lane: usize,
    pub(super) place: Place,
    /// The port that it leaves by, between whom, and to which station.
    pub(super) out: Port,
    pub(super) ends: Ends,
    pub(super) link: Link,
    /// The sequence number that it began with.
    pub(super) sequence: u16,
    /// Octets of payload of each packet.
    pub(super) payload: u16,
    /// Packets that are counted in already.
    pub(super) counted: u64,
}

/// The rules of a worker.
#[derive(Debug, Default)]
pub(super) struct Installed {
    /// Indexed by port.
    entries: Vec<Option<Entry>>,
    /// How many rules leave by a port, indexed by port.
    leaving: Vec<u32>,
    count: usize,
    /// Packets forwarded under all rules that there were, as of when each was last looked at.
    pub(super) forwarded: u64,
    /// When rules were last looked after, and the index of the port that comes next.
    looked: Option<Time>,
    next: usize,
}

impl Installed {
    /// Enters the rule of a port that has none.
    pub(super) fn insert(&mut self, port: Port, entry: Entry) {
        let size = port.index().max(entry.out.index()) + 1;
        if self.entries.len() < size {
            self.entries.resize(size, None);
            self.leaving.resize(size, 0);
        }
        if let (Some(slot), Some(leaving)) =
            (self.entries.get_mut(port.index()), self.leaving.get_mut(entry.out.index()))
        {
            *slot = Some(entry);
            *leaving += 1;
            self.count += 1;
        }
    }

    /// Takes a port's rule out.
    pub(super) fn remove(&mut self, port: Port) -> Option<Entry> {
        let entry = self.entries.get_mut(port.index())?.take()?;
        if let Some(leaving) = self.leaving.get_mut(entry.out.index()) {
            *leaving -= 1;
        }
        self.count -= 1;
        Some(entry)
    }

    /// Counts in what a port's rule has forwarded: `packets` since it began.
    pub(super) fn count_in(&mut self, port: Port, packets: u64) {
        if let Some(Some(entry)) = self.entries.get_mut(port.index()) {
            self.forwarded += packets.saturating_sub(entry.counted);
            entry.counted = packets;
        }
    }

    pub(super) fn get(&self, port: Port) -> Option<&Entry> {
        self.entries.get(port.index())?.as_ref()
    }

    /// All rules.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().flatten()
    }

    /// The rules that are received at a port, or leave by it.
    pub(super) fn of(&self, port: Port) -> impl Iterator<Item = &Entry> {
        let leaves = self.leaving.get(port.index()).is_some_and(|count| *count > 0);
        let leaving = leaves.then(|| self.iter().filter(move |entry| entry.out == port));
        self.get(port).into_iter().chain(leaving.into_iter().flatten())
    }

    /// Rules at work.
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// How many ports are to be looked at now, so that each has its turn once a second.
    pub(super) fn due(&mut self, now: Time) -> usize {
        let looked = *self.looked.get_or_insert(now);
        let ports = self.entries.len() as u128;
        let due = ports * now.since(looked).as_nanos() / ROUND.as_nanos();
        if due > 0 {
            self.looked = Some(now);
        }
        usize::try_from(due).unwrap_or(usize::MAX).min(self.entries.len())
    }

    /// The next port and its rule; `None` where that has none.
    pub(super) fn next(&mut self) -> Option<(Port, Entry)> {
        self.next = if self.next < self.entries.len() { self.next } else { 0 };
        let at = self.next;
        self.next += 1;
        let entry = self.entries.get(at).copied().flatten()?;
        Some((Port::new(u32::try_from(at).ok()?), entry))
    }
}

#[cfg(test)]
mod tests {
    use mediapoint_packet::frame::Mac;

    use super::*;

    fn entry(out: u32) -> Entry {
        Entry {
            lane: 0,
            place: Place { index: out, gate: 1 },
            out: Port::new(out),
            ends: Ends { from: [192, 0, 2, 1].into(), to: [192, 0, 2, 2].into() },
            link: Link { destination: Mac([1; 6]), source: Mac([2; 6]), vlan: None },
            sequence: 0,
            payload: 160,
            counted: 0,
        }
    }

    #[test]
    fn the_rules_of_a_port_are_its_own_and_those_that_leave_by_it() {
        let mut all = Installed::default();
        all.insert(Port::new(0), entry(1));
        all.insert(Port::new(1), entry(0));
        all.insert(Port::new(2), entry(1));
        let of = |all: &Installed, port| {
            all.of(Port::new(port)).map(|entry| entry.place.index).collect::<Vec<_>>()
        };
        assert_eq!((of(&all, 0), of(&all, 1), of(&all, 2)), (vec![1, 0], vec![0, 1, 1], vec![1]));
        assert_eq!(of(&all, 7), Vec::<u32>::new());
        all.count_in(Port::new(0), 5);
        all.count_in(Port::new(0), 7);
        all.count_in(Port::new(9), 1);
        assert_eq!(all.forwarded, 7);
        assert_eq!(all.remove(Port::new(0)), Some(Entry { counted: 7, ..entry(1) }));
        assert_eq!(all.remove(Port::new(0)), None);
        assert_eq!((of(&all, 1), all.len()), (vec![0, 1], 2));
    }

    #[test]
    fn each_port_has_its_turn_once_a_second() {
        let mut all = Installed::default();
        for port in 0..10 {
            all.insert(Port::new(port), entry(port));
        }
        all.remove(Port::new(3));
        let (mut seen, mut most) = (vec![0; 10], 0);
        for millis in (0..=3_000).step_by(20) {
            let due = all.due(Time::from_millis(millis));
            most = most.max(due);
            for _ in 0..due {
                if let Some((port, entry)) = all.next() {
                    assert_eq!(port, entry.out);
                    seen[entry.place.index as usize] += 1;
                }
            }
        }
        assert_eq!(seen, [3, 3, 3, 0, 3, 3, 3, 3, 3, 3]);
        assert_eq!(most, 1);
        // After a long sleep all, and none twice.
        assert_eq!(all.due(Time::from_millis(60_000)), 10);
    }
}
