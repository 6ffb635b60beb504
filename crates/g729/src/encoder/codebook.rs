//! The algebraic codebook: four pulses, found depth first. Clauses 3.8 and A.3.8.1.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "positions are below 40 by the tracks they lie on"
)]

use crate::exact;
use crate::excitation::{SUBFRAME, Vector};
use crate::ops::{add, extract_h, l_mac, l_msu, l_mult, mult, norm_l, round, sub};
use crate::simd::correlate::energy;
use crate::simd::pulses::pulses;

/// Positions of a track are this far apart.
const TRACKS: usize = 5;

const HALF: i16 = 16_384;
const QUARTER: i16 = 8192;
const EIGHTH: i16 = 4096;
const SIXTEENTH: i16 = 2048;

/// A codeword and what it sounds like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    /// C: positions.
    pub(super) positions: u16,
    /// S: signs.
    pub(super) signs: u8,
    /// The pulses filtered by the impulse response, Q12.
    pub(super) filtered: Vector,
}

/// `D4i40_17_fast`: the codeword for the backward filtered target and the impulse response (Q12, sharpened).
pub(super) fn search(backward: &Vector, response: &Vector) -> Choice {
    let places = match scaled(response) {
        (scaled, fits) if fits && exact::allowed() => pulses(backward, &scaled),
        _ => None,
    };
    let places = places.unwrap_or_else(|| Search::new(backward, response).places());
    choice(places, backward, response)
}

/// The response with as many bits as its correlations have room for, and whether none of their sums saturates: none
/// exceeds the energy (Cauchy and Schwarz).
fn scaled(response: &Vector) -> (Vector, bool) {
    let sum = 2 * energy(response);
    match i32::try_from(sum) {
        Ok(sum) if extract_h(sum) <= 32_000 => {
            // The square root's half of the room: no sample saturates, as none exceeds the energy's root.
            let shift = norm_l(sum) >> 1;
            (response.map(|h| h << shift), true)
        }
        _ => {
            let halved = response.map(|h| h >> 1);
            (halved, 2 * energy(&halved) <= i64::from(i32::MAX))
        }
    }
}

/// Squared correlation with the target and energy of a codeword, both scaled; their quotient is to be great.
#[derive(Clone, Copy, Debug)]
struct Fit {
    correlation: i16,
    energy: i16,
}

impl Fit {
    const fn beats(self, other: Self) -> bool {
        l_msu(l_mult(other.energy, self.correlation), other.correlation, self.energy) > 0
    }
}

/// Two pulses, the sum of their correlations and their energy.
struct Pair {
    places: [usize; 2],
    correlation: i16,
    energy: i16,
}

struct Search {
    /// Magnitude of the target's correlation with a pulse at each place.
    magnitude: Vector,
    /// Where a pulse is negative.
    negative: [bool; SUBFRAME],
    energy: Correlations,
}

fn track(first: usize) -> impl Iterator<Item = usize> {
    (first..SUBFRAME).step_by(TRACKS)
}

impl Search {
    fn new(backward: &Vector, response: &Vector) -> Self {
        Self {
            magnitude: backward.map(|d| if d < 0 { -d } else { d }),
            negative: backward.map(|d| d < 0),
            energy: Correlations::new(&scaled(response).0),
        }
    }

    /// The places of the pulses.
    fn places(&self) -> [usize; 4] {
        let mut best = Fit { correlation: -1, energy: 1 };
        let mut places = [0, 1, 2, 3];
        for track in [3, 4] {
            let pair = self.first_pair(2, track);
            let ([i0, i1], fit) = self.second_pair(&pair, [0, 1]);
            if fit.beats(best) {
                (best, places) = (fit, [i0, i1, pair.places[0], pair.places[1]]);
            }
            let pair = self.first_pair(track, 0);
            let ([i1, i2], fit) = self.second_pair(&pair, [1, 2]);
            if fit.beats(best) {
                (best, places) = (fit, [pair.places[1], i1, i2, pair.places[0]]);
            }
        }
        places
    }

    /// Correlation of the responses to pulses at two places, with their signs.
    fn cross(&self, i: usize, j: usize) -> i16 {
        let sign = if self.negative[i] == self.negative[j] { i16::MAX } else { i16::MIN };
        mult(self.energy.at(i, j), sign)
    }

    /// The best of the two places of the one track that correlate most, with all of the other track.
    fn first_pair(&self, one: usize, other: usize) -> Pair {
        let mut best = Fit { correlation: -1, energy: 1 };
        let mut pair = Pair { places: [one, other], correlation: 0, energy: 1 };
        let mut before = SUBFRAME;
        for _ in 0..2 {
            let mut i = one;
            let mut greatest = -1;
            for place in track(one) {
                if self.magnitude[place] > greatest && place != before {
                    (i, greatest) = (place, self.magnitude[place]);
                }
            }
            before = i;
            let alone = l_mult(self.energy.at(i, i), QUARTER);
            for j in track(other) {
                let sum = add(self.magnitude[i], self.magnitude[j]);
                let energy = l_mac(l_mac(alone, self.cross(i, j), HALF), self.energy.at(j, j), QUARTER);
                let fit = Fit { correlation: mult(sum, sum), energy: round(energy) };
                if fit.beats(best) {
                    best = fit;
                    pair = Pair { places: [i, j], correlation: sum, energy: fit.energy };
                }
            }
        }
        pair
    }

