//! The service: takes finished recordings from the spool folder to the store, the catalogue and the listeners.
//!
//! It runs on a thread of its own ([`Service::run`]), since its queue blocks for syncs of the disk. Nothing of a call ever
//! waits for it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::Notify;

use crate::catalogue::{Catalogue, CatalogueError};
use crate::database::DatabaseError;
use crate::entry::{Entry, PersonalColumns};
use crate::notify::Listener;
use crate::queue::{Job, Queue};
use crate::store::{Store, StoreError};
use crate::transfer::{BackOff, Next, Outcome, Stage};
use mediapoint_recorder::RecordingId;

mod spool;
mod steps;

/// Milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// How a recording is deleted where copies of its object may be anywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shredding {
    /// The headers of the age files, which wrap their keys, are in the catalogue alone. Deleting them there makes every copy
    /// of the object unreadable, in old versions and backups of the store as well. Without the catalogue or a backup of it,
    /// no recording can be opened.
    #[default]
    HeadersApart,
    /// The store has whole age files. They can be opened without the catalogue; a copy that is elsewhere stays readable for
    /// its recipients when the recording is deleted.
    WholeFiles,
}

/// Settings.
#[derive(Clone, Debug)]
pub struct ServiceConfig {
    /// Folder in which finished recordings appear, and the queue's file is.
    pub spool: PathBuf,
    /// What the catalogue holds in clear.
    pub columns: PersonalColumns,
    /// How recordings are deleted.
    pub shredding: Shredding,
    /// Delays between attempts.
    pub back_off: BackOff,
    /// Recordings that are moved at the same time.
    pub at_once: usize,
}

impl ServiceConfig {
    /// Settings with their defaults: four recordings at once, headers apart.
    #[must_use]
    pub fn new(spool: &Path, columns: PersonalColumns) -> Self {
        Self {
            spool: spool.to_owned(),
            columns,
            shredding: Shredding::default(),
            back_off: BackOff::default(),
            at_once: 4,
        }
    }
}

/// Why the service does not take a recording.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The queue's file.
    #[error("content queue: {0}")]
    Queue(#[from] DatabaseError),
    /// A finished recording has no files in the spool folder.
    #[error("recording {id}: {reason}")]
    Spool {
        /// Its name.
        id: RecordingId,
        /// What is wrong.
        reason: String,
    },
    /// It is already on its way.
    #[error("recording {0} is already on its way")]
    Known(RecordingId),
    /// It is not in the queue.
    #[error("recording {0} is not on its way")]
    Unknown(RecordingId),
}

/// A recording on its way, for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its name.
    pub id: RecordingId,
    /// Where it is. `None` while it is still recorded.
    pub stage: Option<Stage>,
    /// Failures of the current step in a row.
    pub failures: u32,
    /// Reason of the last.
    pub last_failure: Option<String>,
    /// Why it waits for [`Service::retry`], if it does.
    pub stuck: Option<String>,
}

/// The content service.
pub struct Service {
    config: ServiceConfig,
    store: Store,
    catalogue: Arc<Catalogue>,
    queue: Queue,
    listener: Box<dyn Listener>,
    clock: Clock,
    wake: Notify,
    stopping: std::sync::atomic::AtomicBool,
    /// Jobs that are being worked on: nobody else changes their rows meanwhile.
    busy: Mutex<BTreeSet<RecordingId>>,
}

impl Service {
    /// Opens the queue. What was on its way goes on at the next [`Service::work`].
    ///
    /// # Errors
    /// The queue's reason.
    pub fn open(
        config: ServiceConfig,
        store: Store,
        catalogue: Arc<Catalogue>,
        listener: Box<dyn Listener>,
        clock: Clock,
    ) -> Result<Self, ServiceError> {
        let queue = Queue::open(&config.spool.join("content-queue.sqlite"))?;
        let (wake, busy) = (Notify::new(), Mutex::default());
        let stopping = std::sync::atomic::AtomicBool::new(false);
        Ok(Self { config, store, catalogue, queue, listener, clock, wake, stopping, busy })
    }

