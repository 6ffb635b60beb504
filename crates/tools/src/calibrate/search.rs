//! How many calls keep the service level: which number to try next, from what was measured up to now. It runs no load.

use serde::Serialize;

/// Longest p99 of the added delay within the service level, in milliseconds.
pub(super) const LONGEST_P99_MS: f64 = 5.0;
/// Busiest core within the service level, in percent.
pub(super) const BUSIEST: f64 = 85.0;

/// A core that is as busy as this is taken to be full: what is left is within the 5 % that the search ends at.
const FULL: f64 = 81.0;
/// How busy the core is to be by the number that is tried next, in percent.
const AIM: f64 = 83.0;
/// From here on a core is so full that its core time does not tell how much was too much.
const SATURATED: f64 = 98.0;
/// Half of the way from one nominal number to the one below, as a ratio.
const HALF_WAY: f64 = std::f64::consts::FRAC_1_SQRT_2;
/// How often a number is tried that loses packets or is late, where there are steps enough.
const TRIES: u32 = 3;
/// How near the greatest number that passed and the least that did not have to be, as a share.
const NEAR: f64 = 0.05;

/// What was measured at a number of calls.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Step {
    pub(super) calls: usize,
    /// Of the core, all threads of the server.
    pub(super) busy_percent: f64,
    /// Of the added delay.
    pub(super) p99_ms: f64,
    /// Packets that did not come, or not as they should.
    pub(super) lost: u64,
    /// Packets that were sent.
    pub(super) sent: u64,
    /// The load itself was sent late.
    pub(super) late: bool,
}

/// What keeps a core from carrying more calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Limit {
    /// It is 85 % busy.
    Core,
    /// p99 of the added delay is 5 ms.
    Delay,
    /// Packets are lost.
    Loss,
    /// The core of the load cannot generate more.
    Load,
    /// More calls were not to be tried.
    Most,
    /// The number was given, and none was looked for.
    Given,
}

impl Limit {
    /// In the file.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Delay => "delay",
            Self::Loss => "loss",
            Self::Load => "load",
            Self::Most => "most",
            Self::Given => "given",
        }
    }

    /// In words.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Core => "the core is full",
            Self::Delay => "beyond it p99 of the added delay is above 5 ms",
            Self::Loss => "beyond it packets are lost",
            Self::Load => "the core of the load cannot generate more",
            Self::Most => "more calls were not tried",
            Self::Given => "the number was given",
        }
    }
}

impl Step {
    /// Which part of the service level was missed, where one was.
    pub(super) fn missed(&self) -> Option<Limit> {
        if self.late {
            Some(Limit::Load)
        } else if self.busy_percent > BUSIEST {
            Some(Limit::Core)
        } else if self.lost > 0 {
            Some(Limit::Loss)
        } else if self.p99_ms > LONGEST_P99_MS {
            Some(Limit::Delay)
        } else {
            None
        }
    }
}

/// A search under way.
#[derive(Debug, Clone)]
pub(super) struct Search {
    most: usize,
    left: u32,
    tries: u32,
    next: Option<usize>,
    passed: Option<Step>,
    failed: Option<usize>,
    limit: Limit,
    /// The number is tried again after it missed this, so many times up to now: whatever else runs on the machine may have spoilt it.
    again: Option<(Limit, u32)>,
}

impl Search {
    /// A search that begins with `first` calls and tries no more than `most`, in so many steps at most.
    pub(super) fn new(first: usize, most: usize, steps: u32) -> Self {
        let most = most.max(1);
        Self {
            most,
            left: steps,
            tries: (steps / 2).clamp(1, TRIES),
            next: Some(first.clamp(1, most)),
            passed: None,
            failed: None,
            limit: Limit::Most,
            again: None,
        }
    }

    /// The number of calls to measure; `None` at the end.
    pub(super) fn next(&self) -> Option<usize> {
        self.next.filter(|_| self.left > 0)
    }

