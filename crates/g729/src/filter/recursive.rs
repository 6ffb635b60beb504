//! `1/A(z)` without saturation: exact where nothing would have saturated, and it says whether that was so.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "indices below the lengths of arrays; sums fit 32 bits where the bound was kept"
)]

use crate::excitation::SUBFRAME;
use crate::lsp::{Lpc, ORDER};
use crate::ops::saturate;

/// What the next two samples already have from those before them: the first in the lower half, the second in the upper,
/// as one sum `first + second * 2^32`. One multiplication serves both.
#[derive(Clone, Copy)]
struct Pair(i64);

impl Pair {
    /// Adds `coefficients * sample` to both.
    #[inline]
    const fn add(self, coefficients: Self, sample: i64) -> Self {
        Self(self.0.wrapping_add(coefficients.0.wrapping_mul(sample)))
    }

    /// Adds to the lower half.
    #[inline]
    const fn plus(self, more: i32) -> Self {
        Self(self.0.wrapping_add(more as i64))
    }

    /// The lower half.
    #[inline]
    const fn first(self) -> i64 {
        (self.0 << 32) >> 32
    }

    /// The upper half, less the borrow of a negative lower one.
    #[inline]
    const fn second(self) -> i64 {
        self.0.wrapping_add(0x8000_0000) >> 32
    }
}

/// Filters `input` into what follows the ten samples at the beginning of `out`. `false` if a sample came to a bound of
/// 16 bits, where the reference may have saturated; `out` is then to be forgotten.
///
/// `N` is even and no more than 40. `FROM_REST` takes the samples before for zeros. Intermediate sums must fit 32 bits, which the callers
/// see to.
#[inline]
pub(super) fn synthesise<const N: usize, const FROM_REST: bool>(
    a: &Lpc,
    input: &[i16; N],
    out: &mut [i16],
) -> bool {
    const { assert!(N.is_multiple_of(2) && N <= SUBFRAME) };
    let filter = Filter::new(a);
    let (past, out) = out.split_at_mut(ORDER);
    let Some(out) = out.first_chunk_mut::<N>() else { return false };

    // Half of the last place, for rounding, comes with each input.
    let gain = i32::from(a[0]);
    let mut fed = [0i32; SUBFRAME + 2];
    for (fed, &x) in fed.iter_mut().zip(input) {
        *fed = i32::from(x) * gain + 0x800;
    }

    let mut ahead = [Pair(0); 5];
    if !FROM_REST {
        for &[first, second] in past.as_chunks::<2>().0 {
            ahead = filter.advance(ahead, first.into(), second.into());
        }
    }
    ahead[0] = ahead[0].plus(fed[0]);
    let mut exact = [0i32; N];
    for n in (0..N).step_by(2) {
        let first = ahead[0].first() >> 12;
        let second = (ahead[0].second() + i64::from(fed[n + 1]) + filter.to_neighbour * first) >> 12;
        // Early, so that the next sample waits for no more than its last product.
        ahead[1] = ahead[1].plus(fed[n + 2]);
        ahead = filter.advance(ahead, first, second);
        (exact[n], exact[n + 1]) = (first as i32, second as i32);
    }
    *out = exact.map(saturate);
    let (low, high) = out.iter().fold((0, 0), |(low, high): (i16, i16), &x| (low.min(x), high.max(x)));
    low > i16::MIN && high < i16::MAX
}

/// Coefficients by pairs of outputs.
struct Filter {
    /// From the second of two samples to the ten after it.
    by_second: [Pair; 5],
    /// From the first of two samples to the ten after the second.
    by_first: [Pair; 5],
    /// From the first to the second.
    to_neighbour: i64,
}

impl Filter {
    #[inline]
    fn new(a: &Lpc) -> Self {
        let weight = |k: usize| if k <= ORDER { -i64::from(a[k]) } else { 0 };
        let pair = |k: usize| Pair(weight(k) + (weight(k + 1) << 32));
        Self {
            by_second: [pair(1), pair(3), pair(5), pair(7), pair(9)],
            by_first: [pair(2), pair(4), pair(6), pair(8), pair(10)],
            to_neighbour: weight(1),
        }
    }

    /// Goes on by two samples.
    #[inline]
    fn advance(&self, ahead: [Pair; 5], first: i64, second: i64) -> [Pair; 5] {
        core::array::from_fn(|k| {
            let before = if k < 4 { ahead[k + 1] } else { Pair(0) };
            before.add(self.by_first[k], first).add(self.by_second[k], second)
        })
    }
}
