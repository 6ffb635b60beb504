//! What a packet of the load generator carries in its audio: who sent it and which one it is.
//!
//! Each bit is the sign of a loud G.711 sample. Both laws keep the sign in bit 7, set for positive values
//! [G.711 tables 1a, 2a], and no conversion of a loud sample turns its sign, so that the mark survives from
//! PCMU to PCMA and back. Every bit is sent three times, and five check bits tell damage.

use mediapoint_g711::Law;

/// Octets of a 20 ms packet of G.711.
pub const PAYLOAD: usize = 160;

/// Bits of a mark: 32 of the index, 16 of the stream, 5 to check.
const BITS: usize = 53;

/// How often each bit is sent.
const COPIES: usize = 3;

/// A modulus that makes a check value of five bits.
const CHECK_MODULUS: u64 = 31;

/// Who sent a packet, and which one of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The sending stream.
    pub stream: u16,
    /// The packet, counted from 0.
    pub index: u32,
}

impl Mark {
    /// Fills a payload with the mark.
    pub fn write(self, law: Law, payload: &mut [u8; PAYLOAD]) {
        let bits = self.bits();
        for (octet, place) in payload.iter_mut().zip((0..BITS).cycle()) {
            *octet = loud(law) | if bits >> place & 1 == 1 { 0x80 } else { 0 };
        }
    }

    /// Reads a mark out of a payload of either law; `None` where it is damaged or has another length.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let payload: &[u8; PAYLOAD] = payload.try_into().ok()?;
        let mut copies = [0_u64; COPIES];
        for (copy, chunk) in copies.iter_mut().zip(payload.chunks_exact(BITS)) {
            *copy = chunk.iter().rev().fold(0, |bits, octet| bits << 1 | u64::from(octet >> 7));
        }
        let [a, b, c] = copies;
        let bits = (a & b) | (b & c) | (a & c);
        let mark = Self::of(bits);
        (mark.bits() == bits).then_some(mark)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the fields are cut out of the word")]
    fn of(bits: u64) -> Self {
        Self { index: bits as u32, stream: (bits >> 32) as u16 }
    }

    fn bits(self) -> u64 {
        let body = u64::from(self.stream) << 32 | u64::from(self.index);
        (body % CHECK_MODULUS) << 48 | body
    }
}

/// The octet of a loud negative sample; with bit 7 set it is as loud and positive.
fn loud(law: Law) -> u8 {
    match law {
        Law::Mu => 0x10,
        // Even bits are turned on the line [G.711 3.1]; this is 0x60 before that.
        Law::A => 0x35,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use mediapoint_g711::{decode_slice, encode_slice};

    fn convert(payload: &[u8; PAYLOAD], from: Law, to: Law) -> [u8; PAYLOAD] {
        let mut linear = [0; PAYLOAD];
        let mut coded = [0; PAYLOAD];
        decode_slice(from, payload, &mut linear);
        assert!(linear.iter().all(|sample| sample.unsigned_abs() > 4_000), "not loud: {linear:?}");
        encode_slice(to, &linear, &mut coded);
        coded
    }

    proptest! {
        #[test]
        fn a_mark_survives_both_conversions(stream: u16, index: u32) {
            let mark = Mark { stream, index };
            for (here, there) in [(Law::Mu, Law::A), (Law::A, Law::Mu)] {
                let mut payload = [0; PAYLOAD];
                mark.write(here, &mut payload);
                prop_assert_eq!(Mark::read(&payload), Some(mark));
                let converted = convert(&payload, here, there);
                prop_assert_eq!(Mark::read(&converted), Some(mark));
                prop_assert_eq!(Mark::read(&convert(&converted, there, here)), Some(mark));
            }
        }

        #[test]
        fn one_wrong_sign_is_put_right(stream: u16, index: u32, at in 0..PAYLOAD) {
            let mark = Mark { stream, index };
            let mut payload = [0; PAYLOAD];
            mark.write(Law::Mu, &mut payload);
            payload[at] ^= 0x80;
            prop_assert_eq!(Mark::read(&payload), Some(mark));
        }
    }

    #[test]
    fn silence_and_other_lengths_are_no_mark() {
        assert_eq!(Mark::read(&[0xff; PAYLOAD]), None);
        assert_eq!(Mark::read(&[0; PAYLOAD - 1]), None);
    }
}
