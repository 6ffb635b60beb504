//! The detector against the figures of Q.24 and ES 201 235-3, each with a printed table of results.

#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "helpers of tests; a wrong signal fails the test"
)]

mod coded;
mod generated;
mod modes;
mod peer;
mod signal;
mod states;
mod suppression;
mod tables;
mod vowels;
