//! How a greeting is spoken: its first word, the sound of its words' ends, what came after the first pause.

use crate::frame::FRAME_MS;

/// Frames without pitch that end a voiced stretch.
const GAP_FRAMES: u32 = 3;
/// Frames below which a voiced stretch is no syllable.
const LEAST_FRAMES: u32 = 2;

/// A stretch with pitch: about a syllable or a few.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Stretch {
    frames: u32,
    gap: u32,
    start_hz: f32,
    end_hz: f32,
}

/// Follows pitch and words.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Prosody {
    stretch: Stretch,
    first_word_ms: u32,
    first_pause_ms: Option<u32>,
    first_level_dbm0: f32,
    last_level_dbm0: f32,
    last_pitch_hz: f32,
    /// Voiced stretches that ended: how many, their frames, and the lowest pitch at which one ended.
    stretches: u32,
    stretch_frames: u32,
    lowest_hz: f32,
}

impl Prosody {
    /// Takes the pitch of an active frame, if it has one.
    pub(crate) fn frame(&mut self, pitch: Option<f32>) {
        let stretch = &mut self.stretch;
        let Some(hz) = pitch else {
            stretch.gap = stretch.gap.saturating_add(1);
            return;
        };
        if stretch.gap >= GAP_FRAMES || stretch.frames == 0 {
            if stretch.frames >= LEAST_FRAMES {
                self.stretches = self.stretches.saturating_add(1);
                self.stretch_frames = self.stretch_frames.saturating_add(stretch.frames);
                let lowest = if self.lowest_hz > 0.0 { self.lowest_hz } else { stretch.end_hz };
                self.lowest_hz = lowest.min(stretch.end_hz);
            }
            *stretch = Stretch { start_hz: hz, end_hz: hz, ..Stretch::default() };
        }
        stretch.gap = 0;
        stretch.frames = stretch.frames.saturating_add(1);
        let share = if stretch.frames <= 3 { 0.5 } else { 0.0 };
        stretch.start_hz += share * (hz - stretch.start_hz);
        stretch.end_hz += 0.4 * (hz - stretch.end_hz);
    }

    /// Takes a word that ended: its length, mean level and mean pitch, and the pause before it if it is not the first.
    pub(crate) fn word(&mut self, length_ms: u32, level_dbm0: f32, pitch_hz: f32, pause_ms: Option<u32>) {
        match pause_ms {
            None => {
                self.first_word_ms = length_ms;
                self.first_level_dbm0 = level_dbm0;
            }
            Some(pause) => {
                self.first_pause_ms.get_or_insert(pause);
            }
        }
        self.last_level_dbm0 = level_dbm0;
        self.last_pitch_hz = pitch_hz;
    }

    /// Length of the first word in ms; 0 until it has ended.
    pub(crate) fn first_word_ms(&self) -> u32 {
        self.first_word_ms
    }

    /// Pause after the first word in ms, once another word has ended.
    pub(crate) fn first_pause_ms(&self) -> Option<u32> {
        self.first_pause_ms
    }

    /// Length of the last voiced stretch in ms.
    pub(crate) fn stretch_ms(&self) -> u32 {
        self.stretch.frames.saturating_mul(FRAME_MS)
    }

    /// Voiced stretches, the last one included.
    pub(crate) fn stretches(&self) -> u32 {
        self.stretches.saturating_add(u32::from(self.stretch.frames > 0))
    }

    /// How much longer the last voiced stretch is than those before it on average: syllables are long where a phrase ends.
    /// 1 without one before.
    pub(crate) fn lengthening(&self) -> f32 {
        if self.stretches == 0 {
            return 1.0;
        }
        self.stretch.frames as f32 * self.stretches as f32 / self.stretch_frames.max(1) as f32
    }

    /// How far the pitch is above the lowest at which a stretch before ended, as a share; 0 without one before.
    pub(crate) fn above_lowest(&self) -> f32 {
        if self.lowest_hz > 0.0 && self.stretch.end_hz > 0.0 {
            self.stretch.end_hz / self.lowest_hz - 1.0
        } else {
            0.0
        }
    }

    /// How the pitch moved in the last voiced stretch, as a share of where it began; 0 without one.
    pub(crate) fn rise(&self) -> f32 {
        if self.stretch.start_hz > 0.0 { self.stretch.end_hz / self.stretch.start_hz - 1.0 } else { 0.0 }
    }

    /// How much louder the last word that ended was than the first, in dB.
    pub(crate) fn louder_db(&self) -> f32 {
        self.last_level_dbm0 - self.first_level_dbm0
    }

    /// Pitch of the last word that ended, as a share of `mean_hz` above it; 0 where it has none.
    pub(crate) fn higher(&self, mean_hz: f32) -> f32 {
        if mean_hz > 0.0 && self.last_pitch_hz > 0.0 { self.last_pitch_hz / mean_hz - 1.0 } else { 0.0 }
    }
}
