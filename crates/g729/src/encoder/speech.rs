//! A frame of speech: filters, delays, pulses, gains. Clauses 3.2.4 to 3.10, and A.3.3 to A.3.10.

#![expect(clippy::indexing_slicing, reason = "stretches of buffers of constant length")]

use super::closed_loop::{self, PitchGain, Range, Target};
use super::{Encoder, codebook, gain, lsf, open_loop, probe};
use crate::excitation::{self, Delay, FRAME, PAST, SUBFRAME, Vector};
use crate::filter;
use crate::frame::{LsfIndices, Speech, Subframe, parity};
use crate::gain::Gains;
use crate::lsp::{self, Lpc, ORDER};
use crate::ops::{add, mult, saturate, sub};
use crate::simd::recursive::Recursion;

/// Weighting of the error, Q15: 0.75.
const GAMMA: i16 = 24_576;
/// Low-pass of the weighted speech, Q15: 0.7.
const LOW_PASS: i16 = 22_938;
/// Samples of the analysis window before the frame.
const FRAME_AT: usize = 120;

impl Encoder {
    /// Codes the frame as speech.
    pub(super) fn speech_frame(&mut self) -> Speech {
        let (lsf, filters) = self.spectrum();
        let (weighting, responses) = self.weigh(&filters);
        probe::record("Ap", weighting.as_flattened());
        probe::record("wsp", &self.weighted[open_loop::LENGTH - FRAME..]);
        let open_loop = open_loop::delay(&self.weighted);
        probe::record("T_op", &[open_loop]);

        let range = Range::around_open_loop(open_loop);
        let (delay, mut first) = self.subframe(0, (&weighting[0], &responses[0]), range);
        first.pitch = closed_loop::first_index(delay);
        let range = Range::around_first(delay.whole);
        let (delay, mut second) = self.subframe(1, (&weighting[1], &responses[1]), range);
        second.pitch = closed_loop::second_index(delay, range);
        Speech { lsf, parity: parity(first.pitch), subframes: [first, second] }
    }

    /// The quantised spectrum: indices, and the filters of both subframes.
    fn spectrum(&mut self) -> (LsfIndices, [Lpc; 2]) {
        let indices = lsf::quantise(&lsf::frequencies(&self.lsp), &self.lsf);
        let first = u16::from(indices.predictor) << 7 | u16::from(indices.first);
        let second = u16::from(indices.lower) << 5 | u16::from(indices.upper);
        probe::record("lsp_idx", &[first, second]);
        let predictor = &crate::lsf::SPEECH[usize::from(indices.predictor)];
        let codeword = crate::lsf::codeword(&indices);
        let quantised = lsp::from_lsf(&self.lsf.quantised(codeword, &crate::lsf::GAPS, predictor));
        probe::record("lsp_q", &quantised);
        let filters = lsp::interpolate(&self.quantised_lsp, &quantised);
        probe::record("Aq", filters.as_flattened());
        self.quantised_lsp = quantised;
        (indices, filters)
    }

    /// The residual of the frame into the excitation buffer, the weighted speech into its own; returns the filters
    /// weighted and their impulse responses. Clauses A.3.3 and A.3.5.
    pub(super) fn weigh(&mut self, filters: &[Lpc; 2]) -> ([Lpc; 2], [Vector; 2]) {
        let weighting = filters.map(|a| filter::weighted(&a, GAMMA));
        let low_passed = weighting.map(|weighted| low_passed(&weighted));
        let mut residuals = [[0; SUBFRAME]; 2];
        for (index, (a, residual)) in filters.iter().zip(&mut residuals).enumerate() {
            let from = FRAME_AT + index * SUBFRAME - ORDER;
            filter::residual(a, &self.speech[from..][..ORDER + SUBFRAME], residual);
        }
        self.excitation[PAST..].copy_from_slice(residuals.as_flattened());
        let [first, second, speech] = filter::synthesise_three(&[
            Recursion { a: &weighting[0], input: &IMPULSE, past: &[0; ORDER] },
            Recursion { a: &weighting[1], input: &IMPULSE, past: &[0; ORDER] },
            Recursion { a: &low_passed[0], input: &residuals[0], past: &self.weighted_memory },
        ]);
        let memory = speech.last_chunk().unwrap_or(&[0; ORDER]);
        let later = filtered(&low_passed[1], &residuals[1], memory);
        self.weighted[open_loop::LENGTH - FRAME..].copy_from_slice([speech, later].as_flattened());
        self.weighted_memory.copy_from_slice(&later[SUBFRAME - ORDER..]);
        (weighting, [first, second])
    }

