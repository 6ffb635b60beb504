//! The two traits that every codec is used through, and what they say of one packet.

use crate::error::{DecodeError, EncodeError};

/// The longest packet that any coder here takes or makes, in milliseconds.
pub const MAX_PACKET_MS: u32 = 120;

/// What a packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Audio.
    Speech,
    /// A description of background noise: the sender is in a pause.
    ComfortNoise,
}

/// What became of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded {
    /// Samples written.
    pub samples: usize,
    /// What they are.
    pub kind: Signal,
}

/// What is to be sent for one packet's audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transmission {
    /// Audio. The first one after [`Transmission::Nothing`] begins a talkspurt.
    Speech,
    /// A description of background noise.
    ComfortNoise,
    /// Nothing: it is a pause, and the party knows its noise.
    Nothing,
}

/// What became of one packet's audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoded {
    /// Bytes written; 0 for [`Transmission::Nothing`] only.
    pub len: usize,
    /// What they are.
    pub kind: Transmission,
    /// Samples at the beginning of the packet's time that the payload leaves out, because nothing was to be sent for
    /// them: its timestamp is so much later. Only discontinuous transmission does that, where a packet has several
    /// frames.
    pub skipped: usize,
}

impl Encoded {
    /// Nothing is to be sent.
    pub const NOTHING: Self = Self { len: 0, kind: Transmission::Nothing, skipped: 0 };

    /// A payload that stands for all of the packet's time.
    #[must_use]
    pub const fn whole(len: usize, kind: Transmission) -> Self {
        Self { len, kind, skipped: 0 }
    }
}

/// Payloads to samples, for one stream in its order.
///
/// Mono, 16 bit. Everything is allocated at construction; no payload makes it panic.
pub trait Decoder: Send {
    /// Sample rate of what it makes, in hertz.
    fn sample_rate(&self) -> u32;

    /// How many samples at [`sample_rate`](Self::sample_rate) a payload stands for, without decoding it.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`] where that cannot be told.
    fn duration(&self, payload: &[u8]) -> Result<usize, DecodeError>;

    /// Decodes a payload to the beginning of `pcm`.
    ///
    /// # Errors
    /// [`DecodeError`]; nothing of the state has changed then, and `pcm` may hold anything.
    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<Decoded, DecodeError>;

    /// True where [`conceal`](Self::conceal) makes audio: the codec has a concealment of its own.
    fn conceals(&self) -> bool {
        false
    }

    /// Fills all of `pcm` in place of lost audio. `next` is the payload right behind the gap, where it is there: it may
    /// hold a copy of the end of what was lost. It is not consumed, and is to be decoded after this.
    ///
    /// A codec without a concealment of its own zeroes `pcm`.
    fn conceal(&mut self, pcm: &mut [i16], _next: Option<&[u8]>) {
        pcm.fill(0);
    }

    /// Lets the state of a decoder without a concealment of its own follow what was played in place of lost audio. To be
    /// called once for each gap or part of one, in the order of the stream.
    fn feed_concealed(&mut self, _pcm: &[i16]) {}

    /// Fills all of `pcm` with the background noise of a pause that the sender announced, where the codec describes
    /// noise. False, with `pcm` untouched, where it does not.
    fn continue_noise(&mut self, _pcm: &mut [i16]) -> bool {
        false
    }

    /// Back to the state of a new decoder.
    fn reset(&mut self);
}

/// Samples to payloads, for one stream in its order.
///
/// Mono, 16 bit. Everything is allocated at construction.
pub trait Encoder: Send {
    /// Sample rate of what it takes, in hertz.
    fn sample_rate(&self) -> u32;

    /// Packets have a multiple of this many samples, up to [`MAX_PACKET_MS`].
    fn granule(&self) -> usize;

    /// Encodes one packet's audio to the beginning of `payload`.
    ///
    /// # Errors
    /// [`EncodeError`]; nothing of the state has changed where the length was wrong.
    fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<Encoded, EncodeError>;

    /// Tells how much of what is sent gets lost, in percent: a codec with error correction spends as much on it as that
    /// is worth. Nothing to those without.
    fn expect_loss(&mut self, _percent: u8) {}

    /// Takes a codec mode request of the receiver, where the codec has modes: AMR and AMR-WB. It holds from the next frame on
    /// that may be of another mode.
    fn request_mode(&mut self, _request: u8) {}

    /// Back to the state of a new encoder.
    fn reset(&mut self);
}

/// The part of `pcm` that a packet's samples go to.
pub(crate) const fn pcm_room(pcm: &mut [i16], need: usize) -> Result<&mut [i16], DecodeError> {
    let have = pcm.len();
    match pcm.split_at_mut_checked(need) {
        Some((room, _)) => Ok(room),
        None => Err(DecodeError::NoRoom { need, have }),
    }
}

/// The part of `payload` that a packet's octets go to.
pub(crate) const fn payload_room(payload: &mut [u8], need: usize) -> Result<&mut [u8], EncodeError> {
    let have = payload.len();
    match payload.split_at_mut_checked(need) {
        Some((room, _)) => Ok(room),
        None => Err(EncodeError::NoRoom { need, have }),
    }
}

/// Refuses what is no packet's length.
pub(crate) const fn check_length(samples: usize, granule: usize, max: usize) -> Result<(), EncodeError> {
    if samples == 0 || samples > max || !samples.is_multiple_of(granule) {
        return Err(EncodeError::Length { samples });
    }
    Ok(())
}
