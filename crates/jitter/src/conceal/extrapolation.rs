//! Continues a signal beyond its end.
//!
//! Its linear prediction residual is repeated by the pitch period, mixed with noise where it is not periodic, and
//! filtered again: the seam is smooth without an overlap, and the spectrum stays.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "inner loops over lengths fixed at construction"
)]

use super::prediction::{ORDER, Predictor};
use crate::pitch::best_lag;
use crate::signal::{MAX_PER_MS, dot, energy};

/// Pitch periods looked for, in 2 ms: 400 Hz to 67 Hz.
const MIN_LAG_HALF_MS: usize = 5;
const MAX_LAG_HALF_MS: usize = 30;
/// The signal's end that is looked for in its past. Short, so that it is the latest waveform that is found again.
const MATCH_MS: usize = 6;
/// At this likeness of two periods and below, the most noise; at the other and above, none.
const UNVOICED: f32 = 0.3;
const VOICED: f32 = 0.7;
/// The most that noise takes of the residual's place.
const MAX_NOISE: f32 = 0.5;
/// No sample grows beyond this, whatever the model.
const CEILING: f32 = 60_000.0;
/// The least past that can be continued.
pub(super) const MIN_PAST_MS: usize = 10;

/// Room for the residual of the longest pitch period, at the highest rate.
pub(super) const MAX_PERIOD: usize = longest_period(MAX_PER_MS);

/// Samples of the longest pitch period.
pub(super) const fn longest_period(per_ms: usize) -> usize {
    MAX_LAG_HALF_MS * per_ms / 2
}

/// A signal's model, and where its continuation is. The residual that drives it is the caller's to keep: a ring of
/// [`longest_period`] samples, the last pitch period of the past's to begin with, then of what drove the filter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extrapolation {
    per_ms: usize,
    model: [f32; ORDER],
    /// The residual's oldest sample.
    oldest: usize,
    /// The last samples before those that are made next.
    last: [f32; ORDER],
    lag: usize,
    likeness: f32,
    /// Gains of the repeated residual and of noise.
    periodic: f32,
    noise: f32,
    random: u32,
}

impl Extrapolation {
    /// For audio of `per_ms` samples a millisecond; noise goes on from `random`.
    pub(super) const fn new(per_ms: usize, random: u32) -> Self {
        Self {
            per_ms,
            model: [0.0; ORDER],
            oldest: 0,
            last: [0.0; ORDER],
            lag: 1,
            likeness: 0.0,
            periodic: 1.0,
            noise: 0.0,
            random,
        }
    }

    /// Takes the past, its last sample last: at least [`MIN_PAST_MS`].
    pub(super) fn begin(&mut self, predictor: &Predictor, past: &[f32], residual: &mut [f32]) {
        let len = past.len();
        let window = (MATCH_MS * self.per_ms).min(len * 2 / 5);
        let min = MIN_LAG_HALF_MS * self.per_ms / 2;
        let max = longest_period(self.per_ms).min(len - window).min(len - ORDER);
        (self.lag, self.likeness) =
            best_lag(past, len - window, window, min..=max, self.per_ms, |at, lag| at - lag);
        self.model = predictor.model(past);
        self.oldest = 0;
        let residual = &mut residual[..self.lag];
        for (at, left) in (len - self.lag..len).zip(residual.iter_mut()) {
            *left = past[at] + dot(&past[at - ORDER..at], &self.model);
        }
        let level = (energy(residual) / self.lag as f32).sqrt();
        let voiced = ((self.likeness - UNVOICED) / (VOICED - UNVOICED)).clamp(0.0, 1.0);
        self.periodic = 1.0 - MAX_NOISE * (1.0 - voiced);
        // Evenly distributed noise of the residual's level.
        self.noise = MAX_NOISE * (1.0 - voiced * voiced).sqrt() * level * 3.0_f32.sqrt();
        self.last.copy_from_slice(&past[len - ORDER..]);
    }

    /// Continues the signal behind the first [`ORDER`] samples of `room`, which are for the filter's past, to its end.
    pub(super) fn extend<'a>(&mut self, residual: &mut [f32], room: &'a mut [f32]) -> &'a [f32] {
        let residual = &mut residual[..self.lag];
        room[..ORDER].copy_from_slice(&self.last);
        for at in ORDER..room.len() {
            let repeated = residual[self.oldest];
            let drive = repeated * self.periodic + self.random() * self.noise;
            residual[self.oldest] = drive;
            self.oldest = if self.oldest + 1 < residual.len() { self.oldest + 1 } else { 0 };
            let sample = drive - dot(&room[at - ORDER..at], &self.model);
            room[at] = sample.clamp(-CEILING, CEILING);
        }
        self.last.copy_from_slice(&room[room.len() - ORDER..]);
        &room[ORDER..]
    }

    /// Where the noise of the next continuation goes on.
    pub(super) const fn noise_state(&self) -> u32 {
        self.random
    }

    /// Samples of a millisecond.
    pub(super) const fn per_ms(&self) -> usize {
        self.per_ms
    }

    /// The pitch period in samples.
    pub(super) const fn lag(&self) -> usize {
        self.lag
    }

    /// How alike two periods are: 0 to 1.
    pub(super) const fn voicing(&self) -> f32 {
        self.likeness.clamp(0.0, 1.0)
    }

    /// Evenly spread between -1 and 1.
    const fn random(&mut self) -> f32 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.random >> 8) as f32 / 8_388_608.0 - 1.0
    }
}
