//! What holds for any bytes at all, as functions that panic where it does not. Unit tests, the replay of the corpus and
//! the fuzz targets call the same ones.

mod frames;
mod signal;

use self::signal::Signal;
use crate::exact;
use crate::{Decoder, Encoder, EncoderOptions, Frame, payload, serial};

/// The most frames that one input decodes, so that many inputs are tried. What takes longer to come about is there
/// beforehand: [`frames::before`], [`signal::before`].
const DECODED: usize = 12;
/// The most frames that one input codes, each of which costs as much as ten to decode.
const CODED: usize = 6;

/// Any frames, lost ones between them, decode to something, twice the same, and the same with operators that saturate at
/// each step as with the quick ones.
///
/// The first byte chooses what was decoded before, the others say what comes, see `frames::read`.
pub fn decode_is_exact(data: &[u8]) {
    thread_local! {
        static DECODERS: [Decoder; frames::STREAMS] = std::array::from_fn(|stream| {
            let mut decoder = Decoder::new();
            for frame in frames::before(stream) {
                let _ = step(&mut decoder, frame);
            }
            decoder
        });
    }
    let Some((stream, data)) = data.split_first() else { return };
    let stream = usize::from(*stream) % frames::STREAMS;
    let decoder = DECODERS.with(|decoders| decoders.get(stream).cloned());
    decodes_exactly(decoder.unwrap_or_default(), &frames::read(data, DECODED));
}

/// The same for frames that go on from a decoder's state.
fn decodes_exactly(mut quick: Decoder, frames: &[Option<Frame>]) {
    let mut slow = quick.clone();
    for (n, frame) in frames.iter().enumerate() {
        // Only the last frame is decoded by a clone as well: the ones before it are the last ones of other inputs.
        let again = (n + 1 == frames.len()).then(|| quick.clone());
        let out = step(&mut quick, *frame);
        if let Some(mut again) = again {
            assert_eq!(out, step(&mut again, *frame), "frame {n} of {frames:?}: a clone differs");
        }
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

/// Any samples are coded, twice the same, and the same with operators that saturate at each step as with the quick ones.
///
/// The first byte chooses what was coded before, the others say what comes, see `signal::read`.
pub fn encode_is_exact(data: &[u8]) {
    thread_local! {
        static ENCODERS: [Encoder; signal::STREAMS] = std::array::from_fn(|stream| {
            let mut encoder = Encoder::new(EncoderOptions { dtx: signal::dtx_before(stream) });
            for frame in signal::before(stream) {
                let _ = encoder.encode(&frame.samples);
            }
            encoder
        });
    }
    let Some((stream, data)) = data.split_first() else { return };
    let stream = usize::from(*stream) % signal::STREAMS;
    let Some(encoder) = ENCODERS.with(|encoders| encoders.get(stream).cloned()) else { return };
    codes_exactly(encoder, signal::dtx_before(stream), &signal::read(data, CODED));
}

/// The same for samples that go on from an encoder's state.
fn codes_exactly(mut quick: Encoder, mut dtx: bool, frames: &[Signal]) {
    let mut slow = quick.clone();
    for (n, Signal { samples, switches }) in frames.iter().enumerate() {
        dtx ^= switches;
        quick.set_dtx(dtx);
        slow.set_dtx(dtx);
        let again = (n + 1 == frames.len()).then(|| quick.clone());
        let frame = quick.encode(samples);
        if let Some(mut again) = again {
            assert_eq!(frame, again.encode(samples), "frame {n}: a clone differs");
        }
        assert_eq!(frame, exact::without(|| slow.encode(samples)), "frame {n}");
    }
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
mod tests;
