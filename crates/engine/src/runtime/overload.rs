//! What becomes of a worker that does not keep up: its budget shrinks to what it can carry and grows back, and where that is not
//! enough its newest calls are shed. The supervisor drives it by what the worker says of itself.
//!
//! | state | entered | budget | left |
//! |---|---|---|---|
//! | `Whole` | at start, or grown back | the configured one | late: `Late` |
//! | `Late` | the worker is late ([`Punctuality`](crate::runtime::punctuality::Punctuality)) | at once and each second: nine tenths of the points in use, where that is less than it has; a tenth of the configured one at least | on time for 3 s: `Growing` |
//! | `Growing` | on time for 3 s | at once and each second: a tenth of the configured one more | grown back: `Whole`; late: `Late` |
//!
//! So a worker whose core has a busy neighbour finds its place below what the neighbour leaves: it gets calls again as its budget
//! grows, is late with one too many, and goes back below. Each time that it is late again before its budget has grown back,
//! the steps of growth take twice as long as before, up to a minute: whoever is admitted by one too many may be shed for it.
//!
//! The rule of shedding: where every round of a worker has been more than `shed_late` late for `shed_after`, without a rest between them, its
//! newest call without priority goes to another worker that is on time and has the points and the legs for it; where there is none, the call ends
//! with [`EndReason::Shed`](crate::EndReason::Shed). One at most in 100 ms, and none before the worker has had a round since the
//! last one, until a round is in time.

use std::sync::Arc;
use std::time::Duration;

use mediapoint_packet::Time;

use crate::api::event::Event;
use crate::api::id::CallId;
use crate::api::points::Points;
use crate::runtime::builder::EngineBuilder;
use crate::runtime::call::Call;
use crate::runtime::engine::Shared;
use crate::runtime::moves;
use crate::runtime::registry::Registry;

/// How often the budget changes.
const STEP: Duration = Duration::from_secs(1);

/// The longest time between two steps of growth, as a power of two of the shortest one.
const MOST_RELAPSES: u32 = 6;

/// Time between two calls that are shed.
const SHED_EVERY: Duration = Duration::from_millis(100);

/// What a worker says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    /// How late it was at worst, until it has been on time for 3 s.
    pub(crate) late: Option<Duration>,
    /// For how long every round of it has been too late.
    pub(crate) too_late: Duration,
    /// Points that its calls cost.
    pub(crate) used: Points,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Whole,
    Late { next: Time },
    Growing { next: Time },
}

/// One worker.
#[derive(Debug, Clone)]
pub(crate) struct Overload {
    configured: Points,
    budget: Points,
    state: State,
    /// Times that it was late again before its budget had grown back.
    relapses: u32,
    /// How long rounds have to be too late until calls are shed; `None` where none are.
    shed_after: Option<Duration>,
    /// When a call was shed last, and for how long rounds had been too late then.
    shed: Option<(Time, Duration)>,
}

impl Overload {
    /// A worker that is on time.
    pub(crate) const fn new(configured: Points, shed_after: Option<Duration>) -> Self {
        Self { configured, budget: configured, state: State::Whole, relapses: 0, shed_after, shed: None }
    }

    /// What the worker may carry from now on, where that has changed.
    pub(crate) fn look(&mut self, now: Time, seen: &Seen) -> Option<Points> {
        let before = self.budget;
        match (self.state, seen.late) {
            (State::Whole, None) => {}
            (State::Whole, Some(_)) => self.shrink(now, seen.used),
            (State::Growing { .. }, Some(_)) => {
                self.relapses = (self.relapses + 1).min(MOST_RELAPSES);
                self.shrink(now, seen.used);
            }
            (State::Late { next }, Some(_)) if now >= next => self.shrink(now, seen.used),
            (State::Late { .. }, Some(_)) => {}
            (State::Late { .. }, None) => self.grow(now),
            (State::Growing { next }, None) if now >= next => self.grow(now),
            (State::Growing { .. }, None) => {}
        }
        (self.budget != before).then_some(self.budget)
    }

