//! Takes in-band digits out of audio, from their first sample on.
//!
//! Audio leaves 40 ms late. Three windows in sequence that may be one digit, which end 36 ms after the first of them begins,
//! mute all of it before it leaves; fewer pass. It judges windows by less than a detector asks for, so it mutes some speech.

mod line;

use crate::analysis::HOP;
use crate::detector::{Detection, Detector, DetectorState};
use crate::replacement::Replacement;
use crate::settings::{DetectorSettings, RestoreError};
use crate::tones::power_of;

use line::{DELAY, GUARD, LAG, LOWEST_DBM0, Line, filter};

/// All that changes in a suppressor, the audio of the last 48 ms among it, so that a call can move to another process.
#[derive(Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SuppressorState {
    detector: DetectorState,
    line: Line,
}

impl std::fmt::Debug for SuppressorState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // It is audio and digits.
        f.debug_struct("SuppressorState").finish_non_exhaustive()
    }
}

/// Mutes digits in audio, and reports them.
pub struct Suppressor {
    detector: Detector,
    /// Samples of the audio to one at 8000 Hz.
    factor: usize,
    taps: Vec<f32>,
    floor: f32,
    line: Line,
}

impl std::fmt::Debug for Suppressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The line holds audio, the replacement says what to look for.
        f.debug_struct("Suppressor").finish_non_exhaustive()
    }
}

impl Suppressor {
    /// Milliseconds by which audio leaves late, at every rate.
    pub const DELAY_MS: u32 = 40;

    /// A suppressor for audio at 8000 Hz that puts `replacement` in place of digits.
    #[must_use]
    pub fn new(replacement: Replacement) -> Self {
        Self::build(1, replacement, Detector::default())
    }

    /// A suppressor for audio at `rate` samples per second, whose reports follow `settings`. It judges what to mute by less
    /// than any settings ask for.
    ///
    /// # Errors
    /// [`RestoreError`] where the rate is none of 8000, 16000, 24000, 32000 and 48000, or a setting lies out of its range.
    pub fn with_rate(
        rate: u32,
        replacement: Replacement,
        settings: &DetectorSettings,
    ) -> Result<Self, RestoreError> {
        let factor = match rate {
            8000 => 1,
            16_000 => 2,
            24_000 => 3,
            32_000 => 4,
            48_000 => 6,
            _ => return Err(RestoreError::Rate(rate)),
        };
        Ok(Self::build(factor, replacement, Detector::new(settings)?))
    }

    fn build(factor: usize, replacement: Replacement, detector: Detector) -> Self {
        let (taps, floor) = (filter(factor), power_of(LOWEST_DBM0));
        Self { detector, factor, taps, floor, line: Line::new(factor, replacement) }
    }

    /// A suppressor that goes on from `state`: its audio, its replacement and whether it is active.
    ///
    /// # Errors
    /// As [`with_rate`](Self::with_rate), and where no suppressor of this rate can have been in this state.
    pub fn restore(
        rate: u32,
        settings: &DetectorSettings,
        state: SuppressorState,
    ) -> Result<Self, RestoreError> {
        let mut suppressor = Self::with_rate(rate, Replacement::Silence, settings)?;
        suppressor.detector = Detector::restore(settings, state.detector)?;
        let line = &state.line;
        let hops = line.taken / (HOP * suppressor.factor) as u64;
        if !line.is_sound(suppressor.factor) || suppressor.detector.hops() != hops {
            return Err(RestoreError::State("a suppressor of this rate"));
        }
        suppressor.line = state.line;
        Ok(suppressor)
    }

    /// What it knows, to be given to [`restore`](Self::restore).
    #[must_use]
    pub fn state(&self) -> SuppressorState {
        SuppressorState { detector: self.detector.state().clone(), line: self.line.clone() }
    }

    /// Samples by which audio leaves late: 40 ms of its rate.
    #[must_use]
    pub const fn delay_samples(&self) -> usize {
        DELAY * self.factor
    }

    /// The same as [`delay_samples`](Self::delay_samples).
    #[must_use]
    pub const fn delay(&self) -> usize {
        self.delay_samples()
    }

    /// Samples muted so far.
    #[must_use]
    pub const fn muted_samples(&self) -> u64 {
        self.line.muted
    }

    /// Puts `replacement` in place of digits from the next one that leaves on. One that is leaving ends under the old one.
    pub const fn set_replacement(&mut self, replacement: Replacement) {
        self.line.player.set(replacement);
    }

    /// Sets the level of each tone of a digit that stands in place of another, -60 to 0 dBm0; at first -12. Others count as the
    /// nearest of these. Holds from the next digit on.
    pub const fn set_digit_level(&mut self, dbm0: f32) {
        self.line.player.set_digit_level(dbm0);
    }

    /// Mutes digits, or lets them pass, both with the same delay, so that no change makes a gap. Once active, it mutes all that
    /// has not left yet, the rest of a digit among it. When it ends, digits that began before are muted to their end.
    pub fn set_active(&mut self, active: bool) {
        let now = self.line.now(self.factor);
        self.line.set_active(active, now);
    }

    /// True where it is not active and every digit that began while it was has left.
    #[must_use]
    pub fn lets_all_pass(&self) -> bool {
        self.line.lets_all_pass(self.line.now(self.factor))
    }

    /// True where digits are muted; so it begins.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.line.active
    }

    /// Replaces `pcm`, of any length, by the audio of [`delay_samples`](Self::delay_samples) before, without digits.
    pub fn process(&mut self, pcm: &mut [i16]) {
        self.process_with(pcm, |_| {});
    }

    /// As [`process`](Self::process), and calls `on` for each digit in `pcm`, muted or not, as a [`Detector`] does. Onsets
    /// come before the digit leaves. Positions and durations count samples at 8000 Hz, whatever the rate.
    pub fn process_with(&mut self, pcm: &mut [i16], mut on: impl FnMut(Detection)) {
        let hop = HOP * self.factor;
        let mut rest = pcm;
        while !rest.is_empty() {
            let take = rest.len().min(hop - self.line.filled);
            let (now, later) = rest.split_at_mut(take);
            self.line.exchange(self.factor, now);
            rest = later;
            if self.line.filled == hop {
                self.line.filled = 0;
                self.handle_hop(&mut on);
            }
        }
    }

    /// Reports the digit that goes on, as if silence followed. What is in the line is lost.
    pub fn finish(mut self, on: impl FnMut(Detection)) {
        self.detector.flush(on);
    }

    fn handle_hop(&mut self, on: &mut impl FnMut(Detection)) {
        let mut hop = [0.0; HOP];
        self.line.thin_out(&self.taps, self.factor, &mut hop);
        let lag = if self.factor > 1 { LAG } else { 0 };
        let mut onset = None;
        let spectrum = self.detector.take_hop(&hop, self.floor, &mut |detection| {
            let detection = detection.earlier(lag);
            if let Detection::Onset { at_sample, .. } = detection {
                onset = Some(at_sample);
            }
            on(detection);
        });
        let now = self.line.now(self.factor);
        self.line.judge(&spectrum, self.floor, now, lag);
        if let Some(at) = onset {
            // What is reported is muted, whatever the windows say.
            self.line.mark(at.saturating_sub(GUARD / 2), now, at, now);
        }
    }
}
