//! NTP time as RTCP carries it: 64 bits in a sender report, the middle 32 of them in a report block
//! [RFC3550 4]. Seconds count from 1900 and wrap in 2036; only differences of nearby times mean anything.

use std::time::Duration;

/// Seconds from the NTP epoch (1900) to the Unix epoch (1970) [RFC5905 A.4].
const UNIX_EPOCH: u64 = 2_208_988_800;

/// An NTP timestamp: seconds since 1900 in the upper 32 bits, fractions of 1/2^32 s in the lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// The timestamp of a wall-clock time given as time since the Unix epoch, rounded down to 1/2^32 s.
    /// The seconds wrap at 2^32, as the format's do.
    #[must_use]
    pub const fn from_unix(since_epoch: Duration) -> Self {
        let seconds = since_epoch.as_secs().wrapping_add(UNIX_EPOCH);
        let fraction = ((since_epoch.subsec_nanos() as u64) << 32) / 1_000_000_000;
        Self((seconds << 32) | fraction)
    }

    /// The middle 32 bits, in units of 1/65536 s: what a report block's LSR holds [RFC3550 4].
    #[must_use]
    pub const fn middle_32(self) -> u32 {
        let [_, _, a, b, c, d, _, _] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }
}

/// The duration of `short` units of 1/65536 s, rounded down to a nanosecond.
#[must_use]
pub const fn duration_from_short(short: u32) -> Duration {
    Duration::from_nanos(((short as u64) * 1_000_000_000) >> 16)
}

/// `duration` in units of 1/65536 s, rounded down; `u32::MAX` (about 18.2 hours) where it is longer.
#[must_use]
pub fn short_from_duration(duration: Duration) -> u32 {
    let units = (duration.as_nanos() << 16) / 1_000_000_000;
    u32::try_from(units).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // test-of: [RFC5905 A.4]
    // test-of: [RFC3550 4]
    #[test]
    fn unix_times_start_70_years_into_the_format() {
        assert_eq!(NtpTime::from_unix(Duration::ZERO), NtpTime(2_208_988_800 << 32));
        let half = NtpTime::from_unix(Duration::new(1, 500_000_000));
        assert_eq!(half, NtpTime(2_208_988_801 << 32 | 0x8000_0000));
        let last = NtpTime::from_unix(Duration::new(0, 999_999_999));
        assert_eq!(last.0 & 0xffff_ffff, 0xffff_fffb);
    }

    #[test]
    fn seconds_wrap_at_the_end_of_the_era() {
        let end = u64::from(u32::MAX) - 2_208_988_800;
        assert_eq!(NtpTime::from_unix(Duration::from_secs(end)), NtpTime(0xffff_ffff << 32));
        assert_eq!(NtpTime::from_unix(Duration::from_secs(end + 1)), NtpTime(0));
        assert_eq!(NtpTime::from_unix(Duration::MAX).0 & 0xffff_ffff, 0xffff_fffb);
    }

    // test-of: [RFC3550 4]
    #[test]
    fn the_middle_32_bits_are_seconds_and_their_65536ths() {
        assert_eq!(NtpTime(0x0102_0304_0506_0708).middle_32(), 0x0304_0506);
    }

    #[test]
    fn short_units_are_65536ths_of_a_second() {
        assert_eq!(duration_from_short(0), Duration::ZERO);
        assert_eq!(duration_from_short(0x0001_8000), Duration::from_millis(1500));
        assert_eq!(duration_from_short(1), Duration::from_nanos(15_258));
        assert_eq!(duration_from_short(u32::MAX), Duration::new(65_535, 999_984_741));
        assert_eq!(short_from_duration(Duration::from_millis(5_250)), 0x0005_4000);
        assert_eq!(short_from_duration(Duration::from_secs(65_536)), u32::MAX);
        assert_eq!(short_from_duration(Duration::MAX), u32::MAX);
    }

    proptest! {
        #[test]
        fn a_short_duration_survives_within_a_unit(short: u32) {
            let again = short_from_duration(duration_from_short(short));
            prop_assert!(short - again <= 1, "{short} came back as {again}");
        }

        #[test]
        fn a_delay_shows_in_the_middle_bits(
            at in 0u64..4_000_000_000,
            nanos in 0..1_000_000_000u32,
            delay: u32,
        ) {
            let sent = Duration::new(at, nanos);
            let received = sent + duration_from_short(delay);
            let measured =
                NtpTime::from_unix(received).middle_32().wrapping_sub(NtpTime::from_unix(sent).middle_32());
            prop_assert!(delay.abs_diff(measured) <= 1, "{delay} measured as {measured}");
        }
    }
}
