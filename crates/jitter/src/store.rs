//! Packets that wait for their playout time: payloads in one arena, headers in a short list.
//!
//! Codecs and the longest delay bound both; they begin small and grow with what has waited at once. A payload goes to the
//! start of the arena whenever there is room, so that a stream in the steady state uses the same few cache lines again
//! and again.

use std::time::Duration;

use mediapoint_packet::Time;
use mediapoint_packet::rtp::{PayloadType, RtpTicks};

use crate::prefetch::Prefetch;

/// Packets of one leg at most: 1.28 s in packets of 10 ms.
pub(crate) const MAX_PACKETS: usize = 128;
/// Fewer are never enough for a burst.
const MIN_PACKETS: usize = 32;
/// The shortest packet time that the longest delay has room for.
const SHORTEST_PACKET_MS: usize = 5;
/// What waits beyond the longest delay: the packet to be played next, and one that has just come, of 60 ms each.
const BEYOND_DELAY_MS: usize = 140;
/// What there is room for at first: packets, and octets of payloads. 200 ms of G.711 wait there.
const FIRST_PACKETS: usize = 32;
const FIRST_OCTETS: usize = 1600;
/// Up to so many packets, the arena's gaps are looked at one by one.
const FEW: usize = 8;

/// Cache lines of the packets that wait as a rule, and of a payload of 160 octets.
const SLOT_LINES: usize = 2;
const PAYLOAD_LINES: usize = 3;

/// What is kept of a packet beside its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) index: u64,
    pub(crate) arrival: Time,
    /// Arrival by the shortest transit seen lately.
    pub(crate) nominal: Time,
    pub(crate) epoch: u32,
    /// The run of timestamps it belongs to; `None` where its timestamp fits no run.
    pub(crate) segment: Option<u32>,
    pub(crate) timestamp: RtpTicks,
    /// Duration of its payload in ticks of its clock.
    pub(crate) ticks: u32,
    pub(crate) payload_type: PayloadType,
    /// Index of the payload type's entry.
    pub(crate) entry: u8,
    pub(crate) marker: bool,
    len: u16,
    start: u32,
}

impl Slot {
    /// A packet without its payload yet.
    pub(crate) const fn new(
        (epoch, index): (u32, u64),
        (segment, timestamp, ticks): (Option<u32>, RtpTicks, u32),
        (payload_type, entry, marker): (PayloadType, u8, bool),
        (arrival, nominal): (Time, Time),
    ) -> Self {
        Self {
            index,
            arrival,
            nominal,
            epoch,
            segment,
            timestamp,
            ticks,
            payload_type,
            entry,
            marker,
            len: 0,
            start: 0,
        }
    }

    /// True where this one is to be played before `other`.
    pub(crate) const fn precedes(&self, other: &Self) -> bool {
        if self.epoch == other.epoch { self.index < other.index } else { older(self.epoch, other.epoch) }
    }

    fn range(&self) -> std::ops::Range<usize> {
        self.place().range()
    }

    /// Where its payload is.
    pub(crate) const fn place(&self) -> PayloadPlace {
        PayloadPlace { start: self.start, len: self.len }
    }
}

/// Where a payload is in the arena; it is there until the next insertion.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PayloadPlace {
    start: u32,
    len: u16,
}

impl PayloadPlace {
    fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.start as usize + usize::from(self.len)
    }
}

/// True where epoch `a` came before `b`. Epochs wrap.
pub(crate) const fn older(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}

/// Result of an insertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// Kept; `shed` older packets had to go.
    Kept {
        /// Packets shed.
        shed: u32,
    },
    /// A packet of this epoch and index is there already.
    Duplicate,
    /// The payload is longer than the arena.
    TooLong,
}

/// The packets in order of arrival.
#[derive(Debug)]
pub(crate) struct Store {
    slots: Vec<Slot>,
    arena: Vec<u8>,
    /// The most of both.
    most_packets: usize,
    most_octets: usize,
}

impl Store {
    /// Holds packets of up to `octets_per_ms` within `max_delay`, and one payload of `longest` octets.
    pub(crate) fn new(max_delay: Duration, octets_per_ms: usize, longest: usize) -> Self {
        let (most_packets, most_octets) = sizes(max_delay, octets_per_ms, longest);
        Self {
            slots: Vec::with_capacity(FIRST_PACKETS),
            arena: vec![0; FIRST_OCTETS.min(most_octets)],
            most_packets,
            most_octets,
        }
    }

