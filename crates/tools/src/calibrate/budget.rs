//! The budget of a core: how many relayed calls fill it within the service level.
//!
//! What bounds it is searched for. Where that is the core's time, or the load, the number follows from what a relayed call costs
//! on a core that is mostly full, over one on the server beside in the same windows, times what that one costs in the windows of
//! the whole calibration in which nothing slowed it down: a search alone has seconds for a number, in which a neighbour counts.

use serde::Serialize;

use super::fit::{Measure, median, quantile};
use super::kinds::FULL;
use super::search::{BUSIEST, Limit, Step};

/// Of the windows' costs of a relayed call beside, which of them counts: what else the machine does only ever adds to them.
const UNDISTURBED: f64 = 0.25;

/// Points of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Budget {
    /// Relayed calls.
    pub(super) calls: f64,
    /// True where it is by core time, and not the number that was tried.
    pub(super) by_core_time: bool,
}

impl Budget {
    /// From the greatest number that kept the service level, what kept more from it, and the core time of all loads.
    pub(super) fn of(step: &Step, limit: Limit, measures: &[Measure]) -> Self {
        let tried = Self { calls: count(step.calls), by_core_time: false };
        match limit {
            Limit::Core | Limit::Load => by_core_time(measures)
                .map_or(tried, |calls| Self { calls: calls.floor(), by_core_time: true }),
            Limit::Delay | Limit::Loss | Limit::Most | Limit::Given => tried,
        }
    }
}

/// Relayed calls that keep a core as busy as it may be.
fn by_core_time(measures: &[Measure]) -> Option<f64> {
    let full = measures.iter().filter(|measure| measure.name == FULL);
    let ratios: Vec<f64> = full.flat_map(|measure| &measure.costs).filter_map(|cost| cost.ratio()).collect();
    let costs = measures.iter().flat_map(|measure| &measure.costs).map(|cost| cost.beside);
    let costs: Vec<f64> = costs.filter(|cost| *cost > 0.0).collect();
    let one = median(&ratios)? * quantile(&costs, UNDISTURBED)?;
    (one > 0.0).then(|| BUSIEST / 100.0 * 1e6 / one)
}

#[expect(clippy::cast_precision_loss, reason = "a count of calls")]
fn count(calls: usize) -> f64 {
    calls as f64
}

#[cfg(test)]
mod tests {
    use super::super::fit::Cost;
    use super::*;

    const STEP: Step = Step { calls: 1000, busy_percent: 60.0, p99_ms: 1.0, lost: 0, sent: 1, late: false };

    /// A machine on which a relayed call takes 800 µs beside and 500 on a full core, slower in some windows by what `slow` says.
    fn measures(slow: [f64; 8]) -> Vec<Measure> {
        let load = |name, own: f64, slow: &[f64]| Measure {
            name,
            units: 100,
            costs: slow.iter().map(|slow| Cost { own: own * slow, beside: 800.0 * slow }).collect(),
            busy_percent: 20.0,
            lost: 0,
            p99_ms: 1.0,
            late: false,
        };
        vec![load("opus", 4000.0, &slow[..4]), load(FULL, 500.0, &slow[4..])]
    }

    #[test]
    fn a_neighbour_for_half_of_the_time_does_not_change_it() {
        let quiet = Budget::of(&STEP, Limit::Core, &measures([1.0; 8]));
        assert_eq!(quiet, Budget { calls: 1700.0, by_core_time: true });
        for slow in [[1.0, 1.6, 1.0, 1.6, 1.0, 1.6, 1.6, 1.0], [1.0, 1.0, 1.0, 1.0, 1.5, 1.5, 1.4, 1.5]] {
            assert_eq!(Budget::of(&STEP, Limit::Load, &measures(slow)), quiet, "{slow:?}");
        }
    }

    #[test]
    fn where_the_service_level_ends_before_the_core_is_full_it_is_the_number_that_was_tried() {
        let tried = Budget { calls: 1000.0, by_core_time: false };
        for limit in [Limit::Delay, Limit::Loss, Limit::Most, Limit::Given] {
            assert_eq!(Budget::of(&STEP, limit, &measures([1.0; 8])), tried);
        }
        assert_eq!(Budget::of(&STEP, Limit::Core, &[]), tried, "nothing is known of core time");
    }
}
