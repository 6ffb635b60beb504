//! Spectra of what was heard: the level of one frequency, and the short-time spectrum around a moment.

use std::f64::consts::TAU;

/// Level of a full-scale sine in dBm0 [ITU-T G.711 table 5].
const FULL_SCALE_DBM0: f64 = 3.17;

/// Level of the sine of `hertz` in audio at `rate` hertz, in dBm0. As much audio as holds whole periods is exact.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a count of samples")]
pub fn level_of(pcm: &[i16], hertz: f64, rate: u32) -> f64 {
    let (mut re, mut im) = (0.0, 0.0);
    for (n, &sample) in pcm.iter().enumerate() {
        let angle = TAU * hertz * n as f64 / f64::from(rate);
        re += f64::from(sample) * angle.cos();
        im += f64::from(sample) * angle.sin();
    }
    let amplitude = 2.0 * re.hypot(im) / pcm.len().max(1) as f64;
    20.0 * (amplitude / 32_767.0).max(1e-9).log10() + FULL_SCALE_DBM0
}

/// The short-time spectrum of audio.
#[derive(Debug, Clone)]
pub struct Spectrum {
    rate: u32,
    /// Samples of a window.
    window: usize,
    /// Power of each bin of each window, as that of a sine of so many dBm0 would be; windows overlap by half.
    windows: Vec<Vec<f64>>,
}

impl Spectrum {
    /// Windows of `millis` milliseconds, each half a window after the one before.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "positions in a window")]
    pub fn new(pcm: &[i16], rate: u32, millis: u32) -> Self {
        let window = usize::try_from(rate / 1000 * millis).unwrap_or(1).max(2);
        // Side lobes 92 dB down (Blackman-Harris), so that a loud tone hides no click.
        let weight = |n: usize| {
            let at = TAU * (n as f64 + 0.5) / window as f64;
            0.358_75 - 0.488_29 * at.cos() + 0.141_28 * (2.0 * at).cos() - 0.011_68 * (3.0 * at).cos()
        };
        let weights: Vec<f64> = (0..window).map(weight).collect();
        let gain: f64 = weights.iter().sum();
        let turns: Vec<(f64, f64)> = (0..window)
            .map(|n| TAU * n as f64 / window as f64)
            .map(|angle| (angle.cos(), angle.sin()))
            .collect();
        let power = |piece: &[i16], bin: usize| {
            let (mut re, mut im) = (0.0, 0.0);
            for (n, (&sample, weight)) in piece.iter().zip(&weights).enumerate() {
                let (cos, sin) = turns.get(n * bin % window).copied().unwrap_or_default();
                let value = f64::from(sample) * weight;
                re += value * cos;
                im += value * sin;
            }
            (2.0 * re.hypot(im) / gain / 32_767.0).powi(2)
        };
        let windows = (0..pcm.len().saturating_sub(window) / (window / 2) + 1)
            .filter_map(|n| pcm.get(n * (window / 2)..n * (window / 2) + window))
            .map(|piece| (0..=window / 2).map(|bin| power(piece, bin)).collect())
            .collect();
        Self { rate, window, windows }
    }

    /// The loudest that a window within `from..to` (samples) is outside of the bands, in dBm0: the power in all bins
    /// from `above` hertz up that are not within `beside` hertz of one of `tones`.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a number of a bin")]
    pub fn loudest_beside(
        &self,
        (from, to): (usize, usize),
        above: f64,
        (tones, beside): (&[f64], f64),
    ) -> f64 {
        let step = self.window / 2;
        let hertz = |bin: usize| bin as f64 * f64::from(self.rate) / self.window as f64;
        let counts =
            |bin: usize| hertz(bin) >= above && tones.iter().all(|tone| (tone - hertz(bin)).abs() > beside);
        let windows = self.windows.iter().enumerate();
        let within = windows.filter(|(n, _)| n * step + self.window > from && n * step < to);
        let sums = within.map(|(_, bins)| {
            bins.iter().enumerate().filter(|(bin, _)| counts(*bin)).map(|(_, power)| power).sum::<f64>()
        });
        10.0 * sums.fold(0.0, f64::max).max(1e-18).log10() + FULL_SCALE_DBM0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::cast_possible_truncation, reason = "a sine within 16 bits")]
    fn sine(hertz: f64, level: f64, rate: u32) -> Vec<i16> {
        let amplitude = 32_767.0 * 10_f64.powf((level - FULL_SCALE_DBM0) / 20.0);
        (0..rate).map(|n| (amplitude * (TAU * hertz * f64::from(n) / f64::from(rate)).sin()) as i16).collect()
    }

    #[test]
    fn a_sine_has_its_level_and_nothing_beside_it() {
        for rate in [8000, 16_000] {
            let pcm = sine(440.0, -10.0, rate);
            assert!((level_of(&pcm, 440.0, rate) + 10.0).abs() < 0.05);
            let spectrum = Spectrum::new(&pcm, rate, 32);
            let all = (0, pcm.len());
            let beside = spectrum.loudest_beside(all, 0.0, (&[440.0], 150.0));
            assert!(beside < -70.0, "{beside}");
            assert!((spectrum.loudest_beside(all, 0.0, (&[], 0.0)) + 10.0).abs() < 3.1);
        }
    }

    #[test]
    fn a_click_shows_where_it_is() {
        let mut pcm = sine(440.0, -10.0, 8000);
        pcm[4000] += 8000;
        let spectrum = Spectrum::new(&pcm, 8000, 32);
        let level = |range| spectrum.loudest_beside(range, 2500.0, (&[], 0.0));
        assert!(level((3900, 4100)) > level((0, 3000)) + 30.0);
        assert!(level((5000, 8000)) < -70.0);
    }
}
