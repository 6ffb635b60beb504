//! What holds for any bytes at all, as functions that panic where it does not. Unit tests, the replay of the corpus and
//! the fuzz targets call the same ones.

use crate::exact;
use crate::{Decoder, Frame, payload, serial};

/// The longest stream a property decodes: 4 s.
const FRAMES: usize = 400;

/// Any frames, lost ones between them, decode to something, twice the same, and the same with operators that saturate at
/// each step as with the quick ones.
///
/// A byte says what comes: a speech frame of the ten bytes after it, a SID of two, nothing sent, a lost frame, or a run
/// of lost ones.
pub fn decode_is_exact(data: &[u8]) {
    let frames = script(data);
    let mut quick = Decoder::new();
    let mut slow = quick.clone();
    for (n, frame) in frames.iter().enumerate() {
        let mut again = quick.clone();
        let out = step(&mut quick, *frame);
        assert_eq!(out, step(&mut again, *frame), "frame {n} of {frames:?}: a clone differs");
        let expected = exact::without(|| step(&mut slow, *frame));
        assert_eq!(out, expected, "frame {n} of {frames:?}");
    }
}

fn step(decoder: &mut Decoder, frame: Option<Frame>) -> [i16; Frame::SAMPLES] {
    match frame {
        Some(frame) => decoder.decode(frame),
        None => decoder.decode_erased(),
    }
}

fn script(mut data: &[u8]) -> Vec<Option<Frame>> {
    let mut frames = Vec::new();
    while let [kind, rest @ ..] = data {
        data = rest;
        let mut count = 1;
        let frame = match (kind % 8, data.split_first_chunk(), data.split_first_chunk()) {
            (0..=3, Some((octets, rest)), _) => {
                data = rest;
                Some(Frame::Speech(*octets))
            }
            (4, _, Some((octets, rest))) => {
                data = rest;
                Some(Frame::Sid(*octets))
            }
            (5, ..) => Some(Frame::Untransmitted),
            (6, ..) => None,
            _ => {
                count = usize::from(kind / 8);
                None
            }
        };
        frames.extend(std::iter::repeat_n(frame, count));
    }
    frames.truncate(FRAMES);
    frames
}

/// A payload that splits packs to the same bytes again; any other has a length that no frames add up to.
pub fn payload_round_trips(data: &[u8]) {
    let Ok(frames) = payload::split(data) else {
        assert!(!matches!(data.len() % 10, 0 | 2), "{} octets refused", data.len());
        return;
    };
    let frames: Vec<Frame> = frames.collect();
    let mut out = vec![0; data.len()];
    assert_eq!(payload::pack(&frames, &mut out), Ok(data.len()));
    assert_eq!(out, data);
}

/// Any bytes can be read as a serial stream, and what was read is written so that it reads the same.
pub fn serial_round_trips(data: &[u8]) {
    let frames: Vec<Option<Frame>> = serial::Reader::new(data).map_while(Result::ok).collect();
    let mut written = Vec::new();
    frames.iter().for_each(|frame| serial::write(&mut written, *frame));
    assert_eq!(serial::read_all(&written), Ok(frames));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A generator of test bytes: the top byte of a 64-bit congruential one.
    fn bytes(seed: u64, count: usize) -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn random_streams_decode_exactly() {
        for seed in 0..24 {
            decode_is_exact(&bytes(seed, 2500));
        }
    }

    #[test]
    fn lost_frames_after_every_kind_decode_exactly() {
        for kind in 0..8 {
            let mut data = vec![kind];
            data.extend(bytes(u64::from(kind), 10));
            data.extend([0xff, 4, 1, 2, 0xff, 5, 0xff]);
            decode_is_exact(&data);
        }
        decode_is_exact(&[]);
        decode_is_exact(&[0xff; 20]);
    }

    #[test]
    fn random_payloads_and_streams_round_trip() {
        for seed in 0..200 {
            let data = bytes(seed, usize::try_from(seed).unwrap());
            payload_round_trips(&data);
            serial_round_trips(&data);
        }
        let frame = [0x21, 0x6b, 16, 0].into_iter().chain([0x81, 0].repeat(16));
        serial_round_trips(&frame.clone().collect::<Vec<_>>());
        serial_round_trips(&frame.chain([0x22, 0x6b]).collect::<Vec<_>>());
    }
}
