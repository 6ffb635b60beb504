//! The quantiser of the line spectral frequencies, as far as both sides share it: predictors, memory, reconstruction.
//! Clause 3.2.4, and B.4.2.2 for the predictors of SIDs.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "rows are chosen by indices of as many bits as the codebook has rows; weighted means fit their word"
)]

use crate::frame::LsfIndices;
use crate::lsp::{Lsf, ORDER};
use crate::ops::{add, extract_h, l_deposit_h, l_msu, l_mult, l_shl, sub};
use crate::tables::lsp::{
    LSF_MEMORY_RESET, LSF_STAGE_1, LSF_STAGE_2, PREDICTOR, PREDICTOR_SUM, PREDICTOR_SUM_INV,
};
use crate::tables::sid::{SID_PREDICTOR, SID_PREDICTOR_SUM, SID_PREDICTOR_SUM_INV, SID_STAGE_1, SID_STAGE_2};

/// Frames the moving-average predictor looks back.
const PAST: usize = 4;

/// Smallest distances of a codeword's components in Q13, first and second pass: 0.0012 and 0.0006.
pub(crate) const GAPS: [i16; 2] = [10, 5];

/// Least frequency, Q13: 0.005.
const LOWEST: i16 = 40;
/// Greatest frequency, Q13: 3.135.
const HIGHEST: i16 = 25_681;
/// Least distance of two frequencies of a stable filter, Q13: 0.0391.
const STABLE_GAP: i16 = 321;

/// A moving-average predictor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Predictor {
    /// Weights of the past codewords, the latest first, Q15.
    pub(crate) past: &'static [[i16; ORDER]; PAST],
    /// Weight of the present codeword, Q15.
    pub(crate) present: &'static [i16; ORDER],
    /// One over it, Q12.
    pub(crate) inverse: &'static [i16; ORDER],
}

/// The predictors of speech frames, by L0.
pub(crate) static SPEECH: [Predictor; 2] = [
    Predictor { past: &PREDICTOR[0], present: &PREDICTOR_SUM[0], inverse: &PREDICTOR_SUM_INV[0] },
    Predictor { past: &PREDICTOR[1], present: &PREDICTOR_SUM[1], inverse: &PREDICTOR_SUM_INV[1] },
];

/// The predictors of SIDs.
pub(crate) static NOISE: [Predictor; 2] = [
    Predictor { past: &SID_PREDICTOR[0], present: &SID_PREDICTOR_SUM[0], inverse: &SID_PREDICTOR_SUM_INV[0] },
    Predictor { past: &SID_PREDICTOR[1], present: &SID_PREDICTOR_SUM[1], inverse: &SID_PREDICTOR_SUM_INV[1] },
];

/// The codewords of the last four frames, Q13.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    past: [[i16; ORDER]; PAST],
}

impl Default for Memory {
    fn default() -> Self {
        Self { past: [LSF_MEMORY_RESET; PAST] }
    }
}

impl Memory {
    /// `Lsp_prev_compose`: the frequencies a codeword stands for. Equation (20).
    pub(crate) fn compose(&self, codeword: &Lsf, predictor: &Predictor) -> Lsf {
        let mut lsf = [0; ORDER];
        // The weights of a component add up to one: no sum saturates.
        for (i, out) in lsf.iter_mut().enumerate() {
            let mut sum = i32::from(codeword[i]) * i32::from(predictor.present[i]);
            for (past, weight) in self.past.iter().zip(predictor.past) {
                sum += i32::from(past[i]) * i32::from(weight[i]);
            }
            *out = (sum >> 15) as i16;
        }
        lsf
    }

    /// `Lsp_prev_extract`: the codeword that stands for these frequencies. Equations (23) and (92).
    pub(crate) fn extract(&self, lsf: &Lsf, predictor: &Predictor) -> Lsf {
        let mut codeword = [0; ORDER];
        for (i, out) in codeword.iter_mut().enumerate() {
            let mut rest = l_deposit_h(lsf[i]);
            for (past, weight) in self.past.iter().zip(predictor.past) {
                rest = l_msu(rest, past[i], weight[i]);
            }
            *out = extract_h(l_shl(l_mult(extract_h(rest), predictor.inverse[i]), 3));
        }
        codeword
    }

