//! What stands in `ID.meta.age`: personal metadata, and what is needed to prove the audio record by record.

use std::io::Read;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::chain::{Digest, RecordKind, Salt, digest_of};
use crate::error::SealError;
use crate::manifest::Blob;

/// Octets that metadata may have when opened.
pub(crate) const MAX_METADATA: u64 = 128 << 20;
/// Set in a kind's number where the octets stand in the audio.
const IN_AUDIO: u8 = 0x80;

/// The metadata as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metadata {
    version: u32,
    id: String,
    /// Whatever was given as personal metadata, in order.
    personal: Vec<serde_json::Value>,
    salt: Blob,
    records: Blob,
}

/// One record, with its octets or with where they are.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Its plaintext.
    Here { kind: RecordKind, bytes: Vec<u8> },
    /// A piece of the container; its octets stand in the audio.
    InAudio { kind: RecordKind, piece: PieceOf },
}

/// A piece of the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PieceOf {
    /// For a patch, the record whose place it takes; else 0.
    pub(crate) target: u32,
    pub(crate) octets: u32,
    pub(crate) first_sample: u64,
    pub(crate) samples: u64,
}

impl PieceOf {
    /// Reads what stands before the container's octets in a record.
    pub(crate) fn read(kind: RecordKind, bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (target, rest) = match kind {
            RecordKind::Patch => {
                let (target, rest) = bytes.split_first_chunk::<4>()?;
                (u32::from_be_bytes(*target), rest)
            }
            RecordKind::Header | RecordKind::Body => (0, bytes),
            _ => return None,
        };
        let (first_sample, rest) = rest.split_first_chunk::<8>()?;
        let (samples, octets) = rest.split_first_chunk::<8>()?;
        let piece = Self {
            target,
            octets: u32::try_from(octets.len()).ok()?,
            first_sample: u64::from_be_bytes(*first_sample),
            samples: u64::from_be_bytes(*samples),
        };
        Some((piece, octets))
    }

    /// Number of the sample behind the last.
    pub(crate) const fn end(&self) -> u64 {
        self.first_sample.saturating_add(self.samples)
    }

    /// The digest of the record that has these octets.
    pub(crate) fn digest(&self, salt: &Salt, index: u32, kind: RecordKind, octets: &[u8]) -> Digest {
        let (target, first, samples) =
            (self.target.to_be_bytes(), self.first_sample.to_be_bytes(), self.samples.to_be_bytes());
        let target = if kind == RecordKind::Patch { target.as_slice() } else { &[] };
        digest_of(salt, index, kind, &[target, &first, &samples, octets])
    }
}

impl Entry {
    pub(crate) const fn kind(&self) -> RecordKind {
        match self {
            Self::Here { kind, .. } | Self::InAudio { kind, .. } => *kind,
        }
    }
}

/// Order of the container's pieces in the audio: the header that holds, then bodies, patched ones replaced.
pub(crate) fn layout(entries: &[Entry]) -> Vec<(u32, RecordKind, PieceOf)> {
    let numbered = || {
        (0_u32..).zip(entries).filter_map(|(index, entry)| match entry {
            Entry::InAudio { kind, piece } => Some((index, *kind, *piece)),
            Entry::Here { .. } => None,
        })
    };
    let header = numbered().filter(|(_, kind, _)| *kind == RecordKind::Header).last();
    let mut bodies: Vec<_> = numbered().filter(|(_, kind, _)| *kind != RecordKind::Header).collect();
    bodies.sort_by_key(|(index, kind, piece)| if *kind == RecordKind::Patch { piece.target } else { *index });
    header.into_iter().chain(bodies).collect()
}

