//! Whether a worker keeps up with its media clock. One that does not takes no new calls: each would make it later for all.

use std::time::Duration;

use mediapoint_packet::Time;

/// A tick: a worker that is later than this delays every packet of its calls by more than a packet's time.
const TICK: Duration = Duration::from_millis(20);

/// A worker that is late for so long without a break is overloaded; what is shorter is the machine's business with others.
const PATIENCE: Duration = Duration::from_millis(100);

/// It has to be on time for so long before it takes calls again, so that it does not swing between both.
const RECOVERY: Duration = Duration::from_secs(3);

/// A change that others are to know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It takes no new calls from now on.
    FellBehind { late: Duration },
    /// It takes them again.
    Recovered,
}

/// How late one worker is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Punctuality {
    /// Since when it has been late.
    late_since: Option<Time>,
    /// When it was late last, while it takes no calls, and how late at worst.
    behind: Option<(Time, Duration)>,
}

impl Punctuality {
    /// Notes how late the most urgent work of a round was begun.
    pub(crate) fn note(&mut self, now: Time, late: Duration) -> Option<Change> {
        if late <= TICK {
            self.late_since = None;
            let (last, _) = self.behind?;
            if now.since(last) < RECOVERY {
                return None;
            }
            self.behind = None;
            return Some(Change::Recovered);
        }
        if let Some((last, worst)) = &mut self.behind {
            (*last, *worst) = (now, late.max(*worst));
            return None;
        }
        let since = *self.late_since.get_or_insert(now);
        if now.since(since) < PATIENCE {
            return None;
        }
        self.behind = Some((now, late));
        Some(Change::FellBehind { late })
    }

    /// How late it was at worst, while it takes no calls.
    pub(crate) fn late(&self) -> Option<Duration> {
        self.behind.map(|(_, worst)| worst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounds of `every` ms from `from` to `to` ms, each `late` ms late; the changes with their times.
    fn run(state: &mut Punctuality, (from, to): (u64, u64), every: u64, late: u64) -> Vec<(u64, Change)> {
        let rounds = (from..to).step_by(usize::try_from(every).unwrap());
        rounds
            .filter_map(|at| Some((at, state.note(Time::from_millis(at), Duration::from_millis(late))?)))
            .collect()
    }

    #[test]
    fn a_worker_that_stays_late_takes_no_calls_until_it_has_been_on_time_for_a_while() {
        let mut state = Punctuality::default();
        assert_eq!(run(&mut state, (0, 1000), 1, 20), [], "a tick late is on time");
        let fell = run(&mut state, (1000, 2000), 5, 21);
        assert_eq!(fell, [(1100, Change::FellBehind { late: Duration::from_millis(21) })]);
        assert_eq!(run(&mut state, (2000, 2100), 5, 300), []);
        assert_eq!(state.late(), Some(Duration::from_millis(300)), "the worst is what counts");
        assert_eq!(run(&mut state, (2100, 4900), 10, 1), [], "it might come back at once");
        assert_eq!(run(&mut state, (4900, 4901), 1, 25), [], "late again: the time begins anew");
        assert_eq!(run(&mut state, (4910, 10_000), 10, 0), [(7900, Change::Recovered)]);
        assert_eq!(state.late(), None);
    }

    #[test]
    fn one_stall_however_long_is_no_overload() {
        let mut state = Punctuality::default();
        for second in 0..100 {
            assert_eq!(state.note(Time::from_millis(second * 3000), Duration::from_secs(2)), None);
            assert_eq!(state.note(Time::from_millis(second * 3000 + 1), Duration::ZERO), None);
        }
    }
}