    /// The best places on two further tracks for a pair.
    fn second_pair(&self, pair: &Pair, [outer, inner]: [usize; 2]) -> ([usize; 2], Fit) {
        let [i, j] = pair.places;
        let mut with_pair = [0; SUBFRAME];
        for place in track(inner) {
            let energy = l_mult(self.energy.at(place, place), EIGHTH);
            let energy = l_mac(energy, self.cross(i, place), QUARTER);
            with_pair[place] = round(l_mac(energy, self.cross(j, place), QUARTER));
        }
        let mut best = Fit { correlation: -1, energy: 1 };
        let mut places = [outer, inner];
        let start = l_mult(pair.energy, QUARTER);
        for m in track(outer) {
            let partial = add(pair.correlation, self.magnitude[m]);
            let mut energy = l_mac(start, self.energy.at(m, m), SIXTEENTH);
            energy = l_mac(energy, self.cross(i, m), EIGHTH);
            energy = l_mac(energy, self.cross(j, m), EIGHTH);
            for n in track(inner) {
                let sum = add(partial, self.magnitude[n]);
                let energy = l_mac(l_mac(energy, with_pair[n], HALF), self.cross(m, n), EIGHTH);
                let fit = Fit { correlation: mult(sum, sum), energy: round(energy) };
                if fit.beats(best) {
                    best = fit;
                    places = [m, n];
                }
            }
        }
        (places, best)
    }
}

/// Codewords of the places, by pulse, and the filtered vector. Equations (61) and (62).
fn choice(places: [usize; 4], backward: &Vector, response: &Vector) -> Choice {
    let mut padded = [0; 2 * SUBFRAME];
    padded[SUBFRAME..].copy_from_slice(response);
    let mut filtered = [0; SUBFRAME];
    let mut signs = 0;
    for (k, &place) in places.iter().enumerate() {
        let shifted = filtered.iter_mut().zip(&padded[SUBFRAME - place..]);
        if backward[place] < 0 {
            shifted.for_each(|(y, &h)| *y = sub(*y, h));
        } else {
            shifted.for_each(|(y, &h)| *y = add(*y, h));
            signs |= 1 << k;
        }
    }
    let [m0, m1, m2, m3] = places.map(|place| (place / TRACKS) as u16);
    let odd = (places[3] % TRACKS - 3) as u16;
    Choice { positions: m0 | m1 << 3 | m2 << 6 | odd << 9 | m3 << 10, signs, filtered }
}

/// Correlations of the impulse response with itself, as far as the subframe reaches.
struct Correlations {
    /// By the later place's distance from the end, and the distance of both places.
    sums: [[i16; SUBFRAME]; SUBFRAME],
}

impl Correlations {
    /// `Cor_h`. Equation (51).
    fn new(scaled: &Vector) -> Self {
        let mut sums = [[0; SUBFRAME]; SUBFRAME];
        for distance in 0..SUBFRAME {
            let mut sum = 0;
            for last in 0..SUBFRAME - distance {
                sum = l_mac(sum, scaled[last], scaled[last + distance]);
                sums[last][distance] = extract_h(sum);
            }
        }
        Self { sums }
    }

    fn at(&self, i: usize, j: usize) -> i16 {
        self.sums[SUBFRAME - 1 - i.max(j)][i.abs_diff(j)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::Random;

    /// A decaying response like a filter's, or noise; a target of few large places, or noise.
    fn operands(random: &mut Random, round: i16) -> (Vector, Vector) {
        let mut response = [0; SUBFRAME];
        for (n, h) in response.iter_mut().enumerate() {
            let decay = if round % 3 == 0 { 0 } else { n as i16 / (1 + round % 6) };
            *h = random.next() >> (round % 9 + decay).min(15);
        }
        response[0] = 4096;
        let mut backward = [0; SUBFRAME];
        for d in &mut backward {
            *d = match round % 5 {
                0 => random.next() >> 2,
                1 => (random.next() >> 14) * 8191,
                2 => -8192,
                3 => 0,
                _ => random.next() >> 9,
            };
            *d = (*d).clamp(-8192, 8191);
        }
        (backward, response)
    }

    #[test]
    fn searches_side_by_side_and_one_by_one_find_the_same_pulses() {
        let mut random = Random(9);
        let mut side_by_side = 0;
        for round in 0..4000 {
            let (backward, response) = operands(&mut random, round);
            let one_by_one = Search::new(&backward, &response).places();
            if let (scaled, true) = scaled(&response)
                && let Some(places) = pulses(&backward, &scaled)
            {
                side_by_side += 1;
                assert_eq!(places, one_by_one, "{backward:?} {response:?}");
            }
            let choice = search(&backward, &response);
            assert_eq!(choice.positions, super::choice(one_by_one, &backward, &response).positions);
        }
        assert!(side_by_side > 3000, "only {side_by_side}");
    }
}
