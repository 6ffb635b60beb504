//! From a recording's plain file back to audio, from any place in time.
//!
//! What it reads is what [`Encoder`](crate::Encoder) writes: Opus in Ogg with one stream or two uncoupled ones, FLAC and WAV
//! of 16 bits. Any other bytes are an error, and none of them make it panic or hold more than a page, a frame or 8 KiB.

mod flac;
mod ogg_opus;
mod wav;

#[cfg(test)]
mod tests;

use std::io::{self, Read, Seek, SeekFrom};

use self::flac::FlacFile;
use self::ogg_opus::OggOpusFile;
use self::wav::WavFile;

/// Why a file cannot be played.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// It could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is none of the formats that calls are recorded in.
    #[error("not a recording: {0}")]
    Format(&'static str),
    /// It is damaged.
    #[error("the recording is damaged after sample {sample}: {reason}")]
    Damaged {
        /// Sample of one channel up to which it could be read.
        sample: u64,
        /// What is wrong.
        reason: &'static str,
    },
}

/// What a file says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    channels: u8,
    /// Samples of a channel per second.
    rate: u32,
}

enum Inner<R> {
    OggOpus(OggOpusFile<R>),
    Flac(FlacFile<R>),
    Wav(WavFile<R>),
}

/// Reads a recording's plain file.
///
/// ```
/// # use mediapoint_recorder::{Channels, Decoder, Encoder, EncoderSettings, Format, Frame};
/// # let mut encoder = Encoder::new(Format::Wav(Channels::Stereo), 8000, &EncoderSettings::default())?;
/// # let mut file = encoder.header()?.bytes;
/// # let frame = Frame { first_sample: 0, samples: 160, left: &[1; 160], right: &[2; 160], silent: false };
/// # assert!(encoder.encode(&frame)?.is_none());
/// # file.extend(encoder.finish()?.0.into_iter().flat_map(|chunk| chunk.bytes));
/// let mut decoder = Decoder::new(std::io::Cursor::new(file))?;
/// assert_eq!((decoder.rate(), decoder.channels()), (8000, 2));
/// decoder.seek(40)?;
/// assert_eq!(decoder.read()?, [1, 2].repeat(120));
/// assert!(decoder.read()?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Decoder<R> {
    inner: Inner<R>,
    shape: Shape,
    /// Interleaved samples of the block that was read last.
    block: Vec<i16>,
    /// Sample of one channel behind that block.
    position: u64,
    /// Samples of one channel that are still to be left out after a seek.
    skip: u64,
}

impl<R: Read + Seek> Decoder<R> {
    /// Reads the header. The file begins where `source` stands at its beginning.
    ///
    /// # Errors
    /// It is no recording, or could not be read.
    pub fn new(mut source: R) -> Result<Self, DecodeError> {
        source.seek(SeekFrom::Start(0))?;
        let mut magic = [0; 4];
        read_exact(&mut source, &mut magic, "it has no beginning")?;
        source.seek(SeekFrom::Start(0))?;
        let (inner, shape) = match &magic {
            b"OggS" => OggOpusFile::open(source).map(|(file, shape)| (Inner::OggOpus(file), shape))?,
            b"fLaC" => FlacFile::open(source).map(|(file, shape)| (Inner::Flac(file), shape))?,
            b"RIFF" => WavFile::open(source).map(|(file, shape)| (Inner::Wav(file), shape))?,
            _ => return Err(DecodeError::Format("neither Ogg, FLAC nor WAV")),
        };
        Ok(Self { inner, shape, block: Vec::new(), position: 0, skip: 0 })
    }

    /// Channels, 1 or 2: both parties mixed, or left and right.
    #[must_use]
    pub const fn channels(&self) -> u8 {
        self.shape.channels
    }

    /// Samples of a channel per second, as they were recorded: positions and the manifest's facts count in them.
    #[must_use]
    pub const fn rate(&self) -> u32 {
        self.shape.rate
    }

    /// The sample of one channel that [`Self::read`] begins with.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position + self.skip
    }

    /// Goes to a sample of one channel. A place behind the end is the end. What Opus decodes there is nearly what is heard from
    /// the beginning: the decoder is given 400 ms before it [RFC 7845 4.6].
    ///
    /// # Errors
    /// The file is damaged, or could not be read.
    pub fn seek(&mut self, sample: u64) -> Result<(), DecodeError> {
        let begins = match &mut self.inner {
            Inner::OggOpus(file) => file.seek(sample)?,
            Inner::Flac(file) => file.seek()?,
            Inner::Wav(file) => file.seek(sample)?,
        };
        self.block.clear();
        self.position = begins;
        self.skip = sample.saturating_sub(begins);
        Ok(())
    }

    /// The next piece, 80 ms of Opus and FLAC at most, samples of the channels in turn; empty at the end.
    ///
    /// # Errors
    /// The file is damaged, or could not be read.
    pub fn read(&mut self) -> Result<&[i16], DecodeError> {
        let channels = usize::from(self.shape.channels);
        loop {
            self.block.clear();
            match &mut self.inner {
                Inner::OggOpus(file) => file.read(&mut self.block)?,
                Inner::Flac(file) => file.read(&mut self.block)?,
                Inner::Wav(file) => file.read(&mut self.block)?,
            }
            let samples = (self.block.len() / channels) as u64;
            self.position += samples;
            if samples == 0 {
                self.skip = 0;
            }
            if samples == 0 || samples > self.skip {
                break;
            }
            self.skip -= samples;
        }
        let skipped = usize::try_from(std::mem::take(&mut self.skip)).unwrap_or(0) * channels;
        Ok(self.block.get(skipped..).unwrap_or_default())
    }
}

/// Fills `bytes`; what ends before is no recording.
fn read_exact(source: &mut impl Read, bytes: &mut [u8], missing: &'static str) -> Result<(), DecodeError> {
    source.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => DecodeError::Format(missing),
        _ => DecodeError::Io(error),
    })
}
