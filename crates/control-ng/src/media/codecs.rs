//! The codec lists of offer and answer: those received, and what is removed, added and converted for the other side.

mod answer;
mod coding;
mod meaning;
mod numbers;
mod offer;
#[cfg(test)]
mod tests;

use mediapoint_engine::{Codec, Encoding, Parameters, PayloadCodec, PayloadType};
use mediapoint_packet::sdp::{MediaSection, RtpMap};

use crate::request::CodecSpec;

pub(crate) use answer::{AnswerRules, heeded, plan_answer};
pub(crate) use coding::{as_offered, packet_time, received_beside, settings, specified_ptime};
pub(crate) use numbers::{Numbers, as_before, as_numbered};
pub(crate) use offer::{OfferRules, left, plan_offer, stripped};

/// Most payload types read of one section.
const MAX_FORMATS: usize = 128;
/// How the names of codecs begin that are known by their number only.
const UNKNOWN: &str = "unknown-";

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
    /// What stands behind the number in its `a=rtpmap` line, as written; `None` where there is no such line.
    pub(crate) coding: Option<String>,
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
            coding: None,
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

    /// True where the number says nothing without an `a=rtpmap` line, and what to write there is known.
    pub(crate) fn needs_rtpmap(&self) -> bool {
        !self.is_unknown() && meaning::needs_line(self.payload_type, &self.codec)
    }

    /// True where a line for it is in other words than its party's own.
    pub(crate) fn is_said_otherwise(&self, map: &RtpMap<'_>) -> bool {
        self.coding.as_ref().is_some_and(|own| !own.eq_ignore_ascii_case(&coding(map)))
    }

    /// True where nothing but the number is known.
    pub(crate) fn is_unknown(&self) -> bool {
        self.codec.name().starts_with(UNKNOWN)
    }

    /// True for audio that can be decoded and encoded, and that the party offered itself.
    fn is_source(&self) -> bool {
        self.is_audio() && self.convertible && !self.added
    }

    /// The value of its `a=rtpmap` line, in its party's own words where it has any.
    pub(crate) fn rtpmap(&self) -> String {
        if let Some(coding) = &self.coding {
            return format!("{} {coding}", self.payload_type);
        }
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
        let spec = CodecSpec::parse(word);
        spec.names(&self.name, &self.codec) || spec.names(self.codec.name(), &self.codec)
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
        let mut line = read_line(payload_type, map.as_ref());
        let format = payload_type.to_string();
        let fmtp = section.body.fmtps().find(|fmtp| fmtp.format == format);
        line.fmtp = fmtp.map(|fmtp| fmtp.parameters.to_owned());
        // Of AMR some layouts are relayed only.
        line.convertible = line.codec.clone().laid_out(&line.parameters()).is_convertible();
        lines.push(line);
    }
    lines
}

/// One payload type by its `a=rtpmap` line, or by its number where it has none.
fn read_line(payload_type: u8, map: Option<&RtpMap<'_>>) -> CodecLine {
    let line = match (meaning::codec(payload_type, map), map) {
        (Some(codec), Some(map)) => CodecLine::new(payload_type, map.encoding, codec),
        (Some(codec), None) => CodecLine::new(payload_type, &codec.name().to_ascii_uppercase(), codec),
        // It can be relayed to a side that uses the same number.
        (None, _) => {
            let name = format!("{UNKNOWN}{payload_type}");
            let codec = Codec::new(&name, 8000, 1);
            CodecLine::new(payload_type, &name, codec)
        }
    };
    CodecLine { coding: map.map(coding), ..line }
}

/// What a line says behind the number.
fn coding(map: &RtpMap<'_>) -> String {
    let RtpMap { encoding, clock_rate, parameters, .. } = map;
    match parameters {
        Some(parameters) => format!("{encoding}/{clock_rate}/{parameters}"),
        None => format!("{encoding}/{clock_rate}"),
    }
}

/// The engine's view of a list.
pub(crate) fn to_engine(lines: &[CodecLine]) -> Vec<PayloadCodec> {
    let entry = |line: &CodecLine| {
        let payload_type = PayloadType::new(line.payload_type)?;
        Some(PayloadCodec::new(payload_type, line.codec.clone()).with_parameters(line.parameters()))
    };
    lines.iter().filter_map(entry).collect()
}

/// The codecs of a section that nobody here decodes, where one of them needs an `a=rtpmap` line and has none.
pub(crate) fn undescribed(lines: &[CodecLine]) -> Option<Vec<CodecLine>> {
    let lacks = |line: &CodecLine| line.coding.is_none() && line.needs_rtpmap();
    lines.iter().any(lacks).then(|| lines.to_vec())
}

/// True where one of the words names the line.
fn names(list: &[String], line: &CodecLine) -> bool {
    list.iter().any(|word| line.is_named(word))
}

/// True where one of the words stands for all codecs.
fn names_all(list: &[String]) -> bool {
    list.iter().any(|word| matches!(word.as_str(), "all" | "full"))
}

/// Puts the codecs of a list first, in its order, but for what goes beside audio.
fn reorder(lines: &mut [CodecLine], first: &[String]) {
    let place = |line: &CodecLine| first.iter().position(|word| line.is_named(word));
    lines.sort_by_key(|line| place(line).filter(|_| line.is_audio()).unwrap_or(usize::MAX));
}

/// Puts first, in their order, the audio codecs that were in use before.
fn keep_in_use(lines: &mut [CodecLine], before: &[CodecLine]) {
    let place = |line: &CodecLine| before.iter().position(|old| old.codec == line.codec);
    lines.sort_by_key(|line| place(line).filter(|_| line.is_audio()).unwrap_or(usize::MAX));
}
