//! Filters without memory of their outputs, eight or sixteen samples at a time.

#![expect(clippy::indexing_slicing, reason = "blocks of buffers of constant length")]

use super::lanes::{Lanes, Machine};
use super::level::{kernel, machine_kernel};
use crate::ops::saturate;

/// Samples computed at once.
pub(crate) const BLOCK: usize = 16;
/// Samples of a subframe.
const SUBFRAME: usize = 40;

kernel! {
    /// What the inputs of a filter of second order contribute to its sums, with the two inputs before, the later one first.
    pub(crate) fn fed / portable_fed(signal: &[i16; SUBFRAME], before: [i16; 2], numerator: [i16; 3]) -> [i32; SUBFRAME] {
        let mut window = [0; SUBFRAME + 2];
        (window[0], window[1]) = (before[1], before[0]);
        window[2..].copy_from_slice(signal);
        let [b0, b1, b2] = [i32::from(numerator[0]), i32::from(numerator[1]), i32::from(numerator[2])];
        let mut fed = [0; SUBFRAME];
        for (n, fed) in fed.iter_mut().enumerate() {
            *fed = b0 * i32::from(window[n + 2]) + b1 * i32::from(window[n + 1]) + b2 * i32::from(window[n]);
        }
        fed
    }
}

kernel! {
    /// Words of a subframe, of which twelve bits are rounded off, limited to 16 bits; and the least and the greatest of the words
    /// and zero.
    pub(crate) fn rounded / portable_rounded(words: &[i32; SUBFRAME]) -> ([i16; SUBFRAME], [i32; 2]) {
        let mut out = [0; SUBFRAME];
        let (mut low, mut high) = (0, 0);
        for (out, &word) in out.iter_mut().zip(words) {
            low = word.min(low);
            high = word.max(high);
            *out = saturate(word.wrapping_add(0x800) >> 12);
        }
        (out, [low, high])
    }
}

machine_kernel! {
    /// Sixteen samples of `sum over k of taps[k] * window[n + k]`, rounded, shifted right by 15 and limited to 16 bits. The sums
    /// must fit 32 bits with the rounding.
    pub(crate) fn interpolate = interpolate_on, (taps: &[i16; 20], window: &[i16; BLOCK + 20]) -> [i16; BLOCK]
}

#[inline(always)]
fn interpolate_on<M: Machine>(machine: M, taps: &[i16; 20], window: &[i16; BLOCK + 20]) -> [i16; BLOCK] {
    let mut out = [0; BLOCK];
    block::<M, 20, 15>(machine, taps, window, &mut out);
    out
}

machine_kernel! {
    /// The same for a subframe by eleven taps and a twelfth of zero, with a shift of 12.
    pub(crate) fn residual = residual_on, (taps: &[i16; 12], window: &[i16; WINDOWED]) -> [i16; 3 * BLOCK]
}

/// Samples that a subframe in blocks looks at with twelve taps; the last of them are of no use.
pub(crate) const WINDOWED: usize = 3 * BLOCK + 12;

#[inline(always)]
fn residual_on<M: Machine>(machine: M, taps: &[i16; 12], window: &[i16; WINDOWED]) -> [i16; 3 * BLOCK] {
    let mut out = [0; 3 * BLOCK];
    for (n, out) in out.as_chunks_mut().0.iter_mut().enumerate() {
        block::<M, 12, 12>(machine, taps, &window[BLOCK * n..], out);
    }
    out
}

#[inline(always)]
fn block<M: Machine, const TAPS: usize, const SHIFT: i32>(
    machine: M,
    taps: &[i16; TAPS],
    window: &[i16],
    out: &mut [i16; BLOCK],
) {
    const { assert!(TAPS.is_multiple_of(2) && SHIFT > 0 && SHIFT < 32) };
    // Sums of neighbours' products: the even samples from here, the odd ones from one sample on.
    let (mut even, mut odd) = (machine.splat(1 << (SHIFT - 1)), machine.splat(1 << (SHIFT - 1)));
    for (k, &[first, second]) in taps.as_chunks::<2>().0.iter().enumerate() {
        let pair = machine.splat((i32::from(first) & 0xffff) | i32::from(second) << 16);
        even = even.add(load(machine, window, 2 * k).multiply_halves(pair));
        odd = odd.add(load(machine, window, 2 * k + 1).multiply_halves(pair));
    }
    let even = limited::<M>(machine, even.shift_right::<SHIFT>());
    even.store_pairs(limited::<M>(machine, odd.shift_right::<SHIFT>()), out);
}

