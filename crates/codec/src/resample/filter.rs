//! The low-pass filter of a conversion: a windowed sinc, cut into one branch for each position of an output between
//! two inputs.

use std::f64::consts::PI;
use std::sync::{Arc, Mutex, PoisonError};

/// Binary places of a coefficient. The coefficients of a branch add up to 1, their magnitudes to up to 2.2, so that with
/// one place more a sum of products could leave 32 bits.
pub(super) const COEFFICIENT_BITS: u32 = 14;

/// Length of the filter's memory in samples of the lower rate. Half of it is the delay.
const MEMORY: usize = 48;
/// Stop-band attenuation in decibels that the window is made for. With the length it decides how wide the band between
/// pass-band and stop-band is, by Kaiser's formula: 0.151 of half the lower rate.
const ATTENUATION: f64 = 60.0;
const TRANSITION: f64 = 2.0 * (ATTENUATION - 7.95) / (2.285 * 2.0 * PI * MEMORY as f64);

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

    #[expect(clippy::cast_possible_truncation, reason = "coefficients are below 1, times 2^14")]
    fn new(from: u32, to: u32) -> Self {
        let common = gcd(from, to);
        let (branches, step) = ((to / common) as usize, (from / common) as usize);
        // All of it happens at the rate at which every input and every output has a sample. The length is odd, so that
        // the middle is a sample, and the first place of the first branch stays empty: so the delay is a whole number
        // of samples of either rate, and what went up and down again can be compared sample by sample.
        let taps = MEMORY * branches.max(step) / branches;
        let length = taps * branches - 1;
        let middle = (length - 1) as f64 / 2.0;
        let beta = 0.1102 * (ATTENUATION - 8.7);
        let cutoff = (1.0 - TRANSITION / 2.0) / branches.max(step) as f64;
        let tap = |n: usize| {
            let t = n as f64 - middle;
            let sinc = if t == 0.0 { cutoff } else { (PI * cutoff * t).sin() / (PI * t) };
            sinc * bessel(beta * (1.0 - (t / middle).powi(2)).max(0.0).sqrt()) / bessel(beta)
        };
        let mut coefficients = Vec::with_capacity(taps * branches);
        for branch in 0..branches {
            let places = (0..taps).rev().map(|place| place * branches + branch);
            let values: Vec<f64> = places.map(|n| n.checked_sub(1).map_or(0.0, tap)).collect();
            let scale = f64::from(1 << COEFFICIENT_BITS) / values.iter().sum::<f64>();
            coefficients.extend(values.iter().map(|value| (value * scale).round() as i16));
        }
        let coefficients = coefficients.into_boxed_slice();
        Self { from, to, taps, branches, step, delay: (middle + 1.0) / branches as f64, coefficients }
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

    /// The coefficients branch by branch, each branch for inputs in their order.
    pub(super) fn coefficients(&self) -> &[i16] {
        &self.coefficients
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
