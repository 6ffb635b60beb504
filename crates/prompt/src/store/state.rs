//! What a store holds, and what waits.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::prompt::Prompt;
use crate::store::PromptSource;
use crate::store::handle::{Job, Work};

/// How a prompt's file is known to be as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Validity {
    File {
        len: u64,
        modified: Option<SystemTime>,
    },
    Blob,
    #[cfg(feature = "http")]
    Url(crate::http::Validators),
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) prompt: Arc<Prompt>,
    /// When it was last asked for, in requests.
    pub(super) used: u64,
    /// When its file was last looked at.
    pub(super) checked: Duration,
    pub(super) validity: Validity,
}

impl Entry {
    fn is_fresh(&self, now: Duration, recheck: Duration) -> bool {
        match &self.validity {
            Validity::Blob => true,
            Validity::File { .. } => now < self.checked.saturating_add(recheck),
            #[cfg(feature = "http")]
            Validity::Url(validators) => now < validators.fresh_until,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) entries: HashMap<PromptSource, Entry>,
    pub(super) queue: VecDeque<Arc<Job>>,
    pub(super) loading: HashMap<PromptSource, Arc<Job>>,
    requests: u64,
    pub(super) is_shut_down: bool,
}

/// What there is of a source.
pub(super) enum Lookup {
    Fresh(Arc<Prompt>),
    Loading(Arc<Job>),
    Due,
}

impl State {
    pub(super) fn look_up(&mut self, source: &PromptSource, now: Duration, recheck: Duration) -> Lookup {
        self.requests += 1;
        if let Some(entry) = self.entries.get_mut(source) {
            entry.used = self.requests;
            if entry.is_fresh(now, recheck) {
                return Lookup::Fresh(Arc::clone(&entry.prompt));
            }
        }
        match self.loading.get(source) {
            Some(job) => Lookup::Loading(Arc::clone(job)),
            None => Lookup::Due,
        }
    }

    pub(super) fn enqueue(&mut self, job: &Arc<Job>) {
        if let Work::Load(source) = &job.work {
            self.loading.insert(source.clone(), Arc::clone(job));
        }
        self.queue.push_back(Arc::clone(job));
    }

    pub(super) fn take_queue(&mut self) -> VecDeque<Arc<Job>> {
        self.loading.clear();
        std::mem::take(&mut self.queue)
    }

    /// Adds what was loaded; what it replaces is to be dropped without the lock.
    pub(super) fn insert(&mut self, source: PromptSource, mut entry: Entry) -> Option<Entry> {
        entry.used = self.requests;
        self.entries.insert(source, entry)
    }

    /// Takes out the prompt that was asked for longest ago among those that nobody else holds.
    pub(super) fn remove_oldest_unused(&mut self) -> Option<Entry> {
        let unused = self.entries.iter().filter(|(_, entry)| Arc::strong_count(&entry.prompt) == 1);
        let (source, _) = unused.min_by_key(|(_, entry)| entry.used)?;
        let source = source.clone();
        self.entries.remove(&source)
    }
}
