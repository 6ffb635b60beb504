//! A leg on virtual time, behaviour by behaviour.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "numbers of tests are small"
)]

mod changes;
mod common;
mod drift;
mod jumps;
mod order;
mod pauses;
