//! One end of a ring: what producer and consumer have in common, and the memory between them.
//!
//! Positions count slots modulo twice the capacity, so that a full ring and an empty one differ. Each end alone writes its
//! position; the slots from the reader's to the writer's position are the reader's, the others the writer's.

use std::fmt;
use std::marker::PhantomData;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::gate::{Gate, WakeHandle};
use super::sync::{Arc, AtomicBool, AtomicUsize, Ordering, UnsafeCell, park, yield_now};

/// What there is when a wait has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// As many slots as were asked for.
    Ready,
    /// Fewer, and there will never be more: the other end is gone.
    Closed,
}

/// What one end writes and the other reads. Alone on its cache lines (two, which processors fetch in pairs), so that one
/// end's writes do not slow the other's.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Side {
    position: AtomicUsize,
    gone: AtomicBool,
    /// Where this end waits.
    gate: Gate,
}

impl Side {
    fn new() -> Self {
        Self { position: AtomicUsize::new(0), gone: AtomicBool::new(false), gate: Gate::new() }
    }
}

pub(super) struct Ring<T> {
    writer: Side,
    reader: Side,
    slots: Box<[UnsafeCell<T>]>,
}

// SAFETY: a slot belongs to one end at a time, as the positions say, and passes from one thread to the other with them;
// so it is enough that its content may be sent. Everything else is `Sync`.
unsafe impl<T: Send> Sync for Ring<T> {}

/// Which of the two ends it is.
pub(super) trait Role {
    fn own<T>(ring: &Ring<T>) -> &Side;
    fn other<T>(ring: &Ring<T>) -> &Side;
    /// Slots that belong to this end.
    fn available(own: usize, other: usize, capacity: usize) -> usize;
}

/// The producer's role.
pub(super) struct Writes;

/// The consumer's role.
pub(super) struct Reads;

impl Role for Writes {
    fn own<T>(ring: &Ring<T>) -> &Side {
        &ring.writer
    }

    fn other<T>(ring: &Ring<T>) -> &Side {
        &ring.reader
    }

    fn available(own: usize, other: usize, capacity: usize) -> usize {
        capacity - Reads::available(other, own, capacity)
    }
}

impl Role for Reads {
    fn own<T>(ring: &Ring<T>) -> &Side {
        &ring.reader
    }

    fn other<T>(ring: &Ring<T>) -> &Side {
        &ring.writer
    }

    fn available(own: usize, other: usize, capacity: usize) -> usize {
        if other >= own { other - own } else { other + 2 * capacity - own }
    }
}

pub(super) struct End<T, R: Role> {
    ring: Arc<Ring<T>>,
    /// This end's position, which nobody else writes.
    position: usize,
    /// The other end's position when it was last looked at: as long as it suffices, its cache line stays over there.
    seen: usize,
    /// Said goodbye already.
    closed: bool,
    role: PhantomData<R>,
}

pub(super) fn pair<T>(capacity: usize, mut make: impl FnMut() -> T) -> (End<T, Writes>, End<T, Reads>) {
    let slots = (0..capacity.max(1)).map(|_| UnsafeCell::new(make())).collect();
    let ring = Arc::new(Ring { writer: Side::new(), reader: Side::new(), slots });
    (End::new(Arc::clone(&ring)), End::new(ring))
}

impl<T, R: Role> End<T, R> {
    fn new(ring: Arc<Ring<T>>) -> Self {
        Self { ring, position: 0, seen: 0, closed: false, role: PhantomData }
    }

    /// Lets `access` use the next slot and passes it to the other end; `None` where this end has none.
    #[inline]
    pub(super) fn with_slot<O>(&mut self, access: impl FnOnce(&mut T) -> O) -> Option<O> {
        if !self.has(1) {
            return None;
        }
        let capacity = self.capacity();
        let place = if self.position < capacity { self.position } else { self.position - capacity };
        let slot = self.ring.slots.get(place)?;
        // SAFETY: `has` saw that the slot belongs to this end, of which there is one (neither end can be cloned, and
        // this takes `&mut self`), and the acquiring load behind it that the other end's use of the slot is over.
        let done = slot.with_mut(|place| access(unsafe { &mut *place }));
        self.position = if self.position + 1 < 2 * capacity { self.position + 1 } else { 0 };
        // Release: what was done to the slot must be seen by who has it next.
        R::own(&self.ring).position.store(self.position, Ordering::Release);
        Some(done)
    }

