//! How busy whole cores were: processes, interrupts and soft interrupts, whoever they are charged to.
//!
//! Busy is what was neither idle nor taken by the hypervisor. Linux keeps idle time to the nanosecond where idle cores stop their
//! tick, and everything else by the 4 ms tick that happens to fall into it, unless it is built to account precisely; so the
//! remainder is the better figure, and the counted one is told beside it.

use std::fs;
use std::io;
use std::time::Duration;

use serde::Serialize;

use super::report::{count, ratio, rounded};

/// A tick of `/proc/stat` in seconds: the kernel shows 100 a second to user space.
const TICK_SECONDS: f64 = 0.01;

/// Time of a core since the machine started, in ticks [proc_stat(5)].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct CoreTime {
    /// user, nice, system and irq.
    working: u64,
    softirq: u64,
    /// idle and iowait.
    idle: u64,
    steal: u64,
}

impl CoreTime {
    /// The line of `core` in `/proc/stat`.
    fn parse(stat: &str, core: usize) -> Option<Self> {
        let name = format!("cpu{core}");
        let mut words = stat
            .lines()
            .map(str::split_ascii_whitespace)
            .find_map(|mut words| (words.next() == Some(name.as_str())).then_some(words))?;
        let mut next = || words.next()?.parse::<u64>().ok();
        let [user, nice, system, idle, iowait, irq, softirq, steal] =
            [next()?, next()?, next()?, next()?, next()?, next()?, next()?, next()?];
        Some(Self { working: user + nice + system + irq, softirq, idle: idle + iowait, steal })
    }

    fn since(self, before: Self) -> Self {
        Self {
            working: self.working.saturating_sub(before.working),
            softirq: self.softirq.saturating_sub(before.softirq),
            idle: self.idle.saturating_sub(before.idle),
            steal: self.steal.saturating_sub(before.steal),
        }
    }
}

/// Reads the time of some cores, in their order.
pub(super) fn read(cores: &[usize]) -> io::Result<Vec<CoreTime>> {
    if cores.is_empty() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string("/proc/stat")?;
    let times = cores.iter().map(|&core| {
        CoreTime::parse(&text, core)
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no core {core} in /proc/stat")))
    });
    times.collect()
}

/// What one core did, in percent of the time measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CoreUse {
    /// The core.
    pub core: usize,
    /// Neither idle nor taken by the hypervisor.
    pub busy_percent: f64,
    /// What the kernel counted as user, nice, system, interrupt and soft interrupt time.
    pub counted_percent: f64,
    /// What of that it counted as soft interrupts.
    pub softirq_percent: f64,
    /// Taken by the hypervisor.
    pub steal_percent: f64,
}

/// What some cores did while it was measured, the generator included.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CoresUse {
    /// Each of them.
    pub cores: Vec<CoreUse>,
    /// The sum of their [`CoreUse::busy_percent`].
    pub busy_percent: f64,
    /// Busy time for each packet that came to a phone, in microseconds.
    pub us_per_packet: f64,
}

impl CoresUse {
    /// Of times read before and after `elapsed`, in which phones got `packets`; `None` where no core was asked for.
    pub(super) fn new(
        cores: &[usize],
        [before, after]: [&[CoreTime]; 2],
        elapsed: Duration,
        packets: u64,
    ) -> Option<Self> {
        let ticks = elapsed.as_secs_f64() / TICK_SECONDS;
        let percent = |part: f64| rounded(100.0 * ratio(part, ticks), 2);
        let times = after.iter().zip(before).map(|(after, before)| after.since(*before));
        let cores: Vec<CoreUse> = cores
            .iter()
            .zip(times)
            .map(|(&core, CoreTime { working, softirq, idle, steal })| CoreUse {
                core,
                busy_percent: percent((ticks - count(idle + steal)).max(0.0)),
                counted_percent: percent(count(working + softirq)),
                softirq_percent: percent(count(softirq)),
                steal_percent: percent(count(steal)),
            })
            .collect();
        let busy: f64 = cores.iter().map(|core| core.busy_percent).sum();
        let us = busy / 100.0 * elapsed.as_secs_f64() * 1e6;
        (!cores.is_empty()).then(|| Self {
            cores,
            busy_percent: rounded(busy, 2),
            us_per_packet: rounded(ratio(us, count(packets)), 3),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  30 4 6 300 2 1 7 2 0 0\n\
                        cpu0 10 2 3 200 1 1 4 2 9 9\n\
                        cpu10 20 2 3 100 1 0 3 0 0 0\n\
                        intr 5 1 2 3\n";

    #[test]
    fn a_core_is_found_by_its_own_line() {
        let zero = CoreTime { working: 16, softirq: 4, idle: 201, steal: 2 };
        assert_eq!(CoreTime::parse(STAT, 0), Some(zero));
        assert_eq!(CoreTime::parse(STAT, 10).map(|time| time.idle), Some(101));
        assert_eq!(CoreTime::parse(STAT, 1), None);
        assert_eq!(CoreTime::parse("cpu0 1 2 3 4 5 6 7", 0), None);
    }

    #[test]
    fn busy_is_what_is_neither_idle_nor_stolen() {
        let before = CoreTime { working: 100, softirq: 10, idle: 1_000, steal: 5 };
        let after = CoreTime { working: 130, softirq: 22, idle: 1_140, steal: 15 };
        let sleeper = [CoreTime::default(), CoreTime { idle: 200, ..CoreTime::default() }];
        let times = [[before, sleeper[0]], [after, sleeper[1]]];
        let elapsed = Duration::from_secs(2);
        let used = CoresUse::new(&[3, 4], [&times[0], &times[1]], elapsed, 1_000).unwrap();
        let CoreUse { core, busy_percent, counted_percent, softirq_percent, steal_percent } = used.cores[0];
        assert_eq!(
            (core, busy_percent, counted_percent, softirq_percent, steal_percent),
            (3, 25.0, 21.0, 6.0, 5.0)
        );
        assert_eq!((used.cores[1].busy_percent, used.busy_percent, used.us_per_packet), (0.0, 25.0, 500.0));
        assert_eq!(CoresUse::new(&[], [&[], &[]], elapsed, 1_000), None);
    }

    #[test]
    fn this_machine_has_a_first_core_and_no_last_one() {
        let core = mediapoint_net::available_cores()[0];
        assert_eq!(read(&[core]).unwrap().len(), 1);
        assert!(read(&[usize::MAX]).is_err() && read(&[]).unwrap().is_empty());
    }
}
