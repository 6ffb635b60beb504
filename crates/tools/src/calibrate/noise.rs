//! What else the machine did while it was measured: time that its host took (steal), and core time of other programs.

use std::fs;
use std::time::Instant;

use super::fit::rounded;

/// Steal from which it is said, in percent of the time of all cores.
const STEAL: f64 = 2.0;
/// Core time of other programs from which it is said, in percent of one core.
const OTHERS: f64 = 5.0;

/// Ticks of `/proc/stat` a second, which the kernel shows 100 of to user space on every machine [proc(5)].
const TICKS: f64 = 100.0;

/// Counters when a measurement began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noise {
    begin: Instant,
    before: Ticks,
}

/// Ticks that all cores have spent, and those that this program and what it started have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Ticks {
    user: u64,
    steal: u64,
    all: u64,
    own: u64,
}

impl Noise {
    pub(super) fn begin() -> Self {
        Self { begin: Instant::now(), before: Ticks::now() }
    }

    /// What else went on since then, where it was too much.
    pub(super) fn end(&self) -> Option<String> {
        Ticks::now().disturbance_since(&self.before, self.begin.elapsed().as_secs_f64())
    }
}

impl Ticks {
    fn now() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let stat = of_cores(&read("/proc/stat")).unwrap_or_default();
        Self { own: of_process(&read("/proc/self/stat")).unwrap_or(u64::MAX), ..stat }
    }

    fn disturbance_since(self, before: &Self, seconds: f64) -> Option<String> {
        let since = |of: fn(&Self) -> u64| count(of(&self).saturating_sub(of(before)));
        let steal = 100.0 * since(|ticks| ticks.steal) / since(|ticks| ticks.all).max(1.0);
        // User time alone: what the kernel does for our packets is not charged to us in every kernel.
        let others = (since(|ticks| ticks.user) - since(|ticks| ticks.own)).max(0.0);
        let others = others / TICKS / seconds.max(0.01) * 100.0;
        let mut said = Vec::new();
        if steal >= STEAL {
            said.push(format!("the host took {} % of the cores' time", rounded(steal, 1)));
        }
        if others >= OTHERS {
            said.push(format!("other programs took {} % of a core", rounded(others, 0)));
        }
        (!said.is_empty()).then(|| said.join(", "))
    }
}

/// The line of all cores: user, nice, system, idle, iowait, irq, softirq, steal.
fn of_cores(stat: &str) -> Option<Ticks> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let mut figures = [0; 8];
    for (figure, word) in figures.iter_mut().zip(line.split_ascii_whitespace()) {
        *figure = word.parse().ok()?;
    }
    let [user, nice, .., steal] = figures;
    Some(Ticks { user: user + nice, steal, all: figures.iter().sum(), own: 0 })
}

/// utime and cutime, the 14th and 16th word: of the program and of the servers that have ended.
fn of_process(stat: &str) -> Option<u64> {
    let words: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11).take(3).collect();
    let [user, _, children] = words.as_slice() else { return None };
    Some(user.parse::<u64>().ok()?.saturating_add(children.parse().ok()?))
}

#[expect(clippy::cast_precision_loss, reason = "ticks of some minutes")]
fn count(ticks: u64) -> f64 {
    ticks as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "cpu  1000 50 300 9000 1 2 3 40 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";

    fn ticks(cores: &str, own: u64) -> Ticks {
        Ticks { own, ..of_cores(cores).unwrap() }
    }

    #[test]
    fn ticks_are_those_of_the_line_of_all_cores_and_of_children_too() {
        assert_eq!(of_cores(BEFORE), Some(Ticks { user: 1050, steal: 40, all: 10_396, own: 0 }));
        assert_eq!(of_cores("intr 5\n"), None);
        assert_eq!(of_process("7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 70 7 30 5 20 0"), Some(100));
    }

    #[test]
    fn a_quiet_machine_is_not_spoken_of_and_a_busy_one_is() {
        let before = ticks(BEFORE, 500);
        // Ten seconds of two cores: 900 ticks of our own, 20 of others.
        let quiet = ticks("cpu  1920 50 500 9879 1 2 3 41 0 0\n", 1400);
        assert_eq!(quiet.disturbance_since(&before, 10.0), None);
        let busy = ticks("cpu  2400 70 500 8900 1 2 3 440 0 0\n", 1400);
        let said = busy.disturbance_since(&before, 10.0).unwrap();
        assert!(said.contains("the host took 20.8 %") && said.contains("52 % of a core"), "{said}");
    }
}
