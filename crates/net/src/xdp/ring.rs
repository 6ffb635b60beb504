//! A ring that an AF_XDP socket shares with the kernel: one writes entries, the other takes them.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use super::memory::Mapping;

/// Where the parts of a ring lie in its mapping.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) producer: usize,
    pub(super) consumer: usize,
    pub(super) flags: usize,
    pub(super) entries: usize,
    /// A power of two.
    pub(super) size: u32,
}

/// What both ends have.
#[derive(Debug)]
struct Shared<T> {
    producer: NonNull<AtomicU32>,
    consumer: NonNull<AtomicU32>,
    flags: NonNull<AtomicU32>,
    entries: NonNull<T>,
    mask: u32,
    /// Keeps what the pointers point to.
    _memory: Mapping,
}

// SAFETY: the pointers point into the mapping, which goes along; entries are plain integers.
unsafe impl<T: Send> Send for Shared<T> {}

impl<T: Copy> Shared<T> {
    /// `None` where a part does not lie in the mapping, or the size is no power of two.
    fn new(memory: Mapping, layout: Layout) -> Option<Self> {
        let size = usize::try_from(layout.size).ok().filter(|size| size.is_power_of_two())?;
        Some(Self {
            producer: memory.values(layout.producer, 1)?,
            consumer: memory.values(layout.consumer, 1)?,
            flags: memory.values(layout.flags, 1)?,
            entries: memory.values(layout.entries, size)?,
            mask: layout.size - 1,
            _memory: memory,
        })
    }

    const fn producer(&self) -> &AtomicU32 {
        // SAFETY: it lies in the mapping, aligned, and is used by both sides as an atomic only.
        unsafe { self.producer.as_ref() }
    }

    const fn consumer(&self) -> &AtomicU32 {
        // SAFETY: as `producer`.
        unsafe { self.consumer.as_ref() }
    }

    /// True where the kernel is to be called to go on with this ring.
    fn needs_wakeup(&self) -> bool {
        // SAFETY: as `producer`.
        let flags = unsafe { self.flags.as_ref() };
        flags.load(Ordering::Acquire) & libc::XDP_RING_NEED_WAKEUP != 0
    }

    /// The place of an entry.
    const fn entry(&self, index: u32) -> NonNull<T> {
        // SAFETY: the mask keeps it among the entries, of which all lie in the mapping.
        unsafe { self.entries.add((index & self.mask) as usize) }
    }

    const fn size(&self) -> u32 {
        self.mask + 1
    }
}

/// The end that writes entries.
#[derive(Debug)]
pub(super) struct Producer<T> {
    ring: Shared<T>,
    /// Entries written so far, published or not.
    written: u32,
    published: u32,
    /// What the other side was last seen to have taken.
    taken: u32,
}

impl<T: Copy> Producer<T> {
    pub(super) fn new(memory: Mapping, layout: Layout) -> Option<Self> {
        let ring = Shared::new(memory, layout)?;
        let (written, taken) =
            (ring.producer().load(Ordering::Relaxed), ring.consumer().load(Ordering::Acquire));
        Some(Self { ring, written, published: written, taken })
    }

    /// Writes an entry; false where the ring is full.
    pub(super) fn push(&mut self, entry: T) -> bool {
        if self.written.wrapping_sub(self.taken) >= self.ring.size() {
            self.taken = self.ring.consumer().load(Ordering::Acquire);
            if self.written.wrapping_sub(self.taken) >= self.ring.size() {
                return false;
            }
        }
        // SAFETY: the other side has taken what stood there before, by the check above, and reads it again only once it is
        // published.
        unsafe { self.ring.entry(self.written).write(entry) };
        self.written = self.written.wrapping_add(1);
        true
    }

    /// Lets the other side see what was written; true where something was.
    pub(super) fn publish(&mut self) -> bool {
        if self.written == self.published {
            return false;
        }
        self.published = self.written;
        self.ring.producer().store(self.written, Ordering::Release);
        true
    }

    /// True where the other side has not taken all that was published.
    pub(super) fn is_pending(&self) -> bool {
        self.ring.consumer().load(Ordering::Acquire) != self.published
    }

    pub(super) fn needs_wakeup(&self) -> bool {
        self.ring.needs_wakeup()
    }
}

/// The end that takes entries.
#[derive(Debug)]
pub(super) struct Consumer<T> {
    ring: Shared<T>,
    /// Entries taken so far, released or not.
    taken: u32,
    released: u32,
    /// What the other side was last seen to have published.
    published: u32,
}

impl<T: Copy> Consumer<T> {
    pub(super) fn new(memory: Mapping, layout: Layout) -> Option<Self> {
        let ring = Shared::new(memory, layout)?;
        let (taken, published) =
            (ring.consumer().load(Ordering::Relaxed), ring.producer().load(Ordering::Acquire));
        Some(Self { ring, taken, released: taken, published })
    }

    /// Takes an entry. Its place is given back with [`release`](Self::release).
    pub(super) fn pop(&mut self) -> Option<T> {
        if self.taken == self.published {
            self.published = self.ring.producer().load(Ordering::Acquire);
            if self.taken == self.published {
                return None;
            }
        }
        // SAFETY: published by the other side, which writes there again only once it is released.
        let entry = unsafe { self.ring.entry(self.taken).read() };
        self.taken = self.taken.wrapping_add(1);
        Some(entry)
    }

