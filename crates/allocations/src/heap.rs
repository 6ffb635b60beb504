//! What the C library's heap holds.

/// Bytes of the heap in use, by glibc's own count: what any library of the process has allocated, with what the heap adds to
/// each block. `None` where there is no glibc.
#[must_use]
pub fn heap_in_use() -> Option<usize> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    return Some(glibc::in_use());
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    None
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    /// As `<malloc.h>` has it.
    #[repr(C)]
    #[derive(Default)]
    struct Mallinfo2 {
        arena: usize,
        ordblks: usize,
        smblks: usize,
        hblks: usize,
        hblkhd: usize,
        usmblks: usize,
        fsmblks: usize,
        uordblks: usize,
        fordblks: usize,
        keepcost: usize,
    }

    unsafe extern "C" {
        /// Figures of all arenas [mallinfo(3)].
        safe fn mallinfo2() -> Mallinfo2;
    }

    /// Blocks in the arenas, and those that were mapped apart.
    pub(super) fn in_use() -> usize {
        let figures = mallinfo2();
        figures.uordblks + figures.hblkhd
    }
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use std::hint::black_box;

    use super::heap_in_use;

    #[test]
    fn blocks_small_and_large_are_in_use_until_they_are_released() {
        for size in [3_000_000, 300_000] {
            let before = heap_in_use().unwrap();
            let block = black_box(vec![1_u8; size]);
            let with = heap_in_use().unwrap();
            assert!(with > before + size * 9 / 10, "{before} to {with} with {size}");
            drop(black_box(block));
            let after = heap_in_use().unwrap();
            assert!(after + size * 9 / 10 < with, "{with} to {after} without {size}");
        }
    }
}
