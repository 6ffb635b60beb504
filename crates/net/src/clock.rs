//! The clocks that the rest of the engine is told: one monotonic, one of the wall.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mediapoint_packet::Time;

/// Reads the machine's clocks.
///
/// Every clock of one machine counts from the same point (`CLOCK_MONOTONIC`'s own), so that times taken by
/// different workers can be compared.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock(());

impl Clock {
    /// A reader of the machine's clocks.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }

    /// Now on the monotonic clock; never runs backwards, is not set by NTP, stops in suspend.
    #[must_use]
    pub fn now(&self) -> Time {
        Time::from_nanos(nanos(&read(libc::CLOCK_MONOTONIC)))
    }

    /// Now as time since the UNIX epoch (UTC); zero where the machine believes to live before it.
    #[must_use]
    pub fn wall(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

/// One kernel clock; zero where the kernel does not have it.
pub(crate) fn read(clock: libc::clockid_t) -> libc::timespec {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: clock_gettime(2) writes one timespec to the address given, which is a live local; an unknown clock
    // makes it return EINVAL and write nothing.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    now
}

/// A kernel time in nanoseconds.
pub(crate) fn nanos(time: &libc::timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monotonic_time_never_runs_backwards_and_is_one_for_all_clocks() {
        let (a, b) = (Clock::new(), Clock::new());
        let mut last = a.now();
        for _ in 0..10_000 {
            let now = b.now();
            assert!(now >= last);
            last = a.now();
            assert!(last >= now);
        }
    }

    #[test]
    fn wall_time_is_the_systems() {
        let system = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let ours = Clock::new().wall();
        assert!(ours >= system && ours - system < Duration::from_secs(60));
    }
}
