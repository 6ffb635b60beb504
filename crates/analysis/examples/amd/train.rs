//! Training: boosted trees on the tuning part. Nothing is random, so that it gives the same coefficients each time.

use std::fmt::Write as _;

use mediapoint_analysis::{DEPTH, FEATURES, TREES};

use crate::set::parallel;

/// Features at a moment of a call, whether it is a person's, and its weight.
#[derive(Clone)]
pub struct Example {
    pub features: [f32; FEATURES],
    pub person: bool,
    pub weight: f64,
}

const NODES: usize = (1 << DEPTH) - 1;
const LEAVES: usize = 1 << DEPTH;
/// Thresholds of a feature that are tried.
const BINS: usize = 48;
const RATE: f64 = 0.07;
/// Keeps a leaf small that few examples reach.
const RIDGE: f64 = 60.0;
/// Least curvature of a leaf: about this many undecided examples.
const LEAST: f64 = 30.0;

/// A tree as in `src/model.rs`.
#[derive(Clone)]
pub struct Tree {
    nodes: [(u8, f32); NODES],
    leaves: [f32; LEAVES],
}

impl Tree {
    fn leaf(&self, features: &[f32; FEATURES]) -> usize {
        let mut node = 0;
        while let Some(&(feature, least)) = self.nodes.get(node) {
            node = 2 * node + 1 + usize::from(features[usize::from(feature)] > least);
        }
        node - NODES
    }
}

/// Sum of the trees: the logarithm of the odds of a person, before calibration.
pub fn score(trees: &[Tree], features: &[f32; FEATURES]) -> f64 {
    trees.iter().map(|tree| f64::from(tree.leaves[tree.leaf(features)])).sum()
}

fn sigmoid(score: f64) -> f64 {
    1.0 / (1.0 + (-score).exp())
}

pub fn train(examples: &[Example]) -> Vec<Tree> {
    let thresholds: Vec<Vec<f32>> = (0..FEATURES).map(|feature| thresholds(examples, feature)).collect();
    let binned: Vec<[u8; FEATURES]> = examples
        .iter()
        .map(|example| {
            std::array::from_fn(|feature| {
                thresholds[feature].partition_point(|least| example.features[feature] > *least) as u8
            })
        })
        .collect();
    let mut scores = vec![0.0; examples.len()];
    let mut trees = Vec::with_capacity(TREES);
    for _ in 0..TREES {
        let slopes: Vec<(f64, f64)> = examples
            .iter()
            .zip(&scores)
            .map(|(example, score)| {
                let person = sigmoid(*score);
                let target = f64::from(u8::from(example.person));
                (example.weight * (target - person), example.weight * person * (1.0 - person))
            })
            .collect();
        let tree = grow(&binned, &slopes, &thresholds);
        for (score, example) in scores.iter_mut().zip(examples) {
            *score += f64::from(tree.leaves[tree.leaf(&example.features)]);
        }
        trees.push(tree);
    }
    trees
}

/// Values of a feature between equal shares of the examples.
fn thresholds(examples: &[Example], feature: usize) -> Vec<f32> {
    let mut values: Vec<f32> = examples.iter().map(|example| example.features[feature]).collect();
    values.sort_by(f32::total_cmp);
    let mut out: Vec<f32> = (1..BINS)
        .map(|part| {
            // As it stands in the source.
            (values[part * (values.len() - 1) / BINS] * 1000.0).round() / 1000.0
        })
        .collect();
    out.dedup();
    out
}

type Histogram = [[(f64, f64); BINS]; FEATURES];

fn grow(binned: &[[u8; FEATURES]], slopes: &[(f64, f64)], thresholds: &[Vec<f32>]) -> Tree {
    let mut tree = Tree { nodes: [(0, f32::MAX); NODES], leaves: [0.0; LEAVES] };
    let mut of: Vec<Vec<u32>> = vec![Vec::new(); NODES + LEAVES];
    of[0] = (0..binned.len() as u32).collect();
    for node in 0..NODES {
        let members = std::mem::take(&mut of[node]);
        let split = best(&members, binned, slopes);
        let Some((feature, bin)) = split else {
            // All go one way, to the leaf that is below.
            of[2 * node + 1] = members;
            continue;
        };
        tree.nodes[node] = (feature as u8, thresholds[feature][bin]);
        let (above, below): (Vec<u32>, Vec<u32>) =
            members.into_iter().partition(|&at| usize::from(binned[at as usize][feature]) > bin);
        of[2 * node + 1] = below;
        of[2 * node + 2] = above;
    }
    for (leaf, members) in tree.leaves.iter_mut().zip(&of[NODES..]) {
        let (slope, curve) = sums(members, slopes);
        *leaf = ((RATE * slope / (curve + RIDGE)) * 10_000.0).round() as f32 / 10_000.0;
    }
    tree
}

