//! The codec lists of offer and answer: those received, and what is removed, added and converted for the other side.

mod answer;
mod coding;
mod numbers;
mod offer;
#[cfg(test)]
mod tests;

use mediapoint_engine::{Codec, Encoding, Parameters, PayloadCodec, PayloadType};
use mediapoint_packet::sdp::MediaSection;

use crate::request::CodecSpec;

pub(crate) use answer::{AnswerRules, plan_answer};
pub(crate) use coding::{as_offered, packet_time, received_beside, settings, specified_ptime};
pub(crate) use numbers::Numbers;
pub(crate) use offer::{OfferRules, plan_offer};

/// Most payload types read of one section.
const MAX_FORMATS: usize = 128;

/// One payload type of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CodecLine {
    /// The number it has with who sent the description.
    pub(crate) payload_type: u8,
    /// The number it has with the other side.
    pub(crate) advertised: u8,
    pub(crate) codec: Codec,
    /// The name as written, for an `a=rtpmap` line of our own.
    pub(crate) name: String,
    /// What stands behind the number in its `a=fmtp` line.
    pub(crate) fmtp: Option<String>,
    /// The engine can decode and encode it.
    pub(crate) convertible: bool,
    /// Removed from what the other side is offered, but still agreed with who offered it.
    pub(crate) masked: bool,
    /// Added by us: the offerer does not have it.
    pub(crate) added: bool,
}

impl CodecLine {
    fn new(payload_type: u8, name: &str, codec: Codec) -> Self {
        Self {
            payload_type,
            advertised: payload_type,
            name: name.to_owned(),
            fmtp: None,
            convertible: codec.is_convertible(),
            masked: false,
            added: false,
            codec,
        }
    }

    /// True for what carries speech, as opposed to events and comfort noise.
    pub(crate) fn is_audio(&self) -> bool {
        !self.is_event() && !self.is_noise() && self.codec.name() != "red"
    }

    /// True for telephone events.
    pub(crate) fn is_event(&self) -> bool {
        self.codec.encoding == Encoding::TelephoneEvent
    }

    /// True for comfort noise.
    pub(crate) fn is_noise(&self) -> bool {
        self.codec.encoding == Encoding::ComfortNoise
    }

    /// True for audio that can be decoded and encoded, and that the party offered itself.
    fn is_source(&self) -> bool {
        self.is_audio() && self.convertible && !self.added
    }

    /// The value of its `a=rtpmap` line.
    pub(crate) fn rtpmap(&self) -> String {
        let Codec { clock_rate, channels, .. } = &self.codec;
        match channels {
            0 | 1 => format!("{} {}/{clock_rate}", self.payload_type, self.name),
            _ => format!("{} {}/{clock_rate}/{channels}", self.payload_type, self.name),
        }
    }

    /// The value of its `a=fmtp` line, where it has one.
    pub(crate) fn fmtp_line(&self) -> Option<String> {
        self.fmtp.as_ref().map(|fmtp| format!("{} {fmtp}", self.payload_type))
    }

    /// What its party asks of what it is sent.
    pub(crate) fn parameters(&self) -> Parameters {
        Parameters::parse(&self.codec, self.fmtp.as_deref().unwrap_or_default())
    }

    /// True where an option's word names it.
    pub(crate) fn is_named(&self, word: &str) -> bool {
        CodecSpec::parse(word).names(&self.name, &self.codec)
    }
}

/// The payload types of a section, in its order of preference.
pub(crate) fn read(section: &MediaSection) -> Vec<CodecLine> {
    let mut lines: Vec<CodecLine> = Vec::new();
    for payload_type in section.payload_types().take(MAX_FORMATS) {
        if lines.iter().any(|line| line.payload_type == payload_type) {
            continue;
        }
        let map = section.body.rtpmaps().find(|map| map.payload_type == payload_type);
        let mut line = match map {
            Some(map) => {
                let channels = u8::try_from(map.channels()).unwrap_or(u8::MAX);
                let codec = Codec::new(map.encoding, map.clock_rate, channels);
                CodecLine::new(payload_type, map.encoding, codec)
            }
            None => match PayloadType::new(payload_type).and_then(Codec::from_static) {
                Some(codec) => CodecLine::new(payload_type, &codec.name().to_ascii_uppercase(), codec),
                // Known by its number only: it can be relayed to a side that uses the same number.
                None => {
                    let name = format!("unknown-{payload_type}");
                    let codec = Codec::new(&name, 8000, 1);
                    CodecLine::new(payload_type, &name, codec)
                }
            },
        };
        let format = payload_type.to_string();
        let fmtp = section.body.fmtps().find(|fmtp| fmtp.format == format);
        line.fmtp = fmtp.map(|fmtp| fmtp.parameters.to_owned());
        lines.push(line);
    }
    lines
}

/// The engine's view of a list.
pub(crate) fn to_engine(lines: &[CodecLine]) -> Vec<PayloadCodec> {
    let entry = |line: &CodecLine| {
        let payload_type = PayloadType::new(line.payload_type)?;
        Some(PayloadCodec::new(payload_type, line.codec.clone()).with_parameters(line.parameters()))
    };
    lines.iter().filter_map(entry).collect()
}

/// True where one of the words names the line.
fn names(list: &[String], line: &CodecLine) -> bool {
    list.iter().any(|word| line.is_named(word))
}

/// True where one of the words stands for all codecs.
fn names_all(list: &[String]) -> bool {
    list.iter().any(|word| matches!(word.as_str(), "all" | "full"))
}

/// Puts the audio codecs of a list first, in its order.
fn reorder(lines: &mut [CodecLine], first: &[String]) {
    let place = |line: &CodecLine| first.iter().position(|word| line.is_named(word));
    lines.sort_by_key(|line| place(line).filter(|_| line.is_audio()).unwrap_or(usize::MAX));
}

/// Puts first, in their order, the audio codecs that were in use before.
fn keep_in_use(lines: &mut [CodecLine], before: &[CodecLine]) {
    let place = |line: &CodecLine| before.iter().position(|old| old.codec == line.codec);
    lines.sort_by_key(|line| place(line).filter(|_| line.is_audio()).unwrap_or(usize::MAX));
}
