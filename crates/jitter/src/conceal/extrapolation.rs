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
use crate::signal::{dot, energy};

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

/// A signal's model, and the continuation that is yet to be used.
#[derive(Debug)]
pub(super) struct Extrapolation {
    per_ms: usize,
    model: [f32; ORDER],
    /// The last pitch period of the past's residual, then of what drives the filter: a ring, and its oldest sample.
    excitation: Vec<f32>,
    oldest: usize,
    /// The last samples before the continuation, then the continuation.
    output: Vec<f32>,
    lag: usize,
    likeness: f32,
    /// Gains of the repeated residual and of noise.
    periodic: f32,
    noise: f32,
    random: u32,
}

impl Extrapolation {
    /// For audio of `per_ms` samples a millisecond, with room for `longest` samples at a time.
    pub(super) fn new(per_ms: usize, longest: usize) -> Self {
        Self {
            per_ms,
            model: [0.0; ORDER],
            excitation: Vec::with_capacity(MAX_LAG_HALF_MS * per_ms / 2 + 1),
            oldest: 0,
            output: Vec::with_capacity(longest + ORDER),
            lag: 1,
            likeness: 0.0,
            periodic: 1.0,
            noise: 0.0,
            random: 1,
        }
    }

    /// Takes the past, its last sample last: at least [`MIN_PAST_MS`].
    pub(super) fn begin(&mut self, predictor: &mut Predictor, past: &[f32]) {
        let len = past.len();
        let window = (MATCH_MS * self.per_ms).min(len * 2 / 5);
        let min = MIN_LAG_HALF_MS * self.per_ms / 2;
        let max = (MAX_LAG_HALF_MS * self.per_ms / 2).min(len - window).min(len - ORDER);
        (self.lag, self.likeness) =
            best_lag(past, len - window, window, min..=max, self.per_ms, |at, lag| at - lag);
        self.model = predictor.model(past);
        self.excitation.clear();
        self.oldest = 0;
        for at in len - self.lag..len {
            self.excitation.push(past[at] + dot(&past[at - ORDER..at], &self.model));
        }
        let level = (energy(&self.excitation) / self.lag as f32).sqrt();
        let voiced = ((self.likeness - UNVOICED) / (VOICED - UNVOICED)).clamp(0.0, 1.0);
        self.periodic = 1.0 - MAX_NOISE * (1.0 - voiced);
        // Evenly distributed noise of the residual's level.
        self.noise = MAX_NOISE * (1.0 - voiced * voiced).sqrt() * level * 3.0_f32.sqrt();
        self.output.clear();
        self.output.extend_from_slice(&past[len - ORDER..]);
    }

    /// At least the next `len` samples.
    pub(super) fn first(&mut self, len: usize) -> &[f32] {
        while self.output.len() - ORDER < len {
            let repeated = self.excitation[self.oldest];
            let drive = repeated * self.periodic + self.random() * self.noise;
            self.excitation[self.oldest] = drive;
            self.oldest = if self.oldest + 1 < self.excitation.len() { self.oldest + 1 } else { 0 };
            let past = &self.output[self.output.len() - ORDER..];
            let sample = drive - dot(past, &self.model);
            self.output.push(sample.clamp(-CEILING, CEILING));
        }
        self.made()
    }

    /// The samples that [`first`](Self::first) has made and that are not [used](Self::advance).
    pub(super) fn made(&self) -> &[f32] {
        &self.output[ORDER..]
    }

    /// The first `len` samples are used.
    pub(super) fn advance(&mut self, len: usize) {
        self.first(len);
        let rest = self.output.len() - len;
        self.output.copy_within(len.., 0);
        self.output.truncate(rest);
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
