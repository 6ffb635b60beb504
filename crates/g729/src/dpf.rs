//! Products of double-precision words ("DPF", clause 5.2) that are kept whole, as one 32-bit word whose bit 0 does not
//! count, where `ops` takes upper and lower part apart.

#![expect(
    clippy::cast_possible_truncation,
    reason = "a product of a 31-bit and a 16-bit word in Q15 is 32 bits"
)]

/// `Mpy_32`, for words that are not both below -32767 * 2^16: the product of two DPFs in Q31.
///
/// Of the four partial products that of the low parts is left out, and each mixed one is rounded down by itself: so the
/// upper part of one factor times all of the other is one of them and the middle one together.
#[inline]
pub(crate) const fn mul(x: i32, y: i32) -> i32 {
    let low = ((x >> 1) & 0x7fff) * (y >> 16);
    2 * (mul_half(y, x >> 16) + (low >> 15))
}

/// `Mpy_32_16`, for words that are not both below -32767 (times 2^16): the product of a DPF and a word, in Q31.
#[inline]
pub(crate) const fn mul_word(x: i32, n: i16) -> i32 {
    2 * mul_half(x, n as i32)
}

/// Half of `Mpy_32_16`: one product, rounded down.
#[inline]
const fn mul_half(x: i32, n: i32) -> i32 {
    (((x >> 1) as i64 * n as i64) >> 15) as i32
}
