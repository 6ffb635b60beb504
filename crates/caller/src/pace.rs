//! When each packet is due: a fixed grid of absolute deadlines, so that lateness never adds up to drift.

use std::time::Duration;

use mediapoint_packet::Time;

/// The grid of several streams that share one period, evenly staggered inside it.
///
/// Slot `n` belongs to stream `n % streams` and is due at `start + n * period / streams`, computed from the
/// start each time, without rounding error that grows.
#[derive(Debug, Clone, Copy)]
pub struct Pacer {
    start: Time,
    period: Duration,
    streams: u64,
    next: u64,
}

/// One due packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Which stream sends.
    pub stream: usize,
    /// Which packet of that stream this is, from 0.
    pub round: u64,
    /// How late it is already.
    pub late: Duration,
}

impl Pacer {
    /// A grid that begins at `start`. `streams` is at least 1.
    #[must_use]
    pub fn new(start: Time, period: Duration, streams: usize) -> Self {
        Self { start, period, streams: u64::try_from(streams).unwrap_or(u64::MAX).max(1), next: 0 }
    }

    /// The next slot, if it is due at `now`. Call it until it gives `None`.
    pub fn poll(&mut self, now: Time) -> Option<Slot> {
        let deadline = self.next_deadline();
        if now < deadline {
            return None;
        }
        let stream = usize::try_from(self.next % self.streams).unwrap_or(0);
        let slot = Slot { stream, round: self.next / self.streams, late: now.since(deadline) };
        self.next += 1;
        Some(slot)
    }

    /// When the next slot is due.
    #[must_use]
    pub fn next_deadline(&self) -> Time {
        let nanos = self.period.as_nanos() * u128::from(self.next) / u128::from(self.streams);
        self.start + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Gives up the slots that are more than `limit` late, and says how many rounds those were.
    pub fn skip_late(&mut self, now: Time, limit: Duration) -> u64 {
        let mut skipped = 0;
        while now.since(self.next_deadline()) > limit {
            self.next += self.streams;
            skipped += 1;
        }
        skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(20);

    #[test]
    fn a_day_of_late_wake_ups_does_not_drift() {
        let start = Time::from_millis(7);
        let mut pacer = Pacer::new(start, PERIOD, 1);
        let rounds = 24 * 3600 * 50;
        let mut late_by = 0;
        for round in 0..rounds {
            late_by = (late_by + 37) % 900;
            let now = pacer.next_deadline() + Duration::from_micros(late_by);
            let slot = pacer.poll(now).unwrap();
            assert_eq!((slot.round, slot.late), (round, Duration::from_micros(late_by)));
            assert_eq!(pacer.poll(now), None);
        }
        assert_eq!(pacer.next_deadline(), start + PERIOD * u32::try_from(rounds).unwrap());
    }

    #[test]
    fn streams_are_spread_evenly_even_where_the_period_does_not_divide() {
        let mut pacer = Pacer::new(Time::ZERO, PERIOD, 7);
        let mut last: Vec<Option<Time>> = vec![None; 7];
        for slot_number in 0..7_000 {
            let due = pacer.next_deadline();
            assert_eq!(due.as_nanos(), slot_number * 20_000_000 / 7);
            let slot = pacer.poll(due).unwrap();
            if let Some(before) = last[slot.stream].replace(due) {
                let gap = due.since(before).as_nanos();
                assert!((19_999_999..=20_000_001).contains(&gap), "{gap}");
            }
        }
    }

    #[test]
    fn what_is_far_too_late_is_skipped_by_whole_rounds() {
        let mut pacer = Pacer::new(Time::ZERO, PERIOD, 2);
        let now = Time::from_millis(1_000);
        assert_eq!(pacer.skip_late(now, Duration::from_millis(100)), 45);
        let slot = pacer.poll(now).unwrap();
        assert_eq!((slot.stream, slot.round, slot.late), (0, 45, Duration::from_millis(100)));
        assert_eq!(pacer.skip_late(now, Duration::from_millis(100)), 0);
    }
}
