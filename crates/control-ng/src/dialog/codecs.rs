//! The codec lists of offer and answer: what is removed, added and converted, as far as G.711 goes.

use mediapoint_engine::{Codec, Encoding, PayloadCodec, PayloadType};
use mediapoint_packet::sdp::MediaSection;

use crate::request::CodecOptions;

/// Most payload types read of one section.
const MAX_FORMATS: usize = 128;

/// One payload type of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CodecLine {
    pub(crate) payload_type: u8,
    pub(crate) codec: Codec,
    /// The name as written, for an `a=rtpmap` line of our own.
    pub(crate) name: String,
    /// Removed from what the other side is offered, but still spoken with who offered it.
    pub(crate) masked: bool,
    /// Added by us: who offered does not speak it.
    pub(crate) added: bool,
}

impl CodecLine {
    fn new(payload_type: u8, name: &str, clock_rate: u32, channels: u8) -> Self {
        let codec = Codec::new(name, clock_rate, channels);
        Self { payload_type, codec, name: name.to_owned(), masked: false, added: false }
    }

    /// True for what carries speech, as opposed to events and comfort noise.
    pub(crate) fn is_audio(&self) -> bool {
        !matches!(self.codec.encoding, Encoding::TelephoneEvent | Encoding::ComfortNoise)
            && self.codec.name() != "red"
    }

    /// The value of its `a=rtpmap` line.
    pub(crate) fn rtpmap(&self) -> String {
        let Codec { clock_rate, channels, .. } = &self.codec;
        match channels {
            0 | 1 => format!("{} {}/{clock_rate}", self.payload_type, self.name),
            _ => format!("{} {}/{clock_rate}/{channels}", self.payload_type, self.name),
        }
    }

    /// True where an option's word names it: `PCMU`, `pcmu/8000`, `opus/48000/2`.
    fn is_named(&self, word: &str) -> bool {
        let mut parts = word.split('/');
        let name = parts.next().unwrap_or_default();
        let number =
            |part: Option<&str>| part.filter(|p| !p.is_empty()).map(|p| p.parse::<u32>().unwrap_or(0));
        name.eq_ignore_ascii_case(&self.name)
            && number(parts.next()).is_none_or(|rate| rate == self.codec.clock_rate)
            && number(parts.next()).is_none_or(|channels| channels == u32::from(self.codec.channels))
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
        let line = match map {
            Some(map) => {
                let channels = u8::try_from(map.channels()).unwrap_or(u8::MAX);
                CodecLine::new(payload_type, map.encoding, map.clock_rate, channels)
            }
            None => match PayloadType::new(payload_type).and_then(Codec::from_static) {
                Some(codec) => {
                    let name = codec.name().to_ascii_uppercase();
                    CodecLine { payload_type, codec, name, masked: false, added: false }
                }
                // Known by its number only: it can be relayed to a side that uses the same number.
                None => CodecLine::new(payload_type, &format!("unknown-{payload_type}"), 8000, 1),
            },
        };
        lines.push(line);
    }
    lines
}

/// The engine's view of a list.
pub(crate) fn to_engine(lines: &[CodecLine]) -> Vec<PayloadCodec> {
    let entry = |line: &CodecLine| {
        let payload_type = PayloadType::new(line.payload_type)?;
        Some(PayloadCodec::new(payload_type, line.codec.clone()))
    };
    lines.iter().filter_map(entry).collect()
}

/// What an offer becomes: every codec spoken with who offers, with the masked ones marked; those to be offered are
/// the ones not masked, in order.
pub(crate) fn plan_offer(received: &[CodecLine], options: &CodecOptions) -> Vec<CodecLine> {
    let mut lines = strip(received, options);
    let removes_all = |list: &[String]| list.iter().any(|word| is_all(word));
    for line in &mut lines {
        let masks = [&options.mask, &options.consume];
        let by_name = masks.iter().any(|list| names(list, line));
        let by_all = masks.iter().any(|list| removes_all(list)) && !is_kept(options, line);
        line.masked |= by_name || by_all;
    }
    transcode(&mut lines, received, options);
    let speaks = |lines: &[CodecLine]| lines.iter().any(|line| line.is_audio() && !line.masked);
    if lines.iter().all(|line| line.masked) || (speaks(received) && !speaks(&lines)) {
        // An offer of nothing would end the call: the list stays as it was.
        return received.to_vec();
    }
    reorder(&mut lines, &options.offer);
    lines
}

