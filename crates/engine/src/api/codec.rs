//! Payload types of a leg and what they stand for.

use mediapoint_packet::rtp::PayloadType;

pub use mediapoint_codec::amr::AmrLayout;
pub use mediapoint_codec::{
    AmrParameters, Codec, EncoderSettings, Encoding, Fit, OpusParameters, Parameters,
};

/// One payload type of a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadCodec {
    /// The number on the wire, in both directions of this leg.
    pub payload_type: PayloadType,
    /// What it stands for.
    pub codec: Codec,
    /// What the party asks of what it is sent in this payload type.
    pub parameters: Parameters,
}

impl PayloadCodec {
    /// Pairs a number with its codec, without parameters.
    #[must_use]
    pub fn new(payload_type: PayloadType, codec: Codec) -> Self {
        Self { payload_type, codec, parameters: Parameters::default() }
    }

    /// The same with what the party's `a=fmtp` line says, the layout of AMR included.
    #[must_use]
    pub fn with_parameters(self, parameters: Parameters) -> Self {
        Self { codec: self.codec.laid_out(&parameters), parameters, ..self }
    }
}
