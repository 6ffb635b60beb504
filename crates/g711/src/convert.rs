//! Conversion between the laws code by code [G.711 3.5, Tables 3 and 4].
//!
//! The tables give magnitudes and keep the polarity. They convert to the nearest value, to the upper one near a tie,
//! but for the values moved so that A-law bits 1 to 7 survive the way through mu-law and back (note 3).

use crate::law::{EVEN_BITS, Law, POSITIVE};

/// [G.711 Table 3]: A-law output value number for each mu-law one from 0.
const TABLE_3: [u8; 128] = [
    1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
    23, 24, 25, 27, 29, 31, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 46, 48, 49, 50, 51, 52, 53, 54,
    55, 56, 57, 58, 59, 60, 61, 62, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 81, 82,
    83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106,
    107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127,
    128,
];

/// [G.711 Table 4]: mu-law output value number for each A-law one from 1.
const TABLE_4: [u8; 128] = [
    1, 3, 5, 7, 9, 11, 13, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 32, 33,
    33, 34, 34, 35, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 48, 49, 49, 50, 51, 52, 53, 54,
    55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79,
    79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103,
    104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124,
    125, 126, 127,
];

static MU_TO_A: [u8; 256] = table(Law::Mu);
static A_TO_MU: [u8; 256] = table(Law::A);

/// The A-law code for a mu-law one [G.711 Table 3].
#[must_use]
#[inline]
#[expect(clippy::indexing_slicing, reason = "an octet indexes 256 places")]
pub fn mu_to_a(code: u8) -> u8 {
    MU_TO_A[usize::from(code)]
}

/// The mu-law code for an A-law one [G.711 Table 4].
#[must_use]
#[inline]
#[expect(clippy::indexing_slicing, reason = "an octet indexes 256 places")]
pub fn a_to_mu(code: u8) -> u8 {
    A_TO_MU[usize::from(code)]
}

/// Converts mu-law codes to A-law ones where they are.
pub fn mu_to_a_in_place(codes: &mut [u8]) {
    codes.iter_mut().for_each(|code| *code = mu_to_a(*code));
}

/// Converts A-law codes to mu-law ones where they are.
pub fn a_to_mu_in_place(codes: &mut [u8]) {
    codes.iter_mut().for_each(|code| *code = a_to_mu(*code));
}

/// Each code's counterpart: its magnitude by the table, its polarity kept.
#[expect(
    clippy::indexing_slicing,
    reason = "seven bits index 128 places; constant evaluation would not build"
)]
const fn table(from: Law) -> [u8; 256] {
    let mut table = [0; 256];
    let mut code = 0_u8;
    loop {
        let magnitude = match from {
            Law::Mu => (TABLE_3[(!code & !POSITIVE) as usize] - 1) ^ EVEN_BITS,
            Law::A => !TABLE_4[((code ^ EVEN_BITS) & !POSITIVE) as usize],
        };
        table[code as usize] = magnitude & !POSITIVE | code & POSITIVE;
        if code == u8::MAX {
            return table;
        }
        code += 1;
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;
    use crate::law::decode;

    #[test]
    fn conversion_is_tables_3_and_4_for_both_polarities() {
        for (polarity, n) in
            [0x80, 0].into_iter().flat_map(|polarity| (0..128_u8).map(move |n| (polarity, n)))
        {
            let mu = (!n & 0x7f) | polarity;
            let a = (n ^ 0x55) & 0x7f | polarity;
            let to_a = TABLE_3[usize::from(n)] - 1;
            assert_eq!(mu_to_a(mu), (to_a ^ 0x55) & 0x7f | polarity, "mu value {n}");
            let to_mu = TABLE_4[usize::from(n)];
            assert_eq!(a_to_mu(a), (!to_mu & 0x7f) | polarity, "a value {}", n + 1);
        }
    }

    /// Codes whose conversion lies farther from them than the nearest code of the other law, and by how much in
    /// 16-bit units, polarity aside.
    fn detours(convert: fn(u8) -> u8, from: Law, to: Law) -> Vec<(u8, i32)> {
        let distance = |a: u8, b: u8| (i32::from(decode(from, a)) - i32::from(decode(to, b))).abs();
        let detour = |code: u8| {
            let nearest = (0x80..=0xff).map(|other| distance(code, other)).min().unwrap_or(0);
            (code, distance(code, convert(code)) - nearest)
        };
        (0x80..=0xff).map(detour).filter(|&(_, detour)| detour != 0).collect()
    }

    #[test]
    fn a_conversion_is_the_nearest_code_but_for_near_ties_and_the_moved_value() {
        // 16 is two units of A-law's uniform code, on steps of 8 and more of them; 80 is what note 3 moved.
        let far = |detour: &(u8, i32)| detour.1 > 16;
        assert!(detours(mu_to_a, Law::Mu, Law::A).into_iter().filter(far).eq([(!80, 72)]));
        assert!(detours(a_to_mu, Law::A, Law::Mu).into_iter().filter(far).eq([((79 ^ 0x55) | 0x80, 72)]));
    }

    #[test]
    fn the_way_through_the_other_law_and_back_keeps_bits_1_to_7() {
        for code in 0..=255_u8 {
            // A-mu-A is what note 3 promises; the other way the two laws' first steps differ too much for it.
            assert!((mu_to_a(a_to_mu(code)) ^ code) & 0xfe == 0, "a {code:#04x}");
        }
    }

    #[test]
    fn polarity_survives_conversion() {
        for code in 0..=255_u8 {
            assert_eq!(mu_to_a(code) & 0x80, code & 0x80);
            assert_eq!(a_to_mu(code) & 0x80, code & 0x80);
        }
    }

    #[test]
    fn frames_are_converted_code_by_code() {
        let mut frame: [u8; 256] = core::array::from_fn(|i| i.to_le_bytes()[0]);
        mu_to_a_in_place(&mut frame);
        assert!((0..=255).zip(frame).all(|(code, converted)| converted == mu_to_a(code)));
        a_to_mu_in_place(&mut frame);
        assert!((0..=255).zip(frame).all(|(code, converted)| converted == a_to_mu(mu_to_a(code))));
    }

    #[test]
    fn silence_stays_silence() {
        assert_eq!(mu_to_a(Law::Mu.silence()), Law::A.silence());
        // A-law has no zero; its smallest value is mu-law's first above zero.
        assert_eq!(decode(Law::Mu, a_to_mu(Law::A.silence())), decode(Law::A, Law::A.silence()));
    }
}
