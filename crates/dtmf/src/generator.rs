//! Digits as audio, at any rate the codecs use.

use std::f64::consts::TAU;

use mediapoint_packet::telephone_event::DtmfDigit;
use thiserror::Error;

use crate::tones::{frequencies, peak_of};

/// Digits that wait at most.
pub const MAX_QUEUED: usize = 32;

/// How digits sound. Level, duration and pause hold for all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GeneratorSettings {
    /// Level of the low tone in dBm0, -60 to 0.
    pub low_dbm0: f32,
    /// Level of the high tone over the low one in dB, -20 to 20. The high tone stays at or below 0 dBm0.
    pub twist_db: f32,
    /// Length of a digit in ms, 1 to 60,000.
    pub duration_ms: u32,
    /// Silence after a digit in ms, 0 to 60,000.
    pub pause_ms: u32,
    /// Length of the rise at the start and of the fall at the end in ms, 0 to 10, within the duration.
    pub fade_ms: u32,
}

impl Default for GeneratorSettings {
    fn default() -> Self {
        Self { low_dbm0: -9.0, twist_db: 2.0, duration_ms: 100, pause_ms: 100, fade_ms: 2 }
    }
}

/// Why no generator can be made, or no digit taken.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum GeneratorError {
    /// No codec has this rate.
    #[error("cannot generate tones at {0} Hz; use 8000, 12000, 16000, 24000, 32000 or 48000")]
    Rate(u32),
    /// A setting lies out of its range.
    #[error("{0} is out of its range; see GeneratorSettings")]
    Setting(&'static str),
    /// The queue is full.
    #[error("32 digits wait already; send more when some have been played")]
    Full,
    /// The state is damaged, or of other settings.
    #[error("the saved state is none of a generator with these settings; begin with a new one")]
    State,
    /// A flash has no tone.
    #[error("a flash has no tone; send it as an event")]
    Flash,
}

/// What a generator plays next. It can move to another process.
#[derive(Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GeneratorState {
    queue: [u8; MAX_QUEUED],
    queued: usize,
    /// Samples of the first digit and its pause that were played.
    played: u64,
}

impl std::fmt::Debug for GeneratorState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not which digits: they may be those of a card.
        f.debug_struct("GeneratorState").field("queued", &self.queued).finish_non_exhaustive()
    }
}

impl GeneratorState {
    /// True where a generator whose digits and pauses last `cycle` samples can have been in this state.
    fn is_sound(&self, cycle: u64) -> bool {
        let playable =
            |code: &u8| DtmfDigit::from_code(*code).is_some_and(|digit| frequencies(digit).is_some());
        self.queue.get(..self.queued).is_some_and(|queue| queue.iter().all(playable)) && self.played <= cycle
    }
}

/// Plays digits one after another.
#[derive(Debug, Clone)]
pub struct Generator {
    rate: u32,
    peaks: [f64; 2],
    duration: u64,
    pause: u64,
    fade: u64,
    state: GeneratorState,
}

impl Generator {
    /// A generator with nothing to play, at `rate` samples per second.
    ///
    /// # Errors
    /// [`GeneratorError`] where the rate is none of a codec or a setting lies out of its range.
    pub fn new(rate: u32, settings: &GeneratorSettings) -> Result<Self, GeneratorError> {
        Self::restore(rate, settings, GeneratorState::default())
    }

    /// A generator that goes on from `state`, which counts samples of the same rate.
    ///
    /// # Errors
    /// As [`Generator::new`], and [`GeneratorError::State`] where no such generator can have been in this state.
    pub fn restore(
        rate: u32,
        settings: &GeneratorSettings,
        state: GeneratorState,
    ) -> Result<Self, GeneratorError> {
        if ![8000, 12_000, 16_000, 24_000, 32_000, 48_000].contains(&rate) {
            return Err(GeneratorError::Rate(rate));
        }
        let check = |good: bool, name| if good { Ok(()) } else { Err(GeneratorError::Setting(name)) };
        let high_dbm0 = settings.low_dbm0 + settings.twist_db;
        check((-60.0..=0.0).contains(&settings.low_dbm0), "low_dbm0")?;
        check((-20.0..=20.0).contains(&settings.twist_db) && high_dbm0 <= 0.0, "twist_db")?;
        check((1..=60_000).contains(&settings.duration_ms), "duration_ms")?;
        check(settings.pause_ms <= 60_000, "pause_ms")?;
        check(settings.fade_ms <= 10 && settings.fade_ms * 2 <= settings.duration_ms, "fade_ms")?;
        let samples = |ms: u32| samples_of(rate, ms);
        if !state.is_sound(samples(settings.duration_ms) + samples(settings.pause_ms)) {
            return Err(GeneratorError::State);
        }
        Ok(Self {
            rate,
            peaks: [settings.low_dbm0, high_dbm0].map(|dbm0| f64::from(peak_of(dbm0))),
            duration: samples(settings.duration_ms),
            pause: samples(settings.pause_ms),
            fade: samples(settings.fade_ms),
            state,
        })
    }

