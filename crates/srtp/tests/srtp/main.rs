//! The crate from outside, one behaviour a file.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test that fails panics; numbers are small"
)]

mod allocations;
mod differential;
mod memory;
mod rekey;
mod session;
mod support;
mod unencrypted_rtcp;
mod webrtc_srtp_claims;
