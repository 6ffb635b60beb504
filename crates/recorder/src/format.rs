//! From frames of the time line to the chunks of a file: Opus in Ogg, FLAC or WAV.
//!
//! A chunk is about 400 ms of audio that stands by itself: Ogg pages that are complete, FLAC frames, WAV samples. What is in
//! chunks can be played even if nothing follows, once [`repair`] has closed it.

mod flac;
mod ogg_opus;
mod page;
mod repair;
mod wav;

use crate::sink::{Chunk, ChunkKind};
use crate::time_line::Frame;

pub(crate) use ogg_opus::GRANULES;
pub(crate) use page::{MAX_PAGE, Page};
pub use page::{PageError, end_of_stream};
#[cfg(test)]
pub(crate) use page::{page_len, write_checksum};
pub use repair::{RepairError, repair};

/// Samples per second that can be recorded, whatever the format.
const RATES: [u32; 5] = [8000, 12_000, 16_000, 24_000, 48_000];

/// Channels of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channels {
    /// Both channels of the time line, added.
    Mono,
    /// Left and right.
    Stereo,
}

impl Channels {
    /// How many.
    #[must_use]
    pub const fn count(self) -> u8 {
        match self {
            Self::Mono => 1,
            Self::Stereo => 2,
        }
    }
}

/// A file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Opus in Ogg [RFC 7845]: two independent voices as two uncoupled streams of one channel each.
    OpusStereo {
        /// Bits per second that the file takes at most while the parties take turns, 12 000 to 256 000; while both talk it takes
        /// up to a quarter more.
        bit_rate: u32,
    },
    /// Opus in Ogg, one channel.
    OpusMono {
        /// Bits per second, 6000 to 128 000.
        bit_rate: u32,
    },
    /// FLAC [RFC 9639], 16 bits.
    Flac(Channels),
    /// WAV, 16 bits. Lengths beyond 4 GiB are not stated.
    Wav(Channels),
}

impl Format {
    /// Two voices at 16 kbit/s.
    pub const OPUS_STEREO: Self = Self::OpusStereo { bit_rate: 16_000 };
    /// One channel at 12 kbit/s.
    pub const OPUS_MONO: Self = Self::OpusMono { bit_rate: 12_000 };

    /// Channels of the file.
    #[must_use]
    pub const fn channels(self) -> Channels {
        match self {
            Self::OpusStereo { .. } => Channels::Stereo,
            Self::OpusMono { .. } => Channels::Mono,
            Self::Flac(channels) | Self::Wav(channels) => channels,
        }
    }

    /// Ending of a file's name, without a dot.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::OpusStereo { .. } | Self::OpusMono { .. } => OPUS,
            Self::Flac(_) => FLAC,
            Self::Wav(_) => WAV,
        }
    }

    /// Media type of a file.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::OpusStereo { .. } | Self::OpusMono { .. } => "audio/ogg; codecs=opus",
            Self::Flac(_) => "audio/flac",
            Self::Wav(_) => "audio/vnd.wave; codec=1",
        }
    }

    /// Octets that a second of audio at `rate` hertz takes at most, about.
    #[must_use]
    pub const fn bytes_per_second(self, rate: u32) -> u32 {
        match self {
            Self::OpusStereo { bit_rate } => bit_rate / 32 * 5 + 200,
            Self::OpusMono { bit_rate } => bit_rate / 8 + 200,
            Self::Flac(channels) | Self::Wav(channels) => rate * 2 * channels.count() as u32 + 200,
        }
    }

    /// Checks that audio at `rate` hertz can be recorded so.
    ///
    /// # Errors
    /// The sample rate or the bit rate is none that the format has.
    pub fn check(self, rate: u32) -> Result<(), FormatError> {
        if !RATES.contains(&rate) {
            return Err(FormatError::Rate(rate));
        }
        match self {
            Self::OpusStereo { bit_rate } if !(12_000..=256_000).contains(&bit_rate) => {
                Err(FormatError::BitRate(bit_rate))
            }
            Self::OpusMono { bit_rate } if !(6000..=128_000).contains(&bit_rate) => {
                Err(FormatError::BitRate(bit_rate))
            }
            _ => Ok(()),
        }
    }
}

const OPUS: &str = "opus";
const FLAC: &str = "flac";
const WAV: &str = "wav";

/// Why audio cannot be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The sample rate is none that can be recorded.
    #[error("{0} Hz cannot be recorded: 8000, 12000, 16000, 24000 or 48000 can")]
    Rate(u32),
    /// The bit rate is out of range.
    #[error("a bit rate of {0} is out of range")]
    BitRate(u32),
    /// libopus refused, with its code.
    #[error("libopus refused with code {0}")]
    Opus(i32),
    /// The FLAC encoder refused.
    #[error("the FLAC encoder refused a block of {0} samples")]
    Flac(usize),
    /// A page could not be put together.
    #[error("an Ogg page could not be written")]
    Page,
}

/// Settings of an encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderSettings {
    /// Work that the Opus encoder does, 0 to 10. 0 is enough for two voices at 8 kHz and 16 kbit/s.
    pub complexity: u8,
    /// Number of the Ogg stream. Files that are put one behind the other need different ones.
    pub serial: u32,
}

impl Default for EncoderSettings {
    fn default() -> Self {
        Self { complexity: 0, serial: 1 }
    }
}

/// Encodes one recording.
pub struct Encoder {
    channels: Channels,
    coder: Coder,
    /// Interleaved samples of the block in the making.
    block: Vec<i16>,
    /// Samples of a whole block, all channels.
    block_len: usize,
    /// All of the block so far is silence that stands for something.
    silent: bool,
    /// Blocks in the chunk in the making.
    blocks: usize,
    blocks_per_chunk: usize,
    /// First sample of the chunk in the making, and samples in it so far.
    first_sample: u64,
    samples: u64,
}

