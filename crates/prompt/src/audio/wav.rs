//! WAV files, read as they come, with the mistakes of their writers: lengths that were never filled in, or are wrong.
//!
//! Linear samples, floating point and G.711, in any number of channels; other codings are refused by number.

mod behind;
mod head;
mod layout;

use std::io::{ErrorKind, Read};

use mediapoint_g711::decode_slice;

use super::error::ReadError;
use behind::UpToChunks;
pub(super) use head::WavHead;
use layout::{Coding, Layout};

/// Bytes of audio taken at a time.
const BLOCK: usize = 16 * 1024;

/// A WAV file that is being read.
pub(super) struct WavReader<R> {
    source: Audio<R>,
    layout: Layout,
    announced: Option<u64>,
    read: u64,
    bytes: Vec<u8>,
    mono: Vec<f32>,
}

/// The bytes of audio.
enum Audio<R> {
    /// So many are still to come.
    Known { source: R, left: u64 },
    /// Nothing says how many there are.
    Unknown(UpToChunks<R>),
}

impl<R: Read> Audio<R> {
    /// Reads as much as there is, up to the length of `buffer`; less only at the end.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        match self {
            Self::Known { source, left } => {
                let room = usize::try_from(*left).unwrap_or(buffer.len()).min(buffer.len());
                let read = fill(source, buffer.get_mut(..room).unwrap_or_default())?;
                *left -= read as u64;
                Ok(read)
            }
            Self::Unknown(source) => source.fill(buffer),
        }
    }
}

impl<R: Read> WavReader<R> {
    /// Reads the samples of `source` behind its head.
    pub(super) fn new(source: R, head: WavHead) -> Self {
        let WavHead { layout, len } = head;
        let announced = len.map(|len| len / layout.block() as u64);
        let source = match len {
            Some(left) => Audio::Known { source, left },
            None => Audio::Unknown(UpToChunks::new(source)),
        };
        Self { source, layout, announced, read: 0, bytes: Vec::new(), mono: Vec::new() }
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
        self.bytes.resize(BLOCK / block * block, 0);
        let read = self.source.fill(&mut self.bytes)?;
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
    let linear = |value: i32| (value & layout.mask) as f32 / 2_147_483_648.0;
    match layout.coding {
        Coding::Linear8 => mean(&mut bytes.iter().map(|b| linear(i32::from_le_bytes([0, 0, 0, b ^ 0x80])))),
        Coding::Linear16 => {
            let upper = |[a, b]: &[u8; 2]| linear(i32::from_le_bytes([0, 0, *a, *b]));
            mean(&mut bytes.as_chunks().0.iter().map(upper));
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
mod tests;
