//! The serial format (`.bit`) of the ITU's test vectors: a word for each bit, little endian.
//!
//! A frame is 0x6b21, the number of bits, and as many words, 0x0081 for one and 0x007f for zero. It counts as erased
//! when a word of it is zero, or, without bits, when it does not begin with 0x6b21.

use core::fmt;

use crate::frame::Frame;

const SYNC: u16 = 0x6b21;
const BAD_SYNC: u16 = 0x6b20;
const ZERO: u16 = 0x007f;
const ONE: u16 = 0x0081;
const ERASED: u16 = 0;

/// Why a stream could not be read further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SerialError {
    /// A frame begins with another word.
    Sync(u16),
    /// A frame of so many bits does not exist: 80, 16, 15 and 0 do.
    Bits(u16),
    /// A word that is no bit.
    Word(u16),
    /// The stream ends inside a frame.
    Truncated,
}

impl fmt::Display for SerialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sync(word) => write!(f, "a frame begins with {word:#06x}"),
            Self::Bits(count) => write!(f, "no frame has {count} bits"),
            Self::Word(word) => write!(f, "{word:#06x} is no bit"),
            Self::Truncated => f.write_str("the stream ends inside a frame"),
        }
    }
}

impl core::error::Error for SerialError {}

/// Reads the frames of a stream; `None` is an erased frame. After an error there is nothing more.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the beginning of `stream`.
    #[must_use]
    pub const fn new(stream: &'a [u8]) -> Self {
        Self { rest: stream }
    }

    fn word(&mut self) -> Result<u16, SerialError> {
        let (word, rest) = self.rest.split_first_chunk().ok_or(SerialError::Truncated)?;
        self.rest = rest;
        Ok(u16::from_le_bytes(*word))
    }

    /// `count` bits, the first of them the most significant of the word; `None` when one of them is erased.
    fn bits(&mut self, count: u16) -> Result<Option<u128>, SerialError> {
        let mut gathered = 0u128;
        let mut whole = true;
        for place in 1..=u32::from(count) {
            match self.word()? {
                ONE => gathered |= 1 << (128 - place),
                ZERO => {}
                ERASED => whole = false,
                other => return Err(SerialError::Word(other)),
            }
        }
        Ok(whole.then_some(gathered))
    }

    fn frame(&mut self) -> Result<Option<Frame>, SerialError> {
        let sync = self.word()?;
        if sync != SYNC && sync != BAD_SYNC {
            return Err(SerialError::Sync(sync));
        }
        let count = self.word()?;
        if !matches!(count, 0 | 15 | 16 | 80) {
            return Err(SerialError::Bits(count));
        }
        let Some(bits) = self.bits(count)? else { return Ok(None) };
        let octets = bits.to_be_bytes();
        Ok(match (count, octets.first_chunk(), octets.first_chunk()) {
            (0, ..) => (sync == SYNC).then_some(Frame::Untransmitted),
            (80, Some(speech), _) => Some(Frame::Speech(*speech)),
            (_, _, sid) => sid.copied().map(Frame::Sid),
        })
    }
}

impl Iterator for Reader<'_> {
    type Item = Result<Option<Frame>, SerialError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let frame = self.frame();
        if frame.is_err() {
            self.rest = &[];
        }
        Some(frame)
    }
}

/// All frames of a stream.
///
/// # Errors
/// The first [`SerialError`].
pub fn read_all(stream: &[u8]) -> Result<Vec<Option<Frame>>, SerialError> {
    Reader::new(stream).collect()
}

/// Appends a frame to a stream, a SID with 16 bits. An erased frame (`None`) is written as speech that was lost; the
/// reader of a stream goes by the frames before it anyway.
pub fn write(stream: &mut Vec<u8>, frame: Option<Frame>) {
    let mut put = |word: u16| stream.extend(word.to_le_bytes());
    put(SYNC);
    let Some(frame) = frame else {
        put(80);
        (0..80).for_each(|_| put(ERASED));
        return;
    };
    let octets = frame.as_bytes();
    put(match frame {
        Frame::Speech(_) => 80,
        Frame::Sid(_) => 16,
        Frame::Untransmitted => 0,
    });
    for octet in octets {
        (0..8).rev().for_each(|bit| put(if octet >> bit & 1 == 1 { ONE } else { ZERO }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEECH: Frame = Frame::Speech([0x80, 1, 2, 3, 4, 5, 6, 7, 8, 0xff]);

    fn stream(frames: &[Option<Frame>]) -> Vec<u8> {
        let mut out = Vec::new();
        frames.iter().for_each(|frame| write(&mut out, *frame));
        out
    }

    #[test]
    fn what_is_written_is_read() {
        let frames = [Some(SPEECH), None, Some(Frame::Sid([0x12, 0x34])), Some(Frame::Untransmitted)];
        let written = stream(&frames);
        assert_eq!(written[..8], [0x21, 0x6b, 80, 0, 0x81, 0, 0x7f, 0]);
        assert_eq!(read_all(&written), Ok(frames.to_vec()));
    }

    #[test]
    fn sid_of_15_bits_is_taken() {
        let mut written = stream(&[Some(Frame::Sid([0xff, 0xfe]))]);
        written[2] = 15;
        written.truncate(4 + 30);
        assert_eq!(read_all(&written), Ok(vec![Some(Frame::Sid([0xff, 0xfe]))]));
    }

    #[test]
    fn untransmitted_frame_is_erased_by_its_first_word() {
        assert_eq!(read_all(&[0x20, 0x6b, 0, 0]), Ok(vec![None]));
        assert_eq!(read_all(&[0x21, 0x6b, 0, 0]), Ok(vec![Some(Frame::Untransmitted)]));
    }

    #[test]
    fn what_is_no_frame_is_refused_with_its_reason_and_ends_the_stream() {
        let good = stream(&[Some(SPEECH)]);
        let with = |at: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[at] = value;
            let mut reader = Reader::new(&bytes);
            let first = reader.next().unwrap();
            assert_eq!(reader.next(), None);
            first.unwrap_err()
        };
        assert_eq!(with(0, 0x22), SerialError::Sync(0x6b22));
        assert_eq!(with(2, 81), SerialError::Bits(81));
        assert_eq!(with(4, 2), SerialError::Word(2));
        assert_eq!(read_all(&good[..good.len() - 1]), Err(SerialError::Truncated));
        assert_eq!(SerialError::Bits(81).to_string(), "no frame has 81 bits");
    }

    #[test]
    #[ignore = "needs the ITU's vectors: MEDIAPOINT_G729_DATA names their folder"]
    fn vectors_come_out_as_they_went_in() {
        let folder = crate::testdata::data_pack();
        for name in ["annex_a/erasure.bit", "annex_b/tstseq4a.bit", "generated/S_x.fuzz.bit"] {
            let bytes = std::fs::read(folder.join("vectors").join(name)).unwrap();
            assert!(stream(&read_all(&bytes).unwrap()) == bytes, "{name}");
        }
    }
}
