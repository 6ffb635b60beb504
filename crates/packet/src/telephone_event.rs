//! DTMF digits and other telephone events as RTP payload [RFC4733 2.3]: the four-byte block, a payload of
//! several of them, and the digits behind event codes. When an event starts and ends is for `dtmf` to say.

use crate::cursor::{Cursor, Sink};
use crate::error::{Malformed, TooShort};

/// Bytes of one block [RFC4733 2.3].
pub const BLOCK_LEN: usize = 4;

/// The largest volume a block can name, in -dBm0 [RFC4733 2.3].
pub const MAX_VOLUME: u8 = 63;

/// One report of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventBlock {
    /// Event code; 0 to 15 are DTMF digits [RFC4733 3.2], 16 is a flash [RFC2833 3.10].
    pub code: u8,
    /// True in the packets that end the event.
    pub end: bool,
    /// Power of the tone in dBm0 with the sign dropped, 0 to 63.
    pub volume: u8,
    /// Time since the event began, in RTP timestamp units.
    pub duration: u16,
}

impl EventBlock {
    /// Reads the first block of `payload`.
    ///
    /// # Errors
    /// [`Malformed::EventLength`] where there are less than four bytes.
    pub fn read(payload: &[u8]) -> Result<Self, Malformed> {
        Self::read_from(&mut Cursor::new(payload)).map_err(|_| Malformed::EventLength(payload.len()))
    }

    fn read_from(cur: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let [code, flags] = cur.array()?;
        let duration = cur.u16()?;
        // [RFC4733 2.3] E(1) R(1) volume(6); R carries nothing on receipt.
        Ok(Self { code, end: flags & 0x80 != 0, volume: flags & 0x3f, duration })
    }

    /// Writes the block and returns its length of four bytes. A volume above 63 is written as 63.
    ///
    /// # Errors
    /// [`TooShort`] where `out` has less than four bytes; it is then unchanged.
    pub fn write(&self, out: &mut [u8]) -> Result<usize, TooShort> {
        let flags = u8::from(self.end) << 7 | self.volume.min(MAX_VOLUME);
        let [high, low] = self.duration.to_be_bytes();
        Sink::new(out).put(&[self.code, flags, high, low])?;
        Ok(BLOCK_LEN)
    }

    /// The key or flash this event stands for, `None` for any other event.
    #[must_use]
    pub const fn digit(&self) -> Option<DtmfDigit> {
        DtmfDigit::from_code(self.code)
    }
}

/// The blocks of a payload in the order sent: each event begins where the one before it ended
/// [RFC4733 2.5.1.5].
#[derive(Debug, Clone)]
pub struct EventBlocks<'a> {
    cur: Cursor<'a>,
}

impl<'a> EventBlocks<'a> {
    /// All blocks of `payload`, at least one.
    ///
    /// # Errors
    /// [`Malformed::EventLength`] where the payload is empty or no whole number of blocks.
    pub const fn parse(payload: &'a [u8]) -> Result<Self, Malformed> {
        if payload.is_empty() || !payload.len().is_multiple_of(BLOCK_LEN) {
            return Err(Malformed::EventLength(payload.len()));
        }
        Ok(Self { cur: Cursor::new(payload) })
    }
}

impl Iterator for EventBlocks<'_> {
    type Item = EventBlock;

    fn next(&mut self) -> Option<EventBlock> {
        EventBlock::read_from(&mut self.cur).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let blocks = self.cur.remaining() / BLOCK_LEN;
        (blocks, Some(blocks))
    }
}

impl ExactSizeIterator for EventBlocks<'_> {}

/// A key of the telephone keypad, or a flash of the hook switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DtmfDigit(u8);

impl DtmfDigit {
    /// A short opening of the loop, code 16 [RFC2833 3.10].
    pub const FLASH: Self = Self(16);

    /// Event codes 0 to 16 as characters; a flash is written `!`, as in dial strings.
    const CHARS: [char; 17] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D', '!'];

    /// The digit of an event code, `None` above 16.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        if code <= Self::FLASH.0 { Some(Self(code)) } else { None }
    }

    /// The digit written as `c`: `0`-`9`, `*`, `#`, `A`-`D` or `a`-`d`, and `!` for a flash.
    #[must_use]
    pub fn from_char(c: char) -> Option<Self> {
        let c = c.to_ascii_uppercase();
        (0..).zip(Self::CHARS).find(|&(_, known)| known == c).map(|(code, _)| Self(code))
    }

    /// The event code, 0 to 16.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }

    /// The digit as one character; a flash is `!`.
    #[must_use]
    pub fn as_char(self) -> char {
        Self::CHARS.get(usize::from(self.0)).copied().unwrap_or('!')
    }
}

impl std::fmt::Display for DtmfDigit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Write::write_char(f, self.as_char())
    }
}

#[cfg(test)]
mod tests;