    /// Holds as much as [`new`](Self::new) would, where that is more. The packets stay.
    pub(crate) fn raise(&mut self, max_delay: Duration, octets_per_ms: usize, longest: usize) {
        let (_, octets) = sizes(max_delay, octets_per_ms, longest);
        self.most_octets = self.most_octets.max(octets);
    }

    /// Asks for the packets that wait and for where the next payload goes, as a rule.
    pub(crate) fn prefetch<P: Prefetch>(&self) {
        P::prefetch(self.slots.as_slice(), SLOT_LINES);
        P::prefetch(self.arena.as_slice(), PAYLOAD_LINES);
    }

    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    pub(crate) fn slots_mut(&mut self) -> &mut [Slot] {
        &mut self.slots
    }

    /// Keeps a packet; where there is no room, the packets that came first go first.
    pub(crate) fn insert(&mut self, mut slot: Slot, payload: &[u8]) -> Stored {
        if payload.len() > self.most_octets.min(usize::from(u16::MAX)) {
            return Stored::TooLong;
        }
        if self.slots.iter().any(|held| (held.epoch, held.index) == (slot.epoch, slot.index)) {
            return Stored::Duplicate;
        }
        let mut shed = 0;
        if self.slots.len() >= self.most_packets {
            self.slots.remove(0);
            shed += 1;
        }
        if self.slots.len() == self.slots.capacity() {
            self.more_slots();
        }
        let start = match self.free_place(payload.len()) {
            Some(start) => start,
            None => {
                let (start, more) = self.make_room(payload.len());
                shed += more;
                start
            }
        };
        if let Some(room) = self.arena.get_mut(start..start + payload.len()) {
            room.copy_from_slice(payload);
        }
        slot.start = u32::try_from(start).unwrap_or(0);
        slot.len = u16::try_from(payload.len()).unwrap_or(0);
        self.slots.push(slot);
        Stored::Kept { shed }
    }

    /// The lowest place for `len` octets; with many packets, the one behind all of them.
    fn free_place(&self, len: usize) -> Option<usize> {
        let mut start = 0;
        if self.slots.len() > FEW {
            start = self.slots.iter().map(|slot| slot.range().end).max().unwrap_or(0);
        } else {
            let overlaps = |start: usize| {
                let mut ranges = self.slots.iter().map(Slot::range);
                ranges.find(|range| range.start < start + len && start < range.end)
            };
            while let Some(range) = overlaps(start) {
                start = range.end;
            }
        }
        (start + len <= self.arena.len()).then_some(start)
    }

    /// Moves all payloads together and sheds packets until there is room for `len` octets: where that is, and how many
    /// packets were shed.
    #[cold]
    fn make_room(&mut self, len: usize) -> (usize, u32) {
        let mut shed = 0;
        loop {
            let used: usize = self.slots.iter().map(|slot| slot.range().len()).sum();
            if self.arena.len() - used >= len {
                return (self.compact(), shed);
            }
            if self.arena.len() < self.most_octets {
                self.enlarge(used + len);
            } else if self.slots.is_empty() {
                return (0, shed);
            } else {
                self.slots.remove(0);
                shed += 1;
            }
        }
    }

    /// Twice the arena, or `octets` where that is more, as far as it may grow. It stays so.
    fn enlarge(&mut self, octets: usize) {
        let len = octets.max(2 * self.arena.len()).min(self.most_octets);
        self.arena.reserve_exact(len.saturating_sub(self.arena.len()));
        self.arena.resize(len, 0);
    }

    #[cold]
    fn more_slots(&mut self) {
        let more = self.slots.len().min(self.most_packets - self.slots.len().min(self.most_packets));
        self.slots.reserve_exact(more.max(1));
    }

    /// Moves all payloads to the arena's beginning, in the order they lie in; returns where they end.
    fn compact(&mut self) -> usize {
        let mut end = 0;
        // Payloads do not overlap, so that each start but those of empty ones is there once.
        let mut from = 0;
        loop {
            let behind = self.slots.iter_mut().filter(|slot| slot.len > 0 && slot.start >= from);
            let Some(next) = behind.min_by_key(|slot| slot.start) else { return end };
            let range = next.range();
            from = next.start + 1;
            next.start = u32::try_from(end).unwrap_or(0);
            let len = range.len();
            self.arena.copy_within(range, end);
            end += len;
        }
    }

