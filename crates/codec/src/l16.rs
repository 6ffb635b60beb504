//! L16 behind the traits [RFC3551 4.5.11]: samples as they are, most significant octet first.

use crate::coder::{
    Decoded, Decoder, Encoded, Encoder, MAX_PACKET_MS, Signal, Transmission, check_length, payload_room,
    pcm_room,
};
use crate::error::{DecodeError, EncodeError};

/// Samples of the longest packet at `rate`.
const fn max_samples(rate: u32) -> usize {
    (rate / 1000 * MAX_PACKET_MS) as usize
}

/// L16 to samples.
#[derive(Debug)]
pub(crate) struct L16Decoder {
    rate: u32,
}

impl L16Decoder {
    pub(crate) const fn new(rate: u32) -> Self {
        Self { rate }
    }
}

impl Decoder for L16Decoder {
    fn sample_rate(&self) -> u32 {
        self.rate
    }

    fn duration(&self, payload: &[u8]) -> Result<usize, DecodeError> {
        let len = payload.len();
        let samples = len / 2;
        if !len.is_multiple_of(2) || samples == 0 || samples > max_samples(self.rate) {
            return Err(DecodeError::Malformed { len });
        }
        Ok(samples)
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<Decoded, DecodeError> {
        let samples = self.duration(payload)?;
        let out = pcm_room(pcm, samples)?;
        for (sample, octets) in out.iter_mut().zip(payload.as_chunks().0) {
            *sample = i16::from_be_bytes(*octets);
        }
        Ok(Decoded { samples, kind: Signal::Speech })
    }

    fn reset(&mut self) {}
}

/// Samples to L16.
#[derive(Debug)]
pub(crate) struct L16Encoder {
    rate: u32,
}

impl L16Encoder {
    pub(crate) const fn new(rate: u32) -> Self {
        Self { rate }
    }
}

impl Encoder for L16Encoder {
    fn sample_rate(&self) -> u32 {
        self.rate
    }

    fn granule(&self) -> usize {
        (self.rate / 100) as usize
    }

    fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<Encoded, EncodeError> {
        check_length(pcm.len(), self.granule(), max_samples(self.rate))?;
        let need = pcm.len() * 2;
        let out = payload_room(payload, need)?;
        for (octets, sample) in out.as_chunks_mut().0.iter_mut().zip(pcm) {
            *octets = sample.to_be_bytes();
        }
        Ok(Encoded::whole(need, Transmission::Speech))
    }

    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    // test-of: [RFC3551 4.5.11]
    #[test]
    fn most_significant_octet_comes_first() {
        let mut pcm = [0; 80];
        pcm[..3].copy_from_slice(&[0x1234, -2, i16::MIN]);
        let mut payload = [0; 160];
        assert_eq!(L16Encoder::new(8000).encode(&pcm, &mut payload).unwrap().len, 160);
        assert_eq!(payload[..6], [0x12, 0x34, 0xff, 0xfe, 0x80, 0x00]);
        let mut back = [0; 80];
        L16Decoder::new(8000).decode(&payload, &mut back).unwrap();
        assert_eq!(back, pcm);
    }
}
