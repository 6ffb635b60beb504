//! WAV files, read as they come, with the mistakes of their writers: lengths that were never filled in, or are wrong.
//!
//! Linear samples, floating point and G.711, in any number of channels; other codings are refused by number.

use std::io::{ErrorKind, Read};

use mediapoint_g711::{Law, decode_slice};

use super::reader::{ReadError, checked};

/// Bytes of a `fmt ` chunk that mean something here; those behind are passed over.
const FORMAT: usize = 40;
/// Bytes of audio taken at a time.
const BLOCK: usize = 16 * 1024;
/// Lengths from here on stand for "not known": writers to a pipe announce the longest they can.
const UNKNOWN: u32 = 0x7fff_0000;
/// The most channels there are.
const MAX_CHANNELS: u16 = 64;
/// The coding that says the real one further behind.
const EXTENSIBLE: u16 = 0xfffe;

/// A WAV file that is being read.
pub(super) struct WavReader<R> {
    source: R,
    layout: Layout,
    /// Bytes of audio still to come; `None` for all there are.
    left: Option<u64>,
    announced: Option<u64>,
    read: u64,
    bytes: Vec<u8>,
    mono: Vec<f32>,
}

/// How a sample is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Linear8,
    Linear16,
    Linear24,
    Linear32,
    Float32,
    Float64,
    G711(Law),
}

/// What the `fmt ` chunk says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    coding: Coding,
    channels: usize,
    rate: u32,
}

impl Layout {
    fn read(at: u64, chunk: &[u8]) -> Result<Self, ReadError> {
        let [t0, t1, c0, c1, r0, r1, r2, r3, _, _, _, _, _, _, b0, b1, rest @ ..] = chunk else {
            return Err(ReadError::Ends { at });
        };
        let bits = u16::from_le_bytes([*b0, *b1]);
        let tag = match (u16::from_le_bytes([*t0, *t1]), rest) {
            (EXTENSIBLE, [_, _, _, _, _, _, _, _, t0, t1, ..]) => u16::from_le_bytes([*t0, *t1]),
            (tag, _) => tag,
        };
        let coding = match (tag, bits) {
            (1, 8) => Coding::Linear8,
            (1, 16) => Coding::Linear16,
            (1, 24) => Coding::Linear24,
            (1, 32) => Coding::Linear32,
            (3, 32) => Coding::Float32,
            (3, 64) => Coding::Float64,
            (6, 8) => Coding::G711(Law::A),
            (7, 8) => Coding::G711(Law::Mu),
            _ => return Err(ReadError::Coding { at, tag, bits }),
        };
        let channels = u16::from_le_bytes([*c0, *c1]);
        if channels == 0 || channels > MAX_CHANNELS {
            return Err(ReadError::Channels { at, channels });
        }
        let rate = checked(u32::from_le_bytes([*r0, *r1, *r2, *r3]))?;
        Ok(Self { coding, channels: channels.into(), rate })
    }

    /// Bytes of all channels' sample.
    const fn block(self) -> usize {
        self.channels
            * match self.coding {
                Coding::Linear8 | Coding::G711(_) => 1,
                Coding::Linear16 => 2,
                Coding::Linear24 => 3,
                Coding::Linear32 | Coding::Float32 => 4,
                Coding::Float64 => 8,
            }
    }
}

/// What the file says before its first sample.
#[derive(Debug, Clone, Copy)]
pub(super) struct WavHead {
    layout: Layout,
    /// Bytes of audio; `None` for all there are.
    len: Option<u64>,
}

