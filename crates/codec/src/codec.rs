//! What a payload type stands for: encoding, clock, channels, and the names SDP has for them [RFC3551 6].

use std::fmt;

use mediapoint_packet::rtp::PayloadType;

use crate::amr::AmrLayout;
use crate::parameters::Parameters;

/// How a payload is encoded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// ITU-T G.711 mu-law.
    Pcmu,
    /// ITU-T G.711 A-law.
    Pcma,
    /// ITU-T G.722 at 64 kbit/s.
    G722,
    /// ITU-T G.729 with its Annexes A and B.
    G729,
    /// GSM full rate, GSM 06.10.
    Gsm,
    /// AMR, in a layout.
    Amr(AmrLayout),
    /// AMR-WB, in a layout.
    AmrWb(AmrLayout),
    /// Opus, RFC 6716.
    Opus,
    /// Linear 16-bit samples, most significant octet first.
    L16,
    /// Named telephone events [RFC4733 2].
    TelephoneEvent,
    /// Comfort noise, RFC 3389.
    ComfortNoise,
    /// Anything else, by its media subtype in lower case: relayed untouched where both sides agree on it.
    Other(Box<str>),
}

/// An encoding with its clock: what an `a=rtpmap` line says. Two that are equal are the same coding on the wire,
/// whatever their parameters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Codec {
    /// The encoding.
    pub encoding: Encoding,
    /// RTP clock rate in hertz.
    pub clock_rate: u32,
    /// Audio channels; 1 where the line is silent on them.
    pub channels: u8,
}

/// As an `a=rtpmap` line has it: `PCMU/8000`, `opus/48000/2`.
impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.sdp_name(), self.clock_rate)?;
        if self.channels > 1 { write!(f, "/{}", self.channels) } else { Ok(()) }
    }
}

impl Codec {
    /// PCMU at 8 kHz.
    pub const PCMU: Self = Self::mono(Encoding::Pcmu, 8000);
    /// PCMA at 8 kHz.
    pub const PCMA: Self = Self::mono(Encoding::Pcma, 8000);
    /// G.722: audio at 16 kHz, yet its RTP clock runs at 8 kHz [RFC3551 4.5.2].
    pub const G722: Self = Self::mono(Encoding::G722, 8000);
    /// G.729 at 8 kHz.
    pub const G729: Self = Self::mono(Encoding::G729, 8000);
    /// GSM full rate at 8 kHz.
    pub const GSM: Self = Self::mono(Encoding::Gsm, 8000);
    /// AMR at 8 kHz, in the bandwidth-efficient layout.
    pub const AMR: Self = Self::mono(Encoding::Amr(AmrLayout::BANDWIDTH_EFFICIENT), 8000);
    /// AMR-WB at 16 kHz, in the bandwidth-efficient layout.
    pub const AMR_WB: Self = Self::mono(Encoding::AmrWb(AmrLayout::BANDWIDTH_EFFICIENT), 16_000);
    /// Opus, which is always said to have 48 kHz and two channels [RFC7587 7].
    pub const OPUS: Self = Self { encoding: Encoding::Opus, clock_rate: 48_000, channels: 2 };
    /// Linear samples at 8 kHz.
    pub const L16_8K: Self = Self::mono(Encoding::L16, 8000);
    /// Linear samples at 16 kHz.
    pub const L16_16K: Self = Self::mono(Encoding::L16, 16_000);
    /// Linear samples at 48 kHz.
    pub const L16_48K: Self = Self::mono(Encoding::L16, 48_000);
    /// telephone-event at 8 kHz.
    pub const TELEPHONE_EVENT: Self = Self::mono(Encoding::TelephoneEvent, 8000);
    /// Comfort noise at 8 kHz.
    pub const CN: Self = Self::mono(Encoding::ComfortNoise, 8000);

    const fn mono(encoding: Encoding, clock_rate: u32) -> Self {
        Self { encoding, clock_rate, channels: 1 }
    }

