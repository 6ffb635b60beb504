//! ITU-T G.729 Annex A, the 8 kbit/s speech codec of reduced complexity, with the silence compression of Annex B.
//!
//! Specification: ITU-T G.729 (01/2007), bit-exact with its reference; RFC 3551 for payloads.

#![deny(unsafe_code)]

mod cng;
mod decoder;
mod dpf;
mod encoder;
mod exact;
mod excitation;
mod filter;
mod frame;
mod gain;
mod lsf;
mod lsp;
mod math;
mod ops;
pub mod payload;
mod postfilter;
#[cfg(any(test, feature = "properties"))]
pub mod properties;
pub mod serial;
#[expect(unsafe_code, reason = "the kernels load and store vectors")]
mod simd;
mod tables;

#[cfg(test)]
mod testdata;

pub use decoder::Decoder;
pub use encoder::{Encoder, EncoderOptions};
pub use frame::Frame;
