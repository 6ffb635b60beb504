//! Correlations: sums of products of 16-bit words. Where a sum does not fit 32 bits, its low 32 bits come out.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "loops over arrays of constant length; a weighted word is no greater than it was"
)]

use super::lanes::{Lanes, Machine};
use super::level::{kernel, machine_kernel};
use crate::ops::norm_l;

/// Words of the analysis window.
const WINDOW: usize = 240;
/// Words of a subframe.
const SUBFRAME: usize = 40;
/// Every second word of a frame and the greatest delay before it.
pub(crate) const HALF: usize = 112;

#[inline(always)]
fn product(a: i16, b: i16) -> i32 {
    i32::from(a) * i32::from(b)
}

kernel! {
    /// The sum of products of two subframes.
    pub(crate) fn dot / portable_dot(a: &[i16; SUBFRAME], b: &[i16; SUBFRAME]) -> i32 {
        a.iter().zip(b).map(|(&a, &b)| product(a, b)).fold(0, i32::wrapping_add)
    }
}

kernel! {
    /// The sum of squares of a subframe, whatever its size.
    pub(crate) fn energy / portable_energy(x: &[i16; SUBFRAME]) -> i64 {
        // Two squares fit an unsigned word.
        x.as_chunks::<2>().0.iter().map(|[a, b]| i64::from(product(*a, *a).cast_unsigned() + product(*b, *b).cast_unsigned())).sum()
    }
}

kernel! {
    /// The greatest magnitude of what an interpolated subframe was made from.
    pub(crate) fn greatest / portable_greatest(x: &[i16; 64]) -> i32 {
        let (mut low, mut high) = (0, 0);
        for &x in x {
            low = x.min(low);
            high = x.max(high);
        }
        i32::from(high).max(-i32::from(low))
    }
}

kernel! {
    /// The sum of squares of half of what the open-loop search looks at, whatever its size.
    pub(crate) fn half_energy / portable_half_energy(x: &[i16; HALF]) -> i64 {
        x.as_chunks::<2>().0.iter().map(|[a, b]| i64::from(product(*a, *a).cast_unsigned() + product(*b, *b).cast_unsigned())).sum()
    }
}

kernel! {
    /// The sum of squares of an analysis window, whatever its size.
    pub(crate) fn window_energy / portable_window_energy(x: &[i16; WINDOW]) -> i64 {
        x.as_chunks::<2>().0.iter().map(|[a, b]| i64::from(product(*a, *a).cast_unsigned() + product(*b, *b).cast_unsigned())).sum()
    }
}

kernel! {
    /// Each sample times its weight (Q15), rounded. No weight is negative.
    pub(crate) fn weigh / portable_weigh(signal: &[i16; WINDOW], weights: &[i16; WINDOW]) -> [i16; WINDOW] {
        let mut out = [0; WINDOW];
        for ((out, &sample), &weight) in out.iter_mut().zip(signal).zip(weights) {
            *out = ((product(sample, weight) + 0x4000) >> 15) as i16;
        }
        out
    }
}

machine_kernel! {
    /// The window's correlation with itself at lags 0 to 15, of which the last three are of no use.
    pub(crate) fn autocorrelation = autocorrelation_on, (x: &[i16; WINDOW]) -> [i32; 16]
}

#[inline(always)]
fn autocorrelation_on<M: Machine>(machine: M, x: &[i16; WINDOW]) -> [i32; 16] {
    let mut padded = [0; WINDOW + 17];
    padded[..WINDOW].copy_from_slice(x);
    slide::<M, 16, WINDOW, { WINDOW + 16 }>(machine, x, &padded)
}

machine_kernel! {
    /// A subframe's correlations with sixteen stretches of a signal: `out[k]` is the sum over `n` of
    /// `taps[n] * signal[k + n]`.
    pub(crate) fn sixteen = sixteen_on, (taps: &[i16; SUBFRAME], signal: &[i16; SUBFRAME + 16]) -> [i32; 16]
}

#[inline(always)]
fn sixteen_on<M: Machine>(machine: M, taps: &[i16; SUBFRAME], signal: &[i16; SUBFRAME + 16]) -> [i32; 16] {
    slide::<M, 16, SUBFRAME, { SUBFRAME + 16 }>(machine, taps, signal)
}

machine_kernel! {
    /// Twice the correlations of a response with a target that begins later and later, shifted right so far that the greatest
    /// has 13 bits: `out[k]` is of the sum over `n` of `response[n] * target[k + n]`. Twice the sums must fit 31 bits.
    pub(crate) fn filter_backwards = filter_backwards_on, (response: &[i16; SUBFRAME], target: &[i16; SUBFRAME]) -> [i16; SUBFRAME]
}

