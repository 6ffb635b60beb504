//! The model that tells a person from a machine: a network of one small hidden layer over the measures of the greeting.
//!
//! the example `amd` with `--train` finds the coefficients on the tuning part of the set (docs/call-analysis.md).

mod coefficients;

use crate::listener::FEATURES;
use coefficients::{HIDDEN, OUTPUT};

/// Hidden units.
pub const UNITS: usize = 10;

/// Probability that a greeting with these features is a person's, 0 to 1.
pub(crate) fn person(features: &[f32; FEATURES]) -> f32 {
    let mut sum = OUTPUT.1;
    for ((weights, bias), weight) in HIDDEN.iter().zip(OUTPUT.0) {
        let unit: f32 = weights.iter().zip(features).map(|(weight, feature)| weight * feature).sum();
        sum += weight * (unit + bias).tanh();
    }
    1.0 / (1.0 + (-sum).exp())
}