    /// A recording begins. What it is found by is kept for the case that the server does not live to its end.
    ///
    /// # Errors
    /// [`ServiceError::Known`] or the queue's reason.
    pub fn register(&self, id: &RecordingId, entry: &Entry) -> Result<(), ServiceError> {
        if self.queue.job(id)?.is_some() {
            return Err(ServiceError::Known(id.clone()));
        }
        Ok(self.queue.save(&Job::new(id.clone(), self.config.columns.apply(entry), false))?)
    }

    /// A registered recording came to nothing.
    ///
    /// # Errors
    /// [`ServiceError::Known`] if it is finished and on its way, or the queue's reason.
    pub fn withdraw(&self, id: &RecordingId) -> Result<(), ServiceError> {
        match self.queue.job(id)? {
            Some(job) if job.finished => Err(ServiceError::Known(id.clone())),
            _ => Ok(self.queue.remove(id)?),
        }
    }

    /// A recording is finished: its files are in the spool folder, whole and synced. True if it was not known to be so
    /// before.
    ///
    /// # Errors
    /// [`ServiceError::Spool`] if files are missing, or the queue's reason.
    pub fn submit(&self, id: &RecordingId, entry: &Entry) -> Result<bool, ServiceError> {
        if self.queue.job(id)?.is_some_and(|job| job.finished) {
            return Ok(false);
        }
        spool::check(&self.config.spool, id, &entry.format)?;
        self.queue.save(&Job::new(id.clone(), self.config.columns.apply(entry), true))?;
        self.wake.notify_one();
        Ok(true)
    }

    /// Takes up what is finished in the spool folder and not in the queue: after a crash between the end of a recording and
    /// [`Service::submit`]. `entry` gives the fields of one that was never registered, from its manifest, and of each its length
    /// and whether it was recovered. What was registered and left no file is forgotten: nothing of it was ever written. Returns
    /// the recordings that were taken up. Only before the first recording begins.
    ///
    /// # Errors
    /// The queue's reason, or that of the folder.
    pub fn adopt(
        &self,
        entry: &dyn Fn(&RecordingId, &[u8]) -> Entry,
    ) -> Result<Vec<RecordingId>, ServiceError> {
        let mut adopted = Vec::new();
        for found in spool::finished(&self.config.spool)? {
            let job = match self.queue.job(&found.id)? {
                Some(job) if job.finished => continue,
                Some(job) => {
                    let Entry { length, recovered, .. } = entry(&found.id, &found.manifest);
                    Job::new(found.id, Entry { length, recovered, format: found.format, ..job.entry }, true)
                }
                None => {
                    let fields = self.config.columns.apply(&entry(&found.id, &found.manifest));
                    Job::new(found.id, Entry { format: found.format, ..fields }, true)
                }
            };
            self.queue.save(&job)?;
            adopted.push(job.id);
        }
        for job in self.queue.jobs()?.iter().filter(|job| !job.finished) {
            if !spool::has_any(&self.config.spool, &job.id)? {
                self.queue.remove(&job.id)?;
                tracing::warn!(recording = %job.id, "a recording that had begun left nothing behind");
            }
        }
        self.wake.notify_one();
        Ok(adopted)
    }

    /// What is on its way.
    ///
    /// # Errors
    /// The queue's reason.
    pub fn pending(&self) -> Result<Vec<Pending>, ServiceError> {
        let pending = self.queue.jobs()?.into_iter().map(|job| Pending {
            stage: job.finished.then(|| job.transfer.stage()),
            failures: job.transfer.failures(),
            last_failure: job.transfer.last_failure().map(str::to_owned),
            stuck: job.transfer.stuck().map(str::to_owned),
            id: job.id,
        });
        Ok(pending.collect())
    }

    /// Another attempt for one that waits, now. Its files are measured again.
    ///
    /// # Errors
    /// [`ServiceError::Unknown`] or the queue's reason.
    pub fn retry(&self, id: &RecordingId) -> Result<(), ServiceError> {
        let job = self.queue.job(id)?.filter(|job| job.finished);
        let mut job = job.ok_or_else(|| ServiceError::Unknown(id.clone()))?;
        let busy = self.busy();
        if busy.contains(id) {
            return Ok(());
        }
        if job.transfer.stuck().is_some() && job.transfer.stage() <= Stage::Uploading {
            job.transfer.start_again();
        } else {
            job.transfer.retry();
        }
        self.queue.save(&job)?;
        drop(busy);
        self.wake.notify_one();
        Ok(())
    }

