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
use crate::signal::MAX_PER_MS;

/// Below this mean amplitude a change is not audible.
const QUIET: f32 = 60.0;

/// The cross-fade at a joint, and the longest piece put in or taken out: periods down to 67 Hz.
const OVERLAP_MS: usize = 8;
const MAX_LAG_MS: usize = 15;
/// Samples that are looked at, at the highest rate.
const REACH: usize = (MAX_LAG_MS + OVERLAP_MS) * MAX_PER_MS;

/// Makes audio longer or shorter by a piece of one period. It has no state.
#[derive(Debug)]
pub(crate) struct TimeScaler {
    per_ms: usize,
}

/// How alike two pieces must be to be joined, from -1 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Likeness(pub(crate) f32);

impl TimeScaler {
    /// For audio at `rate` hertz.
    pub(crate) const fn new(rate: u32) -> Self {
        Self { per_ms: rate as usize / 1000 }
    }

    const fn overlap(&self) -> usize {
        self.per_ms * OVERLAP_MS
    }

    const fn min_lag(&self) -> usize {
        self.per_ms * 5 / 2
    }

    const fn max_lag(&self) -> usize {
        self.per_ms * MAX_LAG_MS
    }

    /// Removes a piece at the beginning of `audio`; returns how many samples are left, at its beginning.
    pub(crate) fn shorten(&self, audio: &mut [i16], likeness: Likeness) -> Option<usize> {
        let overlap = self.overlap();
        let max = self.max_lag().min(audio.len().checked_sub(overlap)?);
        let used = max + overlap;
        let mut room = [0.0; REACH];
        let lag = self.lag(load(&audio[..used], &mut room), 0, max, likeness, |at, lag| at + lag)?;
        for i in 0..overlap {
            audio[i] = fade(audio[i], audio[i + lag], i, overlap);
        }
        audio.copy_within(overlap + lag.., overlap);
        Some(audio.len() - lag)
    }

    /// Inserts a piece at `from`, from which on `audio` is yet to be played; before it is what was played last. The last
    /// [`max_growth`](Self::max_growth) samples are room. Returns how many samples there are from `from` on.
    pub(crate) fn lengthen(&self, audio: &mut [i16], from: usize, likeness: Likeness) -> Option<usize> {
        let overlap = self.overlap();
        let len = audio.len().checked_sub(from + self.max_growth())?;
        let max = self.max_lag().min(from);
        if len < overlap {
            return None;
        }
        let mut room = [0.0; REACH];
        let signal = load(&audio[from - max..from + overlap], &mut room);
        let lag = self.lag(signal, max, max, likeness, |at, lag| at - lag)?;
        let end = from + len;
        let mut joint = [0; OVERLAP_MS * MAX_PER_MS];
        let joint = &mut joint[..overlap];
        for (i, sample) in joint.iter_mut().enumerate() {
            *sample = fade(audio[from + i], audio[from + i - lag], i, overlap);
        }
        // What follows the joint is what followed the earlier piece.
        audio.copy_within(from + overlap - lag..end, from + overlap);
        audio[from..from + overlap].copy_from_slice(joint);
        Some(len + lag)
    }

    /// The most samples that [`lengthen`](Self::lengthen) inserts.
    pub(crate) const fn max_growth(&self) -> usize {
        self.max_lag()
    }

    fn lag(
        &self,
        signal: &[f32],
        at: usize,
        max: usize,
        Likeness(least): Likeness,
        place: impl Fn(usize, usize) -> usize,
    ) -> Option<usize> {
        let min = self.min_lag();
        if max < min {
            return None;
        }
        let loudness = signal.iter().map(|sample| sample.abs()).sum::<f32>() / signal.len() as f32;
        let (lag, likeness) = best_lag(signal, at, self.overlap(), min..=max, self.per_ms, place);
        (likeness >= least || loudness < QUIET).then_some(lag)
    }
}

/// The samples as real numbers, at the beginning of `room`.
fn load<'a>(audio: &[i16], room: &'a mut [f32; REACH]) -> &'a [f32] {
    let room = &mut room[..audio.len()];
    for (to, from) in room.iter_mut().zip(audio) {
        *to = f32::from(*from);
    }
    room
}

/// From `old` to `new` by `step` of `steps`.
fn fade(old: i16, new: i16, step: usize, steps: usize) -> i16 {
    let weight = (step as f32 + 0.5) / steps as f32;
    (f32::from(old) * (1.0 - weight) + f32::from(new) * weight).round() as i16
}
