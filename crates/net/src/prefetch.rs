//! A hint to the processor that memory will be used soon.

use std::ops::Range;
use std::ptr::NonNull;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Asks for the first `lines` cache lines of a value, or all where it has fewer, so that who uses it in some hundred
/// nanoseconds does not wait for memory. Changes nothing but the time that takes; does nothing on other processors than x86-64.
#[inline]
pub fn prefetch<T: ?Sized>(value: &T, lines: usize) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let start = std::ptr::from_ref(value).cast::<i8>();
        for line in 0..lines.min(size_of_val(value).div_ceil(LINE)) {
            let address = start.wrapping_add(line * LINE);
            // SAFETY: PREFETCHT0 is a hint that accesses nothing and faults on no address; every x86-64 has it.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(address) };
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = (value, lines, LINE);
}

/// Asks for the cache lines that hold the octets `part` of a value, as [`prefetch`] does for its first.
#[inline]
pub fn prefetch_part<T: ?Sized>(value: &T, part: Range<usize>) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let start = std::ptr::from_ref(value).cast::<i8>();
        // How far into a line the value begins.
        let into = start.addr() % LINE;
        let (mut at, end) = (part.start, part.end.min(size_of_val(value)));
        while at < end {
            // SAFETY: as above.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(at)) };
            at = ((at + into) / LINE + 1) * LINE - into;
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = (value, part);
}

/// Asks for the first `octets` at an address, whatever is there.
#[inline]
pub(crate) fn prefetch_at(address: NonNull<u8>, octets: usize) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        for line in 0..octets.div_ceil(LINE) {
            // SAFETY: as above.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(address.as_ptr().wrapping_add(line * LINE).cast()) };
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = (address, octets);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_value_and_any_number_of_lines_will_do() {
        prefetch(&[0_u8; 1000], usize::MAX);
        prefetch(&(), 3);
        prefetch("text", 1);
        prefetch::<[u64]>(&[], 1);
        prefetch_part(&[0_u8; 1000], 63..usize::MAX);
        prefetch_part(&[0_u8; 1000], 2000..3000);
        prefetch_part(&(), 0..1);
    }
}
