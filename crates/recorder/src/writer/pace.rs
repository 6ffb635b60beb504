//! Whether a thread that encodes keeps up: it lowers the encoder's effort before audio is lost.

use std::time::Duration;

use mediapoint_packet::Time;

/// Time over which it is measured how busy the thread is.
const WINDOW: Duration = Duration::from_secs(1);
/// Percent of the time that the thread may be busy before it hurries, and below which it no longer does. Hurrying at least
/// halves the work, so that the two are further apart than that.
const BUSY: u128 = 85;
const CALM: u128 = 35;

/// Measures how busy a thread is.
pub(super) struct Pace {
    window: Time,
    busy: Duration,
    hurried: bool,
}

impl Pace {
    pub(super) const fn new(now: Time) -> Self {
        Self { window: now, busy: Duration::ZERO, hurried: false }
    }

    /// Takes in a round of work, and returns what changes by it: whether the thread has to hurry from now on.
    pub(super) fn round(&mut self, began: Time, ended: Time) -> Option<bool> {
        self.busy += ended.since(began);
        let passed = ended.since(self.window);
        if passed < WINDOW {
            return None;
        }
        let percent = self.busy.as_nanos() * 100 / passed.as_nanos().max(1);
        (self.window, self.busy) = (ended, Duration::ZERO);
        let hurried = if self.hurried { percent > CALM } else { percent > BUSY };
        let changed = hurried != self.hurried;
        self.hurried = hurried;
        changed.then_some(hurried)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds of rounds of 50 ms, busy for so many of them; returns the last change.
    fn run(pace: &mut Pace, now: &mut u64, seconds: u64, busy: u64) -> Option<bool> {
        let mut change = None;
        for _ in 0..seconds * 20 {
            let began = *now;
            *now += 50;
            change = pace.round(Time::from_millis(began), Time::from_millis(began + busy)).or(change);
        }
        change
    }

    #[test]
    fn it_hurries_when_there_is_no_time_left_and_stops_when_there_is_plenty() {
        let (mut pace, mut now) = (Pace::new(Time::ZERO), 0);
        assert_eq!(run(&mut pace, &mut now, 5, 40), None);
        assert_eq!(run(&mut pace, &mut now, 3, 45), Some(true));
        // Half the work is no reason to work more again.
        assert_eq!(run(&mut pace, &mut now, 5, 23), None);
        assert_eq!(run(&mut pace, &mut now, 3, 10), Some(false));
    }

    #[test]
    fn one_long_round_in_a_calm_second_is_no_reason() {
        let (mut pace, mut now) = (Pace::new(Time::ZERO), 0);
        run(&mut pace, &mut now, 1, 5);
        assert_eq!(pace.round(Time::from_millis(now), Time::from_millis(now + 400)), None);
        now += 400;
        assert_eq!(run(&mut pace, &mut now, 2, 5), None);
    }
}
