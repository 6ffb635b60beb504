//! G.711 behind the traits [RFC3551 4.5.14]: an octet a sample.

use mediapoint_g711::{Law, decode_slice, encode_slice};

use crate::coder::{Decoded, Decoder, Encoded, Encoder, MAX_PACKET_MS, Signal, Transmission, check_length};
use crate::error::{DecodeError, EncodeError};

const RATE: u32 = 8000;
/// 10 ms.
const GRANULE: usize = 80;
const MAX_SAMPLES: usize = (RATE / 1000 * MAX_PACKET_MS) as usize;

/// PCMU or PCMA to samples at 8 kHz.
#[derive(Debug)]
pub(crate) struct G711Decoder {
    law: Law,
}

impl G711Decoder {
    pub(crate) const fn new(law: Law) -> Self {
        Self { law }
    }
}

impl Decoder for G711Decoder {
    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn duration(&self, payload: &[u8]) -> Result<usize, DecodeError> {
        match payload.len() {
            len @ 1..=MAX_SAMPLES => Ok(len),
            len => Err(DecodeError::Malformed { len }),
        }
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<Decoded, DecodeError> {
        let samples = self.duration(payload)?;
        let have = pcm.len();
        let out = pcm.get_mut(..samples).ok_or(DecodeError::NoRoom { need: samples, have })?;
        decode_slice(self.law, payload, out);
        Ok(Decoded { samples, kind: Signal::Speech })
    }

    fn conceals(&self) -> bool {
        false
    }

    fn conceal(&mut self, pcm: &mut [i16], _next: Option<&[u8]>) {
        pcm.fill(0);
    }

    fn continue_noise(&mut self, _pcm: &mut [i16]) -> bool {
        false
    }

    fn reset(&mut self) {}
}

/// Samples at 8 kHz to PCMU or PCMA.
#[derive(Debug)]
pub(crate) struct G711Encoder {
    law: Law,
}

impl G711Encoder {
    pub(crate) const fn new(law: Law) -> Self {
        Self { law }
    }
}

impl Encoder for G711Encoder {
    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn granule(&self) -> usize {
        GRANULE
    }

    fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<Encoded, EncodeError> {
        check_length(pcm.len(), GRANULE, MAX_SAMPLES)?;
        let (need, have) = (pcm.len(), payload.len());
        let out = payload.get_mut(..need).ok_or(EncodeError::NoRoom { need, have })?;
        encode_slice(self.law, pcm, out);
        Ok(Encoded::whole(need, Transmission::Speech))
    }

    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    // test-of: [RFC3551 4.5.14]
    #[test]
    fn an_octet_is_a_sample_in_order() {
        let codes: [u8; 256] = std::array::from_fn(|n| n.to_le_bytes()[0]);
        for law in [Law::Mu, Law::A] {
            let mut pcm = [0; 256];
            let decoded = G711Decoder::new(law).decode(&codes, &mut pcm).unwrap();
            assert_eq!((decoded.samples, decoded.kind), (256, Signal::Speech));
            assert!(
                codes.iter().zip(pcm).all(|(code, sample)| sample == mediapoint_g711::decode(law, *code))
            );
            let mut payload = [0; 160];
            G711Encoder::new(law).encode(&pcm[..160], &mut payload).unwrap();
            assert!(
                payload.iter().zip(pcm).all(|(code, sample)| *code == mediapoint_g711::encode(law, sample))
            );
        }
    }
}
