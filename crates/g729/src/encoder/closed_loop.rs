//! Closed-loop pitch: the delay and gain of the adaptive codebook. Clauses A.3.7 and 3.7.3.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "delays reach back to the beginning of the excitation buffer at most, and their indices are octets"
)]

use crate::exact;
use crate::excitation::{DELAY_MAX, DELAY_MIN, Delay, SUBFRAME, Vector, interpolate_past};
use crate::filter::peak;
use crate::ops::{
    div_s, extract_l, flagged, l_abs, l_mac, l_saturate, l_shl, norm_l, round, saturate, shr, sub,
};
use crate::simd::correlate::{dot, energy, filter_backwards, magnitudes, sixteen};

/// Greatest pitch gain, Q14: 1.2.
const GAIN_MAX: i16 = 19_661;
/// The gain that taming allows, Q14: 0.95.
const GAIN_TAMED: i16 = 15_564;
/// Greatest delay of the first subframe that has a fraction.
const FRACTIONS_TO: i16 = 84;
/// Whole delays that are tried at once; ten are asked for at most.
const DELAYS: usize = 16;

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
    let sum = magnitudes(backward).0;
    let whole = best_whole(excitation, start, (backward, sum), range);
    let mut best = Delay { whole, thirds: 0 };
    interpolate_past(excitation, start, best);
    if first && whole > FRACTIONS_TO {
        return best;
    }
    let mut vector = subframe(excitation, start);
    let mut greatest = correlation((backward, sum), &vector);
    for thirds in [-1, 1] {
        let delay = Delay { whole, thirds };
        interpolate_past(excitation, start, delay);
        let candidate = subframe(excitation, start);
        let correlation = correlation((backward, sum), &candidate);
        if correlation > greatest {
            (best, greatest, vector) = (delay, correlation, candidate);
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

/// The whole delay whose past excitation correlates most with the target, of which the sum of magnitudes is known. Equation
/// (A.7).
fn best_whole(excitation: &[i16], start: usize, (backward, sum): (&Vector, i32), range: Range) -> i16 {
    // Delays down from the greatest, and some more that nobody asks for.
    let mut past = [0; DELAYS + SUBFRAME];
    past.copy_from_slice(&excitation[start - usize::from(range.high.unsigned_abs())..][..DELAYS + SUBFRAME]);
    let sums = if fits(sum, peak(&past)) {
        sixteen(backward, &past).map(|sum| 2 * sum)
    } else {
        let mut sums = [0; DELAYS];
        for (at, sum) in sums.iter_mut().enumerate() {
            *sum = stepwise(0, backward, &past[at..]);
        }
        sums
    };
    let (mut whole, mut greatest) = (range.low, i32::MIN);
    for delay in range.low..=range.high {
        let correlation = sums[usize::from((range.high - delay).unsigned_abs())];
        if correlation > greatest {
            (whole, greatest) = (delay, correlation);
        }
    }
    whole
}

/// Whether no sum of products, doubled, can saturate at any step: of vectors of which the magnitudes of one have this sum, and
/// those of the other are no greater than that.
fn fits(sum: i32, greatest: i32) -> bool {
    i64::from(sum) * i64::from(greatest) < 1 << 30 && exact::allowed()
}

/// A start and the products, doubled and saturating at each step.
#[cold]
pub(super) fn stepwise(start: i32, a: &Vector, b: &[i16]) -> i32 {
    a.iter().zip(b).fold(start, |sum, (&a, &b)| l_mac(sum, a, b))
}

fn correlation((a, sum): (&Vector, i32), b: &Vector) -> i32 {
    if fits(sum, magnitudes(b).1) { 2 * dot(a, b) } else { stepwise(0, a, b) }
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
    if fits(magnitudes(response).0, magnitudes(target).1) {
        return filter_backwards(response, target);
    }
    backward_stepwise(target, response)
}

/// The same with all operators saturating.
#[cold]
fn backward_stepwise(target: &Vector, response: &Vector) -> Vector {
    let mut sums = [0; SUBFRAME];
    for (at, sum) in sums.iter_mut().enumerate() {
        *sum = stepwise(0, response, &target[at..]);
    }
    let greatest = sums.iter().fold(0, |greatest: i32, &sum| greatest.max(l_abs(sum)));
    let shift = 18 - norm_l(greatest).min(16);
    sums.map(|sum| extract_l(sum >> shift))
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
    /// `<y1, y1>` exactly.
    pub(super) yy: i64,
}

/// `G_pitch`: the gain that fits the filtered adaptive vector to the target best. Equation (43).
pub(super) fn pitch_gain(target: &Target, filtered: &Vector) -> PitchGain {
    let yy = energy(filtered);
    let small = || filtered.map(|sample| sample >> 2);
    let energy = match i32::try_from(1 + 2 * yy) {
        Ok(sum) => normalised(sum, 0),
        // A sum of squares saturates on its way exactly when it is too large at the end; now it may saturate.
        Err(_) => normalised(l_saturate(1 + 2 * energy(&small())), 4),
    };
    let correlation = match target.correlation(filtered, yy) {
        Some(sum) => normalised(sum, 0),
        None => normalised(stepwise(0, &target.vector, &small()), 2),
    };
    if correlation.mantissa <= 0 {
        // As the reference has it: only the exponent makes it small, the mantissa stays negative.
        return PitchGain { energy, correlation: Product { exponent: 15, ..correlation }, gain: 0, yy };
    }
    let quotient = div_s(correlation.mantissa >> 1, energy.mantissa);
    let gain = shr(quotient, sub(correlation.exponent, energy.exponent)).min(GAIN_MAX);
    PitchGain { energy, correlation, gain, yy }
}

/// A target and its energy.
pub(super) struct Target {
    pub(super) vector: Vector,
    pub(super) energy: i64,
}

impl Target {
    pub(super) fn new(vector: Vector) -> Self {
        Self { energy: energy(&vector), vector }
    }

    /// The sum of products with a vector of an energy, doubled, unless it overflows at any step.
    pub(super) fn correlation(&self, other: &Vector, energy: i64) -> Option<i32> {
        if sums_fit(self.energy, energy) {
            return Some(2 * dot(&self.vector, other));
        }
        let mut overflow = false;
        let products = self.vector.iter().zip(other);
        let sum = products.fold(0, |sum, (&a, &b)| flagged::l_mac(sum, a, b, &mut overflow));
        (!overflow).then_some(sum)
    }
}

/// Whether no sum of products of vectors of these energies, doubled, and with one added, overflows at any step: it is at
/// most the root of the energies' product (Cauchy and Schwarz).
pub(super) fn sums_fit(a: i64, b: i64) -> bool {
    i128::from(a) * i128::from(b) < 1 << 60 && exact::allowed()
}

impl PitchGain {
    /// Holds the gain back where an error would grow.
    pub(super) fn tame(&mut self) {
        self.gain = self.gain.min(GAIN_TAMED);
    }
}

fn normalised(sum: i32, shift: i16) -> Product {
    let norm = norm_l(sum);
    Product { mantissa: round(l_shl(sum, norm)), exponent: norm - 15 - shift }
}

/// The target less the adaptive codebook's part. Equation (50).
pub(super) fn remaining_target(target: &Vector, filtered: &Vector, gain: i16) -> Vector {
    let mut rest = *target;
    for (rest, &y) in rest.iter_mut().zip(filtered) {
        // The upper half of four times the product, limited where the shift saturates.
        *rest = sub(*rest, saturate((i32::from(y) * i32::from(gain)) >> 14));
    }
    rest
}
