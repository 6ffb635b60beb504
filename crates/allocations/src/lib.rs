//! The allocator of tests that count. A program that names this crate has it as its global allocator: the system's, and
//! counters beside it. Only tests may link it.
//!
//! [`measure`] and [`of_thread`] count what the calling thread does, so that tests of one program may run side by side. [`of_process`]
//! counts all threads: a test that uses it is the only one of its file. [`blocks_by_size`] says of what sizes the blocks in use
//! are, and [`heap_in_use`] what the heap holds, blocks of C libraries included. [`watch_for`] looks into every block that any
//! thread releases for the bytes of a secret, and [`Watch::in_memory`] into all that the process has.
//!
//! ```
//! let counts = mediapoint_allocations::measure(|| drop(std::hint::black_box(vec![0_u8; 100])));
//! assert_eq!((counts.allocations, counts.kept), (1, 0));
//! ```

mod heap;
mod sizes;
mod watch;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

pub use heap::heap_in_use;
pub use sizes::blocks_by_size;
pub use watch::{Watch, watch_for};

#[global_allocator]
static COUNTING: Counting = Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static RELEASES: AtomicU64 = AtomicU64::new(0);
static KEPT: AtomicI64 = AtomicI64::new(0);

thread_local! {
    // Without a destructor and made at compile time, so that counting does not allocate.
    static THREAD: Cell<Counts> = const { Cell::new(Counts { allocations: 0, releases: 0, kept: 0 }) };
}

/// What was asked of the allocator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Blocks allocated, or reallocated.
    pub allocations: u64,
    /// Blocks released.
    pub releases: u64,
    /// Bytes allocated and not released; negative where more was released than allocated.
    pub kept: i64,
}

impl Counts {
    /// All calls of the allocator.
    #[must_use]
    pub const fn calls(self) -> u64 {
        self.allocations + self.releases
    }
}

/// What the calling thread asks of the allocator while `work` runs.
pub fn measure(work: impl FnOnce()) -> Counts {
    let before = THREAD.get();
    work();
    let after = THREAD.get();
    Counts {
        allocations: after.allocations - before.allocations,
        releases: after.releases - before.releases,
        kept: after.kept - before.kept,
    }
}

/// What the calling thread has asked of the allocator so far.
#[must_use]
pub fn of_thread() -> Counts {
    THREAD.get()
}

/// What the process has asked of the allocator so far.
#[must_use]
pub fn of_process() -> Counts {
    Counts {
        allocations: ALLOCATIONS.load(Ordering::Relaxed),
        releases: RELEASES.load(Ordering::Relaxed),
        kept: KEPT.load(Ordering::Relaxed),
    }
}

struct Counting;

fn count(allocations: u64, releases: u64, kept: i64) {
    ALLOCATIONS.fetch_add(allocations, Ordering::Relaxed);
    RELEASES.fetch_add(releases, Ordering::Relaxed);
    KEPT.fetch_add(kept, Ordering::Relaxed);
    let counts = THREAD.get();
    THREAD.set(Counts {
        allocations: counts.allocations + allocations,
        releases: counts.releases + releases,
        kept: counts.kept + kept,
    });
}

/// A layout's size is at most `isize::MAX`.
const fn signed(size: usize) -> i64 {
    size as i64
}

// SAFETY: every call is passed on unchanged to the system's allocator, which keeps the contract; counting neither
// allocates nor panics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, 0, signed(layout.size()));
        sizes::allocated(layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, 0, signed(layout.size()));
        sizes::allocated(layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, 0, signed(size) - signed(layout.size()));
        sizes::released(layout.size());
        sizes::allocated(size);
        // SAFETY: the caller owns `block`, which is of this size. Whether it moves is the system's choice: it counts as
        // released wherever it stood.
        unsafe { watch::released(block, layout.size()) };
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, 1, -signed(layout.size()));
        sizes::released(layout.size());
        // SAFETY: the caller owns `block`, which is of this size.
        unsafe { watch::released(block, layout.size()) };
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn every_call_is_counted() {
        let mut block = Vec::<u8>::new();
        let counts = measure(|| block = black_box(Vec::with_capacity(100)));
        assert_eq!(counts, Counts { allocations: 1, releases: 0, kept: 100 });
        let counts = measure(|| block.reserve_exact(200));
        assert_eq!(counts, Counts { allocations: 1, releases: 0, kept: 100 });
        let counts = measure(|| drop(black_box(block)));
        assert_eq!(counts, Counts { allocations: 0, releases: 1, kept: -200 });
        let counts = measure(|| drop(black_box(vec![0_u8; 64])));
        assert_eq!((counts.calls(), counts.kept), (2, 0));
    }

    #[test]
    fn other_threads_count_for_the_process_alone() {
        let (before, mut of_others) = (of_process(), 0);
        let counts = measure(|| {
            std::thread::scope(|scope| {
                let other = scope.spawn(|| measure(|| drop(black_box(vec![1_u8; 1_000_000]))).allocations);
                of_others = other.join().unwrap_or_default();
            });
        });
        assert_eq!(of_others, 1);
        assert!(counts.kept < 1_000_000, "{counts:?}");
        assert!(of_process().allocations - before.allocations > counts.allocations);
    }
}