#[inline(always)]
fn load<M: Machine>(machine: M, window: &[i16], at: usize) -> M::Lanes {
    machine.load_halves(window[at..].first_chunk().unwrap_or(&[0; BLOCK]))
}

/// What 16 bits hold.
#[inline(always)]
fn limited<M: Machine>(machine: M, words: M::Lanes) -> M::Lanes {
    words.max(machine.splat(i16::MIN.into())).min(machine.splat(i16::MAX.into()))
}

#[cfg(not(target_arch = "x86_64"))]
use self::portable as chosen;
#[cfg(target_arch = "x86_64")]
use self::x86 as chosen;

/// Eight samples of `sum over k of taps[k] * window[n + k]`, rounded, shifted right by `SHIFT` and limited to 16 bits.
///
/// The sums must fit 32 bits with the rounding: `sum |taps| * max |window| < 2^31 - 2^(SHIFT - 1)` is enough.
#[inline]
pub(crate) fn fir8<const TAPS: usize, const SHIFT: i32>(taps: &[i16; TAPS], window: &[i16]) -> [i16; 8] {
    const { assert!(SHIFT > 0 && SHIFT < 32) };
    assert!(window.len() >= TAPS + 7, "eight samples look at {} more than there are taps", 7);
    chosen::fir8::<TAPS, SHIFT>(taps, window)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::{
        __m128i, _mm_add_epi32, _mm_loadu_si128, _mm_madd_epi16, _mm_packs_epi32, _mm_set1_epi32,
        _mm_srai_epi32, _mm_srli_si128, _mm_storeu_si128, _mm_unpacklo_epi16,
    };

    #[inline]
    pub(super) fn fir8<const TAPS: usize, const SHIFT: i32>(taps: &[i16; TAPS], window: &[i16]) -> [i16; 8] {
        // SAFETY: SSE2 is part of the x86-64 baseline.
        unsafe { sse2::<TAPS, SHIFT>(taps, window) }
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn sse2<const TAPS: usize, const SHIFT: i32>(taps: &[i16; TAPS], window: &[i16]) -> [i16; 8] {
        let half = _mm_set1_epi32(1 << (SHIFT - 1));
        let (mut even, mut odd) = (half, half);
        let (pairs, last) = taps.as_chunks::<2>();
        for (k, &[first, second]) in pairs.iter().enumerate() {
            let pair = both(first, second);
            let at = 2 * k;
            let (Some(now), Some(next)) = (eight(window, at), eight(window, at + 1)) else { break };
            // Products of neighbours, added: the even samples from here, the odd ones from one sample on.
            even = _mm_add_epi32(even, _mm_madd_epi16(load(now), pair));
            odd = _mm_add_epi32(odd, _mm_madd_epi16(load(next), pair));
        }
        if let (&[tap], Some(now)) = (last, eight(window, TAPS - 1)) {
            // A tap alone: its samples are the lower halves for the even outputs, the upper ones for the odd.
            even = _mm_add_epi32(even, _mm_madd_epi16(load(now), both(tap, 0)));
            odd = _mm_add_epi32(odd, _mm_madd_epi16(load(now), both(0, tap)));
        }
        let packed = _mm_packs_epi32(_mm_srai_epi32::<SHIFT>(even), _mm_srai_epi32::<SHIFT>(odd));
        let mut out = [0; 8];
        store(&mut out, _mm_unpacklo_epi16(packed, _mm_srli_si128::<8>(packed)));
        out
    }

    /// A pair of taps in all lanes.
    #[target_feature(enable = "sse2")]
    #[inline]
    fn both(first: i16, second: i16) -> __m128i {
        _mm_set1_epi32(i32::from(second) << 16 | i32::from(first) & 0xffff)
    }

    #[inline]
    fn eight(window: &[i16], at: usize) -> Option<&[i16; 8]> {
        window.get(at..)?.first_chunk()
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn load(from: &[i16; 8]) -> __m128i {
        // SAFETY: the reference is to 16 readable bytes, and the load needs no alignment.
        unsafe { _mm_loadu_si128(from.as_ptr().cast()) }
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn store(to: &mut [i16; 8], value: __m128i) {
        // SAFETY: the reference is to 16 writable bytes, and the store needs no alignment.
        unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), value) }
    }
}

