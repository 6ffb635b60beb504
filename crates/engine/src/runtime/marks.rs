//! Marks of a worker's used share of points: who is to know that a worker fills up hears of it before calls are refused.

use crate::api::event::Event;
use crate::api::points::Points;
use crate::runtime::engine::Shared;

/// A mark that was reached is left that many percent below it, so that one call more or less is no event.
const HYSTERESIS: u8 = 5;

/// Marks above this are never reached.
const MOST: u8 = 100;

/// Where each worker is between the marks.
#[derive(Debug)]
pub(crate) struct Marks {
    /// Percent of the budget, in ascending order.
    marks: Vec<u8>,
    /// Marks that each worker has reached.
    reached: Vec<usize>,
}

impl Marks {
    /// The marks of so many workers, in percent of the budget.
    pub(crate) fn new(marks: &[u8], workers: usize) -> Self {
        let mut marks: Vec<u8> = marks.iter().copied().filter(|mark| (1..=MOST).contains(mark)).collect();
        marks.sort_unstable();
        marks.dedup();
        Self { marks, reached: vec![0; workers] }
    }

    /// Reports marks that workers have passed since the last look.
    pub(crate) fn look(&mut self, shared: &Shared) {
        if self.marks.is_empty() {
            return;
        }
        for worker in 0..shared.mailboxes.len() {
            let registry = shared.registry();
            let used = registry.used.get(worker).map_or(Points::ZERO, |used| used.points);
            let (budget, _) = registry.budget(worker);
            drop(registry);
            while let Some((percent, above)) = self.note(worker, used, budget) {
                shared.events.send(Event::PointsMark { worker, percent, above, used, budget });
            }
        }
    }

    /// The next mark that a worker has passed, and whether upwards.
    fn note(&mut self, worker: usize, used: Points, budget: Points) -> Option<(u8, bool)> {
        let reached = self.reached.get_mut(worker)?;
        let is_at = |percent: u8| {
            let (used, budget) = (u128::from(used.as_thousandths()), u128::from(budget.as_thousandths()));
            used * u128::from(MOST) >= budget * u128::from(percent)
        };
        if let Some(mark) = self.marks.get(*reached).filter(|mark| is_at(**mark)) {
            *reached += 1;
            return Some((*mark, true));
        }
        let last = reached.checked_sub(1)?;
        let mark = self.marks.get(last).filter(|mark| !is_at(mark.saturating_sub(HYSTERESIS).max(1)))?;
        *reached = last;
        Some((*mark, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The marks that a worker passes as it uses these percents of its budget one after another.
    fn passed(marks: &[u8], percents: &[u64]) -> Vec<(u8, bool)> {
        let mut state = Marks::new(marks, 2);
        let at = |percent: &u64| Points::thousandths(percent * 10);
        let mut out = Vec::new();
        for used in percents.iter().map(at) {
            out.extend(std::iter::from_fn(|| state.note(1, used, Points::ONE)));
        }
        assert_eq!(state.reached.first(), Some(&0), "the other worker has reached none");
        out
    }

    #[test]
    fn each_mark_is_reported_once_on_the_way_up_and_once_well_below_it() {
        assert_eq!(passed(&[80, 95], &[79, 80, 81, 80]), [(80, true)]);
        assert_eq!(passed(&[80, 95], &[80, 79, 75, 80, 74]), [(80, true), (80, false)]);
        assert_eq!(passed(&[95, 80], &[100, 0]), [(80, true), (95, true), (95, false), (80, false)]);
        assert_eq!(passed(&[80, 95], &[96, 91, 89, 96]), [(80, true), (95, true), (95, false), (95, true)]);
    }

    #[test]
    fn marks_that_cannot_be_reached_are_left_out() {
        assert_eq!(passed(&[0, 101, 50, 50], &[200, 0]), [(50, true), (50, false)]);
        assert_eq!(passed(&[], &[100]), []);
        assert_eq!(passed(&[3], &[3, 0]), [(3, true), (3, false)], "left where nothing is used");
    }
}
