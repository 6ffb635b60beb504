//! Quantisation of the line spectral frequencies. Clause 3.2.4.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "loops over arrays and codebooks of constant length, whose indices are octets"
)]

use super::bound;
use crate::filter::peak;
use crate::frame::LsfIndices;
use crate::lsf::{GAPS, Memory, Predictor, SPEECH, spread};
use crate::lsp::{Lsf, Lsp, ORDER};
use crate::ops::{add, extract_h, extract_l, l_mac, l_mult, l_shl, l_shr, mult, norm_s, sub};
use crate::simd::search;
use crate::tables::convert::{COS, SLOPE_ACOS};
use crate::tables::lsp::{LSF_STAGE_1, LSF_STAGE_2};

/// 0.04 pi and 0.92 pi, each with the 1 of equation (22), Q13.
const LOWEST: i16 = 1029 + 8192;
const HIGHEST: i16 = 23_677 - 8192;
/// 10 in Q11.
const STEEPNESS: i16 = 20_480;
/// 1.2 in Q14, for the weights of the middle.
const EMPHASIS: i16 = 19_661;

/// `Lsp_lsf2`: the frequencies of the pairs, radians in Q13.
pub(crate) fn frequencies(lsp: &Lsp) -> Lsf {
    let mut lsf = [0; ORDER];
    let mut index = 63;
    for (out, &cosine) in lsf.iter_mut().zip(lsp).rev() {
        while index > 0 && COS[index] < cosine {
            index -= 1;
        }
        let offset = l_mult(SLOPE_ACOS[index], sub(cosine, COS[index]));
        let normalised = add((index as i16) << 9, extract_l(l_shr(offset, 12)));
        *out = mult(normalised, 25_736);
    }
    lsf
}

/// `Get_wegt`: the weight of each frequency's error, normalised to the greatest. Equation (22).
pub(crate) fn weights(lsf: &Lsf) -> [i16; ORDER] {
    let mut distance = [0; ORDER];
    distance[0] = sub(lsf[1], LOWEST);
    for i in 1..ORDER - 1 {
        distance[i] = sub(sub(lsf[i + 1], lsf[i - 1]), 8192);
    }
    distance[ORDER - 1] = sub(HIGHEST, lsf[ORDER - 2]);

    let mut weights = distance.map(|distance| {
        if distance > 0 {
            return 2048;
        }
        let square = extract_h(l_shl(l_mult(distance, distance), 2));
        add(extract_h(l_shl(l_mult(square, STEEPNESS), 2)), 2048)
    });
    for weight in &mut weights[4..6] {
        *weight = extract_h(l_shl(l_mult(*weight, EMPHASIS), 1));
    }
    let norm = norm_s(weights.into_iter().fold(0, i16::max));
    weights.map(|weight| weight << norm)
}

/// `Qua_lsp`: the indices that stand for the frequencies best, and the codeword they mean.
pub(super) fn quantise(lsf: &Lsf, memory: &Memory) -> LsfIndices {
    let weights = weights(lsf);
    let [first, second] = SPEECH.each_ref().map(|predictor| best_of(lsf, &weights, memory, predictor));
    let (predictor, best) = if second.distance < first.distance { (1, second) } else { (0, first) };
    LsfIndices { predictor, ..best.indices }
}

/// What one predictor comes to.
struct Candidate {
    indices: LsfIndices,
    distance: i32,
}

fn best_of(lsf: &Lsf, weights: &[i16; ORDER], memory: &Memory, predictor: &Predictor) -> Candidate {
    let target = memory.extract(lsf, predictor);
    let first = nearest(&target);
    let row = &LSF_STAGE_1[first];
    let mut rest = [0; ORDER];
    for i in 0..ORDER {
        rest[i] = sub(target[i], row[i]);
    }
    // The second stage reaches to 2400, and 5 (12000 + 2400)^2 is less than 2^30.
    let [lower, upper] = if bound::holds(peak(&rest) < 12_000) {
        search::weighted_nearest(&rest, weights)
    } else {
        [stepwise_weighted::<0>(&rest, weights), stepwise_weighted::<5>(&rest, weights)]
    };
    let mut codeword = [0; ORDER];
    for i in 0..ORDER {
        let second = if i < 5 { lower } else { upper };
        codeword[i] = add(row[i], LSF_STAGE_2[second][i]);
    }
    spread(&mut codeword[..5], GAPS[0]);
    // The last of the lower half moves once more, with the first of the upper one.
    spread(&mut codeword[4..], GAPS[0]);
    spread(&mut codeword, GAPS[1]);

    let mut distance = 0;
    for i in 0..ORDER {
        let error = mult(sub(codeword[i], target[i]), predictor.present[i]);
        let weighted = extract_h(l_shl(l_mult(weights[i], error), 4));
        distance = l_mac(distance, weighted, error);
    }
    let indices = LsfIndices { predictor: 0, first: first as u8, lower: lower as u8, upper: upper as u8 };
    Candidate { indices, distance }
}

/// Lowest and highest component of the first stage's rows, and how far the second stage's reach.
const FIRST_RANGE: [(i16, i16); ORDER] = ranges(&LSF_STAGE_1);

const fn ranges<const ROWS: usize>(rows: &[Lsf; ROWS]) -> [(i16, i16); ORDER] {
    let mut out = [(i16::MAX, i16::MIN); ORDER];
    let mut i = 0;
    while i < ROWS * ORDER {
        let value = rows[i / ORDER][i % ORDER];
        let (low, high) = out[i % ORDER];
        out[i % ORDER] = (if value < low { value } else { low }, if value > high { value } else { high });
        i += 1;
    }
    out
}

/// `Lsp_pre_select`: the nearest row of the first stage.
fn nearest(target: &Lsf) -> usize {
    let farthest: i64 = target
        .iter()
        .zip(&FIRST_RANGE)
        .map(|(&target, &(low, high))| {
            let target = i64::from(target);
            (target - i64::from(low)).abs().max((target - i64::from(high)).abs()).pow(2)
        })
        .sum();
    // Twice any distance fits then.
    if bound::holds(farthest < 1 << 30) { search::nearest(target) } else { stepwise_nearest(target) }
}

/// The same with distances that saturate.
fn stepwise_nearest(target: &Lsf) -> usize {
    first_least(LSF_STAGE_1.iter().map(|row| {
        let mut distance = 0;
        for i in 0..ORDER {
            let error = sub(target[i], row[i]);
            distance = l_mac(distance, error, error);
        }
        distance
    }))
}

/// `Lsp_select_1`, `Lsp_select_2`: the row of the second stage whose five components from `AT` on are nearest.
fn stepwise_weighted<const AT: usize>(rest: &[i16; ORDER], weights: &[i16; ORDER]) -> usize {
    first_least(LSF_STAGE_2.iter().map(|row| {
        let mut distance = 0;
        for i in AT..AT + 5 {
            let error = sub(rest[i], row[i]);
            distance = l_mac(distance, mult(weights[i], error), error);
        }
        distance
    }))
}

/// The index of the least distance, the first of equals; one that is as large as can be does not count.
fn first_least(distances: impl Iterator<Item = i32>) -> usize {
    let mut best = (0, i32::MAX);
    for (index, distance) in distances.enumerate() {
        if distance < best.1 {
            best = (index, distance);
        }
    }
    best.0
}
