//! Ogg Opus, RFC 7845 in RFC 3533: one mono or stereo stream, packet by packet.
//!
//! Positions count samples at 48 kHz, whatever the rate of the coders.

mod head;
mod reader;
mod timeline;

use std::fmt;
use std::io;

use ogg::OggReadError;

pub use head::{Head, tags};
pub use reader::OggReader;

/// What a file holds for the next stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OggPiece {
    /// A packet, of whose audio some samples are not meant to be heard.
    Payload(Cut),
    /// Audio that the file lacks, so many samples at 48 kHz.
    Gap(u64),
}

/// What is to be left out of a packet's audio, in samples at 48 kHz.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cut {
    /// At its beginning.
    pub front: u64,
    /// At its end.
    pub back: u64,
}

/// What is wrong with an Ogg file. Places count bytes from 0.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OggError {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// The system does not read on.
    #[error("cannot read on at byte {at}: {source}")]
    Read {
        /// Where.
        at: u64,
        /// The system's reason.
        source: io::Error,
    },
    /// It begins otherwise.
    #[error("no Ogg file: it begins with {}, not with OggS", Quoted(.0))]
    NotOgg(Vec<u8>),
    /// Something else stands between pages.
    #[error("an Ogg page should begin at byte {at}, where {} is", Quoted(.found))]
    NoPage {
        /// Where.
        at: u64,
        /// The bytes there.
        found: Vec<u8>,
    },
    /// The end is inside a page.
    #[error("the file ends inside the Ogg page that begins at byte {at}")]
    CutPage {
        /// Where the page begins.
        at: u64,
    },
    /// There are headers at most.
    #[error("the file ends at byte {at}, before any audio")]
    NoAudio {
        /// Where it ends.
        at: u64,
    },
    /// A page cannot be read.
    #[error("Ogg page at byte {at}: {}", page_error(.source))]
    Page {
        /// Where the page begins.
        at: u64,
        /// Why.
        source: OggReadError,
    },
    /// Another codec's stream.
    #[error("the Ogg file holds no Opus: its stream begins with {}", Quoted(.0))]
    NotOpus(Vec<u8>),
    /// The head is too short or of a version not known.
    #[error("Opus head of {len} bytes, version {version:#04x}: it is none that is known")]
    Head {
        /// Its length in bytes.
        len: usize,
        /// Its version.
        version: u8,
    },
    /// More channels than stereo.
    #[error("Opus with {channels} channels in mapping {mapping}: only one or two in mapping 0 are decoded")]
    Channels {
        /// How many.
        channels: u8,
        /// Their mapping family.
        mapping: u8,
    },
    /// A packet without end.
    #[error("a packet of more than {limit} bytes ends after byte {at}: that is no Opus")]
    Packet {
        /// How far was read.
        at: u64,
        /// The bound in bytes.
        limit: usize,
    },
    /// Streams one after the other.
    #[error("a second stream begins at byte {at}: chained files are to be split first")]
    Chained {
        /// Where.
        at: u64,
    },
}

fn page_error(source: &OggReadError) -> String {
    match source {
        OggReadError::HashMismatch(expected, found) => {
            format!("it is damaged: checksum {found:#010x} where {expected:#010x} should be")
        }
        other => other.to_string(),
    }
}

/// The first bytes of something, for people.
struct Quoted<'a>(&'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("nothing") } else { write!(f, "\"{}\"", self.0.escape_ascii()) }
    }
}

/// Samples at 48 kHz of each frame of a packet, by its first octet [RFC6716 3.1].
#[must_use]
pub const fn frame_length(toc: u8) -> u64 {
    match (toc >> 3, toc >> 3 & 3) {
        (0..12, 3) => 2880,
        (0..12, 2) => 1920,
        (0..16, 1 | 3) | (16.., 3) => 960,
        (0..16, _) | (16.., 2) => 480,
        (16.., 1) => 240,
        (16.., _) => 120,
    }
}

/// Samples at 48 kHz of a packet [RFC6716 3.2]; 0 where it is none.
#[must_use]
pub fn packet_length(packet: &[u8]) -> u64 {
    let Some(toc) = packet.first() else { return 0 };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => packet.get(1).map_or(0, |count| u64::from(count & 0x3f)),
    };
    frames * frame_length(*toc)
}

#[cfg(test)]
mod tests;
