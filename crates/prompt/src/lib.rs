//! Prompts.

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
pub use playback::{CodecKey, Ended, Filled, Playback, PlaybackState, Position, SharedClock};
pub use playlist::{Item, ItemState, Playlist, PlaylistState, Repeat};
pub use prompt::Prompt;
pub use store::{Clock, PromptHandle, PromptSource, PromptStore, StoreConfig, StoreFigures};
pub use tone::{
    RenderedTone, TableError, ToneDefinition, ToneError, ToneSine, ToneStep, ToneTable, UniformTone,
};
