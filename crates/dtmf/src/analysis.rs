//! The spectrum of short overlapping windows at the eight frequencies of DTMF.
//!
//! A Hann window of 16 ms moves by 8 ms. Successive windows add up to one, so that the sum of a tone's magnitudes is its
//! duration; the advance of phase between them gives its frequency to a few Hz.
#![expect(
    clippy::indexing_slicing,
    reason = "indices are constants of the fixed-size arrays; the inner loop of the detector"
)]

use std::f32::consts::TAU;
use std::sync::LazyLock;

use crate::tones::{HIGH_HZ, LOW_HZ, SAMPLE_RATE};

/// Samples between windows.
pub(crate) const HOP: usize = 64;
/// Samples of a window.
pub(crate) const WINDOW: usize = 2 * HOP;
/// [`HOP`] for positions.
pub(crate) const HOP_SAMPLES: u64 = 64;
/// [`HOP`] for durations.
pub(crate) const HOP_LEN: f32 = 64.0;
/// Samples per second.
#[expect(clippy::cast_precision_loss, reason = "8000 is exact")]
pub(crate) const RATE: f32 = SAMPLE_RATE as f32;

/// The frequencies of a dial tone in Hz.
const DIAL_HZ: [f32; 2] = [350.0, 440.0];

/// A complex number.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Complex {
    pub(crate) re: f32,
    pub(crate) im: f32,
}

impl Complex {
    pub(crate) fn times(self, other: Self) -> Self {
        Self { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }

    pub(crate) fn times_conjugate(self, other: Self) -> Self {
        self.times(Self { re: other.re, im: -other.im })
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self { re: self.re + other.re, im: self.im + other.im }
    }

    pub(crate) fn power(self) -> f32 {
        self.re * self.re + self.im * self.im
    }

    pub(crate) fn angle(self) -> f32 {
        self.im.atan2(self.re)
    }
}

/// A row that a kernel reads without a load of its own.
#[repr(align(16))]
#[derive(Clone, Copy)]
struct Row<const N: usize>([f32; N]);

/// Constants that all detectors share.
pub(crate) struct Tables {
    /// Squares of the window.
    squares: Row<WINDOW>,
    /// Cosines and sines of the eight frequencies under the window, by distance from its middle.
    cosines: [Row<8>; HOP],
    sines: [Row<8>; HOP],
    /// The same of the dial tone, in two of four lanes.
    dial_cosines: [Row<4>; HOP],
    dial_sines: [Row<4>; HOP],
    /// Takes the advance of phase over a hop away, by frequency.
    pub(crate) back: [Complex; 8],
    /// Frequencies, low group first.
    pub(crate) hz: [f32; 8],
    /// Turns the square of a sum into a mean square.
    scale: f32,
    /// One over the sum of squares of the window.
    energy_scale: f32,
    /// Overlap of the two frequencies of the dial tone, and of a tone with itself mirrored: of the windows' transforms.
    dial_overlap: f32,
}

static TABLES: LazyLock<Tables> = LazyLock::new(Tables::compute);

impl Tables {
    /// The tables of this process.
    pub(crate) fn shared() -> &'static Self {
        &TABLES
    }

    #[expect(clippy::cast_precision_loss, reason = "indices up to 128 are exact")]
    fn compute() -> Self {
        let mut hz = [0.0; 8];
        hz[..4].copy_from_slice(&LOW_HZ);
        hz[4..].copy_from_slice(&HIGH_HZ);
        let distance = |n: usize| n as f32 + 0.5;
        let window: [f32; WINDOW] =
            std::array::from_fn(|n| 0.5 - 0.5 * (TAU * distance(n) / WINDOW as f32).cos());
        let angle = |hz: f32, n: usize| TAU * hz / RATE * distance(n);
        let two = |of: [f32; 2], n: usize| Row([of[0] * window[HOP + n], of[1] * window[HOP + n], 0.0, 0.0]);
        let back = hz.map(|hz| {
            let turn = TAU * hz / RATE * HOP_LEN;
            Complex { re: turn.cos(), im: -turn.sin() }
        });
        let sum: f32 = window.iter().sum();
        let squares: f32 = window.iter().map(|w| w * w).sum();
        let apart: f32 =
            (0..HOP).map(|n| 2.0 * window[HOP + n] * window[HOP + n] * angle(90.0, n).cos()).sum();
        Self {
            squares: Row(window.map(|w| w * w)),
            cosines: std::array::from_fn(|n| Row(hz.map(|hz| window[HOP + n] * angle(hz, n).cos()))),
            sines: std::array::from_fn(|n| Row(hz.map(|hz| window[HOP + n] * -angle(hz, n).sin()))),
            dial_cosines: std::array::from_fn(|n| two(DIAL_HZ.map(|hz| angle(hz, n).cos()), n)),
            dial_sines: std::array::from_fn(|n| two(DIAL_HZ.map(|hz| -angle(hz, n).sin()), n)),
            back,
            hz,
            scale: 2.0 / (sum * sum),
            energy_scale: 1.0 / squares,
            dial_overlap: apart / squares,
        }
    }

    /// Mean square of `samples` under the window.
    pub(crate) fn energy(&self, samples: &[f32; WINDOW]) -> f32 {
        let lanes = weighted_squares(samples, &self.squares);
        // In halves, as a chain of additions would take longer than all before.
        let half = |k: usize| (lanes[k] + lanes[k + 4]) + (lanes[k + 2] + lanes[k + 6]);
        (half(0) + half(1)) * self.energy_scale
    }