    /// Takes in what was measured at that number.
    pub(super) fn record(&mut self, step: Step) {
        self.left = self.left.saturating_sub(1);
        let tried = self.again.map_or(0, |(_, tried)| tried) + 1;
        match step.missed() {
            // A core's time is steady; a packet lost or late may be a neighbour's doing.
            Some(limit) if limit != Limit::Core && tried < self.tries => {
                self.again = Some((limit, tried));
                return;
            }
            Some(limit) => {
                self.failed = Some(self.failed.map_or(step.calls, |failed| failed.min(step.calls)));
                self.limit = limit;
            }
            None => self.passed = Some(step),
        }
        self.again = None;
        self.next = self.after(&step);
    }

    /// The step with the most calls that kept the service level, and what kept it from more.
    pub(super) fn result(&self) -> Option<(Step, Limit)> {
        let passed = self.passed?;
        let limit = if passed.busy_percent >= FULL {
            Limit::Core
        } else {
            self.again.map_or(self.limit, |(limit, _)| limit)
        };
        Some((passed, limit))
    }

    fn after(&self, step: &Step) -> Option<usize> {
        let guess = scaled(step.calls, AIM / step.busy_percent.max(0.1));
        let passed = self.passed.map_or(0, |passed| passed.calls);
        let full = self.passed.is_some_and(|passed| passed.busy_percent >= FULL);
        let Some(failed) = self.failed else {
            // Six times as many at most: a load that is much too large says little.
            let next = guess.clamp(scaled(passed, 1.0 + NEAR), scaled(passed, 6.0)).min(self.most);
            return (!full && next > passed).then_some(next);
        };
        if full || failed <= passed + 1 || failed - passed <= scaled(passed, NEAR) {
            return None;
        }
        // Inside the two, and not so near to one of them that little is learnt.
        let edge = ((failed - passed) / 8).max(1);
        let middle = if passed == 0 { failed / 2 } else { passed.midpoint(failed) };
        let inside = step.busy_percent < SATURATED && guess > passed + edge && guess + edge < failed;
        Some(if inside { guess } else { middle.max(passed + 1) })
    }
}

/// Calls by which the loads of the kinds are sized, for what one call costs depends on how many there are: about those that fill a
/// core, as one of few numbers, so that two calibrations of a machine have the same loads.
pub(super) fn nominal(step: &Step) -> usize {
    let by_core_time = scaled(step.calls, BUSIEST / step.busy_percent.max(1.0));
    let wanted = by_core_time.min(step.calls * 2);
    let mut nominal = 1_800;
    while nominal > 7 && scaled(nominal, HALF_WAY) > wanted {
        nominal /= 2;
    }
    while scaled(nominal, 1.0 / HALF_WAY) < wanted {
        nominal *= 2;
    }
    nominal
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "counts of calls, far below 2^52 and never negative"
)]
pub(super) fn scaled(calls: usize, by: f64) -> usize {
    (calls as f64 * by).floor().min(1e9) as usize
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "counts of calls")]
mod tests {
    use super::*;

    /// A machine whose core time grows with calls and whose delay has a knee.
    struct Simulated {
        percent_a_call: f64,
        late_from: usize,
        lossy_from: usize,
        load_late_from: usize,
        /// Every so many steps something else takes the core for a moment.
        spoilt: Option<u32>,
        steps: u32,
    }

    impl Simulated {
        fn of(percent_a_call: f64) -> Self {
            let never = usize::MAX;
            Self {
                percent_a_call,
                late_from: never,
                lossy_from: never,
                load_late_from: never,
                spoilt: None,
                steps: 0,
            }
        }

