//! Whether a flood was held off.

use super::{Figures, Who};
use crate::drill::report::Check;

/// What a leg of audio takes of one sender: so many a second, and half as many at once (docs/security.md).
const ALLOWANCE: f64 = 400.0;
const BURST: u64 = 200;

/// At most `lost` packets of honest calls may be missing.
pub(super) fn judge(figures: &Figures, lost: u64) -> Vec<Check> {
    let name = |what: &str| format!("{}: {what}", figures.who.name());
    let honest = &figures.honest;
    let mut checks = vec![
        Check::at_least(&name("milliseconds flooded"), millis(figures.seconds), millis(honest.seconds)),
        Check::at_most(&name("honest packets lost"), honest.lost, lost),
        Check::none(
            &name("honest packets damaged, twice or elsewhere"),
            honest.damaged + honest.duplicated + honest.misrouted + honest.stale,
        ),
    ];
    match figures.who {
        Who::Party => {
            checks.push(Check::at_most(&name("came out"), figures.came_out, allowed(figures.window)));
            // Otherwise it was no flood of that leg.
            checks.push(Check::at_least(&name("came out, since a party may talk"), figures.came_out, BURST));
            checks.push(Check::at_least(&name("counted as flood"), figures.flood, 1));
        }
        // Whether they came out at a party is among the damaged ones.
        Who::Strangers => {
            let counted = figures.foreign_source + figures.flood;
            checks.push(Check::at_least(&name("counted as foreign_source or flood"), counted, 1));
        }
        Who::Forger => {
            checks.push(Check::none(&name("came out"), figures.came_out));
            checks.push(Check::at_least(&name("counted as not_authentic"), figures.not_authentic, 1));
            checks.push(Check::at_least(&name("counted as flood"), figures.flood, 1));
        }
    }
    // Some are still under way when the calls end.
    let known =
        figures.flood + figures.foreign_source + figures.not_authentic + figures.taken + figures.kernel;
    checks.push(Check::at_least(&name("packets accounted for"), known, figures.sent / 20 * 19));
    checks
}

fn allowed(seconds: f64) -> u64 {
    whole(seconds * ALLOWANCE) + BURST
}

fn millis(seconds: f64) -> u64 {
    whole(seconds * 1000.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is above zero and far below 2^63"
)]
fn whole(number: f64) -> u64 {
    number.ceil() as u64
}

pub(super) fn lines(figures: &Figures) -> Vec<(String, String)> {
    let name = |what: &str| format!("{}: {what}", figures.who.name());
    let honest = &figures.honest;
    let busy = honest.server.as_ref().map_or(0.0, |server| server.busy_percent);
    let mut lines = vec![
        (
            name("sent"),
            format!(
                "{:.0} packets/s ({} in {:.1} s)",
                figures.packets_per_second, figures.sent, figures.seconds
            ),
        ),
        (
            name("counted"),
            format!(
                "{} flood, {} foreign_source, {} not_authentic; {} by the kernel",
                figures.flood, figures.foreign_source, figures.not_authentic, figures.kernel
            ),
        ),
        (
            name("honest calls"),
            format!(
                "{} calls, {} of {} packets lost, delay p99 {:.1} ms, longest {:.1} ms; server {busy:.0} % of a core",
                honest.calls,
                honest.lost,
                honest.sent,
                honest.delay.p99_us / 1000.0,
                honest.delay.max_us / 1000.0
            ),
        ),
    ];
    if figures.who != Who::Strangers {
        lines.insert(1, (name("came out"), format!("{} packets", figures.came_out)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use mediapoint_caller::delay::DelaySummary;
    use mediapoint_caller::load::{GeneratorCost, LoadReport};

    fn honest() -> LoadReport {
        LoadReport {
            kind: String::new(),
            calls: 5,
            seconds: 2.0,
            sent: 1000,
            received: 1000,
            lost: 0,
            duplicated: 0,
            damaged: 0,
            misrouted: 0,
            stale: 0,
            missing: 0,
            tapped: 0,
            packets_per_second: 500.0,
            delay: DelaySummary::default(),
            transcoded: None,
            baseline: None,
            server: None,
            windows: Vec::new(),
            cores: None,
            generator: GeneratorCost {
                us_per_packet: 0.0,
                busy_percent: 0.0,
                lateness: DelaySummary::default(),
                polling: false,
                send_errors: 0,
            },
        }
    }

    fn good(who: Who) -> Figures {
        let party = u64::from(who == Who::Party);
        Figures {
            who,
            sent: 100_000,
            seconds: 2.5,
            packets_per_second: 40_000.0,
            came_out: 1200 * party,
            window: 2.5,
            taken: 1200 * party,
            flood: 50_000,
            foreign_source: 30_000,
            not_authentic: 14_000,
            kernel: 1_000,
            honest: honest(),
        }
    }

    fn failed(who: Who, change: impl FnOnce(&mut Figures)) -> Vec<String> {
        let mut figures = good(who);
        change(&mut figures);
        judge(&figures, 3).iter().filter_map(Check::failure).collect()
    }

    #[test]
    fn a_flood_that_was_held_off_passes() {
        for who in Who::ALL {
            assert_eq!(failed(who, |_| {}), [""; 0]);
            assert_eq!(failed(who, |figures| figures.honest.lost = 3), [""; 0], "the stated limit");
        }
    }

    #[test]
    fn each_bad_figure_fails_by_its_name() {
        let one = |failed: Vec<String>, what: &str| {
            assert!(failed.len() == 1 && failed[0].contains(what), "{what}: {failed:?}");
        };
        for who in Who::ALL {
            one(failed(who, |figures| figures.honest.lost = 4), "honest packets lost: 4, at most 3");
            one(failed(who, |figures| figures.honest.damaged = 1), "damaged");
            one(failed(who, |figures| figures.honest.misrouted = 1), "elsewhere");
            one(failed(who, |figures| figures.seconds = 1.9), "milliseconds flooded");
            one(failed(who, |figures| figures.sent = 200_000), "accounted for");
        }
        one(failed(Who::Party, |figures| figures.came_out = 1201), "party: came out: 1201, at most 1200");
        one(failed(Who::Forger, |figures| figures.came_out = 1), "forged SSRCs: came out");
        one(failed(Who::Party, |figures| figures.came_out = 0), "since a party may talk");
        let no_flood = |figures: &mut Figures| {
            figures.foreign_source += figures.flood;
            figures.flood = 0;
        };
        one(failed(Who::Party, no_flood), "party: counted as flood");
        one(failed(Who::Forger, no_flood), "forged SSRCs: counted as flood");
        let nothing = |figures: &mut Figures| {
            (figures.flood, figures.foreign_source, figures.not_authentic) = (0, 0, 0);
            figures.kernel = figures.sent;
        };
        one(failed(Who::Strangers, nothing), "foreign_source or flood");
    }
}
