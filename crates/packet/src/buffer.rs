//! Pooled packet buffers of one fixed size: filled by the receive batch, rewritten in place, sent, recycled.

/// Bytes a buffer holds. A datagram that does not fit is dropped and counted, never cut.
pub const CAPACITY: usize = 2048;

/// Bytes at the end of every buffer that a received datagram never occupies, so that SRTP can always
/// append its tag in place.
pub const TAIL_ROOM: usize = 64;

/// An owned buffer holding one datagram.
pub struct PacketBuf {
    data: Box<[u8; CAPACITY]>,
    len: usize,
}

impl PacketBuf {
    /// A new, empty buffer. Allocates: worker code takes its buffers from a [`PacketPool`].
    #[must_use]
    pub fn new() -> Self {
        Self { data: Box::new([0; CAPACITY]), len: 0 }
    }

    /// A buffer holding a copy of `bytes`; `None` where they exceed [`CAPACITY`].
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Option<Self> {
        let mut buf = Self::new();
        buf.fill(bytes).then_some(buf)
    }

    /// Replaces the content by `bytes`; false, with the content unchanged, where they exceed [`CAPACITY`].
    pub fn fill(&mut self, bytes: &[u8]) -> bool {
        match self.data.get_mut(..bytes.len()) {
            Some(to) => {
                to.copy_from_slice(bytes);
                self.len = bytes.len();
                true
            }
            None => false,
        }
    }

    /// Length of the datagram in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True where no datagram is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sets the datagram's length, cut to [`CAPACITY`].
    pub fn set_len(&mut self, len: usize) {
        self.len = len.min(CAPACITY);
    }

    /// The datagram.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.data.get(..self.len).unwrap_or_default()
    }

    /// The datagram, to be changed in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.data.get_mut(..self.len).unwrap_or_default()
    }

    /// The whole buffer, datagram first, for what grows in place or is received into.
    pub fn storage_mut(&mut self) -> &mut [u8; CAPACITY] {
        &mut self.data
    }
}

impl Default for PacketBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for PacketBuf {
    /// Shows the length only: media never reaches a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PacketBuf").field("len", &self.len).finish_non_exhaustive()
    }
}

/// A bounded free list of buffers. Taking and giving back allocate nothing.
#[derive(Debug)]
pub struct PacketPool {
    free: Vec<PacketBuf>,
    size: usize,
}

impl PacketPool {
    /// A pool of `size` buffers, all allocated now.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self { free: (0..size).map(|_| PacketBuf::new()).collect(), size }
    }

    /// An empty buffer, or `None` where all are in use.
    pub fn take(&mut self) -> Option<PacketBuf> {
        let mut buf = self.free.pop()?;
        buf.set_len(0);
        Some(buf)
    }

    /// Gives a buffer back. One that the pool never lent is dropped rather than kept.
    pub fn give(&mut self, buf: PacketBuf) {
        if self.free.len() < self.size {
            self.free.push(buf);
        }
    }

    /// Buffers free now.
    #[must_use]
    pub fn available(&self) -> usize {
        self.free.len()
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
        assert_eq!((full.len(), full.bytes()), (CAPACITY, &[7; CAPACITY][..]));
        assert!(PacketBuf::copy_of(&[7; CAPACITY + 1]).is_none());
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
    fn debug_shows_no_media() {
        let shown = format!("{:?}", PacketBuf::copy_of(&[171; 3]).unwrap());
        assert!(shown.contains("len: 3") && !shown.contains("171"), "{shown}");
    }

    #[test]
    fn a_taken_buffer_is_empty_whatever_it_held() {
        let mut pool = PacketPool::new(1);
        let mut buf = pool.take().unwrap();
        buf.fill(b"of another call");
        pool.give(buf);
        assert!(pool.take().unwrap().is_empty());
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

        /// A buffer against a vector.
        #[test]
        fn a_buffer_is_a_bounded_vector(
            steps in vec((any::<bool>(), 0..CAPACITY + 8, any::<u8>()), 0..16),
        ) {
            let mut buf = PacketBuf::new();
            let mut model = vec![0; CAPACITY];
            let mut len = 0;
            for (fill, wanted, value) in steps {
                if fill {
                    let fits = buf.fill(&vec![value; wanted]);
                    prop_assert_eq!(fits, wanted <= CAPACITY);
                    if fits {
                        model[..wanted].fill(value);
                        len = wanted;
                    }
                } else {
                    buf.set_len(wanted);
                    len = wanted.min(CAPACITY);
                }
                prop_assert_eq!(buf.bytes(), &model[..len]);
                prop_assert_eq!(buf.is_empty(), len == 0);
            }
        }
    }
}
