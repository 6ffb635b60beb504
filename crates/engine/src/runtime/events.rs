//! The engine's events, read blocking or async.
//!
//! Workers never touch this queue: the supervisor fills it, so a lock is harmless here. Telemetry is dropped where the
//! reader is behind. Call events are not: each has its room reserved by the owner of what it is about, a call, a tap, a
//! player or a command.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::api::event::Event;
use crate::api::id::TapId;
use crate::session::tap::event::PressRoom;

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Event>,
    waker: Option<Waker>,
    closed: bool,
    dropped: u64,
    /// Call events in the queue.
    kept: usize,
    /// Room of the taps on key presses.
    rooms: HashMap<TapId, PressRoom>,
}

impl State {
    /// Takes the next event, and gives its room back.
    fn pop(&mut self) -> Option<Event> {
        let event = self.queue.pop_front()?;
        if !event.is_telemetry() {
            self.kept -= 1;
        }
        if let Event::KeyPressed { tap, .. } = &event
            && let Some(room) = self.rooms.get(tap)
        {
            room.give();
        }
        Some(event)
    }
}

/// The writing end.
#[derive(Debug)]
pub(crate) struct EventSender {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    ready: Condvar,
    capacity: usize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the engine's events, blocking or async; made with the engine.
#[derive(Debug)]
pub struct EventReceiver {
    shared: Arc<Shared>,
}

pub(crate) fn channel(capacity: usize) -> (EventSender, EventReceiver) {
    let shared =
        Arc::new(Shared { state: Mutex::default(), ready: Condvar::new(), capacity: capacity.max(1) });
    (EventSender { shared: Arc::clone(&shared) }, EventReceiver { shared })
}

impl EventSender {
    /// Adds an event; telemetry is dropped and counted where the reader is too far behind.
    pub(crate) fn send(&self, event: Event) {
        let mut state = self.shared.lock();
        if event.is_telemetry() && state.queue.len() >= self.shared.capacity {
            state.dropped += 1;
            return;
        }
        if !event.is_telemetry() {
            state.kept += 1;
        }
        state.queue.push_back(event);
        let waker = state.waker.take();
        drop(state);
        self.shared.ready.notify_one();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Call events that wait to be read, where they are so many that no further room can be reserved.
    pub(crate) fn overfull(&self) -> Option<usize> {
        let kept = self.shared.lock().kept;
        (kept >= self.shared.capacity).then_some(kept)
    }

    /// Keeps the room of a tap, which each press that is read gives a place back to.
    pub(crate) fn keep_room(&self, tap: TapId, room: PressRoom) {
        self.shared.lock().rooms.insert(tap, room);
    }

    /// Forgets the room of a tap.
    pub(crate) fn forget_tap(&self, tap: TapId) {
        self.shared.lock().rooms.remove(&tap);
    }

    /// Call events that wait to be read, and rooms that are kept.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let state = self.shared.lock();
        (state.kept, state.rooms.len())
    }

    /// Events dropped so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.shared.lock().dropped
    }
}

impl Drop for EventSender {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        let waker = state.waker.take();
        drop(state);
        self.shared.ready.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl EventReceiver {
    /// Waits for the next event; `None` when the engine is gone and all was read.
    #[must_use]
    pub fn recv(&self) -> Option<Event> {
        let mut state = self.shared.lock();
        loop {
            if let Some(event) = state.pop() {
                return Some(event);
            }
            if state.closed {
                return None;
            }
            state = self.shared.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for the next event for at most `timeout`; `None` where none came.
    #[must_use]
    pub fn recv_timeout(&self, timeout: Duration) -> Option<Event> {
        let until = Instant::now() + timeout;
        let mut state = self.shared.lock();
        loop {
            if let Some(event) = state.pop() {
                return Some(event);
            }
            let left = until.saturating_duration_since(Instant::now());
            if state.closed || left.is_zero() {
                return None;
            }
            state = self.shared.ready.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The next event where one is there.
    #[must_use]
    pub fn try_recv(&self) -> Option<Event> {
        self.shared.lock().pop()
    }

    /// Polls for the next event; ready with `None` when the engine is gone and all was read.
    pub fn poll_recv(&self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut state = self.shared.lock();
        if let Some(event) = state.pop() {
            return Poll::Ready(Some(event));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Waits for the next event on any async runtime; `None` when the engine is gone and all was read.
    pub async fn next(&self) -> Option<Event> {
        poll_fn(|context| self.poll_recv(context)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::api::id::{CallId, LegId};

    fn event(leg: u64) -> Event {
        Event::Bye { call: CallId::from_u64(1), leg: LegId::from_u64(leg) }
    }

    #[test]
    fn a_reader_that_is_behind_loses_the_newest_and_it_is_counted() {
        let (sender, receiver) = channel(2);
        for leg in 0..3 {
            sender.send(event(leg));
        }
        assert_eq!(sender.dropped(), 1);
        assert_eq!(receiver.recv(), Some(event(0)));
        assert_eq!(receiver.try_recv(), Some(event(1)));
        assert_eq!(receiver.try_recv(), None);
    }

    #[test]
    fn call_events_are_kept_whatever_waits() {
        let (sender, receiver) = channel(2);
        for leg in 0..2 {
            sender.send(event(leg));
        }
        for worker in 0..3 {
            assert_eq!(sender.overfull(), (worker > 1).then_some(worker));
            sender.send(Event::WorkerFailed { worker });
        }
        let read = std::iter::from_fn(|| receiver.try_recv());
        assert_eq!(read.filter(|event| !event.is_telemetry()).count(), 3);
        assert_eq!(sender.overfull(), None);
    }

    #[test]
    fn the_end_of_the_engine_ends_the_stream_after_what_is_left() {
        let (sender, receiver) = channel(2);
        sender.send(event(7));
        drop(sender);
        assert_eq!(receiver.recv(), Some(event(7)));
        assert_eq!(receiver.recv(), None);
    }

    #[test]
    fn a_pending_poll_is_woken_by_the_next_event() {
        struct Flag(std::sync::atomic::AtomicBool);
        impl std::task::Wake for Flag {
            fn wake(self: Arc<Self>) {
                self.0.store(true, std::sync::atomic::Ordering::SeqCst);
            }
        }
        let flag = Arc::new(Flag(std::sync::atomic::AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&flag));
        let mut context = Context::from_waker(&waker);
        let (sender, receiver) = channel(2);
        assert!(receiver.poll_recv(&mut context).is_pending());
        sender.send(event(1));
        assert!(flag.0.load(std::sync::atomic::Ordering::SeqCst));
        assert_eq!(receiver.poll_recv(&mut context), Poll::Ready(Some(event(1))));
    }
}
