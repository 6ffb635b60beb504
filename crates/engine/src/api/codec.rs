//! Payload types and what they stand for, as far as the engine must know it: which encodings it can convert, which
//! it relays, and at what clock they run [RFC3551 6].

use mediapoint_packet::rtp::PayloadType;

/// How a payload is encoded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// ITU-T G.711 mu-law.
    Pcmu,
    /// ITU-T G.711 A-law.
    Pcma,
    /// Named telephone events [RFC4733 2].
    TelephoneEvent,
    /// Comfort noise, RFC 3389.
    ComfortNoise,
    /// Anything else, by its media subtype in lower case: relayed untouched where both sides agree on it.
    Other(Box<str>),
}

/// An encoding with its clock: what an `a=rtpmap` line says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Codec {
    /// The encoding.
    pub encoding: Encoding,
    /// RTP clock rate in hertz.
    pub clock_rate: u32,
    /// Audio channels; 1 where the line is silent on them.
    pub channels: u8,
}

impl Codec {
    /// PCMU at 8 kHz.
    pub const PCMU: Self = Self { encoding: Encoding::Pcmu, clock_rate: 8000, channels: 1 };
    /// PCMA at 8 kHz.
    pub const PCMA: Self = Self { encoding: Encoding::Pcma, clock_rate: 8000, channels: 1 };
    /// telephone-event at 8 kHz.
    pub const TELEPHONE_EVENT: Self =
        Self { encoding: Encoding::TelephoneEvent, clock_rate: 8000, channels: 1 };

    /// The codec that `a=rtpmap:… name/clock_rate/channels` means; the name compares without case.
    #[must_use]
    pub fn new(name: &str, clock_rate: u32, channels: u8) -> Self {
        let name = name.to_ascii_lowercase();
        let encoding = match name.as_str() {
            "pcmu" => Encoding::Pcmu,
            "pcma" => Encoding::Pcma,
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

    /// The media subtype in lower case.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.encoding {
            Encoding::Pcmu => "pcmu",
            Encoding::Pcma => "pcma",
            Encoding::TelephoneEvent => "telephone-event",
            Encoding::ComfortNoise => "cn",
            Encoding::Other(name) => name,
        }
    }

    /// True for G.711, which the engine converts between its two laws.
    #[must_use]
    pub fn is_g711(&self) -> bool {
        matches!(self.encoding, Encoding::Pcmu | Encoding::Pcma) && self.clock_rate == 8000
    }
}

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
