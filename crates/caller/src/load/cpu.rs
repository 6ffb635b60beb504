//! What CPU time another process has used, as fine as the kernel tells.

use std::fs;
use std::io;
use std::path::Path;
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

/// What the threads of the server's media workers are called, with their number behind it.
const WORKER: &str = "media-";

/// CPU time of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuTime {
    /// User and system time of all its threads.
    pub all: Duration,
    /// That of the server's media workers.
    pub workers: Duration,
}

impl CpuTime {
    /// What was used since `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            all: self.all.saturating_sub(before.all),
            workers: self.workers.saturating_sub(before.workers),
        }
    }
}

/// A part of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Window {
    /// How long it was.
    pub seconds: f64,
    /// CPU time of all the server's threads in it, in seconds.
    pub cpu_seconds: f64,
    /// That of its media workers.
    pub worker_seconds: f64,
    /// CPU time of all threads of the server of the calls beside; 0 where there are none.
    pub beside_seconds: f64,
}

impl Window {
    pub(super) fn new(length: Duration, used: CpuTime, beside: Duration) -> Self {
        Self {
            seconds: length.as_secs_f64(),
            cpu_seconds: used.all.as_secs_f64(),
            worker_seconds: used.workers.as_secs_f64(),
            beside_seconds: beside.as_secs_f64(),
        }
    }
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

    /// The same, with the share of the server's media workers.
    ///
    /// # Errors
    /// As [`CpuMeter::read`].
    pub fn read_parts(&self) -> io::Result<CpuTime> {
        Ok(CpuTime { all: self.read()?, workers: self.of_threads(|name| name.starts_with(WORKER))? })
    }

    fn read_schedstat(&self) -> io::Result<Duration> {
        self.of_threads(|_| true)
    }

    /// The sum over the threads whose names are wanted.
    fn of_threads(&self, wanted: impl Fn(&str) -> bool) -> io::Result<Duration> {
        let mut sum = Duration::ZERO;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            let task = task?.path();
            let read = || {
                let name = fs::read_to_string(task.join("comm"))?;
                if wanted(name.trim_end()) { self.of_thread(&task) } else { Ok(Duration::ZERO) }
            };
            match read() {
                Ok(used) => sum += used,
                // The thread ended since the directory was listed: no such file, or no such process.
                Err(e) if e.kind() == io::ErrorKind::NotFound || is_gone(&e) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(sum)
    }

    fn of_thread(&self, task: &Path) -> io::Result<Duration> {
        let used = match self.source {
            CpuSource::Schedstat => {
                let text = fs::read_to_string(task.join("schedstat"))?;
                text.split_ascii_whitespace()
                    .next()
                    .and_then(|word| word.parse().ok())
                    .map(Duration::from_nanos)
            }
            CpuSource::Stat => stat_ticks(&fs::read_to_string(task.join("stat"))?).map(|ticks| TICK * ticks),
        };
        used.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn read_stat(&self) -> io::Result<Duration> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        let ticks = stat_ticks(&text).ok_or(io::ErrorKind::InvalidData)?;
        Ok(TICK * ticks)
    }
}

/// What the kernel answers to who reads the file of a thread that has ended.
fn is_gone(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
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
    fn the_part_of_media_workers_is_that_of_threads_of_their_name() {
        let spin = || {
            let begin = std::time::Instant::now();
            while begin.elapsed() < Duration::from_millis(60) {}
        };
        for source in [CpuSource::Schedstat, CpuSource::Stat] {
            let meter = CpuMeter { pid: std::process::id(), source };
            let before = meter.read_parts().unwrap();
            let (spun, read) = std::sync::mpsc::channel();
            let (go, wait) = std::sync::mpsc::channel::<()>();
            let body = move || {
                spin();
                spun.send(()).unwrap();
                // The figures of a thread go with it.
                wait.recv().unwrap();
            };
            let thread = std::thread::Builder::new().name("media-7".to_owned()).spawn(body).unwrap();
            read.recv().unwrap();
            let used = meter.read_parts().unwrap().since(before);
            go.send(()).unwrap();
            thread.join().unwrap();
            assert!(!used.workers.is_zero() && used.workers <= used.all + TICK * 2, "{source:?} {used:?}");
        }
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(CpuMeter::new(u32::MAX).is_err());
    }
}