/// What an answer becomes on its way back: for each codec answered the offerer's own line for it, converted where the
/// offerer has the other law of G.711 only.
pub(crate) fn plan_answer(
    answered: &[CodecLine],
    offered: &[CodecLine],
    offer_options: &CodecOptions,
    options: &CodecOptions,
    single: bool,
) -> Vec<CodecLine> {
    let answered = strip(answered, options);
    let spoken = || offered.iter().filter(|line| !line.added);
    let mut lines: Vec<CodecLine> = Vec::new();
    let mut push = |line: &CodecLine| {
        if !lines.iter().any(|known| known.payload_type == line.payload_type) {
            lines.push(CodecLine { masked: false, ..line.clone() });
        }
    };
    let has_g711 = answered.iter().any(|line| line.codec.is_g711());
    if let Some(wanted) =
        spoken().find(|line| has_g711 && line.codec.is_g711() && is_wanted(offer_options, line))
    {
        push(wanted);
    } else {
        for line in &answered {
            let same = || spoken().filter(|own| own.codec == line.codec && !own.masked);
            if let Some(own) =
                same().find(|own| own.payload_type == line.payload_type).or_else(|| same().next())
            {
                push(own);
            }
        }
        let converts = !answered
            .iter()
            .any(|line| spoken().any(|own| own.codec == line.codec && !own.masked && own.is_audio()));
        let own = spoken().find(|own| own.codec.is_g711());
        if let Some(own) = own.filter(|_| converts && has_g711) {
            push(own);
        }
    }
    for line in answered.iter().filter(|line| !line.is_audio()) {
        if let Some(own) = spoken().find(|own| own.codec == line.codec) {
            push(own);
        }
    }
    // Events stand after speech, whatever led to which.
    lines.sort_by_key(|line| !line.is_audio());
    reorder(&mut lines, &options.offer);
    if single {
        let first = lines.iter().find(|line| line.is_audio()).map(|line| line.payload_type);
        lines.retain(|line| !line.is_audio() || Some(line.payload_type) == first);
    }
    lines
}

/// `strip` with its exceptions. Stripping all that can be spoken changes nothing.
fn strip(received: &[CodecLine], options: &CodecOptions) -> Vec<CodecLine> {
    let all = options.strip.iter().any(|word| is_all(word));
    let stays = |line: &&CodecLine| !(names(&options.strip, line) || all && !is_kept(options, line));
    let left: Vec<CodecLine> = received.iter().filter(stays).cloned().collect();
    let speaks = left.iter().any(CodecLine::is_audio) || !received.iter().any(CodecLine::is_audio);
    let adds = options.transcode.iter().any(|word| g711_of(word).is_some());
    if !left.is_empty() && speaks || adds { left } else { received.to_vec() }
}

/// Adds the G.711 laws asked for, where there is the other law to convert from.
fn transcode(lines: &mut Vec<CodecLine>, received: &[CodecLine], options: &CodecOptions) {
    for word in &options.transcode {
        let Some(added) = g711_of(word) else { continue };
        if let Some(line) = lines.iter_mut().find(|line| line.codec == added.codec) {
            // `mask=all transcode=X` with X offered means X itself.
            line.masked &= names(&options.mask, line) || names(&options.consume, line);
            continue;
        }
        if !lines.iter().any(|line| line.codec.is_g711() && !line.added) {
            // Stripped, and yet the only one to convert from: spoken with who offered it, and not offered on.
            let Some(from) = received.iter().find(|line| line.codec.is_g711()) else { continue };
            if from.codec == added.codec {
                insert_audio(lines, from.clone());
                continue;
            }
            insert_audio(lines, CodecLine { masked: true, ..from.clone() });
        }
        insert_audio(lines, added);
    }
}

/// Inserts after the last audio codec, before events.
fn insert_audio(lines: &mut Vec<CodecLine>, line: CodecLine) {
    let at = lines.iter().rposition(CodecLine::is_audio).map_or(0, |at| at + 1);
    lines.insert(at, line);
}

/// The law of G.711 that an option's word asks for.
fn g711_of(word: &str) -> Option<CodecLine> {
    let known = [CodecLine::new(0, "PCMU", 8000, 1), CodecLine::new(8, "PCMA", 8000, 1)];
    let word = word.split('/').take(3).collect::<Vec<_>>().join("/");
    known.into_iter().find(|line| line.is_named(&word)).map(|line| CodecLine { added: true, ..line })
}

/// True where an answer to the offerer is to be this codec, whatever the other side takes.
fn is_wanted(options: &CodecOptions, line: &CodecLine) -> bool {
    [&options.accept, &options.consume]
        .iter()
        .any(|list| names(list, line) || list.iter().any(|word| is_all(word)))
}

fn is_kept(options: &CodecOptions, line: &CodecLine) -> bool {
    [&options.except, &options.offer, &options.transcode].iter().any(|list| names(list, line))
}

fn names(list: &[String], line: &CodecLine) -> bool {
    list.iter().any(|word| line.is_named(word))
}

fn is_all(word: &str) -> bool {
    matches!(word, "all" | "full")
}