impl WavHead {
    /// Reads up to the first sample. `riff` is what was read already.
    pub(super) fn read(source: &mut impl Read, riff: &[u8; 12]) -> Result<Self, ReadError> {
        let [_, _, _, _, l0, l1, l2, l3, ..] = *riff;
        let end = u64::from(u32::from_le_bytes([l0, l1, l2, l3])) + 8;
        let mut at = 12;
        let mut layout = None;
        loop {
            let mut chunk = [0; 8];
            if fill(source, &mut chunk)? < chunk.len() {
                return Err(ReadError::Ends { at });
            }
            at += 8;
            let [i0, i1, i2, i3, l0, l1, l2, l3] = chunk;
            let len = u32::from_le_bytes([l0, l1, l2, l3]);
            let mut read = 0;
            match &[i0, i1, i2, i3] {
                b"data" => {
                    let layout = layout.ok_or(ReadError::NoFormat { at })?;
                    // No length at all, and a whole that ends here: the writer did not get to the end.
                    let unfinished = len == 0 && (end == at || end == 8);
                    let known = len < UNKNOWN && !unfinished;
                    return Ok(Self { layout, len: known.then_some(len.into()) });
                }
                b"fmt " => {
                    let mut format = vec![0; FORMAT.min(len as usize)];
                    read = fill(source, &mut format)?;
                    format.truncate(read);
                    layout = Some(Layout::read(at, &format)?);
                }
                _ => {}
            }
            // Chunks begin at even places.
            let rest = u64::from(len) + u64::from(len % 2) - read as u64;
            at += read as u64 + skip(source, rest)?;
        }
    }
}

impl<R: Read> WavReader<R> {
    /// Reads the samples of `source` behind its head.
    pub(super) fn new(source: R, head: WavHead) -> Self {
        let WavHead { layout, len } = head;
        let announced = len.map(|len| len / layout.block() as u64);
        Self { source, layout, left: len, announced, read: 0, bytes: Vec::new(), mono: Vec::new() }
    }

    pub(super) const fn rate(&self) -> u32 {
        self.layout.rate
    }

    pub(super) const fn announced(&self) -> Option<u64> {
        self.announced
    }

    pub(super) const fn read(&self) -> u64 {
        self.read
    }

    pub(super) fn next_block(&mut self) -> Result<Option<&[f32]>, ReadError> {
        let block = self.layout.block();
        let room = BLOCK / block * block;
        let room = self.left.map_or(room, |left| usize::try_from(left).unwrap_or(room).min(room));
        self.bytes.resize(room, 0);
        let read = fill(&mut self.source, &mut self.bytes)?;
        if let Some(left) = &mut self.left {
            *left -= read as u64;
        }
        // What is left of a sample at the end of a file that was cut off is none.
        let whole = self.bytes.get(..read / block * block).unwrap_or_default();
        if whole.is_empty() {
            return Ok(None);
        }
        self.mono.clear();
        mix(self.layout, whole, &mut self.mono);
        self.read += self.mono.len() as u64;
        Ok(Some(&self.mono))
    }
}

/// Appends the mean of the channels of each sample.
fn mix(layout: Layout, bytes: &[u8], mono: &mut Vec<f32>) {
    let channels = layout.channels;
    let mut mean = |samples: &mut dyn Iterator<Item = f32>| {
        #[expect(clippy::cast_precision_loss, reason = "a handful of channels")]
        let scale = 1.0 / channels as f32;
        for _ in 0..bytes.len() / layout.block() {
            mono.push(samples.take(channels).sum::<f32>() * scale);
        }
    };
    #[expect(clippy::cast_precision_loss, reason = "24 bits are more than 16")]
    let linear = |value: i32| value as f32 / 2_147_483_648.0;
    match layout.coding {
        Coding::Linear8 => mean(&mut bytes.iter().map(|byte| (f32::from(*byte) - 128.0) / 128.0)),
        Coding::Linear16 => {
            mean(&mut bytes.as_chunks().0.iter().map(|b| f32::from(i16::from_le_bytes(*b)) / 32_768.0));
        }
        Coding::Linear24 => {
            let upper = |[a, b, c]: &[u8; 3]| linear(i32::from_le_bytes([0, *a, *b, *c]));
            mean(&mut bytes.as_chunks().0.iter().map(upper));
        }
        Coding::Linear32 => {
            mean(&mut bytes.as_chunks().0.iter().map(|b| linear(i32::from_le_bytes(*b))));
        }
        Coding::Float32 => {
            mean(&mut bytes.as_chunks().0.iter().map(|b| finite(f32::from_le_bytes(*b))));
        }
        Coding::Float64 => {
            #[expect(clippy::cast_possible_truncation, reason = "a conversion that rounds is what is meant")]
            let narrow = |value: f64| value as f32;
            mean(&mut bytes.as_chunks().0.iter().map(|b| finite(narrow(f64::from_le_bytes(*b)))));
        }
        Coding::G711(law) => {
            let mut linear = vec![0; bytes.len()];
            decode_slice(law, bytes, &mut linear);
            mean(&mut linear.iter().map(|sample| f32::from(*sample) / 32_768.0));
        }
    }
}