    /// Whether a call is to be shed now; that it is has been noted then.
    pub(crate) fn sheds(&mut self, now: Time, seen: &Seen) -> bool {
        if self.shed_after.is_none_or(|after| seen.too_late < after) {
            return false;
        }
        // What the last one has made better shows in a round after it.
        let too_soon = |(at, too_late)| now.since(at) < SHED_EVERY || seen.too_late == too_late;
        if self.shed.is_some_and(too_soon) {
            return false;
        }
        self.shed = Some((now, seen.too_late));
        true
    }

    /// True where nothing is to be done for a worker that is on time.
    const fn is_whole(&self) -> bool {
        matches!(self.state, State::Whole)
    }

    fn shrink(&mut self, now: Time, used: Points) {
        self.state = State::Late { next: now + STEP };
        let least = tenths(self.configured, 1);
        self.budget = self.budget.min(tenths(used, 9).max(least));
    }

    fn grow(&mut self, now: Time) {
        self.budget =
            self.configured.min(self.budget + tenths(self.configured, 1).max(Points::thousandths(1)));
        if self.budget == self.configured {
            (self.state, self.relapses) = (State::Whole, 0);
        } else {
            self.state = State::Growing { next: now + STEP * (1 << self.relapses) };
        }
    }
}

/// So many tenths of some points.
fn tenths(of: Points, tenths: u64) -> Points {
    let thousandths = u128::from(of.as_thousandths()) * u128::from(tenths) / 10;
    Points::thousandths(u64::try_from(thousandths).unwrap_or(u64::MAX))
}

/// All workers, as the supervisor looks after them.
#[derive(Debug)]
pub(crate) struct Overloads(Vec<Overload>);

impl Overloads {
    pub(crate) fn new(workers: usize, config: &EngineBuilder) -> Self {
        let shed_after = config.shed.then_some(config.shed_after);
        Self(vec![Overload::new(config.budget, shed_after); workers])
    }

    /// Sets the workers' budgets, and sheds calls where they are too late.
    pub(crate) fn look(&mut self, shared: &Arc<Shared>, now: Time) {
        for (worker, (overload, mailbox)) in self.0.iter_mut().zip(shared.mailboxes.iter()).enumerate() {
            let (late, too_late) = (mailbox.gauges.late(), mailbox.gauges.too_late());
            if overload.is_whole() && late.is_none() && too_late.is_zero() {
                continue;
            }
            let mut registry = shared.registry();
            let used = registry.used.get(worker).map_or(Points::ZERO, |used| used.points);
            let seen = Seen { late, too_late, used };
            let changed = overload.look(now, &seen);
            if let Some(budget) = changed {
                registry.set_budget(worker, budget);
            }
            drop(registry);
            if let Some(budget) = changed {
                let configured = shared.config.budget;
                shared.events.send(Event::BudgetChanged { worker, budget, configured, late });
            }
            if overload.sheds(now, &seen) {
                shed(shared, worker, too_late);
            }
        }
    }
}

/// Moves the newest call without priority to another worker, or ends it where none has room for it.
fn shed(shared: &Arc<Shared>, worker: usize, too_late: Duration) {
    let mut registry = shared.registry();
    let sheddable = registry.calls.iter().filter(|(_, entry)| {
        entry.worker == worker && entry.transit.is_none() && !entry.ending && !entry.priority
    });
    // Calls are numbered as they begin.
    let Some(call) = sheddable.map(|(call, _)| *call).max_by_key(|call| call.as_u64()) else { return };
    let too_late_ms = too_late.as_millis();
    if let Some(to) = room_elsewhere(shared, &registry, worker, call)
        && let Ok(outcome) = moves::start(shared, &mut registry, call, to)
    {
        drop(registry);
        drop(outcome);
        tracing::warn!(
            worker,
            to,
            call = call.as_u64(),
            too_late_ms,
            "a call leaves a worker that is too late"
        );
        return;
    }
    drop(registry);
    // Where it has ended by itself meanwhile, nothing is left to do.
    if Call::new(Arc::clone(shared), call).shed().is_ok() {
        tracing::warn!(
            worker,
            call = call.as_u64(),
            too_late_ms,
            "a worker is too late: its newest call ends"
        );
    }
}

/// Another worker that is on time and has what the call needs.
fn room_elsewhere(shared: &Shared, registry: &Registry, worker: usize, call: CallId) -> Option<usize> {
    let need = registry.calls.get(&call)?.need(&shared.config.prices);
    shared.place(registry, need, false, |other| other != worker).ok()
}

