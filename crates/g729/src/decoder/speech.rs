//! The parameters of a speech frame become LSPs and excitation; those of a lost one come from what was before.

#![expect(clippy::indexing_slicing, reason = "a predictor is chosen by one bit")]

use crate::excitation::{
    DELAY_MAX, DELAY_MIN, Delay, SHARPENING_MIN, SUBFRAME, interpolate_past, mix, pulses, sharpen,
    sharpening_of,
};
use crate::frame::{Speech, Subframe};
use crate::gain::{Gains, Predictor};
use crate::lsf::{self, GAPS, Memory};
use crate::lsp::{self, Lsf, Lsp};
use crate::math::Random;
use crate::tables::lsp::LSF_MEMORY_RESET;

/// Seed of the generator that replaces lost pulses.
const LOSS_SEED: i16 = 21_845;
/// Pitch delay before the first frame.
const FIRST_DELAY: i16 = 60;

/// What speech frames keep for the next one.
#[derive(Clone, Debug)]
pub(super) struct SpeechState {
    /// LSFs of the last frame that came.
    lsf: Lsf,
    /// Predictor of the last frame that came.
    predictor: usize,
    gain_memory: Predictor,
    gains: Gains,
    /// Q14.
    pub(super) sharpening: i16,
    /// The pitch delay kept for subframes without one.
    delay: i16,
    random: Random,
    /// Energy of the excitation of the last frame that came, `mantissa * 2^shift`.
    pub(super) energy: (i16, i16),
}

impl Default for SpeechState {
    fn default() -> Self {
        Self {
            lsf: LSF_MEMORY_RESET,
            predictor: 0,
            gain_memory: Predictor::default(),
            gains: Gains::default(),
            sharpening: SHARPENING_MIN,
            delay: FIRST_DELAY,
            random: Random(LOSS_SEED),
            energy: (0, 1),
        }
    }
}

impl SpeechState {
    /// The LSPs of this frame. Clauses 3.2.4 and 4.4.1.
    pub(super) fn lsp(&mut self, parameters: Option<&Speech>, memory: &mut Memory) -> Lsp {
        if let Some(Speech { lsf: indices, .. }) = parameters {
            self.predictor = usize::from(indices.predictor & 1);
            self.lsf = memory.quantised(lsf::codeword(indices), &GAPS, &lsf::SPEECH[self.predictor]);
        } else {
            let codeword = memory.extract(&self.lsf, &lsf::SPEECH[self.predictor]);
            memory.push(&codeword);
        }
        lsp::from_lsf(&self.lsf)
    }

    /// Writes the excitation of a subframe at `start`, with what is given and otherwise with what was before, and
    /// returns its delay in whole samples. Clauses 4.1.3 to 4.1.6, and 4.4.
    pub(super) fn subframe(
        &mut self,
        given: Option<&Subframe>,
        delay: Option<Delay>,
        excitation: &mut [i16],
        start: usize,
    ) -> i16 {
        let delay = self.delay_or_kept(delay);
        interpolate_past(excitation, start, delay);

        let (positions, signs) = given.map_or_else(
            || {
                let [positions, signs] = [self.random.next(), self.random.next()];
                (positions.cast_unsigned() & 0x1fff, signs.to_le_bytes()[0] & 0xf)
            },
            |subframe| (subframe.positions, subframe.signs),
        );
        let mut code = pulses(positions, signs);
        sharpen(&mut code, delay.whole, self.sharpening);

        self.gains = if let Some(subframe) = given {
            self.gain_memory.decode((subframe.gain_1, subframe.gain_2), &code)
        } else {
            self.gain_memory.update_erased();
            self.gains.attenuated()
        };
        self.sharpening = sharpening_of(self.gains.pitch);
        mix(&mut excitation[start..start + SUBFRAME], &code, self.gains);
        delay.whole
    }

    /// The delay to use; without one the kept delay, which grows.
    fn delay_or_kept(&mut self, delay: Option<Delay>) -> Delay {
        if let Some(delay) = delay {
            self.delay = delay.whole;
            return delay;
        }
        let whole = self.delay;
        self.delay = (whole + 1).min(DELAY_MAX);
        Delay { whole, thirds: 0 }
    }
}

/// The delay P1 stands for, unless the parity says that it is wrong. Clauses 4.1.2 and 4.1.3.
pub(super) fn first_delay(speech: &Speech) -> Option<Delay> {
    let [Subframe { pitch, .. }, _] = speech.subframes;
    let index = i16::from(pitch);
    let delay = if index < 197 {
        let whole = (index + 2) / 3 + 19;
        Delay { whole, thirds: index - 3 * whole + 58 }
    } else {
        Delay { whole: index - 112, thirds: 0 }
    };
    speech.parity_holds().then_some(delay)
}

/// The delay P2 stands for after the first subframe's. Clause 4.1.3.
pub(super) fn second_delay(speech: &Speech, first: i16) -> Delay {
    let [_, Subframe { pitch, .. }] = speech.subframes;
    let index = i16::from(pitch);
    let least = (first - 5).clamp(DELAY_MIN, DELAY_MAX - 9);
    let steps = (index + 2) / 3 - 1;
    Delay { whole: steps + least, thirds: index - 2 - 3 * steps }
}
