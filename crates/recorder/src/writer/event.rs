//! What a recorder says of its recordings.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use crate::sink::{Finished, LossPlace, RecordingId};

/// An event of a recording.
#[derive(Debug)]
pub struct RecordingEvent {
    /// The recording; none where all of them are meant.
    pub id: Option<RecordingId>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened to a recording.
#[derive(Debug)]
#[non_exhaustive]
pub enum EventKind {
    /// It began.
    Started,
    /// Its call is paused from a sample on.
    Paused(u64),
    /// Secure input masks its call from a sample on.
    Masked(u64),
    /// It records again, from a sample on.
    Resumed(u64),
    /// Audio was lost; silence stands for it.
    Lost {
        /// Samples of one channel.
        samples: u64,
        /// Where.
        place: LossPlace,
    },
    /// Its sink refuses. Audio waits, and is lost once no more can wait.
    Stalled(io::ErrorKind),
    /// The disk is full. Audio waits, and is lost once no more can wait.
    DiskFull,
    /// Its sink takes audio again.
    Flowing,
    /// The disk refused to make what was taken survive a loss of power.
    NotSynced(io::ErrorKind),
    /// A thread that encodes has too much to do, and goes on at the least complexity; or, by false, no longer does.
    Hurried(bool),
    /// It is complete.
    Finished(Finished),
    /// It is given up. What was taken stays, and is completed by [`Recorder::recover`](crate::Recorder::recover).
    Failed {
        /// Why.
        reason: String,
    },
}

/// The way of events to their reader.
pub(super) struct Events {
    sender: SyncSender<RecordingEvent>,
    dropped: AtomicU64,
    /// The recorder goes away, and nobody waits for anything.
    abandoned: AtomicBool,
}

/// How often it is tried to give an event to a reader who does not read.
const RETRY: Duration = Duration::from_millis(20);

impl Events {
    pub(super) const fn new(sender: SyncSender<RecordingEvent>) -> Self {
        Self { sender, dropped: AtomicU64::new(0), abandoned: AtomicBool::new(false) }
    }

    /// Sends an event that may be left out if nobody reads.
    pub(super) fn mention(&self, id: Option<&RecordingId>, kind: EventKind) {
        if self.sender.try_send(RecordingEvent { id: id.cloned(), kind }).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sends an event that is never left out while the recorder lives: waits for the reader.
    pub(super) fn deliver(&self, id: &RecordingId, kind: EventKind) {
        let mut event = RecordingEvent { id: Some(id.clone()), kind };
        while let Err(TrySendError::Full(back)) = self.sender.try_send(event) {
            if self.abandoned.load(Ordering::Relaxed) {
                return;
            }
            event = back;
            std::thread::sleep(RETRY);
        }
    }

    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Events that were left out because nobody read.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
