//! Searches: the best of many candidates, which are tried side by side.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "loops over arrays of constant length; words are narrowed where their bound is stated"
)]

use super::lanes::{Lanes, Machine};
use super::level::machine_kernel;
use crate::tables::lsp::{LSF_STAGE_1, LSF_STAGE_2};

/// Components of a codeword.
const ORDER: usize = 10;
/// Candidates side by side.
const LANES: usize = 8;

/// The first codebook by eight rows, of those by pairs of components.
static FIRST: [[[i16; 2 * LANES]; ORDER / 2]; 16] = {
    let mut out = [[[0; 2 * LANES]; ORDER / 2]; 16];
    let mut at = 0;
    while at < 16 * LANES * ORDER {
        let (row, i) = (at / ORDER, at % ORDER);
        out[row / LANES][i / 2][2 * (row % LANES) + i % 2] = LSF_STAGE_1[row][i];
        at += 1;
    }
    out
};
/// The second one by eight rows, of those by component.
static SECOND: [[[i16; LANES]; ORDER]; 4] = by_eight(&LSF_STAGE_2);

const fn by_eight<const BLOCKS: usize, const ROWS: usize>(
    rows: &[[i16; ORDER]; ROWS],
) -> [[[i16; LANES]; ORDER]; BLOCKS] {
    let mut out = [[[0; LANES]; ORDER]; BLOCKS];
    let mut row = 0;
    while row < ROWS {
        let mut i = 0;
        while i < ORDER {
            out[row / LANES][i][row % LANES] = rows[row][i];
            i += 1;
        }
        row += 1;
    }
    out
}

/// The least of values that came eight at a time, and its index, the first of equals.
#[derive(Clone, Copy)]
struct Least<L> {
    values: L,
    indices: L,
}

impl<L: Lanes> Least<L> {
    #[inline(always)]
    fn nothing<M: Machine<Lanes = L>>(machine: M) -> Self {
        Self { values: machine.splat(i32::MAX), indices: machine.splat(0) }
    }

    #[inline(always)]
    fn take(&mut self, values: L, indices: L) {
        let better = self.values.greater(values);
        self.values = self.values.min(values);
        self.indices = better.select(indices, self.indices);
    }

    /// The index, of all lanes.
    #[inline(always)]
    fn index(self) -> usize {
        let mut least = self;
        least.join(least.values.swap_four(), least.indices.swap_four());
        least.join(least.values.swap_two(), least.indices.swap_two());
        least.join(least.values.swap_one(), least.indices.swap_one());
        let [index, ..] = least.indices.to_array();
        index as usize
    }

    #[inline(always)]
    fn join(&mut self, values: L, indices: L) {
        let earlier = self.values.equal(values).and(self.indices.greater(indices));
        let better = self.values.greater(values).or(earlier);
        self.values = self.values.min(values);
        self.indices = better.select(indices, self.indices);
    }
}

/// The numbers of the lanes.
const NUMBERS: [i32; LANES] = [0, 1, 2, 3, 4, 5, 6, 7];

machine_kernel! {
    /// The row of the first stage that is nearest to the target, the first of equals. The squared distances must fit
    /// 30 bits.
    pub(crate) fn nearest = nearest_on, (target: &[i16; ORDER]) -> usize
}

#[inline(always)]
fn nearest_on<M: Machine>(machine: M, target: &[i16; ORDER]) -> usize {
    let mut targets = [machine.splat(0); ORDER / 2];
    for (out, &[first, second]) in targets.iter_mut().zip(target.as_chunks().0) {
        *out = machine.splat((i32::from(first) & 0xffff) | i32::from(second) << 16);
    }
    let mut least = Least::nothing(machine);
    let mut indices = machine.load(&NUMBERS);
    for block in &FIRST {
        let mut distances = machine.splat(0);
        for (target, rows) in targets.iter().zip(block) {
            // Half words: no error exceeds the root of the distance.
            let error = target.sub_halves(machine.load_halves(rows));
            distances = distances.add(error.multiply_halves(error));
        }
        least.take(distances, indices);
        indices = indices.add(machine.splat(LANES as i32));
    }
    least.index()
}

