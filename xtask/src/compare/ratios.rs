//! What the servers are measured for: how much more CPU time the other server takes, beside what is wanted of it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::server::Kind;

/// CPU time of one run, or medians of it, in µs: what the kernel charged the server's process, and all that both cores did, less
/// what the generator does alone.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cost {
    pub(super) process: Option<f64>,
    pub(super) whole: Option<f64>,
}

/// The other server's cost in one of ours, and what is wanted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ratio {
    load: String,
    ours: &'static str,
    theirs: &'static str,
    /// By the process, and in all.
    found: Cost,
    wanted: Option<f64>,
}

impl Ratio {
    pub(super) fn new(
        load: &str,
        (ours, cost): (&'static str, Cost),
        (theirs, other): (&'static str, Cost),
        wanted: Option<f64>,
    ) -> Self {
        let divide = |ours: Option<f64>, theirs: Option<f64>| {
            ours.zip(theirs)
                .filter(|(ours, theirs)| *ours > 0.0 && *theirs > 0.0)
                .map(|(ours, theirs)| theirs / ours)
        };
        let found =
            Cost { process: divide(cost.process, other.process), whole: divide(cost.whole, other.whole) };
        Self { load: load.to_owned(), ours, theirs, found, wanted }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "load": self.load, "ours": self.ours, "theirs": self.theirs, "by_process": self.found.process,
            "in_all": self.found.whole, "wanted": self.wanted,
        })
    }
}

/// Ratios that are wanted of calls, in all: on sockets, on AF_XDP, forwarded in the kernel.
pub(super) fn wanted(load: &str, kind: Kind) -> Option<f64> {
    let wanted: &[f64] = match load {
        "pcmu" => &[2.3, 5.0, 8.0],
        "srtp-pcmu" => &[3.0, 6.0],
        "pcma" => &[4.0, 8.0],
        "g729" => &[4.0, 5.0],
        "opus" => &[5.0, 5.0],
        _ => &[],
    };
    let place = match kind {
        Kind::Sockets => 0,
        Kind::Xdp => 1,
        Kind::Forwarding => 2,
        Kind::Rtpengine => return None,
    };
    wanted.get(place).copied()
}

/// Ratio that is wanted of rooms beside Janus.
pub(super) const WANTED_OF_ROOMS: f64 = 5.0;

/// The last table of a run.
pub(super) fn table(ratios: &[Ratio]) -> String {
    let mut table = format!(
        "{:<16}{:<24}{:<14}{:>12}{:>10}{:>10}\n",
        "load", "theirs / ours", "", "by process", "in all", "wanted"
    );
    for Ratio { load, ours, theirs, found, wanted } in ratios {
        let verdict = match found.whole.zip(*wanted) {
            Some((found, wanted)) if found >= wanted => "met",
            Some(_) => "missed",
            None => "",
        };
        // A string takes whatever is written.
        let _ = writeln!(
            table,
            "{load:<16}{theirs:<14}{ours:<24}{}{}{} {verdict}",
            cell(found.process, 12, 2),
            cell(found.whole, 10, 2),
            cell(*wanted, 10, 1),
        );
    }
    table
}

/// A number in its column, or a dash.
pub(super) fn cell(value: Option<f64>, width: usize, digits: usize) -> String {
    value.map_or_else(|| format!("{:>width$}", "-"), |value| format!("{value:>width$.digits$}"))
}

/// What a run's packet, or party and second, takes of both cores beyond the generator's own share: `busy` and `alone` are the
/// percentages of a core that the generator's reports say, with a server and without one, `rate` what one second has of them.
pub(super) fn beyond(busy: Option<f64>, alone: Option<f64>, rate: Option<f64>) -> Option<f64> {
    let (busy, alone) = busy.zip(alone)?;
    rate.filter(|rate| *rate > 0.0).map(|rate| (busy - alone) * 1e4 / rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(process: f64, whole: f64) -> Cost {
        Cost { process: Some(process), whole: Some(whole) }
    }

    #[test]
    fn what_the_generator_does_alone_is_taken_off() {
        // 80 % of a core less 30, for 40,000 packets a second: half a second for each second.
        assert_eq!(beyond(Some(80.0), Some(30.0), Some(40_000.0)), Some(12.5));
        assert_eq!(beyond(Some(80.0), None, Some(40_000.0)), None);
        assert_eq!(beyond(Some(80.0), Some(30.0), Some(0.0)), None);
    }

    #[test]
    fn a_ratio_is_theirs_by_ours_and_judged_in_all() {
        let rtpengine = ("rtpengine", cost(18.0, 20.0));
        let wanted = wanted("pcmu", Kind::Sockets);
        let missed = Ratio::new("pcmu", ("mediapoint", cost(6.0, 10.0)), rtpengine, wanted);
        assert_eq!(missed.found, cost(3.0, 2.0));
        let met = Ratio::new("pcmu", ("mediapoint", cost(6.0, 8.0)), rtpengine, wanted);
        let nothing = Ratio::new("g722", ("mediapoint-xdp", Cost::default()), rtpengine, None);
        let table = table(&[missed, met, nothing]);
        let lines: Vec<&str> = table.lines().map(str::trim_end).collect();
        let [_, missed, met, nothing] = lines[..] else { panic!("{table}") };
        assert!(missed.ends_with("3.00      2.00       2.3 missed"), "{table}");
        assert!(met.ends_with("3.00      2.50       2.3 met"), "{table}");
        assert!(nothing.ends_with("-         -         -"), "{table}");
    }

    #[test]
    fn nothing_is_divided_by_what_was_not_measured_above_zero() {
        let negative = ("mediapoint-kernel", cost(0.0, -0.1));
        let ratio = Ratio::new("pcmu", negative, ("rtpengine", cost(18.0, 20.0)), Some(8.0));
        assert_eq!(ratio.found, Cost::default());
        let other = ("rtpengine", cost(18.0, 0.0));
        assert_eq!(Ratio::new("pcmu", ("mediapoint", cost(6.0, 2.0)), other, None).found.whole, None);
        assert_eq!(ratio.to_json().pointer("/wanted").and_then(Value::as_f64), Some(8.0));
    }

    #[test]
    fn forwarding_in_the_kernel_is_wanted_of_relays_alone() {
        assert_eq!(wanted("pcmu", Kind::Forwarding), Some(8.0));
        assert_eq!(wanted("srtp-pcmu", Kind::Forwarding), None);
        assert_eq!(wanted("srtp-pcmu", Kind::Xdp), Some(6.0));
        assert_eq!(wanted("g722", Kind::Sockets), None);
        assert_eq!(wanted("pcmu", Kind::Rtpengine), None);
    }
}
