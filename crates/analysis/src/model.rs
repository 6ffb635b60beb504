//! The model that tells a person from a machine: boosted decision trees over the features of the greeting.
//!
//! The example `amd` with `--train` finds the coefficients on the tuning part of the set (docs/call-analysis.md).

#[allow(clippy::approx_constant, reason = "what a feature is compared with may be near a constant by chance")]
mod coefficients;

use crate::features::FEATURES;
use coefficients::{CALIBRATION, MODEL};

/// Trees.
pub const TREES: usize = 160;
/// Questions from the root of a tree to a leaf.
pub const DEPTH: usize = 4;
const NODES: usize = (1 << DEPTH) - 1;
const LEAVES: usize = 1 << DEPTH;

/// A tree: questions from the root on, level by level, each a feature and what it is compared with; the leaves in order.
struct Tree {
    nodes: [(u8, f32); NODES],
    leaves: [f32; LEAVES],
}

impl Tree {
    fn leaf(&self, features: &[f32; FEATURES]) -> f32 {
        let mut node = 0;
        while let Some(&(feature, least)) = self.nodes.get(node) {
            let above = features.get(usize::from(feature)).is_some_and(|value| *value > least);
            node = 2 * node + 1 + usize::from(above);
        }
        self.leaves.get(node - NODES).copied().unwrap_or(0.0)
    }
}

/// Probability that a greeting with these features is a person's, 0 to 1.
pub(crate) fn person(features: &[f32; FEATURES]) -> f32 {
    let sum: f32 = MODEL.iter().map(|tree| tree.leaf(features)).sum();
    let (slope, offset) = CALIBRATION;
    1.0 / (1.0 + (-(slope * sum + offset)).exp())
}
