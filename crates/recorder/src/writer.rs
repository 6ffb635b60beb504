//! The threads that write recordings: encoders read taps and fill a bounded queue for each recording, a keeper empties the queues
//! into sinks, a syncer syncs them all at once, a finisher completes files.
//!
//! No thread waits for the one behind it, but by leaving audio where it is: a queue that is full makes the encoder leave
//! frames in the tap's ring, which drops what does not fit, and the time line states as lost. So nothing grows, whatever the
//! disk does.

mod encode;
mod event;
mod finish;
mod keep;
mod pace;
mod queue;
mod sync;
mod threads;

use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use mediapoint_packet::Time;

use crate::error::SealError;
use crate::format::{Format, FormatError};
use crate::recipients::PluginError;
use crate::sink::{Header, RecordingId};
use crate::time_line::{TapEnd, TapFrameView};

pub use event::{EventKind, RecordingEvent};
pub use queue::{MetadataError, RecordingStatistics};
pub use threads::{Recorder, Recording};

/// Where audio comes from: the reader's end of a tap's ring.
pub trait AudioSource: Send {
    /// Gives frames to `each`, in order, until there are none or it breaks. The frame it breaks at counts as read.
    fn read(&mut self, each: &mut dyn FnMut(&TapFrameView<'_>) -> ControlFlow<()>);

    /// Where the tap ended, once it has and every frame was read.
    fn ended(&self) -> Option<TapEnd>;
}

/// Where threads take the time from.
pub trait Clock: Send + Sync {
    /// Wall clock: time since 1970-01-01 00:00 UTC. It may jump.
    fn wall(&self) -> Duration;
    /// A clock that never jumps, of any epoch.
    fn steady(&self) -> Time;
}

/// A recording to be made.
#[derive(Debug, Clone)]
pub struct RecordingSpec {
    /// Name of the recording, and stem of its files.
    pub id: RecordingId,
    /// Format of the file.
    pub format: Format,
    /// Sample rate of the source in hertz.
    pub rate: u32,
    /// Work that the Opus encoder does, 0 to 10.
    pub complexity: u8,
    /// Who can open it: age recipients.
    pub recipients: Vec<String>,
    /// JSON that is kept encrypted only: parties, call, addresses, tags.
    pub personal: Vec<u8>,
}

impl RecordingSpec {
    fn header(&self, began: Duration) -> Header {
        Header {
            id: self.id.clone(),
            extension: self.format.extension().to_owned(),
            media_type: self.format.media_type().to_owned(),
            rate: self.rate,
            channels: self.format.channels().count(),
            began,
            recipients: self.recipients.clone(),
            personal: self.personal.clone(),
        }
    }
}

/// Settings of a recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecorderSettings {
    /// Threads that encode, at least 1. One that is busy for more than 85 % of the time goes on at complexity 0, which it says
    /// by [`EventKind::Hurried`], until it has plenty of time again.
    pub encoders: usize,
    /// How often taps are read and queues are emptied.
    pub poll_every: Duration,
    /// How often everything is made to survive a loss of power, by a thread of its own. Such a loss costs at most the 400 ms of
    /// a chunk, this, three times `poll_every`, and what the disk takes for it: less than a second where that is less than
    /// 150 ms. A process that is killed loses the chunk and twice `poll_every`, however long the disk takes.
    pub sync_every: Duration,
    /// Encoded audio that may wait for the disk, for each recording.
    pub queue: Duration,
    /// Recordings at once, those that are being finished included.
    pub most_recordings: usize,
    /// Octets that have to be free for a recording to be started.
    pub least_free: u64,
    /// How long a sink may fail until its recording is given up; what it has taken stays for [`Recorder::recover`].
    pub patience: Duration,
    /// Events that may wait to be read.
    pub events: usize,
}

impl Default for RecorderSettings {
    fn default() -> Self {
        Self {
            encoders: 1,
            poll_every: Duration::from_millis(50),
            sync_every: Duration::from_millis(300),
            queue: Duration::from_secs(30),
            most_recordings: 2000,
            least_free: 1 << 30,
            patience: Duration::from_secs(300),
            events: 4096,
        }
    }
}

/// Why a recording was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The source's audio cannot be encoded so.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The disk is nearly full.
    #[error("{free} octets are free, {needed} have to be")]
    NoSpace {
        /// Octets that are free.
        free: u64,
        /// Octets that have to be.
        needed: u64,
    },
    /// There are too many recordings.
    #[error("{0} recordings are in the making, and no more may be")]
    TooMany(usize),
    /// Its file could not be made.
    #[error("the recording's file could not be made: {0}")]
    Spool(#[from] io::Error),
    /// A plugin did not wrap its keys for a recipient.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The recorder is closing.
    #[error("the recorder is closing")]
    Closed,
}

impl StartError {
    /// Why a sink was not opened.
    fn of_spool(error: io::Error) -> Self {
        match error.downcast::<SealError>() {
            Ok(SealError::Plugin(error)) => Self::Plugin(error),
            Ok(error) => Self::Spool(error.into()),
            Err(error) => Self::Spool(error),
        }
    }
}

/// Octets of audio that may wait in a queue.
fn queue_limit(spec: &RecordingSpec, settings: &RecorderSettings) -> usize {
    let octets = u64::from(spec.format.bytes_per_second(spec.rate)) * settings.queue.as_secs().max(1);
    usize::try_from(octets).unwrap_or(usize::MAX).clamp(16 << 10, 8 << 20)
}

/// Keeps a panic to the recording that it happened in.
fn guarded<T>(who: &str, act: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(act)).map_err(|_| format!("{who} panicked"))
}

type SharedClock = Arc<dyn Clock>;

#[cfg(test)]
mod tests;
