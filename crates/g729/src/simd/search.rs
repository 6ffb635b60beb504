//! Searches: the best of many candidates, which are tried side by side.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "loops over arrays of constant length; words are narrowed where their bound is stated"
)]

use super::level::kernel;
use crate::tables::lsp::{LSF_STAGE_1, LSF_STAGE_2};

/// Components of a codeword.
const ORDER: usize = 10;
/// Places of a subframe, tracks they lie on, places of a track.
const PLACES: usize = 40;
const TRACKS: usize = 5;
const TRACK: usize = 8;
/// Candidates side by side.
const LANES: usize = 8;

/// The codebooks by component.
static FIRST: [[i16; 128]; ORDER] = transposed(&LSF_STAGE_1);
static SECOND: [[i16; 32]; ORDER] = transposed(&LSF_STAGE_2);

#[expect(clippy::indexing_slicing, reason = "constant evaluation")]
const fn transposed<const ROWS: usize>(rows: &[[i16; ORDER]; ROWS]) -> [[i16; ROWS]; ORDER] {
    let mut out = [[0; ROWS]; ORDER];
    let mut row = 0;
    while row < ROWS {
        let mut i = 0;
        while i < ORDER {
            out[i][row] = rows[row][i];
            i += 1;
        }
        row += 1;
    }
    out
}

kernel! {
    /// The row of the first stage that is nearest to the target, the first of equals. The squared distances must fit
    /// 31 bits.
    pub(crate) fn nearest / portable_nearest(target: &[i16; ORDER]) -> usize {
        let mut best = [i32::MAX; LANES];
        let mut blocks = [0i32; LANES];
        for block in 0..128 / LANES {
            let mut distances = [0i32; LANES];
            for (&target, column) in target.iter().zip(&FIRST) {
                let rows = &column[LANES * block..][..LANES];
                for (distance, &row) in distances.iter_mut().zip(rows) {
                    let error = i32::from(target) - i32::from(row);
                    *distance += error * error;
                }
            }
            for lane in 0..LANES {
                let better = distances[lane] < best[lane];
                best[lane] = if better { distances[lane] } else { best[lane] };
                blocks[lane] = if better { block as i32 } else { blocks[lane] };
            }
        }
        first_least(&best, &blocks)
    }
}

kernel! {
    /// The row of the second stage nearest to what the first left, by the five components of one half, weighted (Q15).
    /// The squared distances must fit 31 bits.
    pub(crate) fn weighted_nearest / portable_weighted_nearest(rest: &[i16; ORDER], weights: &[i16; ORDER], upper: bool) -> usize {
        let start = if upper { ORDER / 2 } else { 0 };
        let mut distances = [0i32; 32];
        for i in start..start + ORDER / 2 {
            for (distance, &row) in distances.iter_mut().zip(&SECOND[i]) {
                let error = i32::from(rest[i]) - i32::from(row);
                *distance += ((i32::from(weights[i]) * error) >> 15) * error;
            }
        }
        let mut best = [i32::MAX; LANES];
        let mut blocks = [0i32; LANES];
        for (block, distances) in distances.as_chunks::<LANES>().0.iter().enumerate() {
            for lane in 0..LANES {
                let better = distances[lane] < best[lane];
                best[lane] = if better { distances[lane] } else { best[lane] };
                blocks[lane] = if better { block as i32 } else { blocks[lane] };
            }
        }
        first_least(&best, &blocks)
    }
}

/// The index of the least value; lanes hold the first least of every eighth candidate, and its block.
#[inline(always)]
fn first_least(best: &[i32; LANES], blocks: &[i32; LANES]) -> usize {
    let mut least = (i32::MAX, i32::MAX);
    for lane in 0..LANES {
        let candidate = (best[lane], blocks[lane] * LANES as i32 + lane as i32);
        least = if candidate < least { candidate } else { least };
    }
    least.1 as usize
}

/// Costs of gains: the terms (DPF words) and the gains' values, see `encoder::gain`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GainCosts {
    /// Terms of gp^2, gp, gc^2, gc and gp gc.
    pub(crate) terms: [i32; 5],
    /// The predicted gain.
    pub(crate) predicted: i16,
    /// Pitch gains from here on are not to be taken.
    pub(crate) limit: i16,
}

