//! The outcome of a command: to be waited for, polled, or awaited.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::api::error::CommandError;

#[derive(Debug)]
struct State<T> {
    outcome: Option<Result<T, CommandError>>,
    waker: Option<Waker>,
    /// False once nobody can ask for the outcome any more.
    awaited: bool,
}

/// Reports a failure that nobody asked for any more.
pub(crate) type Report = Box<dyn Fn(CommandError) + Send + Sync>;

struct Cell<T> {
    state: Mutex<State<T>>,
    ready: Condvar,
    report: Option<Report>,
}

impl<T> std::fmt::Debug for Cell<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cell").finish_non_exhaustive()
    }
}

impl<T> Cell<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The outcome of a command that a worker carries out. It comes always, also where the worker fails.
///
/// Dropping it does not take the command back. Where the command fails then, [`crate::Event::CommandFailed`] says so.
#[derive(Debug)]
#[must_use = "the outcome of the command; drop it where an event about its failure is enough"]
pub struct Pending<T> {
    cell: Arc<Cell<T>>,
}

impl<T> Pending<T> {
    /// Waits for the outcome.
    ///
    /// # Errors
    /// Those of the command; [`CommandError::OutcomeTaken`] where it was taken before.
    pub fn wait(&self) -> Result<T, CommandError> {
        let mut state = self.cell.lock();
        loop {
            if let Some(outcome) = take(&mut state) {
                return outcome;
            }
            state = self.cell.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for the outcome, `timeout` at most; `None` where it has not come by then.
    pub fn wait_timeout(&self, timeout: Duration) -> Option<Result<T, CommandError>> {
        let end = Instant::now() + timeout;
        let mut state = self.cell.lock();
        loop {
            if let Some(outcome) = take(&mut state) {
                return Some(outcome);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.cell.ready.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The outcome, where it has come.
    #[must_use]
    pub fn try_take(&self) -> Option<Result<T, CommandError>> {
        take(&mut self.cell.lock())
    }
}

/// The outcome once; after that, that it was taken.
fn take<T>(state: &mut State<T>) -> Option<Result<T, CommandError>> {
    let outcome = state.outcome.take()?;
    state.outcome = Some(Err(CommandError::OutcomeTaken));
    Some(outcome)
}

impl<T> Future for Pending<T> {
    type Output = Result<T, CommandError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.cell.lock();
        if let Some(outcome) = take(&mut state) {
            return Poll::Ready(outcome);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        let mut state = self.cell.lock();
        state.awaited = false;
        // The outcome may have come before anybody asked for it.
        let outcome = state.outcome.take();
        drop(state);
        if let (Some(Err(error)), Some(report)) = (outcome, &self.cell.report)
            && error != CommandError::OutcomeTaken
        {
            report(error);
        }
    }
}

/// The other end: completes a [`Pending`] exactly once.
#[derive(Debug)]
pub(crate) struct Completer<T> {
    cell: Option<Arc<Cell<T>>>,
    worker: usize,
}

/// An outcome that is to come from `worker`, and the end that completes it. A failure that nobody takes goes to `report`.
pub(crate) fn pending<T>(worker: usize, report: Option<Report>) -> (Completer<T>, Pending<T>) {
    let state = State { outcome: None, waker: None, awaited: true };
    let cell = Arc::new(Cell { state: Mutex::new(state), ready: Condvar::new(), report });
    (Completer { cell: Some(Arc::clone(&cell)), worker }, Pending { cell })
}

impl<T> Completer<T> {
    /// Completes it.
    pub(crate) fn complete(mut self, outcome: Result<T, CommandError>) {
        if let Some(cell) = self.cell.take() {
            finish(&cell, outcome);
        }
    }
}

fn finish<T>(cell: &Cell<T>, outcome: Result<T, CommandError>) {
    let mut state = cell.lock();
    if !state.awaited {
        drop(state);
        if let (Err(error), Some(report)) = (outcome, &cell.report) {
            report(error);
        }
        return;
    }
    state.outcome = Some(outcome);
    let waker = state.waker.take();
    drop(state);
    cell.ready.notify_all();
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl<T> Drop for Completer<T> {
    /// A command that was lost with its worker has failed.
    fn drop(&mut self) {
        if let Some(cell) = self.cell.take() {
            finish(&cell, Err(CommandError::WorkerFailed { worker: self.worker }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcome_is_taken_once() {
        let (completer, pending) = pending(0, None);
        assert_eq!(pending.try_take(), None);
        completer.complete(Ok(7));
        assert_eq!(pending.wait(), Ok(7));
        assert_eq!(pending.wait_timeout(Duration::ZERO), Some(Err(CommandError::OutcomeTaken)));
    }

    #[test]
    fn lost_command_has_failed() {
        let (completer, pending) = pending::<()>(3, None);
        drop(completer);
        assert_eq!(pending.wait(), Err(CommandError::WorkerFailed { worker: 3 }));
    }

    #[test]
    fn failure_that_nobody_takes_is_reported_whether_it_comes_before_or_after() {
        let error = CommandError::NoAnswer { worker: 0 };
        for dropped_first in [true, false] {
            let reported = Arc::new(Mutex::new(Vec::new()));
            let into = Arc::clone(&reported);
            let report: Report = Box::new(move |error| into.lock().unwrap().push(error));
            let (completer, waiting) = pending::<()>(0, Some(report));
            if dropped_first {
                drop(waiting);
                completer.complete(Err(error.clone()));
            } else {
                completer.complete(Err(error.clone()));
                drop(waiting);
            }
            assert_eq!(reported.lock().unwrap().as_slice(), std::slice::from_ref(&error));
        }
    }

    #[test]
    fn waiting_thread_and_task_are_woken() {
        struct Flag(std::sync::atomic::AtomicBool);
        impl std::task::Wake for Flag {
            fn wake(self: Arc<Self>) {
                self.0.store(true, std::sync::atomic::Ordering::SeqCst);
            }
        }
        let (completer, waiting) = pending(0, None);
        let thread = std::thread::spawn(move || waiting.wait());
        completer.complete(Ok(1));
        assert_eq!(thread.join().unwrap(), Ok(1));

        let flag = Arc::new(Flag(std::sync::atomic::AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&flag));
        let (completer, mut waiting) = pending(0, None);
        let mut context = Context::from_waker(&waker);
        assert!(Pin::new(&mut waiting).poll(&mut context).is_pending());
        completer.complete(Ok(2));
        assert!(flag.0.load(std::sync::atomic::Ordering::SeqCst));
        assert_eq!(Pin::new(&mut waiting).poll(&mut context), Poll::Ready(Ok(2)));
    }
}
