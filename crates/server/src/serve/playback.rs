//! Recordings that calls are played: opened with the playback identity, off the media workers.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mediapoint_content::{
    Asker, CatalogueError, Library, LibraryError, Listening, Record, RecordingId, Service, State,
};
use mediapoint_control_ng::{
    OpenedRecording, PlaybackAsker, PlaybackRefusal, Playbacks, ReadSeek, RecordingOpener,
};
use mediapoint_recorder::{DecodeError, Decoder, Identities, SealError};
use tokio::runtime::{Builder, Handle, Runtime};
use zeroize::Zeroizing;

use crate::config::RecordingPolicy;
use crate::content::{self, ContentError};

/// Why no recording can be played.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaybackError {
    #[error("recording: playback-identity: {0}: {1}")]
    File(PathBuf, io::Error),
    #[error("recording: playback-identity: {0}: {1}")]
    Identity(PathBuf, SealError),
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error("recording: cannot start a thread: {0}")]
    Thread(io::Error),
}

/// Opens recordings. The identity is read once: whoever ends the server's right to read the file ends nothing that runs.
struct Opener {
    library: Library,
    service: Option<Arc<Service>>,
    identity: Option<Zeroizing<Vec<u8>>>,
    runtime: Runtime,
}

/// The text of the playback identity, which is one; `None` where there is none.
pub(super) fn identity(policy: &RecordingPolicy) -> Result<Option<Zeroizing<Vec<u8>>>, PlaybackError> {
    let Some(file) = &policy.playback_identity else { return Ok(None) };
    let text = fs::read(file).map_err(|error| PlaybackError::File(file.clone(), error))?;
    let text = Zeroizing::new(text);
    // A typing error shows now, and not with the first call.
    Identities::parse(&text).map_err(|error| PlaybackError::Identity(file.clone(), error))?;
    Ok(Some(text))
}

/// The recordings that commands can have played. Without an identity every one is refused, which the audit log has.
pub(super) fn start(
    policy: &RecordingPolicy,
    service: Option<Arc<Service>>,
) -> Result<Playbacks, PlaybackError> {
    let identity = identity(policy)?;
    let library = content::library(policy)?;
    let runtime =
        Builder::new_multi_thread().worker_threads(1).thread_name("playback-io").enable_all().build();
    let runtime = runtime.map_err(PlaybackError::Thread)?;
    let opener = Opener { library, service, identity, runtime };
    Ok(Playbacks::new(Arc::new(opener), policy.max_playbacks))
}

impl RecordingOpener for Opener {
    fn open(&self, id: &RecordingId, asker: &PlaybackAsker) -> Result<OpenedRecording, PlaybackRefusal> {
        let asker = Asker {
            who: format!("ng {}", asker.from),
            call: asker.call.clone(),
            party: asker.party.clone(),
            branch: asker.branch.clone().unwrap_or_default(),
        };
        let runtime = self.runtime.handle();
        let Some(identity) = &self.identity else {
            return Err(self.refuse(id, &asker, PlaybackRefusal::NoIdentity));
        };
        let identities = Identities::parse(identity)
            .map_err(|_| self.refuse(id, &asker, PlaybackRefusal::NoIdentity))?
            .into_age();
        let opened = runtime.block_on(self.library.play(id, &asker, identities, runtime.clone()));
        let (record, listening) = opened.map_err(|error| self.refusal(id, error))?;
        self.read(id, &record, listening, &asker)
    }
}

impl Opener {
    /// A decoder of what was opened.
    fn read(
        &self,
        id: &RecordingId,
        record: &Record,
        listening: Listening,
        asker: &Asker,
    ) -> Result<OpenedRecording, PlaybackRefusal> {
        let reader: Box<dyn ReadSeek> = Box::new(listening);
        let decoder = Decoder::new(reader).map_err(|error| {
            let id = id.clone();
            let reason = error.to_string();
            let refusal = match error {
                // Octets that were altered show here, too.
                DecodeError::Io(error) if error.kind() != io::ErrorKind::InvalidData => {
                    PlaybackRefusal::Unavailable { id, reason }
                }
                _ => PlaybackRefusal::Damaged { id, reason },
            };
            self.refuse(&record.id, asker, refusal)
        })?;
        let duration = Duration::from_millis(u64::try_from(record.entry.length).unwrap_or(0));
        let (library, runtime, id) = (self.library.clone(), self.runtime.handle().clone(), id.clone());
        let permission = Box::new(move || still_there(&library, &runtime, &id));
        Ok(OpenedRecording { decoder, duration, permission })
    }

    /// Writes into the audit log that nothing is played, and why.
    fn refuse(&self, id: &RecordingId, asker: &Asker, refusal: PlaybackRefusal) -> PlaybackRefusal {
        let noted = self.runtime.block_on(self.library.refuse(id, asker, &refusal.to_string()));
        if let Err(error) = noted {
            tracing::error!(recording = %id, %error, "a refused playback is not in the audit log");
        }
        refusal
    }

    fn refusal(&self, id: &RecordingId, error: LibraryError) -> PlaybackRefusal {
        let id = id.clone();
        match error {
            LibraryError::NotARecipient(_) => PlaybackRefusal::WrongIdentity(id),
            LibraryError::Damaged { reason, .. } => PlaybackRefusal::Damaged { id, reason },
            LibraryError::Catalogue(CatalogueError::Deleted(_)) => PlaybackRefusal::Deleted(id),
            LibraryError::Catalogue(CatalogueError::Unknown(_)) if self.is_on_its_way(&id) => {
                PlaybackRefusal::NotStored(id)
            }
            LibraryError::Catalogue(CatalogueError::Unknown(_)) => PlaybackRefusal::Unknown(id),
            other => PlaybackRefusal::Unavailable { id, reason: other.to_string() },
        }
    }

    fn is_on_its_way(&self, id: &RecordingId) -> bool {
        let pending = self.service.as_ref().map(|service| service.pending());
        pending.is_some_and(|pending| pending.is_ok_and(|all| all.iter().any(|one| one.id == *id)))
    }
}

/// Refuses to play on what was deleted meanwhile. A catalogue that does not answer ends nothing.
fn still_there(library: &Library, runtime: &Handle, id: &RecordingId) -> Result<(), String> {
    match runtime.block_on(library.show(id)) {
        Ok(record) if record.state != State::Present => Err(PlaybackRefusal::Deleted(id.clone()).to_string()),
        Err(LibraryError::Catalogue(CatalogueError::Unknown(_))) => {
            Err(PlaybackRefusal::Unknown(id.clone()).to_string())
        }
        _ => Ok(()),
    }
}