kernel! {
    /// The rows that cost least: of `first` (pitch gain, correction factor), and of `second`; the first of equals.
    pub(crate) fn cheapest / portable_cheapest(costs: &GainCosts, first: &[[i16; 2]; 4], second: &[[i16; 2]; LANES]) -> [usize; 2] {
        let mut best = [i32::MAX; LANES];
        let mut rows = [0i32; LANES];
        for (row, &[pitch, factor]) in first.iter().enumerate() {
            for lane in 0..LANES {
                let pitch = i32::from(pitch) + i32::from(second[lane][0]);
                let factor = (i32::from(factor) + i32::from(second[lane][1])) >> 1;
                let code = (i32::from(costs.predicted) * factor) >> 15;
                let gains = [(pitch * pitch) >> 15, pitch, (code * code) >> 15, code, (code * pitch) >> 15];
                let mut sum = 0i32;
                for (&term, gain) in costs.terms.iter().zip(gains) {
                    let low = (((term >> 1) & 0x7fff) * gain) >> 15;
                    sum = sum.saturating_add(2 * ((term >> 16) * gain + low));
                }
                let sum = if pitch >= i32::from(costs.limit) { i32::MAX } else { sum };
                let better = sum < best[lane];
                best[lane] = if better { sum } else { best[lane] };
                rows[lane] = if better { row as i32 } else { rows[lane] };
            }
        }
        let least = first_least(&best, &rows);
        [least / LANES, least % LANES]
    }
}

kernel! {
    /// Correlations of a response with itself as far as the subframe reaches: place `39 * max(i, j) + min(i, j)` from
    /// the end holds that of pulses at `i` and `j`. Twice its energy must fit 31 bits.
    fn self_correlations / portable_self_correlations(response: &[i16; PLACES]) -> [i16; PLACES * PLACES] {
        let mut padded = [0i16; 2 * PLACES];
        padded[..PLACES].copy_from_slice(response);
        let mut out = [0; PLACES * PLACES];
        let mut sums = [0i32; PLACES];
        for (last, row) in out.as_chunks_mut::<PLACES>().0.iter_mut().enumerate() {
            let sample = i32::from(padded[last]);
            for distance in 0..PLACES {
                sums[distance] += sample * i32::from(padded[last + distance]);
                row[distance] = (sums[distance] >> 15) as i16;
            }
        }
        out
    }
}

/// Squared correlation and energy of a candidate, whose quotient is to be great.
#[derive(Clone, Copy)]
struct Fit {
    square: i32,
    energy: i32,
}

impl Fit {
    const NONE: Self = Self { square: -1, energy: 1 };

    #[inline(always)]
    const fn beats(self, other: Self) -> bool {
        other.energy * self.square > other.square * self.energy
    }
}

/// Two pulses.
#[derive(Clone, Copy)]
struct Pair {
    places: [usize; 2],
    sum: i32,
    energy: i32,
}

/// What the pulse search looks up, by track.
struct Field {
    magnitude: [[i16; TRACK]; TRACKS],
    /// All ones where a pulse is negative.
    negative: [[i16; TRACK]; TRACKS],
    energy: [[i16; TRACK]; TRACKS],
    correlations: [i16; PLACES * PLACES],
}

kernel! {
    /// The places of four pulses, depth first: see `encoder::codebook`, whose scalar search this equals.
    ///
    /// `backward` is of 13 bits, twice the energy of `response` fits 31 bits. `None` when an energy is not positive, so
    /// that quotients cannot be compared.
    pub(crate) fn pulses / portable_pulses(backward: &[i16; PLACES], response: &[i16; PLACES]) -> Option<[usize; 4]> {
        let field = Field::new(backward, self_correlations(response));
        let blocks = [field.block(0, 1), field.block(1, 2)];
        let mut best = Fit::NONE;
        let mut places = [0; 4];
        for track in [3, 4] {
            let pair = field.first_pair(2, track)?;
            let ([i0, i1], fit) = field.second_pair(&pair, [0, 1], &blocks[0])?;
            if fit.beats(best) {
                (best, places) = (fit, [i0, i1, pair.places[0], pair.places[1]]);
            }
            let pair = field.first_pair(track, 0)?;
            let ([i1, i2], fit) = field.second_pair(&pair, [1, 2], &blocks[1])?;
            if fit.beats(best) {
                (best, places) = (fit, [pair.places[1], i1, i2, pair.places[0]]);
            }
        }
        Some(places)
    }
}

impl Field {
    #[inline(always)]
    fn new(backward: &[i16; PLACES], correlations: [i16; PLACES * PLACES]) -> Self {
        let mut field = Self {
            magnitude: [[0; TRACK]; TRACKS],
            negative: [[0; TRACK]; TRACKS],
            energy: [[0; TRACK]; TRACKS],
            correlations,
        };
        for track in 0..TRACKS {
            for index in 0..TRACK {
                let place = TRACKS * index + track;
                let d = backward[place];
                field.negative[track][index] = d >> 15;
                field.magnitude[track][index] = (d ^ (d >> 15)) - (d >> 15);
                field.energy[track][index] = field.correlations[at(place, place)];
            }
        }
        field
    }

