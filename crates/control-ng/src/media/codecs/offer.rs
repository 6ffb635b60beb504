//! What the codecs of an offer become for the other side.

use mediapoint_engine::{Codec, Encoding};

use super::{CodecLine, Numbers, keep_in_use, names, names_all, reorder};
use crate::request::{CodecOptions, CodecSpec};

/// What the options of an offer ask of its codecs, and what was there before.
pub(crate) struct OfferRules<'a> {
    pub(crate) options: &'a CodecOptions,
    /// Packets are to have another length, so that everything is to be decoded.
    pub(crate) repacketizes: bool,
    /// What is in use with who offers and to stay in use, best first.
    pub(crate) in_use: &'a [CodecLine],
    /// The numbers that the other side knows.
    pub(crate) numbers: &'a Numbers,
    /// What the other side has, where that is to be all it is offered.
    pub(crate) kept: &'a [CodecLine],
    /// Nothing may be left of a list.
    pub(crate) may_be_empty: bool,
    /// What the engine can decode and encode.
    pub(crate) can_convert: fn(&Codec) -> bool,
}

/// What an offer becomes.
#[derive(Debug, Default)]
pub(crate) struct OfferPlan {
    /// Every codec agreed with who offers, with the masked ones marked; those to be offered are the ones not masked, in
    /// order.
    pub(crate) lines: Vec<CodecLine>,
    /// Words of `transcode` that could not be followed.
    pub(crate) not_added: Vec<String>,
}

/// Plans an offer. An offer of nothing would end the call, so the list stays as it was where nothing would be left.
pub(crate) fn plan_offer(received: &[CodecLine], rules: &OfferRules<'_>) -> OfferPlan {
    if let Some(mut lines) = keep(received, rules.kept) {
        rules.numbers.assign(&mut lines, received);
        return OfferPlan { lines, not_added: Vec::new() };
    }
    let options = rules.options;
    let mut lines = strip(received, options);
    for line in &mut lines {
        line.masked = is_masked(options, line);
    }
    ignore(&mut lines, options);
    put_back(&mut lines, received, options);
    let not_added = transcode(&mut lines, received, rules);
    let has_added = lines.iter().any(|line| line.added);
    let consumes = || received.iter().any(|line| line.is_source() && is_consumed(options, line));
    if has_added || rules.repacketizes || consumes() {
        drop_what_cannot_be_decoded(&mut lines);
    }
    let wanted =
        [CodecLine::is_noise, CodecLine::is_event].map(|is| lines.iter().any(|l| is(l) && !l.masked));
    mask_companions(&mut lines, received);
    add_companions(&mut lines, wanted);
    let speaks = |lines: &[CodecLine]| lines.iter().any(|line| line.is_audio() && !line.masked);
    let is_bare = lines.iter().all(|line| line.masked) || (speaks(received) && !speaks(&lines));
    if is_bare && rules.may_be_empty {
        lines.clear();
    } else if is_bare {
        lines = received.to_vec();
    }
    reorder(&mut lines, &options.offer);
    keep_in_use(&mut lines, rules.in_use);
    rules.numbers.assign(&mut lines, received);
    OfferPlan { lines, not_added }
}

/// What is offered to a side that keeps the codecs it has: those, converted where need be. What else the offerer has is
/// taken from it. `None` where that side has none that can be served.
fn keep(received: &[CodecLine], kept: &[CodecLine]) -> Option<Vec<CodecLine>> {
    let can_convert = received.iter().any(CodecLine::is_source);
    let line = |own: &CodecLine| {
        let same = received.iter().find(|line| line.codec == own.codec).cloned();
        let added = || CodecLine { added: true, masked: false, ..own.clone() };
        same.or_else(|| (own.is_audio() && own.convertible && can_convert).then(added))
    };
    let mut lines: Vec<CodecLine> = kept.iter().filter_map(line).collect();
    if !lines.iter().any(CodecLine::is_audio) {
        return None;
    }
    let is_new = |line: &&CodecLine| line.is_source() && !kept.iter().any(|own| own.codec == line.codec);
    let masked = received.iter().filter(is_new).map(|line| CodecLine { masked: true, ..line.clone() });
    lines.extend(masked.collect::<Vec<_>>());
    Some(lines)
}

/// What `strip` leaves, which may be nothing.
fn strip(received: &[CodecLine], options: &CodecOptions) -> Vec<CodecLine> {
    received.iter().filter(|line| !is_stripped(options, line)).cloned().collect()
}

/// True where `strip` removes the line.
pub(super) fn is_stripped(options: &CodecOptions, line: &CodecLine) -> bool {
    is_chosen(&options.strip, options, line)
}

