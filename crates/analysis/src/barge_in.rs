//! Barge-in: somebody talks long and loud enough to interrupt a prompt.

use crate::frame::{FRAME_MS, Framer};
use crate::vad::{Activity, Vad, VadSettings, VoiceActivity};

/// Settings of [`BargeIn`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BargeInSettings {
    /// Milliseconds of speech that interrupt; 40 to 5000.
    pub speech_ms: u32,
    /// How far above the background noise the speech is, in dB; 0 to 60.
    pub above_noise_db: f32,
    /// Least level of the speech in dBm0; -80 to 0.
    pub level_dbm0: f32,
}

impl Default for BargeInSettings {
    fn default() -> Self {
        Self { speech_ms: 240, above_noise_db: 9.0, level_dbm0: -40.0 }
    }
}

/// Somebody interrupted.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BargedIn {
    /// When the speech began, in ms of audio processed.
    pub start_ms: u32,
    /// When it had lasted long enough.
    pub at_ms: u32,
    /// Mean level in dBm0 of the frames that count.
    pub level_dbm0: f32,
    /// Level of the background noise in dBm0.
    pub noise_dbm0: f32,
}

/// Longest break within the speech, in ms: stops and breaths.
const BREAK_MS: u32 = 160;

/// Reports speech that lasts longer than a time above a level. It reports once for each stretch of speech.
///
/// ```
/// use mediapoint_analysis::{BargeIn, BargeInSettings};
///
/// let mut barge_in = BargeIn::new(BargeInSettings::default());
/// assert!(barge_in.process(&[0; 8000]).is_none());
/// ```
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BargeIn<V = Vad> {
    settings: BargeInSettings,
    vad: V,
    framer: Framer,
    now_ms: u32,
    start_ms: u32,
    loud_ms: u32,
    break_ms: u32,
    level_sum: f32,
    reported: bool,
    /// Least level of speech beside that of the settings, in dBm0.
    least_dbm0: f32,
}

impl BargeIn {
    /// With the built-in detector of speech.
    #[must_use]
    pub fn new(settings: BargeInSettings) -> Self {
        Self::with_detector(settings, Vad::new(VadSettings { hangover_ms: 40, ..VadSettings::default() }))
    }
}

impl<V: VoiceActivity> BargeIn<V> {
    /// With another detector of speech.
    #[must_use]
    pub fn with_detector(settings: BargeInSettings, vad: V) -> Self {
        Self {
            settings,
            vad,
            framer: Framer::new(),
            now_ms: 0,
            start_ms: 0,
            loud_ms: 0,
            break_ms: 0,
            level_sum: 0.0,
            reported: false,
            least_dbm0: f32::MIN,
        }
    }

    /// From the next sample on, speech below `dbm0` does not interrupt either: what can be the echo of the audio that is sent
    /// at the same time. [`f32::MIN`] for no such bound.
    pub const fn set_least_level(&mut self, dbm0: f32) {
        self.least_dbm0 = dbm0;
    }

    /// Takes samples at 8 kHz, any number; returns the first interruption in them.
    pub fn process(&mut self, mut pcm: &[i16]) -> Option<BargedIn> {
        let mut found = None;
        loop {
            let (frame, rest) = self.framer.take(pcm);
            pcm = rest;
            let Some(frame) = frame else { return found };
            let activity = self.vad.process(&frame);
            self.now_ms = self.now_ms.saturating_add(FRAME_MS);
            found = found.or(self.judge(activity));
        }
    }

    /// Forgets all that was processed.
    pub fn reset(&mut self) {
        self.vad.reset();
        self.framer.clear();
        (self.now_ms, self.loud_ms, self.break_ms, self.level_sum) = (0, 0, 0, 0.0);
        self.reported = false;
    }

    fn judge(&mut self, activity: Activity) -> Option<BargedIn> {
        let loud = activity.speech
            && activity.level_dbm0 >= self.settings.level_dbm0.max(self.least_dbm0)
            && activity.level_dbm0 - activity.noise_dbm0 >= self.settings.above_noise_db;
        if !loud {
            self.break_ms = self.break_ms.saturating_add(FRAME_MS);
            if self.break_ms > BREAK_MS {
                (self.loud_ms, self.level_sum, self.reported) = (0, 0.0, false);
            }
            return None;
        }
        if self.loud_ms == 0 {
            self.start_ms = self.now_ms - FRAME_MS;
        }
        self.break_ms = 0;
        self.loud_ms = self.loud_ms.saturating_add(FRAME_MS);
        self.level_sum += activity.level_dbm0;
        if self.reported || self.loud_ms < self.settings.speech_ms {
            return None;
        }
        self.reported = true;
        Some(BargedIn {
            start_ms: self.start_ms,
            at_ms: self.now_ms,
            level_dbm0: self.level_sum / (self.loud_ms / FRAME_MS) as f32,
            noise_dbm0: activity.noise_dbm0,
        })
    }
}
