//! The lag at which a signal is most like itself.
#![expect(clippy::indexing_slicing, reason = "inner loops over lengths fixed by the caller")]

use std::ops::RangeInclusive;

use crate::signal::{dot, energy};

/// Compares `window` samples at `at` with those at `place(at, lag)`, and finds the lag where they are most alike: lag and
/// normalised correlation. Above 8 kHz it looks at every so many lags first, then closely around the best.
pub(crate) fn best_lag(
    signal: &[f32],
    at: usize,
    window: usize,
    lags: RangeInclusive<usize>,
    per_ms: usize,
    place: impl Fn(usize, usize) -> usize,
) -> (usize, f32) {
    let target = &signal[at..at + window];
    let loudness = energy(target) + 1.0;
    let likeness = |lag: usize| {
        let start = place(at, lag);
        let other = &signal[start..start + window];
        dot(target, other) / (loudness * (energy(other) + 1.0)).sqrt()
    };
    let (min, max) = (*lags.start(), *lags.end());
    let step = (per_ms / 8).max(1);
    let coarse = best(lags.step_by(step), likeness);
    if step == 1 {
        return coarse;
    }
    let around = coarse.0.saturating_sub(step).max(min)..=(coarse.0 + step).min(max);
    best(around, likeness)
}

fn best(lags: impl Iterator<Item = usize>, likeness: impl Fn(usize) -> f32) -> (usize, f32) {
    let mut best = (0, f32::MIN);
    for lag in lags {
        let alike = likeness(lag);
        if alike > best.1 {
            best = (lag, alike);
        }
    }
    best
}
