//! Pooled packet buffers: filled by the receive batch, rewritten in place, sent, recycled.
//!
//! ```text
//! | headroom: HEADROOM octets | datagram | room behind it            |
//!                             |<------------ CAPACITY octets ------->|
//! ```
//! A backend that sends whole frames prepends its headers in the headroom, so that the datagram is never copied.
//!
//! Nearly every datagram fits a buffer of [`CAPACITY`]. For the others there are large ones, for the largest datagram that
//! UDP carries; a pool has few of them.

use std::ops::Range;

/// Octets of a buffer for a datagram and what it grows by. A datagram that does not fit goes into a large one.
pub const CAPACITY: usize = 2048;

/// Octets of a large buffer: the longest UDP datagram, 65,527 over IPv6, and what it grows by.
pub const LARGE_CAPACITY: usize = 65_600;

/// Octets at the end of every buffer that a received datagram never occupies, so that SRTP can always
/// append its tag in place.
pub const TAIL_ROOM: usize = 64;

/// Octets before the datagram: room for an Ethernet header with two VLAN tags (22), IPv6 (40) and UDP (8), or for a
/// tunnel's headers before those.
pub const HEADROOM: usize = START as usize;

/// [`HEADROOM`] as a buffer keeps it.
const START: u16 = 128;

/// The memory of a buffer. Aligned to a cache line, and `HEADROOM` is a multiple of one, so that a datagram touches no
/// more lines than it must.
#[repr(align(64))]
struct Memory([u8; HEADROOM + CAPACITY]);

/// The memory of a large buffer.
type LargeMemory = [u8; HEADROOM + LARGE_CAPACITY];

/// Which memory, where the content begins (`HEADROOM`, less what was prepended), and its length. One size for both kinds.
enum Repr {
    Usual { memory: Box<Memory>, start: u16, len: u32 },
    Large { memory: Box<LargeMemory>, start: u16, len: u32 },
}

/// An owned buffer holding one datagram.
pub struct PacketBuf(Repr);

impl PacketBuf {
    /// A new, empty buffer. Allocates: worker code takes its buffers from a [`PacketPool`].
    #[must_use]
    pub fn new() -> Self {
        let memory = Box::new(Memory([0; HEADROOM + CAPACITY]));
        Self(Repr::Usual { memory, start: START, len: 0 })
    }

    /// A new, empty large buffer; `None` where there is no memory for it. Pages that nothing was ever written to take none.
    #[must_use]
    pub fn new_large() -> Option<Self> {
        let memory = vec![0; HEADROOM + LARGE_CAPACITY].into_boxed_slice();
        let memory = Box::<LargeMemory>::try_from(memory).ok()?;
        Some(Self(Repr::Large { memory, start: START, len: 0 }))
    }

    /// A buffer holding a copy of `bytes`, a large one where they exceed [`CAPACITY`]; `None` where they exceed
    /// [`LARGE_CAPACITY`].
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Option<Self> {
        let mut buf = if bytes.len() <= CAPACITY { Self::new() } else { Self::new_large()? };
        buf.fill(bytes).then_some(buf)
    }

    /// True for a large buffer.
    #[must_use]
    pub const fn is_large(&self) -> bool {
        matches!(self.0, Repr::Large { .. })
    }

    /// Octets for a datagram and what it grows by: [`CAPACITY`] or [`LARGE_CAPACITY`].
    #[must_use]
    pub const fn capacity(&self) -> usize {
        if self.is_large() { LARGE_CAPACITY } else { CAPACITY }
    }

    /// Replaces the content by `bytes`, with the whole headroom before them; false, with the content unchanged, where
    /// they exceed the buffer's capacity.
    pub fn fill(&mut self, bytes: &[u8]) -> bool {
        match self.memory_mut().get_mut(HEADROOM..).and_then(|room| room.get_mut(..bytes.len())) {
            Some(to) => {
                to.copy_from_slice(bytes);
                self.clear();
                self.set_len(bytes.len());
                true
            }
            None => false,
        }
    }

    /// Forgets the content and what was prepended: the buffer is empty, with the whole headroom.
    pub fn clear(&mut self) {
        self.set(START, 0);
    }

