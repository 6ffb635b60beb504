//! Replies that must fit into a datagram: a shorter one with a mark, or an error, and never none.

use mediapoint_packet::SecretBytes;

use crate::wire::{self, Format, Value};
use crate::{NgError, Reply};

/// What a reply can do without, the longest first: the figures of each party, then those of each stream.
const DISPENSABLE: [&str; 2] = ["tags", "SSRC"];

/// Writes a reply in at most `limit` bytes. What had to go is named under `truncated`; where a reply makes no sense
/// without it, an error takes its place.
pub(crate) fn encode_within(cookie: &[u8], format: Format, reply: &Reply, limit: usize) -> SecretBytes {
    let encode = |reply: &Reply| wire::encode(cookie, format, reply.dict());
    let whole = encode(reply);
    if whole.len() <= limit {
        return whole;
    }
    let fits = |reply: &Reply| Some(encode(reply)).filter(|bytes| bytes.len() <= limit);
    if let Some(Value::List(calls)) = reply.value("calls") {
        let marked = reply.clone().with("truncated", "calls").with("total", calls.len() as u64);
        // Ids differ in length: the share that should fit, then less of it until it does.
        let mut keep = calls.len().saturating_mul(limit) / whole.len();
        while keep > 0 {
            let some: Value = calls.iter().take(keep).cloned().collect();
            if let Some(bytes) = fits(&marked.clone().with("calls", some)) {
                return bytes;
            }
            keep = keep * 3 / 4;
        }
    }
    let mut shorter = reply.clone();
    let mut gone = Vec::new();
    for key in DISPENSABLE {
        if shorter.remove(key) {
            gone.push(key);
            shorter = shorter.with("truncated", gone.join(" "));
            if let Some(bytes) = fits(&shorter) {
                return bytes;
            }
        }
    }
    encode(&Reply::error(&NgError::ReplyTooLarge { size: whole.len(), limit }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Dict, Envelope, decode};

    fn read(bytes: &[u8]) -> Dict {
        decode(Envelope::split(bytes).unwrap().payload).unwrap()
    }

    fn long_list(calls: usize, id: usize) -> Reply {
        Reply::ok().with("calls", (0..calls).map(|n| format!("{n:0id$}").into()).collect::<Value>())
    }

    #[test]
    fn a_list_too_long_has_as_many_calls_as_fit_and_says_so() {
        for format in [Format::Bencode, Format::Json] {
            let bytes = encode_within(b"1", format, &long_list(500, 1000), 65_507);
            assert!((50_000..=65_507).contains(&bytes.len()), "{}", bytes.len());
            let reply = read(&bytes);
            assert_eq!(reply.get(b"truncated".as_slice()), Some(&"calls".into()));
            assert_eq!(reply.get(b"total".as_slice()), Some(&Value::Int(500)));
            assert_eq!(reply.get(b"result".as_slice()), Some(&"ok".into()));
        }
    }

    #[test]
    fn figures_of_parties_go_before_those_of_streams() {
        let tags = Value::Dict(Dict::from([(b"a".to_vec(), "x".repeat(70_000).into())]));
        let reply = Reply::ok().with("tags", tags.clone()).with("SSRC", "s".repeat(500)).with("totals", "t");
        let short = read(&encode_within(b"1", Format::Bencode, &reply, 65_507));
        assert_eq!(short.get(b"truncated".as_slice()), Some(&"tags".into()));
        assert!(short.contains_key(b"SSRC".as_slice()) && short.contains_key(b"totals".as_slice()));
        let short = read(&encode_within(b"1", Format::Bencode, &reply, 400));
        assert_eq!(short.get(b"truncated".as_slice()), Some(&"tags SSRC".into()));
        assert!(short.contains_key(b"totals".as_slice()));
    }

    #[test]
    fn what_makes_no_sense_when_shorter_is_an_error() {
        let reply = Reply::ok().with("sdp", "v".repeat(70_000));
        let error = read(&encode_within(b"1", Format::Bencode, &reply, 65_507));
        assert_eq!(error.get(b"result".as_slice()), Some(&"error".into()));
        let reason = error.get(b"error-reason".as_slice()).and_then(Value::to_text).unwrap();
        assert!(reason.starts_with("the reply has 70") && reason.contains("65507"), "{reason}");
    }

    #[test]
    fn a_reply_that_fits_is_left_alone() {
        let bytes = encode_within(b"1", Format::Bencode, &Reply::pong(), 100);
        assert_eq!(bytes.as_slice(), b"1 d6:result4:ponge");
    }
}
