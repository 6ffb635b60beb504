//! The voice gate of a member: energy against a noise floor that is tracked, with hangover.

use crate::spec::GateSettings;

/// Mean square of a full-scale sine, 0 dBov [RFC6464 4].
const REFERENCE: f32 = 536_870_912.0;
/// Lowest noise floor, -85 dBov.
const LOWEST_FLOOR: f32 = 1.7;
/// Milliseconds of a step of the trackers.
const STEP_MS: u32 = 10;

/// The mean square of a level in dBov.
pub(crate) fn power_of(dbov: f32) -> f32 {
    REFERENCE * 10_f32.powf(dbov / 10.0)
}

/// A mean square as level without its sign, 0 (full scale) to 127 (silence) [RFC6464 4].
pub(crate) fn level_of(power: f32) -> u8 {
    let level = -10.0 * (power / REFERENCE).max(1e-13).log10();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=127")]
    let level = level.round().clamp(0.0, 127.0) as u8;
    level
}

/// Settings in the terms of the gate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Thresholds {
    least: f32,
    ratio: f32,
    greatest_floor: f32,
    hangover_ms: u32,
    /// False where all audio counts as voice.
    gates: bool,
}

impl Thresholds {
    pub(crate) fn new(settings: &GateSettings) -> Self {
        Self {
            least: power_of(settings.least_dbov),
            ratio: 10_f32.powf(settings.above_noise_db / 10.0),
            greatest_floor: power_of(settings.greatest_noise_dbov),
            hangover_ms: settings.hangover_ms,
            gates: settings.enabled,
        }
    }
}

/// The gate of one member.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Gate {
    /// Noise floor as a mean square; 0 before the first audio.
    floor: f32,
    /// Loudness by which speakers are ranked: it rises at once, falls by 5.5 dB in 400 ms of
    /// voice or silence, and stays in pauses.
    pub(crate) loudness: f32,
    /// Milliseconds for which it stays open without voice.
    hang_ms: u32,
    pub(crate) open: bool,
    /// The present tick has voice.
    pub(crate) voiced: bool,
}

impl Gate {
    /// Takes a tick of `millis` ms whose loudest part has the mean square `power`; `None` where there is no audio.
    pub(crate) fn update(&mut self, thresholds: &Thresholds, millis: u32, power: Option<f32>) {
        self.voiced = power.is_some_and(|power| self.is_voice(thresholds, millis, power));
        // Not in a pause between words, in which the speaker keeps the place.
        if self.voiced || !self.open {
            for _ in 0..millis / STEP_MS {
                self.loudness -= self.loudness / 32.0;
            }
        }
        self.loudness = self.loudness.max(power.unwrap_or(0.0));
        if self.voiced {
            self.open = true;
            self.hang_ms = thresholds.hangover_ms;
        } else {
            self.hang_ms = self.hang_ms.saturating_sub(millis);
            self.open = self.open && self.hang_ms > 0;
        }
    }

    /// Shuts it, as for a member that is muted; the noise floor is kept.
    pub(crate) fn shut(&mut self) {
        *self = Self { floor: self.floor, ..Self::default() };
    }

    /// False of what no gate can come to, as in a state from elsewhere.
    pub(crate) fn is_sound(&self) -> bool {
        let powers = 0.0..=2.0 * REFERENCE;
        powers.contains(&self.floor) && powers.contains(&self.loudness)
    }

    fn is_voice(&mut self, thresholds: &Thresholds, millis: u32, power: f32) -> bool {
        if self.floor == 0.0 {
            self.floor = (thresholds.least / thresholds.ratio).max(LOWEST_FLOOR);
        }
        let opens = (self.floor * thresholds.ratio).max(thresholds.least);
        // 3 dB of hysteresis.
        let threshold = if self.open { opens / 2.0 } else { opens };
        for _ in 0..millis / STEP_MS {
            // Down within some 100 ms, up by 3 dB in a second: words do not lift it, pauses lower it.
            self.floor += if power < self.floor { (power - self.floor) / 8.0 } else { self.floor / 144.0 };
        }
        self.floor = self.floor.clamp(LOWEST_FLOOR, thresholds.greatest_floor.max(LOWEST_FLOOR));
        !thresholds.gates || power > threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thresholds() -> Thresholds {
        Thresholds::new(&GateSettings::default())
    }

    /// How many ticks of 20 ms at `dbov` pass until it is open or shut as asked.
    fn ticks_until(gate: &mut Gate, dbov: f32, open: bool) -> u32 {
        let mut ticks = 0;
        while gate.open != open && ticks < 10_000 {
            gate.update(&thresholds(), 20, Some(power_of(dbov)));
            ticks += 1;
        }
        ticks
    }

    #[test]
    fn levels_are_those_of_rfc_6464() {
        assert_eq!((level_of(REFERENCE), level_of(0.0), level_of(power_of(-30.0))), (0, 127, 30));
    }

    #[test]
    fn voice_opens_it_at_once_and_hangover_keeps_it() {
        let mut gate = Gate::default();
        assert_eq!(ticks_until(&mut gate, -30.0, true), 1);
        assert_eq!(ticks_until(&mut gate, -90.0, false), 20, "400 ms");
        assert_eq!(ticks_until(&mut gate, -30.0, true), 1);
    }

    #[test]
    fn steady_noise_shuts_it_and_voice_above_opens_it() {
        let mut gate = Gate::default();
        let learned = ticks_until(&mut gate, -50.0, true) + ticks_until(&mut gate, -50.0, false);
        assert!(learned < 400, "8 s, but {learned} ticks");
        assert_eq!(ticks_until(&mut gate, -50.0, true), 10_000, "noise does not open it again");
        assert_eq!(ticks_until(&mut gate, -38.0, true), 1);
    }

    #[test]
    fn loud_sound_is_not_taken_for_noise_however_long_it_lasts() {
        let mut gate = Gate::default();
        assert_eq!(ticks_until(&mut gate, -30.0, true), 1);
        assert_eq!(ticks_until(&mut gate, -30.0, false), 10_000);
    }
}
