//! What keeps the memory of the process off the disk: no core dumps, no swapping.

use std::fs;
use std::io;

/// What became of the wish to lock memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryLock {
    /// All memory is locked, what is to come too, each page from when it is first used.
    Locked,
    /// The process may lock so many bytes only; nothing is locked.
    Limited(u64),
}

/// Keeps the kernel from writing the memory of the process to disk when it crashes, and other processes of the same user
/// from reading it.
///
/// # Errors
/// The kernel's.
pub fn forbid_core_dumps() -> io::Result<()> {
    // SAFETY: PR_SET_DUMPABLE takes numbers and touches no memory of ours.
    if unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Locks all memory where the process may lock any amount: with a limit, later allocations would fail at it.
///
/// # Errors
/// The kernel's.
pub fn lock_memory() -> io::Result<MemoryLock> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: getrlimit(2) writes one rlimit to the address given, a live local.
    if unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur != libc::RLIM_INFINITY && !may_lock_any() {
        return Ok(MemoryLock::Limited(limit.rlim_cur));
    }
    // On fault: the stacks of threads are reserved, but only what is used of them need stay.
    let flags = libc::MCL_CURRENT | libc::MCL_FUTURE | libc::MCL_ONFAULT;
    // SAFETY: mlockall(2) takes flags, and changes no memory but where it is kept.
    if unsafe { libc::mlockall(flags) } == 0 {
        Ok(MemoryLock::Locked)
    } else {
        Err(io::Error::last_os_error())
    }
}

/// True where the process has `CAP_IPC_LOCK`, for which the limit does not count.
fn may_lock_any() -> bool {
    const CAP_IPC_LOCK: u32 = 14;
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok())
        .is_some_and(|set| set >> CAP_IPC_LOCK & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs in a process of its own: neither can be undone for the tests beside it.
    #[test]
    fn a_process_is_not_dumpable_and_its_memory_is_locked_where_it_may_be() {
        const CHILD: &str = "MEDIAPOINT_TEST_CHILD";
        if std::env::var_os(CHILD).is_some() {
            forbid_core_dumps().unwrap();
            // SAFETY: PR_GET_DUMPABLE takes numbers and returns one.
            assert_eq!(unsafe { libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0) }, 0);
            let locked = lock_memory().unwrap();
            let status = fs::read_to_string("/proc/thread-self/status").unwrap();
            let bytes = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap().trim();
            assert_eq!(locked == MemoryLock::Locked, bytes != "0 kB", "{locked:?} {bytes}");
            return;
        }
        let name = "process::tests::a_process_is_not_dumpable_and_its_memory_is_locked_where_it_may_be";
        let mut test = std::process::Command::new(std::env::current_exe().unwrap());
        let output = test.args(["--exact", name]).env(CHILD, "1").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}
