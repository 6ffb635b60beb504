//! The crate from outside, one behaviour a file.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test that fails panics; numbers are small"
)]

mod allocations;
#[cfg(feature = "amr")]
mod amr;
mod errors;
mod g722_and_ffmpeg;
mod gsm_and_ffmpeg;
mod loss;
mod opus_and_ffmpeg;
mod pauses;
mod round_trip;
mod support;
