//! Audio files a block at a time, as mono samples, at the file's own rate or another: what the tools read files with.
//!
//! WAV and AU are read here, Ogg Opus in [`opus`], all else by `symphonia`. Whole files become
//! [`Audio`](crate::Audio) by [`decode`](crate::decode()).

mod au;
mod error;
mod ogg;
pub mod opus;
mod rate;
mod reader;
mod rejoined;
mod wav;

pub use error::ReadError;
pub use rate::{RateConverter, RateError};
pub use reader::{Gap, MediaSource, Reader};

#[expect(clippy::cast_possible_truncation, reason = "the value is clamped to the range")]
pub(crate) fn quantise(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}
