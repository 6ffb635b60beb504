//! Finds where a dictionary ends without decoding it, byte by byte and with no recursion.

use super::{Format, MAX_DEPTH, MAX_MESSAGE};
use crate::NgError;

/// Where a scan stands. It resumes, so that a stream delivered in small pieces is looked at once.
#[derive(Debug, Clone)]
pub struct Scanner {
    format: Format,
    at: usize,
    depth: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between values, and inside JSON numbers and literals.
    Plain,
    /// Inside a bencode integer.
    Integer,
    /// Inside the length of a bencode string.
    Length(usize),
    /// Inside a JSON string; `escaped` where the byte before was a backslash.
    Quoted { escaped: bool },
}

impl Scanner {
    /// A scan of one dictionary in this format.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self { format, at: 0, depth: 0, state: State::Plain }
    }

    /// Goes on with the scan. `bytes` is the dictionary from its first byte as far as it is known. The
    /// dictionary's length once it is complete, `None` where more bytes are needed.
    ///
    /// # Errors
    /// [`NgError::Broken`] with the place where the bytes are no dictionary, [`NgError::TooDeep`], and
    /// [`NgError::TooLarge`] as soon as the message is known to pass the limit.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<Option<usize>, NgError> {
        while let Some(byte) = bytes.get(self.at).copied() {
            let here = self.at;
            self.at += 1;
            let ok = match self.format {
                Format::Bencode => self.bencode(byte),
                Format::Json => self.json(byte),
            };
            if !ok || (here == 0 && self.depth == 0) {
                return Err(NgError::Broken { format: self.format, at: here });
            }
            if self.depth > MAX_DEPTH {
                return Err(NgError::TooDeep { limit: MAX_DEPTH });
            }
            if self.at > MAX_MESSAGE {
                return Err(NgError::TooLarge { size: self.at, limit: MAX_MESSAGE });
            }
            if self.depth == 0 {
                return Ok(Some(self.at));
            }
        }
        Ok(None)
    }

    fn bencode(&mut self, byte: u8) -> bool {
        match (self.state, byte) {
            (State::Plain, b'd' | b'l') => self.depth += 1,
            (State::Plain, b'e') if self.depth > 0 => self.depth -= 1,
            (State::Plain, b'i') => self.state = State::Integer,
            (State::Plain, b'0'..=b'9') => self.state = State::Length(usize::from(byte - b'0')),
            (State::Integer, b'0'..=b'9' | b'-') => {}
            (State::Integer, b'e') => self.state = State::Plain,
            (State::Length(n), b'0'..=b'9') => {
                self.state = State::Length(n.saturating_mul(10).saturating_add(usize::from(byte - b'0')));
            }
            (State::Length(n), b':') => {
                // Past the limit the next look at `at` refuses the message.
                self.at = self.at.saturating_add(n);
                self.state = State::Plain;
            }
            _ => return false,
        }
        true
    }

    fn json(&mut self, byte: u8) -> bool {
        match (self.state, byte) {
            (State::Quoted { escaped: false }, b'"') => self.state = State::Plain,
            (State::Quoted { escaped }, _) => {
                self.state = State::Quoted { escaped: !escaped && byte == b'\\' };
            }
            (_, b'"') => self.state = State::Quoted { escaped: false },
            (_, b'{' | b'[') => self.depth += 1,
            (_, b'}' | b']') if self.depth > 0 => self.depth -= 1,
            (_, b'}' | b']') => return false,
            _ => {}
        }
        true
    }
}
