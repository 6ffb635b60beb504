//! The recorder of the server: its folder and keys, what a crash left behind, and the thread that reads its events.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mediapoint_content::{Entry, Service, remove_staged};
use mediapoint_control_ng::{Playbacks, RecordingEntry, RecordingKeeper, RecordingOutcome, Recordings, Time};
use mediapoint_recorder::{
    Clock, EventKind, Finished, Folder, Manifest, NodeKey, Recipients, Recorder, RecorderSettings,
    RecordingEvent, RecordingId, RecoveryIdentity, SealError, SealedSpool, SpoolConfig,
};

use crate::config::{RecordingPolicy, StorePlace};
use crate::content::{self, ContentError};
use crate::serve::control::WeakController;
use crate::serve::playback::{self, PlaybackError};

/// Why nothing can be recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordingError {
    #[error("recordings: {folder}: {source}")]
    Folder { folder: PathBuf, source: io::Error },
    #[error("recording: {0}")]
    Key(SealError),
    #[error("recording: {0}")]
    Recipient(SealError),
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error("recording: cannot start a thread: {0}")]
    Thread(io::Error),
    #[error(transparent)]
    Playback(#[from] PlaybackError),
    #[error("recording: what an earlier run left behind cannot be completed: {0}")]
    Recover(io::Error),
}

/// The engine's clock, and the wall clock.
struct ServerClock(mediapoint_net::Clock);

impl Clock for ServerClock {
    fn wall(&self) -> Duration {
        self.0.wall()
    }

    fn steady(&self) -> Time {
        self.0.now()
    }
}

/// The recorder, with the thread that reads its events and the one that stores what is complete.
pub(super) struct RecordingService {
    recordings: Arc<Recordings>,
    playbacks: Option<Arc<Playbacks>>,
    thread: JoinHandle<()>,
    content: Option<(Arc<Service>, JoinHandle<()>)>,
    controller: Arc<OnceLock<WeakController>>,
}

/// Tells the content service of recordings as they begin.
struct Keeper {
    service: Arc<Service>,
    begun: Mutex<BTreeMap<RecordingId, Entry>>,
}

impl Keeper {
    fn begun(&self) -> MutexGuard<'_, BTreeMap<RecordingId, Entry>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a complete recording stored.
    fn complete(&self, finished: &Finished, rate: u32) {
        let entry = self.begun().remove(&finished.id).unwrap_or_default();
        let length = finished.samples.saturating_mul(1000) / u64::from(rate.max(1));
        let entry = Entry { length: i64::try_from(length).unwrap_or(i64::MAX), ..entry };
        if let Err(error) = self.service.submit(&finished.id, &entry) {
            // The next start finds it in the folder.
            tracing::error!(recording = %finished.id, %error, "a complete recording cannot be stored now");
        }
    }
}

impl RecordingKeeper for Keeper {
    fn begins(&self, id: &RecordingId, entry: &RecordingEntry) -> Result<(), String> {
        let entry = Entry {
            tenant: entry.tenant.clone(),
            call: entry.call.clone(),
            parties: entry.parties.clone(),
            tags: entry.metadata.iter().cloned().collect(),
            started: i64::try_from(entry.began.as_millis()).unwrap_or(i64::MAX),
            length: 0,
            format: entry.extension.to_owned(),
            recovered: false,
        };
        self.service.register(id, &entry).map_err(|error| error.to_string())?;
        self.begun().insert(id.clone(), entry);
        Ok(())
    }

    fn came_to_nothing(&self, id: &RecordingId) {
        self.begun().remove(id);
        if let Err(error) = self.service.withdraw(id) {
            tracing::warn!(recording = %id, %error, "a recording that came to nothing is still awaited");
        }
    }
}

/// What a manifest says of a recording that nobody registered.
fn entry_of(manifest: &[u8]) -> Entry {
    let Ok(manifest) = Manifest::read(manifest) else { return Entry::default() };
    let millis = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let length = manifest.audio.samples.saturating_mul(1000) / u64::from(manifest.audio.rate.max(1));
    Entry {
        started: millis(manifest.began_ms),
        length: millis(length),
        recovered: manifest.recovered.is_some(),
        ..Entry::default()
    }
}

impl RecordingService {
    /// Lets a controller end the calls that must not go on without their recordings.
    pub(super) fn end_calls_by(&self, controller: WeakController) {
        // It is given once.
        let _ = self.controller.set(controller);
    }

