//! The state of forwarding rules, in memory that is shared with the program of the kernel (an array map, mapped).
//!
//! Whoever forwards under a rule holds its gate: one 64-bit word that is entered by one comparing exchange. It is open under
//! one number that no other rule has, so that whoever comes with what a lookup gave him long ago does not enter it.
//! Everything is read and written as atomics: the program runs on any CPU meanwhile.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use super::memory::Mapping;

/// The rule forwards.
pub(super) const OPEN: u64 = 1;

/// A CPU is forwarding under it.
pub(super) const BUSY: u64 = 2;

/// What the number of a rule is shifted by in its gate.
const NUMBER: u32 = 2;

/// Octets of what is the same as long as a rule exists.
pub(super) const FIXED: usize = 184;

/// Attempts to read a state that no CPU changes meanwhile.
const ATTEMPTS: u32 = 64;

/// Attempts to see a gate left, the first of them without giving the processor away. A CPU is in there for a microsecond.
const SPINS: u32 = 1_000;
const YIELDS: u32 = 10_000;

/// One rule as the program sees it.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Cell {
    pub(super) gate: AtomicU64,
    /// The sequence number of the newest packet, extended over wrap-arounds from that which the rule began with.
    pub(super) newest: AtomicU64,
    pub(super) packets: AtomicU64,
    pub(super) bursts: AtomicU64,
    /// Signed.
    pub(super) transit: AtomicU64,
    pub(super) jitter: AtomicU64,
    /// Nanoseconds.
    pub(super) at: AtomicU64,
    pub(super) timestamp: AtomicU32,
    _rest: AtomicU32,
    fixed: [AtomicU32; FIXED / 4],
    /// Bit n: the packet n below the newest was forwarded.
    pub(super) seen: AtomicU64,
}

/// What changes with each packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct State {
    pub(super) newest: u64,
    pub(super) packets: u64,
    pub(super) bursts: u64,
    pub(super) seen: u64,
    pub(super) transit: i64,
    pub(super) jitter: u64,
    pub(super) at: u64,
    pub(super) timestamp: u32,
}

impl Cell {
    /// Opens it for a rule under a number that no other has had; returns the open gate. It is the caller's, closed and left.
    pub(super) fn open(&self, number: u64, state: &State, fixed: &[u8; FIXED]) -> u64 {
        let (words, _) = fixed.as_chunks::<4>();
        for (to, word) in self.fixed.iter().zip(words) {
            to.store(u32::from_ne_bytes(*word), Ordering::Relaxed);
        }
        self.newest.store(state.newest, Ordering::Relaxed);
        self.packets.store(state.packets, Ordering::Relaxed);
        self.bursts.store(state.bursts, Ordering::Relaxed);
        self.seen.store(state.seen, Ordering::Relaxed);
        self.transit.store(state.transit.cast_unsigned(), Ordering::Relaxed);
        self.jitter.store(state.jitter, Ordering::Relaxed);
        self.at.store(state.at, Ordering::Relaxed);
        self.timestamp.store(state.timestamp, Ordering::Relaxed);
        let gate = number << NUMBER | OPEN;
        self.gate.store(gate, Ordering::Release);
        gate
    }

    /// Lets nobody in any more; true where it was open.
    pub(super) fn close(&self) -> bool {
        self.gate.fetch_and(!OPEN, Ordering::AcqRel) & OPEN != 0
    }

    pub(super) fn is_open(&self) -> bool {
        self.gate.load(Ordering::Acquire) & OPEN != 0
    }

    /// True where no CPU is in there.
    pub(super) fn is_left(&self) -> bool {
        self.gate.load(Ordering::Acquire) & BUSY == 0
    }

