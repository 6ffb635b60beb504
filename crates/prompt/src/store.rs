//! Loads prompts off the workers, once for all who ask, and keeps them under a memory bound.

mod config;
mod figures;
mod file;
mod handle;
mod state;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};

use crate::budget::{Budget, Evict};
use crate::decode::{Hint, decode, decode_bytes};
use crate::error::PromptError;
use crate::format::FileFormat;
use crate::prompt::{Form, Prompt};

pub use config::{Clock, StoreConfig};
pub use figures::StoreFigures;
use figures::{Counters, count};
pub use handle::PromptHandle;
use handle::{Job, Work};
use state::{Entry, Lookup, State, Validity};

/// Where a prompt comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PromptSource {
    /// A file in one of the store's folders: relative to the first that has it, or absolute.
    File {
        /// Its path.
        path: Arc<Path>,
        /// Its format, where its name and content do not say.
        format: Option<FileFormat>,
    },
    /// Bytes of a file, such as ng's `blob`.
    Blob {
        /// All of it.
        bytes: Arc<[u8]>,
        /// Its format, where its content does not say.
        format: Option<FileFormat>,
    },
    /// An http or https URL.
    Url {
        /// The URL.
        url: Arc<str>,
        /// Its format, where path, media type and content do not say.
        format: Option<FileFormat>,
    },
}

impl PromptSource {
    /// A file that says itself what it is.
    #[must_use]
    pub fn file(path: impl AsRef<Path>) -> Self {
        Self::File { path: path.as_ref().into(), format: None }
    }

    /// Bytes that say themselves what they are.
    #[must_use]
    pub fn blob(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::Blob { bytes: bytes.into(), format: None }
    }

    /// A URL.
    #[must_use]
    pub fn url(url: &str) -> Self {
        Self::Url { url: url.into(), format: None }
    }
}

/// Prompts by their sources. Dropping it ends its threads once what they load is done; prompts live on in their users.
#[derive(Debug)]
pub struct PromptStore {
    inner: Arc<Inner>,
    threads: Vec<JoinHandle<()>>,
}

struct Inner {
    config: StoreConfig,
    /// The folders that files come from, as they are without links.
    roots: Vec<PathBuf>,
    budget: Arc<Budget>,
    state: Mutex<State>,
    wake: Condvar,
    counters: Counters,
    #[cfg(feature = "http")]
    http: crate::http::Client,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("roots", &self.roots)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

impl PromptStore {
    /// A store with its loader threads.
    ///
    /// # Errors
    /// [`PromptError::File`] where a folder is not there, or a thread cannot be started.
    pub fn new(config: StoreConfig) -> Result<Self, PromptError> {
        let failed = |name: &Path, error: std::io::Error| PromptError::File {
            name: name.display().to_string(),
            reason: error.to_string(),
        };
        let roots = config
            .roots
            .iter()
            .map(|root| root.canonicalize().map_err(|error| failed(root, error)))
            .collect::<Result<_, _>>()?;
        let budget = Arc::new(Budget::new(config.memory_bytes));
        let inner = Arc::new(Inner {
            #[cfg(feature = "http")]
            http: crate::http::Client::new(config.http.clone()),
            roots,
            budget: Arc::clone(&budget),
            state: Mutex::new(State::default()),
            wake: Condvar::new(),
            counters: Counters::default(),
            config,
        });
        let evict: Weak<dyn Evict> = Arc::<Inner>::downgrade(&inner);
        budget.set_evict(evict);
        let mut store = Self { inner, threads: Vec::new() };
        for number in 0..store.inner.config.threads.max(1) {
            let inner = Arc::clone(&store.inner);
            let thread = thread::Builder::new()
                .name(format!("prompt-{number}"))
                .spawn(move || inner.work())
                .map_err(|error| failed(Path::new("a loader thread"), error))?;
            store.threads.push(thread);
        }
        Ok(store)
    }

