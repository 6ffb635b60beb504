//! A frame that is noise: what it says, if anything, and memories kept as the far end keeps its own. Clause B.4.

use super::autocorrelation::{Autocorrelation, LAGS};
use super::dtx::{Noise, Shared};
use super::speech::filtered;
use super::vad::{Activity, Features};
use super::{Encoder, probe};
use crate::cng;
use crate::excitation::{FRAME, PAST, SHARPENING_MIN, SUBFRAME};
use crate::lsp::{self, ORDER};
use crate::math::Random;
use crate::ops::sub;

impl Encoder {
    /// The frame as noise, if it is and that may be told.
    pub(super) fn pause(&mut self, autocorrelation: &Autocorrelation, lags: &[i32; LAGS]) -> Option<Noise> {
        let dtx = self.dtx.as_mut()?;
        let first = dtx.detector.last() == Activity::Speech;
        let [_, reflection] = self.prediction.reflection;
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
        probe::record("seed", &[dtx.random.0]);
        self.follow(&noise);
        Some(noise)
    }

    /// Filters as for speech, so that the next frame of speech finds its memories.
    fn follow(&mut self, noise: &Noise) {
        let filters = lsp::interpolate(&self.quantised_lsp, &noise.lsp);
        probe::record("cng_exc", &self.excitation[PAST..]);
        probe::record("cng_lsp_q", &noise.lsp);
        probe::record("cng_Aq", filters.as_flattened());
        self.quantised_lsp = noise.lsp;
        self.sharpening = SHARPENING_MIN;

        let mut excitation = [0; FRAME];
        excitation.copy_from_slice(&self.excitation[PAST..]);
        // The residual takes the excitation's place for as long as it is needed.
        let (weighting, _) = self.weigh(&filters);
        let (residual, _) = self.excitation[PAST..].as_chunks::<SUBFRAME>();
        let (noise, _) = excitation.as_chunks::<SUBFRAME>();
        for ((residual, noise), weighting) in residual.iter().zip(noise).zip(&weighting) {
            let mut error = *residual;
            for (error, &noise) in error.iter_mut().zip(noise) {
                *error = sub(*error, noise);
            }
            let weighted = filtered(weighting, &error, &self.error_memory);
            self.error_memory.copy_from_slice(&weighted[SUBFRAME - ORDER..]);
        }
        self.excitation[PAST..].copy_from_slice(&excitation);
    }
}
