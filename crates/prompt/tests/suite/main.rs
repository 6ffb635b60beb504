//! What prompts promise, through the crate's public interface; audio formats with ffmpeg as oracle.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test says so by failing"
)]

mod formats;
mod hostile;
#[cfg(feature = "http")]
mod http;
mod languages;
mod playback;
mod resampling;
mod store;
mod support;
mod tones;