    /// Asks for a prompt. Takes a lock for a moment, and does no input or output: what is not there, or not looked after
    /// for [`StoreConfig::recheck`], is loaded by another thread. Requests for the same source meanwhile share it.
    #[must_use = "the prompt comes by the handle"]
    pub fn load(&self, source: &PromptSource) -> PromptHandle {
        let inner = &*self.inner;
        let now = (inner.config.clock)();
        let mut state = inner.state();
        match state.look_up(source, now, inner.config.recheck) {
            Lookup::Fresh(prompt) => {
                count(&inner.counters.hits);
                PromptHandle::done(Ok(prompt))
            }
            Lookup::Loading(job) => {
                count(&inner.counters.misses);
                job.handle()
            }
            Lookup::Due => inner.enqueue(state, Work::Load(source.clone())),
        }
    }

    /// Asks for forms of a prompt that are to be there before it plays: samples at other rates, payloads. Takes a lock for a
    /// moment: what is not there is made by a loader thread. The outcome is the prompt itself.
    #[must_use = "the forms are there once the handle has the prompt"]
    pub fn make(&self, prompt: &Arc<Prompt>, forms: Vec<Form>) -> PromptHandle {
        if prompt.has(&forms) {
            return PromptHandle::done(Ok(Arc::clone(prompt)));
        }
        self.inner.enqueue(self.inner.state(), Work::Make(Arc::clone(prompt), forms))
    }

    /// Forgets a prompt: the next request loads it anew.
    pub fn forget(&self, source: &PromptSource) {
        let forgotten = self.inner.state().entries.remove(source);
        drop(forgotten);
    }

    /// What it has done and holds.
    #[must_use]
    pub fn figures(&self) -> StoreFigures {
        let counters = &self.inner.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let state = self.inner.state();
        StoreFigures {
            hits: read(&counters.hits),
            misses: read(&counters.misses),
            loads: read(&counters.loads),
            unchanged: read(&counters.unchanged),
            failures: read(&counters.failures),
            refused: read(&counters.refused),
            evictions: read(&counters.evictions),
            prompts: state.entries.len() as u64,
            bytes: self.inner.budget.used(),
            waiting: state.queue.len() as u64,
        }
    }
}

impl Drop for PromptStore {
    fn drop(&mut self) {
        let left = {
            let mut state = self.inner.state();
            state.is_shut_down = true;
            state.take_queue()
        };
        self.inner.wake.notify_all();
        for job in left {
            job.finish(Err(PromptError::ShutDown));
        }
        // A callback may be what drops it, on one of these threads.
        let here = thread::current().id();
        for thread in self.threads.drain(..).filter(|thread| thread.thread().id() != here) {
            let _ = thread.join();
        }
    }
}

impl Evict for Inner {
    fn evict_one(&self) -> bool {
        let evicted = self.state().remove_oldest_unused();
        if evicted.is_some() {
            count(&self.counters.evictions);
        }
        evicted.is_some()
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts work into the queue, where there is room.
    fn enqueue(&self, mut state: MutexGuard<'_, State>, work: Work) -> PromptHandle {
        if state.is_shut_down {
            return PromptHandle::done(Err(PromptError::ShutDown));
        }
        if state.queue.len() >= self.config.queue {
            count(&self.counters.refused);
            return PromptHandle::done(Err(PromptError::Busy(state.queue.len())));
        }
        let job = Arc::new(Job::new(work));
        let handle = job.handle();
        state.enqueue(&job);
        drop(state);
        self.wake.notify_one();
        handle
    }

    /// What a loader thread does until the store is dropped.
    fn work(&self) {
        while let Some(job) = self.next_job() {
            let work = || match &job.work {
                Work::Load(source) => self.load(source),
                Work::Make(prompt, forms) => prompt.make(forms).map(|()| Arc::clone(prompt)),
            };
            let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(PromptError::BrokeDown));
            if outcome.is_err() {
                count(&self.counters.failures);
            }
            if let Work::Load(source) = &job.work {
                self.state().loading.remove(source);
            }
            job.finish(outcome);
        }
    }

