//! A leg on virtual time, behaviour by behaviour.
#![expect(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of the tests: what is missing fails them; numbers are small"
)]

mod changes;
mod codecs;
mod common;
mod drift;
mod jumps;
mod order;
mod pauses;
mod steady;
mod twin;
