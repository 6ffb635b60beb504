//! Logarithm, power, inverse square root and the random generator of the Recommendation (clause 5.2).

#![expect(clippy::indexing_slicing, reason = "an index is bounded by the bits it is made of")]

use crate::ops::{add, extract_h, l_deposit_h, l_msu, l_shl, l_shr, l_shr_r, norm_l, sub};
use crate::tables::math::{INV_SQRT, LOG2, POW2};

/// `Log2`: the logarithm of a positive word as exponent and Q15 fraction; `(0, 0)` for anything else.
pub(crate) fn log2(x: i32) -> (i16, i16) {
    if x <= 0 {
        return (0, 0);
    }
    let shift = norm_l(x);
    let normal = l_shl(x, shift) >> 9;
    let index = usize::from((extract_h(normal) - 32) as u16 & 31);
    let part = ((normal >> 1) & 0x7fff) as i16;
    let below = LOG2[index];
    (sub(30, shift), extract_h(l_msu(l_deposit_h(below), sub(below, LOG2[index + 1]), part)))
}

/// `Pow2`: two to the power of `exponent` plus a Q15 fraction, rounded.
pub(crate) fn pow2(exponent: i16, fraction: i16) -> i32 {
    let scaled = i32::from(fraction) * 64;
    let index = usize::from((scaled >> 16) as u16 & 31);
    let part = ((scaled >> 1) & 0x7fff) as i16;
    let below = POW2[index];
    l_shr_r(l_msu(l_deposit_h(below), sub(below, POW2[index + 1]), part), sub(30, exponent))
}

/// `Inv_sqrt`: one over the square root, in Q30 of the integer given; 0x3fffffff for what is not positive.
pub(crate) fn inv_sqrt(x: i32) -> i32 {
    if x <= 0 {
        return 0x3fff_ffff;
    }
    let shift = norm_l(x);
    let exponent = sub(30, shift);
    let mut normal = l_shl(x, shift);
    // An even exponent: one more shift makes the root's exponent an integer.
    if exponent & 1 == 0 {
        normal >>= 1;
    }
    let normal = normal >> 9;
    let index = usize::from((extract_h(normal) - 16).clamp(0, 47) as u16);
    let part = ((normal >> 1) & 0x7fff) as i16;
    let below = INV_SQRT[index];
    let root = l_msu(l_deposit_h(below), sub(below, INV_SQRT[index + 1]), part);
    l_shr(root, add(exponent >> 1, 1))
}

/// `Random`: the linear congruential generator of equation (96).
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) i16);

impl Random {
    /// The next word, which is the new seed.
    #[inline]
    pub(crate) const fn next(&mut self) -> i16 {
        self.0 = Steps::<1>::TAKE.after(self.0);
        self.0
    }

    /// The sums of the next forty groups of twelve words.
    #[inline]
    pub(crate) fn sums_of_twelve(&mut self) -> [i32; 40] {
        const GROUP: usize = 12;
        const LANES: usize = 8;
        // Eight groups at once, each lane from its own place in the sequence.
        let mut lanes = [self.0; LANES];
        for k in 1..LANES {
            lanes[k] = Steps::<GROUP>::TAKE.after(lanes[k - 1]);
        }
        let mut sums = [0; 40];
        let (blocks, _) = sums.as_chunks_mut::<LANES>();
        for block in blocks {
            for _ in 0..GROUP {
                for (sum, lane) in block.iter_mut().zip(&mut lanes) {
                    *lane = Steps::<1>::TAKE.after(*lane);
                    *sum += i32::from(*lane);
                }
            }
            self.0 = lanes[LANES - 1];
            lanes = lanes.map(|lane| Steps::<{ GROUP * (LANES - 1) }>::TAKE.after(lane));
        }
        sums
    }
}

/// What `N` steps of the generator make of a seed: again a product and a sum.
struct Steps<const N: usize> {
    factor: i16,
    summand: i16,
}

impl<const N: usize> Steps<N> {
    const TAKE: Self = {
        let mut steps = Self { factor: 1, summand: 0 };
        let mut n = 0;
        while n < N {
            steps.factor = steps.factor.wrapping_mul(31_821);
            steps.summand = steps.summand.wrapping_mul(31_821).wrapping_add(13_849);
            n += 1;
        }
        steps
    };

    #[inline]
    const fn after(&self, seed: i16) -> i16 {
        seed.wrapping_mul(self.factor).wrapping_add(self.summand)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_by_lanes_are_those_of_the_sequence() {
        for seed in [0, 11_111, -1, i16::MIN] {
            let (mut lanes, mut single) = (Random(seed), Random(seed));
            for _ in 0..3 {
                let expected: [i32; 40] =
                    core::array::from_fn(|_| (0..12).map(|_| i32::from(single.next())).sum());
                assert_eq!(lanes.sums_of_twelve(), expected);
                assert_eq!(lanes.0, single.0);
            }
        }
    }

    #[test]
    fn what_is_not_positive_has_a_logarithm_and_a_root_all_the_same() {
        for x in [i32::MIN, -1, 0] {
            assert_eq!((log2(x), inv_sqrt(x)), ((0, 0), 0x3fff_ffff));
        }
        assert_eq!((log2(1), log2(1 << 30)), ((0, 0), (30, 0)));
        assert_eq!(pow2(10, 0), 1024);
    }
}
