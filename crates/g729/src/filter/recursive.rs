//! `1/A(z)` without saturation: exact where nothing would have saturated, and it says whether that was so.

#![expect(clippy::indexing_slicing, reason = "constant indices into arrays of the filter's order")]

use crate::lsp::{Lpc, ORDER};

/// What the next two samples already have from those before them: the first in the lower half, the second in the upper,
/// as one sum `first + second * 2^32`. One multiplication serves both.
#[derive(Clone, Copy)]
struct Pair(i64);

impl Pair {
    const fn of(first: i16, second: i16) -> Self {
        Self(first as i64 + ((second as i64) << 32))
    }

    /// Adds `coefficients * sample` to both.
    #[inline]
    const fn add(self, coefficients: Self, sample: i64) -> Self {
        Self(self.0.wrapping_add(coefficients.0.wrapping_mul(sample)))
    }

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

/// Filters `input` into what follows the ten samples at the beginning of `out`. `false` if a sample needed more than
/// 16 bits, or lay at their lower bound, where the reference's shift may have saturated; `out` is then to be forgotten.
///
/// `N` is even. Intermediate sums must fit 32 bits, which [`super::synthesise`] sees to.
#[inline]
pub(super) fn synthesise<const N: usize>(a: &Lpc, input: &[i16; N], out: &mut [i16]) -> bool {
    // For the two samples after a pair: what its second and its first give them.
    let by_second: [Pair; 5] = core::array::from_fn(|k| Pair(-Pair::of(a[2 * k + 1], a[2 * k + 2]).0));
    let by_first: [Pair; 5] =
        core::array::from_fn(|k| Pair(-Pair::of(a[2 * k + 2], if k < 4 { a[2 * k + 3] } else { 0 }).0));
    let to_neighbour = -i64::from(a[1]);
    let gain = i64::from(a[0]);

    let mut ahead = [Pair(0); 5];
    let advance = |ahead: &mut [Pair; 5], first: i64, second: i64, next: i64| {
        for k in 0..5 {
            let before = if k < 4 { ahead[k + 1] } else { Pair(0) };
            let before = if k == 0 { Pair(before.0.wrapping_add(next)) } else { before };
            ahead[k] = before.add(by_first[k], first).add(by_second[k], second);
        }
    };
    let (past, out) = out.split_at_mut(ORDER);
    // Half of the last place, for rounding, comes with each input.
    let scaled = |x: i16| i64::from(x) * gain + 0x800;
    for pair in past.as_chunks::<2>().0 {
        advance(&mut ahead, pair[0].into(), pair[1].into(), 0);
    }
    ahead[0].0 = ahead[0].0.wrapping_add(scaled(input[0]));

    let mut exact = [0i32; N];
    for n in (0..N).step_by(2) {
        let first = ahead[0].first() >> 12;
        let second = (ahead[0].second() + scaled(input[n + 1]) + to_neighbour * first) >> 12;
        let next = if n + 2 < N { scaled(input[n + 2]) } else { 0 };
        advance(&mut ahead, first, second, next);
        (exact[n], exact[n + 1]) = (first as i32, second as i32);
    }
    let mut beyond = 0;
    let mut lowest = 0;
    for (out, exact) in out.iter_mut().zip(exact) {
        *out = exact as i16;
        beyond |= exact ^ i32::from(*out);
        lowest = lowest.min(*out);
    }
    beyond == 0 && lowest != i16::MIN
}
