//! The outcome of a load: to wait for, to poll, or to be called with.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::error::PromptError;
use crate::prompt::{Form, Prompt};
use crate::store::PromptSource;

/// What a load gave.
type Outcome = Result<Arc<Prompt>, PromptError>;
type Callback = Box<dyn FnOnce(Outcome) + Send>;

/// A prompt that is being loaded, or was. It counts as in use as long as the handle is kept.
pub struct PromptHandle {
    slot: Arc<Slot>,
    /// What was taken out of the slot.
    outcome: OnceLock<Outcome>,
}

impl fmt::Debug for PromptHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromptHandle").field("outcome", &self.outcome.get()).finish_non_exhaustive()
    }
}

impl PromptHandle {
    pub(super) fn done(outcome: Outcome) -> Self {
        Self { slot: Arc::default(), outcome: OnceLock::from(outcome) }
    }

    /// The prompt, or why there is none; `None` while it is being loaded.
    #[must_use]
    pub fn poll(&self) -> Option<Outcome> {
        self.wait(Duration::ZERO)
    }

    /// The same after a wait of at most `timeout`. Not for a worker.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> Option<Outcome> {
        if let Some(outcome) = self.outcome.get() {
            return Some(outcome.clone());
        }
        let until = Instant::now().checked_add(timeout);
        let mut progress = self.slot.progress();
        loop {
            // Taken out, so that the loader holds nothing of it any longer.
            if let Some(outcome) = progress.outcome.take() {
                return Some(self.outcome.get_or_init(|| outcome).clone());
            }
            // Another thread took it meanwhile.
            if let Some(outcome) = self.outcome.get() {
                return Some(outcome.clone());
            }
            let left = until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return None;
            }
            let waited = self.slot.done.wait_timeout(progress, left.min(Duration::from_secs(3600)));
            (progress, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Calls `callback` with the outcome: by the thread that loads, or at once by this one where it is there.
    pub fn on_done(&self, callback: impl FnOnce(Outcome) + Send + 'static) {
        let mut progress = self.slot.progress();
        let outcome = self.outcome.get().or(progress.outcome.as_ref()).cloned();
        match outcome {
            Some(outcome) => {
                drop(progress);
                callback(outcome);
            }
            None => progress.callbacks.push(Box::new(callback)),
        }
    }
}

/// Where one handle's outcome is put.
#[derive(Default)]
struct Slot {
    progress: Mutex<Progress>,
    done: Condvar,
}

#[derive(Default)]
struct Progress {
    outcome: Option<Outcome>,
    callbacks: Vec<Callback>,
}

impl Slot {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a loader thread is asked for.
pub(super) enum Work {
    /// A prompt of this source.
    Load(PromptSource),
    /// Forms of a prompt that is there.
    Make(Arc<Prompt>, Vec<Form>),
}

/// One piece of work, for all who asked for it.
pub(super) struct Job {
    pub(super) work: Work,
    slots: Mutex<Vec<Arc<Slot>>>,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}

impl Job {
    pub(super) const fn new(work: Work) -> Self {
        Self { work, slots: Mutex::new(Vec::new()) }
    }

    /// A handle that gets the outcome, too. Not after [`finish`](Self::finish).
    pub(super) fn handle(&self) -> PromptHandle {
        let slot = Arc::<Slot>::default();
        self.slots().push(Arc::clone(&slot));
        PromptHandle { slot, outcome: OnceLock::new() }
    }

    /// Gives the outcome to all who asked, and keeps nothing of it.
    pub(super) fn finish(&self, outcome: Outcome) {
        let mut slots = std::mem::take(&mut *self.slots());
        let last = slots.pop();
        let mut calls = Vec::new();
        for slot in slots {
            calls.extend(put(&slot, outcome.clone()));
        }
        calls.extend(last.and_then(|slot| put(&slot, outcome)));
        for (callbacks, outcome) in calls {
            for callback in callbacks {
                // What a user's callback does is not to end the loader.
                let outcome = outcome.clone();
                let call = std::panic::AssertUnwindSafe(move || callback(outcome));
                let _ = std::panic::catch_unwind(call);
            }
        }
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts an outcome into a slot; callbacks that want it are to be called without the lock.
fn put(slot: &Slot, outcome: Outcome) -> Option<(Vec<Callback>, Outcome)> {
    let mut progress = slot.progress();
    let callbacks = std::mem::take(&mut progress.callbacks);
    let calls = if callbacks.is_empty() { None } else { Some((callbacks, outcome.clone())) };
    progress.outcome = Some(outcome);
    drop(progress);
    slot.done.notify_all();
    calls
}
