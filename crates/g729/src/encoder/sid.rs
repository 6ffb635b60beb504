//! Quantisation of the spectrum of a SID. Clause B.4.2.2.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "rows are chosen from tables of constant length, whose indices are octets"
)]

use super::lsf::{frequencies, weights};
use crate::lsf::{Memory, NOISE};
use crate::lsp::{Lsf, Lsp, ORDER};
use crate::ops::{add, extract_h, l_mac, l_mult, l_shl, mult, sub};
use crate::tables::lsp::{LSF_STAGE_1, LSF_STAGE_2};
use crate::tables::sid::{SID_MODE_WEIGHT, SID_STAGE_1, SID_STAGE_2};

/// Candidates kept from the first stage.
const CANDIDATES: usize = 4;
/// Limits and distances of the frequencies before quantisation, Q13.
const LOWEST: i16 = 40;
const HIGHEST: i16 = 25_681;
const GAP: i16 = 321;

/// The indices of a SID's spectrum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spectrum {
    pub(super) predictor: u8,
    pub(super) first: u8,
    pub(super) second: u8,
}

/// A row of the first stage and what it leaves to the second.
#[derive(Clone, Copy, Default)]
struct Candidate {
    predictor: usize,
    row: usize,
    rest: Lsf,
}

/// `lsfq_noise`: the indices that stand for the pairs.
pub(super) fn quantise(lsp: &Lsp, memory: &Memory) -> Spectrum {
    let lsf = apart(frequencies(lsp));
    let weights = weights(&lsf);
    let targets = NOISE.each_ref().map(|predictor| memory.extract(&lsf, predictor));
    let candidates = first_stage(&targets);
    let (candidate, second) = second_stage(&candidates, &weights);
    Spectrum { predictor: candidate.predictor as u8, first: candidate.row as u8, second: second as u8 }
}

/// Frequencies with a distance, within limits.
fn apart(mut lsf: Lsf) -> Lsf {
    lsf[0] = lsf[0].max(LOWEST);
    for i in 0..ORDER - 1 {
        if sub(lsf[i + 1], lsf[i]) < 2 * GAP {
            lsf[i + 1] = add(lsf[i], 2 * GAP);
        }
    }
    lsf[ORDER - 1] = lsf[ORDER - 1].min(HIGHEST);
    if lsf[ORDER - 1] < lsf[ORDER - 2] {
        lsf[ORDER - 2] = sub(lsf[ORDER - 1], GAP);
    }
    lsf
}

/// The four nearest rows with either predictor.
fn first_stage(targets: &[Lsf; 2]) -> [Candidate; CANDIDATES] {
    let mut distances = [[0; 32]; 2];
    for ((distances, target), &weight) in distances.iter_mut().zip(targets).zip(&SID_MODE_WEIGHT) {
        for (distance, &row) in distances.iter_mut().zip(&SID_STAGE_1) {
            let row = &LSF_STAGE_1[usize::from(row)];
            let sum = target.iter().zip(row).fold(0, |sum, (&target, &row)| {
                let error = sub(target, row);
                l_mac(sum, error, error)
            });
            *distance = mult(extract_h(sum), weight);
        }
    }
    let distances = distances.as_flattened_mut();
    [(); CANDIDATES].map(|()| {
        let best = first_least(distances.iter().copied());
        distances[best] = i16::MAX;
        let (predictor, row) = (best / 32, best % 32);
        let mut rest = targets[predictor];
        for (rest, &component) in rest.iter_mut().zip(&LSF_STAGE_1[usize::from(SID_STAGE_1[row])]) {
            *rest = sub(*rest, component);
        }
        Candidate { predictor, row, rest }
    })
}

/// The candidate and the row of the second stage that are nearest together.
fn second_stage(candidates: &[Candidate; CANDIDATES], weights: &[i16; ORDER]) -> (Candidate, usize) {
    let best = first_least(candidates.iter().flat_map(|candidate| {
        let present = NOISE[candidate.predictor].present;
        let mut scaled = [0; ORDER];
        for i in 0..ORDER {
            scaled[i] = mult(extract_h(l_shl(l_mult(present[i], present[i]), 2)), weights[i]);
        }
        (0..16).map(move |row| {
            let rows = SID_STAGE_2.map(|half| &LSF_STAGE_2[usize::from(half[row])]);
            let mut sum = 0;
            for i in 0..ORDER {
                let error = sub(candidate.rest[i], rows[usize::from(i >= ORDER / 2)][i]);
                sum = l_mac(sum, extract_h(l_shl(l_mult(scaled[i], error), 3)), error);
            }
            extract_h(sum)
        })
    }));
    (candidates[best / 16], best % 16)
}

/// The index of the least distance, the first of equals, and the first of all where none is below the greatest.
fn first_least(distances: impl Iterator<Item = i16>) -> usize {
    let mut best = (0, i16::MAX);
    for (index, distance) in distances.enumerate() {
        if distance < best.1 {
            best = (index, distance);
        }
    }
    best.0
}
