//! The two packets that an Ogg Opus stream begins with.

use super::OggError;

/// What the first packet of a stream says [RFC7845 5.1].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Samples at 48 kHz that are not to be heard at the beginning.
    pub pre_skip: u16,
    /// Sample rate in hertz of what was coded; 0 where that is not known.
    pub rate: u32,
    /// In 1/256 dB.
    pub gain: i16,
}

impl Head {
    /// Reads the first packet of a stream.
    ///
    /// # Errors
    /// [`OggError`] where it is no head of Opus, or one of a version or of channels that are not read.
    pub fn read(packet: &[u8]) -> Result<Self, OggError> {
        let Some(rest) = packet.strip_prefix(b"OpusHead") else {
            return Err(OggError::NotOpus(packet.iter().copied().take(8).collect()));
        };
        let [version, channels, s0, s1, r0, r1, r2, r3, g0, g1, mapping, ..] = *rest else {
            let version = rest.first().copied().unwrap_or_default();
            return Err(OggError::Head { len: packet.len(), version });
        };
        // The upper half is a change that older readers cannot take.
        if version & 0xf0 != 0 {
            return Err(OggError::Head { len: packet.len(), version });
        }
        if mapping != 0 || !matches!(channels, 1 | 2) {
            return Err(OggError::Channels { channels, mapping });
        }
        Ok(Self {
            pre_skip: u16::from_le_bytes([s0, s1]),
            rate: u32::from_le_bytes([r0, r1, r2, r3]),
            gain: i16::from_le_bytes([g0, g1]),
        })
    }

    /// The packet, with one channel.
    #[must_use]
    pub fn bytes(self) -> Vec<u8> {
        let mut bytes = b"OpusHead\x01\x01".to_vec();
        bytes.extend(self.pre_skip.to_le_bytes());
        bytes.extend(self.rate.to_le_bytes());
        bytes.extend(self.gain.to_le_bytes());
        bytes.push(0);
        bytes
    }
}

/// The comments: who wrote it, and nothing else.
#[must_use]
pub fn tags() -> Vec<u8> {
    let vendor = concat!("mediapoint ", env!("CARGO_PKG_VERSION"));
    let mut bytes = b"OpusTags".to_vec();
    bytes.extend(u32::try_from(vendor.len()).unwrap_or(0).to_le_bytes());
    bytes.extend(vendor.as_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes
}
