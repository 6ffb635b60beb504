//! WAV of 16 bits.

use super::Channels;

/// Octets of the header; samples follow.
pub(super) const HEADER: usize = 44;

/// WAV.
pub(super) struct Wav {
    channels: Channels,
    rate: u32,
    out: Vec<u8>,
}

impl Wav {
    pub(super) const fn new(channels: Channels, rate: u32) -> Self {
        Self { channels, rate, out: Vec::new() }
    }

    /// The header of a file of `samples` of one channel; of one that is not complete, without.
    pub(super) fn header(&self, samples: Option<u64>) -> Vec<u8> {
        header(self.channels, self.rate, samples)
    }

    pub(super) fn block(&mut self, pcm: &[i16]) {
        self.out.extend(pcm.iter().flat_map(|sample| sample.to_le_bytes()));
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }
}

/// Lengths that do not fit, and those of a file in the making, are all ones, which players take as "to the end".
pub(super) fn header(channels: Channels, rate: u32, samples: Option<u64>) -> Vec<u8> {
    let frame = u16::from(channels.count()) * 2;
    let length = |more: u64| {
        samples
            .and_then(|samples| samples.checked_mul(u64::from(frame))?.checked_add(more))
            .and_then(|length| u32::try_from(length).ok())
            .unwrap_or(u32::MAX)
    };
    let mut out = Vec::with_capacity(HEADER);
    out.extend(b"RIFF");
    out.extend(length(HEADER as u64 - 8).to_le_bytes());
    out.extend(b"WAVEfmt ");
    out.extend(16_u32.to_le_bytes());
    out.extend(1_u16.to_le_bytes());
    out.extend(u16::from(channels.count()).to_le_bytes());
    out.extend(rate.to_le_bytes());
    out.extend((rate * u32::from(frame)).to_le_bytes());
    out.extend(frame.to_le_bytes());
    out.extend(16_u16.to_le_bytes());
    out.extend(b"data");
    out.extend(length(0).to_le_bytes());
    out
}