fn sums(members: &[u32], slopes: &[(f64, f64)]) -> (f64, f64) {
    members.iter().map(|&at| slopes[at as usize]).fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

/// The feature and the bin after which it is best to divide.
fn best(members: &[u32], binned: &[[u8; FEATURES]], slopes: &[(f64, f64)]) -> Option<(usize, usize)> {
    if members.is_empty() {
        return None;
    }
    let histogram = histogram(members, binned, slopes);
    let gain = |(slope, curve): (f64, f64)| slope * slope / (curve + RIDGE);
    let whole = sums(members, slopes);
    let mut found = None;
    let mut most = gain(whole) + 1e-6;
    for (feature, bins) in histogram.iter().enumerate() {
        let mut left = (0.0, 0.0);
        for (bin, &(slope, curve)) in bins.iter().enumerate().take(BINS - 1) {
            left = (left.0 + slope, left.1 + curve);
            let right = (whole.0 - left.0, whole.1 - left.1);
            if left.1 < LEAST || right.1 < LEAST {
                continue;
            }
            let sum = gain(left) + gain(right);
            if sum > most {
                (most, found) = (sum, Some((feature, bin)));
            }
        }
    }
    found
}

fn histogram(members: &[u32], binned: &[[u8; FEATURES]], slopes: &[(f64, f64)]) -> Box<Histogram> {
    // A fixed number of parts, so that the sums are the same on any machine.
    let part = members.len().div_ceil(2).max(1);
    let parts: Vec<&[u32]> = members.chunks(part).collect();
    let made = parallel(parts.len(), |at| {
        let mut histogram: Box<Histogram> = Box::new([[(0.0, 0.0); BINS]; FEATURES]);
        for &member in parts[at] {
            let (slope, curve) = slopes[member as usize];
            for (bins, bin) in histogram.iter_mut().zip(&binned[member as usize]) {
                let cell = &mut bins[usize::from(*bin)];
                *cell = (cell.0 + slope, cell.1 + curve);
            }
        }
        histogram
    });
    let mut made = made.into_iter();
    let mut whole = made.next().unwrap_or_else(|| Box::new([[(0.0, 0.0); BINS]; FEATURES]));
    for other in made {
        for (bins, more) in whole.iter_mut().zip(other.iter()) {
            for (cell, more) in bins.iter_mut().zip(more) {
                *cell = (cell.0 + more.0, cell.1 + more.1);
            }
        }
    }
    whole
}

/// Slope and offset that make scores true odds: logistic regression of whether it was a person on scores of examples that the
/// trees were not trained on, each with its weight.
pub fn calibrate(scores: &[(f64, bool, f64)]) -> (f64, f64) {
    let (mut slope, mut offset) = (1.0, 0.0);
    for _ in 0..30 {
        let (mut g, mut h) = ([0.0; 2], [[1e-9, 0.0], [0.0, 1e-9]]);
        for &(score, person, weight) in scores {
            let told = sigmoid(slope * score + offset);
            let error = weight * (f64::from(u8::from(person)) - told);
            let curve = weight * told * (1.0 - told);
            g = [g[0] + error * score, g[1] + error];
            h[0] = [h[0][0] + curve * score * score, h[0][1] + curve * score];
            h[1] = [h[1][0] + curve * score, h[1][1] + curve];
        }
        let determinant = h[0][0] * h[1][1] - h[0][1] * h[1][0];
        slope += (h[1][1] * g[0] - h[0][1] * g[1]) / determinant;
        offset += (h[0][0] * g[1] - h[1][0] * g[0]) / determinant;
    }
    (slope, offset)
}

/// The coefficients as a source file.
pub fn source(trees: &[Tree], (slope, offset): (f64, f64)) -> String {
    let mut out = String::from(
        "//! Coefficients of the model, by the example `amd` with `--train` on the tuning part (docs/call-analysis.md).\n\
         #![cfg_attr(rustfmt, rustfmt_skip)]\n\n\
         use super::{LEAVES, NODES, TREES, Tree};\n\n\
         const fn tree(nodes: [(u8, f32); NODES], leaves: [f32; LEAVES]) -> Tree {\n    Tree { nodes, leaves }\n}\n\n",
    );
    let _ = writeln!(
        out,
        "/// Slope and offset that make the sum of the trees the logarithm of true odds.\n\
         pub(super) const CALIBRATION: (f32, f32) = ({slope:.4}, {offset:.4});\n\n\
         /// The trees.\npub(super) static MODEL: [Tree; TREES] = ["
    );
    for tree in trees {
        let node = |(feature, least): &(u8, f32)| {
            if *least == f32::MAX {
                format!("({feature}, f32::MAX)")
            } else {
                format!("({feature}, {least:.3})")
            }
        };
        let nodes: Vec<String> = tree.nodes.iter().map(node).collect();
        let leaves: Vec<String> = tree.leaves.iter().map(|leaf| format!("{leaf:.4}")).collect();
        let _ = writeln!(out, "    tree([{}], [{}]),", nodes.join(", "), leaves.join(", "));
    }
    out.push_str("];\n");
    out
}
