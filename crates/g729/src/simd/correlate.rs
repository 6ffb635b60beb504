//! Correlations: sums of products of 16-bit words. Where a sum does not fit 32 bits, its low 32 bits come out.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "loops over arrays of constant length; a weighted word is no greater than it was"
)]

use super::lanes::{Lanes, Machine};
use super::level::{kernel, machine_kernel};

/// Words of the analysis window.
const WINDOW: usize = 240;
/// Words of a subframe.
const SUBFRAME: usize = 40;

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
    /// The same with forty stretches.
    pub(crate) fn forty = forty_on, (taps: &[i16; SUBFRAME], signal: &[i16; 2 * SUBFRAME]) -> [i32; SUBFRAME]
}

#[inline(always)]
fn forty_on<M: Machine>(machine: M, taps: &[i16; SUBFRAME], signal: &[i16; 2 * SUBFRAME]) -> [i32; SUBFRAME] {
    slide::<M, SUBFRAME, SUBFRAME, { 2 * SUBFRAME }>(machine, taps, signal)
}

machine_kernel! {
    /// The same with 64 stretches.
    pub(crate) fn sixty_four = sixty_four_on, (taps: &[i16; SUBFRAME], signal: &[i16; SUBFRAME + 64]) -> [i32; 64]
}

#[inline(always)]
fn sixty_four_on<M: Machine>(machine: M, taps: &[i16; SUBFRAME], signal: &[i16; SUBFRAME + 64]) -> [i32; 64] {
    slide::<M, 64, SUBFRAME, { SUBFRAME + 64 }>(machine, taps, signal)
}

/// `out[k]` is the sum over `n` of `taps[n] * signal[k + n]`. `OUT` is a multiple of eight and 64 at most, so that all
/// sums are kept in registers; `TAPS` is even; `ROOM` is both together.
#[inline(always)]
fn slide<M: Machine, const OUT: usize, const TAPS: usize, const ROOM: usize>(
    machine: M,
    taps: &[i16; TAPS],
    signal: &[i16],
) -> [i32; OUT] {
    const { assert!(OUT.is_multiple_of(8) && OUT <= 64 && TAPS.is_multiple_of(2) && ROOM == OUT + TAPS) };
    // Each sample beside the next: a product of pairs is two terms of a sum.
    let mut pairs = [0i32; ROOM];
    for ((pair, &now), &next) in pairs.iter_mut().zip(signal).zip(&signal[1..]) {
        *pair = join(now, next);
    }
    let mut sums = [machine.splat(0); 8];
    for (n, &[first, second]) in taps.as_chunks::<2>().0.iter().enumerate() {
        let tap = machine.splat(join(first, second));
        for (sum, samples) in sums[..OUT / 8].iter_mut().zip(pairs[2 * n..].as_chunks::<8>().0) {
            *sum = sum.add(machine.load(samples).multiply_halves(tap));
        }
    }
    let mut out = [0; OUT];
    for (out, &sum) in out.as_chunks_mut::<8>().0.iter_mut().zip(&sums) {
        sum.store(out);
    }
    out
}

#[inline(always)]
const fn join(low: i16, high: i16) -> i32 {
    (low as i32 & 0xffff) | ((high as i32) << 16)
}

#[cfg(test)]
mod tests;
