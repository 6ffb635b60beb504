//! Where one end of a ring leaves word that it waits, and where the other end finds whom to wake.
//!
//! One atomic number says whose the handle beside it is:
//! - `IDLE`: the waiter's. Nobody waits.
//! - n, from 1 up: whoever exchanges the number. The waiter waits for n slots; the other end exchanges it for `TAKEN`
//!   to take the handle, the waiter for `IDLE` to give the wait up.
//! - `TAKEN`: the other end's, for the few instructions in which it moves the handle out.

use std::task::Waker;

use super::sync::{AtomicUsize, Ordering, Thread, UnsafeCell, current, fence};

const IDLE: usize = 0;
const TAKEN: usize = usize::MAX;

/// Wakes one end of a ring that waits. Dropped unused, that end may sleep for ever.
#[derive(Debug)]
#[must_use = "the waiting end sleeps until the handle is used"]
pub struct WakeHandle(Kind);

#[derive(Debug)]
enum Kind {
    Thread(Thread),
    Task(Waker),
}

impl WakeHandle {
    /// Wakes it. May make a system call, and runs the code of an asynchronous runtime where a task waits.
    pub fn wake(self) {
        match self.0 {
            Kind::Thread(thread) => thread.unpark(),
            Kind::Task(waker) => waker.wake(),
        }
    }

    /// A handle on the calling thread.
    pub(super) fn of_thread() -> Self {
        Self(Kind::Thread(current()))
    }

    /// A handle on a task; `old` where it wakes the same one.
    pub(super) fn of_task(old: Option<Self>, waker: &Waker) -> Self {
        match old {
            Some(Self(Kind::Task(old))) if old.will_wake(waker) => Self(Kind::Task(old)),
            _ => Self(Kind::Task(waker.clone())),
        }
    }
}

#[derive(Debug)]
pub(super) struct Gate {
    state: AtomicUsize,
    handle: UnsafeCell<Option<WakeHandle>>,
}

// SAFETY: `handle` is reached by one thread at a time, in the order that `state` sets (see the head of this file), and a
// handle may go to any thread.
unsafe impl Sync for Gate {}

impl Gate {
    pub(super) fn new() -> Self {
        Self { state: AtomicUsize::new(IDLE), handle: UnsafeCell::new(None) }
    }

    /// Leaves a handle, made from the last one where that is still here, to be taken when `slots` slots are available.
    /// The caller must look once more whether they are before it sleeps. False where the other end is taking an earlier
    /// handle at this moment: try again.
    ///
    /// # Safety
    /// Only the waiting end calls this, from one thread at a time.
    pub(super) unsafe fn arm(
        &self,
        slots: usize,
        handle: impl FnOnce(Option<WakeHandle>) -> WakeHandle,
    ) -> bool {
        // SAFETY: the caller's promise is passed on.
        if !unsafe { self.disarm() } {
            return false;
        }
        self.handle.with_mut(|place| {
            // SAFETY: `disarm` left the state `IDLE`, which only the waiter, that is: this call, can change.
            let place = unsafe { &mut *place };
            *place = Some(handle(place.take()));
        });
        // Release: the handle must be seen by who takes it.
        self.state.store(slots.clamp(1, TAKEN - 1), Ordering::Release);
        // With the fence in `take`: either that sees the state, or the look after this sees what it followed.
        fence(Ordering::SeqCst);
        true
    }

    /// Gives up waiting. False where the other end is taking the handle at this moment, and will wake.
    ///
    /// # Safety
    /// Only the waiting end calls this, from one thread at a time.
    pub(super) unsafe fn disarm(&self) -> bool {
        // Acquire: the other end's use of the handle must be over.
        let mut state = self.state.load(Ordering::Acquire);
        loop {
            match state {
                IDLE => return true,
                TAKEN => return false,
                armed => {
                    let won = self.state.compare_exchange(armed, IDLE, Ordering::Acquire, Ordering::Acquire);
                    match won {
                        Ok(_) => return true,
                        Err(now) => state = now,
                    }
                }
            }
        }
    }

    /// Takes the handle where the waiter waits for no more slots than `available` says; that is asked only where it
    /// waits, and may answer with `usize::MAX` for an end that closes.
    ///
    /// # Safety
    /// Only the end that wakes calls this, from one thread at a time.
    pub(super) unsafe fn take(&self, available: impl FnOnce() -> usize) -> Option<WakeHandle> {
        // See `arm`.
        fence(Ordering::SeqCst);
        let wanted = self.state.load(Ordering::Relaxed);
        if wanted == IDLE || available() < wanted {
            return None;
        }
        // It fails where the waiter gave up or asked anew meanwhile. Then it looks for itself, after the fence.
        self.state.compare_exchange(wanted, TAKEN, Ordering::Acquire, Ordering::Relaxed).ok()?;
        // SAFETY: in the state `TAKEN` the waiter leaves the handle alone, and there is one end only that takes.
        let handle = self.handle.with_mut(|place| unsafe { &mut *place }.take());
        // Release: this use of the handle is over.
        self.state.store(IDLE, Ordering::Release);
        handle
    }
}
