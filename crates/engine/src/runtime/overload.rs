//! What becomes of a worker that does not keep up: its budget shrinks to what it can carry and grows back, and where that is not
//! enough its newest calls are shed. The supervisor drives it by what the worker says of itself.
//!
//! | state | entered | budget | left |
//! |---|---|---|---|
//! | `Whole` | at start, or grown back | the configured one | late: `Late` |
//! | `Late` | the worker is late ([`Punctuality`](crate::runtime::punctuality::Punctuality)) | at once and each second: nine tenths of the points in use, where that is less than it has; a tenth of the configured one at least | on time for 3 s: `Growing` |
//! | `Growing` | on time for 3 s | at once and each second, or after a relapse more slowly: a tenth of the configured one more | grown back: `Whole`; late: `Late` |
//!
//! So a worker whose core has a busy neighbour finds its place below what the neighbour leaves: it gets calls again as its budget
//! grows, is late with one too many, and goes back below. Each time that it is late again before its budget has grown back,
//! the steps of growth take twice as long as before, up to a minute: whoever is admitted by one too many may be shed for it.
//!
//! The rule of shedding: where every round of a worker has been more than `shed_late` late for `shed_after`, without a rest between them, its
//! newest call without priority goes to another worker that is on time and has the points and the legs for it; where there is none, the call ends
//! with [`EndReason::Shed`](crate::EndReason::Shed). One at most in 100 ms, and none before the worker has had a round since the
//! last one, until a round is in time. Once the calls that are left need less than the worker does in a second, what waits in its
//! sockets becomes less by itself, and there is one at most in a second. What they need is known from what came for each point while it
//! was on time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
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

/// The same where those that are left need less than the worker does.
const SHED_EVERY_DRAINING: Duration = Duration::from_secs(1);

/// Time over which datagrams are counted.
const FLOW: Duration = Duration::from_secs(1);

/// What a worker says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    /// How late it was at worst, until it has been on time for 3 s.
    pub(crate) late: Option<Duration>,
    /// For how long every round of it has been too late.
    pub(crate) too_late: Duration,
    /// Points that its calls cost.
    pub(crate) used: Points,
    /// Datagrams that it has received since its start.
    pub(crate) received: u64,
}

/// Datagrams that a worker receives.
#[derive(Debug, Clone, Copy, Default)]
struct Flow {
    /// When they were counted last, and how many there had been.
    counted: Option<(Time, u64)>,
    /// In the last second in which it was on time: how many, and for how many points.
    on_time: (u64, Points),
    /// In the last second in which it was late: as many as it can.
    late: u64,
}

impl Flow {
    /// True where it is time to count.
    fn is_due(&self, now: Time) -> bool {
        self.counted.is_none_or(|(at, _)| now.since(at) >= FLOW)
    }

    fn note(&mut self, now: Time, seen: &Seen) {
        if !self.is_due(now) {
            return;
        }
        let counted = self.counted.replace((now, seen.received));
        let Some((at, before)) = counted.filter(|(_, before)| *before <= seen.received) else { return };
        let span = now.since(at).as_millis().max(1);
        let rate = u128::from(seen.received - before) * 1000 / span;
        let rate = u64::try_from(rate).unwrap_or(u64::MAX);
        if seen.late.is_none() && seen.too_late.is_zero() {
            self.on_time = (rate, seen.used);
        } else {
            self.late = rate;
        }
    }

    /// True where calls of so many points need no more than eight tenths of what the worker does; false where that is not known.
    fn drains(&self, used: Points) -> bool {
        let (rate, points) = self.on_time;
        let wide = |points: Points| u128::from(points.as_thousandths());
        let needed = wide(used) * u128::from(rate) * 10;
        rate > 0 && self.late > 0 && needed <= wide(points) * u128::from(self.late) * 8
    }
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
    flow: Flow,
    /// When a call was shed last, and for how long rounds had been too late then.
    shed: Option<(Time, Duration)>,
}

