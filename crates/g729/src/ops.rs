//! The basic operators of the Recommendation (Table 11) on 16- and 32-bit words: saturating, fractional.
//!
//! The functions here saturate and tell nobody. Where the reference asks whether anything saturated, the twins in
//! [`flagged`] say so through a flag that they only ever raise.

#![expect(
    clippy::cast_possible_truncation,
    reason = "halves of words are taken on purpose, and results are clamped before they are narrowed"
)]

pub(crate) mod flagged;

/// Limits a sum to 16 bits.
#[inline]
pub(crate) const fn saturate(x: i32) -> i16 {
    if x > i16::MAX as i32 {
        i16::MAX
    } else if x < i16::MIN as i32 {
        i16::MIN
    } else {
        x as i16
    }
}

/// Limits a sum to 32 bits.
#[inline]
pub(crate) const fn l_saturate(x: i64) -> i32 {
    if x > i32::MAX as i64 {
        i32::MAX
    } else if x < i32::MIN as i64 {
        i32::MIN
    } else {
        x as i32
    }
}

/// `add`.
#[inline]
pub(crate) const fn add(a: i16, b: i16) -> i16 {
    a.saturating_add(b)
}

/// `sub`.
#[inline]
pub(crate) const fn sub(a: i16, b: i16) -> i16 {
    a.saturating_sub(b)
}

/// `negate`: the least word becomes the greatest.
#[inline]
pub(crate) const fn negate(a: i16) -> i16 {
    a.saturating_neg()
}

/// `abs_s`: the least word becomes the greatest.
#[inline]
pub(crate) const fn abs_s(a: i16) -> i16 {
    a.saturating_abs()
}

/// `mult`: the product of two Q15 words, rounded down.
#[inline]
pub(crate) const fn mult(a: i16, b: i16) -> i16 {
    saturate((a as i32 * b as i32) >> 15)
}

/// `mult_r`: the product of two Q15 words, rounded to nearest.
#[inline]
pub(crate) const fn mult_r(a: i16, b: i16) -> i16 {
    saturate((a as i32 * b as i32 + 0x4000) >> 15)
}

/// `L_mult`: twice the product.
#[inline]
pub(crate) const fn l_mult(a: i16, b: i16) -> i32 {
    (a as i32 * b as i32).saturating_mul(2)
}

/// `L_add`.
#[inline]
pub(crate) const fn l_add(a: i32, b: i32) -> i32 {
    a.saturating_add(b)
}

/// `L_sub`.
#[inline]
pub(crate) const fn l_sub(a: i32, b: i32) -> i32 {
    a.saturating_sub(b)
}

/// `L_mac`: `acc` plus twice the product, each saturated.
#[inline]
pub(crate) const fn l_mac(acc: i32, a: i16, b: i16) -> i32 {
    acc.saturating_add(l_mult(a, b))
}

/// `L_msu`: `acc` less twice the product, each saturated.
#[inline]
pub(crate) const fn l_msu(acc: i32, a: i16, b: i16) -> i32 {
    acc.saturating_sub(l_mult(a, b))
}

/// `L_negate`: the least word becomes the greatest.
#[inline]
pub(crate) const fn l_negate(a: i32) -> i32 {
    a.saturating_neg()
}

/// `L_abs`: the least word becomes the greatest.
#[inline]
pub(crate) const fn l_abs(a: i32) -> i32 {
    a.saturating_abs()
}

/// `round`: the upper half, rounded to nearest.
#[inline]
pub(crate) const fn round(x: i32) -> i16 {
    extract_h(x.saturating_add(0x8000))
}

/// `mac_r`.
#[cfg_attr(not(test), expect(dead_code, reason = "checked with the rest of the set, which it completes"))]
#[inline]
pub(crate) const fn mac_r(acc: i32, a: i16, b: i16) -> i16 {
    round(l_mac(acc, a, b))
}

/// `msu_r`.
#[cfg_attr(not(test), expect(dead_code, reason = "checked with the rest of the set, which it completes"))]
#[inline]
pub(crate) const fn msu_r(acc: i32, a: i16, b: i16) -> i16 {
    round(l_msu(acc, a, b))
}

/// `extract_h`: the upper half.
#[inline]
pub(crate) const fn extract_h(x: i32) -> i16 {
    (x >> 16) as i16
}

/// `extract_l`: the lower half.
#[inline]
pub(crate) const fn extract_l(x: i32) -> i16 {
    x as i16
}

/// `L_deposit_h`: a word as the upper half.
#[inline]
pub(crate) const fn l_deposit_h(a: i16) -> i32 {
    (a as i32) << 16
}

/// `L_deposit_l`: a word, sign extended.
#[cfg_attr(not(test), expect(dead_code, reason = "checked with the rest of the set, which it completes"))]
#[inline]
pub(crate) const fn l_deposit_l(a: i16) -> i32 {
    a as i32
}

/// `shl`: a saturating left shift, or an arithmetic right shift by `-n`.
#[inline]
pub(crate) const fn shl(a: i16, n: i16) -> i16 {
    if n < 0 {
        return shift_right(a, -(n as i32));
    }
    if n > 15 {
        return if a == 0 { 0 } else { saturate((a as i32).saturating_mul(0x1_0000)) };
    }
    saturate((a as i32) << n)
}