    /// Correlations of a pulse with those of a track, with their signs: of unlike ones negative, of like ones times
    /// 32767/32768, which takes one off what is positive.
    #[inline(always)]
    fn row(&self, place: usize, track: usize) -> [i32; TRACK] {
        let negative = self.negative[place % TRACKS][place / TRACKS];
        let mut row = [0; TRACK];
        for index in 0..TRACK {
            row[index] = self.correlations[at(place, TRACKS * index + track)];
        }
        let mut out = [0; TRACK];
        for index in 0..TRACK {
            let x = i32::from(row[index]);
            let unlike = i32::from(negative ^ self.negative[track][index]);
            out[index] = (x ^ unlike) - unlike - i32::from(x > 0 && unlike == 0);
        }
        out
    }

    #[inline(always)]
    fn block(&self, outer: usize, inner: usize) -> [[i32; TRACK]; TRACK] {
        core::array::from_fn(|index| self.row(TRACKS * index + outer, inner))
    }

    /// The two places of a track that correlate most.
    #[inline(always)]
    fn two_best(&self, track: usize) -> [usize; 2] {
        let magnitude = &self.magnitude[track];
        let mut places = [0; 2];
        let mut before = TRACK;
        for place in &mut places {
            let mut greatest = -1;
            for (index, &magnitude) in magnitude.iter().enumerate() {
                if magnitude > greatest && index != before {
                    greatest = magnitude;
                    *place = index;
                }
            }
            before = *place;
        }
        places.map(|index| TRACKS * index + track)
    }

    #[inline(always)]
    fn first_pair(&self, one: usize, other: usize) -> Option<Pair> {
        let mut best = Fit::NONE;
        let mut pair = Pair { places: [one, other], sum: 0, energy: 1 };
        let mut positive = true;
        for i in self.two_best(one) {
            let row = self.row(i, other);
            let magnitude = i32::from(self.magnitude[one][i / TRACKS]);
            let energy = i32::from(self.energy[one][i / TRACKS]);
            for index in 0..TRACK {
                let sum = magnitude + i32::from(self.magnitude[other][index]);
                let energies = energy + i32::from(self.energy[other][index]);
                // No sum saturates: quarters and halves of words are less than a word together.
                let energy = ((energies << 14) + (row[index] << 15) + 0x8000) >> 16;
                let fit = Fit { square: (sum * sum) >> 15, energy };
                positive &= energy > 0;
                if fit.beats(best) {
                    best = fit;
                    pair = Pair { places: [i, TRACKS * index + other], sum, energy };
                }
            }
        }
        positive.then_some(pair)
    }

    #[inline(always)]
    fn second_pair(
        &self,
        pair: &Pair,
        [outer, inner]: [usize; 2],
        block: &[[i32; TRACK]; TRACK],
    ) -> Option<([usize; 2], Fit)> {
        let [i, j] = pair.places;
        let [with_inner, with_outer] = [inner, outer].map(|track| {
            let (first, second) = (self.row(i, track), self.row(j, track));
            let mut out = [0; TRACK];
            for index in 0..TRACK {
                out[index] = i32::from(self.energy[track][index]) + 2 * (first[index] + second[index]);
            }
            out
        });
        let mut base = [0; TRACK];
        for index in 0..TRACK {
            base[index] = (((with_inner[index] << 13) + 0x8000) >> 16) << 15;
        }
        let mut squares = [-1; TRACK];
        let mut energies = [1; TRACK];
        let mut chosen = [0; TRACK];
        let mut lowest = [1; TRACK];
        for m in 0..TRACK {
            let partial = pair.sum + i32::from(self.magnitude[outer][m]);
            let start = (pair.energy << 14) + (with_outer[m] << 12) + 0x8000;
            for n in 0..TRACK {
                let sum = partial + i32::from(self.magnitude[inner][n]);
                let square = (sum * sum) >> 15;
                let energy = (start + base[n] + (block[m][n] << 13)) >> 16;
                let better = energies[n] * square > squares[n] * energy;
                lowest[n] = if energy < lowest[n] { energy } else { lowest[n] };
                squares[n] = if better { square } else { squares[n] };
                energies[n] = if better { energy } else { energies[n] };
                chosen[n] = if better { m as i32 } else { chosen[n] };
            }
        }
        if lowest.iter().any(|&energy| energy < 1) {
            return None;
        }
        let mut best = Fit::NONE;
        let mut order = i32::MAX;
        for n in 0..TRACK {
            let fit = Fit { square: squares[n], energy: energies[n] };
            let turn = chosen[n] * TRACK as i32 + n as i32;
            // Of equals the one that a search in order would have met first.
            if fit.beats(best) || (!best.beats(fit) && turn < order) {
                (best, order) = (fit, turn);
            }
        }
        let [m, n] = [order as usize / TRACK, order as usize % TRACK];
        Some(([TRACKS * m + outer, TRACKS * n + inner], best))
    }
}

/// Where the correlation of two places lies.
#[inline(always)]
fn at(i: usize, j: usize) -> usize {
    (PLACES - 1) * PLACES - (PLACES - 1) * i.max(j) - i.min(j)
}