    fn next_job(&self) -> Option<Arc<Job>> {
        let mut state = self.state();
        loop {
            if state.is_shut_down {
                return None;
            }
            if let Some(job) = state.queue.pop_front() {
                return Some(job);
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn load(&self, source: &PromptSource) -> Result<Arc<Prompt>, PromptError> {
        let known = self.state().entries.get(source).map(|entry| entry.validity.clone());
        let (loaded, validity) = match source {
            PromptSource::File { path, format } => self.load_file(path, *format, known.as_ref())?,
            PromptSource::Blob { bytes, format } => {
                let hint = format.map_or(Hint::None, Hint::Exactly);
                let audio = decode_bytes(Arc::clone(bytes), hint, &self.config.limits)?;
                let name = format!("blob of {} bytes", bytes.len());
                // The bytes are kept, too, to know them again.
                let prompt = Prompt::counted(&name, audio, &self.budget)?;
                prompt.keep(bytes.len() as u64)?;
                (Some(prompt), Validity::Blob)
            }
            PromptSource::Url { url, format } => self.load_url(url, *format, known.as_ref())?,
        };
        let now = (self.config.clock)();
        let mut state = self.state();
        let prompt = match loaded {
            Some(prompt) => {
                count(&self.counters.loads);
                count(&self.counters.misses);
                prompt
            }
            None => match state.entries.get(source) {
                Some(entry) => {
                    count(&self.counters.unchanged);
                    count(&self.counters.hits);
                    Arc::clone(&entry.prompt)
                }
                // Dropped to make room while it was asked for changes.
                None => return Err(PromptError::Busy(0)),
            },
        };
        let replaced = state
            .insert(source.clone(), Entry { prompt: Arc::clone(&prompt), used: 0, checked: now, validity });
        drop(state);
        drop(replaced);
        Ok(prompt)
    }

    /// Loads a file, or nothing where it is as it was.
    fn load_file(
        &self,
        path: &Path,
        format: Option<FileFormat>,
        known: Option<&Validity>,
    ) -> Result<(Option<Arc<Prompt>>, Validity), PromptError> {
        let (file, about) = file::open(&self.roots, path)?;
        let validity = Validity::File { len: about.len(), modified: about.modified().ok() };
        if known == Some(&validity) {
            return Ok((None, validity));
        }
        let hint = match (format, FileFormat::of_path(path)) {
            (Some(format), _) => Hint::Exactly(format),
            (None, Some(format)) => Hint::Likely(format),
            (None, None) => Hint::None,
        };
        let audio = decode(file, hint, &self.config.limits)?;
        let prompt = Prompt::counted(&path.to_string_lossy(), audio, &self.budget)?;
        Ok((Some(prompt), validity))
    }

    #[cfg(feature = "http")]
    fn load_url(
        &self,
        url: &str,
        format: Option<FileFormat>,
        known: Option<&Validity>,
    ) -> Result<(Option<Arc<Prompt>>, Validity), PromptError> {
        use crate::http::Fetched;

        let now = (self.config.clock)();
        let known = match known {
            Some(Validity::Url(known)) => Some(known),
            _ => None,
        };
        let failed = |reason| PromptError::Url { url: crate::http::redacted(url), reason };
        match self.http.fetch(url, known, now).map_err(failed)? {
            Fetched::Unchanged(validators) => Ok((None, Validity::Url(validators))),
            Fetched::Body { bytes, media_type, validators } => {
                let told = || crate::http::format_of(url, media_type.as_deref());
                let hint = format.map_or_else(|| told().map_or(Hint::None, Hint::Likely), Hint::Exactly);
                let audio = decode_bytes(bytes, hint, &self.config.limits)?;
                let prompt = Prompt::counted(url, audio, &self.budget)?;
                Ok((Some(prompt), Validity::Url(validators)))
            }
        }
    }

    #[cfg(not(feature = "http"))]
    #[expect(clippy::unused_self, reason = "the same with the feature http")]
    fn load_url(
        &self,
        _url: &str,
        _format: Option<FileFormat>,
        _known: Option<&Validity>,
    ) -> Result<(Option<Arc<Prompt>>, Validity), PromptError> {
        Err(PromptError::Url { url: "a URL".to_owned(), reason: crate::error::UrlProblem::NoClient })
    }
}
