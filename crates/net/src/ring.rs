//! A bounded ring for one producer and one consumer: slots are made once, written and read in place, and wake-ups are
//! asked for by number, so that a worker that pushes never locks, allocates or makes a system call.
//!
//! ```
//! use mediapoint_net::ring;
//!
//! let (mut producer, mut consumer) = ring::channel(2, || [0_i16; 160]);
//! assert!(producer.push_with(|frame| frame.fill(1)));
//! assert!(producer.push_with(|frame| frame.fill(2)));
//! assert!(!producer.push_with(|_| unreachable!("the ring is full")));
//! assert_eq!(consumer.pop_with(|frame| frame[0]), Some(1));
//! ```
//!
//! Who waits says for how many slots: [`Consumer::wait`] and [`Consumer::poll_ready`] for filled ones,
//! [`Producer::wait`] and [`Producer::poll_ready`] for free ones. The other end calls `take_wake` after each batch of
//! pushes or pops. It returns a [`WakeHandle`] once for each wait, when the number is reached. A worker hands it to a
//! thread that may make system calls; any other thread calls [`WakeHandle::wake`] itself.

mod end;
mod gate;
mod sync;

#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod tests;

use std::task::{Context, Poll};
use std::time::Duration;

use end::{End, Reads, Writes};

pub use end::Readiness;
pub use gate::WakeHandle;

/// A ring of `capacity` slots, at least one, each made by `make` now; returns its two ends.
#[must_use]
pub fn channel<T>(capacity: usize, make: impl FnMut() -> T) -> (Producer<T>, Consumer<T>) {
    let (writes, reads) = end::pair(capacity, make);
    (Producer { end: writes }, Consumer { end: reads })
}

/// The end of a ring that writes.
#[derive(Debug)]
pub struct Producer<T> {
    end: End<T, Writes>,
}

/// The end of a ring that reads.
#[derive(Debug)]
pub struct Consumer<T> {
    end: End<T, Reads>,
}

impl<T> Producer<T> {
    /// Lets `write` fill the next slot in place; false, without calling it, where the ring is full.
    ///
    /// The slot holds what was left in it before, so that memory it owns is used again. If `write` panics, nothing is
    /// pushed.
    pub fn push_with(&mut self, write: impl FnOnce(&mut T)) -> bool {
        self.end.with_slot(write).is_some()
    }

    /// [`Producer::push_with`], then wakes the consumer where it waits and has enough. May make a system call: for
    /// threads that are no workers.
    pub fn push_and_wake(&mut self, write: impl FnOnce(&mut T)) -> bool {
        let pushed = self.push_with(write);
        if let Some(handle) = self.take_wake() {
            handle.wake();
        }
        pushed
    }

    /// What wakes the consumer, where it waits and what it waits for is reached; to be called after pushing, once for
    /// a whole batch. Makes no system call and never blocks.
    #[must_use = "the consumer sleeps until the handle is used"]
    pub fn take_wake(&mut self) -> Option<WakeHandle> {
        self.end.take_wake()
    }

    /// Blocks the thread until `slots` slots (1 to the capacity) are free, the consumer is gone, or `timeout` has
    /// passed (`None`: never), which is `None`. Not for workers.
    pub fn wait(&mut self, slots: usize, timeout: Option<Duration>) -> Option<Readiness> {
        self.end.wait(slots, timeout)
    }

    /// Ready when `slots` slots (1 to the capacity) are free or the consumer is gone; else the task is woken then.
    /// Only the task that asked last is woken.
    pub fn poll_ready(&mut self, slots: usize, context: &mut Context<'_>) -> Poll<Readiness> {
        self.end.poll_ready(slots, context)
    }

    /// Leaves the ring, and returns what wakes the consumer where it waits. Dropping a producer wakes it directly,
    /// which may be a system call.
    #[must_use = "the consumer sleeps until the handle is used"]
    pub fn close(self) -> Option<WakeHandle> {
        self.end.close()
    }

    /// Slots filled now. The consumer may have emptied some by the time this returns.
    #[must_use]
    pub fn len(&self) -> usize {
        self.capacity() - self.end.available()
    }

    /// True where no slot is filled now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Slots in all.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.end.capacity()
    }

    /// True where the consumer is gone, so that nobody will read what is pushed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.end.is_closed()
    }
}

impl<T> Consumer<T> {
    /// Lets `read` take what it needs from the oldest slot in place, and frees it; `None`, without calling `read`,
    /// where the ring is empty.
    ///
    /// What stays in the slot is what the producer will find there. If `read` panics, the slot is the next one still.
    pub fn pop_with<R>(&mut self, read: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.end.with_slot(read)
    }

    /// [`Consumer::pop_with`], then wakes the producer where it waits and has enough room. May make a system call: for
    /// threads that are no workers.
    pub fn pop_and_wake<R>(&mut self, read: impl FnOnce(&mut T) -> R) -> Option<R> {
        let popped = self.pop_with(read);
        if let Some(handle) = self.take_wake() {
            handle.wake();
        }
        popped
    }

    /// What wakes the producer, where it waits and what it waits for is reached; to be called after popping, once for
    /// a whole batch. Makes no system call and never blocks.
    #[must_use = "the producer sleeps until the handle is used"]
    pub fn take_wake(&mut self) -> Option<WakeHandle> {
        self.end.take_wake()
    }

    /// Blocks the thread until `slots` slots (1 to the capacity) are filled, the producer is gone, or `timeout` has
    /// passed (`None`: never), which is `None`. Not for workers.
    pub fn wait(&mut self, slots: usize, timeout: Option<Duration>) -> Option<Readiness> {
        self.end.wait(slots, timeout)
    }

    /// Ready when `slots` slots (1 to the capacity) are filled or the producer is gone; else the task is woken then.
    /// Only the task that asked last is woken.
    pub fn poll_ready(&mut self, slots: usize, context: &mut Context<'_>) -> Poll<Readiness> {
        self.end.poll_ready(slots, context)
    }

    /// Leaves the ring, and returns what wakes the producer where it waits. Dropping a consumer wakes it directly,
    /// which may be a system call.
    #[must_use = "the producer sleeps until the handle is used"]
    pub fn close(self) -> Option<WakeHandle> {
        self.end.close()
    }

    /// Slots filled now. The producer may have filled more by the time this returns.
    #[must_use]
    pub fn len(&self) -> usize {
        self.end.available()
    }

    /// True where no slot is filled now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Slots in all.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.end.capacity()
    }

    /// True where the producer is gone. All that it pushed can be seen from then on: the ring is at its end when this
    /// is true and a pop after it yields nothing.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.end.is_closed()
    }
}
