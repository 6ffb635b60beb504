//! The excitation: past interpolated at the pitch delay, pulses, and both together. Clauses 3.7.1, 3.8 and 3.10.

#![expect(
    clippy::indexing_slicing,
    reason = "delays are bounded where they are decoded, positions by the three bits they are made of"
)]

use crate::exact;
use crate::gain::Gains;
use crate::ops::{add, l_mac, mult, round, saturate, shl};
use crate::simd::correlate::greatest;
use crate::simd::filter::{BLOCK, fir8, interpolate};
use crate::tables::pitch::INTERPOLATION;

/// Samples of a subframe of 5 ms.
pub(crate) const SUBFRAME: usize = 40;
/// Samples of a frame of 10 ms.
pub(crate) const FRAME: usize = 80;
/// Least pitch delay.
pub(crate) const DELAY_MIN: i16 = 20;
/// Greatest pitch delay.
pub(crate) const DELAY_MAX: i16 = 143;
/// Samples the interpolation needs beyond the delay, and one.
const INTERPOLATION_REACH: usize = 11;
/// Past samples of an excitation buffer: the greatest delay and the reach of the interpolation.
pub(crate) const PAST: usize = 143 + INTERPOLATION_REACH;

/// Least pitch sharpening, Q14: 0.2.
pub(crate) const SHARPENING_MIN: i16 = 3277;
/// Greatest pitch sharpening, Q14: 0.8.
pub(crate) const SHARPENING_MAX: i16 = 13_017;

/// A vector of the fixed codebook, or any other of a subframe.
pub(crate) type Vector = [i16; SUBFRAME];

/// A pitch delay of `whole + thirds / 3` samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delay {
    /// 19 to 143.
    pub(crate) whole: i16,
    /// -1, 0 or 1.
    pub(crate) thirds: i16,
}

/// `Pred_lt_3`: writes the subframe at `start` of an excitation buffer from what lies a delay before it. Equation (40).
///
/// Before `start` there must be `whole + 11` samples at least.
#[inline]
pub(crate) fn interpolate_past(excitation: &mut [i16], start: usize, delay: Delay) {
    // A fraction of 1/3 is a delay one sample longer and 2/3 less; the filter's phase counts thirds of advance.
    let (phase, back) =
        if delay.thirds > 0 { (3 - delay.thirds, delay.whole + 1) } else { (-delay.thirds, delay.whole) };
    let (phase, back) = (usize::from(phase.unsigned_abs()), usize::from(back.unsigned_abs()));
    let from = start - back - (TAPS / 2 - 1);
    let (taps, limit) = &PHASES[phase];
    // A block looks at nothing that it writes itself.
    if back >= TAPS / 2 + EIGHT && exact::allowed() {
        if back >= TAPS / 2 + BLOCK {
            for n in (0..SUBFRAME).step_by(BLOCK) {
                let block =
                    interpolate(taps, excitation[from + n..].first_chunk().unwrap_or(&[0; BLOCK + TAPS]));
                let out = &mut excitation[start + n..start + SUBFRAME.min(n + BLOCK)];
                out.copy_from_slice(&block[..out.len()]);
            }
        } else {
            for n in (0..SUBFRAME).step_by(EIGHT) {
                let block = fir8::<TAPS, 15>(taps, &excitation[from + n..]);
                excitation[start + n..start + n + EIGHT].copy_from_slice(&block);
            }
        }
        // All that was looked at, and some of the subframe behind it, where the delay is long.
        let looked_at = excitation[from..].first_chunk().map_or(i32::MAX, greatest);
        if looked_at <= *limit {
            return;
        }
    }
    interpolate_stepwise(excitation, start, phase, back);
}

/// The same with all operators saturating.
#[cold]
#[inline(never)]
fn interpolate_stepwise(excitation: &mut [i16], start: usize, phase: usize, back: usize) {
    for n in start..start + SUBFRAME {
        let at = n - back;
        let mut sum = 0;
        for i in 0..10 {
            sum = l_mac(sum, excitation[at - i], INTERPOLATION[phase + 3 * i]);
            sum = l_mac(sum, excitation[at + 1 + i], INTERPOLATION[3 - phase + 3 * i]);
        }
        excitation[n] = round(sum);
    }
}

/// Taps of the interpolation at one phase.
const TAPS: usize = 20;
/// Samples interpolated at once for the shortest delays.
const EIGHT: usize = 8;

/// The taps of each phase, for the oldest sample first, and the greatest magnitude of samples that saturates no sum.
static PHASES: [([i16; TAPS], i32); 3] = [phase(0), phase(1), phase(2)];

#[expect(clippy::cast_possible_truncation, reason = "the quotient of a word by more than 2^15")]
const fn phase(phase: usize) -> ([i16; TAPS], i32) {
    let mut taps = [0; TAPS];
    let mut magnitude = 0;
    let mut i = 0;
    while i < TAPS / 2 {
        taps[TAPS / 2 - 1 - i] = INTERPOLATION[phase + 3 * i];
        taps[TAPS / 2 + i] = INTERPOLATION[3 - phase + 3 * i];
        magnitude += (INTERPOLATION[phase + 3 * i] as i64).abs();
        magnitude += (INTERPOLATION[3 - phase + 3 * i] as i64).abs();
        i += 1;
    }
    // The reference's sums are twice the products.
    (taps, (((1 << 30) - 1) / magnitude) as i32)
}

/// `Decod_ACELP`: the four pulses of a codeword (C) and their signs (S), Q13. Clause 3.8.2.
pub(crate) fn pulses(positions: u16, signs: u8) -> Vector {
    let mut code = [0; SUBFRAME];
    let field = |shift: u32| usize::from(positions >> shift & 7);
    let places = [
        5 * field(0),
        5 * field(3) + 1,
        5 * field(6) + 2,
        5 * field(10) + 3 + usize::from(positions >> 9 & 1),
    ];
    for (k, place) in places.into_iter().enumerate() {
        code[place] = if signs >> k & 1 == 1 { 8191 } else { -8192 };
    }
    code
}

/// Repeats the pulses of a short delay within the subframe, `sharpening` in Q14. Equation (48).
pub(crate) fn sharpen(vector: &mut Vector, delay: i16, sharpening: i16) {
    let gain = shl(sharpening, 1);
    let delay = usize::from(delay.unsigned_abs());
    for n in delay..SUBFRAME {
        vector[n] = add(vector[n], mult(vector[n - delay], gain));
    }
}

/// The sharpening that a pitch gain (Q14) leaves for the next subframe. Equation (47).
pub(crate) fn sharpening_of(pitch_gain: i16) -> i16 {
    pitch_gain.clamp(SHARPENING_MIN, SHARPENING_MAX)
}

/// Turns the adaptive vector in `excitation` into the excitation. Equation (75).
#[inline]
pub(crate) fn mix(excitation: &mut [i16], code: &Vector, gains: Gains) {
    let (pitch, code_gain) = (i32::from(gains.pitch), i32::from(gains.code));
    for (out, &pulse) in excitation.iter_mut().zip(code) {
        // Half the reference's sum in Q14, which does not saturate: no gain is negative. Its shifts saturate where the
        // excitation does.
        let sum = i32::from(*out) * pitch + i32::from(pulse) * code_gain;
        *out = saturate((sum + 0x2000) >> 14);
    }
}

#[cfg(test)]
mod tests;
