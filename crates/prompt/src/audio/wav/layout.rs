//! How the samples of a WAV file are written: its `fmt ` chunk.

use mediapoint_g711::Law;

use crate::audio::error::ReadError;
use crate::audio::reader::checked;

/// The most channels there are.
const MAX_CHANNELS: u16 = 64;
/// The coding that says the real one further behind.
const EXTENSIBLE: u16 = 0xfffe;

/// How a sample is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Linear8,
    Linear16,
    Linear24,
    Linear32,
    Float32,
    Float64,
    G711(Law),
}

impl Coding {
    const fn octets(self) -> usize {
        match self {
            Self::Linear8 | Self::G711(_) => 1,
            Self::Linear16 => 2,
            Self::Linear24 => 3,
            Self::Linear32 | Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }
}

/// What the `fmt ` chunk says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) coding: Coding,
    pub(super) channels: usize,
    pub(super) rate: u32,
    /// The bits that carry audio of a linear sample that was moved up to 32 bits; the others only fill its octets.
    pub(super) mask: i32,
}

impl Layout {
    /// Reads the chunk that stands at `at`.
    pub(super) fn read(at: u64, chunk: &[u8]) -> Result<Self, ReadError> {
        let [t0, t1, c0, c1, r0, r1, r2, r3, _, _, _, _, a0, a1, b0, b1, rest @ ..] = chunk else {
            return Err(ReadError::Ends { at });
        };
        let bits = u16::from_le_bytes([*b0, *b1]);
        let channels = u16::from_le_bytes([*c0, *c1]);
        let (tag, valid) = match (u16::from_le_bytes([*t0, *t1]), rest) {
            (EXTENSIBLE, [_, _, v0, v1, _, _, _, _, t0, t1, ..]) => {
                (u16::from_le_bytes([*t0, *t1]), u16::from_le_bytes([*v0, *v1]))
            }
            (tag, _) => (tag, bits),
        };
        let unknown = ReadError::Coding { at, tag, bits };
        if channels == 0 || channels > MAX_CHANNELS {
            return Err(if known(tag) { ReadError::Channels { at, channels } } else { unknown });
        }
        let container = u16::from_le_bytes([*a0, *a1]) / channels;
        let coding = match (tag, bits) {
            (1, 1..=32) => linear(bits, container),
            (3, 32) => Coding::Float32,
            (3, 64) => Coding::Float64,
            (6, 8) => Coding::G711(Law::A),
            (7, 8) => Coding::G711(Law::Mu),
            _ => return Err(unknown),
        };
        let rate = checked(u32::from_le_bytes([*r0, *r1, *r2, *r3]))?;
        // Samples stand in the upper bits of their octets.
        let used = u32::from(if valid == 0 { bits } else { valid.min(bits) }).min(32);
        let mask = (-1_i32).checked_shl(32 - used).unwrap_or(-1);
        Ok(Self { coding, channels: channels.into(), rate, mask })
    }

    /// Bytes of all channels' sample.
    pub(super) const fn block(self) -> usize {
        self.channels * self.coding.octets()
    }
}

const fn known(tag: u16) -> bool {
    matches!(tag, 1 | 3 | 6 | 7)
}

/// Linear samples of `bits`. Where they fill no octets, `container` says how many they stand in, if it makes sense.
const fn linear(bits: u16, container: u16) -> Coding {
    let least = bits.div_ceil(8);
    match if !bits.is_multiple_of(8) && container > least && container <= 4 { container } else { least } {
        0 | 1 => Coding::Linear8,
        2 => Coding::Linear16,
        3 => Coding::Linear24,
        _ => Coding::Linear32,
    }
}