#[cfg(test)]
mod virtual_drill;

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Duration = Duration::from_secs(2);

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    fn late(used: u64) -> Seen {
        Seen { late: Some(Duration::from_millis(30)), too_late: Duration::ZERO, used: Points::whole(used) }
    }

    fn on_time(used: u64) -> Seen {
        Seen { used: Points::whole(used), ..Seen::default() }
    }

    /// Looks every 100 ms from `from` to `to` ms; the changes with their times, in whole points.
    fn run(state: &mut Overload, (from, to): (u64, u64), seen: impl Fn(u64) -> Seen) -> Vec<(u64, u64)> {
        let looks = (from..to).step_by(100);
        looks
            .filter_map(|now| Some((now, state.look(at(now), &seen(now))?.as_thousandths() / 1000)))
            .collect()
    }

    #[test]
    fn a_worker_that_is_late_may_carry_less_than_it_carries_each_second_until_it_is_on_time() {
        let mut state = Overload::new(Points::whole(1000), None);
        assert_eq!(run(&mut state, (0, 5000), |_| on_time(900)), []);
        // Calls end, ten a second, and none are taken.
        let shrunk = run(&mut state, (5000, 8000), |now| late(900 - (now - 5000) / 100));
        assert_eq!(shrunk, [(5000, 810), (6000, 801), (7000, 792)]);
        let shrunk = run(&mut state, (8000, 9000), |_| late(950));
        assert_eq!(shrunk, [], "it never grows while it is late");
        assert_eq!(run(&mut state, (9000, 12_000), |_| late(10)), [(9000, 100)], "no less than a tenth");
    }

    #[test]
    fn a_budget_grows_back_by_a_tenth_a_second_and_shrinks_again_where_that_was_too_much() {
        let mut state = Overload::new(Points::whole(1000), None);
        run(&mut state, (0, 1000), |_| late(800));
        let grown = run(&mut state, (1000, 2500), |_| on_time(700));
        assert_eq!(grown, [(1000, 820), (2000, 920)]);
        assert_eq!(run(&mut state, (2500, 3000), |_| late(900)), [(2500, 810)]);
        let grown = run(&mut state, (3000, 9000), |_| on_time(800));
        assert_eq!(grown, [(3000, 910), (5000, 1000)], "more slowly the second time");
        assert!(state.is_whole());
        run(&mut state, (9000, 9100), |_| late(900));
        let grown = run(&mut state, (9100, 12_000), |_| on_time(800));
        assert_eq!(grown, [(9100, 910), (10_100, 1000)], "begun anew");
    }

    #[test]
    fn growth_takes_a_minute_for_a_step_at_most() {
        let mut state = Overload::new(Points::whole(1000), None);
        for round in 0..20 {
            run(&mut state, (round * 1000, round * 1000 + 100), |_| late(500));
            run(&mut state, (round * 1000 + 100, round * 1000 + 200), |_| on_time(500));
        }
        let grown = run(&mut state, (20_000, 200_000), |_| on_time(500));
        assert_eq!(grown, [(83_100, 650), (147_100, 750)]);
    }

    fn too_late(millis: u64) -> Seen {
        Seen { too_late: Duration::from_millis(millis), ..late(500) }
    }

    #[test]
    fn calls_are_shed_one_in_a_while_and_only_while_every_round_is_too_late() {
        let mut state = Overload::new(Points::whole(1000), Some(AFTER));
        let mut sheds = |now, seen| state.sheds(at(now), &too_late(seen));
        assert!(!sheds(1999, 1999));
        assert!(sheds(2000, 2000));
        assert!(!sheds(2050, 2050), "one at most in 100 ms");
        assert!(sheds(2100, 2100));
        assert!(!sheds(5000, 2100), "no round since the last one");
        assert!(sheds(5010, 5010));
        assert!(!sheds(5200, 0), "a round was in time");
        assert!(!sheds(7000, 1800));
        assert!(sheds(7200, 2000));
    }

    #[test]
    fn nothing_is_shed_where_that_is_switched_off() {
        let mut state = Overload::new(Points::whole(1000), None);
        assert!(!state.sheds(at(60_000), &too_late(60_000)));
    }
}
