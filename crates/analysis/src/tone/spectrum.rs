//! The strongest one or two frequencies of the last 64 ms, by a Fourier transform each frame.
#![expect(clippy::indexing_slicing, reason = "bins are bounded by the constants of this file")]

use std::sync::Arc;

use rustfft::algorithm::Radix4;
use rustfft::num_complex::Complex32;
use rustfft::{Fft as _, FftDirection};

use crate::frame::FRAME;

/// Samples of the window: 64 ms, so that 400 and 450 Hz are two peaks.
const WINDOW: usize = 512;
const BINS: usize = WINDOW / 2 + 1;
/// Hz a bin.
const BIN_HZ: f32 = 15.625;
/// First and last bin that count: 190 to 3500 Hz.
const FIRST: usize = 12;
const LAST: usize = 224;
/// Bins either side that belong to a peak of a Hann window.
const SPREAD: usize = 2;
/// A second frequency this much weaker than the first one does not count (13 dB).
const WEAK: f32 = 0.05;

/// One or two frequencies that make up most of the signal.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Peaks {
    /// Hz, ascending; the second is 0 where there is one only.
    pub(super) hz: [f32; 2],
    /// Share of all power between 190 and 3500 Hz, 0 to 1.
    pub(super) purity: f32,
}

#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Spectrum {
    /// The last 512 samples.
    history: Vec<f32>,
    #[cfg_attr(feature = "serde", serde(skip, default))]
    transform: Transform,
}

/// One algorithm, not what a planner finds best: it rounds the same on every processor, and takes seconds less to compile.
#[derive(Clone)]
struct Transform {
    plan: Arc<Radix4<f32>>,
    window: Vec<f32>,
    samples: Vec<Complex32>,
    scratch: Vec<Complex32>,
    power: Vec<f32>,
}

impl Default for Transform {
    fn default() -> Self {
        let plan = Arc::new(Radix4::new(WINDOW, FftDirection::Forward));
        let turn = core::f32::consts::TAU / WINDOW as f32;
        Self {
            window: (0..WINDOW).map(|at| 0.5 - 0.5 * (turn * at as f32).cos()).collect(),
            samples: vec![Complex32::default(); WINDOW],
            scratch: vec![Complex32::default(); plan.get_inplace_scratch_len()],
            power: vec![0.0; BINS],
            plan,
        }
    }
}

impl core::fmt::Debug for Spectrum {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Spectrum").finish_non_exhaustive()
    }
}

impl Spectrum {
    pub(super) fn new() -> Self {
        Self { history: vec![0.0; WINDOW], transform: Transform::default() }
    }

    /// Takes a frame without looking at it.
    pub(super) fn push(&mut self, frame: &[i16; FRAME]) {
        self.history.resize(WINDOW, 0.0);
        self.history.copy_within(FRAME.., 0);
        for (to, &from) in self.history[WINDOW - FRAME..].iter_mut().zip(frame) {
            *to = f32::from(from);
        }
    }

    /// The peaks of the last 64 ms.
    pub(super) fn peaks(&mut self) -> Option<Peaks> {
        self.history.resize(WINDOW, 0.0);
        let transform = &mut self.transform;
        for ((to, from), window) in transform.samples.iter_mut().zip(&self.history).zip(&transform.window) {
            *to = Complex32::new(from * window, 0.0);
        }
        transform.plan.process_with_scratch(&mut transform.samples, &mut transform.scratch);
        for (to, from) in transform.power.iter_mut().zip(&transform.samples) {
            *to = from.norm_sqr();
        }
        let power = &transform.power;
        let total: f32 = power[FIRST..=LAST].iter().sum();
        // Below about -66 dBm0 all is quantisation.
        if total < 1e6 {
            return None;
        }
        let first = strongest(power, |_| true)?;
        let second = strongest(power, |bin| bin.abs_diff(first) > SPREAD)?;
        let one = around(power, first, second);
        let two = around(power, second, first);
        if two > WEAK * one {
            let (a, b) = (frequency(power, first), frequency(power, second));
            return Some(Peaks { hz: [a.min(b), a.max(b)], purity: (one + two) / total });
        }
        Some(Peaks { hz: [frequency(power, first), 0.0], purity: one / total })
    }
}

fn strongest(power: &[f32], allowed: impl Fn(usize) -> bool) -> Option<usize> {
    (FIRST..=LAST).filter(|&bin| allowed(bin)).max_by(|&a, &b| power[a].total_cmp(&power[b]))
}

/// Power of the bins around `bin` that are nearer to it than to `other`.
fn around(power: &[f32], bin: usize, other: usize) -> f32 {
    (bin - SPREAD..=bin + SPREAD)
        .filter(|at| at.abs_diff(bin) <= at.abs_diff(other))
        .map(|at| power[at])
        .sum()
}

/// Frequency of a peak in Hz, by a parabola through the logarithms.
fn frequency(power: &[f32], bin: usize) -> f32 {
    let log = |at: usize| power[at].max(1.0).ln();
    let (left, middle, right) = (log(bin - 1), log(bin), log(bin + 1));
    let bend = left - 2.0 * middle + right;
    let shift = if bend < -1e-6 { (0.5 * (left - right) / bend).clamp(-0.5, 0.5) } else { 0.0 };
    (bin as f32 + shift) * BIN_HZ
}
