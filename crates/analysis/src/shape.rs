//! Where speech lies in a greeting, and how its words follow one another.

use crate::frame::FRAME_MS;

/// Parts of the greeting whose speech is counted apart.
pub(crate) const PARTS: usize = 5;
/// Length of a part in ms.
const PART_MS: u32 = 500;

/// Follows loudness and words.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Shape {
    parts_ms: [u32; PARTS],
    smooth_dbm0: f32,
    peak_dbm0: f32,
    word_peak_dbm0: f32,
    previous_word_ms: u32,
    last_pause_ms: u32,
    snr_db: f32,
}

impl Shape {
    pub(crate) fn new() -> Self {
        Self {
            parts_ms: [0; PARTS],
            smooth_dbm0: -90.0,
            peak_dbm0: -90.0,
            word_peak_dbm0: -90.0,
            previous_word_ms: 0,
            last_pause_ms: 0,
            snr_db: 0.0,
        }
    }

    /// Takes how far any frame is above the noise, in dB.
    pub(crate) fn frame(&mut self, snr_db: f32) {
        self.snr_db += 0.3 * (snr_db - self.snr_db);
    }

    /// Takes the level of an active frame, `since_ms` after the first word began.
    pub(crate) fn active(&mut self, since_ms: u32, level_dbm0: f32) {
        let part = usize::try_from(since_ms / PART_MS).unwrap_or(PARTS);
        if let Some(ms) = self.parts_ms.get_mut(part) {
            *ms = ms.saturating_add(FRAME_MS);
        }
        self.smooth_dbm0 = 0.5 * (self.smooth_dbm0.max(-70.0) + level_dbm0);
        self.peak_dbm0 = self.peak_dbm0.max(self.smooth_dbm0);
        self.word_peak_dbm0 = self.word_peak_dbm0.max(self.smooth_dbm0);
    }

    /// A word begins: the pause before it, and the length of the word before that; nothing before the first.
    pub(crate) fn begin(&mut self, pause_ms: u32, previous_ms: u32) {
        (self.last_pause_ms, self.previous_word_ms) = (pause_ms, previous_ms);
        (self.word_peak_dbm0, self.smooth_dbm0) = (-90.0, -90.0);
    }

    /// Speech in each half second since the first word began, in ms.
    pub(crate) fn parts_ms(&self) -> [u32; PARTS] {
        self.parts_ms
    }

    /// Pause before the last word in ms; 0 if it is the first.
    pub(crate) fn last_pause_ms(&self) -> u32 {
        self.last_pause_ms
    }

    /// Length of the word before the last in ms; 0 without one.
    pub(crate) fn previous_word_ms(&self) -> u32 {
        self.previous_word_ms
    }

    /// How much louder the greeting was at its loudest than the last word at its loudest, in dB.
    pub(crate) fn fainter_db(&self) -> f32 {
        self.peak_dbm0 - self.word_peak_dbm0
    }

    /// How far the end of the last word is below its peak, in dB.
    pub(crate) fn fallen_db(&self) -> f32 {
        self.word_peak_dbm0 - self.smooth_dbm0
    }

    /// How far the last 100 ms are above the noise, in dB.
    pub(crate) fn snr_db(&self) -> f32 {
        self.snr_db
    }
}