    /// The entry that is taken after `more` others; `None` where it was not seen to be published.
    pub(super) fn ahead(&self, more: u32) -> Option<T> {
        if self.published.wrapping_sub(self.taken) <= more {
            return None;
        }
        // SAFETY: as in `pop`.
        Some(unsafe { self.ring.entry(self.taken.wrapping_add(more)).read() })
    }

    /// Gives the places of all entries taken back to the other side.
    pub(super) fn release(&mut self) {
        if self.released != self.taken {
            self.released = self.taken;
            self.ring.consumer().store(self.taken, Ordering::Release);
        }
    }

    /// True where nothing is to be taken.
    pub(super) fn is_empty(&self) -> bool {
        self.taken == self.ring.producer().load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::os::fd::{AsFd, FromRawFd, OwnedFd};

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const LAYOUT: Layout = Layout { producer: 0, consumer: 64, flags: 128, entries: 192, size: 8 };

    /// Both ends over the same memory, as the kernel and we have them.
    fn pair() -> (Producer<u64>, Consumer<u64>) {
        // SAFETY: memfd_create(2) reads the name, which is a string.
        let fd = unsafe { libc::memfd_create(c"ring".as_ptr(), libc::MFD_CLOEXEC) };
        assert!(fd >= 0);
        // SAFETY: it was just made, and nothing else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        std::fs::File::from(fd.try_clone().unwrap()).set_len(4096).unwrap();
        let map = || Mapping::of(fd.as_fd(), 4096, 0).unwrap();
        // Indices that are about to begin anew.
        let memory = map();
        for offset in [0, 64] {
            let place = memory.values::<u32>(offset, 1).unwrap();
            // SAFETY: in the mapping, and nobody else uses it yet.
            unsafe { place.write(u32::MAX - 3) };
        }
        (Producer::new(map(), LAYOUT).unwrap(), Consumer::new(map(), LAYOUT).unwrap())
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no mappings of descriptors")]
    fn a_layout_outside_of_its_memory_is_refused() {
        let ring = |layout| Producer::<u64>::new(Mapping::anonymous(4096).unwrap(), layout);
        assert!(ring(LAYOUT).is_some());
        assert!(ring(Layout { entries: 4096, ..LAYOUT }).is_none());
        assert!(ring(Layout { size: 512, ..LAYOUT }).is_none());
        assert!(ring(Layout { size: 7, ..LAYOUT }).is_none());
        assert!(ring(Layout { size: 0, ..LAYOUT }).is_none());
        assert!(ring(Layout { producer: 2, ..LAYOUT }).is_none());
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no mappings of descriptors")]
    fn what_was_published_with_the_entry_that_was_taken_is_known_ahead() {
        let (mut producer, mut consumer) = pair();
        for entry in 0..3 {
            assert!(producer.push(entry));
        }
        assert_eq!(consumer.ahead(0), None, "not published");
        assert!(producer.publish());
        assert_eq!(consumer.pop(), Some(0));
        assert_eq!([0, 1, 2].map(|more| consumer.ahead(more)), [Some(1), Some(2), None]);
        assert_eq!(consumer.pop(), Some(1));
    }

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "Miri has no mappings of descriptors")]
        fn it_is_a_bounded_queue_whose_entries_show_when_published(
            steps in vec(0..5_u8, 0..200),
        ) {
            let (mut producer, mut consumer) = pair();
            // Written; published; taken and not released.
            let (mut written, mut visible, mut held) = (VecDeque::new(), VecDeque::new(), 0);
            let mut next = 0_u64;
            for step in steps {
                match step {
                    0 | 1 => {
                        let room = written.len() + visible.len() + held < 8;
                        prop_assert_eq!(producer.push(next), room);
                        if room {
                            written.push_back(next);
                        }
                        next += 1;
                    }
                    2 => {
                        prop_assert_eq!(producer.publish(), !written.is_empty());
                        visible.append(&mut written);
                    }
                    3 => {
                        let ahead = consumer.ahead(1);
                        prop_assert!(ahead.is_none() || ahead.as_ref() == visible.get(1));
                        let taken = consumer.pop();
                        prop_assert_eq!(taken, visible.pop_front());
                        held += usize::from(taken.is_some());
                    }
                    _ => {
                        consumer.release();
                        held = 0;
                    }
                }
                prop_assert_eq!(consumer.is_empty(), visible.is_empty());
                prop_assert_eq!(producer.is_pending(), !visible.is_empty() || held > 0);
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no mappings of descriptors")]
    fn what_is_taken_is_what_was_written_across_threads() {
        let (mut producer, mut consumer) = pair();
        let writer = std::thread::spawn(move || {
            let mut number = 0_u64;
            while number < 10_000 {
                if producer.push(number) {
                    number += 1;
                } else {
                    std::thread::yield_now();
                }
                producer.publish();
            }
        });
        let mut expected = 0;
        while expected < 10_000 {
            match consumer.pop() {
                Some(number) => {
                    assert_eq!(number, expected);
                    expected += 1;
                }
                None => std::thread::yield_now(),
            }
            consumer.release();
        }
        writer.join().unwrap();
        assert!(consumer.is_empty());
    }
}
