//! Bounded single-producer single-consumer rings between a worker and the outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam::queue::ArrayQueue;

/// Stands for the thread or task at the other end.
#[derive(Debug)]
pub struct WakeHandle;

impl WakeHandle {
    /// Wakes it.
    pub fn wake(self) {}
}

#[derive(Debug)]
struct Shared<T> {
    filled: ArrayQueue<T>,
    free: ArrayQueue<T>,
    closed: AtomicBool,
}

/// The writing end.
#[derive(Debug)]
pub struct Producer<T>(Arc<Shared<T>>);

/// The reading end.
#[derive(Debug)]
pub struct Consumer<T>(Arc<Shared<T>>);

/// A ring of `capacity` slots.
pub fn channel<T>(capacity: usize, mut slot: impl FnMut() -> T) -> (Producer<T>, Consumer<T>) {
    let shared = Arc::new(Shared {
        filled: ArrayQueue::new(capacity),
        free: ArrayQueue::new(capacity),
        closed: AtomicBool::new(false),
    });
    for _ in 0..capacity {
        drop(shared.free.push(slot()));
    }
    (Producer(Arc::clone(&shared)), Consumer(shared))
}

impl<T> Producer<T> {
    pub fn push_with(&mut self, write: impl FnOnce(&mut T)) -> bool {
        let Some(mut slot) = self.0.free.pop() else { return false };
        write(&mut slot);
        self.0.filled.push(slot).is_ok()
    }
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }
    pub fn take_wake(&mut self) -> Option<WakeHandle> {
        None
    }
}

impl<T> Consumer<T> {
    pub fn pop_with<R>(&mut self, read: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut slot = self.0.filled.pop()?;
        let result = read(&mut slot);
        drop(self.0.free.push(slot));
        Some(result)
    }
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }
    pub fn is_empty(&self) -> bool {
        self.0.filled.is_empty()
    }
    pub fn take_wake(&mut self) -> Option<WakeHandle> {
        None
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        self.0.closed.store(true, Ordering::Release);
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        self.0.closed.store(true, Ordering::Release);
    }
}
