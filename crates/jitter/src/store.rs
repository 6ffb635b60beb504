//! Packets that wait for their time: their payloads in one arena of fixed size, their headers in a short list.

use mediapoint_packet::Time;
use mediapoint_packet::rtp::{PayloadType, RtpTicks};

/// Bytes for the payloads of one leg.
pub(crate) const ARENA: usize = 32 * 1024;
/// Packets of one leg: 1.28 s in packets of 10 ms.
pub(crate) const MAX_PACKETS: usize = 128;

/// What is kept of a packet beside its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) epoch: u32,
    pub(crate) index: u64,
    /// Which run of timestamps it belongs to; `None` where its timestamp fits no run.
    pub(crate) segment: Option<u32>,
    pub(crate) timestamp: RtpTicks,
    /// What its payload stands for, in ticks of its clock.
    pub(crate) ticks: u32,
    pub(crate) payload_type: PayloadType,
    pub(crate) marker: bool,
    pub(crate) arrival: Time,
    /// When it would have come by the quickest way seen lately.
    pub(crate) nominal: Time,
    start: usize,
    len: usize,
}

impl Slot {
    /// A packet without its payload yet.
    pub(crate) const fn new(
        (epoch, index): (u32, u64),
        (segment, timestamp, ticks): (Option<u32>, RtpTicks, u32),
        payload_type: PayloadType,
        marker: bool,
        (arrival, nominal): (Time, Time),
    ) -> Self {
        let (start, len) = (0, 0);
        Self { epoch, index, segment, timestamp, ticks, payload_type, marker, arrival, nominal, start, len }
    }

    /// True where this one is to be played before `other`.
    pub(crate) const fn precedes(&self, other: &Self) -> bool {
        if self.epoch == other.epoch { self.index < other.index } else { older(self.epoch, other.epoch) }
    }
}

/// True where epoch `a` came before `b`. Epochs wrap.
pub(crate) const fn older(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}

/// What became of a packet that was to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// It is there; so many older ones had to go.
    Kept {
        /// Packets shed.
        shed: u32,
    },
    /// One of its epoch and index is there already.
    Duplicate,
    /// No arena holds such a payload.
    TooLong,
}

/// The packets, in order of arrival, so that payloads lie in the arena in the same order.
#[derive(Debug)]
pub(crate) struct Store {
    slots: Vec<Slot>,
    arena: Box<[u8]>,
    /// Where the next payload goes.
    end: usize,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self { slots: Vec::with_capacity(MAX_PACKETS), arena: vec![0; ARENA].into_boxed_slice(), end: 0 }
    }

    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Keeps a packet; where there is no room, what came first goes first.
    pub(crate) fn insert(&mut self, mut slot: Slot, payload: &[u8]) -> Stored {
        if payload.len() > self.arena.len() {
            return Stored::TooLong;
        }
        if self.slots.iter().any(|held| (held.epoch, held.index) == (slot.epoch, slot.index)) {
            return Stored::Duplicate;
        }
        let mut shed = 0;
        if self.slots.len() == MAX_PACKETS {
            self.slots.remove(0);
            shed += 1;
        }
        if self.arena.len() - self.end < payload.len() {
            self.compact();
            while self.arena.len() - self.end < payload.len() && !self.slots.is_empty() {
                self.slots.remove(0);
                shed += 1;
                self.compact();
            }
        }
        (slot.start, slot.len) = (self.end, payload.len());
        if let Some(room) = self.arena.get_mut(self.end..self.end + payload.len()) {
            room.copy_from_slice(payload);
        }
        self.end += payload.len();
        self.slots.push(slot);
        Stored::Kept { shed }
    }

    /// Moves all payloads to the arena's beginning.
    fn compact(&mut self) {
        let mut end = 0;
        for slot in &mut self.slots {
            self.arena.copy_within(slot.start..slot.start + slot.len, end);
            slot.start = end;
            end += slot.len;
        }
        self.end = end;
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
        self.arena.get(slot.start..slot.start + slot.len).unwrap_or_default()
    }

    /// Forgets a packet. Its payload can be read by its slot until the next insertion.
    pub(crate) fn remove(&mut self, place: usize) -> Option<Slot> {
        let slot = (place < self.slots.len()).then(|| self.slots.remove(place));
        if self.slots.is_empty() {
            self.end = 0;
        }
        slot
    }
}
