//! Sun's AU files: a head of big-endian words, then samples in the same order. They are read as the WAV file that holds the
//! same samples.

use std::io::{self, Read, Seek, SeekFrom};

use super::error::ReadError;
use super::reader::MediaSource;
use super::wav::fill;

/// What an AU file begins with.
pub(super) const MAGIC: &[u8] = b".snd";
/// Bytes of the head: magic, place of the samples, their length, coding, rate, channels.
const HEAD: usize = 24;
/// The longest text between head and samples.
const MAX_TEXT: u32 = 1 << 20;

/// How samples are written.
#[derive(Debug, Clone, Copy)]
struct Coding {
    /// The same in a WAV file.
    tag: u16,
    /// Bytes of a sample.
    width: u16,
    /// Samples of one byte have a sign here, and none in a WAV file.
    signed: bool,
}

impl Coding {
    const fn of(number: u32) -> Option<Self> {
        let (tag, width, signed) = match number {
            1 => (7, 1, false),
            2 => (1, 1, true),
            3 => (1, 2, false),
            4 => (1, 3, false),
            5 => (1, 4, false),
            6 => (3, 4, false),
            7 => (3, 8, false),
            27 => (6, 1, false),
            _ => return None,
        };
        Some(Self { tag, width, signed })
    }
}

/// The samples as those of a WAV file whose first 12 bytes have been read.
pub(super) struct Au {
    source: Box<dyn MediaSource>,
    coding: Coding,
    /// What is handed out next.
    ready: Vec<u8>,
    taken: usize,
    /// Bytes of samples that are still to come; `None` to the end of the file.
    left: Option<u64>,
}

impl Au {
    /// Reads the head, of which `first` has been read already, and leaves the source at the samples.
    pub(super) fn read(mut source: Box<dyn MediaSource>, first: &[u8]) -> Result<Self, ReadError> {
        let mut rest = vec![0; HEAD.saturating_sub(first.len())];
        let read = fill(&mut source, &mut rest)?;
        let ends = |at: usize| ReadError::Ends { at: u64::try_from(at).unwrap_or(u64::MAX) };
        let words: Vec<u32> = [first, rest.get(..read).unwrap_or_default()]
            .concat()
            .as_chunks()
            .0
            .iter()
            .map(|word| u32::from_be_bytes(*word))
            .collect();
        let [_, place, length, coding, rate, channels] = words[..] else {
            return Err(ends(first.len() + read));
        };
        let unreadable = |what: String| ReadError::Unreadable(format!("AU file with {what}"));
        let coding =
            Coding::of(coding).ok_or_else(|| unreadable(format!("coding {coding}, which is not known")))?;
        let text = place.checked_sub(24).filter(|text| *text <= MAX_TEXT);
        let text = text.ok_or_else(|| unreadable(format!("samples said to begin at byte {place}")))?;
        let channels = u16::try_from(channels).ok().filter(|channels| (1..=64).contains(channels));
        let channels =
            channels.ok_or_else(|| unreadable("a number of channels that no audio has".to_owned()))?;
        let mut text = vec![0; usize::try_from(text).unwrap_or_default()];
        if fill(&mut source, &mut text)? < text.len() {
            return Err(ends(HEAD));
        }
        let length = Some(length).filter(|length| *length != u32::MAX);
        let ready = wav_head(coding, rate, channels, length.unwrap_or(u32::MAX));
        Ok(Self { source, coding, ready, taken: 0, left: length.map(u64::from) })
    }

    /// Reads some samples and turns them round.
    fn refill(&mut self) -> io::Result<()> {
        let width = usize::from(self.coding.width);
        let room = self.left.map_or(8192, |left| usize::try_from(left.min(8192)).unwrap_or(8192));
        self.ready.resize(room, 0);
        let mut filled = 0;
        while let Some(rest) = self.ready.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.source.read(rest)? {
                0 => break,
                read => filled += read,
            }
        }
        self.ready.truncate(filled);
        self.left = self.left.map(|left| left.saturating_sub(u64::try_from(filled).unwrap_or(u64::MAX)));
        if width > 1 {
            self.ready.chunks_exact_mut(width).for_each(<[u8]>::reverse);
        } else if self.coding.signed {
            self.ready.iter_mut().for_each(|sample| *sample ^= 0x80);
        }
        self.taken = 0;
        Ok(())
    }
}

