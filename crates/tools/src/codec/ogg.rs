//! Ogg Opus, RFC 7845 in RFC 3533: one mono or stereo stream in, one mono stream out.
//!
//! Positions count samples at 48 kHz, whatever the rate of the coders.

mod head;
mod reader;
mod timeline;
mod writer;

pub(super) use reader::OggReader;
pub(super) use writer::OggWriter;

/// What libopus' encoder is late by, in samples at 48 kHz: 6.5 ms.
pub(super) const PRE_SKIP: u64 = 312;

/// Samples at 48 kHz of each frame of a packet, by its first octet [RFC6716 3.1].
const fn frame_length(toc: u8) -> u64 {
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
fn packet_length(packet: &[u8]) -> u64 {
    let Some(toc) = packet.first() else { return 0 };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => packet.get(1).map_or(0, |count| u64::from(count & 0x3f)),
    };
    frames * frame_length(*toc)
}

/// A packet of `length` samples at 48 kHz that says "nothing came", coded as `toc` says [RFC7845 4.1].
fn nothing(toc: u8, length: u64) -> Vec<u8> {
    match u8::try_from(length / frame_length(toc)).unwrap_or(1) {
        0 | 1 => vec![toc & !3],
        frames => vec![toc | 3, frames],
    }
}

#[cfg(test)]
mod tests;