/// Silence in place of what is no number: one of them would spread over all that a filter makes.
const fn finite(sample: f32) -> f32 {
    if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 }
}

/// Reads as much as there is, up to the length of `buffer`.
pub(super) fn fill(source: &mut impl Read, buffer: &mut [u8]) -> Result<usize, ReadError> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(ReadError::Unreadable(error.to_string())),
        }
    }
    Ok(filled)
}

/// Passes over so many bytes, or as many as there are.
fn skip(source: &mut impl Read, len: u64) -> Result<u64, ReadError> {
    std::io::copy(&mut source.take(len), &mut std::io::sink())
        .map_err(|error| ReadError::Unreadable(error.to_string()))
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "made up lengths")]
mod tests {
    use super::*;

    fn format(tag: u16, channels: u16, bits: u16) -> Vec<u8> {
        let mut chunk = b"fmt \x10\0\0\0".to_vec();
        chunk.extend([tag, channels].iter().flat_map(|value| value.to_le_bytes()));
        chunk.extend(8000_u32.to_le_bytes());
        chunk.extend([0; 6]);
        chunk.extend(bits.to_le_bytes());
        chunk
    }

    fn data(bytes: &[u8]) -> Vec<u8> {
        [b"data", &(bytes.len() as u32).to_le_bytes()[..], bytes].concat()
    }

    fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
        let chunks = chunks.concat();
        [b"RIFF", &(chunks.len() as u32 + 4).to_le_bytes()[..], b"WAVE", &chunks].concat()
    }

    fn read(file: &[u8]) -> Result<(Vec<f32>, Option<u64>), ReadError> {
        let (riff, mut rest) = file.split_first_chunk().unwrap();
        let head = WavHead::read(&mut rest, riff)?;
        let mut reader = WavReader::new(rest, head);
        let mut samples = Vec::new();
        while let Some(block) = reader.next_block()? {
            samples.extend_from_slice(block);
        }
        assert_eq!(reader.read(), samples.len() as u64);
        Ok((samples, reader.announced()))
    }

    #[test]
    fn every_coding_means_the_same() {
        let half = [0.5, -0.5];
        for (tag, bits, bytes) in [
            (1, 8, vec![192, 64]),
            (1, 16, vec![0, 0x40, 0, 0xc0]),
            (1, 24, vec![0, 0, 0x40, 0, 0, 0xc0]),
            (1, 32, vec![0, 0, 0, 0x40, 0, 0, 0, 0xc0]),
            (3, 32, half.iter().flat_map(|s: &f32| s.to_le_bytes()).collect()),
            (3, 64, half.iter().flat_map(|s| f64::from(*s).to_le_bytes()).collect()),
        ] {
            let read = read(&file(&[format(tag, 1, bits), data(&bytes)])).unwrap();
            assert_eq!(read, (half.to_vec(), Some(2)), "{tag} {bits}");
        }
        // A-law 0xd5 and mu-law 0xff are the positive value next to zero.
        assert_eq!(read(&file(&[format(6, 1, 8), data(&[0xd5])])).unwrap().0, [8.0 / 32_768.0]);
        assert_eq!(read(&file(&[format(7, 1, 8), data(&[0xff])])).unwrap().0, [0.0]);
    }

    #[test]
    fn channels_are_mixed_and_what_is_left_of_a_sample_is_none() {
        let samples = [100_i16, 300, -50, 50, 7];
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let (mono, announced) = read(&file(&[format(1, 2, 16), data(&bytes)])).unwrap();
        assert_eq!((mono, announced), (vec![200.0 / 32_768.0, 0.0], Some(2)));
    }

    #[test]
    fn extensible_says_its_coding_further_behind_and_other_chunks_are_passed_over() {
        let mut extensible = format(EXTENSIBLE, 1, 32);
        extensible[4] = 40;
        extensible
            .extend([22, 0, 32, 0, 4, 0, 0, 0, 3, 0, 0, 0, 0, 0, 16, 0, 128, 0, 0, 170, 0, 56, 155, 113]);
        // An odd length has a byte behind it that belongs to nobody.
        let list = b"LIST\x03\0\0\0abc\0".to_vec();
        let audio = data(&0.25_f32.to_le_bytes());
        let behind = b"LIST\x04\0\0\0abcd".to_vec();
        assert_eq!(read(&file(&[list, extensible, audio, behind])).unwrap().0, [0.25]);
    }

    #[test]
    fn lengths_that_were_never_filled_in_mean_all_there_is() {
        let good = file(&[format(1, 1, 16), data(&[1, 0, 2, 0])]);
        let wanted = [1.0 / 32_768.0, 2.0 / 32_768.0];
        for (riff, len) in [(0, 0), (36, 0), (u32::MAX, u32::MAX), (40, u32::MAX), (0x7fff_f024, 0x7fff_f000)]
        {
            let mut file = good.clone();
            file[4..8].copy_from_slice(&riff.to_le_bytes());
            file[40..44].copy_from_slice(&len.to_le_bytes());
            assert_eq!(read(&file).unwrap(), (wanted.to_vec(), None), "{riff} {len}");
        }
        // One that is too long is told, one that is right though the whole's is wrong is not.
        let mut long = good.clone();
        long[40] = 100;
        assert_eq!(read(&long).unwrap(), (wanted.to_vec(), Some(50)));
        let mut short = good;
        short[4] = 4;
        assert_eq!(read(&short).unwrap(), (wanted.to_vec(), Some(2)));
        let empty = file(&[format(1, 1, 16), data(&[]), b"LIST\x04\0\0\0abcd".to_vec()]);
        assert_eq!(read(&empty).unwrap(), (vec![], Some(0)));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let audio = data(&[0; 4]);
        for (file, wanted) in [
            (file(&[format(0x11, 1, 4), audio.clone()]), ReadError::Coding { at: 20, tag: 0x11, bits: 4 }),
            (file(&[format(1, 1, 12), audio.clone()]), ReadError::Coding { at: 20, tag: 1, bits: 12 }),
            (file(&[format(1, 0, 16), audio.clone()]), ReadError::Channels { at: 20, channels: 0 }),
            (file(&[format(1, 500, 16), audio.clone()]), ReadError::Channels { at: 20, channels: 500 }),
            (file(&[audio]), ReadError::NoFormat { at: 20 }),
            (file(&[format(1, 1, 16)]), ReadError::Ends { at: 36 }),
            (file(&[b"fmt \x04\0\0\0\x01\0\x01\0".to_vec()]), ReadError::Ends { at: 20 }),
        ] {
            assert_eq!(read(&file).unwrap_err(), wanted);
        }
        let mut odd_rate = file(&[format(1, 1, 16), data(&[0; 4])]);
        odd_rate[24..28].fill(0xff);
        assert_eq!(read(&odd_rate).unwrap_err(), ReadError::Rate(u32::MAX));
    }

    #[test]
    fn no_number_becomes_silence() {
        let bytes: Vec<u8> = [f32::NAN, f32::INFINITY, 3.0].iter().flat_map(|s| s.to_le_bytes()).collect();
        assert_eq!(read(&file(&[format(3, 1, 32), data(&bytes)])).unwrap().0, [0.0, 0.0, 1.0]);
    }
}