#[inline(always)]
fn filter_backwards_on<M: Machine>(
    machine: M,
    response: &[i16; SUBFRAME],
    target: &[i16; SUBFRAME],
) -> [i16; SUBFRAME] {
    let mut padded = [0; 2 * SUBFRAME];
    padded[..SUBFRAME].copy_from_slice(target);
    let pairs = pairs::<{ 2 * SUBFRAME }>(&padded);
    let taps = response.as_chunks().0;
    // Behind the target there is nothing: eight sums less for each eight taps.
    let mut sums = [machine.splat(0); SUBFRAME / 8];
    add_taps::<M, 5>(machine, &mut sums, &pairs, &taps[..4]);
    add_taps::<M, 4>(machine, &mut sums, &pairs[8..], &taps[4..8]);
    add_taps::<M, 3>(machine, &mut sums, &pairs[16..], &taps[8..12]);
    add_taps::<M, 2>(machine, &mut sums, &pairs[24..], &taps[12..16]);
    add_taps::<M, 1>(machine, &mut sums, &pairs[32..], &taps[16..]);
    let mut words = [0; SUBFRAME];
    for (words, &sum) in words.as_chunks_mut::<8>().0.iter_mut().zip(&sums) {
        sum.shift_left::<1>().store(words);
    }
    let greatest = words.iter().fold(0, |greatest: i32, word| greatest.max(word.abs()));
    let shift = 18 - norm_l(greatest).min(16);
    let mut out = [0; SUBFRAME];
    for (out, word) in out.iter_mut().zip(&words) {
        *out = (word >> shift) as i16;
    }
    out
}

kernel! {
    /// The sum of the magnitudes of a subframe, and its greatest one.
    pub(crate) fn magnitudes / portable_magnitudes(x: &[i16; SUBFRAME]) -> (i32, i32) {
        let (mut sum, mut low, mut high) = (0, 0, 0);
        for &x in x {
            sum += i32::from(x).abs();
            low = x.min(low);
            high = x.max(high);
        }
        (sum, i32::from(high).max(-i32::from(low)))
    }
}

machine_kernel! {
    /// The same with 64 stretches.
    pub(crate) fn sixty_four = sixty_four_on, (taps: &[i16; SUBFRAME], signal: &[i16; SUBFRAME + 64]) -> [i32; 64]
}

#[inline(always)]
fn sixty_four_on<M: Machine>(machine: M, taps: &[i16; SUBFRAME], signal: &[i16; SUBFRAME + 64]) -> [i32; 64] {
    slide::<M, 64, SUBFRAME, { SUBFRAME + 64 }>(machine, taps, signal)
}

/// `out[k]` is the sum over `n` of `taps[n] * signal[k + n]`. `OUT` is a multiple of sixteen and 64 at most, so that all
/// sums are kept in registers; `TAPS` is even; `ROOM` is both together.
#[inline(always)]
fn slide<M: Machine, const OUT: usize, const TAPS: usize, const ROOM: usize>(
    machine: M,
    taps: &[i16; TAPS],
    signal: &[i16],
) -> [i32; OUT] {
    const { assert!(OUT.is_multiple_of(16) && OUT <= 64 && TAPS.is_multiple_of(2) && ROOM == OUT + TAPS) };
    // Products of neighbours, added: the even sums from here, the odd ones from one sample on.
    let (mut even, mut odd) = ([machine.splat(0); 4], [machine.splat(0); 4]);
    for (n, &[first, second]) in taps.as_chunks::<2>().0.iter().enumerate() {
        let tap = machine.splat(join(first, second));
        for block in 0..OUT / 16 {
            let at = 2 * n + 16 * block;
            even[block] = even[block].add(sixteen_of(machine, signal, at).multiply_halves(tap));
            odd[block] = odd[block].add(sixteen_of(machine, signal, at + 1).multiply_halves(tap));
        }
    }
    let mut out = [0; OUT];
    for (block, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let (even, odd) = (even[block].to_array(), odd[block].to_array());
        for (n, out) in out.as_chunks_mut().0.iter_mut().enumerate() {
            *out = [even[n], odd[n]];
        }
    }
    out
}

#[inline(always)]
fn sixteen_of<M: Machine>(machine: M, signal: &[i16], at: usize) -> M::Lanes {
    machine.load_halves(signal[at..].first_chunk().unwrap_or(&[0; 16]))
}

/// Each sample beside the next: a product of pairs is two terms of a sum.
#[inline(always)]
fn pairs<const ROOM: usize>(signal: &[i16]) -> [i32; ROOM] {
    let mut pairs = [0; ROOM];
    for ((pair, &now), &next) in pairs.iter_mut().zip(signal).zip(&signal[1..]) {
        *pair = join(now, next);
    }
    pairs
}

/// Adds the products with four pairs of taps to the first sums.
#[inline(always)]
fn add_taps<M: Machine, const BLOCKS: usize>(
    machine: M,
    sums: &mut [M::Lanes; SUBFRAME / 8],
    pairs: &[i32],
    taps: &[[i16; 2]],
) {
    for (n, &[first, second]) in taps.iter().enumerate() {
        let tap = machine.splat(join(first, second));
        for (sum, samples) in sums[..BLOCKS].iter_mut().zip(pairs[2 * n..].as_chunks::<8>().0) {
            *sum = sum.add(machine.load(samples).multiply_halves(tap));
        }
    }
}

#[inline(always)]
const fn join(low: i16, high: i16) -> i32 {
    (low as i32 & 0xffff) | ((high as i32) << 16)
}

#[cfg(test)]
mod tests;
