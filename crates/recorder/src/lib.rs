//! Recording of calls: audio that taps deliver becomes a true time line, is compressed as it happens, and goes piece by
//! piece to a sink that seals it.
//!
//! Nothing here runs on a media worker, and nothing here waits for one: what cannot be written in time is silence of the
//! same length, counted and stated as a [`Fact`]. It opens no socket, knows no call, and reads no clock but the one it is
//! given.
//!
//! ```
//! use mediapoint_recorder::{Encoder, EncoderSettings, Facts, Format, LossPlace, TapFrameView, TimeLine};
//!
//! let mut encoder = Encoder::new(Format::OPUS_STEREO, 8000, &EncoderSettings::default())?;
//! let (mut line, mut facts) = (TimeLine::new(8000), Facts::default());
//! let mut file = encoder.header()?.bytes;
//! // The tap had nothing for the first second.
//! let view = TapFrameView { position: 8000, left: &[1; 160], right: &[2; 160], ..TapFrameView::default() };
//! line.push(&view, LossPlace::Tap)?;
//! while let Some(frame) = line.poll(&mut facts) {
//!     file.extend(encoder.encode(&frame)?.into_iter().flat_map(|chunk| chunk.bytes));
//! }
//! // 20 ms are a whole frame; of a part of one, `line.end` and another poll would give the rest.
//! let (last, _) = encoder.finish()?;
//! file.extend(last.into_iter().flat_map(|chunk| chunk.bytes));
//! assert!(file.starts_with(b"OggS"));
//! assert_eq!((facts.as_slice()[0].start, facts.as_slice()[0].samples), (0, 8000));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Order of calls: [`Recorder::new`] with a [`Spool`], [`Recorder::recover`], then [`Recorder::start`] with an [`AudioSource`]
//! for each recording, which ends with its source or by [`Recording::stop`]; [`Recorder::close`] at the end. The threads
//! drive a [`TimeLine`] and an [`Encoder`] for each recording, which can be used alone.
//!
//! A [`Decoder`] plays a recording's plain file from any place, a [`Playback`] one side of it or both, at any speed: the
//! [`Stretcher`] keeps the pitch.
//!
//! [`SealedSpool`] is the [`Spool`] that seals: journals on the disk, finished recordings as age files with a signed
//! [`Manifest`], which [`verify::verify`] proves.
//!
//! | feature | effect |
//! | --- | --- |
//! | `simulated` | `simulated`, the disk of tests that loses power and fills up |
//! | `properties` | `properties`, the checks that the fuzz targets run |
//!
//! Specifications: RFC 3533 (Ogg), RFC 6716 (Opus), RFC 7845 (Opus in Ogg), RFC 9639 (FLAC), RFC 8032 (Ed25519), RFC 8439
//! (ChaCha20-Poly1305), age-encryption.org/v1.

pub mod chain;
mod decode;
mod error;
mod file_keys;
mod files;
mod format;
mod journal;
mod keys;
mod manifest;
mod metadata;
mod playback;
#[cfg(any(test, feature = "properties"))]
pub mod properties;
mod recipients;
mod seal;
#[cfg(any(test, feature = "simulated"))]
pub mod simulated;
mod sink;
mod spool;
mod stretch;
mod time_line;
pub mod verify;
mod writer;

pub use decode::{DecodeError, Decoder};
pub use error::{CutReason, SealError};
pub use files::{Append, Files, Folder};
pub use format::{
    Channels, Encoder, EncoderSettings, Format, FormatError, PageError, RepairError, end_of_stream, repair,
};
pub use journal::{Journal, JournalReader, MAX_RECORD, Opened, Record};
pub use keys::{Identities, NodeKey, NodePublicKey, RecoveryIdentity, load_or_create_secret};
pub use manifest::{AudioFile, ChainSummary, Manifest, MetadataFile, PIECE, Piece, Recovery};
pub use playback::{Playback, Side};
pub use recipients::{PluginError, PluginFailure, Recipients};
pub use sink::{
    Chunk, ChunkKind, Fact, FactKind, Finished, Header, LossPlace, RecordingId, RecordingIdError, Sink, Spool,
};
pub use spool::{SealedSpool, SpoolConfig};
pub use stretch::{SpeedOutOfRange, Stretcher};
pub use time_line::{Facts, Frame, PushError, TapEnd, TapFrameView, TapState, TimeLine, TimeLineStatistics};
pub use writer::{
    AudioSource, Clock, EventKind, MetadataError, Recorder, RecorderSettings, Recording, RecordingEvent,
    RecordingSpec, RecordingStatistics, StartError,
};
