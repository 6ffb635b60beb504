//! The search of the algebraic codebook: four pulses, whose candidates are tried eight at a time.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "loops over arrays of constant length; words are narrowed where their bound is stated"
)]

use core::mem::MaybeUninit;

use super::lanes::{Lanes, Machine};
use super::level::machine_kernel;

/// Places of a subframe, tracks they lie on, places of a track.
const PLACES: usize = 40;
const TRACKS: usize = 5;
const TRACK: usize = 8;
/// Candidates side by side.
const LANES: usize = 8;
/// The numbers of the lanes.
const NUMBERS: [i32; LANES] = [0, 1, 2, 3, 4, 5, 6, 7];

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

/// Two pulses: places by index, the sum of their correlations with the target, their energy.
#[derive(Clone, Copy)]
struct Pair {
    indices: [usize; 2],
    sum: i32,
    energy: i32,
}

/// Correlations of the impulse response with itself, as they stand for pulses at two places.
struct Correlations {
    /// For a place by track and index, and a track, by how far the track is ahead (1 to 4, cyclically): with the places of the track before
    /// this place, which end at the middle, and with those after it, which begin there. Those are written that [`NEEDED`] names.
    rows: [[[MaybeUninit<Row>; TRACKS - 1]; TRACK]; TRACKS],
    /// By track.
    energies: [[i32; TRACK]; TRACKS],
}

/// Correlations of a place with those of a track.
type Row = [i16; 2 * TRACK];

impl Correlations {
    /// Room for them, which is not cleared: that is 5 KiB.
    #[inline(always)]
    const fn room() -> Self {
        let track = [const { [const { MaybeUninit::uninit() }; TRACKS - 1] }; TRACK];
        Self { rows: [track; TRACKS], energies: [[0; TRACK]; TRACKS] }
    }

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
                let row = rows[ahead - 1].write([0; 2 * TRACK]);
                before.shift_right::<15>().store_with(after.shift_right::<15>(), row);
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
    let mut room = Correlations::room();
    let field = Field::new(machine, backward, response, &mut room);
    let mut best = Found { fit: Fit { square: -1, energy: 1 }, places: [0; 4] };
    field.search::<M, 3>(machine, &mut best)?;
    field.search::<M, 4>(machine, &mut best)?;
    Some(best.places)
}

/// The best pulses so far.
struct Found {
    fit: Fit,
    places: [usize; 4],
}

impl Found {
    #[inline(always)]
    const fn take(&mut self, fit: Fit, places: [usize; 4]) {
        if fit.beats(self.fit) {
            *self = Self { fit, places };
        }
    }
}

impl<'a> Field<'a> {
    #[inline(always)]
    fn new<M: Machine>(
        machine: M,
        backward: &[i16; PLACES],
        response: &[i16; PLACES],
        room: &'a mut Correlations,
    ) -> Self {
        room.fill(machine, response);
        let mut field =
            Self { magnitudes: [[0; TRACK]; TRACKS], negative: [[0; TRACK]; TRACKS], correlations: room };
        for track in 0..TRACKS {
            for index in 0..TRACK {
                let d = i32::from(backward[TRACKS * index + track]);
                field.negative[track][index] = d >> 31;
                field.magnitudes[track][index] = d.abs();
            }
        }
        field
    }

    /// Half of the search: pulses on track `LAST` and the first three.
    #[inline(always)]
    fn search<M: Machine, const LAST: usize>(&self, machine: M, best: &mut Found) -> Option<()> {
        let pair = self.first_pair::<M, 2, LAST>(machine)?;
        let ([i0, i1], fit) = self.second_pair::<M, 2, LAST, 0, 1>(machine, &pair)?;
        let [i2, i3] = pair.indices;
        best.take(fit, [TRACKS * i0, TRACKS * i1 + 1, TRACKS * i2 + 2, TRACKS * i3 + LAST]);
        let pair = self.first_pair::<M, LAST, 0>(machine)?;
        let ([i1, i2], fit) = self.second_pair::<M, LAST, 0, 1, 2>(machine, &pair)?;
        let [i3, i0] = pair.indices;
        best.take(fit, [TRACKS * i0, TRACKS * i1 + 1, TRACKS * i2 + 2, TRACKS * i3 + LAST]);
        Some(())
    }

