//! The mixer by its public interface.

#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests; a wrong signal fails the test"
)]

mod control;
mod faults;
mod gate;
mod levels;
mod links;
mod model;
mod naive;
mod roles;
mod state;
mod support;
