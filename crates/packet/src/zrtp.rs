//! ZRTP messages, as far as one who passes them on has to know them [RFC6189 5]: whether a datagram is one, and when the
//! streams that they negotiate keys for are encrypted from end to end.

use crate::cursor::Cursor;
use crate::error::Malformed;
use crate::rtp::Ssrc;

/// The first byte of a message: 0001, then bits that are not used.
const FIRST: u8 = 0x10;

/// "ZRTP", behind the sequence number.
const MAGIC_COOKIE: u32 = 0x5a52_5450;

/// What each message begins with.
const PREAMBLE: u16 = 0x505a;

/// Bytes of the checksum behind the message.
const CRC_LEN: usize = 4;

/// A message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZrtpView {
    ssrc: Ssrc,
    kind: [u8; 8],
}

impl ZrtpView {
    /// Reads the header of a message. The checksum is left to the parties.
    ///
    /// # Errors
    /// [`Malformed::Truncated`], or [`Malformed::ZrtpHeader`] for what is no ZRTP.
    pub fn parse(datagram: &[u8]) -> Result<Self, Malformed> {
        let mut cur = Cursor::new(datagram);
        let [first, _, _, _] = cur.array()?;
        if (first, cur.u32()?) != (FIRST, MAGIC_COOKIE) {
            return Err(Malformed::ZrtpHeader(datagram.len()));
        }
        let ssrc = Ssrc(cur.u32()?);
        let message = cur.remaining();
        let (preamble, words) = (cur.u16()?, cur.u16()?);
        // The length counts the message from its preamble, in words.
        if preamble != PREAMBLE || usize::from(words) * 4 + CRC_LEN > message {
            return Err(Malformed::ZrtpHeader(datagram.len()));
        }
        Ok(Self { ssrc, kind: cur.array()? })
    }

    /// The stream that keys are negotiated for.
    #[must_use]
    pub const fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    /// True for Confirm2: whoever gets it has the keys, and may encrypt from now on [RFC6189 4.6].
    #[must_use]
    pub fn begins_encryption(&self) -> bool {
        self.kind == *b"Confirm2"
    }

    /// True for ClearACK: both parties are back to plain RTP [RFC6189 4.7.2].
    #[must_use]
    pub fn ends_encryption(&self) -> bool {
        self.kind == *b"ClearACK"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: &[u8; 8], body: usize) -> Vec<u8> {
        let words = u16::try_from(3 + body / 4).unwrap();
        let mut bytes = vec![0x10, 0, 0, 7];
        bytes.extend_from_slice(b"ZRTP");
        bytes.extend_from_slice(&[0xca, 0xfe, 0xba, 0xbe, 0x50, 0x5a]);
        bytes.extend_from_slice(&words.to_be_bytes());
        bytes.extend_from_slice(kind);
        bytes.resize(bytes.len() + body + 4, 0xee);
        bytes
    }

    // test-of: [RFC6189 5]
    #[test]
    fn a_message_is_known_by_its_cookie_and_length() {
        let hello = message(b"Hello   ", 76);
        let view = ZrtpView::parse(&hello).unwrap();
        assert_eq!(view.ssrc(), Ssrc(0xcafe_babe));
        assert!(!view.begins_encryption() && !view.ends_encryption());
        assert!(ZrtpView::parse(&message(b"Confirm2", 64)).unwrap().begins_encryption());
        assert!(ZrtpView::parse(&message(b"ClearACK", 0)).unwrap().ends_encryption());
        for at in [0, 4, 7, 12, 13, 15] {
            let mut other = hello.clone();
            other[at] ^= 0x20;
            assert!(ZrtpView::parse(&other).is_err(), "byte {at}");
        }
        for len in 0..hello.len() {
            assert!(ZrtpView::parse(&hello[..len]).is_err(), "{len} bytes");
        }
    }
}
