//! Quantisation of the gains. Clause 3.9.2.

#![expect(clippy::indexing_slicing, reason = "candidates are rows of the codebooks")]

use super::closed_loop::{PitchGain, Product, Target, stepwise, sums_fit};
use crate::excitation::Vector;
use crate::gain::{Gains, Predicted};
use crate::ops::{
    add, div_s, extract_h, l_add, l_deposit_h, l_mult, l_saturate, l_shl, l_shr, l_sub, mult, negate, norm_l,
    round, sub,
};
use crate::simd::correlate::{dot, energy};
use crate::simd::search::{GainCosts, GainRows, cheapest};
use crate::tables::gain::{
    GAIN_INDEX_1, GAIN_INDEX_2, GAIN_STAGE_1, GAIN_STAGE_2, GAIN_THRESHOLD_1, GAIN_THRESHOLD_2, PRESELECTION,
    PRESELECTION_LONG,
};

/// The best pitch gain that taming allows, Q9: 0.94.
const BEST_TAMED: i16 = 481;
/// From here on a pitch gain is not taken while taming is on, Q14: 0.9999.
const TAMED: i16 = 16_383;
/// One over the difference of the lines' slopes, Q19.
const SLOPES_INVERSE: i16 = -17_103;

/// What a pair of gains costs: coefficients of gp^2, gp, gc^2, gc and gp gc. Equation (63).
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    terms: [Product; 5],
}

impl Cost {
    /// `Corr_xy2` and what the pitch gain left.
    pub(super) fn new(target: &Target, adaptive: &Vector, pitch: &PitchGain, fixed: &Vector) -> Self {
        let fixed = fixed.map(|sample| sample >> 3);
        let yy = pitch.energy;
        let xy = pitch.correlation;
        let zz = energy(&fixed);
        let xz = sum(&target.vector, target.energy, &fixed, zz);
        let yz = sum(adaptive, pitch.yy, &fixed, zz);
        let [zz, xz, yz] = [product(l_saturate(1 + 2 * zz), 3), product(xz, -6), product(yz, -6)];
        let doubled = |product: Product| Product { exponent: sub(product.exponent, 1), ..product };
        let negative = |product: Product| Product { mantissa: negate(product.mantissa), ..product };
        Self { terms: [yy, doubled(negative(xy)), zz, doubled(negative(xz)), doubled(yz)] }
    }
}

/// One and the products of two vectors of known energies, doubled.
fn sum(a: &Vector, a_energy: i64, b: &Vector, b_energy: i64) -> i32 {
    if sums_fit(a_energy, b_energy) { 1 + 2 * dot(a, b) } else { stepwise(1, a, b) }
}

/// A sum of products of a format.
fn product(sum: i32, format: i16) -> Product {
    let norm = norm_l(sum);
    Product { mantissa: round(l_shl(sum, norm)), exponent: add(norm, format) }
}

/// The gains chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quantised {
    /// GA and GB as sent.
    pub(super) indices: [u8; 2],
    pub(super) gains: Gains,
    /// The correction factor, Q13.
    pub(super) factor: i32,
}

/// `Qua_gain`: the rows of both codebooks that cost least.
pub(super) fn quantise(cost: &Cost, predicted: Predicted, tame: bool) -> Quantised {
    let optimum = Optimum::new(cost, tame);
    let first = optimum.preselect(predicted);
    let [i, j] = least(cost, predicted, first, tame);
    let [a, b] = [GAIN_STAGE_1[i], GAIN_STAGE_2[j]];
    let factor = i32::from(a[1]) + i32::from(b[1]);
    Quantised {
        indices: [GAIN_INDEX_1[i], GAIN_INDEX_2[j]],
        gains: Gains { pitch: add(a[0], b[0]), code: predicted.times(factor) },
        factor,
    }
}

/// The gains that would cost least if they could be sent.
struct Optimum {
    /// Q9.
    pitch: i16,
    /// Q2.
    code: i16,
}

impl Optimum {
    fn new(cost: &Cost, tame: bool) -> Self {
        let [yy, xy, zz, xz, yz] = cost.terms;
        // The determinant 4 yy zz - yz^2, negative: the terms hold doubles.
        let e1 = yy.exponent + zz.exponent - 1;
        let e2 = 2 * yz.exponent + 1;
        let (p1, p2) = (l_mult(yy.mantissa, zz.mantissa), l_mult(yz.mantissa, yz.mantissa));
        let (determinant, exponent) = if e1 > e2 {
            (l_sub(l_shr(p1, sub(e1, e2)), p2), e2)
        } else {
            (l_sub(p1, l_shr(p2, sub(e2, e1))), e1)
        };
        let norm = norm_l(determinant);
        let denominator = extract_h(l_shl(determinant, norm));
        let inverse =
            Product { mantissa: negate(div_s(16_384, denominator)), exponent: 29 - (exponent + norm - 16) };
        let solve = |[a, b]: [Product; 2], [c, d]: [Product; 2], format: i16| {
            let numerator = difference([a, b], [c, d]);
            let shift = numerator.exponent + inverse.exponent - format - 15;
            extract_h(l_shr(l_mult(numerator.mantissa, inverse.mantissa), shift))
        };
        let mut pitch = solve([zz, xy], [xz, yz], 9);
        if tame {
            pitch = pitch.min(BEST_TAMED);
        }
        Self { pitch, code: solve([yy, xz], [xy, yz], 2) }
    }

