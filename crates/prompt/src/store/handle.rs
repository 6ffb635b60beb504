//! The outcome of a load: to wait for, to poll, or to be called with.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::PromptError;
use crate::prompt::Prompt;
use crate::store::PromptSource;

/// What a load gave.
type Outcome = Result<Arc<Prompt>, PromptError>;
type Callback = Box<dyn FnOnce(Outcome) + Send>;

/// A prompt that is being loaded, or was.
#[derive(Debug, Clone)]
pub struct PromptHandle(Arc<Job>);

impl PromptHandle {
    pub(super) const fn of(job: Arc<Job>) -> Self {
        Self(job)
    }

    pub(super) fn done(outcome: Outcome) -> Self {
        let source = PromptSource::Blob { bytes: Arc::from([]), format: None };
        let progress = Progress { outcome: Some(outcome), callbacks: Vec::new() };
        Self(Arc::new(Job { source, progress: Mutex::new(progress), done: Condvar::new() }))
    }

    /// The prompt, or why there is none; `None` while it is being loaded.
    #[must_use]
    pub fn poll(&self) -> Option<Outcome> {
        self.0.progress().outcome.clone()
    }

    /// The same after a wait of at most `timeout`. Not for a worker.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> Option<Outcome> {
        let until = Instant::now().checked_add(timeout);
        let mut progress = self.0.progress();
        while progress.outcome.is_none() {
            let left = until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return None;
            }
            let waited = self.0.done.wait_timeout(progress, left.min(Duration::from_secs(3600)));
            (progress, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        progress.outcome.clone()
    }

    /// Calls `callback` with the outcome: by the thread that loads, or at once by this one where it is there.
    pub fn on_done(&self, callback: impl FnOnce(Outcome) + Send + 'static) {
        let mut progress = self.0.progress();
        match progress.outcome.clone() {
            Some(outcome) => {
                drop(progress);
                callback(outcome);
            }
            None => progress.callbacks.push(Box::new(callback)),
        }
    }
}

/// One load, for all who asked.
pub(super) struct Job {
    pub(super) source: PromptSource,
    progress: Mutex<Progress>,
    done: Condvar,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("is_done", &self.progress().outcome.is_some()).finish_non_exhaustive()
    }
}

struct Progress {
    outcome: Option<Outcome>,
    callbacks: Vec<Callback>,
}

impl Job {
    pub(super) const fn new(source: PromptSource) -> Self {
        let progress = Progress { outcome: None, callbacks: Vec::new() };
        Self { source, progress: Mutex::new(progress), done: Condvar::new() }
    }

    pub(super) fn finish(&self, outcome: Outcome) {
        let callbacks = {
            let mut progress = self.progress();
            progress.outcome = Some(outcome.clone());
            std::mem::take(&mut progress.callbacks)
        };
        self.done.notify_all();
        for callback in callbacks {
            // What a user's callback does is not to end the loader.
            let outcome = outcome.clone();
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || callback(outcome)));
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