/// `shr`: an arithmetic right shift, or a saturating left shift by `-n`.
#[inline]
pub(crate) const fn shr(a: i16, n: i16) -> i16 {
    if n < 0 { shl(a, n.saturating_neg()) } else { shift_right(a, n as i32) }
}

#[inline]
const fn shift_right(a: i16, n: i32) -> i16 {
    if n >= 15 { a >> 15 } else { a >> n }
}

/// `shr_r`: `shr` plus the last bit shifted out.
#[inline]
pub(crate) const fn shr_r(a: i16, n: i16) -> i16 {
    if n > 15 {
        return 0;
    }
    let out = shr(a, n);
    if n > 0 && (a as i32) & (1 << (n - 1)) != 0 { out + 1 } else { out }
}

/// `L_shl`: a saturating left shift, or an arithmetic right shift by `-n`.
#[inline]
pub(crate) const fn l_shl(a: i32, n: i16) -> i32 {
    if n <= 0 {
        return l_shift_right(a, -(n as i32));
    }
    if n > 31 {
        return if a == 0 { 0 } else { l_saturate((a as i64) << 32) };
    }
    l_saturate((a as i64) << n)
}

/// `L_shr`: an arithmetic right shift, or a saturating left shift by `-n`.
#[inline]
pub(crate) const fn l_shr(a: i32, n: i16) -> i32 {
    if n < 0 { l_shl(a, n.saturating_neg()) } else { l_shift_right(a, n as i32) }
}

#[inline]
const fn l_shift_right(a: i32, n: i32) -> i32 {
    if n >= 31 { a >> 31 } else { a >> n }
}

/// `L_shr_r`: `L_shr` plus the last bit shifted out.
#[inline]
pub(crate) const fn l_shr_r(a: i32, n: i16) -> i32 {
    if n > 31 {
        return 0;
    }
    let out = l_shr(a, n);
    if n > 0 && a & (1 << (n - 1)) != 0 { out + 1 } else { out }
}

/// `norm_s`: the left shift that brings a word next to saturation; 0 for 0, 15 for -1.
#[inline]
pub(crate) const fn norm_s(a: i16) -> i16 {
    match a {
        0 => 0,
        _ => (redundant_signs(a as i32) - 16) as i16,
    }
}

/// `norm_l`: the same for 32 bits; 0 for 0, 31 for -1.
#[inline]
pub(crate) const fn norm_l(a: i32) -> i16 {
    match a {
        0 => 0,
        _ => redundant_signs(a) as i16,
    }
}

/// How many bits below the sign bit equal it.
#[inline]
const fn redundant_signs(a: i32) -> u32 {
    (a ^ (a >> 31)).leading_zeros() - 1
}

/// `div_s`: `a / b` as a Q15 word, for `0 <= a <= b` and `b > 0`.
///
/// Operands outside that have no meaning in the Recommendation; they yield some word and no panic.
#[inline]
pub(crate) const fn div_s(a: i16, b: i16) -> i16 {
    if a == b || b <= 0 {
        return i16::MAX;
    }
    saturate(((a as i32) << 15) / b as i32)
}

/// `L_Extract`: a 32-bit word as upper half and lower 15 bits ("DPF"); the least bit is lost.
#[inline]
pub(crate) const fn l_extract(x: i32) -> (i16, i16) {
    (extract_h(x), ((x >> 1) & 0x7fff) as i16)
}

/// `L_Comp`: the 32-bit word of a DPF.
#[inline]
pub(crate) const fn l_comp(hi: i16, lo: i16) -> i32 {
    l_mac(l_deposit_h(hi), lo, 1)
}

/// `Mpy_32`: the product of two DPFs, as a Q31 word.
#[inline]
pub(crate) const fn mpy_32(hi1: i16, lo1: i16, hi2: i16, lo2: i16) -> i32 {
    let x = l_mac(l_mult(hi1, hi2), mult(hi1, lo2), 1);
    l_mac(x, mult(lo1, hi2), 1)
}

/// `Mpy_32_16`: the product of a DPF and a word, as a Q31 word.
#[inline]
pub(crate) const fn mpy_32_16(hi: i16, lo: i16, n: i16) -> i32 {
    l_mac(l_mult(hi, n), mult(lo, n), 1)
}

/// `Div_32`: `numerator / denominator` in Q31, for a numerator below a denominator given as normalised DPF.
#[inline]
pub(crate) const fn div_32(numerator: i32, hi: i16, lo: i16) -> i32 {
    // One step of Newton's iteration from 1/hi in Q14: 1/d ~ a (2 - d a).
    let approx = div_s(0x3fff, hi);
    let (error_hi, error_lo) = l_extract(l_sub(i32::MAX, mpy_32_16(hi, lo, approx)));
    let (inv_hi, inv_lo) = l_extract(mpy_32_16(error_hi, error_lo, approx));
    let (num_hi, num_lo) = l_extract(numerator);
    l_shl(mpy_32(num_hi, num_lo, inv_hi, inv_lo), 2)
}

#[cfg(test)]
mod tests;
