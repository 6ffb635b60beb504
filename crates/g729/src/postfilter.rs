//! The adaptive postfilter of Annex A: harmonics, formants, tilt, and the level restored. Clause A.4.2.

#![expect(
    clippy::indexing_slicing,
    reason = "buffers begin with the past samples that their filter reaches back to"
)]

use crate::excitation::{DELAY_MAX, FRAME, SUBFRAME, Vector};
use crate::filter::{residual, synthesise, weighted};
use crate::lsp::{Lpc, ORDER};
use crate::math::inv_sqrt;
use crate::ops::{add, div_s, extract_h, l_mac, l_mult, l_shl, l_shr, l_sub, mult, norm_l, round, shr, sub};

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
    /// Filters a frame of speech. `delays` are those of the pitch by subframe, or `None` where there is no pitch.
    pub(crate) fn filter(&mut self, speech: &mut [i16; FRAME], lpc: &[Lpc; 2], delays: Option<[i16; 2]>) {
        for (k, a) in lpc.iter().enumerate() {
            let mut subframe = [0; SUBFRAME];
            let place = &mut speech[SUBFRAME * k..SUBFRAME * (k + 1)];
            subframe.copy_from_slice(place);
            self.subframe(&mut subframe, a, delays.map(|delays| delays[k]));
            place.copy_from_slice(&subframe);
        }
    }

    fn subframe(&mut self, speech: &mut Vector, a: &Lpc, delay: Option<i16>) {
        let numerator = weighted(a, NUMERATOR);
        let denominator = weighted(a, DENOMINATOR);

        let mut input = [0; ORDER + SUBFRAME];
        input[..ORDER].copy_from_slice(&self.speech);
        input[ORDER..].copy_from_slice(speech);
        self.speech.copy_from_slice(&input[SUBFRAME..]);
        residual(&numerator, &input, &mut self.residual[PAST..]);
        for (scaled, &x) in self.scaled[PAST..].iter_mut().zip(&self.residual[PAST..]) {
            *scaled = shr(x, 2);
        }

        let mut shaped = match delay {
            Some(delay) => self.harmonic(delay),
            None => self.present(),
        };
        self.residual.copy_within(SUBFRAME.., 0);
        self.scaled.copy_within(SUBFRAME.., 0);

        let tilt = tilt(&numerator, &denominator);
        for x in &mut shaped {
            let before = self.tilt;
            self.tilt = *x;
            *x = sub(*x, mult(tilt, before));
        }
        let mut out = [0; ORDER + SUBFRAME];
        out[..ORDER].copy_from_slice(&self.synthesis);
        let _ = synthesise(&denominator, &shaped, &mut out);
        self.synthesis.copy_from_slice(&out[SUBFRAME..]);
        let mut filtered = [0; SUBFRAME];
        filtered.copy_from_slice(&out[ORDER..]);
        self.restore_level(speech, &filtered);
    }

    fn present(&self) -> Vector {
        let mut present = [0; SUBFRAME];
        present.copy_from_slice(&self.residual[PAST..]);
        present
    }

    /// `pit_pst_filt`: adds the residual a pitch delay before, if the pitch is clear enough. Clause A.4.2.1.
    fn harmonic(&self, delay: i16) -> Vector {
        let highest = add(delay, 3).min(DELAY_MAX);
        let correlation = |delay: i16| {
            let past = &self.scaled[PAST - usize::from(delay.unsigned_abs())..];
            self.scaled[PAST..].iter().zip(past).fold(0, |sum, (&x, &y)| l_mac(sum, x, y))
        };
        let mut best = (i32::MIN, highest);
        for delay in highest - 6..=highest {
            let sum = correlation(delay);
            if sum > best.0 {
                best = (sum, delay);
            }
        }
        let back = usize::from(best.1.unsigned_abs());
        let energy = |signal: &[i16]| signal.iter().fold(1, |sum, &x| l_mac(sum, x, x));
        let past = energy(&self.scaled[PAST - back..][..SUBFRAME]);
        let now = energy(&self.scaled[PAST..]);
        let cross = best.0.max(0);

        let shift = norm_l(cross.max(past).max(now));
        let [cross, past, now] = [cross, past, now].map(|x| round(l_shl(x, shift)));
        // Less than 3 dB of gain: leave it.
        if l_sub(l_mult(cross, cross), l_shr(l_mult(past, now), 1)) < 0 {
            return self.present();
        }
        let (gain, rest) = if cross > past {
            (10_923, 21_845)
        } else {
            let cross = shr(mult(cross, 16_384), 1);
            let sum = add(cross, shr(past, 1));
            if sum > 0 {
                let gain = div_s(cross, sum);
                (gain, sub(i16::MAX, gain))
            } else {
                (0, i16::MAX)
            }
        };
        let mut out = [0; SUBFRAME];
        for (n, out) in out.iter_mut().enumerate() {
            *out = add(mult(rest, self.residual[PAST + n]), mult(gain, self.residual[PAST + n - back]));
        }
        out
    }

    /// `agc`: gives the output the energy of the input, sample by sample. Clause A.4.2.4.
    fn restore_level(&mut self, speech: &mut Vector, filtered: &Vector) {
        let energy = |signal: &Vector| signal.iter().fold(0, |sum, &x| l_mac(sum, shr(x, 2), shr(x, 2)));
        let out = energy(filtered);
        if out == 0 {
            self.gain = 0;
            *speech = *filtered;
            return;
        }
        let target = target_gain(energy(speech), out);
        for (to, &x) in speech.iter_mut().zip(filtered) {
            self.gain = add(mult(self.gain, LEVEL_KEPT), target);
            *to = extract_h(l_shl(l_mult(x, self.gain), 3));
        }
    }
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
    let _ = synthesise(denominator, &impulse, &mut buffer);
    let response = &buffer[ORDER..];
    let product =
        |lag: usize| response.iter().zip(&response[lag..]).fold(0, |sum, (&x, &y)| l_mac(sum, x, y));
    let (energy, neighbour) = (extract_h(product(0)), extract_h(product(1)));
    if neighbour <= 0 { 0 } else { div_s(mult(neighbour, TILT), energy) }
}
