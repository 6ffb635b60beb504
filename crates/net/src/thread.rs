//! What a worker asks of its thread and process: a core, a name, descriptors, and what CPU they used.

use std::io;
use std::mem;
use std::time::Duration;

use crate::clock;

/// Binds the calling thread to one core (numbered as the kernel does).
///
/// # Errors
/// `InvalidInput` where the number exceeds what a set holds (1,023); the kernel's where the core is missing or
/// not allowed.
pub fn pin_current_thread(core: usize) -> io::Result<()> {
    if core >= set_capacity() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("no core {core}")));
    }
    let mut set = empty_set();
    // SAFETY: CPU_SET(3) writes inside the set for numbers below its capacity, which was just checked.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: sched_setaffinity(2) reads as many bytes of the mask as it is told, here the mask's own size, and
    // takes 0 for the calling thread.
    check(unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) })
}

/// Schedules the calling thread before all that is not of real time (`SCHED_RR`), at a priority of 1 to 99; threads that it makes
/// are ordinary ones. Linux lets an ordinary thread that wakes wait for the running one for up to a tick of the kernel, 4 ms at
/// 250 Hz, where the kernel preempts lazily.
///
/// # Errors
/// The kernel's: `EPERM` without `CAP_SYS_NICE` above `RLIMIT_RTPRIO`, `EINVAL` for another priority.
pub fn set_realtime_priority(priority: u8) -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: priority.into() };
    // SAFETY: sched_setscheduler(2) reads one sched_param from the address given, a live local, and takes 0 for the calling thread.
    check(unsafe {
        libc::sched_setscheduler(0, libc::SCHED_RR | libc::SCHED_RESET_ON_FORK, &raw const parameters)
    })
}

/// The cores the calling thread may run on, in ascending order; empty where the kernel does not say.
#[must_use]
pub fn available_cores() -> Vec<usize> {
    let mut set = empty_set();
    // SAFETY: sched_getaffinity(2) writes at most as many bytes of the mask as it is told, here its own size.
    let done = check(unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) });
    if done.is_err() {
        return Vec::new();
    }
    // SAFETY: CPU_ISSET(3) reads inside the set for numbers below its capacity.
    (0..set_capacity()).filter(|&core| unsafe { libc::CPU_ISSET(core, &set) }).collect()
}

/// CPU time, user and system, that the calling thread has used.
#[must_use]
pub fn thread_cpu_time() -> Duration {
    Duration::from_nanos(clock::nanos(&clock::read(libc::CLOCK_THREAD_CPUTIME_ID)))
}

/// CPU time, user and system, that all threads of the process have used.
#[must_use]
pub fn process_cpu_time() -> Duration {
    Duration::from_nanos(clock::nanos(&clock::read(libc::CLOCK_PROCESS_CPUTIME_ID)))
}

/// The number of descriptors that the process may open.
///
/// # Errors
/// The kernel's.
pub fn fd_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: getrlimit(2) writes one rlimit to the address given, a live local.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    Ok(limit.rlim_cur)
}

/// Raises the number of descriptors the process may open to the most it is allowed, and returns it.
///
/// # Errors
/// The kernel's.
pub fn raise_fd_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: getrlimit(2) writes one rlimit to the address given, a live local.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: setrlimit(2) reads one rlimit from the address given, a live local.
        check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })?;
    }
    Ok(limit.rlim_cur)
}

/// Names the calling thread for `ps`, `top` and `perf`; cut to the kernel's 15 bytes, and at a zero byte.
pub fn set_thread_name(name: &str) {
    let mut bytes = [0_u8; 16];
    for (to, from) in bytes.iter_mut().take(15).zip(name.bytes().take_while(|&byte| byte != 0)) {
        *to = from;
    }
    // SAFETY: PR_SET_NAME reads a string ended by a zero within 16 bytes; the last of ours always is zero.
    unsafe { libc::prctl(libc::PR_SET_NAME, bytes.as_ptr()) };
}

fn set_capacity() -> usize {
    size_of::<libc::cpu_set_t>() * 8
}

fn empty_set() -> libc::cpu_set_t {
    // SAFETY: a cpu_set_t is an array of integers, for which zero is a value, and is the empty set.
    unsafe { mem::zeroed() }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinning_leaves_one_core() {
        std::thread::spawn(|| {
            let core = *available_cores().last().unwrap();
            pin_current_thread(core).unwrap();
            assert_eq!(available_cores(), [core]);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_core_that_is_not_there_is_refused() {
        assert!(pin_current_thread(1023).is_err());
        assert_eq!(pin_current_thread(1024).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn real_time_is_for_the_thread_alone_and_needs_the_permission() {
        std::thread::spawn(|| match set_realtime_priority(1) {
            Ok(()) => {
                // SAFETY: sched_getscheduler(2) takes 0 for the calling thread, and no address.
                let policy = || unsafe { libc::sched_getscheduler(0) };
                assert_eq!(policy(), libc::SCHED_RR | libc::SCHED_RESET_ON_FORK);
                let child = std::thread::spawn(policy).join().unwrap();
                assert_eq!(child, libc::SCHED_OTHER, "threads that it makes are ordinary ones");
            }
            Err(refused) => assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied),
        })
        .join()
        .unwrap();
        assert_eq!(set_realtime_priority(100).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn cpu_time_grows_with_work_and_the_process_has_at_least_the_threads() {
        let (thread, process) = (thread_cpu_time(), process_cpu_time());
        while thread_cpu_time() == thread {
            std::hint::spin_loop();
        }
        assert!(process_cpu_time() > process);
        assert!(process_cpu_time() >= thread_cpu_time());
    }

    #[test]
    fn the_descriptor_limit_is_the_hard_limit_afterwards() {
        let raised = raise_fd_limit().unwrap();
        assert_eq!(raise_fd_limit().unwrap(), raised);
    }

    #[test]
    fn a_thread_name_is_cut_to_fifteen_bytes() {
        std::thread::spawn(|| {
            set_thread_name("worker-7-of-many-more");
            assert_eq!(std::fs::read_to_string("/proc/thread-self/comm").unwrap(), "worker-7-of-man\n");
        })
        .join()
        .unwrap();
    }
}
