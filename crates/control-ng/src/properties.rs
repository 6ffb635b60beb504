//! What holds for every input, for unit tests, corpus replay and the fuzz target.

use std::net::SocketAddr;

use mediapoint_engine::Codec;
use mediapoint_packet::sdp::Sdp;

use crate::Request;
use crate::body::{self, Around};
use crate::media::codecs::{self, AnswerRules, CodecLine, Numbers, OfferRules};
use crate::media::received::Received;
use crate::request::Options;
use crate::wire::{Envelope, Format, MAX_MESSAGE, Scanner, decode, encode};

/// Reads a message, as from the wire: what decodes must come out the same through either format as far as the format
/// can carry it, and reading a request out of it must not fail but by an error.
///
/// # Panics
/// Where the property does not hold.
pub fn message(data: &[u8]) {
    let Some(envelope) = Envelope::split(data) else { return };
    scan_in_pieces(envelope.format(), envelope.payload);
    let Ok(dict) = decode(envelope.payload) else { return };
    let again = encode(envelope.cookie, Format::Bencode, &dict);
    if again.len() <= MAX_MESSAGE {
        let back = Envelope::split(&again).filter(|back| back.cookie == envelope.cookie);
        assert!(back.is_some(), "the cookie was lost");
        assert_eq!(back.map(|back| decode(back.payload)), Some(Ok(dict.clone())));
    }
    let json = encode(envelope.cookie, Format::Json, &dict);
    if json.len() <= MAX_MESSAGE {
        let back = Envelope::split(&json);
        assert!(back.is_some_and(|back| decode(back.payload).is_ok()));
    }
    let Ok(request) = Request::parse(&dict, SocketAddr::from(([127, 0, 0, 1], 1))) else { return };
    let Some(Ok(Received { sdp, around })) = request.sdp.as_ref().map(|sdp| Received::parse(sdp)) else {
        return;
    };
    whole_bodies(&sdp, &around);
    let lists: Vec<Vec<CodecLine>> = sdp.media.iter().map(codecs::read).collect();
    for list in &lists {
        let answer = lists.last().unwrap_or(list);
        codecs_hold(list, answer, &request.options, Codec::is_convertible);
    }
}

/// Plans an offer of codecs twice, as a re-INVITE does, and its answer with these options: nothing is offered under
/// two meanings, numbers stay, and the offerer is answered in its own codecs and numbers only.
///
/// # Panics
/// Where the property does not hold.
pub(crate) fn codecs_hold(
    received: &[CodecLine],
    answered: &[CodecLine],
    options: &Options,
    can_convert: fn(&Codec) -> bool,
) {
    let mut numbers = Numbers::default();
    let plan = |numbers: &Numbers| {
        let in_use = if options.reuse_codecs { answered } else { &[] };
        let (options, repacketizes) = (&options.codec, options.repacketizes());
        let (kept, may_be_empty) = (&[], false);
        let rules = OfferRules { options, repacketizes, in_use, numbers, kept, may_be_empty, can_convert };
        codecs::plan_offer(received, &rules).lines
    };
    let first = plan(&numbers);
    let advertised: Vec<CodecLine> = first
        .iter()
        .filter(|line| !line.masked)
        .map(|line| CodecLine { payload_type: line.advertised, ..line.clone() })
        .collect();
    assert_eq!(advertised.is_empty(), received.is_empty(), "an offer of nothing");
    are_distinct(&advertised);
    numbers.learn(advertised.iter().map(|line| (line.advertised, &line.codec)));
    let again = plan(&numbers);
    assert_eq!(again, first, "a repeated offer is told as before");

    for answered in [&advertised[..], answered] {
        let rules = AnswerRules {
            offered: &first,
            received,
            of_offer: &options.codec,
            options: &options.codec,
            single: options.single_codec,
            in_use: &[],
        };
        let back = codecs::plan_answer(answered, &rules);
        are_distinct(&back);
        for line in &back {
            let is_own = |own: &CodecLine| (own.payload_type, &own.codec) == (line.payload_type, &line.codec);
            assert!(received.iter().any(is_own), "{} is not the offerer's", line.rtpmap());
        }
        codecs::received_beside(&first, answered, options.asymmetric_codecs);
        codecs::settings(&options.codec.transcode, answered);
        codecs::specified_ptime(&options.codec.set, answered);
    }
}

/// What was taken out of a body and put back is found there again.
fn whole_bodies(sdp: &Sdp, around: &Around) {
    let sdp = sdp.to_bytes();
    let body = around.put(sdp.clone());
    let again = body::split(&body).map(|(around, sdp)| (around, sdp.trim_ascii_end()));
    assert_eq!(again, Ok((around.clone(), sdp.trim_ascii_end())), "the description was lost in its body");
}

/// No number stands for two codecs.
fn are_distinct(lines: &[CodecLine]) {
    for (index, line) in lines.iter().enumerate() {
        let same = |other: &CodecLine| other.payload_type == line.payload_type;
        assert!(line.payload_type < 128 || line.payload_type == line.advertised, "no payload type");
        assert!(!lines.iter().skip(index + 1).any(same), "{} is told twice", line.payload_type);
    }
}

/// A scan that gets its bytes in two pieces has the result of one that gets them at once.
fn scan_in_pieces(format: Format, payload: &[u8]) {
    let whole = Scanner::new(format).advance(payload);
    let mut scanner = Scanner::new(format);
    let half = payload.get(..payload.len() / 2).unwrap_or_default();
    let pieces = match scanner.advance(half) {
        Ok(None) => scanner.advance(payload),
        early => early,
    };
    assert_eq!(pieces, whole);
}
