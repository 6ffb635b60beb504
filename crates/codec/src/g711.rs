//! G.711 behind the traits [RFC3551 4.5.14]: an octet a sample.

use mediapoint_g711::{Law, decode_slice, encode_slice};

use crate::coder::{
    Decoded, Decoder, Encoded, Encoder, MAX_PACKET_MS, Signal, Transmission, check_length, payload_room,
    pcm_room,
};
use crate::error::{DecodeError, EncodeError};

const RATE: u32 = 8000;
/// 10 ms.
const GRANULE: usize = 80;
const MAX_SAMPLES: usize = (RATE / 1000 * MAX_PACKET_MS) as usize;

/// PCMU or PCMA to samples at 8 kHz. It has no state, and so takes no memory of its own.
#[derive(Debug)]
pub(crate) struct G711Decoder<const A_LAW: bool>;

/// Samples at 8 kHz to PCMU or PCMA.
#[derive(Debug)]
pub(crate) struct G711Encoder<const A_LAW: bool>;

const fn law(a_law: bool) -> Law {
    if a_law { Law::A } else { Law::Mu }
}

impl<const A_LAW: bool> Decoder for G711Decoder<A_LAW> {
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
        let out = pcm_room(pcm, samples)?;
        decode_slice(law(A_LAW), payload, out);
        Ok(Decoded { samples, kind: Signal::Speech })
    }

    fn reset(&mut self) {}
}

impl<const A_LAW: bool> Encoder for G711Encoder<A_LAW> {
    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn granule(&self) -> usize {
        GRANULE
    }

    fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<Encoded, EncodeError> {
        check_length(pcm.len(), GRANULE, MAX_SAMPLES)?;
        let need = pcm.len();
        let out = payload_room(payload, need)?;
        encode_slice(law(A_LAW), pcm, out);
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
        check(&codes, Law::Mu, &mut G711Decoder::<false>, &mut G711Encoder::<false>);
        check(&codes, Law::A, &mut G711Decoder::<true>, &mut G711Encoder::<true>);
    }

    fn check(codes: &[u8; 256], law: Law, decoder: &mut dyn Decoder, encoder: &mut dyn Encoder) {
        let mut pcm = [0; 256];
        let decoded = decoder.decode(codes, &mut pcm).unwrap();
        assert_eq!((decoded.samples, decoded.kind), (256, Signal::Speech));
        assert!(codes.iter().zip(pcm).all(|(code, sample)| sample == mediapoint_g711::decode(law, *code)));
        let mut payload = [0; 160];
        encoder.encode(&pcm[..160], &mut payload).unwrap();
        assert!(payload.iter().zip(pcm).all(|(code, sample)| *code == mediapoint_g711::encode(law, sample)));
    }
}