    /// Length of the content in octets.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        let (_, len) = self.place();
        len
    }

    /// True where no datagram is held.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sets the content's length, cut to the buffer's end: its capacity and what was prepended.
    #[inline]
    pub fn set_len(&mut self, len: usize) {
        let (start, _) = self.place();
        let room = HEADROOM + self.capacity() - usize::from(start);
        self.set(start, u32::try_from(len.min(room)).unwrap_or_default());
    }

    /// The content: the datagram, and before it what was prepended.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Usual { memory, start, len } => memory.0.get(range(*start, *len)).unwrap_or_default(),
            Repr::Large { memory, start, len } => large(memory, range(*start, *len)),
        }
    }

    /// The content, to be changed in place.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Repr::Usual { memory, start, len } => memory.0.get_mut(range(*start, *len)).unwrap_or_default(),
            Repr::Large { memory, start, len } => large_mut(memory, range(*start, *len)),
        }
    }

    /// The content and all room behind it, for what grows in place or is received into: the buffer's capacity, and what
    /// was prepended.
    #[inline]
    pub fn storage_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Repr::Usual { memory, start, .. } => memory.0.get_mut(usize::from(*start)..).unwrap_or_default(),
            Repr::Large { memory, start, .. } => large_mut(memory, usize::from(*start)..memory.len()),
        }
    }

    /// Octets that can still be prepended.
    #[must_use]
    pub fn headroom(&self) -> usize {
        let (start, _) = self.place();
        usize::from(start)
    }

    /// Begins the content `len` octets earlier and returns them, to be written; `None`, with nothing changed, where the
    /// headroom has fewer. They hold what an earlier use of the buffer left there.
    pub fn prepend(&mut self, len: usize) -> Option<&mut [u8]> {
        let by = u16::try_from(len).ok()?;
        let (start, before) = self.place();
        self.set(start.checked_sub(by)?, u32::try_from(before + len).ok()?);
        self.bytes_mut().get_mut(..len)
    }

    const fn place(&self) -> (u16, usize) {
        match self.0 {
            Repr::Usual { start, len, .. } | Repr::Large { start, len, .. } => (start, len as usize),
        }
    }

    const fn set(&mut self, to: u16, octets: u32) {
        match &mut self.0 {
            Repr::Usual { start, len, .. } | Repr::Large { start, len, .. } => (*start, *len) = (to, octets),
        }
    }

    fn memory_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Repr::Usual { memory, .. } => &mut memory.0,
            Repr::Large { memory, .. } => memory.as_mut_slice(),
        }
    }
}

/// Where a content lies.
const fn range(start: u16, len: u32) -> Range<usize> {
    start as usize..start as usize + len as usize
}

/// A part of a large buffer. Apart, so that the way of all others has a jump that is never taken and no more.
#[cold]
#[inline(never)]
fn large(memory: &LargeMemory, range: Range<usize>) -> &[u8] {
    memory.get(range).unwrap_or_default()
}

/// [`large`], to be changed in place.
#[cold]
#[inline(never)]
fn large_mut(memory: &mut LargeMemory, range: Range<usize>) -> &mut [u8] {
    memory.get_mut(range).unwrap_or_default()
}

impl Default for PacketBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for PacketBuf {
    /// Shows the length only: media never reaches a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PacketBuf").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Bounded free lists of buffers, usual and large ones. Taking and giving back allocate nothing.
#[derive(Debug)]
pub struct PacketPool {
    free: Vec<PacketBuf>,
    large: Vec<PacketBuf>,
    size: usize,
    large_size: usize,
}

impl PacketPool {
    /// A pool of `size` usual buffers, all allocated now, and no large ones.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self::with_large(size, 0)
    }

    /// A pool of `size` usual and `large` large buffers, all allocated now.
    #[must_use]
    pub fn with_large(size: usize, large: usize) -> Self {
        Self {
            free: (0..size).map(|_| PacketBuf::new()).collect(),
            large: (0..large).filter_map(|_| PacketBuf::new_large()).collect(),
            size,
            large_size: large,
        }
    }

    /// An empty usual buffer with the whole headroom, or `None` where all are in use.
    #[inline]
    pub fn take(&mut self) -> Option<PacketBuf> {
        let mut buf = self.free.pop()?;
        buf.clear();
        Some(buf)
    }

    /// An empty buffer for a datagram of `len` octets and what it grows by, a large one only where it is needed; `None`
    /// where all of its kind are in use, or the datagram is longer than any.
    pub fn take_for(&mut self, len: usize) -> Option<PacketBuf> {
        if len <= CAPACITY - TAIL_ROOM {
            return self.take();
        }
        if len > LARGE_CAPACITY - TAIL_ROOM {
            return None;
        }
        let mut buf = self.large.pop()?;
        buf.clear();
        Some(buf)
    }

    /// Gives a buffer back. One that the pool never lent is dropped rather than kept.
    #[inline]
    pub fn give(&mut self, buf: PacketBuf) {
        let (free, size) = match buf.is_large() {
            false => (&mut self.free, self.size),
            true => (&mut self.large, self.large_size),
        };
        if free.len() < size {
            free.push(buf);
        }
    }

