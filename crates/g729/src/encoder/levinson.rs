//! The Levinson-Durbin recursion: linear prediction from an autocorrelation. Clause 3.2.2.

#![expect(clippy::indexing_slicing, reason = "loops over arrays of constant length")]

use crate::dpf;
use crate::lsp::{Lpc, ORDER};
use crate::ops::{div_32, extract_h, l_abs, l_add, l_extract, l_negate, l_shl, l_sub, norm_l, round, shr};

/// A reflection coefficient beyond this (Q15) makes the filter count as unstable.
const STABLE: i16 = 32_750;

/// A linear prediction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prediction {
    /// The filter, Q12.
    pub(crate) filter: Lpc,
    /// The first two reflection coefficients, Q15.
    pub(crate) reflection: [i16; 2],
    /// What is left of the energy, in the format of the upper half of lag 0.
    pub(crate) residual: i16,
}

impl Prediction {
    /// Predicts nothing: what stands for the result before the first frame.
    pub(crate) const NONE: Self =
        Self { filter: [4096, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], reflection: [0; 2], residual: 0 };
}

/// `Levinson`: the prediction for lags 0 to 10 (DPF words, lag 0 normalised), `None` if it would be unstable.
pub(crate) fn levinson(lags: &[i32; ORDER + 1]) -> Option<Prediction> {
    let mut reflection = [0; ORDER];
    // Q27, which leaves room for coefficients up to 16.
    let mut a = [0; ORDER + 1];
    let mut k = quotient(lags[1], lags[0]) & !1;
    reflection[0] = extract_h(k);
    a[1] = (k >> 4) & !1;
    let mut alpha = dpf::mul(lags[0], remaining(k));
    let mut exponent = norm_l(alpha);
    alpha = l_shl(alpha, exponent) & !1;

    for i in 2..=ORDER {
        let mut sum = 0;
        for j in 1..i {
            sum = l_add(sum, dpf::mul(lags[j], a[i - j]));
        }
        sum = l_add(l_shl(sum, 4), lags[i]);
        k = l_shl(quotient(sum, alpha), exponent) & !1;
        reflection[i - 1] = extract_h(k);
        if extract_h(k).saturating_abs() > STABLE {
            return None;
        }
        let before = a;
        for j in 1..i {
            a[j] = l_add(dpf::mul(k, before[i - j]), before[j]) & !1;
        }
        a[i] = (k >> 4) & !1;
        alpha = dpf::mul(alpha, remaining(k));
        let norm = norm_l(alpha);
        alpha = l_shl(alpha, norm) & !1;
        exponent += norm;
    }

    let mut filter = [4096; ORDER + 1];
    for (out, &coefficient) in filter.iter_mut().zip(&a).skip(1) {
        *out = round(l_shl(coefficient, 1));
    }
    let residual = shr(extract_h(alpha), exponent);
    Some(Prediction { filter, reflection: [reflection[0], reflection[1]], residual })
}

/// The negative quotient of a sum and the energy that is left.
fn quotient(sum: i32, energy: i32) -> i32 {
    let (hi, lo) = l_extract(energy);
    let quotient = div_32(l_abs(sum), hi, lo);
    if sum > 0 { l_negate(quotient) } else { quotient }
}

/// One less the square of a reflection coefficient: the part of the energy that it leaves.
fn remaining(k: i32) -> i32 {
    l_sub(i32::MAX, l_abs(dpf::mul(k, k))) & !1
}
