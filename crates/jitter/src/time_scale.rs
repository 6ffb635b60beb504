//! Audio made longer or shorter by one pitch period: so the delay changes within a talkspurt.
//!
//! Where the waveform is periodic, a period more or less is hardly audible; where it is quiet, it is not at all.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "offsets are bounded by the lengths checked at the top; samples are clamped"
)]

use crate::pitch::best_lag;

/// Below this mean amplitude a change is not audible.
const QUIET: f32 = 60.0;

/// Makes audio longer or shorter by a piece of one period.
#[derive(Debug)]
pub(crate) struct TimeScaler {
    per_ms: usize,
    signal: Vec<f32>,
    joint: Vec<i16>,
}

/// How alike two pieces must be to be joined, from -1 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Likeness(pub(crate) f32);

impl TimeScaler {
    /// For audio at `rate` hertz.
    pub(crate) fn new(rate: u32) -> Self {
        let per_ms = rate as usize / 1000;
        Self { per_ms, signal: Vec::with_capacity(48 * per_ms), joint: Vec::with_capacity(16 * per_ms) }
    }

    const fn overlap(&self) -> usize {
        self.per_ms * 8
    }

    const fn min_lag(&self) -> usize {
        self.per_ms * 5 / 2
    }

    const fn max_lag(&self) -> usize {
        self.per_ms * 15
    }

    /// Removes a piece at the beginning of `audio`; returns how many samples are left, at its beginning.
    pub(crate) fn shorten(&mut self, audio: &mut [i16], likeness: Likeness) -> Option<usize> {
        let overlap = self.overlap();
        let max = self.max_lag().min(audio.len().checked_sub(overlap)?);
        let used = max + overlap;
        self.load(&audio[..used]);
        let lag = self.lag(0, max, likeness, |at, lag| at + lag)?;
        for i in 0..overlap {
            audio[i] = fade(audio[i], audio[i + lag], i, overlap);
        }
        audio.copy_within(overlap + lag.., overlap);
        Some(audio.len() - lag)
    }

    /// Inserts a piece at `from`, from which on `audio` is yet to be played; before it is what was played last. The last
    /// [`max_growth`](Self::max_growth) samples are room. Returns how many samples there are from `from` on.
    pub(crate) fn lengthen(&mut self, audio: &mut [i16], from: usize, likeness: Likeness) -> Option<usize> {
        let overlap = self.overlap();
        let len = audio.len().checked_sub(from + self.max_growth())?;
        let max = self.max_lag().min(from);
        if len < overlap {
            return None;
        }
        self.load(&audio[from - max..from + overlap]);
        let lag = self.lag(max, max, likeness, |at, lag| at - lag)?;
        let end = from + len;
        self.joint.clear();
        self.joint.extend((0..overlap).map(|i| fade(audio[from + i], audio[from + i - lag], i, overlap)));
        // What follows the joint is what followed the earlier piece.
        audio.copy_within(from + overlap - lag..end, from + overlap);
        audio[from..from + overlap].copy_from_slice(&self.joint);
        Some(len + lag)
    }

    /// The most samples that [`lengthen`](Self::lengthen) inserts.
    pub(crate) const fn max_growth(&self) -> usize {
        self.max_lag()
    }

    fn load(&mut self, audio: &[i16]) {
        self.signal.clear();
        self.signal.extend(audio.iter().map(|sample| f32::from(*sample)));
    }

    fn lag(
        &self,
        at: usize,
        max: usize,
        Likeness(least): Likeness,
        place: impl Fn(usize, usize) -> usize,
    ) -> Option<usize> {
        let min = self.min_lag();
        if max < min {
            return None;
        }
        let loudness = self.signal.iter().map(|sample| sample.abs()).sum::<f32>() / self.signal.len() as f32;
        let (lag, likeness) = best_lag(&self.signal, at, self.overlap(), min..=max, self.per_ms, place);
        (likeness >= least || loudness < QUIET).then_some(lag)
    }
}

/// From `old` to `new` by `step` of `steps`.
fn fade(old: i16, new: i16, step: usize, steps: usize) -> i16 {
    let weight = (step as f32 + 0.5) / steps as f32;
    (f32::from(old) * (1.0 - weight) + f32::from(new) * weight).round() as i16
}
