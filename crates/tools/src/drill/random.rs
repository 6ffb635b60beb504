//! Numbers that a seed decides.

use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};

/// A generator. No two attacks may depend on one another through it, so that each thread has its own.
#[derive(Debug)]
pub(super) struct Random(StdRng);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub(super) fn u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// 0 to `bound` - 1; 0 where that is nothing.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0.random_range(0..bound.max(1))
    }

    /// True so often in a hundred.
    pub(super) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of them.
    pub(super) fn pick<T: Copy, const N: usize>(&mut self, first: T, others: [T; N]) -> T {
        others.get(self.below(N + 1)).copied().unwrap_or(first)
    }

    /// So many hexadecimal digits.
    pub(super) fn text(&mut self, len: usize) -> String {
        let mut text = String::with_capacity(len + 16);
        while text.len() < len {
            text += &format!("{:016x}", self.next());
        }
        text.truncate(len);
        text
    }

    /// Fills bytes.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_and_everything_comes() {
        let (mut a, mut b) = (Random::new(7), Random::new(7));
        assert_eq!(a.text(40), b.text(40));
        let mut seen = [0; 3];
        (0..3000).for_each(|_| seen[usize::from(a.pick(0_u8, [1, 2]))] += 1);
        assert!(seen.iter().all(|count| (800..1200).contains(count)), "{seen:?}");
        assert_eq!(a.below(0), 0);
    }
}
