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
/// Places of a subframe, tracks they lie on, places of a track.
const PLACES: usize = 40;
const TRACKS: usize = 5;
const TRACK: usize = 8;
/// Candidates side by side.
const LANES: usize = 8;

/// The codebooks by eight rows, of those by component.
static FIRST: [[[i16; LANES]; ORDER]; 16] = by_eight(&LSF_STAGE_1);
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
    /// 31 bits.
    pub(crate) fn nearest = nearest_on, (target: &[i16; ORDER]) -> usize
}

#[inline(always)]
fn nearest_on<M: Machine>(machine: M, target: &[i16; ORDER]) -> usize {
    let targets = target.map(|component| machine.splat(component.into()));
    let mut least = Least::nothing(machine);
    let mut indices = machine.load(&NUMBERS);
    for block in &FIRST {
        let mut distances = machine.splat(0);
        for (target, rows) in targets.iter().zip(block) {
            let error = target.sub(machine.extend(rows));
            distances = distances.add(error.mul(error));
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

/// Squared correlation and energy of eight candidates, whose quotients are to be great, and what they are.
#[derive(Clone, Copy)]
struct Fits<L> {
    squares: L,
    energies: L,
    /// When a search in order would have met them.
    turns: L,
    /// The least energy ever seen, at most one.
    lowest: L,
}

/// Squared correlation and energy of a candidate.
#[derive(Clone, Copy)]
struct Fit {
    square: i32,
    energy: i32,
}

impl Fit {
    #[inline(always)]
    const fn beats(self, other: Self) -> bool {
        other.energy * self.square > other.square * self.energy
    }
}

impl<L: Lanes> Fits<L> {
    #[inline(always)]
    fn nothing<M: Machine<Lanes = L>>(machine: M) -> Self {
        let one = machine.splat(1);
        Self { squares: machine.splat(-1), energies: one, turns: machine.splat(0), lowest: one }
    }

    /// Takes those that are better than what is there.
    #[inline(always)]
    fn take(&mut self, squares: L, energies: L, turns: L) {
        let better = self.energies.mul(squares).greater(self.squares.mul(energies));
        self.lowest = self.lowest.min(energies);
        self.squares = better.select(squares, self.squares);
        self.energies = better.select(energies, self.energies);
        self.turns = better.select(turns, self.turns);
    }

    /// The best of all, of equals the one met first. `None` if an energy was not positive: then which is better
    /// depends on the order.
    #[inline(always)]
    fn best(mut self) -> Option<(Fit, usize)> {
        self.join(
            self.squares.swap_four(),
            self.energies.swap_four(),
            self.turns.swap_four(),
            self.lowest.swap_four(),
        );
        self.join(
            self.squares.swap_two(),
            self.energies.swap_two(),
            self.turns.swap_two(),
            self.lowest.swap_two(),
        );
        self.join(
            self.squares.swap_one(),
            self.energies.swap_one(),
            self.turns.swap_one(),
            self.lowest.swap_one(),
        );
        let [square, ..] = self.squares.to_array();
        let [energy, ..] = self.energies.to_array();
        let [turn, ..] = self.turns.to_array();
        let [lowest, ..] = self.lowest.to_array();
        (lowest > 0).then_some((Fit { square, energy }, turn as usize))
    }

    #[inline(always)]
    fn join(&mut self, squares: L, energies: L, turns: L, lowest: L) {
        let (theirs, ours) = (self.energies.mul(squares), self.squares.mul(energies));
        let earlier = theirs.equal(ours).and(self.turns.greater(turns));
        let better = theirs.greater(ours).or(earlier);
        self.lowest = self.lowest.min(lowest);
        self.squares = better.select(squares, self.squares);
        self.energies = better.select(energies, self.energies);
        self.turns = better.select(turns, self.turns);
    }
}

/// Two pulses: places by index and track, the sum of their correlations with the target, their energy.
#[derive(Clone, Copy)]
struct Pair {
    indices: [usize; 2],
    tracks: [usize; 2],
    sum: i32,
    energy: i32,
}

impl Pair {
    #[inline(always)]
    const fn place(&self, which: usize) -> usize {
        TRACKS * self.indices[which] + self.tracks[which]
    }
}

/// Correlations of the impulse response with itself, as they stand for pulses at two places.
struct Correlations {
    /// For a place by track and index, and a track, by how far the track is ahead (1 to 4, cyclically): with the places of the track before
    /// this place, which end at the middle, and with those after it, which begin there.
    rows: [[[[i16; 2 * TRACK]; TRACKS - 1]; TRACK]; TRACKS],
    /// By track.
    energies: [[i32; TRACK]; TRACKS],
}

impl Correlations {
    /// Twice the energy of the response must fit 31 bits.
    #[inline(always)]
    fn fill<M: Machine>(&mut self, machine: M, response: &[i16; PLACES]) {
        // The response by its places' tracks, backwards, with zeros around it.
        let mut reversed = [[0i32; 3 * TRACK]; TRACKS];
        for (track, reversed) in reversed.iter_mut().enumerate() {
            for index in 0..TRACK {
                reversed[2 * TRACK - 1 - index] = response[TRACKS * index + track].into();
            }
        }
        let nothing = [machine.splat(0); TRACKS - 1];
        let mut sums = Sums { before: nothing, after: nothing, energy: 0 };
        for block in 0..TRACK {
            // What a place of each track has before and after it.
            let around = reversed.each_ref().map(|track| stretch(track, TRACK - 1 - block));
            let mut samples = [0; TRACKS];
            samples.copy_from_slice(&response[TRACKS * block..][..TRACKS]);
            self.place::<M, 0>(machine, block, samples[0], &around, &mut sums);
            self.place::<M, 1>(machine, block, samples[1], &around, &mut sums);
            self.place::<M, 2>(machine, block, samples[2], &around, &mut sums);
            self.place::<M, 3>(machine, block, samples[3], &around, &mut sums);
            self.place::<M, 4>(machine, block, samples[4], &around, &mut sums);
        }
    }

    /// One product more of all correlations whose earlier, or whose later, place is as far from the end as this sample
    /// from the beginning, and the rows of that place.
    #[inline(always)]
    fn place<M: Machine, const PHASE: usize>(
        &mut self,
        machine: M,
        block: usize,
        sample: i16,
        around: &[&[i32; STRETCH]; TRACKS],
        sums: &mut Sums<M::Lanes>,
    ) {
        let (track, index) = (TRACKS - 1 - PHASE, TRACK - 1 - block);
        sums.energy += i32::from(sample) * i32::from(sample);
        self.energies[track][index] = sums.energy >> 15;
        // As a half word, beside which the sign of the other factor does not count.
        let sample = machine.splat(i32::from(sample) & 0xffff);
        let rows = &mut self.rows[track][index];
        for ahead in 1..TRACKS {
            let (other, over) = ((PHASE + TRACKS - ahead) % TRACKS, usize::from(PHASE >= ahead));
            let before = &mut sums.before[ahead - 1];
            let after = &mut sums.after[ahead - 1];
            *before = before.add(machine.load(window(around[other], 1 - over)).multiply_halves(sample));
            *after = after.add(machine.load(window(around[other], 1 + TRACK - over)).multiply_halves(sample));
            if NEEDED[track][(track + ahead) % TRACKS] {
                // Halves of twice the energy at most: they fit.
                before.shift_right::<15>().store_with(after.shift_right::<15>(), &mut rows[ahead - 1]);
            }
        }
    }
}

/// Sums of products so far, by how far a track is ahead.
struct Sums<L> {
    before: [L; TRACKS - 1],
    after: [L; TRACKS - 1],
    energy: i32,
}

/// From which track to which the search looks.
const NEEDED: [[bool; TRACKS]; TRACKS] = [
    [false, true, true, false, false],
    [false, false, true, false, false],
    [true, true, false, true, true],
    [true, true, true, false, false],
    [true, true, true, false, false],
];

/// Two windows of eight words, and one more to move them by.
const STRETCH: usize = 2 * TRACK + 1;

#[inline(always)]
fn stretch(words: &[i32; 3 * TRACK], from: usize) -> &[i32; STRETCH] {
    const NOTHING: [i32; STRETCH] = [0; STRETCH];
    words.get(from..).and_then(<[i32]>::first_chunk).unwrap_or(&NOTHING)
}

/// Eight words from one on.
#[inline(always)]
fn window<T: Zero>(words: &[T], from: usize) -> &[T; LANES] {
    words.get(from..).and_then(<[T]>::first_chunk).unwrap_or(T::NOTHING)
}

/// Words that can be none.
trait Zero: Sized + 'static {
    const NOTHING: &'static [Self; LANES];
}

impl Zero for i16 {
    const NOTHING: &'static [Self; LANES] = &[0; LANES];
}

impl Zero for i32 {
    const NOTHING: &'static [Self; LANES] = &[0; LANES];
}

/// What the pulse search looks up, by track.
struct Field<'a> {
    magnitudes: [[i32; TRACK]; TRACKS],
    /// All ones where a pulse is negative.
    negative: [[i32; TRACK]; TRACKS],
    correlations: &'a Correlations,
}

machine_kernel! {
    /// The places of four pulses, depth first: see `encoder::codebook`, whose scalar search this equals.
    ///
    /// `backward` is of 13 bits, twice the energy of `response` fits 31 bits. `None` when an energy is not positive, so
    /// that quotients cannot be compared.
    pub(crate) fn pulses = pulses_on, (backward: &[i16; PLACES], response: &[i16; PLACES]) -> Option<[usize; 4]>
}

#[inline(always)]
fn pulses_on<M: Machine>(
    machine: M,
    backward: &[i16; PLACES],
    response: &[i16; PLACES],
) -> Option<[usize; 4]> {
    let mut correlations = Correlations {
        rows: [[[[0; 2 * TRACK]; TRACKS - 1]; TRACK]; TRACKS],
        energies: [[0; TRACK]; TRACKS],
    };
    correlations.fill(machine, response);
    let field = Field::new(backward, &correlations);
    let mut best = Fit { square: -1, energy: 1 };
    let mut places = [0; 4];
    for track in [3, 4] {
        let pair = field.first_pair(machine, 2, track)?;
        let ([i0, i1], fit) = field.second_pair(machine, &pair, [0, 1])?;
        if fit.beats(best) {
            (best, places) = (fit, [i0, i1, pair.place(0), pair.place(1)]);
        }
        let pair = field.first_pair(machine, track, 0)?;
        let ([i1, i2], fit) = field.second_pair(machine, &pair, [1, 2])?;
        if fit.beats(best) {
            (best, places) = (fit, [pair.place(1), i1, i2, pair.place(0)]);
        }
    }
    Some(places)
}

impl<'a> Field<'a> {
    #[inline(always)]
    fn new(backward: &[i16; PLACES], correlations: &'a Correlations) -> Self {
        let mut field =
            Self { magnitudes: [[0; TRACK]; TRACKS], negative: [[0; TRACK]; TRACKS], correlations };
        for track in 0..TRACKS {
            for index in 0..TRACK {
                let d = i32::from(backward[TRACKS * index + track]);
                field.negative[track][index] = d >> 31;
                field.magnitudes[track][index] = d.abs();
            }
        }
        field
    }

    /// Correlations of a pulse with those of another track, with their signs: of unlike ones negative, of like ones
    /// times 32767/32768, which takes one off what is positive.
    #[inline(always)]
    fn row<M: Machine>(&self, machine: M, track: usize, index: usize, other: usize) -> M::Lanes {
        let index = index % TRACK;
        let ahead = (other + TRACKS - track) % TRACKS;
        let before = index + usize::from(other < track);
        let row = &self.correlations.rows[track][index][ahead - 1];
        let row = machine.extend(window(row, TRACK - before));
        let unlike = machine.splat(self.negative[track][index]).xor(machine.load(&self.negative[other]));
        let positive = row.greater(machine.splat(0));
        row.xor(unlike).sub(unlike).add(positive.unless(unlike))
    }

    /// The two places of a track that correlate most, the earlier of equals.
    #[inline(always)]
    fn two_best(&self, track: usize) -> [usize; 2] {
        let (mut first, mut second) = ((-1, 0), (-1, 0));
        for (index, &magnitude) in self.magnitudes[track].iter().enumerate() {
            if magnitude > first.0 {
                (second, first) = (first, (magnitude, index));
            } else if magnitude > second.0 {
                second = (magnitude, index);
            }
        }
        [first.1, second.1]
    }

    #[inline(always)]
    fn first_pair<M: Machine>(&self, machine: M, one: usize, other: usize) -> Option<Pair> {
        let indices = self.two_best(one);
        let magnitudes = machine.load(&self.magnitudes[other]);
        let alone = machine.load(&self.correlations.energies[other]);
        let mut fits = Fits::nothing(machine);
        let mut turns = machine.load(&NUMBERS);
        for &index in &indices {
            let index = index % TRACK;
            let sums = magnitudes.add(machine.splat(self.magnitudes[one][index]));
            let both = alone.add(machine.splat(self.correlations.energies[one][index]));
            // No sum saturates: quarters and halves of words are less than a word together.
            let energies =
                both.shift_left::<14>().add(self.row(machine, one, index, other).shift_left::<15>());
            let energies = energies.add(machine.splat(0x8000)).shift_right::<16>();
            fits.take(sums.mul(sums).shift_right::<15>(), energies, turns);
            turns = turns.add(machine.splat(LANES as i32));
        }
        let (fit, turn) = fits.best()?;
        let indices = [indices[turn / LANES % 2], turn % LANES];
        let sum = self.magnitudes[one][indices[0] % TRACK] + self.magnitudes[other][indices[1]];
        Some(Pair { indices, tracks: [one, other], sum, energy: fit.energy })
    }

    /// Energies of a track's places and twice their correlations with a pair.
    #[inline(always)]
    fn with_pair<M: Machine>(&self, machine: M, pair: &Pair, track: usize) -> M::Lanes {
        let first = self.row(machine, pair.tracks[0], pair.indices[0], track);
        let second = self.row(machine, pair.tracks[1], pair.indices[1], track);
        machine.load(&self.correlations.energies[track]).add(first.add(second).shift_left::<1>())
    }

    #[inline(always)]
    fn second_pair<M: Machine>(
        &self,
        machine: M,
        pair: &Pair,
        [outer, inner]: [usize; 2],
    ) -> Option<([usize; 2], Fit)> {
        let half = machine.splat(0x8000);
        let with_outer = self.with_pair(machine, pair, outer).shift_left::<12>().to_array();
        let with_inner = self.with_pair(machine, pair, inner).shift_left::<13>().add(half);
        // Shares of 1/4, 1/16, 5/16 at most and 1/8 of a word's range, with halves of one less: the sum fits.
        let start = machine.splat((pair.energy << 14) + 0x8000);
        let base = with_inner.shift_right::<16>().shift_left::<15>().add(start);
        let magnitudes = machine.load(&self.magnitudes[inner]).add(machine.splat(pair.sum));
        let mut fits = Fits::nothing(machine);
        let mut turns = machine.load(&NUMBERS);
        for (m, &with_outer) in with_outer.iter().enumerate() {
            // Four magnitudes of 13 bits: only that of -8192 four times is too large for a word.
            let sums = magnitudes.add(machine.splat(self.magnitudes[outer][m])).min(machine.splat(0x7fff));
            let row = self.row(machine, outer, m, inner).shift_left::<13>();
            let energies = base.add(machine.splat(with_outer)).add(row).shift_right::<16>();
            fits.take(sums.mul(sums).shift_right::<15>(), energies, turns);
            turns = turns.add(machine.splat(LANES as i32));
        }
        let (fit, turn) = fits.best()?;
        Some(([TRACKS * (turn / LANES) + outer, TRACKS * (turn % LANES) + inner], fit))
    }
}

#[cfg(test)]
mod tests;
