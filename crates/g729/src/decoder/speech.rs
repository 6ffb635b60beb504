//! The parameters of a speech frame become LSPs and excitation; those of a lost one come from what was before.

use super::SpeechState;
use crate::excitation::{
    DELAY_MAX, DELAY_MIN, Delay, SUBFRAME, interpolate_past, mix, pulses, sharpen, sharpening_of,
};
use crate::frame;
use crate::lsf::{self, GAPS, Memory};
use crate::lsp::{self, Lsp};

impl SpeechState {
    /// The LSPs of this frame. Clauses 3.2.4 and 4.4.1.
    pub(super) fn lsp(&mut self, parameters: Option<&frame::Speech>, memory: &mut Memory) -> Lsp {
        if let Some(frame::Speech { lsf: indices, .. }) = parameters {
            self.predictor = usize::from(indices.predictor & 1);
            self.lsf = memory.quantised(lsf::codeword(indices), &GAPS, &lsf::SPEECH[self.predictor]);
        } else {
            let codeword = memory.extract(&self.lsf, &lsf::SPEECH[self.predictor]);
            memory.push(&codeword);
        }
        lsp::from_lsf(&self.lsf)
    }

    /// Writes the excitation of subframe `k` at `start` and returns its delay. Clauses 4.1.2 to 4.1.6, and 4.4.
    pub(super) fn subframe(
        &mut self,
        k: usize,
        parameters: Option<&frame::Speech>,
        first_delay: i16,
        excitation: &mut [i16],
        start: usize,
    ) -> i16 {
        let delay = parameters.and_then(|speech| match k {
            0 => speech.parity_holds().then(|| first_subframe(speech.subframes[0].pitch)),
            _ => Some(second_subframe(speech.subframes[1].pitch, first_delay)),
        });
        let delay = match delay {
            Some(delay) => {
                self.delay = delay.whole;
                delay
            }
            None => {
                let kept = self.delay;
                self.delay = (kept + 1).min(DELAY_MAX);
                Delay { whole: kept, thirds: 0 }
            }
        };
        interpolate_past(excitation, start, delay);

        let (positions, signs) = match parameters {
            Some(speech) => (speech.subframes[k].positions, speech.subframes[k].signs),
            None => {
                let [positions, signs] = [self.random.next(), self.random.next()];
                (positions as u16 & 0x1fff, (signs & 0xf) as u8)
            }
        };
        let mut code = pulses(positions, signs);
        sharpen(&mut code, delay.whole, self.sharpening);

        self.gains = match parameters {
            Some(speech) => {
                let subframe = &speech.subframes[k];
                self.gain_memory.decode((subframe.gain_1, subframe.gain_2), &code)
            }
            None => {
                self.gain_memory.update_erased();
                self.gains.attenuated()
            }
        };
        self.sharpening = sharpening_of(self.gains.pitch);
        mix(&mut excitation[start..start + SUBFRAME], &code, self.gains);
        delay.whole
    }
}

/// The delay P1 stands for. Clause 4.1.3.
fn first_subframe(index: u8) -> Delay {
    let index = i16::from(index);
    if index < 197 {
        let whole = (index + 2) / 3 + 19;
        Delay { whole, thirds: index - 3 * whole + 58 }
    } else {
        Delay { whole: index - 112, thirds: 0 }
    }
}

/// The delay P2 stands for after the first subframe's. Clause 4.1.3.
fn second_subframe(index: u8, first: i16) -> Delay {
    let index = i16::from(index);
    let least = (first - 5).max(DELAY_MIN).min(DELAY_MAX - 9);
    let steps = (index + 2) / 3 - 1;
    Delay { whole: steps + least, thirds: index - 2 - 3 * steps }
}
