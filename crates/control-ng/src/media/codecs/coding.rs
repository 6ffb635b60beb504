//! How audio for a party is coded, from its description and the options.

use std::time::Duration;

use mediapoint_engine::{EncoderSettings, Encoding, PacketTime, PayloadCodec};

use super::{CodecLine, to_engine};
use crate::media::remote::RemoteDescription;
use crate::request::CodecSpec;

/// Packet times that mean something, in milliseconds.
const PTIMES: std::ops::RangeInclusive<u32> = 1..=200;
/// Used where nobody asked for anything, in milliseconds.
const USUAL: u32 = 20;

/// The packet time towards a party. `always` was asked for whatever is sent; `specified` where it is encoded.
pub(crate) fn packet_time(
    remote: &RemoteDescription,
    codecs: &[CodecLine],
    always: Option<u32>,
    specified: Option<u32>,
) -> PacketTime {
    let millis = |ms: u32| Duration::from_millis(u64::from(ms));
    if let Some(always) = always {
        return PacketTime::Always(millis(always));
    }
    let opus = codecs.first().filter(|line| line.codec.encoding == Encoding::Opus);
    let opus = opus.map(|line| line.parameters().opus);
    let usable = |ms: &u32| PTIMES.contains(ms);
    let wanted =
        specified.or(remote.ptime).or(opus.and_then(|opus| opus.ptime).map(u32::from)).filter(usable);
    let most = remote.maxptime.or(opus.and_then(|opus| opus.max_ptime).map(u32::from)).filter(usable);
    match (wanted, most) {
        (None, None) => PacketTime::AsReceived,
        (wanted, most) => {
            let wanted = wanted.unwrap_or(USUAL);
            PacketTime::WhereEncoded(millis(most.map_or(wanted, |most| wanted.min(most))))
        }
    }
}

/// The packet time that the words give for the codec that the party is sent.
pub(crate) fn specified_ptime(words: &[String], codecs: &[CodecLine]) -> Option<u32> {
    let first = codecs.iter().find(|line| line.is_audio() && line.convertible)?;
    specs(words, first).filter_map(|spec| spec.ptime).last()
}

/// The settings that the words give for the party's codecs; `None` where they give none.
pub(crate) fn settings(words: &[String], codecs: &[CodecLine]) -> Option<EncoderSettings> {
    let mut settings = EncoderSettings::default();
    let mut is_set = false;
    for line in codecs.iter().filter(|line| line.convertible) {
        for spec in specs(words, line) {
            is_set |= spec.set(&line.codec, &mut settings);
        }
    }
    is_set.then_some(settings)
}

/// The words that name a codec; those that name it to the letter last, so that they count.
fn specs<'a>(words: &'a [String], line: &'a CodecLine) -> impl Iterator<Item = CodecSpec<'a>> {
    let exact = |spec: &CodecSpec<'_>| spec.names(&line.name, &line.codec);
    // What is added has the clock rate and channels that it always has, whatever the word has.
    let loose = move |spec: &CodecSpec<'_>| !exact(spec) && spec.codec().as_ref() == Some(&line.codec);
    let all = move || words.iter().map(|word| CodecSpec::parse(word));
    all().filter(loose).chain(all().filter(exact))
}

/// Further payload types that an answerer may send: the numbers that it was offered where it answers with others, and
/// what it refused where that may come all the same.
pub(crate) fn received_beside(
    offered: &[CodecLine],
    answered: &[CodecLine],
    refused_too: bool,
) -> Vec<PayloadCodec> {
    let is_used = |number: u8| answered.iter().any(|line| line.payload_type == number);
    let is_answered = |line: &CodecLine| answered.iter().any(|other| other.codec == line.codec);
    let advertised = offered.iter().filter(|line| !line.masked && !is_used(line.advertised));
    let beside = advertised.filter(|line| refused_too || is_answered(line));
    let lines: Vec<CodecLine> =
        beside.map(|line| CodecLine { payload_type: line.advertised, ..line.clone() }).collect();
    to_engine(&lines)
}

/// The codecs answered, with the parameters of the offer taken into account: Annex B of G.729 is off where either side
/// has `annexb=no`.
pub(crate) fn as_offered(answered: &[CodecLine], offered: &[CodecLine]) -> Vec<CodecLine> {
    let refuses = |line: &CodecLine| line.codec.encoding == Encoding::G729 && !line.parameters().annex_b;
    let refused = offered.iter().any(|line| !line.masked && refuses(line));
    let agreed = |line: &CodecLine| {
        let is_g729 = line.codec.encoding == Encoding::G729;
        let fmtp = if refused && is_g729 { Some("annexb=no".to_owned()) } else { line.fmtp.clone() };
        CodecLine { fmtp, ..line.clone() }
    };
    answered.iter().map(agreed).collect()
}

#[cfg(test)]
mod tests;