impl Metadata {
    pub(crate) fn new(id: &str, salt: &Salt, entries: &[Entry]) -> Self {
        let personal = entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Here { kind: RecordKind::Personal, bytes } if !bytes.is_empty() => Some(bytes),
                _ => None,
            })
            .map(|bytes| {
                serde_json::from_slice(bytes).unwrap_or_else(|_| {
                    serde_json::Value::String(String::from_utf8_lossy(bytes).into_owned())
                })
            })
            .collect();
        let mut records = Vec::new();
        entries.iter().for_each(|entry| write_entry(&mut records, entry));
        Self { version: 1, id: id.to_owned(), personal, salt: Blob(salt.0.to_vec()), records: Blob(records) }
    }

    /// Reads decrypted metadata.
    pub(crate) fn read(input: impl Read) -> Result<Self, SealError> {
        let mut text = Vec::new();
        input.take(MAX_METADATA).read_to_end(&mut text)?;
        serde_json::from_slice(&text).map_err(|_| SealError::Metadata)
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn personal(self) -> Vec<serde_json::Value> {
        self.personal
    }

    pub(crate) fn salt(&self) -> Option<Salt> {
        let bytes: &[u8; 32] = self.salt.0.as_slice().try_into().ok()?;
        Some(Salt(Zeroizing::new(*bytes)))
    }

    pub(crate) fn entries(&self) -> Option<Vec<Entry>> {
        let (mut rest, mut entries) = (self.records.0.as_slice(), Vec::new());
        while !rest.is_empty() {
            entries.push(read_entry(&mut rest)?);
        }
        Some(entries)
    }
}

fn write_entry(list: &mut Vec<u8>, entry: &Entry) {
    match entry {
        Entry::Here { kind, bytes } => {
            list.push(kind.number());
            write_number(list, bytes.len() as u64);
            list.extend_from_slice(bytes);
        }
        Entry::InAudio { kind, piece } => {
            list.push(kind.number() | IN_AUDIO);
            for number in
                [u64::from(piece.target), u64::from(piece.octets), piece.first_sample, piece.samples]
            {
                write_number(list, number);
            }
        }
    }
}

fn read_entry(rest: &mut &[u8]) -> Option<Entry> {
    let (number, after) = rest.split_first()?;
    *rest = after;
    let kind = RecordKind::from_number(number & !IN_AUDIO)?;
    if number & IN_AUDIO == 0 {
        let len = usize::try_from(read_number(rest)?).ok()?;
        let (bytes, after) = rest.split_at_checked(len)?;
        *rest = after;
        return Some(Entry::Here { kind, bytes: bytes.to_vec() });
    }
    let is_piece = matches!(kind, RecordKind::Header | RecordKind::Body | RecordKind::Patch);
    let piece = PieceOf {
        target: u32::try_from(read_number(rest)?).ok()?,
        octets: u32::try_from(read_number(rest)?).ok()?,
        first_sample: read_number(rest)?,
        samples: read_number(rest)?,
    };
    is_piece.then_some(Entry::InAudio { kind, piece })
}

/// Seven bits an octet, the low ones first.
fn write_number(list: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        list.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    list.push(number.to_le_bytes()[0]);
}

fn read_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (octet, after) = rest.split_first()?;
        *rest = after;
        let part = u64::from(octet & 0x7f);
        number |= part.checked_shl(shift).filter(|shifted| shifted >> shift == part)?;
        if octet & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_they_are_written() {
        let piece = |target, octets, first_sample, samples| PieceOf { target, octets, first_sample, samples };
        let entries = vec![
            Entry::Here { kind: RecordKind::Start, bytes: b"{}".to_vec() },
            Entry::InAudio { kind: RecordKind::Body, piece: piece(0, 127, 128, u64::MAX) },
            Entry::InAudio { kind: RecordKind::Header, piece: piece(0, u32::MAX, 0, 0) },
            Entry::Here { kind: RecordKind::Body, bytes: vec![0; 300] },
            Entry::InAudio { kind: RecordKind::Body, piece: piece(0, 5, 6, 7) },
            Entry::InAudio { kind: RecordKind::Patch, piece: piece(3, 8, 9, 10) },
        ];
        let metadata = Metadata::new("r1", &Salt(Zeroizing::new([4; 32])), &entries);
        let text = serde_json::to_vec(&metadata).unwrap();
        let read = Metadata::read(text.as_slice()).unwrap();
        assert!(read.entries().unwrap() == entries && read.salt() == metadata.salt());
        let order: Vec<u32> = layout(&entries).iter().map(|(index, ..)| *index).collect();
        assert_eq!(order, [2, 1, 5, 4]);
        for len in 1..metadata.records.0.len() {
            let cut = Metadata {
                records: Blob(metadata.records.0[..len].to_vec()),
                ..Metadata::read(text.as_slice()).unwrap()
            };
            assert!(cut.entries().is_none_or(|cut| cut.len() < entries.len()), "{len}");
        }
    }
}
