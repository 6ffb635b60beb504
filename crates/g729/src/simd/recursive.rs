//! Recursive filters of tenth order, some of them side by side.

#![expect(clippy::indexing_slicing, reason = "loops over arrays of constant length")]

use super::lanes::{Lanes, Machine};
use super::level::machine_kernel;
use crate::ops::saturate;

/// Samples of a subframe.
const SUBFRAME: usize = 40;
/// Outputs that the next one is made from.
const ORDER: usize = 10;
/// Filters side by side.
const FILTERS: usize = 3;

/// A filter `1/A(z)`, Q12, with what goes into it and the last ten samples that came out.
#[derive(Clone, Copy)]
pub(crate) struct Recursion<'a> {
    pub(crate) a: &'a [i16; ORDER + 1],
    pub(crate) input: &'a [i16; SUBFRAME],
    pub(crate) past: &'a [i16; ORDER],
}

machine_kernel! {
    /// What comes out of each, unless some sample comes to a bound of 16 bits. Sums of products must fit 31 bits.
    pub(crate) fn three = three_on, (filters: &[Recursion<'_>; FILTERS]) -> Option<[[i16; SUBFRAME]; FILTERS]>
}

#[inline(always)]
fn three_on<M: Machine>(
    machine: M,
    filters: &[Recursion<'_>; FILTERS],
) -> Option<[[i16; SUBFRAME]; FILTERS]> {
    let mut taps = [[0i16; 16]; ORDER / 2];
    // Inputs with half of the last place, for rounding.
    let mut fed = [[0i32; 8]; SUBFRAME];
    // Each output and the one before it: the first ones of the past.
    let mut pasts = [[0i16; 16]; ORDER - 1];
    for (lane, filter) in filters.iter().enumerate() {
        for (taps, pair) in taps.iter_mut().zip(filter.a[1..].as_chunks::<2>().0) {
            [taps[2 * lane], taps[2 * lane + 1]] = *pair;
        }
        let gain = i32::from(filter.a[0]);
        for (fed, &x) in fed.iter_mut().zip(filter.input) {
            fed[lane] = i32::from(x) * gain + 0x800;
        }
        for (past, pair) in pasts.iter_mut().zip(filter.past.windows(2)) {
            (past[2 * lane], past[2 * lane + 1]) = (pair[1], pair[0]);
        }
    }
    let mut weights = [machine.splat(0); ORDER / 2];
    for (weight, taps) in weights.iter_mut().zip(&taps) {
        *weight = machine.load_halves(taps);
    }
    let mut pairs = [machine.splat(0); ORDER - 1 + SUBFRAME];
    for (pair, past) in pairs.iter_mut().zip(&pasts) {
        *pair = machine.load_halves(past);
    }
    let low_half = machine.splat(0xffff);
    let (mut least, mut greatest) = (machine.splat(0), machine.splat(0));
    let mut out = [[0i32; 8]; SUBFRAME];
    for n in 0..SUBFRAME {
        let mut sum = machine.load(&fed[n]);
        // The oldest first, so that the next sample waits for no more than its last product.
        for k in (0..ORDER / 2).rev() {
            sum = sum.sub(pairs[n + ORDER - 2 - 2 * k].multiply_halves(weights[k]));
        }
        let y = sum.shift_right::<12>();
        (least, greatest) = (least.min(y), greatest.max(y));
        y.store(&mut out[n]);
        pairs[n + ORDER - 1] = y.and(low_half).or(pairs[n + ORDER - 2].shift_left::<16>());
    }
    let within = |lane: usize, low: &[i32; 8], high: &[i32; 8]| {
        low[lane] > i16::MIN.into() && high[lane] < i16::MAX.into()
    };
    let (low, high) = (least.to_array(), greatest.to_array());
    if !(0..FILTERS).all(|lane| within(lane, &low, &high)) {
        return None;
    }
    let mut filtered = [[0; SUBFRAME]; FILTERS];
    for (lane, filtered) in filtered.iter_mut().enumerate() {
        for (to, out) in filtered.iter_mut().zip(&out) {
            *to = saturate(out[lane]);
        }
    }
    Some(filtered)
}

#[cfg(test)]
mod tests {
    use super::super::lanes::Portable;
    use super::*;
    use crate::math::Random;
    use crate::testdata::rounds;

    #[test]
    fn filters_side_by_side_are_alike_on_every_machine() {
        let mut random = Random(13);
        let mut whole = 0;
        for round in 0..rounds(2000) {
            let shift = 3 + i16::try_from(round % 5).unwrap();
            let mut a = [(); FILTERS].map(|()| core::array::from_fn(|_| random.next() >> shift));
            a.iter_mut().for_each(|a: &mut [i16; ORDER + 1]| a[0] = 4096);
            let input = [(); FILTERS].map(|()| core::array::from_fn(|_| random.next() >> shift));
            let past = [(); FILTERS].map(|()| core::array::from_fn(|_| random.next() >> shift));
            let filters: [Recursion<'_>; FILTERS] =
                core::array::from_fn(|n| Recursion { a: &a[n], input: &input[n], past: &past[n] });
            let found = three(&filters);
            assert_eq!(found, three_on(Portable, &filters));
            whole += usize::from(found.is_some());
        }
        assert!(cfg!(miri) || whole > 300, "{whole}");
    }
}
