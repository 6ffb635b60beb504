//! An audio file a block at a time: what `symphonia` decodes of it, as mono samples at the file's own rate.

use std::io::ErrorKind;

use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;

pub use symphonia::core::io::MediaSource;

/// Sample rates that are read, in hertz.
const RATES: std::ops::RangeInclusive<u32> = 1_000..=768_000;

/// Why audio cannot be read, or not further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Format or coding is none that is known, or the data is damaged where it may not be.
    #[error("{0}")]
    Unreadable(String),
    /// It has no audio track.
    #[error("no audio in it")]
    NoAudio,
    /// A sample rate that no audio has.
    #[error("sample rate of {0} Hz")]
    Rate(u32),
    /// The sample rate changes on the way.
    #[error("sample rate changes from {from} Hz to {to} Hz")]
    RateChange {
        /// What it was, in hertz.
        from: u32,
        /// What it becomes, in hertz.
        to: u32,
    },
}

/// The first audio track of a file that is being read.
pub struct Reader {
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    rate: Option<u32>,
    announced: Option<u64>,
    read: u64,
    ended: bool,
    damaged: u64,
    interleaved: Vec<f32>,
    mono: Vec<f32>,
}

impl Reader {
    /// Reads the head of an audio file (WAV, AIFF, FLAC, Ogg, Matroska, MP3); `extension` of its name helps to tell
    /// which it is.
    ///
    /// # Errors
    /// [`ReadError`] where it is none of them, or holds no audio.
    pub fn new(source: Box<dyn MediaSource>, extension: Option<&str>) -> Result<Self, ReadError> {
        let mut hint = Hint::new();
        if let Some(extension) = extension {
            hint.with_extension(extension);
        }
        let stream = MediaSourceStream::new(source, Default::default());
        let format = symphonia::default::get_probe()
            .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(|error| unreadable(&error))?;
        let track = format.default_track(TrackType::Audio).ok_or(ReadError::NoAudio)?;
        let (id, announced) = (track.id, track.num_frames);
        let parameters = track
            .codec_params
            .as_ref()
            .and_then(|parameters| parameters.audio())
            .ok_or(ReadError::NoAudio)?;
        let rate = parameters.sample_rate.map(checked).transpose()?;
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(|error| unreadable(&error))?;
        let mut reader = Self {
            format,
            decoder,
            track: id,
            rate,
            announced,
            read: 0,
            ended: false,
            damaged: 0,
            interleaved: Vec::new(),
            mono: Vec::new(),
        };
        if reader.rate.is_none() {
            reader.advance()?;
        }
        Ok(reader)
    }

    /// Sample rate in hertz; `None` for a file that does not say and holds nothing.
    #[must_use]
    pub const fn rate(&self) -> Option<u32> {
        self.rate
    }

    /// Samples of a channel that the file's head announces, where it does.
    #[must_use]
    pub const fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// Samples of a channel read up to now.
    #[must_use]
    pub const fn read(&self) -> u64 {
        self.read
    }

    /// Packets that were passed over because they could not be decoded.
    #[must_use]
    pub const fn damaged(&self) -> u64 {
        self.damaged
    }

    /// The next samples, -1 to 1, the mean of all channels; `None` behind the last.
    ///
    /// # Errors
    /// [`ReadError`] where the file cannot be read further. One that is cut off ends there without one: compare
    /// [`read`](Self::read) with [`announced`](Self::announced).
    pub fn next_block(&mut self) -> Result<Option<&[f32]>, ReadError> {
        if self.mono.is_empty() {
            self.advance()?;
        }
        if self.mono.is_empty() {
            return Ok(None);
        }
        // The block is borrowed from the other buffer, so that this one is empty the next time.
        self.interleaved.clear();
        std::mem::swap(&mut self.interleaved, &mut self.mono);
        Ok(Some(&self.interleaved))
    }

    /// Decodes packets until one brings samples or the file ends.
    fn advance(&mut self) -> Result<(), ReadError> {
        while self.mono.is_empty()
            && let Some(packet) = self.packet()?
        {
            let buffer = match self.decoder.decode(&packet) {
                Ok(buffer) => buffer,
                Err(SymphoniaError::DecodeError(_)) => {
                    self.damaged += 1;
                    continue;
                }
                Err(error) => return Err(unreadable(&error)),
            };
            let rate = checked(buffer.spec().rate())?;
            match self.rate.replace(rate) {
                Some(from) if from != rate => return Err(ReadError::RateChange { from, to: rate }),
                _ => {}
            }
            let channels = buffer.spec().channels().count().max(1);
            self.interleaved.resize(buffer.samples_interleaved(), 0.0);
            buffer.copy_to_slice_interleaved(&mut self.interleaved);
            #[expect(clippy::cast_precision_loss, reason = "a handful of channels")]
            let scale = 1.0 / channels as f32;
            let frames = self.interleaved.chunks_exact(channels);
            self.mono.extend(frames.map(|frame| frame.iter().sum::<f32>() * scale));
            self.read += self.mono.len() as u64;
        }
        Ok(())
    }

    /// The track's next packet; `None` at the end, where it stays.
    fn packet(&mut self) -> Result<Option<Packet>, ReadError> {
        while !self.ended {
            match self.format.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.track => return Ok(Some(packet)),
                Ok(Some(_)) => {}
                Ok(None) | Err(SymphoniaError::ResetRequired) => self.ended = true,
                // A file that was cut short ends with an error instead of an end.
                Err(SymphoniaError::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                    self.ended = true;
                }
                Err(error) => return Err(unreadable(&error)),
            }
        }
        Ok(None)
    }
}

const fn checked(rate: u32) -> Result<u32, ReadError> {
    if *RATES.start() <= rate && rate <= *RATES.end() { Ok(rate) } else { Err(ReadError::Rate(rate)) }
}

fn unreadable(error: &SymphoniaError) -> ReadError {
    ReadError::Unreadable(error.to_string())
}
