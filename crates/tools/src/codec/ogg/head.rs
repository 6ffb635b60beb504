//! The two packets that an Ogg Opus stream begins with.

use crate::codec::error::OggTrouble;

/// What the first packet of a stream says [RFC7845 5.1].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Samples at 48 kHz that are not to be heard at the beginning.
    pub(super) pre_skip: u16,
    /// Sample rate in hertz of what was coded; 0 where that is not known.
    pub(super) rate: u32,
    /// In 1/256 dB.
    pub(super) gain: i16,
}

impl Head {
    pub(super) fn read(packet: &[u8]) -> Result<Self, OggTrouble> {
        let Some(rest) = packet.strip_prefix(b"OpusHead") else {
            return Err(OggTrouble::NotOpus(packet.iter().copied().take(8).collect()));
        };
        let [version, channels, s0, s1, r0, r1, r2, r3, g0, g1, mapping, ..] = *rest else {
            let version = rest.first().copied().unwrap_or_default();
            return Err(OggTrouble::Head { len: packet.len(), version });
        };
        // The upper half is a change that older readers cannot take.
        if version & 0xf0 != 0 {
            return Err(OggTrouble::Head { len: packet.len(), version });
        }
        if mapping != 0 || !matches!(channels, 1 | 2) {
            return Err(OggTrouble::Channels { channels, mapping });
        }
        Ok(Self {
            pre_skip: u16::from_le_bytes([s0, s1]),
            rate: u32::from_le_bytes([r0, r1, r2, r3]),
            gain: i16::from_le_bytes([g0, g1]),
        })
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        let mut bytes = b"OpusHead\x01\x01".to_vec();
        bytes.extend(self.pre_skip.to_le_bytes());
        bytes.extend(self.rate.to_le_bytes());
        bytes.extend(self.gain.to_le_bytes());
        bytes.push(0);
        bytes
    }
}

/// The comments: who wrote it, and nothing else.
pub(super) fn tags() -> Vec<u8> {
    let vendor = concat!("mediapoint ", env!("CARGO_PKG_VERSION"));
    let mut bytes = b"OpusTags".to_vec();
    bytes.extend(u32::try_from(vendor.len()).unwrap_or(0).to_le_bytes());
    bytes.extend(vendor.as_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes
}