    /// Codes a subframe but for its delay, which is returned beside.
    fn subframe(
        &mut self,
        index: usize,
        (weighting, response): (&Lpc, &Vector),
        range: Range,
    ) -> (Delay, Subframe) {
        let start = PAST + index * SUBFRAME;
        probe::record("h1", response);
        let target = Target::new(filtered(weighting, &self.excitation[start..], &self.error_memory));
        probe::record("xn", &target.vector);
        let backward = closed_loop::backward_filtered(&target.vector, response);
        let delay = closed_loop::search(&mut self.excitation, start, &backward, range, index == 0);
        probe::record("T0", &[delay.whole]);
        probe::record("frac", &[delay.thirds]);

        let adaptive = filtered(weighting, &self.excitation[start..], &[0; ORDER]);
        let mut pitch = closed_loop::pitch_gain(&target, &adaptive);
        let tame = self.taming.needed(delay);
        if tame {
            pitch.tame();
        }
        probe::record("y1", &adaptive);
        probe::record("taming", &[i16::from(tame)]);
        probe::record("gp_unq", &[pitch.gain]);

        let mut sharpened = *response;
        excitation::sharpen(&mut sharpened, delay.whole, self.sharpening);
        let rest = closed_loop::remaining_target(&target.vector, &adaptive, pitch.gain);
        probe::record("xn2", &rest);
        let fixed = codebook::search(&closed_loop::backward_filtered(&rest, &sharpened), &sharpened);
        let [gain_1, gain_2] = self.excite(start, delay, &target, (&adaptive, &pitch), &fixed, tame);
        (delay, Subframe { pitch: 0, positions: fixed.positions, signs: fixed.signs, gain_1, gain_2 })
    }

    /// Quantises the gains and makes the excitation and what the next subframe needs of it; returns GA and GB.
    fn excite(
        &mut self,
        start: usize,
        delay: Delay,
        target: &Target,
        (adaptive, pitch): (&Vector, &PitchGain),
        fixed: &codebook::Choice,
        tame: bool,
    ) -> [u8; 2] {
        let mut code = excitation::pulses(fixed.positions, fixed.signs);
        excitation::sharpen(&mut code, delay.whole, self.sharpening);
        probe::record("C", &[fixed.positions]);
        probe::record("S", &[fixed.signs]);
        probe::record("code", &code);
        probe::record("y2", &fixed.filtered);

        let cost = gain::Cost::new(target, adaptive, pitch, &fixed.filtered);
        let gain::Quantised { indices, gains, factor } =
            gain::quantise(&cost, self.gains.predict(&code), tame);
        let [gain_1, gain_2] = indices;
        probe::record("G", &[gain_1 << 4 | gain_2]);
        probe::record("gp", &[gains.pitch]);
        probe::record("gc", &[gains.code]);

        self.gains.update(factor);
        self.sharpening = excitation::sharpening_of(gains.pitch);
        self.taming.update(gains.pitch, delay.whole);
        excitation::mix(&mut self.excitation[start..], &code, gains);
        probe::record("exc", &self.excitation[start..start + SUBFRAME]);
        self.error_memory = weighted_error(&target.vector, adaptive, &fixed.filtered, gains);
        indices
    }
}

/// A weighting filter with the low-pass of the open-loop search.
fn low_passed(weighted: &Lpc) -> Lpc {
    let mut low_pass = *weighted;
    for (out, &before) in low_pass.iter_mut().skip(1).zip(weighted) {
        *out = sub(*out, mult(before, LOW_PASS));
    }
    low_pass
}

/// One, Q12.
const IMPULSE: Vector = {
    let mut impulse = [0; SUBFRAME];
    impulse[0] = 4096;
    impulse
};

/// The beginning of `input`, a subframe, through a synthesis filter with a memory. Clauses A.3.5 and A.3.6.
pub(super) fn filtered(a: &Lpc, input: &[i16], memory: &[i16; ORDER]) -> Vector {
    let mut out = [0; ORDER + SUBFRAME];
    out[..ORDER].copy_from_slice(memory);
    // Out of range the samples are limited, and the reference looks no further.
    let _ = filter::synthesise(a, &input[..SUBFRAME], &mut out);
    let mut filtered = [0; SUBFRAME];
    filtered.copy_from_slice(&out[ORDER..]);
    filtered
}

/// The last of the weighted error that a coded subframe leaves. Equation (A.10).
fn weighted_error(target: &Vector, adaptive: &Vector, fixed: &Vector, gains: Gains) -> [i16; ORDER] {
    let mut error = [0; ORDER];
    for (i, error) in error.iter_mut().enumerate() {
        let n = SUBFRAME - ORDER + i;
        // The upper halves of four and of eight times the products, limited where the shifts saturate.
        let pitch = saturate((i32::from(adaptive[n]) * i32::from(gains.pitch)) >> 14);
        let code = saturate((i32::from(fixed[n]) * i32::from(gains.code)) >> 13);
        *error = sub(target[n], add(pitch, code));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::Random;
    use crate::ops::{extract_h, l_mult, l_shl};

    #[test]
    fn products_by_one_shift_are_those_of_the_operators() {
        let mut random = Random(10);
        for round in 0..20_000 {
            let mut word = || if round % 7 == 0 { i16::MIN } else { random.next() };
            let (y, z, x) = (word(), word(), word());
            let gains = Gains { pitch: random.next() & i16::MAX, code: random.next() & i16::MAX };
            let pitch = extract_h(l_shl(l_mult(y, gains.pitch), 1));
            let code = extract_h(l_shl(l_mult(z, gains.code), 2));
            let vectors = [x, y, z].map(|word| [word; SUBFRAME]);
            let error = weighted_error(&vectors[0], &vectors[1], &vectors[2], gains);
            assert_eq!(error, [sub(x, add(pitch, code)); ORDER], "{x} {y} {z} {gains:?}");
            let rest = closed_loop::remaining_target(&vectors[0], &vectors[1], gains.pitch);
            assert_eq!(rest, [sub(x, pitch); SUBFRAME], "{x} {y} {gains:?}");
        }
    }
}
