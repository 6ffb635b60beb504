use super::*;
use crate::math::Random;
use crate::ops::{l_mult, l_shl};

#[test]
fn interpolation_equals_the_stepwise_one_at_every_delay_and_level() {
    let mut random = Random(1);
    for whole in 19..=DELAY_MAX {
        for thirds in [-1, 0, 1] {
            for peak in [100, 14_000, 20_000, 26_000, i16::MAX] {
                let mut fast = [0i16; PAST + SUBFRAME];
                for sample in &mut fast[..PAST] {
                    *sample = mult(random.next(), peak);
                }
                let mut slow = fast;
                interpolate_past(&mut fast, PAST, Delay { whole, thirds });
                let (phase, longer) = [(1, 0), (0, 0), (2, 1)][usize::try_from(thirds + 1).unwrap()];
                interpolate_stepwise(&mut slow, PAST, phase, usize::try_from(whole + longer).unwrap());
                assert_eq!(fast, slow, "delay {whole} and {thirds}/3, peak {peak}");
            }
        }
    }
}

#[test]
fn interpolation_of_full_scale_saturates_as_the_operators_do() {
    let square = |n: usize| if (n / 5).is_multiple_of(2) { i16::MAX } else { i16::MIN };
    for whole in [20, 39, 60, 143] {
        let mut fast: [i16; PAST + SUBFRAME] = core::array::from_fn(square);
        let mut slow = fast;
        interpolate_past(&mut fast, PAST, Delay { whole, thirds: -1 });
        interpolate_stepwise(&mut slow, PAST, 1, usize::try_from(whole).unwrap());
        assert_eq!(fast, slow);
    }
}

#[test]
fn mixture_equals_that_of_the_operators() {
    let extremes = [i16::MIN, i16::MIN + 1, -1, 0, 1, 12_345, i16::MAX];
    for pitch in [0, 1, 8192, 16_384, 30_000, i16::MAX] {
        for code in [0, 1, 2, 700, 16_383, i16::MAX] {
            for past in extremes {
                for pulse in extremes {
                    let mut out = [past];
                    mix(&mut out, &[pulse; SUBFRAME], Gains { pitch, code });
                    let sum = l_mac(l_mult(past, pitch), pulse, code);
                    assert_eq!(out, [round(l_shl(sum, 1))], "{past} {pitch} {pulse} {code}");
                }
            }
        }
    }
}

#[test]
fn pulses_lie_on_their_tracks_with_their_signs() {
    let code = pulses(0b1_0110_1101_0001, 0b0101);
    let placed: Vec<(usize, i16)> = code.iter().copied().enumerate().filter(|&(_, x)| x != 0).collect();
    assert_eq!(placed, [(5, 8191), (11, -8192), (17, 8191), (29, -8192)]);
}

#[test]
fn short_delay_repeats_the_pulses() {
    let mut code = pulses(0, 0b1111);
    sharpen(&mut code, 19, SHARPENING_MAX);
    assert_eq!((code[0], code[19], code[38]), (8191, 6507, 5169));
    let mut code = pulses(0, 0b1111);
    sharpen(&mut code, 40, SHARPENING_MAX);
    assert_eq!(code, pulses(0, 0b1111));
}
