//! The 76 parameters of a frame, and the 33 octets they are sent in [RFC3551 4.5.8.1].

/// Octets of a frame.
pub(super) const OCTETS: usize = 33;
/// What each frame begins with, in four bits.
const SIGNATURE: u8 = 0xd;
/// Bits of the eight log-area ratios.
const RATIO_BITS: [u32; 8] = [6, 6, 5, 5, 4, 4, 3, 3];

/// A frame of 20 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Frame {
    /// Coded log-area ratios.
    pub(super) ratios: [u8; 8],
    /// Its four parts of 5 ms.
    pub(super) parts: [Part; 4],
}

/// What a part of 5 ms is coded as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Part {
    /// Lag of the long-term predictor in samples.
    pub(super) lag: u8,
    /// Its gain.
    pub(super) gain: u8,
    /// Which of the four grids the pulses stand on.
    pub(super) grid: u8,
    /// The largest pulse, logarithmic.
    pub(super) peak: u8,
    /// The pulses.
    pub(super) pulses: [u8; 13],
}

impl Frame {
    /// The frame in its octets.
    pub(super) fn pack(&self) -> [u8; OCTETS] {
        let mut bits = Writer { octets: [0; OCTETS], at: 0 };
        bits.put(SIGNATURE, 4);
        self.ratios.iter().zip(RATIO_BITS).for_each(|(ratio, width)| bits.put(*ratio, width));
        for part in &self.parts {
            bits.put(part.lag, 7);
            bits.put(part.gain, 2);
            bits.put(part.grid, 2);
            bits.put(part.peak, 6);
            part.pulses.iter().for_each(|pulse| bits.put(*pulse, 3));
        }
        bits.octets
    }

    /// Reads a frame; `None` where it does not begin as one.
    pub(super) fn unpack(octets: &[u8; OCTETS]) -> Option<Self> {
        let mut bits = Reader { octets, at: 0 };
        if bits.take(4) != SIGNATURE {
            return None;
        }
        let ratios = RATIO_BITS.map(|width| bits.take(width));
        let parts = std::array::from_fn(|_| Part {
            lag: bits.take(7),
            gain: bits.take(2),
            grid: bits.take(2),
            peak: bits.take(6),
            pulses: std::array::from_fn(|_| bits.take(3)),
        });
        Some(Self { ratios, parts })
    }
}

/// Bits into octets, most significant first.
struct Writer {
    octets: [u8; OCTETS],
    at: usize,
}

impl Writer {
    fn put(&mut self, value: u8, width: u32) {
        for bit in (0..width).rev() {
            if let Some(octet) = self.octets.get_mut(self.at / 8) {
                *octet |= (value >> bit & 1) << (7 - self.at % 8);
            }
            self.at += 1;
        }
    }
}

struct Reader<'a> {
    octets: &'a [u8; OCTETS],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, width: u32) -> u8 {
        (0..width).fold(0, |value, _| {
            let octet = self.octets.get(self.at / 8).copied().unwrap_or_default();
            let bit = octet >> (7 - self.at % 8) & 1;
            self.at += 1;
            value << 1 | bit
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // test-of: [RFC3551 4.5.8]
    #[test]
    fn parameters_stand_where_the_table_of_the_rfc_has_them() {
        let part = Part { lag: 0x7f, ..Part::default() };
        let frame = Frame { ratios: [0x3f, 0, 0x1f, 0, 0xf, 0, 7, 0], parts: [part; 4] };
        let octets = frame.pack();
        // Signature and LARc1, LARc2, LARc3 and the rest of it, LARc5, LARc7, then a part: seven bits of its lag.
        assert_eq!(octets[..6], [0xdf, 0xc0, 0xf8, 0x3c, 0x38, 0xfe]);
        assert_eq!(octets[6..12], [0; 6]);
        assert_eq!(octets[12..14], [0xfe, 0]);
        assert_eq!(Frame::unpack(&octets), Some(frame));
    }

    #[test]
    fn every_frame_with_the_signature_comes_back() {
        let mut state = 1_u32;
        for _ in 0..1000 {
            let mut octets = [0; OCTETS];
            for octet in &mut octets {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *octet = state.to_be_bytes()[0];
            }
            let begins = octets[0] >> 4 == 0xd;
            assert_eq!(Frame::unpack(&octets).map(|frame| frame.pack() == octets), begins.then_some(true));
        }
    }
}
