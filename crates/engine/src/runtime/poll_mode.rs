//! Whether a worker looks at its sockets on a tick or sleeps until something comes.
//!
//! A wake-up costs more core time than the packet it brings. Where at least one datagram comes in a tick, looking on the
//! tick is the cheaper way; where fewer come, most looks would be in vain.

use std::time::Duration;

use mediapoint_packet::Time;

/// Time over which datagrams are counted.
const WINDOW: Duration = Duration::from_millis(100);

/// Datagrams in a tick from which the tick is halved: the wake-up is spread over enough of them still, and each waits
/// half as long.
const MANY: u128 = 32;

/// How one worker waits: on its tick, or until something comes.
#[derive(Debug, Clone)]
pub(super) struct PollMode {
    /// Datagrams in a window from which the tick pays, and below half of which it no longer does.
    enough: u128,
    window_end: Time,
    count: u128,
    busy: bool,
    tick: Duration,
    halved: bool,
}

impl PollMode {
    pub(super) fn new(now: Time, tick: Duration) -> Self {
        let enough = WINDOW.as_nanos() / tick.as_nanos().max(1);
        Self { enough, window_end: now + WINDOW, count: 0, busy: false, tick, halved: false }
    }

    /// Counts what a round received.
    pub(super) fn note(&mut self, now: Time, datagrams: u64) {
        self.count += u128::from(datagrams);
        if now < self.window_end {
            // A rush need not wait for the window's end.
            self.busy |= self.count >= self.enough;
            return;
        }
        // A window that a long sleep stretched counts for the time it took.
        let span = WINDOW + now.since(self.window_end);
        let scaled = self.count * WINDOW.as_nanos() / span.as_nanos().max(1);
        self.busy = if self.busy { scaled * 2 >= self.enough } else { scaled >= self.enough };
        let many = self.enough * MANY;
        self.halved = if self.halved { scaled * 4 >= many * 3 } else { scaled >= many };
        self.count = 0;
        self.window_end = now + WINDOW;
    }

    /// Time from one look to the next.
    pub(super) fn tick(&self) -> Duration {
        if self.halved { self.tick / 2 } else { self.tick }
    }

    /// True where the worker is to look on its tick.
    pub(super) const fn is_busy(&self) -> bool {
        self.busy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(mode: &mut PollMode, from: u64, per_second: u64) -> u64 {
        for millis in from..from + 1000 {
            let due = (millis + 1) * per_second / 1000 - millis * per_second / 1000;
            mode.note(Time::from_millis(millis), due);
        }
        from + 1000
    }

    #[test]
    fn one_call_is_not_worth_a_tick_and_many_are() {
        let mut mode = PollMode::new(Time::ZERO, Duration::from_millis(1));
        let now = run(&mut mode, 0, 100);
        assert!(!mode.is_busy());
        let now = run(&mut mode, now, 2000);
        assert!(mode.is_busy());
        let now = run(&mut mode, now, 700);
        assert!(mode.is_busy(), "it does not waver about the border");
        run(&mut mode, now, 100);
        assert!(!mode.is_busy());
    }

    #[test]
    fn a_full_tick_is_halved_and_a_lesser_one_is_not() {
        let mut mode = PollMode::new(Time::ZERO, Duration::from_millis(1));
        let now = run(&mut mode, 0, 20_000);
        assert_eq!(mode.tick(), Duration::from_millis(1));
        let now = run(&mut mode, now, 40_000);
        assert_eq!(mode.tick(), Duration::from_micros(500));
        let now = run(&mut mode, now, 28_000);
        assert_eq!(mode.tick(), Duration::from_micros(500), "it does not waver about the border");
        run(&mut mode, now, 20_000);
        assert_eq!(mode.tick(), Duration::from_millis(1));
    }

    #[test]
    fn a_rush_is_met_before_the_window_ends() {
        let mut mode = PollMode::new(Time::ZERO, Duration::from_millis(1));
        mode.note(Time::from_millis(5), 200);
        assert!(mode.is_busy());
    }

    #[test]
    fn a_long_sleep_ends_the_tick() {
        let mut mode = PollMode::new(Time::ZERO, Duration::from_millis(1));
        mode.note(Time::from_millis(5), 200);
        mode.note(Time::from_millis(5000), 1);
        assert!(!mode.is_busy());
    }
}
