//! What a WAV file says before its first sample: its chunks, with the 64-bit lengths of RF64 (EBU Tech 3306).

use std::io::Read;

use super::behind::NAMES;
use super::layout::Layout;
use super::{fill, skip};
use crate::audio::error::ReadError;

/// Bytes of a `fmt ` chunk that mean something here; those behind are passed over.
const FORMAT: usize = 40;
/// Bytes of a `ds64` chunk that mean something here: whole, data and samples, then a table of lengths.
const SIZES: usize = 28 + 16 * ENTRY;
/// An entry of that table: a chunk's name and its length.
const ENTRY: usize = 12;
/// Lengths from here on stand for "not known": writers to a pipe announce the longest they can.
const UNKNOWN: u32 = 0x7fff_0000;
/// The length that stands for the one in `ds64`.
const ELSEWHERE: u32 = u32::MAX;

/// What the file says before its first sample.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WavHead {
    pub(super) layout: Layout,
    /// Bytes of audio; `None` for all there are.
    pub(super) len: Option<u64>,
}

impl WavHead {
    /// Reads up to the first sample. `riff` is what was read already.
    pub(crate) fn read(source: &mut impl Read, riff: &[u8; 12]) -> Result<Self, ReadError> {
        let mut at = riff.len() as u64;
        let mut layout = None;
        let mut sizes = Sizes::default();
        // What was read of the next chunk to find out where it begins.
        let mut ahead: Vec<u8> = Vec::new();
        loop {
            let mut chunk = [0; 8];
            let (taken, rest) = chunk.split_at_mut(ahead.len());
            taken.iter_mut().zip(&ahead).for_each(|(octet, read)| *octet = *read);
            if fill(source, rest)? < rest.len() {
                return Err(ReadError::Ends { at });
            }
            ahead.clear();
            at += chunk.len() as u64;
            let [i0, i1, i2, i3, l0, l1, l2, l3] = chunk;
            let id = [i0, i1, i2, i3];
            let short = u32::from_le_bytes([l0, l1, l2, l3]);
            let long = if matches!(short, 0 | ELSEWHERE) { sizes.of(id) } else { None };
            let len = long.unwrap_or(short.into());
            let mut read = 0;
            match &id {
                b"data" => {
                    let layout = layout.ok_or(ReadError::NoFormat { at })?;
                    // Without a length the writer did not get to the end, or could not go back.
                    let known = long.is_some() || (short != 0 && short < UNKNOWN);
                    return Ok(Self { layout, len: known.then_some(len) });
                }
                b"fmt " => {
                    let format = begin(source, len, FORMAT)?;
                    read = format.len();
                    layout = Some(Layout::read(at, &format)?);
                }
                b"ds64" => {
                    let found = begin(source, len, SIZES)?;
                    read = found.len();
                    sizes = Sizes::read(&found);
                }
                _ => {}
            }
            let rest = len - read as u64;
            at += read as u64 + skip(source, rest)?;
            // Chunks begin at even places.
            if len % 2 == 1 {
                let (filled, read) = even(source)?;
                ahead = read;
                at += filled;
            }
        }
    }
}

/// The beginning of a chunk, as much of it as there is up to `most`.
fn begin(source: &mut impl Read, len: u64, most: usize) -> Result<Vec<u8>, ReadError> {
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(most).min(most)];
    let read = fill(source, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Passes over the octet that fills up a chunk of an odd length, and gives what was read of the chunk behind it. Some
/// writers leave that octet out.
fn even(source: &mut impl Read) -> Result<(u64, Vec<u8>), ReadError> {
    let mut first = [0; 1];
    if fill(source, &mut first)? == 0 || first == [0] {
        return Ok((1, Vec::new()));
    }
    let more = begin(source, 4, 4)?;
    let name = [first.as_slice(), &more].concat();
    if name.first_chunk().is_some_and(is_name) { Ok((0, name)) } else { Ok((1, more)) }
}

/// True for the names of chunks that stand before or behind the samples.
fn is_name(name: &[u8; 4]) -> bool {
    matches!(name, b"data" | b"fmt ") || NAMES.contains(name)
}

/// The 64-bit lengths.
#[derive(Debug, Default)]
struct Sizes {
    data: Option<u64>,
    others: Vec<([u8; 4], u64)>,
}

impl Sizes {
    fn read(chunk: &[u8]) -> Self {
        let Some((fixed, table)) = chunk.split_first_chunk::<28>() else { return Self::default() };
        let [_, _, _, _, _, _, _, _, data @ .., _, _, _, _, _, _, _, _, _, _, _, _] = fixed;
        // Of the table, what the chunk has room for counts, not the number of entries it names.
        let entry =
            |[i0, i1, i2, i3, len @ ..]: &[u8; ENTRY]| ([*i0, *i1, *i2, *i3], u64::from_le_bytes(*len));
        Self {
            data: known(u64::from_le_bytes(*data)),
            others: table.as_chunks().0.iter().map(entry).collect(),
        }
    }

    fn of(&self, id: [u8; 4]) -> Option<u64> {
        if &id == b"data" {
            return self.data;
        }
        self.others.iter().find(|(other, _)| *other == id).and_then(|(_, len)| known(*len))
    }
}

/// Lengths that were filled in.
const fn known(len: u64) -> Option<u64> {
    if len == 0 || len > i64::MAX as u64 { None } else { Some(len) }
}
