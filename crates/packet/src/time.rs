//! Monotonic time as a plain number, so that everything below `net` can be told the time.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A point on a monotonic clock, in nanoseconds since an epoch of the clock's own choosing.
///
/// Only `net` reads a real clock; tests count their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

impl Time {
    /// The clock's epoch.
    pub const ZERO: Self = Self(0);

    /// A point `nanos` nanoseconds after the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// A point `millis` milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000_000)
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time passed since `earlier`; zero where `earlier` is the later of the two.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_convert() {
        assert_eq!(Time::from_millis(20).as_nanos(), 20_000_000);
        assert_eq!(Time::from_nanos(5), Time::ZERO + Duration::from_nanos(5));
        assert_eq!(Time::default(), Time::ZERO);
    }

    #[test]
    fn no_time_has_passed_since_the_future() {
        let (early, late) = (Time::from_millis(1), Time::from_millis(3));
        assert_eq!(late.since(early), Duration::from_millis(2));
        assert_eq!(early.since(late), Duration::ZERO);
    }

    #[test]
    fn both_ends_of_the_clock_hold() {
        let end = Time::from_nanos(u64::MAX);
        assert_eq!(end + Duration::from_nanos(1), end);
        assert_eq!(Time::ZERO + Duration::MAX, end);
        assert_eq!(Time::ZERO - Duration::from_nanos(1), Time::ZERO);
        assert_eq!(end - Duration::MAX, Time::ZERO);
    }

    proptest! {
        /// Against 128-bit arithmetic, which cannot overflow here.
        #[test]
        fn arithmetic_saturates_at_the_ends(at: u64, by: u64) {
            let (time, step) = (Time::from_nanos(at), Duration::from_nanos(by));
            let sum = (u128::from(at) + u128::from(by)).min(u128::from(u64::MAX));
            prop_assert_eq!(u128::from((time + step).as_nanos()), sum);
            prop_assert_eq!((time - step).as_nanos(), at.saturating_sub(by));
            prop_assert_eq!(time.since(Time::from_nanos(by)).as_nanos(), u128::from(at.saturating_sub(by)));
        }
    }
}
