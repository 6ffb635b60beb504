//! The encoder: 80 samples in, a frame out. Clause A.3.

mod autocorrelation;
mod closed_loop;
mod codebook;
mod dtx;
mod gain;
mod levinson;
mod lsf;
mod open_loop;
mod pause;
mod probe;
mod roots;
mod sid;
mod speech;
mod taming;
mod vad;

use self::autocorrelation::{Autocorrelation, LAGS, WINDOW};
use self::dtx::{Dtx, Noise};
use self::levinson::{Prediction, levinson};
use self::taming::Taming;
use crate::excitation::{FRAME, PAST, SHARPENING_MIN};
use crate::filter::HighPass;
use crate::frame::Frame;
use crate::lsp::{self, Lsp, ORDER};
use crate::tables::filter::{INPUT_DENOMINATOR, INPUT_NUMERATOR};
use crate::{gain as gain_prediction, lsf as lsf_memory};

/// What an encoder does beyond coding speech.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EncoderOptions {
    /// Discontinuous transmission (Annex B): in pauses SIDs and untransmitted frames. Off when the peer said
    /// `annexb=no`.
    pub dtx: bool,
}

/// An encoder of one stream: frames of 80 samples at 8000 Hz.
#[derive(Clone, Debug)]
pub struct Encoder {
    input: HighPass,
    /// The filtered signal under the analysis window.
    speech: [i16; WINDOW],
    /// Weighted speech, past and of the frame.
    weighted: [i16; open_loop::LENGTH],
    /// Excitation, past and of the frame.
    excitation: [i16; PAST + FRAME],
    /// The last prediction that was stable.
    prediction: Prediction,
    lsp: Lsp,
    quantised_lsp: Lsp,
    lsf: lsf_memory::Memory,
    gains: gain_prediction::Predictor,
    taming: Taming,
    /// Q14.
    sharpening: i16,
    /// The last weighted speech, for its filter.
    weighted_memory: [i16; ORDER],
    /// The last weighted error.
    error_memory: [i16; ORDER],
    dtx: Option<Dtx>,
}

impl Encoder {
    /// An encoder before its first frame.
    #[must_use]
    pub fn new(options: EncoderOptions) -> Self {
        Self {
            input: HighPass::new(INPUT_NUMERATOR, INPUT_DENOMINATOR, 3),
            speech: [0; WINDOW],
            weighted: [0; open_loop::LENGTH],
            excitation: [0; PAST + FRAME],
            prediction: Prediction::NONE,
            lsp: lsp::INITIAL,
            quantised_lsp: lsp::INITIAL,
            lsf: lsf_memory::Memory::default(),
            gains: gain_prediction::Predictor::default(),
            taming: Taming::default(),
            sharpening: SHARPENING_MIN,
            weighted_memory: [0; ORDER],
            error_memory: [0; ORDER],
            dtx: options.dtx.then(Dtx::default),
        }
    }

    /// Codes the next 10 ms.
    pub fn encode(&mut self, pcm: &[i16; FRAME]) -> Frame {
        self.take_in(pcm);
        let (autocorrelation, lags) = self.analyse();
        let frame = match self.pause(&autocorrelation, &lags) {
            Some(Noise { sid: Some(sid), .. }) => Frame::Sid(sid.pack()),
            Some(Noise { sid: None, .. }) => Frame::Untransmitted,
            None => Frame::Speech(self.speech_frame().pack()),
        };
        self.weighted.copy_within(FRAME.., 0);
        self.excitation.copy_within(FRAME.., 0);
        frame
    }

    /// Turns discontinuous transmission on or off from the next frame on. Once on, it learns the noise anew.
    pub fn set_dtx(&mut self, on: bool) {
        if on != self.dtx.is_some() {
            self.dtx = on.then(Dtx::default);
        }
    }

    /// Filters the new samples to the end of the window.
    fn take_in(&mut self, pcm: &[i16; FRAME]) {
        self.speech.copy_within(FRAME.., 0);
        let [.., new] = self.speech.as_chunks_mut::<FRAME>().0 else { return };
        *new = *pcm;
        new.as_chunks_mut().0.iter_mut().for_each(|subframe| self.input.filter(subframe));
        probe::record("pre", new);
    }

    /// Predicts the signal and finds its spectrum; returns the autocorrelation before and after its lag window.
    /// Clause 3.2.
    fn analyse(&mut self) -> (Autocorrelation, [i32; LAGS]) {
        let autocorrelation = Autocorrelation::new(&self.speech);
        autocorrelation::record(["r_h", "r_l"], &autocorrelation.lags);
        probe::record("exp_R0", &[autocorrelation.exponent]);
        let lags = autocorrelation.windowed();
        autocorrelation::record(["rlag_h", "rlag_l"], &lags);
        let prediction = lags.first_chunk::<{ ORDER + 1 }>().and_then(levinson);
        self.prediction = prediction.unwrap_or(self.prediction);
        probe::record("A", &self.prediction.filter);
        probe::record("rc", &self.prediction.reflection);
        probe::record("err", &[self.prediction.residual]);
        self.lsp = roots::to_lsp(&self.prediction.filter).unwrap_or(self.lsp);
        probe::record("lsp", &self.lsp);
        (autocorrelation, lags)
    }
}

#[cfg(test)]
mod tests;