    /// `Gbk_presel`: the first of the candidate rows of each stage.
    fn preselect(&self, predicted: Predicted) -> [usize; 2] {
        // The predicted gain in Q4.
        let gain = if predicted.exponent >= 4 {
            predicted.mantissa >> (predicted.exponent - 4).min(15)
        } else {
            extract_h(l_shl(i32::from(predicted.mantissa), sub(20, predicted.exponent)))
        };
        let [[c00, _], [c10, _]] = PRESELECTION;
        let [[_, long01], [_, long11]] = PRESELECTION_LONG;
        let line = l_mult(c00, self.pitch);

        let above = extract_h(l_add(line, l_shr(long11, 15)));
        let rest = l_sub(l_shl(i32::from(self.code), 7), l_mult(above, gain));
        let x = l_mult(extract_h(l_shl(rest, 2)), SLOPES_INVERSE);

        let below = mult(extract_h(l_sub(line, l_shr(long01, 10))), gain);
        let rest = l_sub(l_mult(below, c10), l_shr(l_mult(c00, self.code), 3));
        let y = l_mult(extract_h(l_shl(rest, 2)), SLOPES_INVERSE);

        [passed(y, gain, &GAIN_THRESHOLD_1, 3), passed(x, gain, &GAIN_THRESHOLD_2, 5)]
    }
}

/// How many thresholds, scaled by the gain, a value passes.
fn passed(value: i32, gain: i16, thresholds: &[i16], shift: i16) -> usize {
    thresholds
        .iter()
        .take_while(|&&threshold| {
            let difference = l_sub(value, l_shr(l_mult(threshold, gain), shift));
            if gain > 0 { difference > 0 } else { difference < 0 }
        })
        .count()
}

/// `2 a b - c d` halved for room.
fn difference([a, b]: [Product; 2], [c, d]: [Product; 2]) -> Product {
    let e1 = a.exponent + b.exponent;
    let e2 = c.exponent + d.exponent + 1;
    let (p1, p2) = (l_mult(a.mantissa, b.mantissa), l_mult(c.mantissa, d.mantissa));
    let (word, exponent) = if e1 > e2 {
        (l_sub(l_shr(p1, e1 - e2 + 1), p2 >> 1), e2 - 1)
    } else {
        (l_sub(p1 >> 1, l_shr(p2, e2 - e1 + 1)), e1 - 1)
    };
    let norm = norm_l(word);
    Product { mantissa: extract_h(l_shl(word, norm)), exponent: exponent + norm - 16 }
}

/// The rows that cost least, of the candidates from `first` on.
fn least(cost: &Cost, predicted: Predicted, first: [usize; 2], tame: bool) -> [usize; 2] {
    // Formats of the gains' products, in the order of the terms.
    let code = predicted.exponent - 3;
    let formats = [13, 14, 2 * code - 15, code, code - 1];
    let mut exponents = formats;
    for (exponent, term) in exponents.iter_mut().zip(&cost.terms) {
        *exponent += term.exponent;
    }
    let common = exponents.into_iter().fold(i16::MAX, i16::min);
    let mut terms = [0; 5];
    for ((word, term), exponent) in terms.iter_mut().zip(&cost.terms).zip(exponents) {
        *word = l_shr(l_deposit_h(term.mantissa), exponent - common) & !1;
    }

    let limit = if tame { TAMED } else { i16::MAX };
    let mut rows = GainRows { first: [[0; 2]; 4], pitch: [0; 8], factor: [0; 8] };
    rows.first.copy_from_slice(&GAIN_STAGE_1[first[0]..][..4]);
    for ((pitch, factor), row) in rows.pitch.iter_mut().zip(&mut rows.factor).zip(&GAIN_STAGE_2[first[1]..]) {
        [*pitch, *factor] = *row;
    }
    let [i, j] = cheapest(&GainCosts { terms, predicted: predicted.mantissa, limit }, &rows);
    [first[0] + i, first[1] + j]
}