/// A WAV file's head behind RIFF, length and WAVE.
fn wav_head(coding: Coding, rate: u32, channels: u16, length: u32) -> Vec<u8> {
    let block = channels * coding.width;
    let mut head = Vec::with_capacity(32);
    head.extend(b"fmt ");
    head.extend(16_u32.to_le_bytes());
    head.extend(coding.tag.to_le_bytes());
    head.extend(channels.to_le_bytes());
    head.extend(rate.to_le_bytes());
    head.extend(rate.saturating_mul(u32::from(block)).to_le_bytes());
    head.extend(block.to_le_bytes());
    head.extend((coding.width * 8).to_le_bytes());
    head.extend(b"data");
    head.extend(length.to_le_bytes());
    head
}

impl Read for Au {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken >= self.ready.len() {
            self.refill()?;
        }
        let ready = self.ready.get(self.taken..).unwrap_or_default();
        let count = ready.len().min(buffer.len());
        buffer.iter_mut().zip(ready).for_each(|(to, from)| *to = *from);
        self.taken += count;
        Ok(count)
    }
}

impl Seek for Au {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(io::ErrorKind::NotSeekable.into())
    }
}

impl MediaSource for Au {
    fn is_seekable(&self) -> bool {
        false
    }

    fn byte_len(&self) -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::reader::Reader;
    use super::*;

    fn au(coding: u32, rate: u32, channels: u32, samples: &[u8]) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        for word in [28, u32::MAX, coding, rate, channels] {
            file.extend(word.to_be_bytes());
        }
        file.extend(b"text");
        file.extend(samples);
        file
    }

    fn read(file: Vec<u8>) -> Result<(Option<u32>, Vec<f32>), ReadError> {
        let mut reader = Reader::new(Box::new(Cursor::new(file)), None)?;
        let mut samples = Vec::new();
        while let Some(block) = reader.next_block()? {
            samples.extend_from_slice(block);
        }
        Ok((reader.rate(), samples))
    }

    #[test]
    fn every_coding_means_the_same_samples() {
        let half = [16_384_i16, -16_384, 8192];
        let bytes =
            |of: &dyn Fn(i16) -> Vec<u8>| half.iter().flat_map(|sample| of(*sample)).collect::<Vec<u8>>();
        for (coding, samples) in [
            (2, bytes(&|sample| vec![sample.to_be_bytes()[0]])),
            (3, bytes(&|sample| sample.to_be_bytes().to_vec())),
            (4, bytes(&|sample| [&sample.to_be_bytes()[..], &[0]].concat())),
            (5, bytes(&|sample| [&sample.to_be_bytes()[..], &[0, 0]].concat())),
            (6, bytes(&|sample| (f32::from(sample) / 32_768.0).to_be_bytes().to_vec())),
            (7, bytes(&|sample| (f64::from(sample) / 32_768.0).to_be_bytes().to_vec())),
        ] {
            let (rate, heard) = read(au(coding, 16_000, 1, &samples)).unwrap();
            assert_eq!((rate, heard.as_slice()), (Some(16_000), &[0.5, -0.5, 0.25][..]), "coding {coding}");
        }
        let (_, stereo) = read(au(3, 8000, 2, &[0x40, 0, 0x20, 0])).unwrap();
        assert_eq!(stereo, [0.375], "the mean of both channels");
        // Silence of the two laws.
        assert_eq!(read(au(1, 8000, 1, &[0xff, 0x7f])).unwrap().1.len(), 2);
        assert_eq!(read(au(27, 8000, 1, &[0xd5])).unwrap().1.len(), 1);
    }

    #[test]
    fn what_is_damaged_says_so() {
        let whole = au(3, 8000, 1, &[0, 0]);
        for len in 4..28 {
            assert!(read(whole[..len].to_vec()).is_err(), "{len} bytes");
        }
        assert!(read(au(9, 8000, 1, &[])).unwrap_err().to_string().contains("coding 9"));
        assert!(read(au(3, 8000, 0, &[])).unwrap_err().to_string().contains("channels"));
    }
}
