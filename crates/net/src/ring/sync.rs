//! The primitives of the ring: the standard library's, or loom's where its tests run.

#[cfg(all(loom, test))]
pub(super) use loom::{
    cell::UnsafeCell,
    sync::Arc,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence},
    thread::yield_now,
};
#[cfg(not(all(loom, test)))]
pub(super) use std::{
    sync::Arc,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence},
    thread::{Thread, current, yield_now},
};

use std::time::Duration;

/// Parks the thread until it is unparked or `timeout` has passed; may return early.
#[cfg(not(all(loom, test)))]
pub(super) fn park(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => std::thread::park_timeout(timeout),
        None => std::thread::park(),
    }
}

/// A thread's sleep. Not loom's own parking: there, an unparked thread that waits for something else (a join) wakes too,
/// and loom takes that for a fault.
#[cfg(all(loom, test))]
#[derive(Debug, Clone)]
pub(super) struct Thread(Arc<loom::sync::Notify>);

#[cfg(all(loom, test))]
impl Thread {
    pub(super) fn unpark(&self) {
        self.0.notify();
    }
}

#[cfg(all(loom, test))]
loom::thread_local! {
    static CURRENT: Thread = Thread(Arc::new(loom::sync::Notify::new()));
}

#[cfg(all(loom, test))]
pub(super) fn current() -> Thread {
    CURRENT.with(Thread::clone)
}

/// Parks the thread until it is unparked; loom knows no time.
#[cfg(all(loom, test))]
pub(super) fn park(_: Option<Duration>) {
    current().0.wait();
}

/// The standard cell with loom's access.
#[cfg(not(all(loom, test)))]
#[derive(Debug)]
pub(super) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(all(loom, test)))]
impl<T> UnsafeCell<T> {
    pub(super) fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    /// Calls `access` with the place of the value, which it may only use while it runs.
    #[inline]
    pub(super) fn with_mut<R>(&self, access: impl FnOnce(*mut T) -> R) -> R {
        access(self.0.get())
    }
}