#[cfg(any(test, not(target_arch = "x86_64")))]
mod portable {
    pub(super) fn fir8<const TAPS: usize, const SHIFT: i32>(taps: &[i16; TAPS], window: &[i16]) -> [i16; 8] {
        core::array::from_fn(|n| {
            let sum = window
                .iter()
                .skip(n)
                .zip(taps)
                .map(|(&x, &tap)| i32::from(x) * i32::from(tap))
                .fold(1 << (SHIFT - 1), i32::wrapping_add);
            crate::ops::saturate(sum >> SHIFT)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::lanes::Portable;
    use super::*;
    use crate::math::Random;
    use crate::testdata::rounds;

    fn random<const N: usize>(seed: i16, peak: i16) -> [i16; N] {
        let mut random = Random(seed);
        core::array::from_fn(|_| i16::try_from((i32::from(random.next()) * i32::from(peak)) >> 15).unwrap())
    }

    fn twins_agree<const TAPS: usize, const SHIFT: i32>(taps: &[i16; TAPS], window: &[i16]) {
        let (fast, slow) = (fir8::<TAPS, SHIFT>(taps, window), portable::fir8::<TAPS, SHIFT>(taps, window));
        assert_eq!(fast, slow, "{taps:?} {window:?}");
    }

    #[test]
    fn vectors_and_scalars_agree_on_random_and_extreme_operands() {
        for seed in (0_i16..).take(rounds(2000)) {
            let peak = if seed % 2 == 0 { i16::MAX } else { 900 };
            twins_agree::<11, 12>(&random(seed, peak), &random::<18>(!seed, i16::MAX));
            twins_agree::<20, 15>(&random(seed, peak), &random::<27>(!seed, 7000));
        }
        for (tap, x) in
            [(i16::MIN, i16::MAX), (i16::MIN, i16::MIN), (i16::MAX, i16::MIN), (1, i16::MIN), (-1, 0)]
        {
            twins_agree::<11, 12>(&[tap; 11], &[x; 18]);
            twins_agree::<20, 15>(&[tap; 20], &[x; 27]);
        }
    }

    #[test]
    fn loops_over_subframes_are_alike_on_every_machine() {
        for seed in (0_i16..).take(rounds(500)) {
            let (signal, before) = (random::<SUBFRAME>(seed, 22_000), random::<2>(!seed, 22_000));
            let numerator = [7699, -15_398, 7699];
            let fed = fed(&signal, before, numerator);
            assert_eq!(fed, portable_fed(&signal, before, numerator));
            let all: Vec<i32> = [before[1], before[0]].into_iter().chain(signal).map(i32::from).collect();
            let expected: Vec<i32> = all.windows(3).map(|w| 7699 * (w[2] - 2 * w[1] + w[0])).collect();
            assert_eq!(fed.to_vec(), expected);
            assert_eq!(rounded(&fed), portable_rounded(&fed));
            let limited: [i16; SUBFRAME] = fed.map(|word| saturate((word + 0x800) >> 12));
            assert_eq!(rounded(&fed).0, limited);
        }
    }

    #[test]
    fn sixteen_samples_are_twice_eight() {
        for seed in (0_i16..).take(rounds(2000)) {
            let peak = if seed % 2 == 0 { i16::MAX } else { 900 };
            let (taps, window) = (random::<20>(seed, peak), random::<{ BLOCK + 20 }>(!seed, 3000));
            let eights: [i16; BLOCK] =
                core::array::from_fn(|n| fir8::<20, 15>(&taps, &window[n / 8 * 8..])[n % 8]);
            assert_eq!(interpolate(&taps, &window), eights);
            assert_eq!(interpolate_on(Portable, &taps, &window), eights);

            let (eleven, window) = (random::<11>(seed, peak / 8), random::<WINDOWED>(!seed, i16::MAX / 2));
            let mut taps = [0; 12];
            taps[..11].copy_from_slice(&eleven);
            let eights: [i16; 3 * BLOCK] =
                core::array::from_fn(|n| fir8::<11, 12>(&eleven, &window[n / 8 * 8..])[n % 8]);
            assert_eq!(residual(&taps, &window), eights);
            assert_eq!(residual_on(Portable, &taps, &window), eights);
        }
    }

    #[test]
    #[should_panic(expected = "eight samples")]
    fn short_window_is_refused() {
        let _ = fir8::<12, 12>(&[0; 12], &[0; 18]);
    }
}
