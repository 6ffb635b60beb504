//! The sixteen signals of push-button telephones [Q.23] and the level of a tone in dBm0.

use mediapoint_packet::telephone_event::DtmfDigit;

/// Samples per second that detector and suppressor take.
pub const SAMPLE_RATE: u32 = 8000;

/// The low group, in Hz [Q.23].
pub const LOW_HZ: [f32; 4] = [697.0, 770.0, 852.0, 941.0];

/// The high group, in Hz [Q.23].
pub const HIGH_HZ: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];

/// Level in dBm0 of a sine whose peak is 32767, as in G.711 A-law.
#[expect(clippy::approx_constant, reason = "a level, not the circle's number")]
pub const FULL_SCALE_DBM0: f32 = 3.14;

/// The keypad by row (low group) and column (high group), as event codes.
const KEYPAD: [[u8; 4]; 4] = [[1, 2, 3, 12], [4, 5, 6, 13], [7, 8, 9, 14], [10, 0, 11, 15]];

/// The low and the high frequency of a digit in Hz, `None` for a flash [Q.23].
#[must_use]
pub fn frequencies(digit: DtmfDigit) -> Option<(f32, f32)> {
    KEYPAD.iter().zip(LOW_HZ).find_map(|(row, low)| {
        let found = row.iter().zip(HIGH_HZ).find(|(code, _)| **code == digit.code());
        found.map(|(_, high)| (low, high))
    })
}

/// The digit of a row and a column, each 0 to 3.
pub(crate) fn digit_at(row: usize, column: usize) -> Option<DtmfDigit> {
    KEYPAD.get(row)?.get(column).copied().and_then(DtmfDigit::from_code)
}

/// Peak value of a sine of `dbm0` in 16-bit samples.
#[must_use]
pub fn peak_of(dbm0: f32) -> f32 {
    32_767.0 * 10_f32.powf((dbm0 - FULL_SCALE_DBM0) / 20.0)
}

/// Mean square of a sine of `dbm0` in 16-bit samples.
pub(crate) fn power_of(dbm0: f32) -> f32 {
    peak_of(dbm0).powi(2) / 2.0
}

/// Level in dBm0 of a sine with the mean square `power`.
pub(crate) fn dbm0_of(power: f32) -> f32 {
    10.0 * (power * 2.0 / (32_767.0 * 32_767.0)).max(1e-12).log10() + FULL_SCALE_DBM0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    // test-of: [Q.23]
    fn keypad_has_the_pairs_of_the_recommendation() {
        let pair = |c| DtmfDigit::from_char(c).and_then(frequencies);
        assert_eq!(pair('1'), Some((697.0, 1209.0)));
        assert_eq!(pair('0'), Some((941.0, 1336.0)));
        assert_eq!(pair('#'), Some((941.0, 1477.0)));
        assert_eq!(pair('D'), Some((941.0, 1633.0)));
        assert_eq!(pair('!'), None);
    }

    #[test]
    fn level_and_power_are_inverse() {
        for dbm0 in [-55.0, -25.0, 0.0, 3.0] {
            assert!((dbm0_of(power_of(dbm0)) - dbm0).abs() < 0.001);
        }
    }
}
