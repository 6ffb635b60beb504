//! Filters without memory of their outputs, eight samples at a time.

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
    #[should_panic(expected = "eight samples")]
    fn short_window_is_refused() {
        let _ = fir8::<12, 12>(&[0; 12], &[0; 18]);
    }
}
