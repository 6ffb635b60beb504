//! The low-pass filter of a conversion: a windowed sinc, cut into one branch for each position of an output between
//! two inputs.

use std::f64::consts::PI;
use std::sync::{Arc, Mutex, PoisonError};

/// Binary places of a coefficient. One fewer than 16 bits have, so that no sum of products leaves 32 bits.
pub(super) const COEFFICIENT_BITS: u32 = 14;

/// Stop-band attenuation that the window is made for, in decibels.
const ATTENUATION: f64 = 70.0;
/// Where the pass-band ends, as a part of half the lower rate.
const PASS: f64 = 0.85;
/// Where the stop-band begins, as a part of half the lower rate.
const STOP: f64 = 1.0;

/// The filter of one pair of rates.
#[derive(Debug)]
pub(super) struct Filter {
    from: u32,
    to: u32,
    taps: usize,
    branches: usize,
    step: usize,
    /// Delay in input samples.
    delay: f64,
    /// All branches one behind the other, each in the order of the inputs.
    coefficients: Box<[i16]>,
}

/// Filters in use are shared, so that many calls do not each bring their own into the cache.
static FILTERS: Mutex<Vec<Arc<Filter>>> = Mutex::new(Vec::new());

impl Filter {
    /// The filter for two different rates that divide a common multiple.
    pub(super) fn shared(from: u32, to: u32) -> Arc<Self> {
        let mut filters = FILTERS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(filter) = filters.iter().find(|filter| (filter.from, filter.to) == (from, to)) {
            return Arc::clone(filter);
        }
        let filter = Arc::new(Self::new(from, to));
        filters.push(Arc::clone(&filter));
        filter
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "lengths of some hundred")]
    fn new(from: u32, to: u32) -> Self {
        let common = gcd(from, to);
        let (branches, step) = ((to / common) as usize, (from / common) as usize);
        // All of it happens at the rate at which every input and every output has a sample.
        let rate = f64::from(from) * branches as f64;
        let nyquist = f64::from(from.min(to)) / 2.0;
        let width = (STOP - PASS) * nyquist / rate;
        // Kaiser's formulas for the length and the window of an attenuation.
        let length = ((ATTENUATION - 7.95) / (2.285 * 2.0 * PI * width)).ceil();
        let taps = (length / branches as f64).ceil() as usize;
        let taps = taps.next_multiple_of(8);
        let length = taps * branches - 1;
        let beta = 0.1102 * (ATTENUATION - 8.7);
        let cutoff = (PASS + STOP) / 2.0 * nyquist / rate;
        let middle = (length - 1) as f64 / 2.0;
        let prototype: Vec<f64> = (0..length)
            .map(|n| {
                let t = n as f64 - middle;
                let sinc = if t == 0.0 { 2.0 * cutoff } else { (2.0 * PI * cutoff * t).sin() / (PI * t) };
                sinc * bessel(beta * (1.0 - (t / middle).powi(2)).max(0.0).sqrt()) / bessel(beta)
            })
            .collect();
        let scale = branches as f64 * f64::from(1 << COEFFICIENT_BITS);
        let coefficients = (0..branches)
            .flat_map(|branch| {
                let prototype = &prototype;
                (0..taps).rev().map(move |tap| {
                    let value = prototype.get(tap * branches + branch).copied().unwrap_or(0.0);
                    (value * scale).round() as i16
                })
            })
            .collect();
        Self { from, to, taps, branches, step, delay: middle / branches as f64, coefficients }
    }

    /// Coefficients of a branch.
    pub(super) const fn taps(&self) -> usize {
        self.taps
    }

    /// Positions of an output between two inputs.
    pub(super) const fn branches(&self) -> usize {
        self.branches
    }

    /// Positions from one output to the next.
    pub(super) const fn step(&self) -> usize {
        self.step
    }

    /// Delay in input samples.
    pub(super) const fn delay(&self) -> f64 {
        self.delay
    }

    /// The coefficients of one branch, for inputs in their order.
    pub(super) fn branch(&self, branch: usize) -> &[i16] {
        self.coefficients.get(branch * self.taps..(branch + 1) * self.taps).unwrap_or_default()
    }
}

const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The modified Bessel function of the first kind and order zero.
fn bessel(x: f64) -> f64 {
    let mut sum = 1.0;
    let mut term = 1.0;
    let mut k = 1.0;
    while term > sum * 1e-12 {
        term *= (x / (2.0 * k)).powi(2);
        sum += term;
        k += 1.0;
    }
    sum
}
