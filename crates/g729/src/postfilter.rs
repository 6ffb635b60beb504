//! The adaptive postfilter of Annex A: harmonics, formants, tilt, and the level restored. Clause A.4.2.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "buffers begin with the past samples that their filter reaches back to"
)]

use crate::exact;
use crate::excitation::{DELAY_MAX, SUBFRAME, Vector};
use crate::filter::{peak, residual, respond, synthesise, weighted};
use crate::lsp::{Lpc, ORDER};
use crate::math::inv_sqrt;
use crate::ops::{
    add, div_s, extract_h, l_mac, l_mult, l_shl, l_shr, l_sub, mult, norm_l, round, saturate, sub,
};
use crate::simd::correlate::sixteen;

/// Weight of the numerator, Q15: 0.55.
const NUMERATOR: i16 = 18_022;
/// Weight of the denominator, Q15: 0.70.
const DENOMINATOR: i16 = 22_938;
/// Samples of the impulse response that the tilt is taken from.
const RESPONSE: usize = 22;
/// Share of the reflection coefficient in the tilt filter, Q15: 0.8.
const TILT: i16 = 26_214;
/// Past samples of the residual.
const PAST: usize = 143;
/// How much of the level is kept from sample to sample, Q15: 0.9.
const LEVEL_KEPT: i16 = 29_491;

/// The postfilter's memory.
#[derive(Clone, Debug)]
pub(crate) struct Postfilter {
    /// The last ten samples of speech.
    speech: [i16; ORDER],
    /// The residual by `A(z/0.55)`: past, and the present subframe.
    residual: [i16; PAST + SUBFRAME],
    /// The same divided by four.
    scaled: [i16; PAST + SUBFRAME],
    /// The last sample before the tilt filter.
    tilt: i16,
    /// The last ten samples put out before the level is restored.
    synthesis: [i16; ORDER],
    /// The level's gain, Q12.
    gain: i16,
}

impl Default for Postfilter {
    fn default() -> Self {
        Self {
            speech: [0; ORDER],
            residual: [0; PAST + SUBFRAME],
            scaled: [0; PAST + SUBFRAME],
            tilt: 0,
            synthesis: [0; ORDER],
            gain: 4096,
        }
    }
}

impl Postfilter {
    /// Filters a subframe of speech. `delay` is that of the pitch, or `None` where there is no pitch.
    pub(crate) fn filter(&mut self, speech: &mut Vector, a: &Lpc, delay: Option<i16>) {
        let numerator = weighted(a, NUMERATOR);
        let denominator = weighted(a, DENOMINATOR);

        let mut input = [0; ORDER + SUBFRAME];
        input[..ORDER].copy_from_slice(&self.speech);
        input[ORDER..].copy_from_slice(speech);
        self.speech.copy_from_slice(&input[SUBFRAME..]);
        residual(&numerator, &input, &mut self.residual[PAST..]);
        for (scaled, &x) in self.scaled[PAST..].iter_mut().zip(&self.residual[PAST..]) {
            *scaled = x >> 2;
        }

        let shaped = match delay {
            Some(delay) => self.harmonic(delay),
            None => *subframe_at(&self.residual, PAST),
        };
        self.residual.copy_within(SUBFRAME.., 0);
        self.scaled.copy_within(SUBFRAME.., 0);

        let shaped = self.tilted(&shaped, tilt(&numerator, &denominator));
        let mut out = [0; ORDER + SUBFRAME];
        out[..ORDER].copy_from_slice(&self.synthesis);
        let _ = synthesise(&denominator, &shaped, &mut out);
        self.synthesis.copy_from_slice(&out[SUBFRAME..]);
        self.restore_level(speech, subframe_at(&out, ORDER));
    }

    /// `pit_pst_filt`: adds the residual a pitch delay before, if the pitch is clear enough. Clause A.4.2.1.
    fn harmonic(&self, delay: i16) -> Vector {
        let present = subframe_at(&self.residual, PAST);
        let now = subframe_at(&self.scaled, PAST);
        let highest = usize::from(add(delay, 3).min(DELAY_MAX).unsigned_abs());
        let (cross, back) = self.best_delay(highest);
        let energy = |signal: &Vector| twice_limited(square_sum(signal), 1);
        let past = energy(subframe_at(&self.scaled, PAST - back));
        let now = energy(now);
        let cross = cross.max(0);

        let shift = norm_l(cross.max(past).max(now));
        let [cross, past, now] = [cross, past, now].map(|x| round(l_shl(x, shift)));
        // Less than 3 dB of gain: leave it.
        if l_sub(l_mult(cross, cross), l_shr(l_mult(past, now), 1)) < 0 {
            return *present;
        }
        let (gain, rest) = if cross > past {
            (10_923, 21_845)
        } else {
            let cross = mult(cross, 16_384) >> 1;
            let sum = add(cross, past >> 1);
            if sum > 0 {
                let gain = div_s(cross, sum);
                (gain, sub(i16::MAX, gain))
            } else {
                (0, i16::MAX)
            }
        };
        let mut out = *present;
        for (out, &past) in out.iter_mut().zip(subframe_at(&self.residual, PAST - back)) {
            // The weights add up to one: nothing saturates.
            *out = mult_small(*out, rest) + mult_small(past, gain);
        }
        out
    }

