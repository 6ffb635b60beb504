//! A speech frame of 20 ms: its type, its quality, its bits in the order of their sensitivity [RFC4867 4.3.2].

/// Octets that the longest frame's bits take: 477 of AMR-WB.
const MAX_OCTETS: usize = 60;

/// Bits of AMR's frames by their type: modes 4.75 to 12.2 kbit/s, then silence descriptions [3GPP TS 26.101 table 2].
const NARROW: [u16; 9] = [95, 103, 118, 134, 148, 159, 204, 244, 39];
/// The same of AMR-WB: 6.6 to 23.85 kbit/s [3GPP TS 26.201 table 2].
const WIDE: [u16; 10] = [132, 177, 253, 285, 317, 365, 397, 461, 477, 40];

/// AMR or AMR-WB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Band {
    /// AMR: 8 kHz, modes 0 to 7.
    Narrow,
    /// AMR-WB: 16 kHz, modes 0 to 8.
    Wide,
}

impl Band {
    /// The highest mode.
    #[must_use]
    pub const fn highest_mode(self) -> u8 {
        match self {
            Self::Narrow => 7,
            Self::Wide => 8,
        }
    }

    /// Samples of a frame.
    #[must_use]
    pub const fn samples(self) -> usize {
        match self {
            Self::Narrow => 160,
            Self::Wide => 320,
        }
    }

    /// Bits of a frame of type `kind`; `None` for the types that a payload must not have [RFC4867 4.3.2].
    #[must_use]
    pub fn bits(self, kind: u8) -> Option<u16> {
        match (self, kind) {
            (_, Frame::NO_DATA) | (Self::Wide, Frame::SPEECH_LOST) => Some(0),
            (Self::Narrow, _) => NARROW.get(usize::from(kind)).copied(),
            (Self::Wide, _) => WIDE.get(usize::from(kind)).copied(),
        }
    }
}

/// One frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    band: Band,
    kind: u8,
    good: bool,
    octets: [u8; MAX_OCTETS],
}

impl Frame {
    /// The type of a frame that was not sent, or was lost on its way.
    pub const NO_DATA: u8 = 15;
    /// The type of a frame of AMR-WB that was lost on its way.
    pub const SPEECH_LOST: u8 = 14;

    /// A frame that was not sent.
    #[must_use]
    pub const fn nothing(band: Band) -> Self {
        Self { band, kind: Self::NO_DATA, good: true, octets: [0; MAX_OCTETS] }
    }

    /// A frame of type `kind` whose bits are the first of `octets`; `good` is false where some of them are damaged. `None`
    /// where there is no such type, or there are not so many bits.
    #[must_use]
    pub fn new(band: Band, kind: u8, good: bool, octets: &[u8]) -> Option<Self> {
        let len = usize::from(band.bits(kind)?.div_ceil(8));
        let mut frame = Self { band, kind, good, octets: [0; MAX_OCTETS] };
        frame.octets.get_mut(..len)?.copy_from_slice(octets.get(..len)?);
        frame.clear_rest();
        Some(frame)
    }

    /// AMR or AMR-WB.
    #[must_use]
    pub const fn band(&self) -> Band {
        self.band
    }

    /// Its type: a mode, or a silence description, or none of both.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        self.kind
    }

    /// False where some of its bits are damaged.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.good
    }

    /// True for speech.
    #[must_use]
    pub const fn is_speech(&self) -> bool {
        self.kind <= self.band.highest_mode()
    }

    /// True for a description of noise.
    #[must_use]
    pub const fn is_noise(&self) -> bool {
        self.kind == self.band.highest_mode() + 1
    }

    /// Its bits, the first in the upper bit of the first octet; those behind the last are 0.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.bits().div_ceil(8))).unwrap_or_default()
    }

    /// How many bits it has.
    #[must_use]
    pub fn bits(&self) -> u16 {
        self.band.bits(self.kind).unwrap_or(0)
    }

    /// The octet that its frame begins with in files, and with the libraries [RFC4867 5.3].
    #[must_use]
    pub const fn storage_head(&self) -> u8 {
        self.kind << 3 | (self.good as u8) << 2
    }

    pub(super) fn octets_mut(&mut self) -> &mut [u8] {
        let len = usize::from(self.bits().div_ceil(8));
        self.octets.get_mut(..len).unwrap_or_default()
    }

    /// Clears what stands behind the last bit.
    pub(super) fn clear_rest(&mut self) {
        let rest = (8 - self.bits() % 8) % 8;
        if let Some(last) = self.octets_mut().last_mut() {
            *last &= 0xff << rest;
        }
    }

    /// The same without its bits, to be filled.
    pub(super) const fn empty(band: Band, kind: u8, good: bool) -> Self {
        Self { band, kind, good, octets: [0; MAX_OCTETS] }
    }
}
