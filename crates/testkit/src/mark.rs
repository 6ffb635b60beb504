//! A mark inside G.711 audio that says who sent it and as which packet, and survives conversion between the two laws:
//! both keep the sign of a sample in the top bit.

/// The code that fills a payload: a quiet sample, with the sign bit clear.
pub const PLAIN_FILL: u8 = 0x2a;

/// Samples that a mark takes: 8 of tag, 32 of number, 16 of check.
const BITS: usize = 56;

/// Who sent a payload, and as which of its packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The sender.
    pub tag: u8,
    /// The packet.
    pub number: u32,
}

impl Mark {
    /// Writes the mark over the start of `payload`: as signs of samples, or as bytes where it is short of samples.
    pub fn write(self, payload: &mut [u8]) {
        let bits = self.bits();
        if payload.len() < BITS {
            for (byte, value) in payload.iter_mut().zip(bits.to_be_bytes().into_iter().skip(1)) {
                *byte = value;
            }
            return;
        }
        for (at, sample) in payload.iter_mut().take(BITS).enumerate() {
            let sign = u8::from(bits >> (BITS - 1 - at) & 1 == 1) << 7;
            *sample = *sample & 0x7f | sign;
        }
    }

    /// The mark of a payload; `None` where it has none that is whole.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let bits = if payload.len() < BITS {
            payload.get(..BITS / 8)?.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte))
        } else {
            payload.iter().take(BITS).fold(0, |bits, sample| bits << 1 | u64::from(sample >> 7))
        };
        let [_, tag, a, b, c, d, _, _] = bits.to_be_bytes();
        let mark = Self { tag, number: u32::from_be_bytes([a, b, c, d]) };
        (mark.bits() == bits).then_some(mark)
    }

    fn bits(self) -> u64 {
        let data = u64::from(self.tag) << 32 | u64::from(self.number);
        let check = (data.wrapping_add(1)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
        data << 16 | check
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_written_in_samples_and_in_bytes() {
        for len in [7, 20, 55, 56, 160] {
            let mut payload = vec![PLAIN_FILL; len];
            let mark = Mark { tag: 3, number: 0xfedc_ba98 };
            mark.write(&mut payload);
            assert_eq!(Mark::read(&payload), Some(mark), "{len}");
        }
    }

    #[test]
    fn a_payload_without_a_mark_has_none() {
        assert_eq!(Mark::read(&[PLAIN_FILL; 160]), None);
        assert_eq!(Mark::read(&[1; 6]), None);
        let mut payload = [PLAIN_FILL; 160];
        Mark { tag: 1, number: 7 }.write(&mut payload);
        payload[20] ^= 0x80;
        assert_eq!(Mark::read(&payload), None);
    }
}
