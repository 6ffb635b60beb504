//! What an overload may do to calls.

use mediapoint_caller::delay::DelaySummary;
use serde::Serialize;

use super::talk::Window;
use super::watch::points;
use crate::drill::report::Check;

/// A refusal is answered within this, in microseconds.
const REFUSED_WITHIN: u64 = 10_000;
/// What is added to the delay of packets of calls that are served at most, in microseconds: what they take, but for what the drill's
/// own thread was late.
const LEVEL: u64 = 5_000;
/// The same beside a neighbour, once those are shed that were too much: the lateness from which on calls are shed.
const LEVEL_BESIDE: u64 = 40_000;

/// What was measured.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Figures {
    /// Calls that there are points for, and that were offered.
    pub(super) capacity: u64,
    pub(super) offered: u64,
    pub(super) admitted: u64,
    pub(super) refused: u64,
    /// Offers that were neither admitted nor refused for want of points.
    pub(super) otherwise: u64,
    /// From an offer to its refusal.
    pub(super) refusals: DelaySummary,
    /// The calls while others are refused.
    pub(super) offering: Window,
    /// Neighbours in the end.
    pub(super) neighbours: u64,
    /// Thousandths of points.
    pub(super) least_budget: u64,
    pub(super) configured: u64,
    pub(super) shrank_first: bool,
    /// Calls that were shed by the reports, in their order, and by the statistics.
    pub(super) shed: Vec<u32>,
    pub(super) shed_counted: u64,
    pub(super) unknown_reports: u64,
    /// The call with priority.
    pub(super) priority: u32,
    /// The calls that are left beside the neighbours, and without them.
    pub(super) beside: Window,
    pub(super) after: Window,
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "microseconds of a minute at most"
)]
fn micros(figure: f64) -> u64 {
    figure.ceil().max(0.0) as u64
}

/// What the server added to the delay, p99.
fn added(window: &Window) -> u64 {
    micros(window.delay.p99_us - window.held_up.p99_us)
}

impl Figures {
    /// Calls that were shed while a newer one without priority was left.
    fn not_the_newest(&self) -> u64 {
        let newest = (0..u32::try_from(self.admitted).unwrap_or(u32::MAX)).rev();
        let wanted = newest.filter(|number| *number != self.priority);
        let wrong = self.shed.iter().zip(wanted).filter(|(shed, wanted)| **shed != *wanted).count();
        u64::try_from(wrong).unwrap_or(u64::MAX)
    }

    pub(super) fn judge(&self) -> Vec<Check> {
        let shed = u64::try_from(self.shed.len()).unwrap_or(u64::MAX);
        let with_priority = self.shed.iter().filter(|number| **number == self.priority).count();
        vec![
            Check::equal("calls admitted", self.admitted, self.capacity),
            Check::equal("calls refused", self.refused, self.offered - self.admitted.min(self.offered)),
            Check::none("offers that failed otherwise", self.otherwise),
            Check::at_most("a refusal's answer, p99, µs", micros(self.refusals.p99_us), REFUSED_WITHIN),
            Check::at_least("packets sent while others are refused", self.offering.sent, 1),
            Check::none("of them lost", self.offering.lost),
            Check::at_most("their added delay, p99, µs", added(&self.offering), LEVEL),
            Check::equal("the budget shrank before a call was shed", u64::from(self.shrank_first), 1),
            Check::at_least("calls shed beside neighbours", shed, 1),
            Check::none("of them not the newest", self.not_the_newest()),
            Check::equal("calls with priority shed", u64::try_from(with_priority).unwrap_or(u64::MAX), 0),
            Check::equal("reports of shed calls", shed, self.shed_counted),
            Check::none("reports of other calls", self.unknown_reports),
            Check::at_least("packets sent beside neighbours, then", self.beside.sent, 1),
            Check::none("of them lost", self.beside.lost),
            Check::at_most("their added delay, p99, µs", added(&self.beside), LEVEL_BESIDE),
            Check::at_least("packets sent without neighbours", self.after.sent, 1),
            Check::none("of them lost", self.after.lost),
            Check::at_most("their added delay, p99, µs", added(&self.after), LEVEL),
        ]
    }

