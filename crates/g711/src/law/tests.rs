//! The laws against a definition written from the tables, and against values of the tables.

extern crate std;

use std::vec::Vec;

use super::*;

const LAWS: [Law; 2] = [Law::A, Law::Mu];

/// Decision values x(1) to x(128) in 16-bit units, from the segment end points and step sizes that columns 1 to 3
/// of the tables give.
fn decision_values(law: Law) -> Vec<i32> {
    // (steps, step size, unit)
    let (segments, unit): (&[(usize, i32)], i32) = match law {
        Law::A => (&[(32, 2), (16, 4), (16, 8), (16, 16), (16, 32), (16, 64), (16, 128)], 8),
        Law::Mu => {
            (&[(1, 1), (15, 2), (16, 4), (16, 8), (16, 16), (16, 32), (16, 64), (16, 128), (16, 256)], 4)
        }
    };
    let mut at = 0;
    let mut values = Vec::new();
    for &(steps, size) in segments {
        for _ in 0..steps {
            at += size;
            values.push(at * unit);
        }
    }
    assert_eq!(values.len(), 128);
    values
}

/// What the tables send for interval `n` (0 nearest zero), before any speed was thought of.
fn code_of_interval(law: Law, n: usize, positive: bool) -> u8 {
    let n = u8::try_from(n).unwrap();
    match law {
        Law::A => (n | if positive { 0x80 } else { 0 }) ^ 0x55,
        Law::Mu => !(n | if positive { 0 } else { 0x80 }),
    }
}

fn plain_encode(law: Law, linear: i16, decisions: &[i32]) -> u8 {
    let magnitude = i32::from(linear).abs();
    let n = decisions.iter().take_while(|&&decision| decision <= magnitude).count().min(127);
    code_of_interval(law, n, linear >= 0)
}

#[test]
fn every_sample_gets_the_code_of_its_interval() {
    for law in LAWS {
        let decisions = decision_values(law);
        for linear in i16::MIN..=i16::MAX {
            assert_eq!(encode(law, linear), plain_encode(law, linear, &decisions), "{law:?} {linear}");
        }
    }
}

#[test]
fn every_code_decodes_to_the_middle_of_its_interval() {
    for law in LAWS {
        let decisions = decision_values(law);
        for n in 0..128 {
            let lower = if n == 0 { 0 } else { decisions[n - 1] };
            // Mu-law's innermost interval reaches as far below zero as above, so that its middle is zero.
            let middle = if law == Law::Mu && n == 0 { 0 } else { (lower + decisions[n]) / 2 };
            let middle = i16::try_from(middle).unwrap();
            assert_eq!(decode(law, code_of_interval(law, n, true)), middle, "{law:?} +{n}");
            assert_eq!(decode(law, code_of_interval(law, n, false)), -middle, "{law:?} -{n}");
        }
    }
}

#[test]
fn values_of_table_1_are_met() {
    // Quantized values y(n) of Table 1 in 13 bits, and the character signals after inversion of even bits.
    let known: [(u8, i16); 9] = [
        (0b1101_0101, 1),
        (0b1101_0100, 3),
        (0b1100_0101, 33),
        (0b1111_0101, 66),
        (0b1110_0101, 132),
        (0b1001_0101, 264),
        (0b1000_0101, 528),
        (0b1011_0101, 1056),
        (0b1010_0101, 2112),
    ];
    for (code, value) in known {
        assert_eq!(decode(Law::A, code), value * 8);
        assert_eq!(decode(Law::A, code ^ 0x80), -value * 8);
    }
    assert_eq!(decode(Law::A, 0b1010_1010), 4032 * 8);
    assert_eq!(decode(Law::A, 0b0010_1010), -4032 * 8);
}

#[test]
fn values_of_table_2_are_met() {
    // Quantized values y(n) of Table 2 in 14 bits, and the character signals.
    let known: [(u8, i16); 10] = [
        (0b1111_1111, 0),
        (0b1111_1110, 2),
        (0b1110_1111, 33),
        (0b1101_1111, 99),
        (0b1100_1111, 231),
        (0b1011_1111, 495),
        (0b1010_1111, 1023),
        (0b1001_1111, 2079),
        (0b1000_1111, 4191),
        (0b1000_0000, 8031),
    ];
    for (code, value) in known {
        assert_eq!(decode(Law::Mu, code), value * 4);
        assert_eq!(decode(Law::Mu, code ^ 0x80), -value * 4);
    }
}

#[test]
fn decoding_and_encoding_again_changes_no_code() {
    for code in 0..=255 {
        assert_eq!(encode(Law::A, decode(Law::A, code)), code);
        // Negative zero decodes to zero, which is positive.
        let expected = if code == 0x7f { 0xff } else { code };
        assert_eq!(encode(Law::Mu, decode(Law::Mu, code)), expected);
    }
}

#[test]
fn both_sides_of_zero_are_alike() {
    for law in LAWS {
        for linear in 1..=i16::MAX {
            assert_eq!(encode(law, linear) ^ 0x80, encode(law, -linear), "{law:?} {linear}");
        }
        assert_eq!(encode(law, i16::MIN), encode(law, -i16::MAX));
    }
}

#[test]
fn silence_is_the_code_of_zero() {
    for law in LAWS {
        assert_eq!(law.silence(), encode(law, 0));
    }
}

#[test]
fn slices_are_the_samples_one_by_one() {
    for law in LAWS {
        for len in [0, 1, 7, 8, 15, 16, 31, 33, 160, 161] {
            let linear: Vec<i16> =
                (0..len).map(|i: i32| i16::try_from((i * 7919) % 65_536 - 32_768).unwrap()).collect();
            let mut codes = std::vec![0; linear.len()];
            encode_slice(law, &linear, &mut codes);
            assert!(codes.iter().zip(&linear).all(|(&code, &linear)| code == encode(law, linear)));
            let mut back = std::vec![0; codes.len()];
            decode_slice(law, &codes, &mut back);
            assert!(back.iter().zip(&codes).all(|(&linear, &code)| linear == decode(law, code)));
        }
    }
}

#[test]
fn unequal_slices_go_as_far_as_the_shorter() {
    let mut linear = [1; 4];
    decode_slice(Law::Mu, &[0xff, 0xff], &mut linear);
    assert_eq!(linear, [0, 0, 1, 1]);
    let mut codes = [1; 2];
    encode_slice(Law::Mu, &[0; 4], &mut codes);
    assert_eq!(codes, [0xff, 0xff]);
}

#[test]
fn loudest_power_is_that_of_the_decoded_samples() {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    for law in LAWS {
        let loudest: Vec<u8> = [encode(law, i16::MAX); 400].to_vec();
        let random: Vec<u8> = (0..400).map(|_| next()).collect();
        for (len, part) in
            [(160, 40), (150, 40), (39, 40), (160, 7), (400, 240), (400, 1000), (0, 40), (5, 0)]
        {
            for codes in [&loudest[..len], &random[..len]] {
                let mean = |codes: &[u8]| {
                    let squares =
                        codes.iter().map(|code| u64::from(decode(law, *code).unsigned_abs()).pow(2));
                    squares.sum::<u64>() as f32 / codes.len() as f32
                };
                let expected = codes.chunks(part.max(1)).map(mean).fold(0.0, f32::max);
                assert_eq!(loudest_power(law, codes, part), expected, "{law:?}, {len} codes by {part}");
            }
        }
    }
}