impl Overload {
    /// A worker that is on time.
    pub(crate) const fn new(configured: Points, shed_after: Option<Duration>) -> Self {
        let flow = Flow { counted: None, on_time: (0, Points::ZERO), late: 0 };
        Self {
            configured,
            budget: configured,
            state: State::Whole,
            relapses: 0,
            shed_after,
            flow,
            shed: None,
        }
    }

    /// What the worker may carry from now on, where that has changed.
    pub(crate) fn look(&mut self, now: Time, seen: &Seen) -> Option<Points> {
        let before = self.budget;
        self.flow.note(now, seen);
        match (self.state, seen.late) {
            (State::Whole, None) => {}
            (State::Whole, Some(_)) => self.shrink(now, seen.used),
            (State::Growing { .. }, Some(_)) => {
                self.relapses = (self.relapses + 1).min(MOST_RELAPSES);
                self.shrink(now, seen.used);
            }
            (State::Late { next }, Some(_)) if now >= next => self.shrink(now, seen.used),
            (State::Late { .. }, Some(_)) => {}
            (State::Late { .. }, None) if self.relapses == 0 => self.grow(now),
            (State::Late { .. }, None) => self.state = State::Growing { next: now + self.pause() },
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
        let pause = if self.flow.drains(seen.used) { SHED_EVERY_DRAINING } else { SHED_EVERY };
        let too_soon = |(at, too_late)| now.since(at) < pause || seen.too_late == too_late;
        if self.shed.is_some_and(too_soon) {
            return false;
        }
        self.shed = Some((now, seen.too_late));
        true
    }

    /// True where nothing is to be done for a worker that is on time.
    fn is_at_rest(&self, now: Time) -> bool {
        matches!(self.state, State::Whole) && !self.flow.is_due(now)
    }

    /// Time between two steps of growth.
    fn pause(&self) -> Duration {
        STEP * (1 << self.relapses)
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
            self.state = State::Growing { next: now + self.pause() };
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
            if overload.is_at_rest(now) && late.is_none() && too_late.is_zero() {
                continue;
            }
            let mut registry = shared.registry();
            let used = registry.used.get(worker).map_or(Points::ZERO, |used| used.points);
            let received = mailbox.gauges.received.load(Ordering::Relaxed);
            let seen = Seen { late, too_late, used, received };
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
        Seen { late: Some(Duration::from_millis(30)), used: Points::whole(used), ..Seen::default() }
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
        assert_eq!(grown, [(5000, 910), (7000, 1000)], "more slowly the second time");
        assert_eq!(state.state, State::Whole);
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
        let steps: Vec<u64> = grown.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        assert_eq!(steps, [64_000], "{grown:?}");
    }

    #[test]
    fn fewer_are_shed_once_those_that_are_left_need_less_than_the_worker_does() {
        let mut state = Overload::new(Points::whole(1000), Some(AFTER));
        let mut received = 0;
        let mut second = |state: &mut Overload, from: u64, rate: u64, seen: Seen| {
            let shed = (from..from + 1000).step_by(100).filter(|now| {
                received += rate / 10;
                let too_late = if seen.late.is_some() { Duration::from_millis(*now) } else { Duration::ZERO };
                let seen = Seen { received, too_late, ..seen };
                state.look(at(*now), &seen);
                state.sheds(at(*now), &seen)
            });
            shed.count()
        };
        // 100 datagrams a second for each point; then the worker does 30,000 and no more.
        for from in [0, 1000, 2000] {
            assert_eq!(second(&mut state, from, 80_000, on_time(800)), 0);
        }
        second(&mut state, 3000, 30_000, late(800));
        assert_eq!(second(&mut state, 4000, 30_000, late(800)), 10);
        assert_eq!(second(&mut state, 5000, 30_000, late(250)), 10, "nearly as much as it does");
        assert!(second(&mut state, 6000, 30_000, late(230)) <= 2);
        assert_eq!(second(&mut state, 7000, 30_000, late(230)), 1);
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
