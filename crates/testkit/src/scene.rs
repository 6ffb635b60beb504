//! Configurations that most tests begin with.

use mediapoint_engine::{Codec, LegConfig, PayloadCodec, PayloadType};

/// An audio leg with those codecs.
#[must_use]
pub fn audio<const N: usize>(codecs: [PayloadCodec; N]) -> LegConfig {
    LegConfig { codecs: codecs.to_vec(), ..LegConfig::default() }
}

/// A payload type with the codec that an `a=rtpmap` line of that name, clock and one channel means.
#[must_use]
pub fn codec(payload_type: u8, name: &str, clock_rate: u32) -> PayloadCodec {
    PayloadCodec::new(number(payload_type), Codec::new(name, clock_rate, 1))
}

/// PCMU by its own number.
#[must_use]
pub fn pcmu() -> PayloadCodec {
    PayloadCodec::new(PayloadType::PCMU, Codec::PCMU)
}

/// PCMA by its own number.
#[must_use]
pub fn pcma() -> PayloadCodec {
    PayloadCodec::new(PayloadType::PCMA, Codec::PCMA)
}

/// Telephone events under that number.
#[must_use]
pub fn telephone_event(payload_type: u8) -> PayloadCodec {
    PayloadCodec::new(number(payload_type), Codec::TELEPHONE_EVENT)
}

fn number(payload_type: u8) -> PayloadType {
    PayloadType::new(payload_type & 0x7f).unwrap_or(PayloadType::PCMU)
}
