//! The machine's clocks as this crate needs them: now, a sleep to a point in time, and NTP timestamps.

use std::time::Duration;

use mediapoint_net::Clock;
use mediapoint_packet::Time;

/// Seconds from 1900, the epoch of NTP timestamps, to 1970 [RFC3550 4].
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// Now on the monotonic clock that all of the machine shares.
#[must_use]
pub(crate) fn now() -> Time {
    Clock::new().now()
}

/// Sleeps until `deadline`; returns at once where it has passed.
pub(crate) fn sleep_until(deadline: Time) {
    let left = deadline.since(now());
    if !left.is_zero() {
        std::thread::sleep(left);
    }
}

/// The wall clock as a 64-bit NTP timestamp [RFC3550 4].
pub(crate) fn ntp_now() -> u64 {
    ntp(Clock::new().wall())
}

fn ntp(since_1970: Duration) -> u64 {
    let fraction = (u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000;
    ((since_1970.as_secs() + NTP_TO_UNIX) << 32) | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    // test-of: [RFC3550 4]
    #[test]
    fn half_a_second_is_the_top_fraction_bit() {
        assert_eq!(ntp(Duration::from_millis(500)), (NTP_TO_UNIX << 32) | 0x8000_0000);
    }
}