    /// The first of the seven delays up to `highest` with the greatest correlation, and that.
    fn best_delay(&self, highest: usize) -> (i32, usize) {
        let now = subframe_at(&self.scaled, PAST);
        let fits = peak(&self.scaled[PAST - highest..]) <= CORRELATION_LIMIT && exact::allowed();
        let at_once =
            self.scaled[PAST - highest..].first_chunk().filter(|_| fits).map(|past| sixteen(now, past));
        let mut best = (i32::MIN, highest);
        for delay in highest - 6..=highest {
            let sum = match &at_once {
                Some(sums) => 2 * sums[highest - delay],
                None => product_stepwise(now, subframe_at(&self.scaled, PAST - delay)),
            };
            if sum > best.0 {
                best = (sum, delay);
            }
        }
        best
    }

    /// Takes some of the sample before off each. Clause A.4.2.3.
    fn tilted(&mut self, signal: &Vector, tilt: i16) -> Vector {
        let mut before = [self.tilt; SUBFRAME];
        before[1..].copy_from_slice(&signal[..SUBFRAME - 1]);
        self.tilt = signal[SUBFRAME - 1];
        let mut out = *signal;
        for (out, before) in out.iter_mut().zip(before) {
            *out = sub(*out, mult_small(before, tilt));
        }
        out
    }

    /// `agc`: gives the output the energy of the input, sample by sample. Clause A.4.2.4.
    fn restore_level(&mut self, speech: &mut Vector, filtered: &Vector) {
        let energy = |signal: &Vector| twice_limited(square_sum(&signal.map(|x| x >> 2)), 0);
        let out = energy(filtered);
        if out == 0 {
            self.gain = 0;
            *speech = *filtered;
            return;
        }
        // The gain stays below 1/(1 - 0.9) of its tenth, 32767: nothing saturates.
        let target = i32::from(target_gain(energy(speech), out));
        let mut gain = i32::from(self.gain);
        let mut gains = [0; SUBFRAME];
        for each in &mut gains {
            gain = ((gain * i32::from(LEVEL_KEPT)) >> 15) + target;
            *each = gain as i16;
        }
        self.gain = gain as i16;
        for ((to, &x), gain) in speech.iter_mut().zip(filtered).zip(gains) {
            *to = saturate((i32::from(x) * i32::from(gain)) >> 12);
        }
    }
}

/// Forty samples of a buffer.
#[inline]
fn subframe_at(buffer: &[i16], start: usize) -> &Vector {
    buffer[start..].first_chunk().unwrap_or(&[0; SUBFRAME])
}

/// `mult` where not both operands are -32768.
#[inline]
const fn mult_small(x: i16, factor: i16) -> i16 {
    ((x as i32 * factor as i32) >> 15) as i16
}

/// Peak of a signal up to which twice a sum of forty products saturates nowhere.
const CORRELATION_LIMIT: i32 = 5181;

/// The sum of the products, which must fit a word.
#[inline]
fn product_sum<const N: usize>(x: &[i16; N], y: &[i16; N]) -> i32 {
    x.iter().zip(y).fold(0, |sum: i32, (&x, &y)| sum.wrapping_add(i32::from(x) * i32::from(y)))
}

/// The reference's sum of doubled products, saturating at each step.
#[cold]
#[inline(never)]
fn product_stepwise(x: &[i16], y: &[i16]) -> i32 {
    x.iter().zip(y).fold(0, |sum, (&x, &y)| l_mac(sum, x, y))
}

/// The sum of the squares of samples that were divided by four, which fits 32 bits without sign.
#[inline]
fn square_sum(x: &Vector) -> u32 {
    product_sum(x, x).cast_unsigned()
}

/// Twice a sum of squares and a start, saturated as it would have been at some step.
#[inline]
fn twice_limited(squares: u32, start: u32) -> i32 {
    squares.saturating_mul(2).saturating_add(start).min(i32::MAX.unsigned_abs()).cast_signed()
}

/// A tenth of the root of `before / after`, Q12.
fn target_gain(before: i32, after: i32) -> i16 {
    if before == 0 {
        return 0;
    }
    let shift = sub(norm_l(after), 1);
    let after = round(l_shl(after, shift));
    let normal = norm_l(before);
    let before = round(l_shl(before, normal));
    let ratio = l_shl(i32::from(div_s(after, before)), 7);
    let root = inv_sqrt(l_shr(ratio, sub(shift, normal)));
    mult(round(l_shl(root, 9)), i16::MAX - LEVEL_KEPT)
}

/// The tilt filter's coefficient, from the impulse response of `A(z/0.55) / A(z/0.70)`. Clause A.4.2.3.
fn tilt(numerator: &Lpc, denominator: &Lpc) -> i16 {
    let mut impulse = [0; RESPONSE];
    impulse[..=ORDER].copy_from_slice(numerator);
    let mut buffer = [0; ORDER + RESPONSE];
    respond(denominator, &impulse, &mut buffer);
    // Zeros fill the last eight.
    let [mut response, mut next] = [[0; RESPONSE.next_multiple_of(8)]; 2];
    response[..RESPONSE].copy_from_slice(&buffer[ORDER..]);
    next[..RESPONSE - 1].copy_from_slice(&buffer[ORDER + 1..]);
    let fits = peak(&response) <= CORRELATION_LIMIT && exact::allowed();
    let product = |other: &_| {
        if fits { 2 * product_sum(&response, other) } else { product_stepwise(&response, other) }
    };
    let (energy, neighbour) = (extract_h(product(&response)), extract_h(product(&next)));
    if neighbour <= 0 { 0 } else { div_s(mult(neighbour, TILT), energy) }
}
