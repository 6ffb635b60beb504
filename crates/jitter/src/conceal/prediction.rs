//! Linear prediction by the autocorrelation method.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "inner loops over lengths fixed at construction"
)]

use std::f32::consts::PI;
use std::sync::OnceLock;

use mediapoint_codec::resample::RATES;

use crate::signal::{MAX_PER_MS, dot};

/// Samples that the next one is predicted from. More than the 10 that formants need: so the first harmonics of a high voice
/// are modelled too. PESQ rises by 0.01 from 16 to 32 and no more after.
pub(crate) const ORDER: usize = 32;
/// The end of the signal that the model is made from.
const WINDOW_MS: usize = 20;
/// Each autocorrelation is worth that of a signal whose lines are this wide, in hertz.
const LINE_WIDTH: f32 = 10.0;
/// Noise added, in parts of the signal's power, so that no model is singular.
const WHITE_NOISE: f32 = 1e-4;

/// Computes models of signals' ends. It has no state: signals of one rate share it.
#[derive(Debug)]
pub(super) struct Predictor {
    window: Box<[f32]>,
    /// Factor of each autocorrelation.
    lag_window: [f32; ORDER + 1],
}

/// One for each of [`RATES`].
static PREDICTORS: [OnceLock<Predictor>; RATES.len()] = [const { OnceLock::new() }; RATES.len()];

impl Predictor {
    /// For audio of `per_ms` samples a millisecond, at one of [`RATES`].
    pub(super) fn shared(per_ms: usize) -> &'static Self {
        let known = RATES.iter().position(|rate| *rate as usize == per_ms * 1000);
        PREDICTORS[known.unwrap_or(0)].get_or_init(|| Self::new(per_ms))
    }

    fn new(per_ms: usize) -> Self {
        let len = WINDOW_MS * per_ms;
        // A slow rise and a quick fall: what is near the gap counts most.
        let fall = len / 10;
        let rise = len - fall;
        let weight = |at: usize| {
            if at < rise {
                0.5 - 0.5 * (PI * (at as f32 + 0.5) / rise as f32).cos()
            } else {
                (0.5 * PI * ((at - rise) as f32 + 0.5) / fall as f32).cos()
            }
        };
        let spread = 2.0 * PI * LINE_WIDTH / (per_ms as f32 * 1000.0);
        let mut lag_window = std::array::from_fn(|lag| (-0.5 * (spread * lag as f32).powi(2)).exp());
        lag_window[0] += WHITE_NOISE;
        Self { window: (0..len).map(weight).collect(), lag_window }
    }

    /// The coefficients of a signal's end, that of the oldest sample first: what is to be added to a sample to leave
    /// what could not be predicted.
    pub(super) fn model(&self, signal: &[f32]) -> [f32; ORDER] {
        let len = signal.len().min(self.window.len());
        let window = &self.window[self.window.len() - len..];
        let mut windowed = [0.0; WINDOW_MS * MAX_PER_MS];
        let windowed = &mut windowed[..len];
        for ((out, x), weight) in windowed.iter_mut().zip(&signal[signal.len() - len..]).zip(window) {
            *out = x * weight;
        }
        let mut correlation = [0.0; ORDER + 1];
        for (lag, value) in correlation.iter_mut().enumerate() {
            *value = dot(&windowed[lag..], &windowed[..len - lag]) * self.lag_window[lag];
        }
        // Silence has a model too.
        correlation[0] += 1.0;
        let mut model = levinson(&correlation);
        model.reverse();
        model
    }
}

/// Levinson's and Durbin's recursion; the model of a lower order where arithmetic gives out.
fn levinson(correlation: &[f32; ORDER + 1]) -> [f32; ORDER] {
    let mut model = [0.0_f32; ORDER];
    let mut error = correlation[0];
    for order in 0..ORDER {
        let mut sum = correlation[order + 1];
        for (at, coefficient) in model[..order].iter().enumerate() {
            sum += coefficient * correlation[order - at];
        }
        let reflection = -sum / error;
        if reflection.abs() >= 1.0 {
            break;
        }
        let before = model;
        model[order] = reflection;
        for at in 0..order {
            model[at] = before[at] + reflection * before[order - 1 - at];
        }
        error *= 1.0 - reflection * reflection;
        if error <= correlation[0] * 1e-7 {
            break;
        }
    }
    model
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_predicted_from_its_past() {
        let signal: Vec<f32> = (0..400).map(|n| 8000.0 * (n as f32 * 0.35).sin()).collect();
        let model = Predictor::new(8).model(&signal);
        let error: f32 =
            (300..400).map(|at| (signal[at] + dot(&signal[at - ORDER..at], &model)).powi(2)).sum();
        let power: f32 = signal[300..].iter().map(|x| x * x).sum();
        assert!(error < power / 100.0, "{error} of {power}");
    }

    #[test]
    fn silence_and_full_scale_have_finite_models() {
        for signal in [vec![0.0; 400], vec![32_767.0; 400], vec![f32::from(i16::MIN); 40]] {
            let model = Predictor::new(8).model(&signal);
            assert!(model.iter().all(|coefficient| coefficient.is_finite()));
        }
    }
}
