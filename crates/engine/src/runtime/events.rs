//! The engine's events, read blocking or async.
//!
//! Workers never touch this queue: the housekeeper moves what they tell into it, so a lock is harmless here.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::api::event::Event;

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Event>,
    waker: Option<Waker>,
    closed: bool,
    dropped: u64,
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

/// Reads what the engine tells, blocking or async; made once by [`crate::Engine::events`].
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
    /// Adds an event; where the reader is too far behind, the event is dropped and counted.
    pub(crate) fn send(&self, event: Event) {
        let mut state = self.shared.lock();
        if state.queue.len() >= self.shared.capacity {
            state.dropped += 1;
            return;
        }
        state.queue.push_back(event);
        let waker = state.waker.take();
        drop(state);
        self.shared.ready.notify_one();
        if let Some(waker) = waker {
            waker.wake();
        }
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
            if let Some(event) = state.queue.pop_front() {
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
            if let Some(event) = state.queue.pop_front() {
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
        self.shared.lock().queue.pop_front()
    }

    /// Polls for the next event; ready with `None` when the engine is gone and all was read.
    pub fn poll_recv(&self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut state = self.shared.lock();
        if let Some(event) = state.queue.pop_front() {
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

    fn event(worker: usize) -> Event {
        Event::WorkerFailed { worker }
    }

    #[test]
    fn a_reader_that_is_behind_loses_the_newest_and_it_is_counted() {
        let (sender, receiver) = channel(2);
        for worker in 0..3 {
            sender.send(event(worker));
        }
        assert_eq!(sender.dropped(), 1);
        assert_eq!(receiver.recv(), Some(event(0)));
        assert_eq!(receiver.try_recv(), Some(event(1)));
        assert_eq!(receiver.try_recv(), None);
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
