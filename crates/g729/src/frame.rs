//! Coded frames and the parameters in their bits (Table 8, Table B.2).

mod bits;

use self::bits::{Reader, Writer};

/// One coded frame of 10 ms, as it is transmitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Speech: 80 bits.
    Speech([u8; Frame::SPEECH_LEN]),
    /// Silence insertion descriptor (Annex B): 15 bits and a pad that is sent as zero and not looked at.
    Sid([u8; Frame::SID_LEN]),
    /// Nothing: the noise goes on as the last SID says (Annex B).
    Untransmitted,
}

impl Frame {
    /// Octets of a speech frame.
    pub const SPEECH_LEN: usize = 10;
    /// Octets of a SID.
    pub const SID_LEN: usize = 2;
    /// Samples of a frame at 8000 Hz: 10 ms.
    pub const SAMPLES: usize = 80;

    /// The octets sent: 10, 2 or none.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Speech(octets) => octets,
            Self::Sid(octets) => octets,
            Self::Untransmitted => &[],
        }
    }
}

/// The parameters of a speech frame (Table 8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Speech {
    /// L0 to L3.
    pub(crate) lsf: LsfIndices,
    /// P0, the parity of the first subframe's delay.
    pub(crate) parity: bool,
    /// What each subframe has of its own.
    pub(crate) subframes: [Subframe; 2],
}

/// The indices of the quantised line spectral frequencies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LsfIndices {
    /// L0: which predictor, 0 or 1.
    pub(crate) predictor: u8,
    /// L1: first stage, 0 to 127.
    pub(crate) first: u8,
    /// L2: second stage, lower half, 0 to 31.
    pub(crate) lower: u8,
    /// L3: second stage, upper half, 0 to 31.
    pub(crate) upper: u8,
}

/// The parameters of a subframe of 5 ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subframe {
    /// P1 (8 bits) or P2 (5 bits): the pitch delay.
    pub(crate) pitch: u8,
    /// C: pulse positions, 13 bits.
    pub(crate) positions: u16,
    /// S: pulse signs, 4 bits.
    pub(crate) signs: u8,
    /// GA as sent, 3 bits.
    pub(crate) gain_1: u8,
    /// GB as sent, 4 bits.
    pub(crate) gain_2: u8,
}

impl Speech {
    /// Reads the bits of a frame. Every word has a meaning.
    pub(crate) const fn unpack(octets: &[u8; Frame::SPEECH_LEN]) -> Self {
        let mut bits = Reader::new(octets);
        let lsf = LsfIndices {
            predictor: bits.byte(1),
            first: bits.byte(7),
            lower: bits.byte(5),
            upper: bits.byte(5),
        };
        let pitch = bits.byte(8);
        let parity = bits.byte(1) != 0;
        let first = Subframe::read(&mut bits, pitch);
        let pitch = bits.byte(5);
        let second = Subframe::read(&mut bits, pitch);
        Self { lsf, parity, subframes: [first, second] }
    }

    /// Writes the bits of a frame; what is too wide for its field is cut.
    pub(crate) fn pack(&self) -> [u8; Frame::SPEECH_LEN] {
        let mut bits = Writer::default();
        bits.put(self.lsf.predictor, 1);
        bits.put(self.lsf.first, 7);
        bits.put(self.lsf.lower, 5);
        bits.put(self.lsf.upper, 5);
        let [first, second] = &self.subframes;
        bits.put(first.pitch, 8);
        bits.put(self.parity, 1);
        first.write(&mut bits);
        bits.put(second.pitch, 5);
        second.write(&mut bits);
        bits.finish()
    }

    /// Whether P0 belongs to P1. Clause 4.1.2.
    pub(crate) const fn parity_holds(&self) -> bool {
        let [first, _] = &self.subframes;
        self.parity == parity(first.pitch)
    }
}

/// P0 of a delay P1: set when the six most significant bits have an even number of ones. Clause 3.7.2.
pub(crate) const fn parity(pitch: u8) -> bool {
    (pitch >> 2).count_ones().is_multiple_of(2)
}

impl Subframe {
    const fn read<const N: usize>(bits: &mut Reader<N>, pitch: u8) -> Self {
        Self {
            pitch,
            positions: bits.word(13),
            signs: bits.byte(4),
            gain_1: bits.byte(3),
            gain_2: bits.byte(4),
        }
    }

    fn write<const N: usize>(&self, bits: &mut Writer<N>) {
        bits.put(self.positions, 13);
        bits.put(self.signs, 4);
        bits.put(self.gain_1, 3);
        bits.put(self.gain_2, 4);
    }
}

/// The parameters of a SID (Table B.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sid {
    /// Which predictor, 0 or 1.
    pub(crate) predictor: u8,
    /// First stage, 0 to 31.
    pub(crate) first: u8,
    /// Second stage, 0 to 15.
    pub(crate) second: u8,
    /// Gain, 0 to 31.
    pub(crate) gain: u8,
}

impl Sid {
    /// Reads the bits of a SID. Every word has a meaning.
    pub(crate) const fn unpack(octets: &[u8; Frame::SID_LEN]) -> Self {
        let mut bits = Reader::new(octets);
        Self { predictor: bits.byte(1), first: bits.byte(5), second: bits.byte(4), gain: bits.byte(5) }
    }

    /// Writes the bits of a SID and a pad of zero; what is too wide for its field is cut.
    pub(crate) fn pack(&self) -> [u8; Frame::SID_LEN] {
        let mut bits = Writer::default();
        bits.put(self.predictor, 1);
        bits.put(self.first, 5);
        bits.put(self.second, 4);
        bits.put(self.gain, 5);
        bits.put(0u8, 1);
        bits.finish()
    }
}

#[cfg(test)]
mod tests;
