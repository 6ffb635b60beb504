//! Released blocks that still hold a secret, and all other places that do.

use std::backtrace::Backtrace;
use std::cell::Cell;
use std::ffi::c_void;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

/// Most secrets watched for in one process.
const MAX_WATCHED: usize = 256;
/// Bytes of memory read at once.
const PIECE: usize = 1 << 20;
/// With this variable set, where a block was released that held a secret is written to standard error.
const TRACE: &str = "TRACE_RELEASED_SECRETS";

/// What is watched for. Entries are never freed: the allocator may look at them at any time.
static WATCHED: [AtomicPtr<Secret>; MAX_WATCHED] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; MAX_WATCHED];
static TRACES: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// A trace is being written, which allocates.
    static TRACING: Cell<bool> = const { Cell::new(false) };
}

struct Secret {
    bytes: Box<[u8]>,
    released: AtomicU64,
}

unsafe extern "C" {
    /// The first place of `needle` in `hay`, null where it is not in it [memmem(3)].
    fn memmem(hay: *const c_void, hay_len: usize, needle: *const c_void, needle_len: usize) -> *mut c_void;
}

/// One secret that is watched for.
#[derive(Debug, Clone, Copy)]
pub struct Watch(usize);

/// Begins to look for `secret` in every block that is released or reallocated, by any thread, until the process ends.
///
/// # Panics
/// Where `secret` is empty, or 256 others are watched for already.
#[must_use]
pub fn watch_for(secret: &[u8]) -> Watch {
    assert!(!secret.is_empty(), "nothing is in every block");
    TRACES.store(std::env::var_os(TRACE).is_some(), Ordering::Relaxed);
    let entry = Box::into_raw(Box::new(Secret { bytes: secret.into(), released: AtomicU64::new(0) }));
    let free = WATCHED.iter().position(|place| {
        let null = std::ptr::null_mut();
        place.compare_exchange(null, entry, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    });
    assert!(free.is_some(), "more than {MAX_WATCHED} secrets");
    Watch(free.unwrap_or_default())
}

impl Watch {
    /// Blocks that held the secret when they were released.
    #[must_use]
    pub fn released(self) -> u64 {
        self.secret().map_or(0, |secret| secret.released.load(Ordering::Relaxed))
    }

    /// Places where the secret stands in the memory of the process that can be written to, but for the copy that is
    /// watched for: blocks in use and released, static data, the stacks of all threads. What moves meanwhile may be
    /// missed. Linux only.
    ///
    /// # Errors
    /// What the system says where it does not show the process its own memory.
    pub fn in_memory(self) -> io::Result<Vec<usize>> {
        let Some(secret) = self.secret() else { return Ok(Vec::new()) };
        let (needle, mut found) = (&*secret.bytes, Vec::new());
        let mut piece = vec![0; PIECE];
        let own = [range_of(needle), range_of(&piece)];
        let memory = File::open("/proc/self/mem")?;
        for mapping in writable(&fs::read_to_string("/proc/self/maps")?) {
            let mut at = mapping.start;
            while at < mapping.end {
                let wanted = (mapping.end - at).min(PIECE);
                let part = piece.get_mut(..wanted).unwrap_or_default();
                // What has gone meanwhile, or is not memory at all, cannot be read.
                let len = memory.read_at(part, at as u64).unwrap_or(0);
                let places = places(piece.get(..len).unwrap_or_default(), needle).map(|place| at + place);
                found.extend(places.filter(|place| !own.iter().any(|own| own.contains(place))));
                // The next piece begins within this one, so that nothing is cut in two.
                at += if len == PIECE { PIECE + 1 - needle.len().min(PIECE) } else { wanted };
            }
        }
        piece.fill(0);
        std::hint::black_box(&mut piece);
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    fn secret(self) -> Option<&'static Secret> {
        secret(WATCHED.get(self.0)?)
    }
}

fn range_of(bytes: &[u8]) -> Range<usize> {
    let Range { start, end } = bytes.as_ptr_range();
    start as usize..end as usize
}

/// The mappings that can be read and written, of the lines of `/proc/self/maps`.
fn writable(maps: &str) -> Vec<Range<usize>> {
    let mapping = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let number = |digits| usize::from_str_radix(digits, 16).ok();
        rest.starts_with("rw").then_some(number(start)?..number(end)?)
    };
    maps.lines().filter_map(mapping).collect()
}