    /// Waits, for a bounded time, until nobody is in there any more; false where somebody still is.
    pub(super) fn wait_until_left(&self) -> bool {
        for attempt in 0..SPINS + YIELDS {
            if self.is_left() {
                return true;
            }
            if attempt < SPINS {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        false
    }

    /// What was forwarded so far: as it was between two packets, unless it changes all the time.
    pub(super) fn state(&self) -> State {
        let mut state = self.read();
        for _ in 0..ATTEMPTS {
            let before = self.gate.load(Ordering::Acquire);
            state = self.read();
            // Whoever wrote a field that was read had entered before: that shows in the gate, or in the packets.
            fence(Ordering::Acquire);
            let after = self.gate.load(Ordering::Acquire);
            if (before | after) & BUSY == 0 && self.packets.load(Ordering::Relaxed) == state.packets {
                return state;
            }
            std::hint::spin_loop();
        }
        state
    }

    fn read(&self) -> State {
        State {
            newest: self.newest.load(Ordering::Relaxed),
            packets: self.packets.load(Ordering::Relaxed),
            bursts: self.bursts.load(Ordering::Relaxed),
            seen: self.seen.load(Ordering::Relaxed),
            transit: self.transit.load(Ordering::Relaxed).cast_signed(),
            jitter: self.jitter.load(Ordering::Relaxed),
            at: self.at.load(Ordering::Relaxed),
            timestamp: self.timestamp.load(Ordering::Relaxed),
        }
    }
}

/// The cells of all rules.
#[derive(Debug)]
pub(super) struct Cells {
    memory: Mapping,
}

// SAFETY: nothing but atomics is reached through a shared one, and the mapping stays where it is as long as it lives.
unsafe impl Sync for Cells {}

impl Cells {
    /// The values of an array map of so many cells.
    pub(super) fn new(map: BorrowedFd<'_>, count: u32) -> io::Result<Self> {
        let len = usize::try_from(count).ok().and_then(|count| count.checked_mul(size_of::<Cell>()));
        let len = len.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self { memory: Mapping::of(map, len, 0)? })
    }

    /// The cell of an index; `None` beyond the last.
    pub(super) fn get(&self, index: u32) -> Option<&Cell> {
        let offset = usize::try_from(index).ok()?.checked_mul(size_of::<Cell>())?;
        let cell = self.memory.values::<Cell>(offset, 1)?;
        // SAFETY: a whole cell of the mapping, aligned, which lives as long as `self`. It is integers only, for which the
        // zeros of a fresh map are values, and everybody reaches them as atomics, the program of the kernel too.
        Some(unsafe { cell.as_ref() })
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn a_cell_is_four_cache_lines_and_begins_with_what_changes() {
        assert_eq!((size_of::<Cell>(), align_of::<Cell>()), (256, 64));
        assert_eq!((offset_of!(Cell, gate), offset_of!(Cell, timestamp)), (0, 56));
        assert_eq!((offset_of!(Cell, fixed), offset_of!(Cell, seen)), (64, 248));
    }

    #[test]
    fn a_cell_that_is_opened_has_what_it_was_given_until_it_is_closed() {
        let memory = Mapping::anonymous(4096).unwrap();
        let cells = Cells { memory };
        let cell = cells.get(15).unwrap();
        assert!(cells.get(16).is_none() && cells.get(u32::MAX).is_none());
        let state =
            State { newest: 7, packets: 1, bursts: 2, seen: 8, transit: -3, jitter: 4, at: 5, timestamp: 6 };
        assert_eq!(cell.open(9, &state, &[0xab; FIXED]), 9 << 2 | OPEN);
        assert!(cell.is_open() && cell.is_left());
        assert_eq!(cell.state(), state);
        assert!(cell.close() && !cell.close());
        assert!(!cell.is_open() && cell.wait_until_left());
    }

    #[test]
    fn a_gate_that_nobody_leaves_is_waited_for_a_bounded_time() {
        let cells = Cells { memory: Mapping::anonymous(4096).unwrap() };
        let cell = cells.get(0).unwrap();
        cell.open(1, &State::default(), &[0; FIXED]);
        cell.gate.fetch_or(BUSY, Ordering::AcqRel);
        cell.close();
        assert!(!cell.wait_until_left());
        cell.gate.store(0, Ordering::Release);
        assert!(cell.wait_until_left());
    }
}