    /// Place of the packet that is to be played first.
    pub(crate) fn first(&self) -> Option<usize> {
        let mut best: Option<(usize, &Slot)> = None;
        for (place, slot) in self.slots.iter().enumerate() {
            if best.is_none_or(|(_, first)| slot.precedes(first)) {
                best = Some((place, slot));
            }
        }
        best.map(|(place, _)| place)
    }

    pub(crate) fn get(&self, place: usize) -> Option<&Slot> {
        self.slots.get(place)
    }

    pub(crate) fn payload(&self, slot: &Slot) -> &[u8] {
        self.payload_at(slot.place())
    }

    pub(crate) fn payload_at(&self, place: PayloadPlace) -> &[u8] {
        self.arena.get(place.range()).unwrap_or_default()
    }

    /// Removes a packet. Its payload can be read by its slot until the next insertion.
    pub(crate) fn remove(&mut self, place: usize) {
        if place < self.slots.len() {
            self.slots.remove(place);
        }
    }

    /// Removes all packets.
    pub(crate) fn clear(&mut self) {
        self.slots.clear();
    }
}

/// Packets and octets that there is room for.
fn sizes(max_delay: Duration, octets_per_ms: usize, longest: usize) -> (usize, usize) {
    let millis = usize::try_from(max_delay.as_millis()).unwrap_or(usize::MAX).saturating_add(BEYOND_DELAY_MS);
    let packets = (millis / SHORTEST_PACKET_MS).clamp(MIN_PACKETS, MAX_PACKETS);
    (packets, millis.saturating_mul(octets_per_ms).max(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(index: u64) -> Slot {
        Slot::new(
            (0, index),
            (Some(0), RtpTicks(0), 160),
            (PayloadType::PCMU, 0, false),
            (Time::ZERO, Time::ZERO),
        )
    }

    fn payload(index: u64, len: usize) -> Vec<u8> {
        vec![index.to_le_bytes()[0]; len]
    }

    #[test]
    fn steady_stream_stays_at_the_start_of_the_arena() {
        let mut store = Store::new(Duration::from_millis(200), 8, 960);
        for index in 0..1000 {
            assert_eq!(store.insert(slot(index), &payload(index, 160)), Stored::Kept { shed: 0 });
            assert!(store.slots().iter().all(|slot| slot.range().end <= 3 * 160));
            if index >= 2 {
                let first = *store.get(store.first().unwrap()).unwrap();
                assert_eq!(store.payload(&first), payload(index - 2, 160));
                store.remove(store.first().unwrap());
            }
        }
    }

    /// Insertions and removals at random, against a list of payloads.
    #[test]
    fn payloads_stay_what_they_were() {
        let mut store = Store::new(Duration::from_millis(20), 8, 600);
        let mut twin: Vec<(u64, usize)> = Vec::new();
        let mut random = 1_u64;
        for index in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let choice = random >> 33;
            let len = [0, 1, 20, 160, 160, 600][(choice % 6) as usize];
            match store.insert(slot(index), &payload(index, len)) {
                Stored::Kept { shed } => drop(twin.drain(..shed as usize)),
                other => panic!("{other:?}"),
            }
            twin.push((index, len));
            while (choice / 7).is_multiple_of(3) && twin.len() > (choice / 21 % 40) as usize {
                let place = (choice / 840) as usize % twin.len();
                store.remove(place);
                twin.remove(place);
            }
            assert_eq!(store.slots().len(), twin.len());
            for (slot, (index, len)) in store.slots().iter().zip(&twin) {
                assert_eq!((slot.index, store.payload(slot)), (*index, &payload(*index, *len)[..]));
            }
        }
        assert_eq!(store.insert(slot(u64::MAX), &[0; 2000]), Stored::TooLong);
    }

    #[test]
    fn room_grows_with_what_waits_up_to_its_bound() {
        let mut store = Store::new(Duration::from_millis(200), 8, 960);
        for index in 0..3 {
            store.insert(slot(index), &payload(index, 160));
        }
        assert_eq!((store.slots.capacity(), store.arena.len()), (FIRST_PACKETS, FIRST_OCTETS));
        let mut shed = 0;
        for index in 3..200 {
            match store.insert(slot(index), &payload(index, 40)) {
                Stored::Kept { shed: more } => shed += more,
                other => panic!("{other:?}"),
            }
        }
        // 340 ms in packets of 5 ms.
        assert_eq!((store.slots.len(), store.slots.capacity(), shed), (68, 68, 132));
        for index in 200..203 {
            store.insert(slot(index), &payload(index, 960));
        }
        assert_eq!(store.arena.len(), 340 * 8, "as much as there may be");
    }
}