enum Coder {
    Opus(Box<ogg_opus::OggOpus>),
    Flac(Box<flac::Flac>),
    Wav(wav::Wav),
}

/// The length of a chunk in milliseconds.
const CHUNK_MILLIS: usize = 400;

impl Encoder {
    /// An encoder of audio at `rate` hertz.
    ///
    /// # Errors
    /// As [`Format::check`], or the encoder's library refused.
    pub fn new(format: Format, rate: u32, settings: &EncoderSettings) -> Result<Self, FormatError> {
        format.check(rate)?;
        let channels = format.channels();
        let (coder, millis) = match format {
            Format::OpusStereo { bit_rate } | Format::OpusMono { bit_rate } => {
                // A voice that pauses leaves part of its share: where only one talks the file stays below what was asked for.
                let share = if channels == Channels::Stereo { bit_rate / 4 } else { 0 };
                let coder = ogg_opus::OggOpus::new(channels, rate, bit_rate + share, settings)?;
                (Coder::Opus(Box::new(coder)), ogg_opus::BLOCK_MILLIS)
            }
            Format::Flac(_) => (Coder::Flac(Box::new(flac::Flac::new(channels, rate))), flac::BLOCK_MILLIS),
            Format::Wav(_) => (Coder::Wav(wav::Wav::new(channels, rate)), CHUNK_MILLIS),
        };
        let block_len = rate as usize / 1000 * millis * usize::from(channels.count());
        Ok(Self {
            channels,
            coder,
            block: Vec::with_capacity(block_len),
            block_len,
            silent: true,
            blocks: 0,
            blocks_per_chunk: CHUNK_MILLIS / millis,
            first_sample: 0,
            samples: 0,
        })
    }

    /// The beginning of the file, to be written before everything else.
    ///
    /// # Errors
    /// It could not be put together.
    pub fn header(&mut self) -> Result<Chunk, FormatError> {
        let bytes = match &mut self.coder {
            Coder::Opus(coder) => coder.header()?,
            Coder::Flac(coder) => coder.header(None),
            Coder::Wav(coder) => coder.header(None),
        };
        Ok(header_of(bytes))
    }

    /// Takes the next frame, and returns the chunk that it completes.
    ///
    /// # Errors
    /// The encoder's library refused.
    pub fn encode(&mut self, frame: &Frame<'_>) -> Result<Option<Chunk>, FormatError> {
        let pairs = frame.left.iter().zip(frame.right).take(frame.samples);
        match self.channels {
            Channels::Stereo => self.block.extend(pairs.flat_map(|(left, right)| [*left, *right])),
            Channels::Mono => self.block.extend(pairs.map(|(left, right)| left.saturating_add(*right))),
        }
        self.silent &= frame.silent;
        self.samples += frame.samples as u64;
        if self.block.len() < self.block_len {
            return Ok(None);
        }
        self.blocks += 1;
        let last = self.blocks == self.blocks_per_chunk;
        match &mut self.coder {
            Coder::Opus(coder) => coder.block(&self.block, self.silent, last)?,
            Coder::Flac(coder) => coder.block(&self.block)?,
            Coder::Wav(coder) => coder.block(&self.block),
        }
        self.block.clear();
        self.silent = true;
        if !last {
            return Ok(None);
        }
        let bytes = self.coder.take();
        Ok(Some(self.chunk(bytes)))
    }

    /// Completes the file: its last chunk, and a header that takes the place of the first if lengths stand in it.
    ///
    /// # Errors
    /// The encoder's library refused.
    pub fn finish(mut self) -> Result<(Option<Chunk>, Option<Chunk>), FormatError> {
        let total = self.first_sample + self.samples;
        let header = match &mut self.coder {
            Coder::Opus(coder) => {
                coder.finish(&mut self.block, total)?;
                None
            }
            Coder::Flac(coder) => {
                coder.block(&self.block)?;
                Some(header_of(coder.header(Some(total))))
            }
            Coder::Wav(coder) => {
                coder.block(&self.block);
                Some(header_of(coder.header(Some(total))))
            }
        };
        let bytes = self.coder.take();
        let last = (!bytes.is_empty()).then(|| self.chunk(bytes));
        Ok((last, header))
    }

    /// Changes the work that the Opus encoder does, 0 to 10. Other formats have no such choice.
    ///
    /// # Errors
    /// libopus refused.
    pub fn set_complexity(&mut self, complexity: u8) -> Result<(), FormatError> {
        match &mut self.coder {
            Coder::Opus(coder) => coder.set_complexity(complexity),
            Coder::Flac(_) | Coder::Wav(_) => Ok(()),
        }
    }

    /// Samples of one channel so far.
    #[must_use]
    pub const fn samples(&self) -> u64 {
        self.first_sample + self.samples
    }

    fn chunk(&mut self, bytes: Vec<u8>) -> Chunk {
        let chunk =
            Chunk { bytes, first_sample: self.first_sample, samples: self.samples, kind: ChunkKind::Body };
        self.first_sample += self.samples;
        (self.samples, self.blocks) = (0, 0);
        chunk
    }
}

impl Coder {
    fn take(&mut self) -> Vec<u8> {
        match self {
            Self::Opus(coder) => coder.take(),
            Self::Flac(coder) => coder.take(),
            Self::Wav(coder) => coder.take(),
        }
    }
}

const fn header_of(bytes: Vec<u8>) -> Chunk {
    Chunk { bytes, first_sample: 0, samples: 0, kind: ChunkKind::Header }
}

#[cfg(test)]
mod tests;