/// Where `needle` stands in `hay`.
fn places<'a>(hay: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let mut from = 0;
    std::iter::from_fn(move || {
        let rest = hay.get(from..)?;
        // SAFETY: both are slices, readable for their lengths.
        let at = unsafe { memmem(rest.as_ptr().cast(), rest.len(), needle.as_ptr().cast(), needle.len()) };
        let place = (at as usize).checked_sub(hay.as_ptr() as usize)?;
        from = place + 1;
        Some(place)
    })
}

fn secret(place: &AtomicPtr<Secret>) -> Option<&'static Secret> {
    let secret = place.load(Ordering::Acquire);
    // SAFETY: what stands there is null or came from `Box::into_raw`, and is neither freed nor borrowed mutably.
    unsafe { secret.as_ref() }
}

/// Looks for what is watched for in a block that is about to be released.
///
/// # Safety
/// `block` is of `size` bytes, and nobody else uses it.
pub(crate) unsafe fn released(block: *const u8, size: usize) {
    for secret in WATCHED.iter().map_while(secret) {
        let needle = &secret.bytes;
        // SAFETY: both are readable for their lengths. The block may hold bytes that were never written; C compares what
        // the memory holds.
        let at = unsafe { memmem(block.cast(), size, needle.as_ptr().cast(), needle.len()) };
        if !at.is_null() && !TRACING.get() {
            secret.released.fetch_add(1, Ordering::Relaxed);
            trace(size);
        }
    }
}

/// Says who releases the block.
fn trace(size: usize) {
    if TRACES.load(Ordering::Relaxed) {
        TRACING.set(true);
        eprintln!("a secret is in a released block of {size} bytes:\n{}", Backtrace::force_capture());
        TRACING.set(false);
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    /// Bytes that stand nowhere else: made at run time.
    fn secret(seed: u8) -> Vec<u8> {
        (0..24).map(|n: u8| n.wrapping_mul(37).wrapping_add(seed) ^ 0xa5).collect()
    }

    fn wiped(mut bytes: Vec<u8>) {
        bytes.fill(0);
        drop(black_box(bytes));
    }

    #[test]
    fn a_block_released_or_grown_with_the_secret_in_it_is_counted_and_a_wiped_one_is_not() {
        let bytes = secret(1);
        let watch = watch_for(&bytes);
        let block = black_box([&[7; 100], &bytes[..]].concat());
        drop(black_box(block));
        assert_eq!(watch.released(), 1);
        let mut block = black_box(bytes.clone());
        block.reserve_exact(1000);
        assert_eq!(watch.released(), 2, "what it stood in is left behind");
        wiped(block);
        wiped(bytes);
        assert_eq!(watch.released(), 2);
    }

    #[test]
    fn a_living_copy_is_found_on_the_heap_and_on_the_stack() {
        let mut bytes = secret(2);
        let watch = watch_for(&bytes);
        let mut array = [0; 24];
        array.copy_from_slice(&bytes);
        let places = watch.in_memory().unwrap();
        assert!(places.contains(&(bytes.as_ptr() as usize)), "{places:?}");
        assert!(places.contains(&(array.as_ptr() as usize)), "{places:?}");
        bytes.fill(0);
        black_box(&mut array).fill(0);
        let places = watch.in_memory().unwrap();
        assert!(!places.contains(&(bytes.as_ptr() as usize)), "{places:?}");
        assert!(!places.contains(&(black_box(&array).as_ptr() as usize)), "{places:?}");
    }
}