    /// Opens the folder, completes what a crash left behind, and starts the threads.
    pub(super) fn start(policy: &RecordingPolicy) -> Result<Self, RecordingError> {
        let clock = Arc::new(ServerClock(mediapoint_net::Clock::new()));
        let spool = open(policy)?;
        // Before there are calls: what a plugin needs time for is ready then.
        for recipients in policy.tenants.values().chain([&policy.recipients]) {
            spool.prepare(recipients).map_err(RecordingError::Recipient)?;
        }
        let settings = RecorderSettings {
            encoders: policy.threads,
            most_recordings: policy.max_recordings,
            least_free: policy.keep_free,
            ..RecorderSettings::default()
        };
        let (recorder, events) =
            Recorder::new(Arc::new(spool), clock, settings).map_err(RecordingError::Thread)?;
        recover(&recorder)?;
        let mut recordings = Recordings::new(recorder, policy.to_settings());
        let (mut keeper, mut content) = (None, None);
        // Plain files stay where they are: what is stored is encrypted.
        if !policy.recipients.is_empty() {
            let (service, thread) = store(policy)?;
            let kept = Arc::new(Keeper { service: Arc::clone(&service), begun: Mutex::default() });
            recordings = recordings.kept_by(Arc::clone(&kept) as Arc<dyn RecordingKeeper>);
            (keeper, content) = (Some(kept), Some((service, thread)));
        }
        let recordings = Arc::new(recordings);
        let known = Arc::clone(&recordings);
        let controller = Arc::new(OnceLock::new());
        let ends = Arc::clone(&controller);
        let reader = Reader { recordings: known, controller: ends, keeper, rate: policy.rate() };
        let thread = thread::Builder::new()
            .name("recordings".to_owned())
            .spawn(move || reader.read(&events))
            .map_err(RecordingError::Thread)?;
        let stored = content.as_ref().map(|(service, _)| Arc::clone(service));
        // A catalogue is opened only where there is something in it.
        let playbacks = match policy.recipients.is_empty() && policy.playback_identity.is_none() {
            true => None,
            false => Some(Arc::new(playback::start(policy, stored)?)),
        };
        Ok(Self { recordings, playbacks, thread, content, controller })
    }

    /// What commands record with.
    pub(super) fn recordings(&self) -> Arc<Recordings> {
        Arc::clone(&self.recordings)
    }

    /// What commands play recordings with.
    pub(super) fn playbacks(&self) -> Option<Arc<Playbacks>> {
        self.playbacks.clone()
    }

    /// Waits until the files of all recordings are complete. No call may be left, and nobody else may hold the recordings.
    pub(super) fn finish(self) {
        let Self { recordings, playbacks, thread, content, .. } = self;
        recordings.end();
        drop((recordings, playbacks));
        // A thread that panicked has logged so.
        drop(thread.join());
        if let Some((service, thread)) = content {
            // What is not stored yet is at the next start.
            service.stop();
            drop(thread.join());
        }
    }
}

/// Completes what a crash left behind, and says what came of it.
fn recover(recorder: &Recorder) -> Result<(), RecordingError> {
    let mut empty = 0_u64;
    let mut each = |outcome: io::Result<Finished>| match outcome {
        Ok(finished) => tracing::warn!(
            recording = %finished.id,
            samples = finished.samples,
            "a recording that a crash had left behind is complete"
        ),
        Err(error) => match LeftBehind::of(&error) {
            LeftBehind::Nothing => empty += 1,
            LeftBehind::Damaged => {
                tracing::error!(%error, "a recording that a crash had left behind is lost: its journal was set aside");
            }
            LeftBehind::Waits => {
                tracing::error!(%error, "a recording that a crash had left behind is not complete yet: its journal stays");
            }
        },
    };
    recorder.recover(&mut each).map_err(RecordingError::Recover)?;
    if empty > 0 {
        tracing::warn!(
            recordings = empty,
            "recordings that a crash ended before their first 400 ms were kept have no audio, and are gone"
        );
    }
    Ok(())
}

/// What a recording that cannot be completed leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeftBehind {
    /// Nothing: none of it had been kept yet.
    Nothing,
    /// A journal whose beginning is damaged, and which nobody opens any more.
    Damaged,
    /// A journal that is tried again.
    Waits,
}

impl LeftBehind {
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.get_ref().and_then(|error| error.downcast_ref()) {
            Some(SealError::NoBeginning) => Self::Nothing,
            Some(SealError::DamagedBeginning) => Self::Damaged,
            _ => Self::Waits,
        }
    }
}

/// Starts the content service, with what an earlier run left to it.
fn store(policy: &RecordingPolicy) -> Result<(Arc<Service>, JoinHandle<()>), RecordingError> {
    if let StorePlace::Folder(folder) = &policy.content.store {
        let swept = if folder.is_dir() { remove_staged(folder) } else { Ok(()) };
        swept.map_err(|source| RecordingError::Folder { folder: folder.clone(), source })?;
    }
    let service = Arc::new(content::service(policy)?);
    let adopted = service.adopt(&|_, manifest| entry_of(manifest)).map_err(ContentError::from)?;
    if !adopted.is_empty() {
        tracing::info!(recordings = adopted.len(), "recordings of an earlier run are stored now");
    }
    let works = Arc::clone(&service);
    let run = move || {
        if let Err(error) = works.run() {
            tracing::error!(%error, "recordings cannot be stored");
        }
    };
    let thread = thread::Builder::new().name("content".to_owned()).spawn(run);
    Ok((service, thread.map_err(RecordingError::Thread)?))
}

