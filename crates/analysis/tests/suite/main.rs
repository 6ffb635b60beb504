//! Tests of call analysis by its public interface.

#![allow(
    unreachable_pub,
    clippy::approx_constant,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "signals are made and measured here: what is out of range fails the measurement"
)]

mod calls;
#[path = "../../examples/amd/onset.rs"]
mod onset;
#[path = "../../examples/amd/prompts.rs"]
mod prompts;
mod signal;
mod tones;
mod voice;
