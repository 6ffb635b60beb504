//! Kernel times of arrival, which count on the wall clock, on the monotonic clock.

use std::time::Duration;

use mediapoint_packet::Time;

use crate::clock::{self, Clock};

/// A datagram that is said to have waited longer, or to come from so far ahead, was stamped before the wall clock was set.
const PLAUSIBLE: Duration = Duration::from_secs(1);

/// Time between two looks at the monotonic clock within which the wall clock is read: some hundred times what it takes.
const TOGETHER: Duration = Duration::from_micros(20);

/// Attempts to read the clocks together.
const ATTEMPTS: u32 = 3;

/// Both clocks, read together at most once a round.
#[derive(Debug)]
pub(crate) struct WallOffset {
    read: Option<Pair>,
}

#[derive(Debug, Clone, Copy)]
struct Pair {
    wall: u64,
    monotonic: Time,
}

impl WallOffset {
    pub(crate) const fn new() -> Self {
        Self { read: None }
    }

    /// Reads the clocks anew at the next datagram.
    pub(crate) fn forget(&mut self) {
        self.read = None;
    }

    /// The monotonic time of an arrival at `stamp` nanoseconds of the wall clock, not later than now; `None` where the wall
    /// clock was set meanwhile.
    pub(crate) fn monotonic(&mut self, stamp: u64) -> Option<Time> {
        let pair = *self.read.get_or_insert_with(Pair::read);
        let at = pair.map(stamp)?;
        // It came after the clocks were read, or the wall clock runs ahead.
        Some(if at > pair.monotonic { at.min(Clock::new().now()) } else { at })
    }
}

impl Pair {
    /// Reads both clocks within [`TOGETHER`], unless the thread is interrupted in each of some attempts.
    fn read() -> Self {
        let clock = Clock::new();
        let mut attempts = 0;
        loop {
            let before = clock.now();
            let wall = clock::nanos(&clock::read(libc::CLOCK_REALTIME));
            attempts += 1;
            if attempts == ATTEMPTS || clock.now().since(before) < TOGETHER {
                return Self { wall, monotonic: before };
            }
        }
    }

    fn map(self, stamp: u64) -> Option<Time> {
        let apart = Duration::from_nanos(self.wall.abs_diff(stamp));
        if apart > PLAUSIBLE {
            return None;
        }
        Some(if stamp <= self.wall { self.monotonic - apart } else { self.monotonic + apart })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_stamp_keeps_its_distance_from_the_reading() {
        let pair = Pair { wall: 1_700_000_000 * SECOND, monotonic: Time::from_nanos(50 * SECOND) };
        let map = |ahead: i64| pair.map(pair.wall.strict_add_signed(ahead)).map(Time::as_nanos);
        assert_eq!(map(0), Some(50 * SECOND));
        assert_eq!(map(-3_000_000), Some(50 * SECOND - 3_000_000));
        assert_eq!(map(250), Some(50 * SECOND + 250));
        assert_eq!(map(-1_000_000_000), Some(49 * SECOND));
    }

    #[test]
    fn a_stamp_of_before_the_clock_was_set_is_none() {
        let pair = Pair { wall: 1_700_000_000 * SECOND, monotonic: Time::from_nanos(50 * SECOND) };
        for stamp in [0, pair.wall - SECOND - 1, pair.wall + SECOND + 1, u64::MAX] {
            assert_eq!(pair.map(stamp), None);
        }
    }

    #[test]
    fn no_arrival_is_in_the_future() {
        let mut wall = WallOffset::new();
        let soon = clock::nanos(&clock::read(libc::CLOCK_REALTIME)) + SECOND / 2;
        let at = wall.monotonic(soon).unwrap();
        assert!(at <= Clock::new().now());
    }
}
