//! From frames to samples [EN300961 5.3.1 to 5.3.7].

#![expect(clippy::indexing_slicing, reason = "arrays of fixed sizes, indexed by loops within them")]

use super::arithmetic::{add, mult_r, sub};
use super::filter::{FRAME, GAINS, Interpolation, LEAST_LAG, PART, REACH, STRETCHES, pulses};
use super::frame::Frame;

/// The decoder of one stream.
#[derive(Debug, Clone)]
pub(super) struct FrameDecoder {
    /// Lag of the long-term predictor that came last.
    lag: usize,
    interpolation: Interpolation,
    /// The short-term filter's memory.
    short: [i16; 9],
    /// The last sample behind the de-emphasis.
    emphasis: i16,
    /// The residual, the latest last.
    residual: [i16; REACH],
}

impl FrameDecoder {
    pub(super) const fn new() -> Self {
        Self {
            lag: LEAST_LAG,
            interpolation: Interpolation::NEW,
            short: [0; 9],
            emphasis: 0,
            residual: [0; REACH],
        }
    }

    pub(super) fn decode(&mut self, frame: &Frame, pcm: &mut [i16; FRAME]) {
        for (part, signal) in frame.parts.iter().zip(pcm.as_chunks_mut::<PART>().0) {
            let lag = usize::from(part.lag);
            // What no encoder sends means the lag before.
            if (LEAST_LAG..=REACH).contains(&lag) {
                self.lag = lag;
            }
            let gain = GAINS[usize::from(part.gain & 3)];
            let excitation = pulses(part);
            for k in 0..PART {
                let predicted = mult_r(gain, self.residual[REACH - self.lag + k]);
                signal[k] = add(excitation[k], predicted);
            }
            self.residual.copy_within(PART.., 0);
            self.residual[REACH - PART..].copy_from_slice(signal);
        }
        let coefficients = self.interpolation.next(&frame.ratios);
        let mut from = 0;
        for (coefficients, to) in coefficients.iter().zip(STRETCHES) {
            self.short_term(coefficients, &mut pcm[from..to]);
            from = to;
        }
        for sample in pcm {
            self.emphasis = add(*sample, mult_r(self.emphasis, 28_180));
            // 13 bits of 16.
            *sample = add(self.emphasis, self.emphasis) & !7;
        }
    }

    /// The short-term synthesis filter: the residual becomes the signal.
    fn short_term(&mut self, coefficients: &[i16; 8], signal: &mut [i16]) {
        for sample in signal {
            let mut value = *sample;
            for i in (0..8).rev() {
                value = sub(value, mult_r(coefficients[i], self.short[i]));
                self.short[i + 1] = add(self.short[i], mult_r(coefficients[i], value));
            }
            self.short[0] = value;
            *sample = value;
        }
    }
}
