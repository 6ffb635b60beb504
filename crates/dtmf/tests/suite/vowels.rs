//! Sounds that have a digit's tones for a while, as vowels do, and what tells them from digits.

use std::f64::consts::TAU;

use mediapoint_dtmf::peak_of;

use crate::signal::{Burst, DIGITS, Line, detected};

/// 90 ms of a digit with both frequencies off by `off`, and a third tone in its midst that takes `other` of all energy.
fn beside_a_third_tone(digit: char, off: f64, other: f64, ms: f64) -> Vec<i16> {
    let mut line = Line::default();
    line.silence(50.0 + ms);
    let burst = Burst { low_off: off, high_off: -off, ..Burst::of(digit, -10.0, 90.0) };
    let peak = f64::from(peak_of(-10.0)) * (2.0 * other / (1.0 - other)).sqrt();
    let third = |n: usize| (TAU * 2600.0 * n as f64 / 8000.0).sin() * peak;
    line.0.extend(burst.samples().enumerate().map(|(n, sample)| sample + third(n)));
    line.silence(100.0).pcm()
}

#[test]
fn what_is_not_pure_is_a_digit_only_where_both_frequencies_together_are_exact() {
    for digit in DIGITS.chars() {
        for eighth in 0..8 {
            let shift = f64::from(eighth);
            assert_eq!(detected(&beside_a_third_tone(digit, 0.0, 0.16, shift)), digit.to_string(), "{shift}");
            assert_eq!(
                detected(&beside_a_third_tone(digit, 0.004, 0.16, shift)),
                digit.to_string(),
                "{shift}"
            );
            assert_eq!(detected(&beside_a_third_tone(digit, 0.006, 0.16, shift)), "", "{digit} {shift}");
            // With less beside it, it may be off as far as any.
            assert_eq!(
                detected(&beside_a_third_tone(digit, 0.006, 0.08, shift)),
                digit.to_string(),
                "{shift}"
            );
        }
    }
}

/// 300 ms of both tones. The high one is 8 dB below the low one for `ms`, and 17 dB before and after.
fn balanced_for(digit: char, ms: f64, shift: f64) -> Vec<i16> {
    let whole = Burst { low_dbm0: -8.0, high_dbm0: -25.0, ..Burst::of(digit, 0.0, 300.0) };
    let balanced = Burst { high_dbm0: -16.0, ..whole };
    let from = (120.0 + shift) * 8.0;
    let within = |n: usize| (from..from + ms * 8.0).contains(&(n as f64));
    let mut line = Line::default();
    line.silence(50.0);
    let both = whole.samples().zip(balanced.samples()).enumerate();
    line.0.extend(both.map(|(n, (around, inside))| if within(n) { inside } else { around }));
    line.silence(100.0).pcm()
}

#[test]
fn a_tone_that_goes_on_on_both_sides_of_what_fits_is_no_digit() {
    for digit in DIGITS.chars() {
        for eighth in 0..8 {
            let shift = f64::from(eighth);
            for ms in [12.0, 16.0, 20.0] {
                assert_eq!(detected(&balanced_for(digit, ms, shift)), "", "{digit}, {ms} ms, {shift}");
            }
        }
    }
}