    pub(super) fn take_wake(&mut self) -> Option<WakeHandle> {
        let other = R::other(&self.ring);
        let available = || self.capacity() - self.available();
        // SAFETY: this is the one other end of that gate, and borrowed mutably.
        unsafe { other.gate.take(available) }
    }

    pub(super) fn wait(&mut self, slots: usize, timeout: Option<Duration>) -> Option<Readiness> {
        let slots = slots.clamp(1, self.capacity());
        // A time past what the clock can say is no limit.
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            if let Some(readiness) = self.readiness(slots) {
                self.disarm();
                return Some(readiness);
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                self.disarm();
                return self.readiness(slots);
            }
            // SAFETY: this is the one end that waits at its gate, and borrowed mutably.
            if unsafe { R::own(&self.ring).gate.arm(slots, |_| WakeHandle::of_thread()) } {
                if self.readiness(slots).is_none() {
                    park(left);
                }
            } else {
                yield_now();
            }
        }
    }

    pub(super) fn poll_ready(&mut self, slots: usize, context: &mut Context<'_>) -> Poll<Readiness> {
        let slots = slots.clamp(1, self.capacity());
        let mut readiness = self.readiness(slots);
        if readiness.is_none() {
            let waker = context.waker();
            // SAFETY: this is the one end that waits at its gate, and borrowed mutably.
            let armed = unsafe { R::own(&self.ring).gate.arm(slots, |old| WakeHandle::of_task(old, waker)) };
            if !armed {
                // The other end is in the middle of taking an older handle, which may be another task's.
                waker.wake_by_ref();
                return Poll::Pending;
            }
            readiness = self.readiness(slots);
        }
        match readiness {
            Some(readiness) => {
                self.disarm();
                Poll::Ready(readiness)
            }
            None => Poll::Pending,
        }
    }

    pub(super) fn close(mut self) -> Option<WakeHandle> {
        self.leave()
    }

    /// Slots that belong to this end now.
    pub(super) fn available(&self) -> usize {
        let other = R::other(&self.ring).position.load(Ordering::Acquire);
        R::available(self.position, other, self.capacity())
    }

    pub(super) fn capacity(&self) -> usize {
        self.ring.slots.len()
    }

    pub(super) fn is_closed(&self) -> bool {
        // Acquire: what the other end did before it left must be seen.
        R::other(&self.ring).gone.load(Ordering::Acquire)
    }

    /// True where at least `slots` slots belong to this end.
    #[inline]
    fn has(&mut self, slots: usize) -> bool {
        let capacity = self.capacity();
        if R::available(self.position, self.seen, capacity) >= slots {
            return true;
        }
        // Acquire: what the other end did to its slots must be over, and seen.
        self.seen = R::other(&self.ring).position.load(Ordering::Acquire);
        R::available(self.position, self.seen, capacity) >= slots
    }

    fn readiness(&mut self, slots: usize) -> Option<Readiness> {
        if self.has(slots) {
            return Some(Readiness::Ready);
        }
        if !self.is_closed() {
            return None;
        }
        // It may have pushed or popped between the two looks.
        Some(if self.has(slots) { Readiness::Ready } else { Readiness::Closed })
    }

    fn disarm(&mut self) {
        // Where the other end is just taking the handle, one wake comes for nothing.
        // SAFETY: this is the one end that waits at its gate, and borrowed mutably.
        let _: bool = unsafe { R::own(&self.ring).gate.disarm() };
    }

    fn leave(&mut self) -> Option<WakeHandle> {
        if std::mem::replace(&mut self.closed, true) {
            return None;
        }
        R::own(&self.ring).gone.store(true, Ordering::Release);
        // SAFETY: this is the one other end of that gate, and borrowed mutably.
        unsafe { R::other(&self.ring).gate.take(|| usize::MAX) }
    }
}

impl<T, R: Role> Drop for End<T, R> {
    fn drop(&mut self) {
        if let Some(handle) = self.leave() {
            handle.wake();
        }
    }
}

impl<T, R: Role> fmt::Debug for End<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("End")
            .field("available", &self.available())
            .field("capacity", &self.capacity())
            .field("other_gone", &self.is_closed())
            .finish()
    }
}
