//! The mixer by its public interface.

#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests; a wrong signal fails the test"
)]

mod model;
mod naive;
mod support;
