//! What holds for every input, for unit tests, corpus replay and the fuzz target.

use std::net::SocketAddr;

use crate::Request;
use crate::wire::{Envelope, Format, MAX_MESSAGE, Scanner, decode, encode};

/// Reads a message, as from the wire: what decodes must come out the same through either format as far as the format
/// can carry it, and reading a request out of it must not fail in any way but an error.
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
    let _ = Request::parse(&dict, SocketAddr::from(([127, 0, 0, 1], 1)));
}

/// A scan that gets its bytes in two pieces says the same as one that gets them at once.
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