/// True where `ignore` has it that the line never came.
pub(super) fn is_ignored(options: &CodecOptions, line: &CodecLine) -> bool {
    is_chosen(&options.ignore, options, line)
}

/// True where a list names the line, or names all and nothing keeps it.
fn is_chosen(list: &[String], options: &CodecOptions, line: &CodecLine) -> bool {
    names(list, line) || names_all(list) && !is_kept(options, line)
}

/// `ignore`: who offered a codec is not sent it, and yet it is offered on, as if it were added by us. What cannot be
/// converted goes, for nobody would hear it; where nothing can, nothing is ignored.
fn ignore(lines: &mut Vec<CodecLine>, options: &CodecOptions) {
    if !lines.iter().any(|line| line.is_source() && !is_ignored(options, line)) {
        return;
    }
    lines.retain_mut(|line| {
        let ignored = line.is_audio() && is_ignored(options, line);
        line.added |= ignored;
        !ignored || (line.convertible && !line.masked)
    });
}

/// `offer` of a codec that another word removed by its name keeps it, behind those that are left.
fn put_back(lines: &mut Vec<CodecLine>, received: &[CodecLine], options: &CodecOptions) {
    for word in &options.offer {
        for own in received.iter().filter(|line| line.is_named(word)) {
            match lines.iter().position(|line| line.payload_type == own.payload_type) {
                Some(at) if lines.get(at).is_some_and(|line| line.masked) => {
                    let line = lines.remove(at);
                    insert(lines, CodecLine { masked: false, ..line });
                }
                Some(_) => {}
                None => insert(lines, own.clone()),
            }
        }
    }
}

/// What the words leave of codecs that nobody here decodes, such as those of video; `None` where that is all, or nothing.
pub(crate) fn stripped(received: &[CodecLine], options: &CodecOptions) -> Option<Vec<CodecLine>> {
    let lines = left(received, options);
    (!lines.is_empty() && lines != received).then_some(lines)
}

/// What the words leave of such codecs. Retransmission goes with what it repeats.
pub(crate) fn left(received: &[CodecLine], options: &CodecOptions) -> Vec<CodecLine> {
    let is_gone = |line: &CodecLine| {
        !names(&options.offer, line) && (is_stripped(options, line) || is_masked(options, line))
    };
    let gone: Vec<u8> = received.iter().filter(|line| is_gone(line)).map(|line| line.payload_type).collect();
    let repeats = |line: &CodecLine| {
        let number = line.fmtp.as_deref()?.split(';').find_map(|part| part.trim().strip_prefix("apt="))?;
        number.parse::<u8>().ok()
    };
    let stays = |line: &&CodecLine| {
        !gone.contains(&line.payload_type) && repeats(line).is_none_or(|number| !gone.contains(&number))
    };
    let mut lines: Vec<CodecLine> = received.iter().filter(stays).cloned().collect();
    reorder(&mut lines, &options.offer);
    lines
}

fn is_masked(options: &CodecOptions, line: &CodecLine) -> bool {
    is_chosen(&options.mask, options, line) || is_chosen(&options.consume, options, line)
}

fn is_consumed(options: &CodecOptions, line: &CodecLine) -> bool {
    names(&options.consume, line) || names_all(&options.consume)
}

fn is_kept(options: &CodecOptions, line: &CodecLine) -> bool {
    [&options.except, &options.offer].iter().any(|list| names(list, line))
}

/// Adds the codecs asked for, where there is one to convert from. One that was removed comes back instead. Gives the
/// words that could not be followed.
fn transcode(lines: &mut Vec<CodecLine>, received: &[CodecLine], rules: &OfferRules<'_>) -> Vec<String> {
    let ignored = |line: &&CodecLine| !names(&rules.options.ignore, line);
    let mut not_added = Vec::new();
    for word in &rules.options.transcode {
        let spec = CodecSpec::parse(word);
        let Some(added) = added_line(&spec, rules) else {
            not_added.push(word.clone());
            continue;
        };
        if let Some(at) = lines.iter().position(|line| line.codec == added.codec) {
            if lines.get(at).is_some_and(|line| line.masked) {
                let line = lines.remove(at);
                insert(lines, CodecLine { masked: false, ..line });
            }
            continue;
        }
        if let Some(own) = received.iter().filter(ignored).find(|line| line.codec == added.codec) {
            insert(lines, own.clone());
            continue;
        }
        // Events are converted from and to tones in audio that can be decoded.
        if added.is_event() && !lines.iter().any(CodecLine::is_source) {
            not_added.push(word.clone());
            continue;
        }
        if !lines.iter().any(CodecLine::is_source) {
            // Stripped, and yet the only one to convert from: kept with who offered it, and not offered on.
            let Some(from) = received.iter().find(|line| line.is_source()) else {
                not_added.push(word.clone());
                continue;
            };
            insert(lines, CodecLine { masked: true, ..from.clone() });
        }
        insert(lines, added);
    }
    not_added
}

