//! Training: gradient descent (Adam) on the tuning part, from a fixed seed, so that it gives the same coefficients each time.

use std::fmt::Write as _;

use mediapoint_analysis::{FEATURES, UNITS};

use crate::signal::Random;

/// Features at a moment of a call, whether it is a person's, and its weight.
pub struct Example {
    pub features: [f32; FEATURES],
    pub person: bool,
    pub weight: f64,
}

const INPUTS: usize = FEATURES + 1;
const PARAMETERS: usize = UNITS * INPUTS + UNITS + 1;
const ROUNDS: usize = 260;
const BATCH: usize = 256;
/// Keeps coefficients small, so that no single measure decides alone.
const DECAY: f64 = 2e-4;

pub fn train(examples: &[Example]) -> Vec<f64> {
    let mut random = Random::new(77);
    let mut at: Vec<f64> = (0..PARAMETERS).map(|_| 0.25 * random.normal()).collect();
    let (mut first, mut second) = (vec![0.0; PARAMETERS], vec![0.0; PARAMETERS]);
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut step = 0;
    for round in 0..ROUNDS {
        for index in (1..order.len()).rev() {
            order.swap(index, random.below(index + 1));
        }
        let rate = 0.004 * (1.0 - round as f64 / ROUNDS as f64) + 1e-4;
        let mut loss = 0.0;
        for batch in order.chunks(BATCH) {
            let mut gradient = vec![0.0; PARAMETERS];
            for &index in batch {
                loss += add_gradient(&at, &examples[index], &mut gradient);
            }
            step += 1;
            for index in 0..PARAMETERS {
                let slope = gradient[index] / batch.len() as f64 + DECAY * at[index];
                first[index] += 0.1 * (slope - first[index]);
                second[index] += 0.001 * (slope * slope - second[index]);
                let (one, two) = (1.0 - 0.9_f64.powi(step), 1.0 - 0.999_f64.powi(step));
                at[index] -= rate * (first[index] / one) / ((second[index] / two).sqrt() + 1e-8);
            }
        }
        if round % 40 == 0 || round + 1 == ROUNDS {
            println!("round {round}: loss {:.4}", loss / examples.len() as f64);
        }
    }
    at
}

fn add_gradient(at: &[f64], example: &Example, gradient: &mut [f64]) -> f64 {
    let mut units = [0.0; UNITS];
    for (unit, weights) in units.iter_mut().zip(at.chunks_exact(INPUTS)) {
        let sum: f64 = weights.iter().zip(example.features).map(|(weight, x)| weight * f64::from(x)).sum();
        *unit = (sum + weights[FEATURES]).tanh();
    }
    let output = &at[UNITS * INPUTS..];
    let sum = units.iter().zip(output).map(|(unit, weight)| unit * weight).sum::<f64>() + output[UNITS];
    let person = 1.0 / (1.0 + (-sum).exp());
    let target = f64::from(u8::from(example.person));
    let error = example.weight * (person - target);
    for (index, unit) in units.iter().enumerate() {
        gradient[UNITS * INPUTS + index] += error * unit;
        let back = error * output[index] * (1.0 - unit * unit);
        let slopes = &mut gradient[index * INPUTS..(index + 1) * INPUTS];
        for (slope, x) in slopes.iter_mut().zip(example.features) {
            *slope += back * f64::from(x);
        }
        slopes[FEATURES] += back;
    }
    gradient[UNITS * INPUTS + UNITS] += error;
    let right = if example.person { person } else { 1.0 - person };
    -example.weight * right.max(1e-9).ln()
}

/// The coefficients as a source file.
pub fn source(at: &[f64]) -> String {
    let mut out = String::from(
        "//! Coefficients of the model, by the example `amd` with `--train` on the tuning part (docs/call-analysis.md).\n#![cfg_attr(rustfmt, rustfmt_skip)]\n\n\
         /// Weights and bias of each hidden unit.\n\
         pub(super) const HIDDEN: [([f32; 18], f32); 10] = [\n",
    );
    let list =
        |values: &[f64]| values.iter().map(|value| format!("{value:.3}")).collect::<Vec<_>>().join(", ");
    for unit in at[..UNITS * INPUTS].chunks_exact(INPUTS) {
        let _ = writeln!(out, "    ([{}], {:.3}),", list(&unit[..FEATURES]), unit[FEATURES]);
    }
    let output = &at[UNITS * INPUTS..];
    let _ = writeln!(
        out,
        "];\n/// Weights and bias of the output.\npub(super) const OUTPUT: ([f32; 10], f32) = ([{}], {:.3});",
        list(&output[..UNITS]),
        output[UNITS]
    );
    out
}