    /// `Lsp_prev_update`: takes the codeword of this frame in, forgets the oldest.
    pub(crate) fn push(&mut self, codeword: &Lsf) {
        self.past.copy_within(0..PAST - 1, 1);
        self.past[0] = *codeword;
    }

    /// `Lsp_get_quant`: takes in the codeword of this frame, spread, and returns the frequencies of a stable filter.
    pub(crate) fn quantised(&mut self, mut codeword: Lsf, gaps: &[i16], predictor: &Predictor) -> Lsf {
        for &gap in gaps {
            spread(&mut codeword, gap);
        }
        let mut lsf = self.compose(&codeword, predictor);
        self.push(&codeword);
        stabilise(&mut lsf);
        lsf
    }
}

/// The sum of both stages of the codebook. Equation (19).
pub(crate) fn codeword(indices: &LsfIndices) -> Lsf {
    let first = &LSF_STAGE_1[usize::from(indices.first & 127)];
    let lower = &LSF_STAGE_2[usize::from(indices.lower & 31)];
    let upper = &LSF_STAGE_2[usize::from(indices.upper & 31)];
    let mut sum = [0; ORDER];
    for (i, out) in sum.iter_mut().enumerate() {
        *out = add(first[i], if i < ORDER / 2 { lower[i] } else { upper[i] });
    }
    sum
}

/// The codeword of a SID. Clause B.4.2.2.
pub(crate) fn sid_codeword(first: u8, second: u8) -> Lsf {
    let second = usize::from(second & 15);
    codeword(&LsfIndices {
        predictor: 0,
        first: SID_STAGE_1[usize::from(first & 31)],
        lower: SID_STAGE_2[0][second],
        upper: SID_STAGE_2[1][second],
    })
}

/// `Lsp_expand_1_2`: moves neighbours apart that are nearer than `gap`. The halves of a codeword can be given alone.
pub(crate) fn spread(codeword: &mut [i16], gap: i16) {
    for i in 1..codeword.len() {
        let overlap = add(sub(codeword[i - 1], codeword[i]), gap) >> 1;
        if overlap > 0 {
            codeword[i - 1] = sub(codeword[i - 1], overlap);
            codeword[i] = add(codeword[i], overlap);
        }
    }
}

/// `Lsp_stability`: rising frequencies with a distance, within limits.
pub(crate) fn stabilise(lsf: &mut Lsf) {
    for i in 0..ORDER - 1 {
        if lsf[i + 1] < lsf[i] {
            lsf.swap(i, i + 1);
        }
    }
    lsf[0] = lsf[0].max(LOWEST);
    for i in 0..ORDER - 1 {
        lsf[i + 1] = lsf[i + 1].max(add(lsf[i], STABLE_GAP));
    }
    lsf[ORDER - 1] = lsf[ORDER - 1].min(HIGHEST);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_each_component_add_up_to_one_at_most() {
        for predictor in SPEECH.iter().chain(&NOISE) {
            for i in 0..ORDER {
                let past: i32 = predictor.past.iter().map(|weights| i32::from(weights[i])).sum();
                let sum = past + i32::from(predictor.present[i]);
                assert!((32_700..=32_768).contains(&sum), "{sum}");
                assert!(predictor.past.iter().all(|weights| weights[i] >= 0));
            }
        }
    }

    #[test]
    fn codeword_of_what_was_composed_is_found_again() {
        let memory = Memory::default();
        let codeword = codeword(&LsfIndices { predictor: 0, first: 17, lower: 3, upper: 30 });
        for predictor in &SPEECH {
            let found = memory.extract(&memory.compose(&codeword, predictor), predictor);
            for (a, b) in codeword.iter().zip(found) {
                assert!((a - b).abs() <= 8, "{codeword:?} {found:?}");
            }
        }
    }

    #[test]
    fn neighbours_are_moved_apart_and_frequencies_put_in_order() {
        let mut codeword = [100, 95, 300];
        spread(&mut codeword, 10);
        assert_eq!(codeword, [93, 102, 300]);
        let mut lsf = [0, 500, 400, 9000, 9001, 12_000, 15_000, 18_000, 25_600, 25_700];
        stabilise(&mut lsf);
        assert_eq!(lsf, [40, 400, 721, 9000, 9321, 12_000, 15_000, 18_000, 25_600, 25_681]);
    }
}
