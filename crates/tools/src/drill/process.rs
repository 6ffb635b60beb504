//! What the kernel says of the server's process.

use std::fs;
use std::io;

use super::DrillError;

/// A process, by its number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process {
    pid: u32,
}

impl Process {
    pub(super) fn new(pid: u32) -> Self {
        Self { pid }
    }

    pub(super) fn pid(self) -> u32 {
        self.pid
    }

    /// Bytes of memory that are resident (`VmRSS`).
    pub(super) fn resident(self) -> Result<u64, DrillError> {
        let read = || {
            let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
            resident(&status).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
        };
        read().map_err(|source| self.error("memory", source))
    }

    /// Open descriptors.
    pub(super) fn descriptors(self) -> Result<u64, DrillError> {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.pid));
        let count = entries.map(|entries| u64::try_from(entries.count()).unwrap_or(u64::MAX));
        count.map_err(|source| self.error("descriptors", source))
    }

    fn error(self, what: &'static str, source: io::Error) -> DrillError {
        DrillError::Process { what, pid: self.pid, source }
    }
}

/// `VmRSS:     5124 kB`
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kib.checked_mul(1024)
}

/// Datagrams that the kernel has thrown away since the machine started, because a socket's buffer was full; of all
/// processes of this network namespace.
pub(super) fn kernel_drops() -> u64 {
    let snmp = fs::read_to_string("/proc/net/snmp").unwrap_or_default();
    receive_buffer_errors(&snmp).unwrap_or_default()
}

/// Two lines of UDP: names, then figures.
fn receive_buffer_errors(snmp: &str) -> Option<u64> {
    let mut lines = snmp.lines().filter_map(|line| line.strip_prefix("Udp: "));
    let (names, figures) = (lines.next()?, lines.next()?);
    let mut pairs = names.split_ascii_whitespace().zip(figures.split_ascii_whitespace());
    pairs.find(|(name, _)| *name == "RcvbufErrors")?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_the_line_of_what_is_resident() {
        let status = "Name:\tx\nVmHWM:\t   99 kB\nVmRSS:\t    5124 kB\nRssAnon:\t  1 kB\n";
        assert_eq!(resident(status), Some(5124 * 1024));
        assert_eq!(resident("VmRSS:\t5 MB\n"), None);
        assert!(Process::new(std::process::id()).resident().unwrap() > 1 << 20);
        assert!(Process::new(std::process::id()).descriptors().unwrap() > 2);
        assert!(Process::new(u32::MAX).resident().is_err());
    }

    #[test]
    fn drops_are_found_by_their_name() {
        let snmp = "Tcp: RcvbufErrors\nTcp: 9\nUdp: InDatagrams RcvbufErrors X\nUdp: 5 7 1\n";
        assert_eq!(receive_buffer_errors(snmp), Some(7));
        assert_eq!(receive_buffer_errors("Udp: InDatagrams\nUdp: 5\n"), None);
    }
}
