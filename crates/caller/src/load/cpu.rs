//! What CPU time another process has used, as fine as the kernel tells.

use std::fs;
use std::io;
use std::time::Duration;

use serde::Serialize;

/// How long a tick of `/proc/PID/stat` is: the kernel shows 100 a second to user space on every machine that
/// Linux runs servers on [proc(5), sysconf(3)].
const TICK: Duration = Duration::from_millis(10);

/// Which figure of the kernel was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CpuSource {
    /// `/proc/PID/task/*/schedstat`, in nanoseconds.
    Schedstat,
    /// `/proc/PID/stat`, in hundredths of a second.
    Stat,
}

/// Reads one process's CPU time, user and system, of all its threads.
#[derive(Debug, Clone, Copy)]
pub struct CpuMeter {
    pid: u32,
    source: CpuSource,
}

impl CpuMeter {
    /// A meter of `pid` by the finest figure there is.
    ///
    /// # Errors
    /// Where the process cannot be read.
    pub fn new(pid: u32) -> io::Result<Self> {
        let by_stat = Self { pid, source: CpuSource::Stat };
        by_stat.read()?;
        let by_schedstat = Self { pid, source: CpuSource::Schedstat };
        match by_schedstat.read() {
            Ok(used) if !used.is_zero() => Ok(by_schedstat),
            _ => Ok(by_stat),
        }
    }

    pub(super) fn source(&self) -> CpuSource {
        self.source
    }

    /// CPU time used up to now.
    ///
    /// # Errors
    /// Where the process cannot be read any more.
    pub fn read(&self) -> io::Result<Duration> {
        match self.source {
            CpuSource::Schedstat => self.read_schedstat(),
            CpuSource::Stat => self.read_stat(),
        }
    }

    fn read_schedstat(&self) -> io::Result<Duration> {
        let mut sum = Duration::ZERO;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            let text = match fs::read_to_string(task?.path().join("schedstat")) {
                Ok(text) => text,
                // The thread ended since the directory was listed.
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => return Err(e),
            };
            let nanos = text.split_ascii_whitespace().next().and_then(|word| word.parse().ok());
            sum += Duration::from_nanos(nanos.ok_or(io::ErrorKind::InvalidData)?);
        }
        Ok(sum)
    }

    fn read_stat(&self) -> io::Result<Duration> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        let ticks = stat_ticks(&text).ok_or(io::ErrorKind::InvalidData)?;
        Ok(TICK * ticks)
    }
}

/// utime and stime, the 14th and 15th word; the second, in brackets, may itself hold blanks and brackets.
fn stat_ticks(stat: &str) -> Option<u32> {
    let mut words = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u32 = words.next()?.parse().ok()?;
    let system: u32 = words.next()?.parse().ok()?;
    Some(user.saturating_add(system))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_brackets_does_not_shift_the_words() {
        let stat = "42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 70 7 0 0 20 0";
        assert_eq!(stat_ticks(stat), Some(77));
        assert_eq!(stat_ticks("42 (a) S 1 2"), None);
    }

    #[test]
    fn work_of_this_process_is_seen_by_both_figures() {
        let pid = std::process::id();
        for source in [CpuSource::Schedstat, CpuSource::Stat] {
            let meter = CpuMeter { pid, source };
            let before = meter.read().unwrap();
            let mut spun = 0_u64;
            while meter.read().unwrap() < before + TICK {
                spun = spun.wrapping_add(1);
            }
            assert!(spun > 0);
        }
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(CpuMeter::new(u32::MAX).is_err());
    }
}
