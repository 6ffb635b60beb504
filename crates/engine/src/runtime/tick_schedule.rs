//! When a worker that waits on its tick looks at its ports.

use std::time::Duration;

use mediapoint_packet::Time;

/// The next tick.
#[derive(Debug, Clone, Copy)]
pub(super) struct TickSchedule {
    next: Time,
    /// The present wait began after the tick that it was for.
    late: bool,
}

impl TickSchedule {
    pub(super) const fn new(next: Time) -> Self {
        Self { next, late: false }
    }

    /// Begins a wait at `now`; returns how long it is. Zero is returned where the tick has passed.
    pub(super) fn begin_wait(&mut self, now: Time) -> Duration {
        let pause = self.next.since(now);
        self.late = pause.is_zero();
        pause
    }

    /// The tick that the wait is for.
    pub(super) const fn next(&self) -> Time {
        self.next
    }

    /// Ends a wait at `now`; false where that is before its tick, which is to come then: datagrams were left behind.
    pub(super) fn end_wait(&mut self, now: Time, tick: Duration) -> bool {
        if now < self.next {
            return false;
        }
        // A late round does not shorten the next ones: the schedule goes on from now.
        self.next = if self.late { now } else { self.next } + tick;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(1);

    fn micros(micros: u64) -> Time {
        Time::ZERO + Duration::from_micros(micros)
    }

    #[test]
    fn ticks_that_are_kept_follow_each_other_evenly() {
        let mut schedule = TickSchedule::new(micros(1_000));
        for round in 1..10_u64 {
            assert_eq!(schedule.begin_wait(micros(round * 1_000 - 300)), Duration::from_micros(300));
            // The wake-up comes a little late each time, which does not add up.
            assert!(schedule.end_wait(micros(round * 1_000 + 60), TICK));
            assert_eq!(schedule.next(), micros((round + 1) * 1_000));
        }
    }

    #[test]
    fn a_late_round_does_not_shorten_the_next() {
        let mut schedule = TickSchedule::new(micros(1_000));
        assert_eq!(schedule.begin_wait(micros(5_200)), Duration::ZERO);
        assert!(schedule.end_wait(micros(5_210), TICK));
        assert_eq!(schedule.next(), micros(6_210));
    }

    /// Each of such rounds put the next tick off by one, so that the worker slept for as many after the last.
    #[test]
    fn rounds_before_the_tick_do_not_put_it_off() {
        let mut schedule = TickSchedule::new(micros(1_000));
        for round in 0..20 {
            let now = micros(100 + round * 10);
            assert!(!schedule.begin_wait(now).is_zero());
            assert!(!schedule.end_wait(now + Duration::from_micros(2), TICK), "round {round}");
        }
        assert_eq!(schedule.begin_wait(micros(400)), Duration::from_micros(600));
        assert!(schedule.end_wait(micros(1_050), TICK));
        assert_eq!(schedule.next(), micros(2_000));
    }
}
