//! The recorder of the server: its folder and keys, what a crash left behind, and the thread that reads its events.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mediapoint_control_ng::{RecordingOutcome, Recordings, Time};
use mediapoint_engine::Engine;
use mediapoint_recorder::{
    Clock, EventKind, Finished, Folder, NodeKey, Recorder, RecorderSettings, RecordingEvent,
    RecoveryIdentity, SealError, SealedSpool, SpoolConfig,
};

use crate::config::RecordingPolicy;

/// Why nothing can be recorded.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordingError {
    #[error("recordings: {folder}: {source}")]
    Folder { folder: PathBuf, source: io::Error },
    #[error("recording: {0}")]
    Key(SealError),
    #[error("recording: {0}")]
    Recipient(SealError),
    #[error("recording: cannot start a thread: {0}")]
    Thread(io::Error),
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

/// The recorder, with the thread that reads its events.
#[derive(Debug)]
pub(super) struct RecordingService {
    recordings: Arc<Recordings>,
    thread: JoinHandle<()>,
}

impl RecordingService {
    /// Opens the folder, completes what a crash left behind, and starts the threads.
    pub(super) fn start(engine: &Engine, policy: &RecordingPolicy) -> Result<Self, RecordingError> {
        let clock = Arc::new(ServerClock(mediapoint_net::Clock::new()));
        let spool = open(policy)?;
        let settings = RecorderSettings {
            encoders: policy.threads,
            most_recordings: policy.max_recordings,
            least_free: policy.keep_free,
            ..RecorderSettings::default()
        };
        let (recorder, events) =
            Recorder::new(Arc::new(spool), clock, settings).map_err(RecordingError::Thread)?;
        let mut completed = |outcome: io::Result<Finished>| match outcome {
            Ok(finished) => tracing::warn!(
                recording = %finished.id,
                samples = finished.samples,
                "a recording that a crash had left behind is complete"
            ),
            Err(error) => tracing::error!(%error, "a recording that a crash had left behind is lost"),
        };
        recorder.recover(&mut completed).map_err(RecordingError::Recover)?;
        let recordings = Arc::new(Recordings::new(recorder, policy.to_settings()));
        let (known, calls) = (Arc::clone(&recordings), engine.clone());
        let thread = thread::Builder::new()
            .name("recordings".to_owned())
            .spawn(move || read(&events, &known, &calls))
            .map_err(RecordingError::Thread)?;
        Ok(Self { recordings, thread })
    }

    /// What commands record with.
    pub(super) fn recordings(&self) -> Arc<Recordings> {
        Arc::clone(&self.recordings)
    }

    /// Waits until the files of all recordings are complete. No call may be left, and nobody else may hold the recordings.
    pub(super) fn finish(self) {
        let Self { recordings, thread } = self;
        recordings.end();
        drop(recordings);
        // A thread that panicked has logged so.
        drop(thread.join());
    }
}

/// The folder with its keys, which are made where there are none.
pub(super) fn open(policy: &RecordingPolicy) -> Result<SealedSpool, RecordingError> {
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
    mediapoint_recorder::Recipients::parse(&policy.recipients).map_err(RecordingError::Recipient)?;
    let files = Folder::open(&policy.folder).map_err(|source| of(&policy.folder, source))?;
    let node = NodeKey::load_or_create(&policy.node_key).map_err(RecordingError::Key)?;
    let recovery =
        RecoveryIdentity::load_or_create(&policy.recovery_identity).map_err(RecordingError::Key)?;
    let config = SpoolConfig { danger_unencrypted: policy.danger_unencrypted };
    Ok(SealedSpool::new(Arc::new(files), node, recovery, config))
}

/// How often it is looked whether recordings are to end.
const LOOK_EVERY: Duration = Duration::from_millis(250);

fn read(events: &Receiver<RecordingEvent>, recordings: &Recordings, engine: &Engine) {
    loop {
        let event = match events.recv_timeout(LOOK_EVERY) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) if recordings.has_ended() => return,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        log(&event);
        match (recordings.handle_event(&event), event.kind) {
            (RecordingOutcome::Remove, EventKind::Finished(finished)) => remove(&finished),
            (RecordingOutcome::EndCall(call), _) => {
                tracing::error!(
                    call = call.as_u64(),
                    "a call is ended, for it may not go on without its recording"
                );
                // Where it ended by itself meanwhile, nothing is left to do.
                if let Some(call) = engine.call(call) {
                    drop(call.end());
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
