//! Payload types of a leg and what they stand for.

use mediapoint_packet::rtp::PayloadType;

pub use mediapoint_codec::{Codec, Encoding};

/// One payload type of a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadCodec {
    /// The number on the wire, in both directions of this leg.
    pub payload_type: PayloadType,
    /// What it stands for.
    pub codec: Codec,
}

impl PayloadCodec {
    /// Pairs a number with its codec.
    #[must_use]
    pub const fn new(payload_type: PayloadType, codec: Codec) -> Self {
        Self { payload_type, codec }
    }
}
