//! Automatic gain of a member: slow, and by what it speaks alone.

use crate::gate::power_of;

/// Level to which speech is brought, in dBov.
const TARGET_DBOV: f32 = -22.0;
/// Half the width of the band within which it stays, as a ratio of powers (1.5 dB).
const BAND: f32 = 1.4125;
/// 12 dB.
const MOST: f32 = 3.981;
/// 3 dB in a second, in steps of 10 ms.
const UP: f32 = 1.003_46;
/// 6 dB in a second.
const DOWN: f32 = 0.993_12;

/// The gain, and the level of speech that it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct AutomaticGain {
    /// As a factor.
    pub(crate) gain: f32,
    /// Mean square of its speech over some 500 ms; 0 before any.
    speech: f32,
}

impl Default for AutomaticGain {
    fn default() -> Self {
        Self { gain: 1.0, speech: 0.0 }
    }
}

impl AutomaticGain {
    /// Takes a tick with voice of the mean square `power`.
    pub(crate) fn update(&mut self, millis: u32, power: f32) {
        if self.speech == 0.0 {
            self.speech = power;
        }
        let target = power_of(TARGET_DBOV);
        for _ in 0..millis / 10 {
            self.speech += (power - self.speech) / 50.0;
            let now = self.speech * self.gain * self.gain;
            if now * BAND < target {
                self.gain = (self.gain * UP).min(MOST);
            } else if now > target * BAND {
                self.gain = (self.gain * DOWN).max(1.0 / MOST);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_comes_to_the_target_within_its_range_and_no_faster_than_stated() {
        for (dbov, gain_db) in [(-30.0, 6.5), (-22.0, 0.0), (-10.0, -10.5), (-50.0, 12.0), (-3.0, -12.0)] {
            let mut agc = AutomaticGain::default();
            for _ in 0..500 {
                let before = agc.gain;
                agc.update(20, power_of(dbov));
                assert!((0.986..=1.007).contains(&(agc.gain / before)));
            }
            let db = 20.0 * agc.gain.log10();
            assert!((db - gain_db).abs() < 0.2, "{dbov} dBov: {db} dB");
        }
    }
}
