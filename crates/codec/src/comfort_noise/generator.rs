//! A description to noise that sounds like it.

/// Makes noise of a described level and spectrum.
#[derive(Debug, Clone)]
pub struct NoiseGenerator {
    seed: u32,
    /// Half the range of the samples.
    amplitude: f64,
}

impl NoiseGenerator {
    /// A generator at `rate` hertz; silent until its first description. The same seed makes the same noise.
    #[must_use]
    pub fn new(rate: u32, seed: u32) -> Self {
        let _ = rate;
        Self { seed, amplitude: 0.0 }
    }

    /// Takes a description; what it makes of any octets is a noise within the range of samples.
    pub fn update(&mut self, payload: &[u8]) {
        let Some(first) = payload.first() else { return };
        let level = f64::from(first & 0x7f);
        self.amplitude = 32_767.0 * 3.0_f64.sqrt() * 10.0_f64.powf(-level / 20.0);
    }

    /// Fills `pcm` with noise.
    pub fn generate(&mut self, pcm: &mut [i16]) {
        for sample in pcm {
            self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let uniform = f64::from(self.seed.cast_signed()) / f64::from(1_u32 << 31);
            #[expect(clippy::cast_possible_truncation, reason = "saturates")]
            let value = (uniform * self.amplitude) as i16;
            *sample = value;
        }
    }
}