    /// Does everything that is due. Returns the time of the next attempt, if there is one.
    ///
    /// # Errors
    /// The queue's reason. What was done is written down; the rest is done by the next call.
    pub async fn work(&self) -> Result<Option<i64>, ServiceError> {
        let jobs: Vec<Job> = self.queue.jobs()?.into_iter().filter(|job| job.finished).collect();
        let results = futures_util::stream::iter(jobs).map(|job| self.run_job(job));
        let results: Vec<_> = results.buffer_unordered(self.config.at_once.max(1)).collect().await;
        let mut next = None::<i64>;
        for result in results {
            if let Some(at) = result? {
                next = Some(next.map_or(at, |next| next.min(at)));
            }
        }
        Ok(next)
    }

    /// Works until [`Service::stop`], on the calling thread.
    ///
    /// # Errors
    /// That of the thread's runtime.
    pub fn run(&self) -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            while !self.stopping.load(std::sync::atomic::Ordering::Acquire) {
                let next = self.work().await.unwrap_or_else(|error| {
                    tracing::error!(%error, "content service");
                    Some((self.clock)() + 1000)
                });
                let wait = next.map_or(Duration::from_secs(60), |at| {
                    Duration::from_millis(u64::try_from(at - (self.clock)()).unwrap_or(0))
                });
                let _ = tokio::time::timeout(wait, self.wake.notified()).await;
            }
        });
        Ok(())
    }

    /// Ends [`Service::run`] after the steps that it is at.
    pub fn stop(&self) {
        self.stopping.store(true, std::sync::atomic::Ordering::Release);
        self.wake.notify_one();
    }

    /// Step after step of one recording, as far as it goes now. Returns the time of the next attempt.
    async fn run_job(&self, mut job: Job) -> Result<Option<i64>, ServiceError> {
        if !self.busy().insert(job.id.clone()) {
            return Ok(None);
        }
        let _busy = Busy { service: self, id: job.id.clone() };
        loop {
            let step = match job.transfer.next((self.clock)()) {
                Next::Do(step) => step,
                Next::At(at) => return Ok(Some(at)),
                Next::Stuck | Next::Finished => return Ok(None),
            };
            let outcome = self.step(&mut job, step).await;
            let now = (self.clock)();
            let (id, stage) = (&job.id, job.transfer.stage());
            match &outcome {
                Outcome::Done => tracing::debug!(recording = %id, ?step, "done"),
                Outcome::Later(reason) | Outcome::Local(reason) => {
                    let given_up = job.transfer.gives_up(now, &self.config.back_off);
                    tracing::warn!(recording = %id, %stage, reason, given_up, "not yet");
                }
                Outcome::Refused(reason) => tracing::error!(recording = %id, %stage, reason, "stuck"),
            }
            job.transfer.handle(now, outcome, &self.config.back_off, spread(id));
            if job.transfer.next(now) == Next::Finished {
                self.queue.remove(&job.id)?;
            } else {
                self.queue.save(&job)?;
            }
        }
    }

    fn busy(&self) -> std::sync::MutexGuard<'_, BTreeSet<RecordingId>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends with the work on a job, whether it was finished or dropped.
struct Busy<'a> {
    service: &'a Service,
    id: RecordingId,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.service.busy().remove(&self.id);
    }
}

/// A number of the recording's own, the same after a restart (FNV-1a).
fn spread(id: &RecordingId) -> u64 {
    id.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn of_store(result: Result<(), StoreError>) -> Outcome {
    match result {
        Ok(()) => Outcome::Done,
        Err(error) if error.passes() => Outcome::Later(error.to_string()),
        Err(error @ StoreError::Local { unreadable: true, .. }) => Outcome::Local(error.to_string()),
        Err(error) => Outcome::Refused(error.to_string()),
    }
}

fn of_catalogue(result: Result<bool, CatalogueError>) -> Outcome {
    match result {
        Ok(_) => Outcome::Done,
        Err(error) if error.passes() => Outcome::Later(error.to_string()),
        Err(error) => Outcome::Refused(error.to_string()),
    }
}
