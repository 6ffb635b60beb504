//! What a detector accepts, with the figures of Q.24 as defaults.

use thiserror::Error;

/// What counts as a digit. The defaults accept and reject what Q.24 and ETSI ES 201 235-3 ask for.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DetectorSettings {
    /// Lowest level of each tone in dBm0, -60 to 0.
    pub lowest_level_dbm0: f32,
    /// Greatest level of the high tone over the low one in dB, 0 to 20.
    pub reverse_twist_db: f32,
    /// Greatest level of the low tone over the high one in dB, 0 to 20.
    pub normal_twist_db: f32,
    /// Duration in ms from which a tone is a digit, 16 to 500.
    pub shortest_digit_ms: f32,
    /// Pause in ms that surely parts two equal digits, 16 to 500. The limit is midway to `longest_break_ms`.
    pub shortest_pause_ms: f32,
    /// Break in ms that surely does not part a digit, 0 to `shortest_pause_ms`.
    pub longest_break_ms: f32,
    /// Greatest deviation of a frequency in percent, 1.5 to 3.5.
    pub tolerance_percent: f32,
    /// Least share of the two tones in the energy of the signal, 0.5 to 0.98. Lower finds digits in more noise, and more
    /// digits in speech.
    pub purity: f32,
    /// Level in dB to add to that of the samples, -30 to 30.
    pub level_offset_db: f32,
}

impl Default for DetectorSettings {
    fn default() -> Self {
        Self {
            lowest_level_dbm0: -42.0,
            reverse_twist_db: 6.0,
            normal_twist_db: 10.0,
            shortest_digit_ms: 32.0,
            shortest_pause_ms: 30.0,
            longest_break_ms: 20.0,
            tolerance_percent: 2.2,
            purity: 0.87,
            level_offset_db: 0.0,
        }
    }
}

impl DetectorSettings {
    /// The most sensitive settings: what these do not find, no detector in use finds. They take speech for digits.
    #[must_use]
    pub const fn most_sensitive() -> Self {
        Self {
            lowest_level_dbm0: -60.0,
            reverse_twist_db: 20.0,
            normal_twist_db: 20.0,
            shortest_digit_ms: 20.0,
            shortest_pause_ms: 30.0,
            longest_break_ms: 20.0,
            tolerance_percent: 3.5,
            purity: 0.5,
            level_offset_db: 0.0,
        }
    }

    /// The settings themselves where every value lies in its range.
    ///
    /// # Errors
    /// [`SettingsError`] names the first value out of its range.
    pub fn checked(self) -> Result<Self, SettingsError> {
        let within = |name, value: f32, low: f32, high: f32| {
            // Not-a-number lies in no range.
            if (low..=high).contains(&value) { Ok(()) } else { Err(SettingsError { name, value, low, high }) }
        };
        within("lowest_level_dbm0", self.lowest_level_dbm0, -60.0, 0.0)?;
        within("reverse_twist_db", self.reverse_twist_db, 0.0, 20.0)?;
        within("normal_twist_db", self.normal_twist_db, 0.0, 20.0)?;
        within("shortest_digit_ms", self.shortest_digit_ms, 16.0, 500.0)?;
        within("shortest_pause_ms", self.shortest_pause_ms, 16.0, 500.0)?;
        within("longest_break_ms", self.longest_break_ms, 0.0, self.shortest_pause_ms)?;
        within("tolerance_percent", self.tolerance_percent, 1.5, 3.5)?;
        within("purity", self.purity, 0.5, 0.98)?;
        within("level_offset_db", self.level_offset_db, -30.0, 30.0)?;
        Ok(self)
    }
}

/// A setting out of its range.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error("{name} is {value}; set it from {low} to {high}")]
pub struct SettingsError {
    /// Field of the settings.
    pub name: &'static str,
    /// Value given.
    pub value: f32,
    /// Lowest value allowed.
    pub low: f32,
    /// Highest value allowed.
    pub high: f32,
}

/// Why no detector or suppressor can be made, or go on from a state.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum RestoreError {
    /// A setting lies out of its range.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// No suppressor works at this rate.
    #[error("cannot take digits out of audio at {0} Hz; use 8000, 16000, 24000, 32000 or 48000")]
    Rate(u32),
    /// The state is damaged, or of another rate.
    #[error("the saved state is none of {0}; begin with a new one")]
    State(&'static str),
}