    /// Correlations of a pulse with those of another track, with their signs: of unlike ones negative, of like ones
    /// times 32767/32768, which takes one off what is positive.
    #[inline(always)]
    fn row<M: Machine, const FROM: usize, const TO: usize>(&self, machine: M, index: usize) -> M::Lanes {
        const { assert!(NEEDED[FROM][TO]) };
        let index = index % TRACK;
        let ahead = (TO + TRACKS - FROM) % TRACKS;
        let before = index + usize::from(TO < FROM);
        let row = &self.correlations.rows[FROM][index][ahead - 1];
        // SAFETY: `Field::new` had every row written that `NEEDED` names, which this one is.
        let row = unsafe { row.assume_init_ref() };
        let row = machine.extend(window(row, TRACK - before));
        let unlike = machine.splat(self.negative[FROM][index]).xor(machine.load(&self.negative[TO]));
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
    fn first_pair<M: Machine, const ONE: usize, const OTHER: usize>(&self, machine: M) -> Option<Pair> {
        let indices = self.two_best(ONE);
        let magnitudes = machine.load(&self.magnitudes[OTHER]);
        let alone = machine.load(&self.correlations.energies[OTHER]);
        let mut fits = Fits::nothing(machine);
        let mut turns = machine.load(&NUMBERS);
        for &index in &indices {
            let index = index % TRACK;
            let sums = magnitudes.add(machine.splat(self.magnitudes[ONE][index]));
            let both = alone.add(machine.splat(self.correlations.energies[ONE][index]));
            // No sum saturates: quarters and halves of words are less than a word together.
            let energies =
                both.shift_left::<14>().add(self.row::<M, ONE, OTHER>(machine, index).shift_left::<15>());
            let energies = energies.add(machine.splat(0x8000)).shift_right::<16>();
            fits.take(sums.mul(sums).shift_right::<15>(), energies, turns);
            turns = turns.add(machine.splat(LANES as i32));
        }
        let (fit, turn) = fits.best()?;
        let indices = [indices[turn / LANES % 2], turn % LANES];
        let sum = self.magnitudes[ONE][indices[0] % TRACK] + self.magnitudes[OTHER][indices[1]];
        Some(Pair { indices, sum, energy: fit.energy })
    }

    /// Energies of a track's places and twice their correlations with a pair on two other tracks.
    #[inline(always)]
    fn with_pair<M: Machine, const ONE: usize, const OTHER: usize, const TRACK: usize>(
        &self,
        machine: M,
        pair: &Pair,
    ) -> M::Lanes {
        let first = self.row::<M, ONE, TRACK>(machine, pair.indices[0]);
        let second = self.row::<M, OTHER, TRACK>(machine, pair.indices[1]);
        machine.load(&self.correlations.energies[TRACK]).add(first.add(second).shift_left::<1>())
    }

    /// The best indices on two further tracks for a pair.
    #[inline(always)]
    fn second_pair<
        M: Machine,
        const ONE: usize,
        const OTHER: usize,
        const OUTER: usize,
        const INNER: usize,
    >(
        &self,
        machine: M,
        pair: &Pair,
    ) -> Option<([usize; 2], Fit)> {
        let half = machine.splat(0x8000);
        let with_outer = self.with_pair::<M, ONE, OTHER, OUTER>(machine, pair).shift_left::<12>().to_array();
        let with_inner = self.with_pair::<M, ONE, OTHER, INNER>(machine, pair).shift_left::<13>().add(half);
        // Shares of 1/4, 1/16, 5/16 at most and 1/8 of a word's range, with halves of one less: the sum fits.
        let start = machine.splat((pair.energy << 14) + 0x8000);
        let base = with_inner.shift_right::<16>().shift_left::<15>().add(start);
        let magnitudes = machine.load(&self.magnitudes[INNER]).add(machine.splat(pair.sum));
        let mut fits = Fits::nothing(machine);
        let mut turns = machine.load(&NUMBERS);
        for (m, &with_outer) in with_outer.iter().enumerate() {
            // Four magnitudes of 13 bits: only that of -8192 four times is too large for a word.
            let sums = magnitudes.add(machine.splat(self.magnitudes[OUTER][m])).min(machine.splat(0x7fff));
            let row = self.row::<M, OUTER, INNER>(machine, m).shift_left::<13>();
            let energies = base.add(machine.splat(with_outer)).add(row).shift_right::<16>();
            fits.take(sums.mul(sums).shift_right::<15>(), energies, turns);
            turns = turns.add(machine.splat(LANES as i32));
        }
        let (fit, turn) = fits.best()?;
        Some(([turn / LANES, turn % LANES], fit))
    }
}

#[cfg(test)]
mod tests {
    use super::super::lanes::Portable;
    use super::*;
    use crate::math::Random;

    // The pulses are compared with the scalar search where that is: `encoder::codebook`.
    #[test]
    #[cfg_attr(miri, ignore = "minutes for one search")]
    fn pulses_are_the_same_on_every_machine() {
        let mut random = Random(8);
        for round in 0..2000 {
            let backward: [i16; PLACES] = core::array::from_fn(|_| random.next() >> (2 + round % 10));
            let backward = backward.map(|d| d / 2);
            let response: [i16; PLACES] = core::array::from_fn(|_| random.next() >> (3 + round % 11));
            assert_eq!(pulses(&backward, &response), pulses_on(Portable, &backward, &response));
        }
    }
}
