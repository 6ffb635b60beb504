//! Pitch of voiced speech by autocorrelation at 4 kHz.
#![expect(clippy::indexing_slicing, reason = "lags and windows are bounded by the constants of this file")]

use crate::frame::FRAME;

/// Samples at 4 kHz that are looked at: 40 ms.
const HELD: usize = 160;
/// Lags: 400 down to 62.5 Hz.
const SHORTEST: usize = 10;
const LONGEST: usize = 64;
const LENGTH: usize = HELD - LONGEST;
/// Normalised correlation of a voiced frame.
const VOICED: f32 = 0.6;

#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Pitch {
    held: Vec<f32>,
}

impl Pitch {
    pub(crate) fn new() -> Self {
        Self { held: vec![0.0; HELD] }
    }

    pub(crate) fn push(&mut self, frame: &[i16; FRAME]) {
        self.held.resize(HELD, 0.0);
        self.held.copy_within(HELD / 2.., 0);
        for (to, pair) in self.held[HELD / 2..].iter_mut().zip(frame.as_chunks::<2>().0) {
            *to = f32::from(pair[0]) + f32::from(pair[1]);
        }
    }

    /// Pitch in Hz of the last 40 ms, if they are voiced.
    pub(crate) fn estimate(&mut self) -> Option<f32> {
        self.held.resize(HELD, 0.0);
        let x = &self.held[..HELD];
        let energy = |from: usize| x[from..from + LENGTH].iter().map(|a| a * a).sum::<f32>();
        let whole = energy(0);
        if whole < 1e4 {
            return None;
        }
        let mut scores = [0.0_f32; LONGEST + 1];
        let mut moved = energy(SHORTEST);
        let mut best = 0.0_f32;
        for (lag, score) in scores.iter_mut().enumerate().skip(SHORTEST) {
            let product: f32 = x[..LENGTH].iter().zip(&x[lag..lag + LENGTH]).map(|(a, b)| a * b).sum();
            *score = product / (whole * moved).sqrt().max(1.0);
            best = best.max(*score);
            if lag < LONGEST {
                moved += x[lag + LENGTH] * x[lag + LENGTH] - x[lag] * x[lag];
            }
        }
        if best < VOICED {
            return None;
        }
        // The shortest lag nearly as good as the best: multiples of the period are as good.
        let lag = (SHORTEST + 1..LONGEST).find(|&lag| {
            scores[lag] > 0.88 * best && scores[lag] >= scores[lag - 1] && scores[lag] >= scores[lag + 1]
        })?;
        Some(4000.0 / lag as f32)
    }
}
