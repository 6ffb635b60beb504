//! Background noise to its description.

use super::{FULL_SCALE, ORDER, SILENCE, quantise};

/// How long the noise of a moment counts, in milliseconds: after this it counts a third.
const MEMORY_MS: f32 = 100.0;
/// White noise that is added so that the model has no poles as sharp as rounding errors are, as a part of the power.
const FLOOR: f32 = 1e-4;

/// Finds level and spectrum of background noise.
///
/// What it is fed should be pauses only; it does not tell them from speech.
#[derive(Debug, Clone)]
pub struct NoiseAnalyser {
    /// One over the samples after which what was heard counts a third.
    decay: f32,
    /// Sums of products of samples so many apart, weighted by how long ago they were.
    products: [f32; ORDER + 1],
    /// How many samples the sums stand for.
    weight: f32,
    /// The last samples.
    history: [f32; ORDER],
}

impl NoiseAnalyser {
    /// An analyser of audio at `rate` hertz.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let rate = rate.max(1) as f32;
        Self {
            decay: 1000.0 / (MEMORY_MS * rate),
            products: [0.0; ORDER + 1],
            weight: 0.0,
            history: [0.0; ORDER],
        }
    }

    /// Takes in a frame of the noise.
    pub fn analyse(&mut self, pcm: &[i16]) {
        /// Samples that are weighted alike.
        const BLOCK: usize = 80;
        for block in pcm.chunks(BLOCK) {
            let mut samples = [0.0; ORDER + BLOCK];
            let (history, new) = samples.split_at_mut(ORDER);
            history.copy_from_slice(&self.history);
            new.iter_mut().zip(block).for_each(|(to, sample)| *to = f32::from(*sample));
            let samples = samples.get(..ORDER + block.len()).unwrap_or_default();

            let count = block.len() as f32;
            let keep = (-count * self.decay).exp();
            self.weight = self.weight * keep + count;
            let now = samples.get(ORDER..).unwrap_or_default();
            for (lag, product) in self.products.iter_mut().enumerate() {
                let earlier = samples.get(ORDER - lag..).unwrap_or_default();
                let sum: f32 = now.iter().zip(earlier).map(|(a, b)| a * b).sum();
                *product = *product * keep + sum;
            }
            if let Some(last) = samples.last_chunk() {
                self.history = *last;
            }
        }
    }

    /// Writes the description of the noise to the beginning of `out`, as much of it as fits; says how many octets it
    /// is, at most [`MAX_PAYLOAD`](super::MAX_PAYLOAD).
    pub fn payload(&self, out: &mut [u8]) -> usize {
        let mut octets = [self.level(); 1 + ORDER];
        for (octet, coefficient) in octets.iter_mut().skip(1).zip(self.reflection()) {
            *octet = quantise(coefficient);
        }
        let len = out.len().min(octets.len());
        out.iter_mut().zip(octets).for_each(|(to, octet)| *to = octet);
        len
    }

    /// The level in -dBov.
    fn level(&self) -> u8 {
        let [power, ..] = self.products;
        let level = -10.0 * (power / (self.weight.max(1.0) * FULL_SCALE)).log10();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 127")]
        let octet = level.round().clamp(0.0, f32::from(SILENCE)) as u8;
        octet
    }

    /// The reflection coefficients of the model, by Durbin's recursion.
    fn reflection(&self) -> [f32; ORDER] {
        let mut reflection = [0.0; ORDER];
        let mut predictor = [0.0_f32; ORDER];
        let [power, ref products @ ..] = self.products;
        let mut error = power * (1.0 + FLOOR) + f32::MIN_POSITIVE;
        for order in 0..ORDER {
            let known = predictor.get(..order).unwrap_or_default();
            let earlier = products.get(..order).unwrap_or_default();
            let now = products.get(order).copied().unwrap_or_default();
            let sum: f32 = now + known.iter().zip(earlier.iter().rev()).map(|(a, r)| a * r).sum::<f32>();
            let k = -sum / error;
            // Rounding may leave the sums of no signal there is.
            if k.is_nan() || k.abs() >= 1.0 {
                break;
            }
            let before = predictor;
            let mirrored = before.iter().take(order).rev();
            predictor.iter_mut().zip(mirrored).for_each(|(a, b)| *a += k * b);
            if let (Some(a), Some(out)) = (predictor.get_mut(order), reflection.get_mut(order)) {
                (*a, *out) = (k, k);
            }
            error *= 1.0 - k * k;
        }
        reflection
    }
}
