//! What the codecs of an answer become for the offerer.

use mediapoint_engine::Fit;

use super::offer::{is_ignored, is_stripped};
use super::{CodecLine, keep_in_use, names, names_all, reorder};
use crate::request::CodecOptions;

/// What offer and answer ask of the codecs that the offerer is answered with.
pub(crate) struct AnswerRules<'a> {
    /// What became of the offer's codecs.
    pub(crate) offered: &'a [CodecLine],
    /// The offer's codecs as they came: the offerer's own order of preference.
    pub(crate) received: &'a [CodecLine],
    pub(crate) of_offer: &'a CodecOptions,
    pub(crate) options: &'a CodecOptions,
    /// One audio codec only.
    pub(crate) single: bool,
    /// What is in use with the offerer and to stay in use, best first.
    pub(crate) in_use: &'a [CodecLine],
}

/// Plans an answer: for each codec answered the offerer's own line for it, or the one that it is converted to.
pub(crate) fn plan_answer(answered: &[CodecLine], rules: &AnswerRules<'_>) -> Vec<CodecLine> {
    let answered = strip(answered, rules.options);
    let mut lines = audio(&answered, rules);
    reorder(&mut lines, &rules.options.offer);
    keep_in_use(&mut lines, rules.in_use);
    if rules.single {
        lines.truncate(1);
    }
    let beside = companions(&answered, &lines, rules);
    lines.extend(beside);
    for line in &mut lines {
        line.masked = false;
    }
    lines
}

/// What an answer has but for what `ignore` names, which counts as not answered; all of it where no audio would be left.
pub(crate) fn heeded(answered: &[CodecLine], options: &CodecOptions) -> Vec<CodecLine> {
    without(answered, |line| is_ignored(options, line))
}

/// `strip` with its exceptions. Stripping all audio codecs changes nothing.
fn strip(answered: &[CodecLine], options: &CodecOptions) -> Vec<CodecLine> {
    without(answered, |line| is_stripped(options, line))
}

fn without(answered: &[CodecLine], is_gone: impl Fn(&CodecLine) -> bool) -> Vec<CodecLine> {
    let left: Vec<CodecLine> = answered.iter().filter(|line| !is_gone(line)).cloned().collect();
    let speaks = |lines: &[CodecLine]| lines.iter().any(CodecLine::is_audio);
    if left.is_empty() || (speaks(answered) && !speaks(&left)) { answered.to_vec() } else { left }
}

/// The offerer's audio codecs, in the answer's order.
fn audio(answered: &[CodecLine], rules: &AnswerRules<'_>) -> Vec<CodecLine> {
    let spoken = || rules.offered.iter().filter(|line| !line.added && line.is_audio());
    let can_convert = answered.iter().any(|line| line.is_audio() && line.convertible);
    // What is converted is converted to what the offerer likes best, whatever the other side was offered first.
    let place =
        |line: &CodecLine| rules.received.iter().position(|own| own.payload_type == line.payload_type);
    let mut preferred: Vec<&CodecLine> = spoken().filter(|line| line.convertible).collect();
    preferred.sort_by_key(|line| place(line).unwrap_or(usize::MAX));
    let accepted = preferred.iter().find(|line| is_accepted(rules.of_offer, line));
    if let Some(accepted) = accepted.filter(|_| can_convert) {
        return vec![(*accepted).clone()];
    }
    let source = || preferred.first().copied();
    let was_added = |line: &CodecLine| rules.offered.iter().any(|own| own.added && own.codec == line.codec);
    let relayed = |line: &CodecLine| {
        let same = || spoken().filter(|own| own.codec == line.codec && !own.masked);
        // Of several of one codec, the one whose packets the answerer can read.
        let fits = |own: &&CodecLine| own.parameters().fit(&own.codec, &line.parameters()) == Fit::Same;
        let numbered = same().find(|own| own.advertised == line.payload_type);
        numbered.or_else(|| same().find(fits)).or_else(|| same().next())
    };
    // One that was never offered is converted only where the call would be silent without.
    let is_lost =
        !answered.iter().any(|line| line.is_audio() && (relayed(line).is_some() || was_added(line)));
    let mut lines: Vec<CodecLine> = Vec::new();
    for line in answered.iter().filter(|line| line.is_audio()) {
        let converts = line.convertible && (was_added(line) || is_lost);
        // Of what was not offered, the offerer may have the same.
        let same = || spoken().find(|own| own.codec == line.codec).filter(|_| is_lost);
        let own = relayed(line).or_else(same).or_else(|| source().filter(|_| converts));
        push(&mut lines, own);
    }
    lines
}

/// Events, noise and the like beside the offerer's audio codecs.
fn companions(answered: &[CodecLine], audio: &[CodecLine], rules: &AnswerRules<'_>) -> Vec<CodecLine> {
    let spoken = || rules.offered.iter().filter(|line| !line.added && !line.is_audio());
    let fits = |line: &CodecLine| audio.iter().any(|audio| audio.codec.clock_rate == line.codec.clock_rate);
    let mut lines: Vec<CodecLine> = Vec::new();
    for line in answered.iter().filter(|line| !line.is_audio()) {
        let same = || spoken().filter(|own| own.codec == line.codec);
        let own = same().find(|own| own.advertised == line.payload_type).or_else(|| same().next());
        let fitting = own.filter(|own| fits(own) || !(own.is_event() || own.is_noise()));
        // The same at the clock of the offerer's codec, where the answerer's has another clock.
        let other = || spoken().find(|own| own.codec.encoding == line.codec.encoding && fits(own));
        push(&mut lines, fitting.or_else(other));
    }
    if !lines.iter().any(CodecLine::is_event)
        && let Some(event) = answered.iter().find(|line| line.is_event())
    {
        // At no clock that fits: better than none.
        let same = spoken().find(|own| own.codec == event.codec);
        push(&mut lines, same.or_else(|| spoken().find(|own| own.is_event())));
    }
    lines
}

fn push(lines: &mut Vec<CodecLine>, line: Option<&CodecLine>) {
    if let Some(line) = line
        && !lines.iter().any(|known| known.payload_type == line.payload_type)
    {
        lines.push(line.clone());
    }
}

/// True where the offerer is to be answered with this codec, whatever the other side takes.
fn is_accepted(options: &CodecOptions, line: &CodecLine) -> bool {
    [&options.accept, &options.consume].into_iter().any(|list| names(list, line) || names_all(list))
}
