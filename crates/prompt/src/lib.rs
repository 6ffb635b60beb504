//! What a caller is played: audio files become shared samples and encoded frames once, off the workers, and any number of
//! calls play them.
//!
//! It decodes within limits, keeps prompts under a memory bound, reads files from named folders and URLs from named hosts
//! alone, and refuses what is broken, huge or hostile by a typed error. It knows no packets and no sockets of calls: a
//! [`Playback`] gives samples or payloads, frame by frame, without allocation, and whoever holds it sends them.
//!
//! ```
//! use mediapoint_codec::{Codec, Parameters};
//! use mediapoint_prompt::{Audio, Playback, Playlist, Prompt};
//!
//! let welcome = Prompt::new("welcome", Audio { rate: 16_000, samples: vec![1000; 8_000] });
//! let mut playback = Playback::new(&Playlist::of([welcome]), 8_000)?;
//! let pcmu = playback.prepare(&Codec::PCMU, &Parameters::parse(&Codec::PCMU, ""), 20)?;
//!
//! let mut frames = 0;
//! while let Some(payload) = playback.payload(pcmu) {
//!     assert_eq!(payload.len(), 160);
//!     frames += 1;
//! }
//! assert_eq!((frames, playback.ended().is_some()), (25, true));
//! # Ok::<(), mediapoint_prompt::PromptError>(())
//! ```
//!
//! Order of calls: [`PromptStore::load`] gives a handle, the handle a [`Prompt`]; a [`Playlist`] of prompts becomes a
//! [`Playback`], which is prepared for the listener's codec and goes to a worker. There, each 20 ms,
//! [`Playback::payload`], and [`Playback::read`] where there is none. [`decode()`] alone reads one file.
//!
//! | feature | effect |
//! | --- | --- |
//! | `http` (default) | prompts from http and https URLs, by ureq and rustls |
//! | `properties` | `properties`, the check that the fuzz target runs |
//!
//! Specifications: RFC 7845 (Ogg Opus), RFC 9110 and RFC 9111 (validators and freshness of URLs), RFC 4647 (languages),
//! ITU-T E.180 (tones).

pub mod audio;
mod budget;
mod decode;
mod encoded;
mod error;
mod format;
#[cfg(feature = "http")]
mod http;
mod language;
mod playback;
mod playlist;
mod prompt;
#[cfg(feature = "properties")]
pub mod properties;
mod store;
mod timeline;
mod tone;

pub use decode::{Audio, Hint, Limits, decode, decode_bytes};
pub use encoded::EncodedPrompt;
pub use error::{DecodeFailure, PromptError, UrlProblem};
pub use format::{FileFormat, HEAD_BYTES};
#[cfg(feature = "http")]
pub use http::HttpConfig;
pub use language::{FoundPrompt, PromptSet};
pub use playback::{CodecKey, Ended, Filled, FramePlace, Playback, PlaybackState, Position, SharedClock};
pub use playlist::{Item, ItemState, Playlist, PlaylistState, Repeat};
pub use prompt::{Form, Prompt};
pub use store::{Clock, PromptHandle, PromptSource, PromptStore, StoreConfig, StoreFigures};
pub use tone::{
    RenderedTone, TableError, ToneDefinition, ToneError, ToneSine, ToneStep, ToneTable, UniformTone,
};
