//! Audio without a length: it goes on to the end of the file, or to the chunks that stand there.
//!
//! A chunk is told from samples by its name and by its end: it, or the last of those that follow it, ends where the file
//! does. So the samples from a name on are held back until that is known, up to a bound.

use std::io::Read;

use super::fill;
use crate::audio::error::ReadError;

/// Names of the chunks that programs write beside the samples.
pub(super) const NAMES: [[u8; 4]; 30] = [
    *b"LIST", *b"list", *b"id3 ", *b"ID3 ", *b"ID32", *b"fact", *b"cue ", *b"bext", *b"smpl", *b"inst",
    *b"JUNK", *b"junk", *b"PAD ", *b"FLLR", *b"iXML", *b"axml", *b"plst", *b"note", *b"labl", *b"DISP",
    *b"PEAK", *b"cart", *b"_PMX", *b"afsp", *b"umid", *b"minf", *b"elm1", *b"regn", *b"acid", *b"levl",
];
/// A chunk's name and length.
const HEAD: usize = 8;
/// Bytes that are held back: chunks that are longer count as samples.
const MAX_HELD: usize = 4 * 1024 * 1024;
/// Bytes read at a time.
const STEP: usize = 16 * 1024;

/// Bytes of audio up to the chunks behind it.
pub(super) struct UpToChunks<R> {
    source: R,
    /// What was read; the part from `from` on has not been handed out.
    held: Vec<u8>,
    from: usize,
    /// Up to here no chunk begins.
    searched: usize,
    at_end: bool,
}

/// What a place turned out to be.
enum Found {
    Samples,
    Chunks,
    Open,
}

impl<R: Read> UpToChunks<R> {
    pub(super) const fn new(source: R) -> Self {
        Self { source, held: Vec::new(), from: 0, searched: 0, at_end: false }
    }

    /// Reads as much audio as there is, up to the length of `buffer`; less only at the end.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        while self.searched - self.from < buffer.len() {
            match self.look() {
                Found::Samples if self.searched < self.held.len() => self.searched += 1,
                Found::Open if !self.at_end => self.read_on()?,
                Found::Samples | Found::Open | Found::Chunks => break,
            }
        }
        let ready = self.held.get(self.from..self.searched).unwrap_or_default();
        let count = ready.len().min(buffer.len());
        buffer.iter_mut().zip(ready).for_each(|(out, byte)| *out = *byte);
        self.from += count;
        Ok(count)
    }

    /// What stands at the place up to which was searched.
    fn look(&self) -> Found {
        let rest = self.held.get(self.searched..).unwrap_or_default();
        let Some(name) = rest.first_chunk::<4>() else {
            return if self.at_end { Found::Samples } else { Found::Open };
        };
        if NAMES.contains(name) { self.chunks(rest) } else { Found::Samples }
    }

    /// Whether `rest` is chunks and nothing else.
    fn chunks(&self, mut rest: &[u8]) -> Found {
        let mut held = 0;
        loop {
            let Some(([i0, i1, i2, i3, len @ ..], body)) = rest.split_first_chunk::<HEAD>() else {
                return if self.at_end { Found::Samples } else { Found::Open };
            };
            let named = [i0, i1, i2, i3].into_iter().all(|byte| matches!(byte, b' '..=b'~'));
            let len = u32::from_le_bytes(*len) as usize;
            held += HEAD + len;
            if !named || held > MAX_HELD {
                return Found::Samples;
            }
            match body.get(len + len % 2..) {
                // The octet that fills up the last one may be missing.
                _ if self.at_end && (body.len() == len || body.len() == len + len % 2) => {
                    return Found::Chunks;
                }
                Some(behind) if !behind.is_empty() => rest = behind,
                _ => return if self.at_end { Found::Samples } else { Found::Open },
            }
        }
    }

    fn read_on(&mut self) -> Result<(), ReadError> {
        // Moves what is left down only where it is the lesser part.
        if self.from > self.held.len() / 2 {
            self.held.drain(..self.from);
            self.searched -= self.from;
            self.from = 0;
        }
        let len = self.held.len();
        self.held.resize(len + STEP, 0);
        let read = fill(&mut self.source, self.held.get_mut(len..).unwrap_or_default())?;
        self.held.truncate(len + read);
        self.at_end = read < STEP;
        Ok(())
    }
}