/// The line for a codec to be added; `None` where it is none that the engine has.
fn added_line(spec: &CodecSpec<'_>, rules: &OfferRules<'_>) -> Option<CodecLine> {
    let codec = spec.codec()?;
    let beside = matches!(codec.encoding, Encoding::TelephoneEvent | Encoding::ComfortNoise);
    if !beside && !(rules.can_convert)(&codec) {
        return None;
    }
    let mut line = CodecLine { added: true, convertible: !beside, ..line_of(codec) };
    if !spec.parameters.is_empty() {
        line.fmtp = Some(spec.parameters.clone());
    }
    Some(line)
}

/// A line of our own; the number comes later.
fn line_of(codec: Codec) -> CodecLine {
    let name = codec.sdp_name().to_owned();
    let mut line = CodecLine::new(0, &name, codec);
    line.fmtp = match line.codec.encoding {
        // We send no noise descriptions unless asked to, and would rather have a steady stream.
        Encoding::G729 => Some("annexb=no".to_owned()),
        // The layout that gateways have, and one mode that never changes.
        Encoding::Amr(_) | Encoding::AmrWb(_) => Some("octet-align=1;mode-change-capability=2".to_owned()),
        Encoding::TelephoneEvent => Some("0-15".to_owned()),
        _ => None,
    };
    line.added = true;
    line
}

/// Inserts before the events and noise that follow the first audio codecs.
fn insert(lines: &mut Vec<CodecLine>, line: CodecLine) {
    lines.insert(end_of_audio(lines), line);
}

/// Where the first run of audio codecs ends.
fn end_of_audio(lines: &[CodecLine]) -> usize {
    let first = lines.iter().position(CodecLine::is_audio).unwrap_or(0);
    let run = lines.iter().skip(first).take_while(|line| line.is_audio()).count();
    first + run
}

/// Where everything may have to be decoded, only what can be decoded stays on offer; unless nothing would.
fn drop_what_cannot_be_decoded(lines: &mut Vec<CodecLine>) {
    if lines.iter().any(|line| line.is_audio() && line.convertible && !line.masked) {
        lines.retain(|line| line.convertible || line.is_event() || line.is_noise());
    }
}

/// Events, noise and redundancy at the clock of codecs that are no longer on offer go with them.
fn mask_companions(lines: &mut [CodecLine], received: &[CodecLine]) {
    let offered: Vec<u32> = clocks(lines.iter().filter(|line| !line.masked));
    let before: Vec<u32> = clocks(received.iter());
    for line in lines.iter_mut().filter(|line| !line.is_audio()) {
        let clock = line.codec.clock_rate;
        line.masked |= before.contains(&clock) && !offered.contains(&clock);
    }
}

/// Adds noise and events at the clock of codecs that were added, where they are `wanted` at all.
fn add_companions(lines: &mut Vec<CodecLine>, wanted: [bool; 2]) {
    let mut added = Vec::new();
    let clocks = clocks(lines.iter().filter(|line| line.added));
    for (encoding, wanted) in [Encoding::ComfortNoise, Encoding::TelephoneEvent].into_iter().zip(wanted) {
        for clock_rate in clocks.iter().copied().filter(|_| wanted) {
            let codec = Codec { encoding: encoding.clone(), clock_rate, channels: 1 };
            let has = lines.iter().any(|line| line.codec == codec && !line.masked);
            // Opus and AMR describe their noise themselves.
            let own_noise = |line: &CodecLine| {
                matches!(line.codec.encoding, Encoding::Opus | Encoding::Amr(_) | Encoding::AmrWb(_))
            };
            let for_those_only =
                lines.iter().filter(|l| l.added && l.codec.clock_rate == clock_rate).all(own_noise);
            if !(has || encoding == Encoding::ComfortNoise && for_those_only) {
                added.push(line_of(codec));
            }
        }
    }
    let at = end_of_audio(lines);
    lines.splice(at..at, added);
}

/// The clock rates of audio codecs, in hertz, rising, each once.
fn clocks<'a>(lines: impl Iterator<Item = &'a CodecLine>) -> Vec<u32> {
    let mut clocks: Vec<u32> =
        lines.filter(|line| line.is_audio()).map(|line| line.codec.clock_rate).collect();
    clocks.sort_unstable();
    clocks.dedup();
    clocks
}
