//! How the time is spent: steps of the search, rounds of all kinds, seconds of each load.

use std::time::Duration;

/// Time for the whole, unless told otherwise: five minutes, and none longer for a server that is slow to start.
const WHOLE: Duration = Duration::from_secs(290);
/// The same of a quick run.
const QUICK: Duration = Duration::from_mins(1);

/// What a load takes beside its own time: a server starts, calls are set up and ended.
const AROUND: Duration = Duration::from_millis(650);

/// How long a load is measured at least, where there is time for more than one round of all: what slows the machine down goes on for
/// seconds, so that many short loads say more than few long ones.
const LOAD: Duration = Duration::from_millis(800);
/// Rounds, at most.
const MOST_ROUNDS: u32 = 8;

/// Shortest measurement of a load, and the longest.
const SHORTEST: Duration = Duration::from_millis(400);
const LONGEST: Duration = Duration::from_secs(5);

/// The times of a calibration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    /// Steps of the search for the capacity, at most.
    pub(super) steps: u32,
    /// How long each is measured.
    pub(super) step: Duration,
    /// How long the phones talk to each other without a server before it.
    pub(super) baseline: Duration,
    /// How often each kind is measured.
    pub(super) rounds: u32,
    /// How long each kind is measured in a round.
    pub(super) load: Duration,
    /// Windows of that.
    pub(super) windows: u32,
    /// How long calls talk before they are measured.
    pub(super) warm_up: Duration,
    /// When no further round is begun.
    pub(super) whole: Duration,
}

impl Plan {
    /// Times for so many kinds; `seconds` of measurement for each load where that is given.
    pub(super) fn new(quick: bool, kinds: u32, seconds: Option<Duration>) -> Self {
        let whole = if quick { QUICK } else { WHOLE };
        let (steps, step, baseline) = if quick { (4, 1000, 200) } else { (7, 3000, 500) };
        let (warm_up, windows) = if quick { (400, 4) } else { (500, 4) };
        let [step, baseline, warm_up] = [step, baseline, warm_up].map(Duration::from_millis);
        let search = (step + baseline + warm_up + AROUND) * steps;
        let left = whole.saturating_sub(search);
        let one = (AROUND + warm_up + seconds.unwrap_or(LOAD)) * kinds.max(1);
        let fitting = left.as_millis() / one.as_millis().max(1);
        let rounds = u32::try_from(fitting).unwrap_or(u32::MAX).clamp(1, if quick { 1 } else { MOST_ROUNDS });
        let each = left / (kinds.max(1) * rounds);
        let left = each.saturating_sub(AROUND + warm_up).clamp(SHORTEST, LONGEST);
        Self {
            steps,
            step: seconds.unwrap_or(step),
            baseline,
            rounds,
            load: seconds.unwrap_or(left),
            windows,
            warm_up,
            whole,
        }
    }

    /// How long one load takes in all.
    pub(super) fn of_load(&self) -> Duration {
        AROUND + self.warm_up + self.load
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::kinds;

    #[test]
    fn all_kinds_fit_into_five_minutes_and_into_one() {
        let kinds = u32::try_from(kinds::all().len() + 3).unwrap();
        for (quick, minutes) in [(false, 5), (true, 1)] {
            let plan = Plan::new(quick, kinds, None);
            let search = (plan.step + plan.baseline + plan.warm_up + AROUND) * plan.steps;
            let whole = search + plan.of_load() * kinds * plan.rounds;
            let limit = Duration::from_mins(minutes);
            assert!(whole <= limit && whole > limit * 8 / 10, "{whole:?} {plan:?}");
        }
    }

    #[test]
    fn every_kind_comes_in_several_rounds_and_once_where_time_is_short() {
        let rounds = |quick, kinds, seconds| Plan::new(quick, kinds, seconds).rounds;
        assert_eq!([rounds(false, 32, None), rounds(false, 3, None), rounds(true, 3, None)], [4, 8, 1]);
        assert_eq!(rounds(false, 32, Some(Duration::from_secs(30))), 1);
    }

    #[test]
    fn few_kinds_are_measured_longer_and_seconds_count_before_all() {
        let [many, few] = [30, 2].map(|kinds| Plan::new(false, kinds, None).load);
        assert!(few > many && few <= LONGEST);
        let second = Duration::from_secs(1);
        let plan = Plan::new(true, 2, Some(second));
        assert_eq!((plan.load, plan.step), (second, second));
    }
}
