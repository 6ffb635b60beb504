//! Gains: what the fixed codebook's gain is predicted to be, and what an index makes of it. Clause 3.9.

#![expect(
    clippy::indexing_slicing,
    reason = "rows are chosen by indices of as many bits as the codebook has rows"
)]

use crate::excitation::SUBFRAME;
use crate::math::{log2, pow2};
use crate::ops::{
    add, extract_h, extract_l, l_comp, l_extract, l_mac, l_mult, l_shl, l_shr, mpy_32_16, mult, sub,
};
use crate::tables::gain::{GAIN_PREDICTOR, GAIN_ROW_1, GAIN_ROW_2, GAIN_STAGE_1, GAIN_STAGE_2};

/// Least value of the predictor's memory, Q10: -14 dB.
const FLOOR: i16 = -14_336;
/// What a lost subframe takes off the mean of the memory, Q10: 4 dB.
const LOSS: i16 = 4096;

/// A pair of gains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gains {
    /// Of the adaptive codebook, Q14.
    pub(crate) pitch: i16,
    /// Of the fixed codebook, Q1.
    pub(crate) code: i16,
}

impl Gains {
    /// What a lost subframe makes of them. Clause 4.4.2.
    pub(crate) fn attenuated(self) -> Self {
        // The bound of 0.9 is compared in Q14, where it is 1.8: as the reference has it, it never binds.
        Self { pitch: mult(self.pitch, 29_491).min(29_491), code: mult(self.code, 32_111) }
    }
}

/// The predicted gain of the fixed codebook, `mantissa * 2^-exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Predicted {
    /// Between 16384 and 32767.
    pub(crate) mantissa: i16,
    /// Its Q format.
    pub(crate) exponent: i16,
}

/// The quantised prediction errors of the last four subframes, the latest first, in dB, Q10.
#[derive(Clone, Debug)]
pub(crate) struct Predictor {
    past: [i16; 4],
}

impl Default for Predictor {
    fn default() -> Self {
        Self { past: [FLOOR; 4] }
    }
}

impl Predictor {
    /// `Gain_predict`: from the energy of the codebook vector (Q13) and the past. Equations (66) to (71).
    pub(crate) fn predict(&self, code: &[i16; SUBFRAME]) -> Predicted {
        // Four pulses of 1, each repeated twice at most with less than 0.8: the squares fit a word, but not twice.
        let squares = code.iter().fold(0, |sum: i32, &x| sum.wrapping_add(i32::from(x) * i32::from(x)));
        self.predict_from_energy(squares.saturating_mul(2))
    }

    /// The same from the energy, Q27.
    pub(crate) fn predict_from_energy(&self, energy: i32) -> Predicted {
        // Mean energy less that of the code, in dB: 3.0103 (Q13) for each bit, 127.298 (Q14) with 10 log 40 and the Q27.
        let (exponent, fraction) = log2(energy);
        let decibels = l_mac(mpy_32_16(exponent, fraction, -24_660), 32_588, 32);
        let predicted = GAIN_PREDICTOR
            .iter()
            .zip(self.past)
            .fold(l_shl(decibels, 10), |sum, (&weight, past)| l_mac(sum, weight, past));
        // log2(10)/20 in Q15 makes it a power of two, in Q16.
        let power = l_shr(l_mult(extract_h(predicted), 5439), 8);
        let (exponent, fraction) = l_extract(power);
        Predicted { mantissa: extract_l(pow2(14, fraction)), exponent: sub(14, exponent) }
    }

    /// `Gain_update`: takes in the correction factor (Q13) of this subframe. Equation (72).
    pub(crate) fn update(&mut self, factor: i32) {
        let (exponent, fraction) = log2(factor);
        let logarithm = extract_h(l_shl(l_comp(sub(exponent, 13), fraction), 13));
        self.push(mult(logarithm, 24_660));
    }

    /// `Gain_update_erasure`: what a lost subframe leaves. Clause 4.4.3.
    pub(crate) fn update_erased(&mut self) {
        let sum: i32 = self.past.iter().copied().map(i32::from).sum();
        self.push(sub(extract_l(sum >> 2), LOSS).max(FLOOR));
    }

    fn push(&mut self, error: i16) {
        self.past.copy_within(0..3, 1);
        self.past[0] = error;
    }

    /// `Dec_gain` for a subframe that came: the gains of the indices as sent, GA and GB. Equations (73) and (74).
    pub(crate) fn decode(&mut self, indices: (u8, u8), code: &[i16; SUBFRAME]) -> Gains {
        let first = GAIN_STAGE_1[usize::from(GAIN_ROW_1[usize::from(indices.0 & 7)])];
        let second = GAIN_STAGE_2[usize::from(GAIN_ROW_2[usize::from(indices.1 & 15)])];
        let predicted = self.predict(code);
        let factor = i32::from(first[1]) + i32::from(second[1]);
        self.update(factor);
        Gains { pitch: add(first[0], second[0]), code: predicted.times(factor) }
    }
}

impl Predicted {
    /// The gain (Q1) with a correction factor (Q13).
    pub(crate) fn times(self, factor: i32) -> i16 {
        let product = l_mult(extract_l(factor >> 1), self.mantissa);
        extract_h(l_shl(product, sub(4, self.exponent)))
    }
}
