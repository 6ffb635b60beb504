//! Messages on the wire: `cookie SP dictionary`, the dictionary in bencode or JSON.
//!
//! The size and depth of a message are checked before anything is decoded, so that neither can exhaust memory or
//! stack. Both formats decode into one [`Value`] tree. They are read and written here and not by a library, since
//! messages hold keys: every buffer that a string passes through is wiped.

mod bencode;
mod decode;
mod json;
mod scan;
#[cfg(test)]
mod tests;
mod value;

use std::fmt;

pub use decode::{decode, encode, to_json};
pub use scan::Scanner;
pub use value::{Dict, Value};

/// Most bytes of one message, cookie included.
pub const MAX_MESSAGE: usize = 256 * 1024;
/// Most bytes of a cookie. Kamailio sends 33 at most (`1_5323_17`), OpenSIPS 21, scripts of others a random number or
/// a UUID.
pub const MAX_COOKIE: usize = 64;
/// Most dictionaries and lists inside one another.
pub const MAX_DEPTH: usize = 32;

/// How a dictionary is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Bencode, keys in any order.
    Bencode,
    /// JSON.
    Json,
}

impl Format {
    /// The format that a dictionary's first byte shows.
    #[must_use]
    pub const fn of(first: u8) -> Option<Self> {
        match first {
            b'd' => Some(Self::Bencode),
            b'{' => Some(Self::Json),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bencode => "bencode",
            Self::Json => "json",
        })
    }
}

/// A message taken apart but not yet decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Matches the reply to the request.
    pub cookie: &'a [u8],
    /// The dictionary.
    pub payload: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Splits a message at its first blank; `None` where there is no cookie to answer to. A cookie is 1 to
    /// [`MAX_COOKIE`] printable characters of ASCII: media that reaches the port by mistake or design has none.
    #[must_use]
    pub fn split(message: &'a [u8]) -> Option<Self> {
        let at = message.iter().take(MAX_COOKIE + 1).position(|b| *b == b' ')?;
        let (cookie, payload) = message.split_at(at);
        let plain = !cookie.is_empty() && cookie.iter().all(u8::is_ascii_graphic);
        plain.then(|| Self { cookie, payload: payload.trim_ascii() })
    }

    /// The format of the payload; bencode where its first byte shows neither, so that something can be answered.
    #[must_use]
    pub fn format(&self) -> Format {
        self.payload.first().and_then(|b| Format::of(*b)).unwrap_or(Format::Bencode)
    }
}
