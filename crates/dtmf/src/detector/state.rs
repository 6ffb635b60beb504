//! What a detector knows, and the check of one that was saved.

use crate::analysis::{HOP, HOP_SAMPLES, WINDOW};
use crate::dial::Dial;
use crate::history::{History, Run, Tone};
use crate::settings::RestoreError;

/// Most windows a state can have heard: 70,000 years.
const MAX_HOPS: u64 = 1 << 48;

/// A digit that goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Active {
    pub(super) low: usize,
    pub(super) high: usize,
    pub(super) start: u64,
    /// Where the tone last was, in samples from the detector's start.
    pub(super) end: u64,
    /// Part of `end` that came from windows covered in part, kept below two windows.
    pub(super) level: Tone,
    pub(super) sum: Tone,
    pub(super) windows: f32,
}

/// All that changes in a detector, so that a call can move to another process.
#[derive(Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DetectorState {
    #[cfg_attr(feature = "serde", serde(with = "crate::saved::samples"))]
    pub(super) window: [f32; WINDOW],
    pub(super) filled: usize,
    pub(super) hops: u64,
    pub(super) history: History,
    pub(super) run: Option<Run>,
    pub(super) active: Option<Active>,
    pub(super) dial: Dial,
}

impl std::fmt::Debug for DetectorState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The rest is audio and digits.
        f.debug_struct("DetectorState").field("hops", &self.hops).finish_non_exhaustive()
    }
}

impl DetectorState {
    /// The state itself where a detector can have been in it.
    pub(super) fn checked(mut self) -> Result<Self, RestoreError> {
        let pair = |low: usize, high: usize| low < 4 && (4..8).contains(&high);
        let heard = self.hops.saturating_mul(HOP_SAMPLES);
        // Counts of samples stay far below where arithmetic on them ends.
        let counts = self.filled < HOP && self.hops <= MAX_HOPS && self.history.is_sound();
        let run = self.run.is_none_or(|run| pair(run.low, run.high));
        let active = self.active.is_none_or(|active| {
            let in_time = active.start <= active.end && active.end <= heard.saturating_add(4 * HOP_SAMPLES);
            pair(active.low, active.high) && in_time && active.windows >= 1.0
        });
        let finite = self.window.iter().all(|sample| sample.is_finite());
        if !(counts && run && active && finite) {
            return Err(RestoreError::State("a detector"));
        }
        self.dial.settle();
        Ok(self)
    }
}

impl Default for DetectorState {
    fn default() -> Self {
        Self {
            window: [0.0; WINDOW],
            filled: 0,
            hops: 0,
            history: History::default(),
            run: None,
            active: None,
            dial: Dial::default(),
        }
    }
}
