//! FLAC [RFC 9639]: the frames by the crate `flac-codec`, the header by us, because the file is written in one go.

use flac_codec::encode::{FlacStreamWriter, Options};

use super::{Channels, FormatError};

/// Duration of a frame in milliseconds: at 48 kHz the most that divides a chunk and is in the streamable subset.
pub(super) const BLOCK_MILLIS: usize = 80;

/// FLAC.
pub(super) struct Flac {
    channels: Channels,
    rate: u32,
    writer: FlacStreamWriter<Shared>,
    out: Shared,
    wide: Vec<i32>,
}

/// Where the library writes to.
#[derive(Clone, Default)]
struct Shared(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Flac {
    pub(super) fn new(channels: Channels, rate: u32) -> Self {
        let out = Shared::default();
        // Two voices share nothing: what the one is does not foretell the other.
        let options = Options::default().mid_side(false);
        Self { channels, rate, writer: FlacStreamWriter::new(out.clone(), options), out, wide: Vec::new() }
    }

    pub(super) fn header(&self, samples: Option<u64>) -> Vec<u8> {
        header(self.channels, self.rate, samples)
    }

    pub(super) fn block(&mut self, pcm: &[i16]) -> Result<(), FormatError> {
        if pcm.is_empty() {
            return Ok(());
        }
        self.wide.clear();
        self.wide.extend(pcm.iter().map(|sample| i32::from(*sample)));
        self.writer
            .write(self.rate, self.channels.count(), 16, &self.wide)
            .map_err(|_| FormatError::Flac(pcm.len()))
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut *self.out.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// [RFC9639 8.2] The marker and the stream information, which is the only block. Frame sizes and the digest are not stated;
/// nor is the number of samples of a file that is not complete.
pub(super) fn header(channels: Channels, rate: u32, samples: Option<u64>) -> Vec<u8> {
    let block = u16::try_from(rate as usize / 1000 * BLOCK_MILLIS).unwrap_or(u16::MAX).to_be_bytes();
    let mut out = b"fLaC\x80\0\0\x22".to_vec();
    out.extend(block);
    out.extend(block);
    out.extend([0; 6]);
    // Rate in 20 bits, channels less one in 3, bits less one in 5, samples in 36.
    let samples = samples.filter(|samples| samples >> 36 == 0).unwrap_or(0);
    let channels = u64::from(channels.count() - 1);
    out.extend(((u64::from(rate) << 44) | (channels << 41) | (15 << 36) | samples).to_be_bytes());
    out.extend([0; 16]);
    out
}
