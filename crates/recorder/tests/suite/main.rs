//! Recordings as files: what players and other decoders make of them.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test that fails panics; numbers are small"
)]

mod alignment;
mod cut_off;
mod killed;
mod lossless;
mod players;
mod plugins;
mod sealed;
mod support;
