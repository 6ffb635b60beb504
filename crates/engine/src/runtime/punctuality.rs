//! Whether a worker keeps up with its media clock and its sockets. One that does not takes no new calls: each would make it
//! later for all.

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
#[derive(Debug, Clone, Copy)]
pub(crate) struct Punctuality {
    /// Lateness beyond which calls are not served any more.
    shed_late: Duration,
    /// Since when it has been late.
    late_since: Option<Time>,
    /// Since when every round has been later than `shed_late`, without a rest before it.
    too_late_since: Option<Time>,
    /// When it was late last, while it takes no calls, and how late at worst.
    behind: Option<(Time, Duration)>,
}

impl Punctuality {
    /// Of a worker that is on time. Rounds that are later than `shed_late` are too late.
    pub(crate) const fn new(shed_late: Duration) -> Self {
        Self { shed_late, late_since: None, too_late_since: None, behind: None }
    }

    /// Notes how late the most urgent work of a round was begun. Who had `rested` before it had done all that there was and was woken
    /// late: that delays packets, too, but fewer calls would not have it woken earlier.
    pub(crate) fn note(&mut self, now: Time, late: Duration, rested: bool) -> Option<Change> {
        match late > self.shed_late && !rested {
            true => _ = self.too_late_since.get_or_insert(now),
            false => self.too_late_since = None,
        }
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

    /// For how long every round has been too late, without a rest; zero where the last one was not.
    pub(crate) fn too_late(&self, now: Time) -> Duration {
        self.too_late_since.map_or(Duration::ZERO, |since| now.since(since))
    }
}

/// Datagrams that a worker leaves in its sockets because the receive budget of its rounds is spent.
///
/// A worker that only relays has hardly a deadline to be late for: each of its rounds may be in time while what it has not read
/// waits longer from round to round. How old the oldest datagram left is would be known from the kernel's times of arrival, but
/// one socket that has them makes the kernel stamp each datagram of the machine, and stands for the others only as long as its own
/// party sends. What is known for nothing is when the sockets were found empty last: nothing that is left is older, and what
/// comes meanwhile waits behind it. So after 100 ms of spent budgets the worker is late by that time.
///
/// Where less than half of what was received has gone out again, a flood fills the sockets and not the calls: no call less would
/// make it less, and each leg's turn comes in every round. That is no lateness.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Backlog {
    since: Option<Emptied>,
    late: Duration,
}

/// The last time that the sockets were found empty, and what was counted until then.
#[derive(Debug, Clone, Copy)]
struct Emptied {
    at: Time,
    received: u64,
    sent: u64,
}

/// One look at all sockets: whether it ended because the receive budget was spent, and datagrams since the worker's start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) spent: bool,
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

impl Backlog {
    /// Notes a look at all sockets.
    pub(crate) fn note(&mut self, now: Time, look: Look) {
        if !look.spent {
            *self = Self::default();
            return;
        }
        let since = *self.since.get_or_insert(Emptied { at: now, received: look.received, sent: look.sent });
        let (received, sent) = (look.received - since.received, look.sent - since.sent);
        let waits = now.since(since.at);
        self.late = if waits < PATIENCE || sent < received / 2 { Duration::ZERO } else { waits };
    }

    /// How long the oldest datagram that is left may have waited; zero where that is no lateness.
    pub(crate) const fn late(&self) -> Duration {
        self.late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHED_LATE: Duration = Duration::from_millis(40);

    /// Rounds of `every` ms from `from` to `to` ms, each `late` ms late; the changes with their times.
    fn run(state: &mut Punctuality, (from, to): (u64, u64), every: u64, late: u64) -> Vec<(u64, Change)> {
        let rounds = (from..to).step_by(usize::try_from(every).unwrap());
        rounds
            .filter_map(|at| {
                Some((at, state.note(Time::from_millis(at), Duration::from_millis(late), false)?))
            })
            .collect()
    }

    #[test]
    fn a_worker_that_stays_late_takes_no_calls_until_it_has_been_on_time_for_a_while() {
        let mut state = Punctuality::new(SHED_LATE);
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
        let mut state = Punctuality::new(SHED_LATE);
        for second in 0..100 {
            assert_eq!(state.note(Time::from_millis(second * 3000), Duration::from_secs(2), false), None);
            assert_eq!(state.note(Time::from_millis(second * 3000 + 1), Duration::ZERO, false), None);
        }
    }
    #[test]
    fn only_rounds_that_are_all_too_late_add_up() {
        let mut state = Punctuality::new(SHED_LATE);
        run(&mut state, (0, 1000), 50, 40);
        assert_eq!(state.too_late(Time::from_millis(1000)), Duration::ZERO, "late, but not too late");
        run(&mut state, (1000, 3000), 50, 41);
        assert_eq!(state.too_late(Time::from_millis(3000)), Duration::from_secs(2));
        run(&mut state, (3000, 3001), 1, 40);
        assert_eq!(state.too_late(Time::from_millis(3001)), Duration::ZERO, "one round in between");
        run(&mut state, (3100, 3101), 1, 5000);
        assert_eq!(state.too_late(Time::from_millis(3100)), Duration::ZERO, "one round, however late");
    }

    #[test]
    fn who_is_woken_late_takes_no_calls_but_is_not_too_late_for_those_that_it_has() {
        let mut state = Punctuality::new(SHED_LATE);
        let rounds = (0..5000).step_by(50);
        let fell = rounds.filter_map(|at| state.note(Time::from_millis(at), SHED_LATE * 2, true)).count();
        assert_eq!(fell, 1);
        assert_eq!(state.too_late(Time::from_millis(5000)), Duration::ZERO);
    }

    /// Looks every 10 ms from `from` to `to` ms that take 1,024 datagrams each and send `sent` of them on.
    fn look(backlog: &mut Backlog, (from, to): (u64, u64), sent: u64) {
        for at in (from..to).step_by(10) {
            let round = at / 10;
            let look = Look { spent: true, received: round * 1024, sent: round * sent };
            backlog.note(Time::from_millis(at), look);
        }
    }

    #[test]
    fn what_a_relaying_worker_leaves_in_its_sockets_makes_it_late() {
        let (mut backlog, mut state) = (Backlog::default(), Punctuality::new(SHED_LATE));
        look(&mut backlog, (0, 100), 1024);
        assert_eq!(backlog.late(), Duration::ZERO, "a rush");
        let mut fell = Vec::new();
        for at in (100..3000).step_by(10) {
            look(&mut backlog, (at, at + 10), 1024);
            let change = state.note(Time::from_millis(at), backlog.late(), false);
            fell.extend(change.map(|change| (at, change)));
        }
        assert_eq!(fell, [(200, Change::FellBehind { late: Duration::from_millis(200) })]);
        assert!(state.too_late(Time::from_millis(3000)) > Duration::from_secs(2));
        backlog.note(Time::from_millis(3000), Look { spent: false, received: 0, sent: 0 });
        assert_eq!(backlog.late(), Duration::ZERO, "they are empty");
        look(&mut backlog, (3010, 3100), 1024);
        assert_eq!(backlog.late(), Duration::ZERO, "counted anew");
    }

    #[test]
    fn a_flood_that_is_dropped_is_no_lateness() {
        let mut backlog = Backlog::default();
        look(&mut backlog, (0, 5000), 400);
        assert_eq!(backlog.late(), Duration::ZERO);
        look(&mut backlog, (5000, 5010), 700);
        assert!(backlog.late() > Duration::from_secs(4), "most of it is relayed: {:?}", backlog.late());
    }
}