    /// The codec that `a=rtpmap:… name/clock_rate/channels` means; the name compares without case.
    #[must_use]
    pub fn new(name: &str, clock_rate: u32, channels: u8) -> Self {
        let name = name.to_ascii_lowercase();
        let encoding = match name.as_str() {
            "pcmu" => Encoding::Pcmu,
            "pcma" => Encoding::Pcma,
            "g722" => Encoding::G722,
            "g729" => Encoding::G729,
            "gsm" => Encoding::Gsm,
            "amr" => Encoding::Amr(AmrLayout::default()),
            "amr-wb" => Encoding::AmrWb(AmrLayout::default()),
            "opus" => Encoding::Opus,
            "l16" => Encoding::L16,
            "telephone-event" => Encoding::TelephoneEvent,
            "cn" => Encoding::ComfortNoise,
            _ => Encoding::Other(name.into_boxed_str()),
        };
        Self { encoding, clock_rate, channels: channels.max(1) }
    }

    /// What a payload type means without an `a=rtpmap` line [RFC3551 6 table 4 and 5].
    #[must_use]
    pub fn from_static(payload_type: PayloadType) -> Option<Self> {
        let (name, clock_rate, channels) = match payload_type.get() {
            0 => ("pcmu", 8000, 1),
            3 => ("gsm", 8000, 1),
            4 => ("g723", 8000, 1),
            5 => ("dvi4", 8000, 1),
            6 => ("dvi4", 16000, 1),
            7 => ("lpc", 8000, 1),
            8 => ("pcma", 8000, 1),
            9 => ("g722", 8000, 1),
            10 => ("l16", 44100, 2),
            11 => ("l16", 44100, 1),
            12 => ("qcelp", 8000, 1),
            13 => ("cn", 8000, 1),
            14 => ("mpa", 90000, 1),
            15 => ("g728", 8000, 1),
            16 => ("dvi4", 11025, 1),
            17 => ("dvi4", 22050, 1),
            18 => ("g729", 8000, 1),
            25 => ("celb", 90000, 1),
            26 => ("jpeg", 90000, 1),
            28 => ("nv", 90000, 1),
            31 => ("h261", 90000, 1),
            32 => ("mpv", 90000, 1),
            33 => ("mp2t", 90000, 1),
            34 => ("h263", 90000, 1),
            _ => return None,
        };
        Some(Self::new(name, clock_rate, channels))
    }

    /// The same as a party's `a=fmtp` line has it: AMR's layout stands there, and decides whether two can read one another.
    #[must_use]
    pub fn laid_out(self, parameters: &Parameters) -> Self {
        let encoding = match self.encoding {
            Encoding::Amr(_) => Encoding::Amr(parameters.amr.layout),
            Encoding::AmrWb(_) => Encoding::AmrWb(parameters.amr.layout),
            other => other,
        };
        Self { encoding, ..self }
    }

    /// The media subtype in lower case.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.encoding {
            Encoding::Pcmu => "pcmu",
            Encoding::Pcma => "pcma",
            Encoding::G722 => "g722",
            Encoding::G729 => "g729",
            Encoding::Gsm => "gsm",
            Encoding::Amr(_) => "amr",
            Encoding::AmrWb(_) => "amr-wb",
            Encoding::Opus => "opus",
            Encoding::L16 => "l16",
            Encoding::TelephoneEvent => "telephone-event",
            Encoding::ComfortNoise => "cn",
            Encoding::Other(name) => name,
        }
    }

    /// The media subtype as session descriptions write it: `PCMU`, `G729`, `opus`, `telephone-event`.
    #[must_use]
    pub fn sdp_name(&self) -> &str {
        match &self.encoding {
            Encoding::Pcmu => "PCMU",
            Encoding::Pcma => "PCMA",
            Encoding::G722 => "G722",
            Encoding::G729 => "G729",
            Encoding::Gsm => "GSM",
            Encoding::Amr(_) => "AMR",
            Encoding::AmrWb(_) => "AMR-WB",
            Encoding::L16 => "L16",
            Encoding::ComfortNoise => "CN",
            Encoding::Opus | Encoding::TelephoneEvent | Encoding::Other(_) => self.name(),
        }
    }

    /// True for G.711, which the engine converts between its two laws without decoding.
    #[must_use]
    pub fn is_g711(&self) -> bool {
        matches!(self.encoding, Encoding::Pcmu | Encoding::Pcma) && self.clock_rate == 8000
    }

    /// True where there is a [`decoder`](crate::decoder) and an [`encoder`](crate::encoder) for it.
    #[must_use]
    pub fn is_convertible(&self) -> bool {
        crate::registry::check(self).is_ok()
    }
}

#[cfg(test)]
mod tests;
