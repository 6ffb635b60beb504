//! Correlations: sums of products of 16-bit words. Where a sum does not fit 32 bits, its low 32 bits come out.

#![expect(clippy::indexing_slicing, reason = "loops over arrays of constant length")]

use super::level::kernel;

/// Words of the analysis window.
const WINDOW: usize = 240;
/// Lags of its autocorrelation.
const LAGS: usize = 13;
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

kernel! {
    /// The window's correlation with itself at lags 0 to 12.
    pub(crate) fn autocorrelation / portable_autocorrelation(x: &[i16; WINDOW]) -> [i32; LAGS] {
        let mut padded = [0; WINDOW + 16];
        padded[..WINDOW].copy_from_slice(x);
        let mut sums = [0; LAGS];
        for (lag, sum) in sums.iter_mut().enumerate() {
            let mut total = 0i32;
            for n in 0..WINDOW {
                total = total.wrapping_add(product(padded[n], padded[n + lag]));
            }
            *sum = total;
        }
        sums
    }
}

/// `out[k]` is the sum over `n` of `taps[n] * signal[k + n]`. `OUT` is a multiple of eight, `TAPS` even.
#[inline]
pub(crate) fn slide<const OUT: usize, const TAPS: usize>(taps: &[i16; TAPS], signal: &[i16]) -> [i32; OUT] {
    const { assert!(OUT.is_multiple_of(8) && TAPS.is_multiple_of(2)) };
    assert!(signal.len() >= OUT + TAPS - 1, "{OUT} sums of {TAPS} terms");
    #[cfg(target_arch = "x86_64")]
    if super::level::has_avx2() {
        // SAFETY: the processor has the instructions that the callee was compiled for.
        return unsafe { x86::slide(taps, signal) };
    }
    portable_slide(taps, signal)
}

#[inline]
fn portable_slide<const OUT: usize, const TAPS: usize>(taps: &[i16; TAPS], signal: &[i16]) -> [i32; OUT] {
    let mut out = [0i32; OUT];
    for (n, &tap) in taps.iter().enumerate() {
        for (sum, &sample) in out.iter_mut().zip(&signal[n..]) {
            *sum = sum.wrapping_add(product(tap, sample));
        }
    }
    out
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::{
        __m256i, _mm256_add_epi32, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_set1_epi32,
        _mm256_setzero_si256, _mm256_storeu_si256,
    };

    /// See [`super::slide`]. All sums are kept in registers.
    #[target_feature(enable = "avx2,bmi1,bmi2")]
    pub(super) fn slide<const OUT: usize, const TAPS: usize>(
        taps: &[i16; TAPS],
        signal: &[i16],
    ) -> [i32; OUT] {
        const ROOM: usize = 104;
        const { assert!(OUT <= 64 && OUT + TAPS <= ROOM) };
        // Each sample beside the next: a product of pairs is two terms of a sum.
        let mut pairs = [0i32; ROOM];
        for ((pair, &now), &next) in pairs.iter_mut().zip(&signal[..OUT + TAPS - 2]).zip(&signal[1..]) {
            *pair = join(now, next);
        }
        let mut sums = [_mm256_setzero_si256(); 8];
        for (n, &[first, second]) in taps.as_chunks::<2>().0.iter().enumerate() {
            let tap = _mm256_set1_epi32(join(first, second));
            for (sum, samples) in sums[..OUT / 8].iter_mut().zip(pairs[2 * n..].as_chunks::<8>().0) {
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(load(samples), tap));
            }
        }
        let mut out = [0; OUT];
        for (out, &sum) in out.as_chunks_mut::<8>().0.iter_mut().zip(&sums) {
            store(out, sum);
        }
        out
    }

    #[inline(always)]
    const fn join(low: i16, high: i16) -> i32 {
        (low as i32 & 0xffff) | ((high as i32) << 16)
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn load(from: &[i32; 8]) -> __m256i {
        // SAFETY: the reference is to 32 readable bytes, and the load needs no alignment.
        unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn store(to: &mut [i32; 8], value: __m256i) {
        // SAFETY: the reference is to 32 writable bytes, and the store needs no alignment.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), value) }
    }
}
