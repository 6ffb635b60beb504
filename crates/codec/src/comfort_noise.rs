//! Comfort noise, RFC 3389: what a pause sounds like, in a few octets, for codecs that know no pauses themselves.

mod analyser;
mod generator;

pub use analyser::NoiseAnalyser;
pub use generator::NoiseGenerator;

/// The most octets that a description has here: the level and a model of order 10 [RFC3389 3].
pub const MAX_PAYLOAD: usize = 11;
