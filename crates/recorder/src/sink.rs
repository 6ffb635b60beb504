//! Where recordings go: chunks of a container, facts about the time line, and the traits of whoever keeps them.
//!
//! An encoder makes chunks, a sink takes them; neither knows the other.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a chunk of a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChunkKind {
    /// The beginning of the file. A later header of the same length takes the place of the first.
    Header,
    /// Audio, behind all bodies before it.
    Body,
}

/// A piece of a container that is written at once.
#[derive(Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Octets of the file.
    pub bytes: Vec<u8>,
    /// Number of its first sample, of one channel, counted from the recording's first.
    pub first_sample: u64,
    /// Samples of one channel in it; 0 in a header.
    pub samples: u64,
    /// What it is.
    pub kind: ChunkKind,
}

// Media never reaches `Debug`.
impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk")
            .field("len", &self.bytes.len())
            .field("first_sample", &self.first_sample)
            .field("samples", &self.samples)
            .field("kind", &self.kind)
            .finish()
    }
}

/// Where audio was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossPlace {
    /// Between the media worker and the writer: the writer read too late.
    Tap,
    /// Between the writer and the disk: the sink took too long, or refused.
    Sink,
}

/// What is to be known about a part of the time line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FactKind {
    /// Nothing came from the tap; silence stands for it.
    Gap,
    /// The recording was paused; silence stands for the call.
    Paused,
    /// Secure input masked the call; silence stands for it.
    Masked,
    /// Audio was lost; silence stands for it.
    Lost(LossPlace),
    /// A beep or an announcement was mixed in.
    Announced,
    /// The recording was completed after a crash; what follows this sample is missing.
    Recovered,
}

/// A statement about a part of the time line.
///
/// Facts reach a sink before the chunk that holds what they are about, and none reaches past that chunk, so that whatever
/// survives a crash is described. Facts that touch are joined by whoever reads them ([`Fact::join`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fact {
    /// First sample.
    pub start: u64,
    /// Length in samples of one channel; 0 for a point.
    pub samples: u64,
    /// What holds there.
    pub kind: FactKind,
}

impl Fact {
    /// Number of the sample behind the last.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.start.saturating_add(self.samples)
    }

    /// Takes in `next` if it is of the same kind and begins where this one ends; false leaves both as they were.
    pub fn join(&mut self, next: &Self) -> bool {
        let joins = self.kind == next.kind && self.end() == next.start;
        if joins {
            self.samples = self.samples.saturating_add(next.samples);
        }
        joins
    }
}

/// Name of a recording, which is also the stem of its files: 1 to 64 letters, digits, `-` and `_` of ASCII, the first a
/// letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordingId(String);

/// A name that no recording can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordingIdError;

impl fmt::Display for RecordingIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a recording's id has 1 to 64 letters, digits, - and _, and begins with a letter or digit",
        )
    }
}

impl std::error::Error for RecordingIdError {}

impl RecordingId {
    /// Checks a name.
    ///
    /// # Errors
    /// It is empty, longer than 64, or has a character that ids do not have.
    pub fn new(id: impl Into<String>) -> Result<Self, RecordingIdError> {
        let id = id.into();
        let fits = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        let starts = id.bytes().next().is_some_and(|c| c.is_ascii_alphanumeric());
        if starts && id.len() <= 64 && id.bytes().all(fits) { Ok(Self(id)) } else { Err(RecordingIdError) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RecordingId {
    type Error = RecordingIdError;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        Self::new(id)
    }
}

impl From<RecordingId> for String {
    fn from(id: RecordingId) -> Self {
        id.0
    }
}

impl fmt::Display for RecordingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a sink has to know before the first chunk.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Name of the recording.
    pub id: RecordingId,
    /// Ending of the file's name, without a dot and without that of the encryption: `opus`, `flac` or `wav`.
    pub extension: String,
    /// Media type of the plain file.
    pub media_type: String,
    /// Samples of one channel per second, in which positions, facts and lengths are counted.
    pub rate: u32,
    /// Channels.
    pub channels: u8,
    /// Wall clock at the first sample: time since 1970-01-01 00:00 UTC.
    pub began: Duration,
    /// Who can open the recording: age recipients.
    pub recipients: Vec<String>,
    /// JSON that is personal, and kept encrypted only: parties, call, addresses, tags.
    pub personal: Vec<u8>,
}

// Whom a recording is about never reaches `Debug`.
impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("id", &self.id)
            .field("extension", &self.extension)
            .field("rate", &self.rate)
            .field("channels", &self.channels)
            .field("recipients", &self.recipients.len())
            .finish_non_exhaustive()
    }
}

/// A finished recording's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Name of the recording.
    pub id: RecordingId,
    /// The audio.
    pub path: PathBuf,
    /// Its manifest.
    pub manifest: PathBuf,
    /// Its personal metadata.
    pub metadata: PathBuf,
    /// Samples of one channel.
    pub samples: u64,
    /// Octets of the audio's file.
    pub bytes: u64,
}

/// Takes one recording.
///
/// Calls come in the order of the time line, from one thread. An error of `chunk` or `fact` says that nothing of it was
/// taken; the same call may be made again.
pub trait Sink: Send {
    /// Takes a piece of the container.
    ///
    /// # Errors
    /// It could not be written; [`io::ErrorKind::StorageFull`] where the disk is full.
    fn chunk(&mut self, chunk: &Chunk) -> io::Result<()>;

    /// Takes a statement about the time line.
    ///
    /// # Errors
    /// As [`Self::chunk`].
    fn fact(&mut self, fact: &Fact) -> io::Result<()>;

    /// Takes JSON that is personal, behind that of the header: it is kept encrypted only. What it says of a name that was
    /// given before takes the place of that for whoever reads it.
    ///
    /// # Errors
    /// As [`Self::chunk`].
    fn personal(&mut self, json: &[u8]) -> io::Result<()>;

    /// Does what is due at a wall-clock time since 1970, such as signing the chain's head; called about every 100 ms.
    ///
    /// # Errors
    /// As [`Self::chunk`].
    fn tick(&mut self, now: Duration) -> io::Result<()>;

    /// Completes the recording, `samples` of one channel long, at a wall-clock time since 1970.
    ///
    /// # Errors
    /// What is there stays, and is completed by [`Spool::recover`].
    fn finish(self: Box<Self>, samples: u64, now: Duration) -> io::Result<Finished>;
}

/// A folder of recordings in the making: opens sinks, and does for all of them what is done at once.
pub trait Spool: Send + Sync {
    /// Opens a sink.
    ///
    /// # Errors
    /// It cannot be made; [`io::ErrorKind::AlreadyExists`] where the id is taken.
    fn open(&self, header: &Header) -> io::Result<Box<dyn Sink>>;

    /// Makes everything that sinks have taken so far survive a loss of power.
    ///
    /// # Errors
    /// The disk refused.
    fn sync(&self) -> io::Result<()>;

    /// Octets that are free.
    ///
    /// # Errors
    /// The disk refused.
    fn free_space(&self) -> io::Result<u64>;

    /// Completes what an earlier process left behind, and calls `each` for every recording; returns how many there were.
    /// None that was opened by this process is touched.
    ///
    /// # Errors
    /// The folder cannot be read. What concerns one recording only goes to `each`.
    fn recover(&self, now: Duration, each: &mut dyn FnMut(io::Result<Finished>)) -> io::Result<usize>;
}
