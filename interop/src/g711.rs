//! G.711 straight from the tables of the Recommendation, slow and obvious: the harness's own ruler, apart from the
//! codec it measures.

/// mu-law code word to 16-bit linear.
pub(crate) fn from_mulaw(code: u8) -> i16 {
    let code = !code;
    let segment = u32::from(code >> 4 & 7);
    let step = i32::from(code & 15);
    let magnitude = (((step << 3) + 0x84) << segment) - 0x84;
    signed(magnitude, code & 0x80 != 0)
}

/// A-law code word to 16-bit linear.
pub(crate) fn from_alaw(code: u8) -> i16 {
    let code = code ^ 0x55;
    let segment = u32::from(code >> 4 & 7);
    let step = i32::from(code & 15) << 4;
    let magnitude = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
    signed(magnitude, code & 0x80 == 0)
}

/// The mu-law code word whose value lies nearest.
pub(crate) fn to_mulaw(sample: i16) -> u8 {
    nearest(sample, from_mulaw)
}

/// The A-law code word whose value lies nearest.
pub(crate) fn to_alaw(sample: i16) -> u8 {
    nearest(sample, from_alaw)
}

fn nearest(sample: i16, decode: fn(u8) -> i16) -> u8 {
    // From the top, so that silence is the positive zero of mu-law, as every coder writes it.
    (0..=u8::MAX).rev().min_by_key(|code| (i32::from(decode(*code)) - i32::from(sample)).abs()).unwrap_or(0)
}

fn signed(magnitude: i32, negative: bool) -> i16 {
    let value = if negative { -magnitude } else { magnitude };
    i16::try_from(value).unwrap_or(if negative { i16::MIN } else { i16::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_the_scales_are_those_of_the_recommendation() {
        assert_eq!((from_mulaw(0x00), from_mulaw(0x80), from_mulaw(0xff)), (-32124, 32124, 0));
        assert_eq!((from_alaw(0x2a), from_alaw(0xaa), from_alaw(0xd5)), (-32256, 32256, 8));
    }

    #[test]
    fn silence_is_positive_zero() {
        assert_eq!((to_mulaw(0), to_alaw(0)), (0xff, 0xd5));
    }

    #[test]
    fn coding_a_decoded_word_gives_the_word_again() {
        for code in 0..=u8::MAX {
            assert_eq!(from_alaw(to_alaw(from_alaw(code))), from_alaw(code));
            assert_eq!(from_mulaw(to_mulaw(from_mulaw(code))), from_mulaw(code));
        }
    }
}