    /// Plays `digit` after those that wait.
    ///
    /// # Errors
    /// [`GeneratorError::Full`] where 32 wait, [`GeneratorError::Flash`] for a flash.
    pub fn push(&mut self, digit: DtmfDigit) -> Result<(), GeneratorError> {
        frequencies(digit).ok_or(GeneratorError::Flash)?;
        let slot = self.state.queue.get_mut(self.state.queued).ok_or(GeneratorError::Full)?;
        *slot = digit.code();
        self.state.queued += 1;
        Ok(())
    }

    /// True where nothing is left to play.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.state.queued == 0
    }

    /// What is left to play, to be given to [`Generator::restore`].
    #[must_use]
    pub const fn state(&self) -> &GeneratorState {
        &self.state
    }

    /// Ends the digit that sounds, or that is next, after `ms` milliseconds of it, or at once where it has lasted longer: it
    /// falls off as at any end. A digit that is shorter stays as it is. Later digits have the new length, too.
    pub fn end_at(&mut self, ms: u32) {
        let wanted = self.samples(ms).max(self.state.played.saturating_add(self.fade));
        self.duration = self.duration.min(wanted.max(self.fade * 2));
    }

    /// Passes over the first `ms` milliseconds of the digit that is next, with which another generator was through.
    pub fn skip(&mut self, ms: u32) {
        let whole = self.duration + self.pause;
        self.state.played = self.state.played.saturating_add(self.samples(ms)).min(whole);
    }

    /// Forgets what waits.
    pub fn clear(&mut self) {
        self.state = GeneratorState::default();
    }

    /// Writes the next samples over all of `out`: tones, pauses, and silence where nothing is left. Returns the samples up to
    /// the end of the last pause.
    pub fn fill(&mut self, out: &mut [i16]) -> usize {
        let length = out.len();
        let mut rest = out;
        while !rest.is_empty() {
            let digit = self.state.queue.first().copied().and_then(DtmfDigit::from_code);
            let (Some((low, high)), false) = (digit.and_then(frequencies), self.is_idle()) else {
                rest.fill(0);
                return length - rest.len();
            };
            let left = (self.duration + self.pause).saturating_sub(self.state.played);
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at_mut(take);
            self.tone(now, [f64::from(low), f64::from(high)]);
            rest = later;
            if self.state.played >= self.duration + self.pause {
                self.state.played = 0;
                self.state.queue.rotate_left(1);
                self.state.queued -= 1;
            }
        }
        length
    }

    fn samples(&self, ms: u32) -> u64 {
        samples_of(self.rate, ms)
    }

    fn tone(&mut self, out: &mut [i16], hz: [f64; 2]) {
        for sample in out {
            let at = self.state.played;
            self.state.played += 1;
            if at >= self.duration {
                *sample = 0;
                continue;
            }
            let edge = at.min(self.duration - 1 - at);
            let gain = if edge < self.fade { raised_cosine(edge, self.fade) } else { 1.0 };
            let time = as_f64(at) / f64::from(self.rate);
            let value: f64 = hz.iter().zip(self.peaks).map(|(hz, peak)| peak * (TAU * hz * time).sin()).sum();
            *sample = clipped(value * gain);
        }
    }
}

fn samples_of(rate: u32, ms: u32) -> u64 {
    u64::from(ms) * u64::from(rate) / 1000
}

fn raised_cosine(at: u64, of: u64) -> f64 {
    0.5 - 0.5 * (std::f64::consts::PI * (as_f64(at) + 0.5) / as_f64(of)).cos()
}

#[expect(clippy::cast_precision_loss, reason = "a minute of samples is exact")]
fn as_f64(samples: u64) -> f64 {
    samples as f64
}

/// The nearest sample.
#[expect(clippy::cast_possible_truncation, reason = "a cast from float saturates")]
pub(crate) fn clipped(value: f64) -> i16 {
    value.round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generator(duration_ms: u32) -> Generator {
        let settings = GeneratorSettings { duration_ms, pause_ms: 0, ..GeneratorSettings::default() };
        let mut generator = Generator::new(8000, &settings).unwrap();
        generator.push(DtmfDigit::from_char('5').unwrap()).unwrap();
        generator
    }

    #[test]
    fn a_digit_that_is_ended_early_falls_off_as_a_short_one_does() {
        let mut short = [0; 800];
        assert_eq!(generator(50).fill(&mut short), 400);
        for before in [0, 100, 383] {
            let mut ended = [0; 800];
            let mut open = generator(60_000);
            open.fill(&mut ended[..before]);
            open.end_at(50);
            open.fill(&mut ended[before..]);
            assert_eq!(ended, short, "ended after {before} samples");
            assert!(open.is_idle());
        }
        // Past its end it falls off at once: 2 ms are left.
        let (mut late, mut tail) = (generator(60_000), [0; 160]);
        late.fill(&mut [0; 800]);
        late.end_at(50);
        assert_eq!(late.fill(&mut tail), 16);
        assert!(tail[..8].iter().any(|sample| sample.unsigned_abs() > 500));
        assert_eq!(tail[16..], [0; 144]);
    }

    #[test]
    fn what_another_generator_played_is_passed_over() {
        let (mut whole, mut first, mut rest) = ([0; 800], generator(100), [0; 400]);
        generator(100).fill(&mut whole);
        first.skip(50);
        first.fill(&mut rest);
        assert_eq!(rest, whole[400..]);
        assert!(first.is_idle());
        first.skip(1000);
        assert_eq!(first.fill(&mut rest), 0);
    }
}