/// The folder with its keys, which are made where there are none.
pub(crate) fn open(policy: &RecordingPolicy) -> Result<SealedSpool, RecordingError> {
    let of = |folder: &PathBuf, source| RecordingError::Folder { folder: folder.clone(), source };
    fs::create_dir_all(&policy.folder).map_err(|source| of(&policy.folder, source))?;
    for file in [&policy.node_key, &policy.recovery_identity] {
        if let Some(folder) = file.parent() {
            let folder = folder.to_owned();
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
            made.map_err(|source| of(&folder, source))?;
        }
    }
    // A typing error in a recipient shows now, and not with the first call.
    plugins(policy)?;
    let files = Folder::open(&policy.folder).map_err(|source| of(&policy.folder, source))?;
    let node = NodeKey::load_or_create(&policy.node_key).map_err(RecordingError::Key)?;
    let recovery =
        RecoveryIdentity::load_or_create(&policy.recovery_identity).map_err(RecordingError::Key)?;
    let config =
        SpoolConfig { danger_unencrypted: policy.danger_unencrypted, plugin_timeout: policy.plugin_timeout };
    Ok(SealedSpool::new(Arc::new(files), node, recovery, config))
}

/// Reads the recipients, and finds the programs of their plugins.
pub(crate) fn plugins(policy: &RecordingPolicy) -> Result<Vec<(usize, PathBuf)>, RecordingError> {
    let recipients = Recipients::parse(&policy.all_recipients()).map_err(RecordingError::Recipient)?;
    recipients.find_plugins().map_err(|error| RecordingError::Recipient(error.into()))
}

/// How often it is looked whether recordings are to end.
const LOOK_EVERY: Duration = Duration::from_millis(250);

struct Reader {
    recordings: Arc<Recordings>,
    /// Who ends calls; there once the server serves.
    controller: Arc<OnceLock<WeakController>>,
    keeper: Option<Arc<Keeper>>,
    /// Samples a second.
    rate: u32,
}

impl Reader {
    fn read(&self, events: &Receiver<RecordingEvent>) {
        loop {
            match events.recv_timeout(LOOK_EVERY) {
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) if self.recordings.has_ended() => return,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn take(&self, event: RecordingEvent) {
        log(&event);
        match (self.recordings.handle_event(&event), event.kind) {
            (RecordingOutcome::Remove, EventKind::Finished(finished)) => {
                remove(&finished);
                if let Some(keeper) = &self.keeper {
                    keeper.came_to_nothing(&finished.id);
                }
            }
            (_, EventKind::Finished(finished)) => {
                if let Some(keeper) = &self.keeper {
                    keeper.complete(&finished, self.rate);
                }
            }
            (RecordingOutcome::EndCall { call, call_id }, _) => {
                tracing::error!(
                    call = call.as_u64(),
                    %call_id,
                    "a call is ended, for it may not go on without its recording"
                );
                // A recording has a call, which has a controller.
                if let Some(controller) = self.controller.get() {
                    controller.end_unrecorded(call, &call_id);
                }
            }
            _ => {}
        }
    }
}

fn remove(finished: &Finished) {
    for file in [&finished.path, &finished.manifest, &finished.metadata] {
        if let Err(error) = fs::remove_file(file) {
            tracing::error!(file = %file.display(), %error, "a recording that was discarded is still there");
        }
    }
}

fn log(event: &RecordingEvent) {
    let recording = event.id.as_ref().map(tracing::field::display);
    match &event.kind {
        EventKind::Started => tracing::info!(recording, "recording"),
        EventKind::Paused(sample) => tracing::info!(recording, sample, "recording is paused"),
        EventKind::Masked(sample) => tracing::info!(recording, sample, "recording is masked by secure input"),
        EventKind::Resumed(sample) => tracing::info!(recording, sample, "recording goes on"),
        EventKind::Lost { samples, place } => {
            tracing::warn!(
                recording,
                samples,
                ?place,
                "audio of a recording was lost: silence stands for it"
            );
        }
        EventKind::Finished(finished) => tracing::info!(
            recording,
            file = %finished.path.display(),
            samples = finished.samples,
            bytes = finished.bytes,
            "recording is complete"
        ),
        EventKind::Failed { reason } => tracing::error!(recording, reason, "recording failed"),
        EventKind::DiskFull => tracing::error!(recording, "the disk is full: audio of recordings waits"),
        EventKind::Stalled(kind) => {
            tracing::warn!(recording, %kind, "the disk refuses: audio of recordings waits")
        }
        EventKind::Flowing => tracing::info!(recording, "the disk takes audio again"),
        EventKind::NotSynced(kind) => {
            tracing::error!(recording, %kind, "recordings could not be made to survive a loss of power");
        }
        other => tracing::debug!(recording, ?other, "recording"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_crash_left_is_told_apart() {
        for (error, left) in [
            (SealError::NoBeginning, LeftBehind::Nothing),
            (SealError::DamagedBeginning, LeftBehind::Damaged),
            (SealError::WrongIdentity, LeftBehind::Waits),
            (SealError::Io(io::ErrorKind::StorageFull.into()), LeftBehind::Waits),
        ] {
            assert_eq!(LeftBehind::of(&error.into()), left);
        }
    }
}
