//! The audio of one tick of one source, at the rates that its consumers want; each rate is converted once.

use mediapoint_codec::resample::Resampler;

/// Longest tick in milliseconds.
pub const MAX_TICK_MILLIS: u32 = 20;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FrameKind {
    /// Audio.
    Audio,
    /// Background noise of a pause.
    ComfortNoise,
    /// Silence: nothing comes from the source.
    #[default]
    Nothing,
}

/// Samples in `millis` milliseconds at `rate` hertz.
#[must_use]
pub fn samples(rate: u32, millis: u32) -> usize {
    usize::try_from(rate / 1000 * millis).unwrap_or(0)
}

/// Level of audio in dBov without its sign, 0 (full scale) to 127 (silence) [RFC6464 4].
#[must_use]
pub fn level(pcm: &[i16]) -> u8 {
    if pcm.is_empty() {
        return 127;
    }
    // Whole numbers, which are added several at a time.
    let sum: u64 = pcm.iter().map(|&sample| u64::from(i32::from(sample).pow(2).unsigned_abs())).sum();
    #[expect(
        clippy::cast_precision_loss,
        reason = "a count of samples, and below 2^53 for all that a frame holds"
    )]
    let mean = sum as f64 / pcm.len() as f64;
    // The reference is a full-scale sine, whose mean square is half of that of a full-scale square wave.
    let level = -10.0 * (mean / (32_768.0 * 32_768.0 / 2.0)).max(1e-13).log10();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=127")]
    let level = level.round().clamp(0.0, 127.0) as u8;
    level
}

/// A frame at another rate than its source's.
#[derive(Debug)]
struct Converted {
    rate: u32,
    resampler: Resampler,
    pcm: Box<[i16]>,
    len: usize,
    /// False until the present tick's audio is converted.
    fresh: bool,
}

/// The frame of one source. Its buffers live as long as the source.
#[derive(Debug)]
pub struct Frame {
    rate: u32,
    kind: FrameKind,
    pcm: Box<[i16]>,
    len: usize,
    level: Option<u8>,
    converted: Vec<Converted>,
}

impl Frame {
    /// An empty frame of a source at `rate` hertz.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let pcm = vec![0; samples(rate, MAX_TICK_MILLIS)].into_boxed_slice();
        Self { rate, kind: FrameKind::Nothing, pcm, len: 0, level: None, converted: Vec::new() }
    }

    /// Rate of the source in hertz.
    #[must_use]
    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// What it holds.
    #[must_use]
    pub const fn kind(&self) -> FrameKind {
        self.kind
    }

    /// Changes the rate of the source; conversions begin anew.
    pub fn set_rate(&mut self, rate: u32) {
        if rate != self.rate {
            *self = Self::new(rate);
        }
    }

    /// Fills the frame with a tick of `millis` milliseconds; `fill` is given a buffer of that length and returns what it
    /// filled it with.
    pub fn fill(&mut self, millis: u32, fill: impl FnOnce(&mut [i16]) -> FrameKind) {
        self.len = samples(self.rate, millis).min(self.pcm.len());
        let pcm = self.pcm.get_mut(..self.len).unwrap_or_default();
        self.kind = fill(pcm);
        self.level = None;
        self.converted.iter_mut().for_each(|converted| converted.fresh = false);
    }

    /// Writes the samples of the present tick, which was filled without them; nobody has looked at them yet.
    pub fn complete(&mut self, write: impl FnOnce(&mut [i16])) {
        write(self.pcm.get_mut(..self.len).unwrap_or_default());
    }

    /// The samples at the source's rate.
    #[must_use]
    pub fn pcm(&self) -> &[i16] {
        self.pcm.get(..self.len).unwrap_or_default()
    }

    /// The samples at `rate` hertz; empty where there is no conversion to that rate.
    pub fn at(&mut self, rate: u32) -> &[i16] {
        if rate == self.rate {
            return self.pcm();
        }
        let Some(place) = self.conversion(rate) else { return &[] };
        let Some(converted) = self.converted.get_mut(place) else { return &[] };
        if !converted.fresh {
            let pcm = self.pcm.get(..self.len).unwrap_or_default();
            converted.len = converted.resampler.process(pcm, &mut converted.pcm);
            converted.fresh = true;
        }
        converted.pcm.get(..converted.len).unwrap_or_default()
    }

    /// The place of the conversion to a rate, made where there is none; `None` where there can be none.
    fn conversion(&mut self, rate: u32) -> Option<usize> {
        let known = self.converted.iter().position(|converted| converted.rate == rate);
        if known.is_some() {
            return known;
        }
        let resampler = Resampler::new(self.rate, rate).ok()?;
        let pcm = vec![0; samples(rate, MAX_TICK_MILLIS) + 1].into_boxed_slice();
        self.converted.push(Converted { rate, resampler, pcm, len: 0, fresh: false });
        Some(self.converted.len() - 1)
    }

    /// Gets ready for [`Frame::at`] that rate, so that the first tick of it allocates nothing. Converts nothing: what others hear
    /// is not to depend on how often this is called.
    pub fn prepare(&mut self, rate: u32) {
        if rate != self.rate {
            self.conversion(rate);
        }
    }

    /// Level of the samples, see [`level`]; measured once a tick.
    pub fn level(&mut self) -> u8 {
        if let Some(level) = self.level {
            return level;
        }
        let level = if self.kind == FrameKind::Nothing { 127 } else { level(self.pcm()) };
        self.level = Some(level);
        level
    }

    /// Drops conversions to rates that nobody wants any more.
    pub fn keep_rates(&mut self, wanted: impl Fn(u32) -> bool) {
        self.converted.retain(|converted| wanted(converted.rate));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // test-of: [RFC6464 4]
    #[test]
    fn full_scale_sine_is_0_dbov_and_silence_127() {
        let sine: Vec<i16> = (0..800_u32)
            .map(|n| {
                #[expect(clippy::cast_possible_truncation, reason = "a sine within 16 bits")]
                let sample = (32_767.0 * (f64::from(n) * std::f64::consts::TAU / 8.0).sin()) as i16;
                sample
            })
            .collect();
        assert_eq!((level(&sine), level(&[0; 160]), level(&[])), (0, 127, 127));
    }

    #[test]
    fn each_rate_is_converted_once_a_tick() {
        let mut frame = Frame::new(8000);
        let mut whole = Vec::new();
        for tick in 0..10_i16 {
            frame.fill(20, |pcm| {
                pcm.iter_mut().zip(0_i16..).for_each(|(sample, n)| *sample = tick * 160 + n);
                FrameKind::Audio
            });
            let first = frame.at(16_000).to_vec();
            assert_eq!(frame.at(16_000), first, "a second reader gets the same samples");
            whole.extend(first);
        }
        let mut resampler = Resampler::new(8000, 16_000).unwrap();
        let ramp: Vec<i16> = (0..1600).collect();
        let mut expected = vec![0; 3200];
        resampler.process(&ramp, &mut expected);
        assert_eq!(whole, expected);
    }
}
