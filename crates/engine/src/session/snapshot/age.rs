//! Times and counters as a snapshot holds them: times as distances from the moment it was taken, counters within bounds
//! that no further counting can leave.

use std::time::Duration;

use mediapoint_packet::Time;

/// The longest time between taking a snapshot and restoring it that is reckoned with.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// Sequence numbers that a restored leg passes over at most: the far end knows the roll-over counter of a number only
/// where it is less than half a cycle away [RFC3711 3.3.1].
const MOST_PASSED: u64 = 0x4000;

/// A figure of the snapshot that no engine writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

/// Refuses what does not hold.
pub(crate) const fn ensure(holds: bool, what: &'static str) -> Result<(), Malformed> {
    if holds { Ok(()) } else { Err(Malformed(what)) }
}

/// Refuses counters that a call of centuries would not reach, so that counting on cannot overflow.
pub(crate) fn ensure_counts<const N: usize>(counts: [u64; N], what: &'static str) -> Result<(), Malformed> {
    ensure(counts.iter().all(|count| *count < 1 << 53), what)
}

/// Nanoseconds from an event to the moment the snapshot was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Age(u64);

impl Age {
    pub(crate) fn of(at: Time, taken: Time) -> Self {
        Self(taken.as_nanos().saturating_sub(at.as_nanos()))
    }

    /// The event on a clock that shows `taken` for the moment the snapshot was taken.
    pub(crate) fn before(self, taken: Time) -> Time {
        taken - Duration::from_nanos(self.0)
    }
}

/// Nanoseconds from the moment the snapshot was taken to something that was due later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Due(u64);

impl Due {
    pub(crate) fn of(at: Time, taken: Time) -> Self {
        Self(at.as_nanos().saturating_sub(taken.as_nanos()))
    }

    /// When it is due, `most` after the snapshot was taken at the latest.
    pub(crate) fn after(self, taken: Time, most: Duration) -> Time {
        taken + Duration::from_nanos(self.0).min(most)
    }
}

/// The moment of restoring.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Now. Ages of what only packets can renew count from here: in the pause nobody listened for them.
    pub(crate) now: Time,
    /// When the snapshot was taken. Ages of all else count from here.
    pub(crate) taken: Time,
    pause: Duration,
}

impl Moment {
    /// `pause` has passed since the snapshot was taken.
    pub(crate) fn new(now: Time, pause: Duration) -> Self {
        let pause = pause.min(LONGEST_PAUSE);
        Self { now, taken: now - pause, pause }
    }

    /// Packets that a sender of one in `every` may have sent in the pause.
    ///
    /// The call that the snapshot was taken of may have gone on for a while: a number of its must not be used again.
    pub(crate) fn may_have_sent(&self, every: Duration) -> u64 {
        let packets = self.pause.as_nanos().div_ceil(every.as_nanos().max(1));
        u64::try_from(packets).unwrap_or(u64::MAX).min(MOST_PASSED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_moves_to_another_clock() {
        let (then, taken) = (Time::from_millis(700), Time::from_millis(1000));
        let age = Age::of(then, taken);
        let moment = Moment::new(Time::from_millis(90_500), Duration::from_millis(500));
        assert_eq!(age.before(moment.taken), Time::from_millis(89_700));
        assert_eq!(age.before(moment.now), Time::from_millis(90_200));
    }

    #[test]
    fn what_is_older_than_the_clock_is_as_old_as_the_clock() {
        let age = Age(u64::MAX);
        assert_eq!(age.before(Time::from_millis(5)), Time::ZERO);
        assert_eq!(Due(u64::MAX).after(Time::ZERO, Duration::from_secs(1)), Time::from_millis(1000));
    }

    #[test]
    fn packets_of_a_begun_interval_count() {
        let sent = |millis| {
            let moment = Moment::new(Time::from_millis(9_000_000), Duration::from_millis(millis));
            moment.may_have_sent(Duration::from_millis(20))
        };
        assert_eq!([0, 1, 20, 21, 500, 9_000_000].map(sent), [0, 1, 1, 2, 25, MOST_PASSED]);
    }
}