        fn measure(&mut self, calls: usize) -> Step {
            self.steps += 1;
            let spoilt = self.spoilt.is_some_and(|every| self.steps.is_multiple_of(every));
            // Measured core time scatters by 2 % to either side.
            let scatter = 1.0 + 0.02 * f64::from(self.steps % 3) - 0.02;
            Step {
                calls,
                busy_percent: (1.5 + calls as f64 * self.percent_a_call * scatter).min(100.0),
                p99_ms: if calls >= self.late_from { 9.0 } else { 1.0 },
                lost: u64::from(spoilt || calls >= self.lossy_from),
                sent: 1000,
                late: calls >= self.load_late_from,
            }
        }

        fn found(&mut self, first: usize, most: usize, steps: u32) -> Option<(Step, Limit)> {
            let mut search = Search::new(first, most, steps);
            while let Some(calls) = search.next() {
                let step = self.measure(calls);
                search.record(step);
            }
            assert!(self.steps <= steps, "{}", self.steps);
            search.result()
        }
    }

    #[test]
    fn a_core_is_filled_to_within_a_twentieth_in_few_steps() {
        for percent in [0.03, 0.0655, 0.2, 1.0, 4.0] {
            let mut machine = Simulated::of(percent);
            let (step, limit) = machine.found(200, 8000, 8).unwrap();
            let most = (BUSIEST - 1.5) / percent;
            let ratio = step.calls as f64 / most;
            assert!((0.92..1.03).contains(&ratio), "{percent}: {step:?} of {most}");
            assert_eq!(limit, Limit::Core, "{percent}");
            assert!(step.missed().is_none());
        }
    }

    #[test]
    fn what_ends_it_before_the_core_is_full_is_found_and_named() {
        let at = |limit| {
            let mut machine = Simulated::of(0.05);
            *match limit {
                Limit::Delay => &mut machine.late_from,
                Limit::Loss => &mut machine.lossy_from,
                _ => &mut machine.load_late_from,
            } = 1000;
            machine.found(200, 8000, 14).unwrap()
        };
        for limit in [Limit::Delay, Limit::Loss, Limit::Load] {
            let (step, found) = at(limit);
            assert_eq!(found, limit);
            assert!((940..1000).contains(&step.calls), "{limit:?} {step:?}");
        }
    }

    #[test]
    fn one_spoilt_step_is_tried_again() {
        for every in [2, 3, 5] {
            let mut machine = Simulated { spoilt: Some(every), ..Simulated::of(0.0655) };
            let (step, limit) = machine.found(200, 8000, 10).unwrap();
            assert!((1180..1310).contains(&step.calls), "{every}: {step:?}");
            assert_eq!(limit, Limit::Core, "{every}");
        }
    }

    #[test]
    fn loads_are_sized_alike_whatever_ended_the_search() {
        let nominal_of = |calls, busy_percent| {
            nominal(&Step { calls, busy_percent, p99_ms: 1.0, lost: 0, sent: 1, late: false })
        };
        assert_eq!(
            [(1200, 59.7), (1542, 68.3), (1900, 84.0)].map(|(calls, busy)| nominal_of(calls, busy)),
            [1800; 3]
        );
        assert_eq!((nominal_of(5200, 80.0), nominal_of(700, 80.0)), (7200, 900));
        assert_eq!(nominal_of(400, 10.0), 900, "no more than twice what the service level was kept with");
        assert_eq!(nominal_of(1, 80.0), 7);
    }

    #[test]
    fn it_ends_where_no_more_are_to_be_tried_and_where_none_passes() {
        let (step, limit) = Simulated::of(0.05).found(200, 30, 4).unwrap();
        assert_eq!((step.calls, limit), (30, Limit::Most));
        let mut machine = Simulated { lossy_from: 1, ..Simulated::of(0.05) };
        assert!(machine.found(200, 4000, 30).is_none());
        let mut machine = Simulated { late_from: 1000, ..Simulated::of(0.05) };
        let (step, limit) = machine.found(200, 4000, 2).unwrap();
        assert_eq!((step.calls, limit), (200, Limit::Delay), "what was missed once is what is known");
        let (step, _) = Simulated::of(40.0).found(200, 4000, 12).unwrap();
        assert_eq!(step.calls, 2);
    }
}
