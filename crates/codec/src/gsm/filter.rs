//! What encoder and decoder share: coefficients of the short-term filter from coded ratios, the pulses of a part, the
//! tables [EN300961 5.2.8 to 5.2.9, 5.2.16 to 5.2.17, 5.4].

use super::arithmetic::{add, mult_r, sub};
use super::frame::Part;

/// Samples of a frame and of a part.
pub(super) const FRAME: usize = 160;
pub(super) const PART: usize = 40;
/// Samples that the long-term predictor reaches back.
pub(super) const REACH: usize = 120;
/// The least lag of the long-term predictor.
pub(super) const LEAST_LAG: usize = PART;

/// How a log-area ratio is quantised: slope, offset, least and greatest step, and the slope's inverse [table 5.1, 5.2].
pub(super) struct Quantiser {
    pub(super) slope: i16,
    pub(super) offset: i16,
    pub(super) least: i16,
    pub(super) greatest: i16,
    inverse: i16,
}

const fn quantiser(slope: i16, offset: i16, least: i16, inverse: i16) -> Quantiser {
    Quantiser { slope, offset, least, greatest: -least - 1, inverse }
}

pub(super) const RATIOS: [Quantiser; 8] = [
    quantiser(20_480, 0, -32, 13_107),
    quantiser(20_480, 0, -32, 13_107),
    quantiser(20_480, 2048, -16, 13_107),
    quantiser(20_480, -2560, -16, 13_107),
    quantiser(13_964, 94, -8, 19_223),
    quantiser(15_360, -1792, -8, 17_476),
    quantiser(8534, -341, -4, 31_454),
    quantiser(9036, -1144, -4, 29_708),
];

/// Gains of the long-term predictor [table 5.3b].
pub(super) const GAINS: [i16; 4] = [3277, 11_469, 21_299, 32_767];
/// Mantissas of the largest pulse [table 5.6].
const MANTISSAS: [i16; 8] = [18_431, 20_479, 22_527, 24_575, 26_623, 28_671, 30_719, 32_767];

/// Stretches of a frame that have coefficients of their own, interpolated between those of the last frame and this one:
/// each ends before this sample.
pub(super) const STRETCHES: [usize; 4] = [13, 27, 40, FRAME];

/// Log-area ratios of the last frame, from which coefficients are interpolated.
#[derive(Debug, Clone)]
pub(super) struct Interpolation {
    last: [i16; 8],
}

impl Interpolation {
    pub(super) const NEW: Self = Self { last: [0; 8] };

    /// The reflection coefficients of the four stretches of a frame.
    pub(super) fn next(&mut self, coded: &[u8; 8]) -> [[i16; 8]; 4] {
        let mut now = [0; 8];
        for ((ratio, coded), by) in now.iter_mut().zip(coded).zip(&RATIOS) {
            let step = add(i16::from(*coded), by.least) << 10;
            let scaled = mult_r(by.inverse, sub(step, by.offset << 1));
            *ratio = add(scaled, scaled);
        }
        let last = std::mem::replace(&mut self.last, now);
        let mix = |weigh: fn(i16, i16) -> i16| {
            let mut mixed = [0; 8];
            for ((mixed, last), now) in mixed.iter_mut().zip(last).zip(now) {
                *mixed = reflection(weigh(last, now));
            }
            mixed
        };
        [
            mix(|last, now| add(add(last >> 2, now >> 2), last >> 1)),
            mix(|last, now| add(last >> 1, now >> 1)),
            mix(|last, now| add(add(last >> 2, now >> 2), now >> 1)),
            mix(|_, now| now),
        ]
    }
}

/// A reflection coefficient from its log-area ratio.
const fn reflection(ratio: i16) -> i16 {
    let magnitude = match ratio.saturating_abs() {
        size @ ..11_059 => size << 1,
        size @ 11_059..20_070 => add(size, 11_059),
        size => add(size >> 2, 26_112),
    };
    if ratio < 0 { -magnitude } else { magnitude }
}

/// Exponent, -4 to 6, and mantissa, 0 to 7, of the largest pulse.
pub(super) const fn exponent(peak: u8) -> (i16, u8) {
    let mut exponent = if peak > 15 { (peak >> 3) as i16 - 1 } else { 0 };
    let mut mantissa = if peak > 15 { peak & 7 | 8 } else { peak };
    if mantissa == 0 {
        return (-4, 7);
    }
    while mantissa < 8 {
        mantissa = mantissa << 1 | 1;
        exponent -= 1;
    }
    (exponent, mantissa - 8)
}

/// The pulses of a part on their grid.
pub(super) fn pulses(part: &Part) -> [i16; PART] {
    let (exponent, mantissa) = exponent(part.peak);
    let factor = MANTISSAS.get(usize::from(mantissa)).copied().unwrap_or_default();
    let shift = 6 - exponent;
    let half = if shift > 0 { 1 << (shift - 1) } else { 0 };
    let mut signal = [0; PART];
    let places = signal.iter_mut().skip(usize::from(part.grid)).step_by(3);
    for (place, pulse) in places.zip(part.pulses) {
        let step = ((i16::from(pulse) << 1) - 7) << 12;
        *place = add(mult_r(factor, step), half) >> shift;
    }
    signal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn largest_pulses_have_exponent_and_mantissa() {
        assert_eq!(
            [0, 1, 7, 15, 16, 23, 63].map(exponent),
            [(-4, 7), (-3, 7), (-1, 7), (0, 7), (1, 0), (1, 7), (6, 7)]
        );
        assert_eq!(exponent(2), (-2, 3));
        assert_eq!(exponent(8), (0, 0));
    }

    #[test]
    fn pulses_stand_three_apart() {
        let part = Part { grid: 2, peak: 63, pulses: [7; 13], ..Part::default() };
        let signal = pulses(&part);
        assert!(signal.iter().enumerate().all(|(n, value)| (*value != 0) == (n % 3 == 2)), "{signal:?}");
        assert_eq!(signal[2], mult_r(32_767, 7 << 12));
    }

    #[test]
    fn a_frame_after_another_goes_over_to_it_in_three_steps() {
        let mut interpolation = Interpolation::NEW;
        let coded = [40, 20, 20, 10, 9, 5, 4, 3];
        let first = interpolation.next(&coded);
        let second = interpolation.next(&coded);
        assert_ne!(first[0], first[3]);
        assert_eq!(first[3], second[3]);
        for (a, b) in second[0].iter().zip(second[3]) {
            assert!(a.abs_diff(b) < 8, "{second:?}");
        }
    }
}
