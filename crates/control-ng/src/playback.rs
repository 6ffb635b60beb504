//! Recordings that commands have played into calls: who opens them, how many at once, and why one is refused.

use std::fmt;
use std::io::{Read, Seek};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use mediapoint_engine::Permission;
use mediapoint_recorder::{Decoder, RecordingId};

use crate::NgError;

/// Who has a recording played, for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaybackAsker {
    /// Where the command came from.
    pub from: SocketAddr,
    /// The call-id.
    pub call: String,
    /// The via-branch, where the command has one.
    pub branch: Option<String>,
    /// Tag of the party that is to hear it.
    pub party: String,
}

/// Why a recording is not played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaybackRefusal {
    /// Nobody gave the server a key to open recordings with.
    #[error("recordings cannot be played: the server has no playback identity")]
    NoIdentity,
    /// There is none of that name.
    #[error("there is no recording {0}")]
    Unknown(RecordingId),
    /// It is being made, or on its way to the store.
    #[error("recording {0} is not stored yet")]
    NotStored(RecordingId),
    /// It was deleted.
    #[error("recording {0} was deleted")]
    Deleted(RecordingId),
    /// The server's identity is no recipient's.
    #[error("recording {0} cannot be opened: the playback identity is none of its recipients")]
    WrongIdentity(RecordingId),
    /// It is damaged.
    #[error("recording {id} is damaged: {reason}")]
    Damaged {
        /// Its name.
        id: RecordingId,
        /// Why it cannot be read.
        reason: String,
    },
    /// Store or catalogue do not answer, or refuse.
    #[error("recording {id} cannot be fetched: {reason}")]
    Unavailable {
        /// Its name.
        id: RecordingId,
        /// Their reason.
        reason: String,
    },
}

/// What is read and sought in.
pub trait ReadSeek: Read + Seek + Send {}

impl<T: Read + Seek + Send> ReadSeek for T {}

/// A recording that was opened.
pub struct OpenedRecording {
    /// Reads it.
    pub decoder: Decoder<Box<dyn ReadSeek>>,
    /// How long it is.
    pub duration: Duration,
    /// Asked now and then whether it may be played on.
    pub permission: Permission,
}

/// Opens recordings for calls, and writes into the audit log that it did or did not. Called from threads that may wait.
pub trait RecordingOpener: Send + Sync {
    /// Opens a recording.
    ///
    /// # Errors
    /// [`PlaybackRefusal`], which is in the audit log then.
    fn open(&self, id: &RecordingId, asker: &PlaybackAsker) -> Result<OpenedRecording, PlaybackRefusal>;
}

/// The recordings that a controller can have played.
pub struct Playbacks {
    opener: Arc<dyn RecordingOpener>,
    limit: usize,
    within: Duration,
    /// Recordings that are open or being opened.
    open: Arc<AtomicUsize>,
    waiting: AtomicUsize,
}

/// How long a request waits for a recording to be opened.
const OPEN_WITHIN: Duration = Duration::from_secs(3);

/// Requests that wait so at once: each keeps a thread of the control port.
const WAITING: usize = 2;

impl Playbacks {
    /// Recordings that this opener opens, at most so many at once: each has a thread.
    #[must_use]
    pub fn new(opener: Arc<dyn RecordingOpener>, limit: usize) -> Self {
        let (open, waiting) = (Arc::default(), AtomicUsize::new(0));
        Self { opener, limit, within: OPEN_WITHIN, open, waiting }
    }

    /// Most requests that wait for a recording to be opened at once.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        WAITING
    }

    /// Recordings that are being played, or opened for it.
    #[must_use]
    pub fn open_now(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// Opens a recording. Waits: no lock may be held. It counts as open until the result's permission is dropped.
    pub(crate) fn open(&self, id: &RecordingId, asker: PlaybackAsker) -> Result<OpenedRecording, NgError> {
        let permit =
            Permit::of(&self.open, self.limit).ok_or(NgError::TooManyPlaybacks { limit: self.limit })?;
        let _waits = Waits::of(&self.waiting).ok_or(NgError::TooManyLoads { limit: WAITING })?;
        let (opener, wanted, (done, opened)) = (Arc::clone(&self.opener), id.clone(), mpsc::sync_channel(1));
        let open = move || {
            let opened = opener.open(&wanted, &asker).map(|opened| {
                let OpenedRecording { mut permission, decoder, duration } = opened;
                let permission: Permission = Box::new(move || {
                    let _ = &permit;
                    permission()
                });
                OpenedRecording { decoder, duration, permission }
            });
            // Nobody waits any more where it took too long.
            let _ = done.send(opened);
        };
        let thread = thread::Builder::new().name("playback-open".to_owned()).spawn(open);
        thread.map_err(|error| NgError::Recording(error.to_string()))?;
        match opened.recv_timeout(self.within) {
            Ok(opened) => opened.map_err(NgError::Playback),
            Err(RecvTimeoutError::Timeout) => {
                Err(NgError::RecordingNotOpened { seconds: self.within.as_secs() })
            }
            Err(RecvTimeoutError::Disconnected) => Err(NgError::Internal),
        }
    }
}

impl fmt::Debug for Playbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Playbacks")
            .field("limit", &self.limit)
            .field("open", &self.open_now())
            .finish_non_exhaustive()
    }
}

/// One of the recordings that may be open at once.
struct Permit(Arc<AtomicUsize>);

impl Permit {
    fn of(open: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        let permit = Self(Arc::clone(open));
        (open.fetch_add(1, Ordering::AcqRel) < limit).then_some(permit)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// One of the requests that may wait at once.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn of(waiting: &'a AtomicUsize) -> Option<Self> {
        let waits = Self(waiting);
        (waiting.fetch_add(1, Ordering::AcqRel) < WAITING).then_some(waits)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
