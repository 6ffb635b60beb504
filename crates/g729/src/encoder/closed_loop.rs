//! Closed-loop pitch: the delay and gain of the adaptive codebook. Clauses A.3.7 and 3.7.3.

#![expect(clippy::indexing_slicing, reason = "delays reach back to the beginning of the excitation buffer at most")]

use crate::excitation::{DELAY_MAX, DELAY_MIN, Delay, PAST, SUBFRAME, Vector, interpolate_past};
use crate::ops::{
    div_s, extract_h, extract_l, flagged, l_abs, l_mac, l_mult, l_shl, l_shr, norm_l, round, shr, sub,
};

/// Greatest pitch gain, Q14: 1.2.
const GAIN_MAX: i16 = 19_661;
/// The gain that taming allows, Q14: 0.95.
const GAIN_TAMED: i16 = 15_564;
/// Greatest delay of the first subframe that has a fraction.
const FRACTIONS_TO: i16 = 84;

/// Whole delays to search.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) low: i16,
    pub(super) high: i16,
}

impl Range {
    /// Around the open-loop delay, for the first subframe.
    pub(super) fn around_open_loop(delay: i16) -> Self {
        Self::from(delay - 3, 6)
    }

    /// Around the first subframe's delay, for the second.
    pub(super) fn around_first(delay: i16) -> Self {
        Self::from(delay - 5, 9)
    }

    fn from(low: i16, span: i16) -> Self {
        let high = (low.max(DELAY_MIN) + span).min(DELAY_MAX);
        Self { low: low.max(DELAY_MIN).min(high - span), high }
    }
}

/// `Pitch_fr3_fast`: the delay in a range, for the first subframe or the second. The subframe at `start` of the
/// excitation buffer, which holds the residual before, holds the adaptive vector after.
pub(super) fn search(
    excitation: &mut [i16],
    start: usize,
    backward: &Vector,
    range: Range,
    first: bool,
) -> Delay {
    let mut whole = range.low;
    let mut greatest = i32::MIN;
    for delay in range.low..=range.high {
        let past = &excitation[start - usize::from(delay.unsigned_abs())..][..SUBFRAME];
        let correlation = dot(backward, past);
        if correlation > greatest {
            (whole, greatest) = (delay, correlation);
        }
    }
    let mut best = Delay { whole, thirds: 0 };
    interpolate_past(excitation, start, best);
    if first && whole > FRACTIONS_TO {
        return best;
    }
    let mut vector = subframe(excitation, start);
    let mut greatest = dot(backward, &vector);
    for thirds in [-1, 1] {
        let delay = Delay { whole, thirds };
        interpolate_past(excitation, start, delay);
        let correlation = dot(backward, &excitation[start..]);
        if correlation > greatest {
            (best, greatest) = (delay, correlation);
            vector = subframe(excitation, start);
        }
    }
    excitation[start..start + SUBFRAME].copy_from_slice(&vector);
    best
}

fn subframe(excitation: &[i16], start: usize) -> Vector {
    let mut vector = [0; SUBFRAME];
    vector.copy_from_slice(&excitation[start..start + SUBFRAME]);
    vector
}

fn dot(a: &Vector, b: &[i16]) -> i32 {
    a.iter().zip(b).fold(0, |sum, (&a, &b)| l_mac(sum, a, b))
}

/// P1, the delay of the first subframe. Equation (41).
pub(super) fn first_index(delay: Delay) -> u8 {
    let index = if delay.whole <= 85 { 3 * (delay.whole - 19) + delay.thirds - 1 } else { delay.whole + 112 };
    index as u8
}

/// P2, the delay of the second subframe. Equation (42).
pub(super) fn second_index(delay: Delay, range: Range) -> u8 {
    (3 * (delay.whole - range.low) + delay.thirds + 2) as u8
}

/// `Cor_h_X`: the target filtered backwards by the impulse response, scaled to 13 bits. Equation (52).
pub(super) fn backward_filtered(target: &Vector, response: &Vector) -> Vector {
    let mut sums = [0; SUBFRAME];
    let mut greatest = 0;
    for (n, sum) in sums.iter_mut().enumerate() {
        *sum = target[n..].iter().zip(response).fold(0, |sum, (&x, &h)| l_mac(sum, x, h));
        greatest = greatest.max(l_abs(*sum));
    }
    let shift = 18 - norm_l(greatest).min(16);
    sums.map(|sum| extract_l(l_shr(sum, shift)))
}

/// A sum of products, `mantissa * 2^-exponent`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Product {
    pub(super) mantissa: i16,
    pub(super) exponent: i16,
}

/// The pitch gain, and the products that it and the gain quantiser need.
#[derive(Clone, Copy, Debug)]
pub(super) struct PitchGain {
    /// `<y1, y1>`.
    pub(super) energy: Product,
    /// `<x, y1>`, or something small where it is negative.
    pub(super) correlation: Product,
    /// Q14.
    pub(super) gain: i16,
}

/// `G_pitch`: the gain that fits the filtered adaptive vector to the target best. Equation (43).
pub(super) fn pitch_gain(target: &Vector, filtered: &Vector) -> PitchGain {
    let small = filtered.map(|sample| sample >> 2);
    let energy = product((filtered, filtered), 1).unwrap_or_else(|| scaled_product((&small, &small), 1, 4));
    let correlation = product((target, filtered), 0).unwrap_or_else(|| scaled_product((target, &small), 0, 2));
    if correlation.mantissa <= 0 {
        // As the reference has it: only the exponent makes it small, the mantissa stays negative.
        return PitchGain { energy, correlation: Product { exponent: 15, ..correlation }, gain: 0 };
    }
    let quotient = div_s(correlation.mantissa >> 1, energy.mantissa);
    let gain = shr(quotient, sub(correlation.exponent, energy.exponent)).min(GAIN_MAX);
    PitchGain { energy, correlation, gain }
}

impl PitchGain {
    /// Holds the gain back where an error would grow.
    pub(super) fn tame(&mut self) {
        self.gain = self.gain.min(GAIN_TAMED);
    }
}

/// A sum of products with a first term, unless it overflows.
fn product((a, b): (&Vector, &Vector), start: i32) -> Option<Product> {
    let mut overflow = false;
    let sum = a.iter().zip(b).fold(start, |sum, (&a, &b)| flagged::l_mac(sum, a, b, &mut overflow));
    (!overflow).then(|| normalised(sum, 0))
}

/// The same of factors that were shifted right, together by `shift`.
fn scaled_product((a, b): (&Vector, &Vector), start: i32, shift: i16) -> Product {
    normalised(a.iter().zip(b).fold(start, |sum, (&a, &b)| l_mac(sum, a, b)), shift)
}

fn normalised(sum: i32, shift: i16) -> Product {
    let norm = norm_l(sum);
    Product { mantissa: round(l_shl(sum, norm)), exponent: norm - 15 - shift }
}

/// The target less the adaptive codebook's part. Equation (50).
pub(super) fn remaining_target(target: &Vector, filtered: &Vector, gain: i16) -> Vector {
    let mut rest = *target;
    for (rest, &y) in rest.iter_mut().zip(filtered) {
        *rest = sub(*rest, extract_h(l_shl(l_mult(y, gain), 1)));
    }
    rest
}

/// Samples before the subframe that `search` may look at.
pub(super) const SEARCH_REACH: usize = PAST;
