//! Line spectral pairs: from frequencies, and to the coefficients of the synthesis filter. Clauses 3.2.4 to 3.2.6.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "loops over arrays of the filter's order; filter coefficients are the lower half of their word"
)]

use crate::ops::{
    add, extract_l, l_add, l_extract, l_msu, l_mult, l_shl, l_shr, l_shr_r, l_sub, mpy_32_16, mult,
};
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
pub(crate) fn to_lpc(lsp: &Lsp) -> Lpc {
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

/// `Get_lsp_pol`: the first half of the symmetric product of `1 - 2 q z^-1 + z^-2`, in Q24.
fn polynomial(q: [i16; 5]) -> [i32; 6] {
    let mut f = [0; 6];
    f[0] = 1 << 24;
    f[1] = l_msu(0, q[0], 512);
    for i in 2..=5 {
        f[i] = f[i - 2];
        for j in (1..=i).rev() {
            if j == 1 {
                f[1] = l_msu(f[1], q[i - 1], 512);
                break;
            }
            let (hi, lo) = l_extract(f[j - 1]);
            let twice = l_shl(mpy_32_16(hi, lo, q[i - 1]), 1);
            f[j] = l_sub(l_add(f[j], f[j - 2]), twice);
        }
    }
    f
}
