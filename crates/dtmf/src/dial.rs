//! A dial tone under the digits: where one lasts, its energy is not held against a digit's purity.

use crate::analysis::{Folded, Spectrum, Tables};

/// Windows of dial tone after which it is believed: 96 ms.
const STEADY: u16 = 12;
/// Windows without dial tone after which it is forgotten: 50 ms alone, 2 s under something else.
const ABSENT: u16 = 6;
const COVERED: u16 = 250;

/// How long a dial tone has lasted, and its level.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Dial {
    steady: u16,
    absent: u16,
    covered: u16,
    level: f32,
}

impl Dial {
    /// Brings the counts of a damaged state into their ranges.
    pub(crate) fn settle(&mut self) {
        self.steady = self.steady.min(STEADY);
        self.absent = self.absent.min(ABSENT);
        self.covered = self.covered.min(COVERED);
    }

    /// Mean square of the dial tone in this window, 0 until it has lasted.
    pub(crate) fn share(&mut self, tables: &Tables, folded: &Folded, spectrum: &Spectrum, hop: u64) -> f32 {
        // Most signals are no dial tone: one window in four shows that.
        if self.steady == 0 {
            // A dial tone alone is far below the tones of digits.
            let tones: f32 = spectrum.power.iter().sum();
            if hop & 3 != 0 || tones > spectrum.energy * 0.3 {
                return 0.0;
            }
        }
        let power = tables.dial_power(folded).min(spectrum.energy);
        let alone = power > spectrum.energy * 0.85;
        if self.steady < STEADY {
            self.steady = if alone { self.steady + 1 } else { 0 };
            let steps = f32::from(self.steady.max(1));
            self.level += (power - self.level) / steps;
            return 0.0;
        }
        self.absent = if power < self.level * 0.1 { self.absent + 1 } else { 0 };
        self.covered = if alone { 0 } else { self.covered + 1 };
        if self.absent > ABSENT || self.covered > COVERED {
            *self = Self::default();
            return 0.0;
        }
        // Two tones beat: their sum is at most twice their mean.
        power.min(self.level * 2.2)
    }
}
