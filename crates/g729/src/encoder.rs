//! The encoder: 80 samples in, a frame out. Clause A.3.

mod autocorrelation;
mod bound;
mod closed_loop;
mod codebook;
mod dtx;
mod gain;
mod levinson;
mod lsf;
mod open_loop;
mod probe;
mod roots;
mod sid;
mod taming;
mod vad;

use self::autocorrelation::{Autocorrelation, LAGS, WINDOW};
use self::closed_loop::Range;
use self::dtx::{Dtx, Noise, Shared};
use self::levinson::{Prediction, levinson};
use self::taming::Taming;
use self::vad::{Activity, Features};
use crate::excitation::{self, FRAME, PAST, SHARPENING_MIN, SUBFRAME, Vector};
use crate::filter::{self, HighPass};
use crate::frame::{Frame, Speech, Subframe, parity};
use crate::lsp::{self, Lpc, Lsp, ORDER};
use crate::math::Random;
use crate::ops::{add, extract_h, l_mult, l_shl, mult, sub};
use crate::tables::filter::{INPUT_DENOMINATOR, INPUT_NUMERATOR};
use crate::{cng, gain as gain_prediction, lsf as lsf_memory};

/// Weighting of the error, Q15: 0.75.
const GAMMA: i16 = 24_576;
/// Low-pass of the weighted speech, Q15: 0.7.
const LOW_PASS: i16 = 22_938;
/// Samples of the analysis window before the frame.
const FRAME_AT: usize = 120;

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
        let autocorrelation = Autocorrelation::new(&self.speech);
        autocorrelation::record(["r_h", "r_l"], &autocorrelation.lags);
        probe::record("exp_R0", &[autocorrelation.exponent]);
        let lags = autocorrelation.windowed();
        autocorrelation::record(["rlag_h", "rlag_l"], &lags);
        let mut short = [0; ORDER + 1];
        short.copy_from_slice(&lags[..=ORDER]);
        if let Some(prediction) = levinson(&short) {
            self.prediction = prediction;
        }
        probe::record("A", &self.prediction.filter);
        probe::record("rc", &self.prediction.reflection);
        probe::record("err", &[self.prediction.residual]);
        if let Some(lsp) = roots::to_lsp(&self.prediction.filter) {
            self.lsp = lsp;
        }
        probe::record("lsp", &self.lsp);
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

    /// A frame of noise, if it is one and that may be told.
    fn pause(&mut self, autocorrelation: &Autocorrelation, lags: &[i32; LAGS]) -> Option<Noise> {
        let dtx = self.dtx.as_mut()?;
        let first = dtx.detector.last() == Activity::Speech;
        let reflection = self.prediction.reflection[1];
        let features = Features::new(autocorrelation, lags, &self.lsp, reflection, &self.speech);
        let activity = dtx.detector.decide(&features);
        dtx.take(autocorrelation, activity);
        if activity == Activity::Speech {
            dtx.random = Random(cng::SEED);
            return None;
        }
        let mut shared =
            Shared { prediction: &mut self.prediction, lsp: &self.quantised_lsp, memory: &mut self.lsf };
        let noise = dtx.noise(first, &mut shared);
        for draw in cng::excitation(&mut self.excitation, noise.level, &mut dtx.random) {
            self.taming.update(draw.pitch_gain, draw.delay);
        }
        probe::record("cng_exc", &self.excitation[PAST..]);
        probe::record("cng_lsp_q", &noise.lsp);
        probe::record("seed", &[dtx.random.0]);
        let excitation: [i16; FRAME] = std::array::from_fn(|n| self.excitation[PAST + n]);
        let filters = lsp::interpolate(&self.quantised_lsp, &noise.lsp);
        probe::record("cng_Aq", filters.as_flattened());
        self.quantised_lsp = noise.lsp;
        self.sharpening = SHARPENING_MIN;
        let weighting = filters.map(|a| filter::weighted(&a, GAMMA));
        self.weigh(&filters, &weighting);
        for (index, weighting) in weighting.iter().enumerate() {
            let start = PAST + index * SUBFRAME;
            for n in 0..SUBFRAME {
                let rest = &mut self.excitation[start + n];
                *rest = sub(*rest, excitation[index * SUBFRAME + n]);
            }
            let mut out = [0; ORDER + SUBFRAME];
            out[..ORDER].copy_from_slice(&self.error_memory);
            let _ = filter::synthesise(weighting, &self.excitation[start..][..SUBFRAME], &mut out);
            self.error_memory.copy_from_slice(&out[SUBFRAME..]);
        }
        self.excitation[PAST..].copy_from_slice(&excitation);
        Some(noise)
    }

    /// Filters the new samples to the end of the window.
    fn take_in(&mut self, pcm: &[i16; FRAME]) {
        self.speech.copy_within(FRAME.., 0);
        let mut filtered = *pcm;
        self.input.filter(&mut filtered);
        self.speech[WINDOW - FRAME..].copy_from_slice(&filtered);
        probe::record("pre", &self.speech[WINDOW - FRAME..]);
    }

    fn speech_frame(&mut self) -> Speech {
        let lsf = lsf::quantise(&lsf::frequencies(&self.lsp), &self.lsf);
        probe::record(
            "lsp_idx",
            &[
                u16::from(lsf.predictor) << 7 | u16::from(lsf.first),
                u16::from(lsf.lower) << 5 | u16::from(lsf.upper),
            ],
        );
        let predictor = &lsf_memory::SPEECH[usize::from(lsf.predictor)];
        let quantised =
            lsp::from_lsf(&self.lsf.quantised(lsf_memory::codeword(&lsf), &lsf_memory::GAPS, predictor));
        probe::record("lsp_q", &quantised);
        let filters = lsp::interpolate(&self.quantised_lsp, &quantised);
        self.quantised_lsp = quantised;
        probe::record("Aq", filters.as_flattened());
        let weighting = filters.map(|a| filter::weighted(&a, GAMMA));
        probe::record("Ap", weighting.as_flattened());
        self.weigh(&filters, &weighting);
        let open_loop = open_loop::delay(&self.weighted);
        probe::record("T_op", &[open_loop]);

        let range = Range::around_open_loop(open_loop);
        let (delay, mut first) = self.subframe(0, &weighting[0], range);
        first.pitch = closed_loop::first_index(delay);
        let range = Range::around_first(delay.whole);
        let (delay, mut second) = self.subframe(1, &weighting[1], range);
        second.pitch = closed_loop::second_index(delay, range);
        Speech { lsf, parity: parity(first.pitch), subframes: [first, second] }
    }

    /// The residual of the frame into the excitation buffer, the weighted speech into its own.
    fn weigh(&mut self, filters: &[Lpc; 2], weighting: &[Lpc; 2]) {
        for (index, (a, ap)) in filters.iter().zip(weighting).enumerate() {
            let at = index * SUBFRAME;
            let residual = &mut self.excitation[PAST + at..][..SUBFRAME];
            filter::residual(a, &self.speech[FRAME_AT + at - ORDER..][..ORDER + SUBFRAME], residual);
            let mut low_pass = *ap;
            for i in 1..=ORDER {
                low_pass[i] = sub(ap[i], mult(ap[i - 1], LOW_PASS));
            }
            let mut out = [0; ORDER + SUBFRAME];
            out[..ORDER].copy_from_slice(&self.weighted_memory);
            let _ = filter::synthesise(&low_pass, residual, &mut out);
            self.weighted[open_loop::LENGTH - FRAME + at..][..SUBFRAME].copy_from_slice(&out[ORDER..]);
            self.weighted_memory.copy_from_slice(&out[SUBFRAME..]);
        }
        probe::record("wsp", &self.weighted[open_loop::LENGTH - FRAME..]);
    }

    fn subframe(&mut self, index: usize, weighting: &Lpc, range: Range) -> (excitation::Delay, Subframe) {
        let start = PAST + index * SUBFRAME;
        let response = impulse_response(weighting);
        probe::record("h1", &response);
        let target = self.target(start, weighting);
        probe::record("xn", &target);
        let backward = closed_loop::backward_filtered(&target, &response);
        let fitted = closed_loop::Target::new(target);
        let delay = closed_loop::search(&mut self.excitation, start, &backward, range, index == 0);
        probe::record("T0", &[delay.whole]);
        probe::record("frac", &[delay.thirds]);

        let adaptive = weighted_from_rest(weighting, &self.excitation[start..][..SUBFRAME]);
        probe::record("y1", &adaptive);
        let mut pitch = closed_loop::pitch_gain(&fitted, &adaptive);
        let tame = self.taming.needed(delay);
        if tame {
            pitch.tame();
        }
        probe::record("taming", &[i16::from(tame)]);
        probe::record("gp_unq", &[pitch.gain]);
        let rest = closed_loop::remaining_target(&target, &adaptive, pitch.gain);
        probe::record("xn2", &rest);

        let sharp = codebook::sharpened(&response, delay.whole, self.sharpening);
        let choice = codebook::search(&closed_loop::backward_filtered(&rest, &sharp), &sharp);
        probe::record("C", &[choice.positions]);
        probe::record("S", &[choice.signs]);
        let mut code = excitation::pulses(choice.positions, choice.signs);
        excitation::sharpen(&mut code, delay.whole, self.sharpening);
        probe::record("code", &code);
        probe::record("y2", &choice.filtered);

        let cost = gain::Cost::new(&fitted, &adaptive, &pitch, &choice.filtered);
        let quantised = gain::quantise(&cost, self.gains.predict(&code), tame);
        let gains = quantised.gains;
        self.gains.update(quantised.factor);
        self.sharpening = excitation::sharpening_of(gains.pitch);
        excitation::mix(&mut self.excitation[start..], &code, gains);
        probe::record("G", &[quantised.indices[0] << 4 | quantised.indices[1]]);
        probe::record("gp", &[gains.pitch]);
        probe::record("gc", &[gains.code]);
        probe::record("exc", &self.excitation[start..start + SUBFRAME]);
        self.taming.update(gains.pitch, delay.whole);
        self.keep_error(&target, &adaptive, &choice.filtered, gains);

        let [gain_1, gain_2] = quantised.indices;
        let subframe =
            Subframe { pitch: 0, positions: choice.positions, signs: choice.signs, gain_1, gain_2 };
        (delay, subframe)
    }

    /// The target: the residual through the weighted synthesis filter. Clause A.3.6.
    fn target(&self, start: usize, weighting: &Lpc) -> Vector {
        let mut out = [0; ORDER + SUBFRAME];
        out[..ORDER].copy_from_slice(&self.error_memory);
        let _ = filter::synthesise(weighting, &self.excitation[start..][..SUBFRAME], &mut out);
        let mut target = [0; SUBFRAME];
        target.copy_from_slice(&out[ORDER..]);
        target
    }

    /// The weighted error that the coded subframe leaves. Equation (A.10).
    fn keep_error(
        &mut self,
        target: &Vector,
        adaptive: &Vector,
        fixed: &Vector,
        gains: gain_prediction::Gains,
    ) {
        for (i, out) in self.error_memory.iter_mut().enumerate() {
            let n = SUBFRAME - ORDER + i;
            let pitch = extract_h(l_shl(l_mult(adaptive[n], gains.pitch), 1));
            let code = extract_h(l_shl(l_mult(fixed[n], gains.code), 2));
            *out = sub(target[n], add(pitch, code));
        }
    }
}

/// The impulse response of the weighted synthesis filter, Q12. Clause A.3.5.
fn impulse_response(weighting: &Lpc) -> Vector {
    let mut impulse = [0; SUBFRAME];
    impulse[0] = 4096;
    weighted_from_rest(weighting, &impulse)
}

/// What the weighted synthesis filter at rest makes of a vector. Equation (44), by the filter instead of its response.
fn weighted_from_rest(weighting: &Lpc, vector: &[i16]) -> Vector {
    let mut out = [0; ORDER + SUBFRAME];
    let _ = filter::synthesise(weighting, vector, &mut out);
    let mut filtered = [0; SUBFRAME];
    filtered.copy_from_slice(&out[ORDER..]);
    filtered
}

#[cfg(test)]
mod tests;
