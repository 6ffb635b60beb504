//! Background noise to its description.

/// Finds level and spectrum of background noise.
#[derive(Debug, Clone)]
pub struct NoiseAnalyser {
    /// Mean square of the samples, full scale being 1.
    power: f64,
}

impl NoiseAnalyser {
    /// An analyser of audio at `rate` hertz.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let _ = rate;
        Self { power: 0.0 }
    }

    /// Takes in a frame of the noise.
    pub fn analyse(&mut self, pcm: &[i16]) {
        let sum: f64 = pcm.iter().map(|sample| (f64::from(*sample) / 32_768.0).powi(2)).sum();
        self.power = sum / (pcm.len().max(1) as f64);
    }

    /// Writes the description of the noise to the beginning of `out`; says how many octets it is, at most
    /// [`MAX_PAYLOAD`](super::MAX_PAYLOAD).
    pub fn payload(&self, out: &mut [u8]) -> usize {
        let level = -10.0 * self.power.max(1e-13).log10();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 127")]
        let level = level.round().clamp(0.0, 127.0) as u8;
        out.first_mut().map_or(0, |first| {
            *first = level;
            1
        })
    }
}