    /// Buffers free now, of both kinds.
    #[must_use]
    pub fn available(&self) -> usize {
        self.free.len() + self.large.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_new_buffer_is_empty() {
        let mut buf = PacketBuf::new();
        assert!(buf.is_empty());
        assert_eq!((buf.len(), buf.bytes().len(), buf.bytes_mut().len()), (0, 0, 0));
        assert!(PacketBuf::default().is_empty());
    }

    #[test]
    fn a_copy_fits_up_to_the_capacity_and_no_further() {
        let full = PacketBuf::copy_of(&[7; CAPACITY]).unwrap();
        assert_eq!((full.len(), full.bytes(), full.is_large()), (CAPACITY, &[7; CAPACITY][..], false));
        let longest = vec![7; LARGE_CAPACITY];
        for len in [CAPACITY + 1, 65_507, LARGE_CAPACITY] {
            let large = PacketBuf::copy_of(&longest[..len]).unwrap();
            assert_eq!((large.len(), large.bytes(), large.is_large()), (len, &longest[..len], true));
        }
        assert!(PacketBuf::copy_of(&vec![7; LARGE_CAPACITY + 1]).is_none());
    }

    #[test]
    fn what_does_not_fit_leaves_the_content() {
        let mut buf = PacketBuf::copy_of(b"kept").unwrap();
        assert!(!buf.fill(&[0; CAPACITY + 1]));
        assert_eq!(buf.bytes(), b"kept");
        assert!(buf.fill(b"new"));
        assert_eq!(buf.bytes(), b"new");
        assert!(buf.fill(b""));
        assert!(buf.is_empty());
    }

    #[test]
    fn a_datagram_grows_and_shrinks_in_place() {
        let mut buf = PacketBuf::copy_of(b"abc").unwrap();
        buf.storage_mut()[3..5].copy_from_slice(b"de");
        buf.set_len(5);
        assert_eq!(buf.bytes(), b"abcde");
        buf.bytes_mut()[0] = b'A';
        buf.set_len(2);
        assert_eq!(buf.bytes(), b"Ab");
        buf.set_len(usize::MAX);
        assert_eq!(buf.len(), CAPACITY);
    }

    #[test]
    fn headers_are_prepended_up_to_the_headroom_and_no_further() {
        let mut buf = PacketBuf::copy_of(b"datagram").unwrap();
        buf.prepend(2).unwrap().copy_from_slice(b"b:");
        buf.prepend(3).unwrap().copy_from_slice(b"aa:");
        assert_eq!((buf.bytes(), buf.headroom()), (&b"aa:b:datagram"[..], HEADROOM - 5));
        assert!(buf.prepend(HEADROOM - 4).is_none());
        assert!(buf.prepend(usize::MAX).is_none());
        assert_eq!(buf.bytes(), b"aa:b:datagram");
        assert!(buf.prepend(0).unwrap().is_empty());
        assert_eq!(buf.prepend(HEADROOM - 5).unwrap().len(), HEADROOM - 5);
        assert_eq!((buf.headroom(), buf.len()), (0, HEADROOM + 8));
        assert_eq!(buf.storage_mut().len(), HEADROOM + CAPACITY);
    }

    #[test]
    fn a_full_datagram_has_its_headroom_too() {
        let mut buf = PacketBuf::copy_of(&[7; CAPACITY]).unwrap();
        buf.prepend(HEADROOM).unwrap().fill(1);
        assert_eq!(buf.len(), HEADROOM + CAPACITY);
        assert_eq!((buf.bytes()[HEADROOM - 1], buf.bytes()[HEADROOM]), (1, 7));
    }

    #[test]
    fn a_large_datagram_has_its_headroom_and_its_tail() {
        let mut buf = PacketBuf::copy_of(&vec![7; 65_527]).unwrap();
        buf.storage_mut()[65_527..65_527 + TAIL_ROOM].fill(8);
        buf.set_len(65_527 + TAIL_ROOM);
        buf.prepend(HEADROOM).unwrap().fill(1);
        assert_eq!(buf.len(), HEADROOM + 65_527 + TAIL_ROOM);
        assert_eq!((buf.bytes()[HEADROOM - 1], buf.bytes()[HEADROOM]), (1, 7));
        assert_eq!(buf.bytes().last(), Some(&8));
        assert!(buf.prepend(1).is_none());
    }

    #[test]
    fn a_pool_lends_large_buffers_only_for_what_needs_them() {
        let mut pool = PacketPool::with_large(2, 1);
        assert_eq!(pool.available(), 3);
        let usual = pool.take_for(CAPACITY - TAIL_ROOM).unwrap();
        let large = pool.take_for(CAPACITY - TAIL_ROOM + 1).unwrap();
        assert_eq!((usual.is_large(), large.is_large()), (false, true));
        assert!(pool.take_for(3000).is_none(), "all large ones are in use");
        assert!(pool.take_for(172).is_some(), "which takes nothing from the others");
        pool.give(large);
        assert!(pool.take_for(LARGE_CAPACITY - TAIL_ROOM + 1).is_none(), "longer than any");
        let again = pool.take_for(65_527).unwrap();
        assert_eq!((again.is_large(), again.len(), again.headroom()), (true, 0, HEADROOM));
        pool.give(again);
        pool.give(PacketBuf::new_large().unwrap());
        assert_eq!(pool.available(), 1, "what was never lent is not kept");
    }

    #[test]
    fn a_datagram_begins_on_a_cache_line() {
        let mut buf = PacketBuf::new();
        assert_eq!(buf.storage_mut().as_ptr().addr() % 64, 0);
    }

    #[test]
    fn a_handle_on_a_buffer_is_small() {
        assert_eq!(size_of::<PacketBuf>(), 16);
    }

    #[test]
    fn debug_shows_no_media() {
        let shown = format!("{:?}", PacketBuf::copy_of(&[171; 3]).unwrap());
        assert!(shown.contains("len: 3") && !shown.contains("171"), "{shown}");
    }

    #[test]
    fn a_taken_buffer_is_empty_whatever_it_held() {
        let mut pool = PacketPool::new(1);
        let mut buf = pool.take().unwrap();
        buf.fill(b"of another call");
        buf.prepend(42).unwrap();
        pool.give(buf);
        let mut buf = pool.take().unwrap();
        assert_eq!((buf.len(), buf.headroom(), buf.storage_mut().len()), (0, HEADROOM, CAPACITY));
        assert!(pool.take().is_none());
    }

    proptest! {
        /// A pool against a count: it lends what it has, takes back up to its size, and never grows.
        #[test]
        fn a_pool_is_a_count_of_free_buffers(size in 0..8usize, steps in vec(any::<bool>(), 0..64)) {
            let mut pool = PacketPool::new(size);
            let (mut free, mut lent) = (size, Vec::new());
            for give in steps {
                if give {
                    // With nothing lent, a buffer of one's own is given instead.
                    pool.give(lent.pop().unwrap_or_default());
                    free = (free + 1).min(size);
                } else {
                    let taken = pool.take();
                    prop_assert_eq!(taken.is_some(), free > 0);
                    lent.extend(taken);
                    free = free.saturating_sub(1);
                }
                prop_assert_eq!(pool.available(), free);
            }
        }

        /// A buffer against a vector of all its memory.
        #[test]
        fn a_buffer_is_a_bounded_vector_with_room_at_both_ends(
            steps in vec((0..5_u8, 0..CAPACITY + HEADROOM + 8, any::<u8>()), 0..24),
        ) {
            let mut pool = PacketPool::new(1);
            let mut buf = pool.take().unwrap();
            let mut memory = vec![0; HEADROOM + CAPACITY];
            let (mut start, mut end) = (HEADROOM, HEADROOM);
            for (step, wanted, value) in steps {
                match step {
                    0 => {
                        let fits = buf.fill(&vec![value; wanted]);
                        prop_assert_eq!(fits, wanted <= CAPACITY);
                        if fits {
                            (start, end) = (HEADROOM, HEADROOM + wanted);
                            memory[start..end].fill(value);
                        }
                    }
                    1 => {
                        buf.set_len(wanted);
                        end = (start + wanted).min(memory.len());
                    }
                    2 => {
                        // Mostly lengths of headers, and some that no headroom has.
                        let wanted = wanted % (HEADROOM * 2);
                        let prepended = buf.prepend(wanted).map(|place| place.fill(value));
                        prop_assert_eq!(prepended.is_some(), wanted <= start);
                        if prepended.is_some() {
                            start -= wanted;
                            memory[start..start + wanted].fill(value);
                        }
                    }
                    3 => {
                        let storage = buf.storage_mut();
                        prop_assert_eq!(storage.len(), memory.len() - start);
                        let place = wanted % storage.len();
                        storage[place] = value;
                        memory[start + place] = value;
                    }
                    _ => {
                        pool.give(buf);
                        buf = pool.take().unwrap();
                        (start, end) = (HEADROOM, HEADROOM);
                    }
                }
                prop_assert_eq!(buf.bytes(), &memory[start..end]);
                prop_assert_eq!(buf.bytes_mut(), &memory[start..end]);
                prop_assert_eq!((buf.len(), buf.headroom()), (end - start, start));
                prop_assert_eq!(buf.is_empty(), start == end);
            }
        }
    }
}