    pub(super) fn lines(&self) -> Vec<(String, String)> {
        let window = |window: &Window| {
            let Window { calls, sent, lost, delay, held_up } = window;
            let [p50, p99, max] = [delay.p50_us, delay.p99_us, delay.max_us].map(|us| us / 1000.0);
            let own = held_up.p99_us / 1000.0;
            format!("{calls} calls, {sent} packets, {lost} lost, {p50:.2}, {p99:.2}, {max:.1} ms ({own:.2})")
        };
        let [p50, p99, max] =
            [self.refusals.p50_us, self.refusals.p99_us, self.refusals.max_us].map(|us| us / 1000.0);
        let line = |what: &str, value: String| (what.to_owned(), value);
        vec![
            line(
                "calls offered, admitted, refused",
                format!("{}, {}, {}", self.offered, self.admitted, self.refused),
            ),
            line("refusal answered, p50, p99, p100", format!("{p50:.2}, {p99:.2}, {max:.2} ms")),
            line("media, delay p50, p99, p100 (drill held up, p99)", window(&self.offering)),
            line(
                "neighbours, least budget",
                format!(
                    "{}, {} of {} points",
                    self.neighbours,
                    points(self.least_budget),
                    points(self.configured)
                ),
            ),
            line("calls shed", self.shed.len().to_string()),
            line("media beside the neighbours, then", window(&self.beside)),
            line("media without them", window(&self.after)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        Window { calls: 8, sent: 100, ..Window::default() }
    }

    fn good() -> Figures {
        Figures {
            capacity: 10,
            offered: 15,
            admitted: 10,
            refused: 5,
            offering: window(),
            shrank_first: true,
            // The newest has priority.
            priority: 9,
            shed: vec![8, 7],
            shed_counted: 2,
            beside: window(),
            after: window(),
            ..Figures::default()
        }
    }

    fn slow(us: f64) -> Window {
        Window { delay: DelaySummary { p99_us: us, ..DelaySummary::default() }, ..window() }
    }

    #[test]
    fn each_limit_that_is_not_kept_fails_by_its_name() {
        assert_eq!(good().judge().iter().filter_map(Check::failure).collect::<Vec<_>>(), [""; 0]);
        let lost = || Window { lost: 1, ..window() };
        let late = DelaySummary { p99_us: 10_000.5, ..DelaySummary::default() };
        for (figures, what) in [
            (Figures { refused: 4, ..good() }, "calls refused"),
            (Figures { otherwise: 1, ..good() }, "otherwise"),
            (Figures { refusals: late, ..good() }, "refusal's answer"),
            (Figures { offering: lost(), ..good() }, "lost"),
            (Figures { offering: slow(5001.0), ..good() }, "delay"),
            (Figures { shrank_first: false, ..good() }, "budget"),
            (Figures { shed: vec![7, 8], ..good() }, "not the newest"),
            (Figures { shed_counted: 3, ..good() }, "reports of shed calls"),
            (Figures { unknown_reports: 1, ..good() }, "other calls"),
            (Figures { beside: lost(), ..good() }, "lost"),
            (Figures { beside: slow(40_001.0), ..good() }, "delay"),
            (Figures { after: lost(), ..good() }, "lost"),
            (Figures { after: slow(5001.0), ..good() }, "delay"),
            (Figures { after: Window::default(), ..good() }, "without neighbours"),
        ] {
            let failed: Vec<String> = figures.judge().iter().filter_map(Check::failure).collect();
            assert!(failed.len() == 1 && failed[0].contains(what), "{what}: {failed:?}");
        }
        let nothing = Figures { shed: Vec::new(), shed_counted: 0, ..good() };
        assert_eq!(nothing.judge().iter().filter_map(Check::failure).count(), 1);
        let with_priority = Figures { shed: vec![9, 8], ..good() };
        assert_eq!(with_priority.judge().iter().filter_map(Check::failure).count(), 2);
    }
}
