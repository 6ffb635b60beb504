//! The operations of 16 and 32 bits that the standard is written in [EN300961 5.1].

/// Sum, held within 16 bits.
pub(super) const fn add(a: i16, b: i16) -> i16 {
    a.saturating_add(b)
}

/// Difference, held within 16 bits.
pub(super) const fn sub(a: i16, b: i16) -> i16 {
    a.saturating_sub(b)
}

/// Product of two fractions.
pub(super) const fn mult(a: i16, b: i16) -> i16 {
    narrow((a as i32 * b as i32) >> 15)
}

/// Product of two fractions, rounded.
pub(super) const fn mult_r(a: i16, b: i16) -> i16 {
    narrow((a as i32 * b as i32 + 16_384) >> 15)
}

/// The nearest value of 16 bits.
#[expect(clippy::cast_possible_truncation, reason = "within the range by then")]
pub(super) const fn narrow(value: i32) -> i16 {
    if value > i16::MAX as i32 {
        i16::MAX
    } else if value < i16::MIN as i32 {
        i16::MIN
    } else {
        value as i16
    }
}

/// The upper 16 of 32 bits.
pub(super) const fn upper(value: i32) -> i16 {
    narrow(value >> 16)
}

/// Places that a value of 32 bits, not 0, can be shifted left by.
pub(super) const fn norm(value: i32) -> u32 {
    (value ^ (value >> 31)).leading_zeros() - 1
}

/// Quotient of two values, the first no greater than the second, as a fraction; its 15 bits are cut off, not rounded.
pub(super) fn div(numerator: i16, denominator: i16) -> i16 {
    let quotient = (i32::from(numerator) << 15).checked_div(i32::from(denominator));
    quotient.map_or(0, narrow)
}

/// The largest magnitude.
pub(super) fn peak(values: &[i16]) -> i16 {
    values.iter().fold(0, |peak, value| peak.max(value.saturating_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_held_within_their_bits() {
        assert_eq!((add(30_000, 30_000), sub(-30_000, 30_000)), (32_767, -32_768));
        assert_eq!((mult(-32_768, -32_768), mult_r(-32_768, -32_768)), (32_767, 32_767));
        assert_eq!((mult(1, 32_767), mult_r(1, 32_767), mult_r(-1, 16_384)), (0, 1, 0));
        assert_eq!(peak(&[3, -32_768, 7]), 32_767);
    }

    #[test]
    fn norm_and_div_are_the_standards() {
        let norms = [1, -1, 0x3fff_ffff, 0x4000_0000, -0x4000_0000, i32::MAX, i32::MIN].map(norm);
        assert_eq!(norms, [30, 31, 1, 0, 1, 0, 0]);
        assert_eq!((div(1, 2), div(5, 5), div(0, 7), div(1, 3), div(0, 0)), (16_384, 32_767, 0, 10_922, 0));
    }
}
