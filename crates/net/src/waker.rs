//! The handle by which another thread ends a worker's sleep, and the flag that makes most wakes free.

use std::sync::Arc;
#[cfg(not(all(loom, test)))]
use std::sync::atomic::{AtomicU8, Ordering};

#[cfg(all(loom, test))]
use loom::sync::atomic::{AtomicU8, Ordering};

use crate::poller::WakeFd;

/// The worker runs, or sleeps out its tick: it looks at the flag before it next sleeps for long.
const RUNNING: u8 = 0;
/// The worker sleeps in the kernel until something comes.
const ASLEEP: u8 = 1;
/// A wake is under way and not yet seen.
const WOKEN: u8 = 2;

/// Wakes one worker. Clones are cheap; a wake of a worker that is awake, or already woken, is one atomic
/// operation and no system call.
#[derive(Debug, Clone)]
pub struct Waker {
    shared: Arc<Shared>,
}

/// What the backend and its wakers share.
#[derive(Debug)]
struct Shared {
    flag: Flag,
    kernel: WakeFd,
}

impl Waker {
    pub(crate) fn new(kernel: WakeFd) -> Self {
        Self { shared: Arc::new(Shared { flag: Flag::new(), kernel }) }
    }

    /// Ends the worker's present wait, or its next one if it is not waiting now.
    ///
    /// What the caller wrote before is visible to the worker once its wait has returned. A worker that sleeps out
    /// its tick ([`PacketIo::wait_tick`](crate::PacketIo::wait_tick)) sees it at the tick.
    pub fn wake(&self) {
        if self.shared.flag.wake() {
            self.shared.kernel.wake();
        }
    }

    /// The worker is about to sleep until something comes; false where it was woken and must not.
    pub(crate) fn may_sleep(&self) -> bool {
        self.shared.flag.may_sleep()
    }

    /// The worker runs again; true where somebody woke it.
    pub(crate) fn awake(&self) -> bool {
        self.shared.flag.awake()
    }
}

/// The handshake without the kernel part.
#[derive(Debug)]
struct Flag(AtomicU8);

impl Flag {
    fn new() -> Self {
        Self(AtomicU8::new(RUNNING))
    }

    /// True where the sleeper must be woken through the kernel.
    fn wake(&self) -> bool {
        self.0.swap(WOKEN, Ordering::AcqRel) == ASLEEP
    }

    fn may_sleep(&self) -> bool {
        self.0.compare_exchange(RUNNING, ASLEEP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn awake(&self) -> bool {
        self.0.swap(RUNNING, Ordering::AcqRel) == WOKEN
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn only_a_sleeper_costs_a_system_call_and_only_once() {
        let flag = Flag::new();
        assert!(!flag.wake(), "running");
        assert!(!flag.wake(), "woken already");
        assert!(!flag.may_sleep(), "a wake before the sleep is not lost");
        assert!(flag.awake());
        assert!(flag.may_sleep());
        assert!(flag.wake(), "asleep");
        assert!(!flag.wake(), "woken already");
        assert!(flag.awake());
        assert!(!flag.awake(), "seen once");
    }
}

/// `RUSTFLAGS="--cfg loom" cargo test --release -p mediapoint-net --lib loom` tries every interleaving.
#[cfg(all(test, loom))]
mod loom_tests {
    use std::sync::Arc;

    use loom::cell::UnsafeCell;
    use loom::sync::Notify;
    use loom::thread;

    use super::*;

    /// One command: written without any ordering of its own, so that the flag must order it.
    struct Command(UnsafeCell<Option<u8>>);

    // SAFETY: the caller writes before its wake and the worker reads after a wake that it saw; loom fails the
    // test where the two can meet.
    unsafe impl Sync for Command {}

    #[test]
    fn no_wake_is_lost_and_what_came_before_it_is_seen() {
        loom::model(|| {
            let flag = Arc::new(Flag::new());
            let kernel = Arc::new(Notify::new());
            let command = Arc::new(Command(UnsafeCell::new(None)));
            let caller = {
                let (flag, kernel, command) = (Arc::clone(&flag), Arc::clone(&kernel), Arc::clone(&command));
                thread::spawn(move || {
                    // SAFETY: see `Command`; loom checks it.
                    command.0.with_mut(|place| unsafe { *place = Some(7) });
                    if flag.wake() {
                        kernel.notify();
                    }
                })
            };
            // Two rounds suffice: the first may run before the caller, the second must not sleep through it.
            loop {
                if flag.may_sleep() {
                    // A lost wake is a deadlock, which loom reports.
                    kernel.wait();
                }
                if flag.awake() {
                    break;
                }
            }
            // SAFETY: see `Command`; loom checks it.
            assert_eq!(command.0.with(|place| unsafe { *place }), Some(7));
            assert!(caller.join().is_ok());
        });
    }
}