    /// The spectrum of `folded`, whose mean square is `energy`.
    pub(crate) fn spectrum(&self, folded: &Folded, energy: f32) -> Spectrum {
        let (re, im) = (correlate(&folded.even, &self.cosines), correlate(&folded.odd, &self.sines));
        let power = std::array::from_fn(|k| (re[k] * re[k] + im[k] * im[k]) * self.scale);
        Spectrum { energy, re, im, power }
    }

    /// Mean square of the dial tone in `folded`.
    pub(crate) fn dial_power(&self, folded: &Folded) -> f32 {
        let re = correlate(&folded.even, &self.dial_cosines);
        let im = correlate(&folded.odd, &self.dial_sines);
        let sums = [re[0], re[1], im[0], im[1]];
        // Projection on both frequencies, which overlap in so short a window. The energy of the sum of both follows from the
        // solution of the normal equations; `scale` is that of one tone alone.
        let o = self.window_overlap();
        let inverse = 1.0 / (1.0 - o * o);
        let a = Complex { re: (sums[0] - o * sums[1]) * inverse, im: (sums[2] - o * sums[3]) * inverse };
        let b = Complex { re: (sums[1] - o * sums[0]) * inverse, im: (sums[3] - o * sums[2]) * inverse };
        let both = 2.0 * (a.re * b.re + a.im * b.im) * self.dial_overlap;
        (a.power() + b.power() + both).max(0.0) * self.scale
    }

    /// Transform of the window at the distance of the two frequencies of the dial tone, relative to its sum.
    fn window_overlap(&self) -> f32 {
        attenuation(DIAL_HZ[1] - DIAL_HZ[0])
    }
}

// The kernels stand alone, so that the compiler makes four lanes of each whatever is around them.

/// Sums and differences of the samples on both sides of a window's middle. As the window is even, they hold all there is.
pub(crate) struct Folded {
    even: [f32; HOP],
    odd: [f32; HOP],
}

impl Folded {
    /// Folds two hops in sequence.
    pub(crate) fn of(samples: &[f32; WINDOW]) -> Self {
        let mut folded = Self { even: [0.0; HOP], odd: [0.0; HOP] };
        fold(samples, &mut folded);
        folded
    }
}

#[inline(never)]
fn fold(samples: &[f32; WINDOW], folded: &mut Folded) {
    for n in 0..HOP {
        folded.even[n] = samples[HOP + n] + samples[HOP - 1 - n];
        folded.odd[n] = samples[HOP + n] - samples[HOP - 1 - n];
    }
}

/// The sums of the squares of `samples` by lane, each weighed by one of `squares`.
#[inline(never)]
fn weighted_squares(samples: &[f32; WINDOW], squares: &Row<WINDOW>) -> [f32; 8] {
    let mut sums = [0.0; 8];
    for (samples, squares) in samples.as_chunks::<8>().0.iter().zip(squares.0.as_chunks::<8>().0) {
        for ((sum, sample), square) in sums.iter_mut().zip(samples).zip(squares) {
            *sum += sample * sample * square;
        }
    }
    sums
}

/// The sums of products with some functions.
#[inline(never)]
fn correlate<const N: usize>(samples: &[f32; HOP], functions: &[Row<N>; HOP]) -> [f32; N] {
    let mut sums = [[0.0; N]; 4];
    for (samples, functions) in samples.as_chunks::<4>().0.iter().zip(functions.as_chunks::<4>().0) {
        for ((sums, sample), function) in sums.iter_mut().zip(samples).zip(functions) {
            for (sum, value) in sums.iter_mut().zip(&function.0) {
                *sum += sample * value;
            }
        }
    }
    std::array::from_fn(|k| sums[0][k] + sums[1][k] + (sums[2][k] + sums[3][k]))
}

/// Magnitude of a tone that is `off` Hz from where the spectrum is taken, relative to its magnitude in tune.
pub(crate) fn attenuation(off: f32) -> f32 {
    let x = (off * 2.0 * HOP_LEN / RATE).abs();
    if x < 0.01 {
        return 1.0;
    }
    if (x - 1.0).abs() < 0.01 {
        return 0.5;
    }
    let pi_x = std::f32::consts::PI * x;
    pi_x.sin() / (pi_x * (1.0 - x * x))
}

/// One window at the eight frequencies.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Spectrum {
    /// Mean square of the window.
    pub(crate) energy: f32,
    re: [f32; 8],
    im: [f32; 8],
    /// Mean square of a tone at each frequency, low group first.
    pub(crate) power: [f32; 8],
}

impl Spectrum {
    /// Of a window that is not worth a transform.
    pub(crate) fn quiet(energy: f32) -> Self {
        Self { energy, ..Self::default() }
    }

    /// The strongest frequency of each group: 0 to 3 and 4 to 7.
    pub(crate) fn strongest(&self) -> (usize, usize) {
        let mut low = 0;
        let mut high = 4;
        for k in 1..4 {
            if self.power[k] > self.power[low] {
                low = k;
            }
            if self.power[k + 4] > self.power[high] {
                high = k + 4;
            }
        }
        (low, high)
    }

    /// Amplitude and phase at frequency `k`.
    pub(crate) fn at(&self, k: usize) -> Complex {
        Complex { re: self.re[k & 7], im: self.im[k & 7] }
    }
}
