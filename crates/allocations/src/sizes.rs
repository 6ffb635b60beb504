//! How many blocks of each size are in use.

use std::sync::atomic::{AtomicI64, Ordering};

/// Sizes are told apart in steps of so many bytes.
const STEP: usize = 8;
/// All blocks of so many steps and more are counted together.
const STEPS: usize = 16_384;

static BLOCKS: [AtomicI64; STEPS] = [const { AtomicI64::new(0) }; STEPS];

fn of(size: usize) -> Option<&'static AtomicI64> {
    BLOCKS.get(size.div_ceil(STEP).min(STEPS - 1))
}

pub(crate) fn allocated(size: usize) {
    if let Some(blocks) = of(size) {
        blocks.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) fn released(size: usize) {
    if let Some(blocks) = of(size) {
        blocks.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The blocks that the process has in use: size in bytes, rounded up to a multiple of 8, and how many there are. Those of
/// 128 KiB and more count as one size. In order of size; of those that are zero, none.
#[must_use]
pub fn blocks_by_size() -> Vec<(usize, i64)> {
    let counts = BLOCKS.iter().map(|blocks| blocks.load(Ordering::Relaxed));
    (0..).step_by(STEP).zip(counts).filter(|(_, blocks)| *blocks != 0).collect()
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    fn of_size(size: usize) -> i64 {
        blocks_by_size().iter().find(|(known, _)| *known == size).map_or(0, |(_, blocks)| *blocks)
    }

    #[test]
    fn blocks_count_under_their_size_until_they_are_released() {
        let mut block: Vec<u8> = black_box(Vec::with_capacity(77_777));
        assert_eq!((of_size(77_784), of_size(99_992)), (1, 0));
        block.reserve_exact(99_985);
        assert_eq!((of_size(77_784), of_size(99_992)), (0, 1));
        drop(black_box(block));
        assert_eq!(of_size(99_992), 0);
    }
}
