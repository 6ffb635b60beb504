//! Configuration of a receiving leg.

use std::time::Duration;

use mediapoint_codec::Unsupported;
use mediapoint_codec::resample::RATES;

/// The longest delay that can be configured.
pub const MAX_DELAY: Duration = Duration::from_secs(1);

/// Why a configuration is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The rate is not supported.
    #[error("no audio at {0} Hz")]
    Rate(u32),
    /// The lower bound of the delay exceeds the upper one, or that exceeds [`MAX_DELAY`].
    #[error("delay from {min:?} to {max:?} is not within 0 and 1 s")]
    Delay {
        /// The lower bound.
        min: Duration,
        /// The upper bound.
        max: Duration,
    },
    /// A payload type that is to be decoded has no decoder.
    #[error("payload type {payload_type}: {reason}")]
    Codec {
        /// The number on the wire.
        payload_type: u8,
        /// The reason, of the codec registry.
        reason: Unsupported,
    },
    /// More payload types than there are.
    #[error("{0} payload types, at most 128 exist")]
    Payloads(usize),
}

/// The rate of the audio and the bounds of its delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlayoutConfig {
    rate: u32,
    min_delay: Duration,
    max_delay: Duration,
    start_delay: Duration,
}

impl PlayoutConfig {
    /// Audio at `rate` hertz, one of [`RATES`]; a delay of 0 to 200 ms, a start delay of 20 ms.
    ///
    /// # Errors
    /// [`ConfigError::Rate`].
    pub fn new(rate: u32) -> Result<Self, ConfigError> {
        if !RATES.contains(&rate) {
            return Err(ConfigError::Rate(rate));
        }
        let [min_delay, start_delay, max_delay] = [0, 20, 200].map(Duration::from_millis);
        Ok(Self { rate, min_delay, max_delay, start_delay })
    }

    /// The same with other bounds of the target delay. It is the time that a packet of the shortest transit waits; a late
    /// one waits the less.
    ///
    /// # Errors
    /// [`ConfigError::Delay`] where `min` exceeds `max`, or `max` is zero or exceeds [`MAX_DELAY`].
    pub fn with_delay(self, min: Duration, max: Duration) -> Result<Self, ConfigError> {
        if min > max || max > MAX_DELAY || max.is_zero() {
            return Err(ConfigError::Delay { min, max });
        }
        Ok(Self { min_delay: min, max_delay: max, start_delay: self.start_delay.clamp(min, max), ..self })
    }

    /// The same with another start delay, brought within the bounds: the target delay of talkspurts that begin within the
    /// stream's first 10 s, when little is known of the jitter. It falls to what the jitter needs in that time.
    ///
    /// The stream's first packet is played at the first pull after it: a caller that wants a start delay for it pulls so
    /// much later. Audio is never time-scaled to reach the start delay.
    #[must_use]
    pub fn with_start(self, delay: Duration) -> Self {
        Self { start_delay: delay.clamp(self.min_delay, self.max_delay), ..self }
    }

    /// Sample rate of the audio in hertz.
    #[must_use]
    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// Lower bound of the target delay.
    #[must_use]
    pub const fn min_delay(&self) -> Duration {
        self.min_delay
    }

    /// Upper bound of the target delay.
    #[must_use]
    pub const fn max_delay(&self) -> Duration {
        self.max_delay
    }

    /// The target delay while little is known of the jitter.
    #[must_use]
    pub const fn start_delay(&self) -> Duration {
        self.start_delay
    }
}
