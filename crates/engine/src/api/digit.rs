//! A digit that a leg is sent, as a telephone event or as a tone.

use std::time::Duration;

use mediapoint_packet::telephone_event::{DtmfDigit, MAX_VOLUME};

use crate::api::error::CommandError;

/// How a digit is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
pub enum DigitMethod {
    /// As a telephone event where the party agreed to them, otherwise as a tone.
    #[default]
    Automatic,
    /// As a telephone event [RFC4733 2.5].
    Event,
    /// As a tone in the audio.
    Tone,
}

/// A digit that a leg is to be sent. `Debug` does not show which digit: it may be of a card number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DigitSpec {
    /// The digit; a flash goes as an event only.
    pub digit: DtmfDigit,
    /// Its length, 40 ms to 5 s, in whole milliseconds; 100 ms by default.
    pub duration: Duration,
    /// Silence after it, 40 ms to 5 s; 100 ms by default. It is rounded up, so that the next digit begins with a media tick.
    pub pause: Duration,
    /// Level in dBm0 without its sign, 0 to 63; 8 by default. It is that of both tones together, of which the high one is 2 dB
    /// louder; a tone is not sent with less than -55 dBm0.
    pub volume: u8,
    /// How it is sent.
    pub method: DigitMethod,
}

impl DigitSpec {
    /// Digits of one leg that wait at most, the one that is sent included.
    pub const MAX_WAITING: usize = 32;

    /// The shortest and the longest digit or pause.
    pub const LIMITS: (Duration, Duration) = (Duration::from_millis(40), Duration::from_secs(5));

    /// A digit of 100 ms at -8 dBm0, with as much silence after it, sent by whichever method the party agreed to.
    #[must_use]
    pub const fn new(digit: DtmfDigit) -> Self {
        let usual = Duration::from_millis(100);
        Self { digit, duration: usual, pause: usual, volume: 8, method: DigitMethod::Automatic }
    }

    pub(crate) fn check(&self) -> Result<(), CommandError> {
        let within = |value: Duration| (Self::LIMITS.0..=Self::LIMITS.1).contains(&value);
        match () {
            () if !within(self.duration) => Err(CommandError::OutOfRange { what: "the duration of a digit" }),
            () if !within(self.pause) => Err(CommandError::OutOfRange { what: "the pause after a digit" }),
            () if self.volume > MAX_VOLUME => Err(CommandError::OutOfRange { what: "the volume of a digit" }),
            () => Ok(()),
        }
    }
}

impl std::fmt::Debug for DigitSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DigitSpec")
            .field("duration", &self.duration)
            .field("pause", &self.pause)
            .field("volume", &self.volume)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}
