//! Line spectral pairs: from frequencies, and to the coefficients of the synthesis filter. Clauses 3.2.4 to 3.2.6.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "loops over arrays of the filter's order; filter coefficients are the lower half of their word"
)]

use crate::exact;
use crate::ops::{add, extract_l, l_mult, l_shr, mult};
use crate::tables::convert::{COS, SLOPE_COS};

/// Order of the filters.
pub(crate) const ORDER: usize = 10;

/// Line spectral pairs, cosines in Q15, falling.
pub(crate) type Lsp = [i16; ORDER];

/// Line spectral frequencies in radians, Q13, rising.
pub(crate) type Lsf = [i16; ORDER];

/// Coefficients of `A(z)` in Q12; the first is 4096.
pub(crate) type Lpc = [i16; ORDER + 1];

/// LSPs before the first frame, Q15, on both sides.
pub(crate) const INITIAL: Lsp = [30_000, 26_000, 21_000, 15_000, 8_000, 0, -8_000, -15_000, -21_000, -26_000];

/// `Lsf_lsp2`: the cosine of each frequency.
pub(crate) fn from_lsf(lsf: &Lsf) -> Lsp {
    lsf.map(|frequency| {
        // 2/pi in Q15: the angle as table index and eight bits of fraction.
        let angle = mult(frequency, 20_861);
        let index = usize::from((angle >> 8).clamp(0, 63) as u16);
        let slope = l_mult(SLOPE_COS[index], angle & 0xff);
        add(COS[index], extract_l(l_shr(slope, 13)))
    })
}

/// `Int_qlpc`: the filters of both subframes, the first from the mean of `old` and `new`.
pub(crate) fn interpolate(old: &Lsp, new: &Lsp) -> [Lpc; 2] {
    let mut middle = [0; ORDER];
    for ((out, old), new) in middle.iter_mut().zip(old).zip(new) {
        *out = add(old >> 1, new >> 1);
    }
    [to_lpc(&middle), to_lpc(new)]
}

/// `Lsp_Az`: the filter of a set of pairs.
#[inline]
pub(crate) fn to_lpc(lsp: &Lsp) -> Lpc {
    let odd = polynomial([lsp[0], lsp[2], lsp[4], lsp[6], lsp[8]]);
    let even = polynomial([lsp[1], lsp[3], lsp[5], lsp[7], lsp[9]]);
    let (Some(sum), Some(difference)) = (odd, even) else { return stepwise::to_lpc(lsp) };
    let mut a = [0; ORDER + 1];
    a[0] = 4096;
    for i in 1..=5 {
        let (sum, difference) = (sum[i] + sum[i - 1], difference[i] - difference[i - 1]);
        // Rounded by the last bit shifted out.
        a[i] = ((sum + difference + 0x1000) >> 13) as i16;
        a[11 - i] = ((sum - difference + 0x1000) >> 13) as i16;
    }
    a
}

/// Magnitude in Q24 up to which sums of four coefficients fit a word.
const COEFFICIENT_LIMIT: i64 = 1 << 29;

/// `Get_lsp_pol`: the first half of the symmetric product of `1 - 2 q z^-1 + z^-2`, in Q24. `None` where a step of the
/// reference, or of what follows, might saturate.
#[inline]
fn polynomial(q: [i16; 5]) -> Option<[i32; 6]> {
    let [first, second, third, fourth, fifth] = q.map(i64::from);
    let f = Polynomial([1 << 24, -(first << 10), 0, 0, 0, 0]);
    let f = f.times::<2>(second).times::<3>(third).times::<4>(fourth);
    // Up to here coefficients and products fit: they are those of (1 + z)^8 at most.
    let last = f.0[4].abs();
    let Polynomial(f) = f.times::<5>(fifth);
    let greatest = f.iter().fold(last, |greatest, x| greatest.max(x.abs()));
    (greatest < COEFFICIENT_LIMIT && exact::allowed()).then(|| f.map(|x| x as i32))
}

/// The lower half of a symmetric polynomial, Q24.
struct Polynomial([i64; 6]);

impl Polynomial {
    /// Multiplies a polynomial of degree `2 (N - 1)` by `1 - 2 q z^-1 + z^-2`.
    #[inline]
    fn times<const N: usize>(self, q: i64) -> Self {
        let mut f = self.0;
        f[N] = f[N - 2];
        for j in (2..=N).rev() {
            // The lowest bit is lost where the reference splits the word.
            f[j] += f[j - 2] - ((((f[j - 1] >> 1) * q) >> 15) << 2);
        }
        f[1] -= q << 10;
        Self(f)
    }
}

mod stepwise {
    //! The same operator by operator.

    use super::{Lpc, Lsp, ORDER};
    use crate::ops::{extract_l, l_add, l_extract, l_msu, l_shl, l_shr_r, l_sub, mpy_32_16};

    #[cold]
    #[inline(never)]
    pub(super) fn to_lpc(lsp: &Lsp) -> Lpc {
        let mut sum = polynomial([lsp[0], lsp[2], lsp[4], lsp[6], lsp[8]]);
        let mut difference = polynomial([lsp[1], lsp[3], lsp[5], lsp[7], lsp[9]]);
        for i in (1..=5).rev() {
            sum[i] = l_add(sum[i], sum[i - 1]);
            difference[i] = l_sub(difference[i], difference[i - 1]);
        }
        let mut a = [0; ORDER + 1];
        a[0] = 4096;
        for i in 1..=5 {
            a[i] = extract_l(l_shr_r(l_add(sum[i], difference[i]), 13));
            a[11 - i] = extract_l(l_shr_r(l_sub(sum[i], difference[i]), 13));
        }
        a
    }

    fn polynomial(q: [i16; 5]) -> [i32; 6] {
        let mut f = [0; 6];
        f[0] = 1 << 24;
        f[1] = l_msu(0, q[0], 512);
        for i in 2..=5 {
            f[i] = f[i - 2];
            for j in (2..=i).rev() {
                let (hi, lo) = l_extract(f[j - 1]);
                let twice = l_shl(mpy_32_16(hi, lo, q[i - 1]), 1);
                f[j] = l_sub(l_add(f[j], f[j - 2]), twice);
            }
            f[1] = l_msu(f[1], q[i - 1], 512);
        }
        f
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::Random;

    fn sorted(seed: i16, shrink: i16) -> Lsp {
        let mut random = Random(seed);
        let mut lsp: Lsp = core::array::from_fn(|_| {
            let distance = (32_767 - i32::from(random.next())) / i32::from(shrink);
            i16::try_from(32_767 - distance).unwrap()
        });
        lsp.sort_by(|a, b| b.cmp(a));
        lsp
    }

    #[test]
    fn filters_equal_the_stepwise_ones() {
        let mut narrow = 0;
        for seed in 0..4000 {
            let lsp = sorted(seed, [1, 2, 7, 300][usize::try_from(seed % 4).unwrap()]);
            assert_eq!(to_lpc(&lsp), stepwise::to_lpc(&lsp), "{lsp:?}");
            narrow += u32::from(polynomial([lsp[0], lsp[2], lsp[4], lsp[6], lsp[8]]).is_none());
        }
        assert!(narrow > 500, "{narrow} would have saturated");
        for lsp in [
            [i16::MAX; 10],
            [i16::MIN; 10],
            [0; 10],
            core::array::from_fn(|n| if n % 4 < 2 { i16::MIN } else { i16::MAX }),
        ] {
            assert_eq!(to_lpc(&lsp), stepwise::to_lpc(&lsp), "{lsp:?}");
        }
    }
}
