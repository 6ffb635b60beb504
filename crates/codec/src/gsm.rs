//! GSM full rate (GSM 06.10, ETSI EN 300 961) behind the traits: frames of 20 ms in 33 octets, any number of them in a
//! payload [RFC3551 4.5.8]. The arithmetic is the standard's, so that every bit is.
//!
//! Left out: its comfort noise and its muting of lost frames, which belong to the radio; losses are concealed as those
//! of any codec without a concealment of its own.

mod arithmetic;
mod decoder;
mod encoder;
mod filter;
mod frame;

use crate::coder::{
    Decoded, Decoder, Encoded, Encoder, MAX_PACKET_MS, Signal, Transmission, check_length, payload_room,
    pcm_room,
};
use crate::error::{DecodeError, EncodeError};
use decoder::FrameDecoder;
use encoder::FrameEncoder;
use filter::FRAME;
use frame::{Frame, OCTETS};

const RATE: u32 = 8000;
const MAX_FRAMES: usize = (RATE / 1000 * MAX_PACKET_MS) as usize / FRAME;

/// GSM full rate to samples at 8 kHz.
pub(crate) struct GsmDecoder(FrameDecoder);

impl GsmDecoder {
    pub(crate) const fn new() -> Self {
        Self(FrameDecoder::new())
    }
}

impl Decoder for GsmDecoder {
    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn duration(&self, payload: &[u8]) -> Result<usize, DecodeError> {
        let len = payload.len();
        match payload.as_chunks::<OCTETS>() {
            (frames, []) if (1..=MAX_FRAMES).contains(&frames.len()) => Ok(frames.len() * FRAME),
            _ => Err(DecodeError::Malformed { len }),
        }
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<Decoded, DecodeError> {
        let (need, len) = (self.duration(payload)?, payload.len());
        let out = pcm_room(pcm, need)?;
        let mut frames = [Frame::default(); MAX_FRAMES];
        for (frame, octets) in frames.iter_mut().zip(payload.as_chunks().0) {
            *frame = Frame::unpack(octets).ok_or(DecodeError::Malformed { len })?;
        }
        for (frame, out) in frames.iter().zip(out.as_chunks_mut().0) {
            self.0.decode(frame, out);
        }
        Ok(Decoded { samples: need, kind: Signal::Speech })
    }

    fn reset(&mut self) {
        self.0 = FrameDecoder::new();
    }
}

/// Samples at 8 kHz to GSM full rate.
pub(crate) struct GsmEncoder(FrameEncoder);

impl GsmEncoder {
    pub(crate) const fn new() -> Self {
        Self(FrameEncoder::new())
    }
}

impl Encoder for GsmEncoder {
    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn granule(&self) -> usize {
        FRAME
    }

    fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<Encoded, EncodeError> {
        check_length(pcm.len(), FRAME, MAX_FRAMES * FRAME)?;
        let need = pcm.len() / FRAME * OCTETS;
        let room = payload_room(payload, need)?;
        for (octets, pcm) in room.as_chunks_mut().0.iter_mut().zip(pcm.as_chunks().0) {
            *octets = self.0.encode(pcm).pack();
        }
        Ok(Encoded::whole(need, Transmission::Speech))
    }

    fn reset(&mut self) {
        self.0 = FrameEncoder::new();
    }
}

#[cfg(test)]
mod tests;