/// Puts the codecs of a list first, in its order.
fn reorder(lines: &mut [CodecLine], first: &[String]) {
    lines.sort_by_key(|line| first.iter().position(|word| line.is_named(word)).unwrap_or(usize::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<CodecLine> {
        let line = |word: &str| match word {
            "U" => CodecLine::new(0, "PCMU", 8000, 1),
            "A" => CodecLine::new(8, "PCMA", 8000, 1),
            "G729" => CodecLine::new(18, "G729", 8000, 1),
            "opus" => CodecLine::new(96, "opus", 48000, 2),
            "te" => CodecLine::new(101, "telephone-event", 8000, 1),
            "te96" => CodecLine::new(96, "telephone-event", 8000, 1),
            other => panic!("{other}"),
        };
        text.split_whitespace().map(line).collect()
    }

    fn options(text: &str) -> CodecOptions {
        let mut options = CodecOptions::default();
        for word in text.split_whitespace() {
            let (verb, codec) = word.split_once('=').unwrap();
            let list = match verb {
                "strip" => &mut options.strip,
                "except" => &mut options.except,
                "offer" => &mut options.offer,
                "transcode" => &mut options.transcode,
                "mask" => &mut options.mask,
                "consume" => &mut options.consume,
                "accept" => &mut options.accept,
                other => panic!("{other}"),
            };
            list.push(codec.to_owned());
        }
        options
    }

    fn shown(lines: &[CodecLine]) -> String {
        lines.iter().filter(|line| !line.masked).map(|line| line.name.clone()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn offers_change_as_the_options_say() {
        let cases = [
            ("U A te", "", "PCMU PCMA telephone-event"),
            ("U A te", "strip=PCMU", "PCMA telephone-event"),
            ("U A te", "strip=pcmu/8000", "PCMA telephone-event"),
            ("U A te", "strip=PCMU/16000", "PCMU PCMA telephone-event"),
            ("U A te", "strip=all except=PCMA", "PCMA"),
            ("U A te", "strip=all offer=PCMA offer=PCMU", "PCMA PCMU"),
            ("U A te", "strip=all", "PCMU PCMA telephone-event"),
            ("U A te", "offer=PCMA", "PCMA PCMU telephone-event"),
            ("U A te", "mask=PCMU", "PCMA telephone-event"),
            ("U te", "transcode=PCMA", "PCMU PCMA telephone-event"),
            ("U A te", "transcode=PCMA", "PCMU PCMA telephone-event"),
            ("U te", "mask=PCMU transcode=PCMA", "PCMA telephone-event"),
            ("U te", "mask=all transcode=PCMA", "PCMA"),
            ("U A te", "mask=all transcode=PCMA", "PCMA"),
            ("U te", "strip=PCMU transcode=PCMA", "PCMA telephone-event"),
            ("opus te", "transcode=PCMA", "opus telephone-event"),
            ("opus te", "transcode=G729 transcode=PCMU", "opus telephone-event"),
            ("U te", "consume=PCMU transcode=PCMA", "PCMA telephone-event"),
            ("U", "mask=PCMU", "PCMU"),
            ("U te", "mask=PCMU", "PCMU telephone-event"),
            ("te", "mask=all", "telephone-event"),
            ("te", "strip=all", "telephone-event"),
        ];
        for (received, words, expected) in cases {
            assert_eq!(shown(&plan_offer(&list(received), &options(words))), expected, "{received} {words}");
        }
    }

    #[test]
    fn answers_come_back_in_the_offerers_codecs_and_numbers() {
        let cases = [
            ("U A te", "", "A te", "PCMA telephone-event"),
            ("U te", "mask=PCMU transcode=PCMA", "A te", "PCMU telephone-event"),
            ("U te", "transcode=PCMA", "A te", "PCMU telephone-event"),
            ("U te", "transcode=PCMA", "U A te", "PCMU telephone-event"),
            ("U te", "strip=PCMU transcode=PCMA", "A te", "PCMU telephone-event"),
            ("U A te", "accept=PCMA", "U te", "PCMA telephone-event"),
            ("U A te", "accept=all", "A te", "PCMU telephone-event"),
            ("U te", "consume=PCMU transcode=PCMA", "A", "PCMU"),
            ("U te", "", "U te96", "PCMU telephone-event"),
            ("U A", "", "U te96", "PCMU"),
            ("opus U", "", "opus", "opus"),
            ("U te", "", "G729 te", "telephone-event"),
        ];
        for (received, words, answered, expected) in cases {
            let offer_options = options(words);
            let offered = plan_offer(&list(received), &offer_options);
            let back =
                plan_answer(&list(answered), &offered, &offer_options, &CodecOptions::default(), false);
            assert_eq!(shown(&back), expected, "{received} {words} -> {answered}");
        }
        let back = plan_answer(&list("U te96"), &list("U te"), &options(""), &options(""), false);
        assert_eq!(back[1].payload_type, 101, "the offerer's number");
    }

    #[test]
    fn an_answer_takes_options_of_its_own() {
        let offered = list("U A G729 te");
        let back = |words, single| {
            shown(&plan_answer(&list("U A te"), &offered, &options(""), &options(words), single))
        };
        assert_eq!(back("", true), "PCMU telephone-event");
        assert_eq!(back("strip=PCMU", false), "PCMA telephone-event");
        assert_eq!(back("offer=PCMA", false), "PCMA PCMU telephone-event");
    }
}
