//! Why there is no audio, no prompt, or no playback.

use std::io;
use std::time::Duration;

use mediapoint_codec::{DecodeError, EncodeError, Unsupported};

use crate::audio::opus::OggError;
use crate::audio::{RateError, ReadError};

/// Why bytes did not become audio.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeFailure {
    /// The system does not read it.
    #[error("cannot be read: {0}")]
    Io(String),
    /// The file is longer than allowed.
    #[error("file of {bytes} bytes: {limit} are allowed (Limits::file_bytes)")]
    FileTooLarge {
        /// Its length.
        bytes: u64,
        /// The bound.
        limit: u64,
    },
    /// The audio is longer than allowed.
    #[error("audio of more than {limit:?}, the longest that is allowed (Limits::duration)")]
    TooLong {
        /// The bound.
        limit: Duration,
    },
    /// The decoded audio takes more memory than allowed.
    #[error("audio of more than {limit} bytes of samples, the most that are allowed (Limits::audio_bytes)")]
    TooMuchAudio {
        /// The bound.
        limit: u64,
    },
    /// It has no samples.
    #[error("no audio in it")]
    Empty,
    /// A format that prompts may not be of.
    #[error("{0} is not read as a prompt: convert it to WAV, FLAC, MP3, Ogg Vorbis or Ogg Opus")]
    Refused(&'static str),
    /// It is of no known format, or damaged.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// It is no good Ogg Opus.
    #[error("{0}")]
    Ogg(String),
    /// A coded frame does not decode.
    #[error("frame {frame}: {source}")]
    Frame {
        /// Its number, from 1.
        frame: u64,
        /// The codec's reason.
        source: DecodeError,
    },
    /// Frames of one size do not fill the file.
    #[error("it ends inside frame {frame}: {have} of its {need} bytes are there")]
    CutFrame {
        /// Its number, from 1.
        frame: u64,
        /// Bytes of it.
        have: usize,
        /// Bytes that it should have.
        need: usize,
    },
    /// The ITU's serial format is damaged.
    #[error("serial frame {frame}: {reason}")]
    Serial {
        /// Its number, from 1.
        frame: u64,
        /// Why.
        reason: String,
    },
    /// There is no such coder.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// There is no conversion to the rate.
    #[error(transparent)]
    Rate(#[from] RateError),
}

impl From<io::Error> for DecodeFailure {
    fn from(error: io::Error) -> Self {
        Self::Io(error.to_string())
    }
}

impl From<OggError> for DecodeFailure {
    fn from(error: OggError) -> Self {
        match error {
            OggError::Empty | OggError::NoAudio { .. } => Self::Empty,
            error => Self::Ogg(error.to_string()),
        }
    }
}

/// Why there is no prompt, or not in the form asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PromptError {
    /// It is none that can be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeFailure),
    /// There is no conversion to the rate.
    #[error(transparent)]
    Rate(#[from] RateError),
    /// There is no encoder for the codec.
    #[error("{codec}: {source}")]
    Codec {
        /// The codec.
        codec: String,
        /// Why.
        source: Unsupported,
    },
    /// The codec makes no packets so long.
    #[error("{codec} in packets of {packet_ms} ms: {source}")]
    Encode {
        /// The codec.
        codec: String,
        /// The packets' length in milliseconds.
        packet_ms: u32,
        /// Why.
        source: EncodeError,
    },
    /// A packet time that is none.
    #[error("packets of {0} ms: 10 to 120 ms in steps of 10 are possible")]
    PacketTime(u32),
    /// All memory for prompts is in use.
    #[error("{need} bytes for a prompt, and of {limit} {used} are in use (StoreConfig::memory_bytes)")]
    Memory {
        /// Bytes asked for.
        need: u64,
        /// Bytes that are not to be had by dropping others.
        used: u64,
        /// The bound.
        limit: u64,
    },
    /// The file is not there, or cannot be opened.
    #[error("{name}: {reason}")]
    File {
        /// As it was asked for.
        name: String,
        /// The system's reason.
        reason: String,
    },
    /// The file is outside the folders that prompts come from.
    #[error("{0}: not in a folder that prompts come from (StoreConfig::roots)")]
    Outside(String),
    /// The URL is not fetched.
    #[error("{url}: {reason}")]
    Url {
        /// The URL without user, password and query.
        url: String,
        /// Why.
        reason: UrlProblem,
    },
    /// The state is of another playlist.
    #[error("the state is of another playlist, or of another version")]
    State,
    /// More requests wait than allowed.
    #[error("{0} prompts wait to be loaded already: try again (StoreConfig::queue)")]
    Busy(usize),
    /// The store was shut down before it was loaded.
    #[error("the prompt store was shut down")]
    ShutDown,
    /// The loader broke down.
    #[error("the loader broke down on it; please report the file")]
    BrokeDown,
}

/// Why a URL is not fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlProblem {
    /// Built without the feature `http`.
    #[error("built without the feature http")]
    NoClient,
    /// It is none of http or https.
    #[error("not an http or https URL with a host")]
    NotHttp,
    /// The host is none of those allowed.
    #[error("host {0} is not allowed (HttpConfig::hosts)")]
    Host(String),
    /// The host has an address that is not public.
    #[error("address {0} is not public (HttpConfig::danger_allow_private_addresses)")]
    Private(std::net::IpAddr),
    /// More redirects than allowed.
    #[error("more than {0} redirects")]
    Redirects(u32),
    /// Another answer than the file.
    #[error("answered with status {0}")]
    Status(u16),
    /// The file is longer than allowed.
    #[error("longer than {0} bytes (HttpConfig::max_bytes)")]
    TooLarge(u64),
    /// The server took too long.
    #[error("no answer in time (HttpConfig::timeout)")]
    TimedOut,
    /// Anything else of the connection.
    #[error("{0}")]
    Failed(String),
}
