//! A signal continued beyond its end: its linear prediction residual is repeated by the pitch period, and filtered again.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "inner loops over lengths fixed at construction"
)]

use super::tuning::Tuning;
use crate::pitch::best_lag;
use crate::signal::{dot, energy};

pub(crate) const ORDER: usize = 32;

/// One signal's model and what it has made of it so far.
#[derive(Debug)]
pub(crate) struct Extrapolation {
    per_ms: usize,
    /// Prediction coefficients, that of the oldest sample first.
    reversed: [f32; ORDER],
    /// The residual of the past, then of what was made.
    excitation: Vec<f32>,
    excitation_start: usize,
    /// The last `ORDER` samples of the past, then what was made.
    output: Vec<f32>,
    window: Vec<f32>,
    windowed: Vec<f32>,
    pub(crate) lag: usize,
    pub(crate) voicing: f32,
    level: f32,
    seed: u32,
    t: Tuning,
}

impl Extrapolation {
    /// For audio of `per_ms` samples a millisecond, room for `longest` samples to be made.
    pub(crate) fn new(per_ms: usize, longest: usize, t: Tuning) -> Self {
        let len = (t.get("lwin", 20.0) as usize) * per_ms;
        let fall = len / 10;
        let rise = len - fall;
        let window = (0..len)
            .map(|i| {
                if i < rise {
                    0.5 - 0.5 * (std::f32::consts::PI * (i as f32 + 0.5) / rise as f32).cos()
                } else {
                    (0.5 * std::f32::consts::PI * ((i - rise) as f32 + 0.5) / fall as f32).cos()
                }
            })
            .collect();
        Self {
            per_ms,
            reversed: [0.0; ORDER],
            excitation: Vec::with_capacity(longest + 17 * per_ms),
            excitation_start: 0,
            output: Vec::with_capacity(longest + ORDER),
            window,
            windowed: Vec::with_capacity(len),
            lag: 1,
            voicing: 0.0,
            level: 0.0,
            seed: 1,
            t,
        }
    }

    /// Takes in the past, its last sample last.
    pub(crate) fn begin(&mut self, past: &[f32]) {
        let len = past.len();
        let window = ((self.t.get("pwin", 12.0) * self.per_ms as f32) as usize).min(len * 2 / 5);
        let min = (self.t.get("pmin", 2.5) * self.per_ms as f32) as usize;
        let max =
            ((self.t.get("pmax", 15.0) * self.per_ms as f32) as usize).min(len - window).min(len - ORDER);
        (self.lag, self.voicing) =
            best_lag(past, len - window, window, min..=max, self.per_ms, |at, lag| at - lag);
        self.predict(past);
        self.excitation.clear();
        let needed = (max + 2).min(len - ORDER);
        for i in len - needed..len {
            self.excitation.push(past[i] + dot(&past[i - ORDER..i], &self.reversed));
        }
        self.excitation_start = needed;
        let period = &self.excitation[needed - self.lag..];
        self.level = (energy(period) / period.len() as f32).sqrt();
        self.output.clear();
        self.output.extend_from_slice(&past[len - ORDER..]);
    }

    /// Linear prediction by the autocorrelation method.
    fn predict(&mut self, past: &[f32]) {
        let len = past.len().min(self.window.len());
        self.windowed.clear();
        self.windowed.extend(
            past[past.len() - len..].iter().zip(&self.window[self.window.len() - len..]).map(|(x, w)| x * w),
        );
        let mut correlation = [0.0; ORDER + 1];
        let spread = 2.0 * std::f32::consts::PI * self.t.get("lagw", 40.0) / (self.per_ms as f32 * 1000.0);
        for (lag, value) in correlation.iter_mut().enumerate() {
            let z = spread * lag as f32;
            *value = dot(&self.windowed[lag..], &self.windowed[..len - lag]) * (-0.5 * z * z).exp();
        }
        correlation[0] = correlation[0] * 1.0001 + 1.0;
        let coefficients = levinson(&correlation);
        for (place, value) in self.reversed.iter_mut().enumerate() {
            *value = coefficients[ORDER - 1 - place];
        }
    }

    /// The first `len` samples after the past.
    pub(crate) fn first(&mut self, len: usize) -> &[f32] {
        let n0 = self.t.get("noise", 0.5);
        let v = ((self.voicing - self.t.get("v0", 0.3)) / (self.t.get("v1", 0.7) - self.t.get("v0", 0.3)))
            .clamp(0.0, 1.0);
        let periodic = 1.0 - n0 + n0 * v;
        let noise = n0 * (1.0 - v * v).sqrt() * self.level * 3.0f32.sqrt();
        while self.output.len() - ORDER < len {
            let at = self.excitation.len();
            let drive = self.excitation[at - self.lag] * periodic + noise * self.random();
            self.excitation.push(drive);
            let end = self.output.len();
            let sample = drive - dot(&self.output[end - ORDER..end], &self.reversed);
            self.output.push(sample.clamp(-60_000.0, 60_000.0));
        }
        &self.output[ORDER..ORDER + len]
    }

    /// Samples made so far.
    pub(crate) fn made(&self) -> &[f32] {
        &self.output[ORDER..]
    }

    /// Evenly spread between -1 and 1.
    fn random(&mut self) -> f32 {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.seed >> 8) as f32 / 8_388_608.0 - 1.0
    }
}

fn levinson(r: &[f32; ORDER + 1]) -> [f32; ORDER] {
    let mut a = [0.0f32; ORDER];
    let mut error = r[0];
    for i in 0..ORDER {
        let mut sum = r[i + 1];
        for j in 0..i {
            sum += a[j] * r[i - j];
        }
        let reflection = -sum / error;
        let previous = a;
        a[i] = reflection;
        for j in 0..i {
            a[j] = previous[j] + reflection * previous[i - 1 - j];
        }
        error *= 1.0 - reflection * reflection;
        if error <= r[0] * 1e-7 {
            break;
        }
    }
    a
}
