//! A recording as one listener hears it: one of its channels or both, from any place, at any speed.

#[cfg(test)]
mod tests;

use std::io::{Read, Seek};

use crate::decode::{DecodeError, Decoder};
use crate::stretch::{SpeedOutOfRange, Stretcher};

/// What of a recording is heard. Of one that has one channel, that is heard in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Side {
    /// The sum of both channels.
    #[default]
    Both,
    /// The left channel: the agent.
    Left,
    /// The right channel: the customer.
    Right,
}

/// Reads a recording's plain file for one listener.
///
/// ```
/// # use mediapoint_recorder::{Channels, Decoder, Encoder, EncoderSettings, Format, Frame};
/// use mediapoint_recorder::{Playback, Side};
/// # let mut encoder = Encoder::new(Format::Wav(Channels::Stereo), 8000, &EncoderSettings::default())?;
/// # let mut file = encoder.header()?.bytes;
/// # let frame = Frame { first_sample: 0, samples: 160, left: &[1; 160], right: &[2; 160], silent: false };
/// # assert!(encoder.encode(&frame)?.is_none());
/// # file.extend(encoder.finish()?.0.into_iter().flat_map(|chunk| chunk.bytes));
/// let mut playback = Playback::new(Decoder::new(std::io::Cursor::new(file))?, Side::Both);
/// playback.seek(40)?;
/// let mut pcm = Vec::new();
/// while playback.read(&mut pcm)? {}
/// assert_eq!(pcm, [3; 120]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Playback<R> {
    decoder: Decoder<R>,
    side: Side,
    stretcher: Stretcher,
    mono: Vec<i16>,
    /// Sample of one channel that the stretcher counts from.
    from: u64,
    ended: bool,
}

impl<R: Read + Seek> Playback<R> {
    /// A playback from the beginning at speed 1.0.
    #[must_use]
    pub fn new(decoder: Decoder<R>, side: Side) -> Self {
        let stretcher = Stretcher::new(decoder.rate());
        Self { from: decoder.position(), decoder, side, stretcher, mono: Vec::new(), ended: false }
    }

    /// Samples per second.
    #[must_use]
    pub const fn rate(&self) -> u32 {
        self.decoder.rate()
    }

    /// Sample of one channel that [`Self::read`] goes on with.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.from + self.stretcher.position()
    }

    /// The speed.
    #[must_use]
    pub const fn speed(&self) -> f32 {
        self.stretcher.speed()
    }

    /// Changes the speed of what is read from now on.
    ///
    /// # Errors
    /// It is not within [`Stretcher::SLOWEST`] to [`Stretcher::FASTEST`].
    pub fn set_speed(&mut self, speed: f32) -> Result<(), SpeedOutOfRange> {
        self.stretcher.set_speed(speed)
    }

    /// Goes to a sample of one channel. A place behind the end is the end.
    ///
    /// # Errors
    /// As [`Decoder::seek`].
    pub fn seek(&mut self, sample: u64) -> Result<(), DecodeError> {
        self.decoder.seek(sample)?;
        self.stretcher.reset();
        (self.from, self.ended) = (self.decoder.position(), false);
        Ok(())
    }

    /// Appends the next piece, which may be empty; false at the end, where nothing is left to be read.
    ///
    /// # Errors
    /// As [`Decoder::read`].
    pub fn read(&mut self, out: &mut Vec<i16>) -> Result<bool, DecodeError> {
        if self.ended {
            return Ok(false);
        }
        let channels = self.decoder.channels();
        let pcm = self.decoder.read()?;
        if pcm.is_empty() {
            self.ended = true;
            self.stretcher.finish(out);
            self.from = self.decoder.position();
            return Ok(true);
        }
        self.mono.clear();
        match channels {
            2 => self.mono.extend(pcm.chunks_exact(2).map(|pair| sample_of(pair, self.side))),
            _ => self.mono.extend_from_slice(pcm),
        }
        self.stretcher.process(&self.mono, out);
        Ok(true)
    }
}

fn sample_of(pair: &[i16], side: Side) -> i16 {
    let [left, right] = [pair.first(), pair.last()].map(|sample| sample.copied().unwrap_or(0));
    match side {
        Side::Both => left.saturating_add(right),
        Side::Left => left,
        Side::Right => right,
    }
}