machine_kernel! {
    /// The rows of the second stage nearest to what the first left: by the lower five components and by the upper five,
    /// weighted (Q15). The squared distances must fit 31 bits.
    pub(crate) fn weighted_nearest = weighted_nearest_on, (rest: &[i16; ORDER], weights: &[i16; ORDER]) -> [usize; 2]
}

#[inline(always)]
fn weighted_nearest_on<M: Machine>(machine: M, rest: &[i16; ORDER], weights: &[i16; ORDER]) -> [usize; 2] {
    let mut out = [0; 2];
    for (half, out) in out.iter_mut().enumerate() {
        let mut least = Least::nothing(machine);
        let mut indices = machine.load(&NUMBERS);
        for block in &SECOND {
            let mut distances = machine.splat(0);
            for i in half * ORDER / 2..(half + 1) * ORDER / 2 {
                let error = machine.splat(rest[i].into()).sub(machine.extend(&block[i]));
                let weighted = error.mul(machine.splat(weights[i].into())).shift_right::<15>();
                distances = distances.add(weighted.mul(error));
            }
            least.take(distances, indices);
            indices = indices.add(machine.splat(LANES as i32));
        }
        *out = least.index();
    }
    out
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

/// Rows of the gains' codebooks that are tried: pitch gain and correction factor, each by row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GainRows {
    pub(crate) first: [[i16; 2]; 4],
    pub(crate) pitch: [i16; LANES],
    pub(crate) factor: [i16; LANES],
}

machine_kernel! {
    /// The rows of both stages that cost least, the first of equals.
    pub(crate) fn cheapest = cheapest_on, (costs: &GainCosts, rows: &GainRows) -> [usize; 2]
}

#[inline(always)]
fn cheapest_on<M: Machine>(machine: M, costs: &GainCosts, rows: &GainRows) -> [usize; 2] {
    let predicted = machine.splat(costs.predicted.into());
    let highs = costs.terms.map(|term| machine.splat(term >> 16));
    let lows = costs.terms.map(|term| machine.splat((term >> 1) & 0x7fff));
    let (pitches, factors) = (machine.extend(&rows.pitch), machine.extend(&rows.factor));
    let mut least = Least::nothing(machine);
    let mut indices = machine.load(&NUMBERS);
    for &[pitch, factor] in &rows.first {
        let pitch = pitches.add(machine.splat(pitch.into()));
        let factor = factors.add(machine.splat(factor.into())).shift_right::<1>();
        let code = predicted.mul(factor).shift_right::<15>();
        let gains = [
            pitch.mul(pitch).shift_right::<15>(),
            pitch,
            code.mul(code).shift_right::<15>(),
            code,
            code.mul(pitch).shift_right::<15>(),
        ];
        let mut sum = machine.splat(0);
        for ((high, low), gain) in highs.iter().zip(&lows).zip(gains) {
            let product = high.mul(gain).add(low.mul(gain).shift_right::<15>()).shift_left::<1>();
            sum = saturating_add(machine, sum, product);
        }
        let barred = pitch.greater(machine.splat(i32::from(costs.limit) - 1));
        least.take(barred.select(machine.splat(i32::MAX), sum), indices);
        indices = indices.add(machine.splat(LANES as i32));
    }
    let index = least.index();
    [index / LANES, index % LANES]
}

#[inline(always)]
fn saturating_add<M: Machine>(machine: M, a: M::Lanes, b: M::Lanes) -> M::Lanes {
    let sum = a.add(b);
    // It went over where both have the sign that the sum has not.
    let over = a.xor(sum).and(b.xor(sum)).shift_right::<31>();
    let bound = sum.shift_right::<31>().xor(machine.splat(i32::MIN));
    over.select(bound, sum)
}

#[cfg(test)]
mod tests;
