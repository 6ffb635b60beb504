//! Ogg Opus, RFC 7845 in RFC 3533, as it is written: one mono stream. It is read by `mediapoint-prompt`.
//!
//! Positions count samples at 48 kHz, whatever the rate of the coders.

mod writer;

use mediapoint_prompt::audio::opus::frame_length;

pub(super) use writer::OggWriter;

/// What libopus' encoder is late by, in samples at 48 kHz: 6.5 ms.
pub(super) const PRE_SKIP: u64 = 312;

/// A packet of `length` samples at 48 kHz that says "nothing came", coded as `toc` says [RFC7845 4.1].
fn nothing(toc: u8, length: u64) -> Vec<u8> {
    match u8::try_from(length / frame_length(toc)).unwrap_or(1) {
        0 | 1 => vec![toc & !3],
        frames => vec![toc | 3, frames],
    }
}

#[cfg(test)]
mod tests {
    use mediapoint_prompt::audio::opus::packet_length;

    use super::*;

    // test-of: [RFC7845 4.1]
    #[test]
    fn nothing_is_as_long_as_what_it_stands_for() {
        for toc in [0, 1 << 3, 3 << 3, 13 << 3, 16 << 3 | 1, 31 << 3 | 7] {
            for length in [480, 960, 1920, 2880, 5760] {
                if length % frame_length(toc) == 0 {
                    let packet = nothing(toc, length);
                    assert_eq!(
                        (packet_length(&packet), packet[0] >> 2),
                        (length, toc >> 2),
                        "{toc} {length}"
                    );
                    assert!(packet.len() <= 2);
                }
            }
        }
    }
}
