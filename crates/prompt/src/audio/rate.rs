//! Any sample rate to any other, a block at a time, for files: `rubato` does it by blocks of a thousand samples or more, whose
//! delay is cut off in the end.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Indexing, Resampler, WindowFunction};

use super::quantise;

/// Samples of the lower rate that the resampler works on at a time: the more, the steeper its filter. With these it passes
/// 0.9 of half the lower rate and stops what is above that half.
const BLOCK: usize = 1_024;

/// There is no conversion between these rates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot resample from {from} Hz to {to} Hz: {reason}")]
pub struct RateError {
    /// Rate of the input in hertz.
    pub from: u32,
    /// Rate of the output in hertz.
    pub to: u32,
    /// The resampler's reason.
    pub reason: String,
}

/// The conversion of one stream of mono samples to 16-bit samples at another rate. What comes out is less than a
/// sample late, and as long as what went in.
pub struct RateConverter {
    from: u32,
    to: u32,
    inner: Option<Inner>,
    /// Samples that went in.
    taken: u64,
    /// Samples that came out.
    given: u64,
}

struct Inner {
    resampler: Fft<f32>,
    /// What is too little for the resampler yet.
    waiting: Vec<f32>,
    made: Vec<f32>,
    /// Samples of the delay that are still to be cut off.
    delay: usize,
}

impl RateConverter {
    /// A conversion from one rate in hertz to another; equal ones only round to 16 bits.
    ///
    /// # Errors
    /// [`RateError`] where the resampler refuses, as it does with a rate of 0.
    pub fn new(from: u32, to: u32) -> Result<Self, RateError> {
        let wide = |rate: u32| usize::try_from(rate).unwrap_or(usize::MAX);
        let inner = if from == to {
            None
        } else {
            let chunk = BLOCK * wide(from).div_ceil(wide(to).max(1)).max(1);
            // In one piece: the usual pieces of 256 samples make a filter that takes 10 dB away at 3400 Hz on the way to 8 kHz.
            let window = WindowFunction::BlackmanHarris2;
            let resampler =
                Fft::<f32>::new_custom(wide(from), wide(to), chunk, 1, 1, window, FixedSync::Input)
                    .map_err(|error| RateError { from, to, reason: error.to_string() })?;
            let made = vec![0.0; resampler.output_frames_max()];
            let delay = resampler.output_delay();
            Some(Inner { waiting: Vec::with_capacity(resampler.input_frames_max()), made, delay, resampler })
        };
        Ok(Self { from, to, inner, taken: 0, given: 0 })
    }

    /// Takes samples (-1 to 1) and appends what they become.
    ///
    /// # Errors
    /// [`RateError`] where the resampler refuses.
    pub fn push(&mut self, mono: &[f32], out: &mut Vec<i16>) -> Result<(), RateError> {
        self.taken += mono.len() as u64;
        let Some(inner) = &mut self.inner else {
            self.given += mono.len() as u64;
            out.extend(mono.iter().map(|sample| quantise(*sample)));
            return Ok(());
        };
        let before = out.len();
        let mut rest = mono;
        while !rest.is_empty() {
            let missing = inner.resampler.input_frames_next().saturating_sub(inner.waiting.len());
            let (now, later) = rest.split_at(missing.min(rest.len()));
            inner.waiting.extend_from_slice(now);
            rest = later;
            if now.len() == missing {
                inner.convert(out).map_err(|reason| RateError { from: self.from, to: self.to, reason })?;
            }
        }
        self.given += (out.len() - before) as u64;
        Ok(())
    }

    /// Appends what is left once all samples went in.
    ///
    /// # Errors
    /// [`RateError`] where the resampler refuses.
    pub fn finish(&mut self, out: &mut Vec<i16>) -> Result<(), RateError> {
        let Some(inner) = &mut self.inner else { return Ok(()) };
        let wanted = u128::from(self.taken) * u128::from(self.to);
        let wanted = wanted.div_ceil(u128::from(self.from.max(1)));
        let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
        while self.given < wanted {
            let before = out.len();
            inner.convert(out).map_err(|reason| RateError { from: self.from, to: self.to, reason })?;
            let missing = usize::try_from(wanted - self.given).unwrap_or(usize::MAX);
            out.truncate(before.saturating_add(missing));
            self.given += (out.len() - before) as u64;
        }
        Ok(())
    }
}

impl Inner {
    /// Converts what waits, filled up with silence where it is too little, and appends what is not the delay.
    fn convert(&mut self, out: &mut Vec<i16>) -> Result<(), String> {
        let needed = self.resampler.input_frames_next();
        let partial = Indexing::new().partial_len(self.waiting.len());
        let indexing = (self.waiting.len() < needed).then_some(partial);
        let input = InterleavedSlice::new(&self.waiting, 1, self.waiting.len()).map_err(|e| e.to_string())?;
        let room = self.made.len();
        let mut output = InterleavedSlice::new_mut(&mut self.made, 1, room).map_err(|e| e.to_string())?;
        let (_, made) = self
            .resampler
            .process_into_buffer(&input, &mut output, indexing.as_ref())
            .map_err(|e| e.to_string())?;
        let made = self.made.get(..made).unwrap_or_default();
        let (delay, heard) = made.split_at(self.delay.min(made.len()));
        self.delay -= delay.len();
        out.extend(heard.iter().map(|sample| quantise(*sample)));
        self.waiting.clear();
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "made up values well inside their ranges")]
mod tests {
    use super::*;

    fn tone(rate: u32, samples: usize) -> Vec<f32> {
        (0..samples)
            .map(|n| (n as f64 * 700.0 * std::f64::consts::TAU / f64::from(rate)).sin() as f32 * 0.5)
            .collect()
    }

    fn convert(from: u32, to: u32, input: &[f32], step: usize) -> Vec<i16> {
        let mut converter = RateConverter::new(from, to).unwrap();
        let mut out = Vec::new();
        for block in input.chunks(step) {
            converter.push(block, &mut out).unwrap();
        }
        converter.finish(&mut out).unwrap();
        out
    }

    #[test]
    fn the_length_is_exact_and_the_delay_below_a_sample() {
        for (from, to) in
            [(44_100, 8_000), (48_000, 8_000), (8_000, 48_000), (11_025, 16_000), (22_050, 8_000)]
        {
            for samples in [from as usize, 5_000, 333, 1] {
                let heard = convert(from, to, &tone(from, samples), 700);
                let wanted = (samples as u64 * u64::from(to)).div_ceil(u64::from(from)) as usize;
                assert_eq!(heard.len(), wanted, "{samples} samples of {from} to {to}");
            }
            let heard = convert(from, to, &tone(from, from as usize), 700);
            let ideal = tone(to, to as usize);
            let error = heard.iter().zip(&ideal).skip(400).take(to as usize - 800);
            let worst = error.map(|(a, b)| (f32::from(*a) - b * 32_768.0).abs()).fold(0.0, f32::max);
            let a_sample = 16_384.0 * 700.0 * std::f32::consts::TAU / to as f32;
            assert!(worst < a_sample, "{from} to {to}: off by {worst}");
        }
    }

    #[test]
    fn how_it_is_cut_up_makes_no_difference() {
        let input = tone(44_100, 30_000);
        let whole = convert(44_100, 8_000, &input, 30_000);
        for step in [1, 100, 1_024, 4_097] {
            assert!(convert(44_100, 8_000, &input, step) == whole, "{step}");
        }
    }

    #[test]
    fn no_rate_is_no_conversion() {
        assert!(RateConverter::new(0, 8_000).is_err());
        assert!(RateConverter::new(8_000, 0).is_err());
    }
}
