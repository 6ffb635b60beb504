//! Secure input: what stands in place of the digits that a party sends, and digits that switch it on and off.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use mediapoint_packet::telephone_event::DtmfDigit;

/// Secure input: what stands in place of the digits that a party sends, in telephone events and as tones in its audio, toward
/// all that it feeds and all taps but those on key presses.
///
/// While it is on, what the party sends is decoded at 8000 Hz and held back by 40 ms, so that nothing of a tone passes; codecs
/// that the engine cannot decode do not pass. Tones of less than 24 ms, which no receiver takes for a digit, pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum SecureInput {
    /// Digits pass.
    #[default]
    Off,
    /// Events are dropped; tones become silence.
    Drop,
    /// As [`SecureInput::Drop`], and silence is sent for as long as an event lasts.
    Silence,
    /// A tone is sent for as long as an event or a digit lasts.
    Tone {
        /// Frequency in hertz, 1 to 3999.
        hertz: u16,
        /// Level in dBm0, -60 to 0.
        dbm0: i8,
    },
    /// Each digit becomes another one, drawn at random from 0 to 9.
    Random,
    /// Each digit becomes this one: an event code, 0 to 15.
    Digit(u8),
    /// As [`SecureInput::Tone`], with several tones in turn: one for each event or digit.
    Tones {
        /// Their frequencies.
        hertz: ToneSeries,
        /// Level in dBm0, -60 to 0.
        dbm0: i8,
    },
}

impl SecureInput {
    /// True where digits are kept back.
    #[must_use]
    pub const fn is_on(self) -> bool {
        !matches!(self, Self::Off)
    }

    /// True where every value lies in its range.
    pub(crate) const fn is_valid(self) -> bool {
        match self {
            Self::Tone { hertz, dbm0 } => hertz > 0 && hertz < 4000 && dbm0 >= -60 && dbm0 <= 0,
            Self::Tones { dbm0, .. } => dbm0 >= -60 && dbm0 <= 0,
            Self::Digit(code) => code < 16,
            Self::Off | Self::Drop | Self::Silence | Self::Random => true,
        }
    }
}

/// Frequencies of tones that are used in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Vec<u16>", into = "Vec<u16>")]
pub struct ToneSeries {
    hertz: [u16; Self::MAX],
    count: u8,
}

impl ToneSeries {
    /// Frequencies at most.
    pub const MAX: usize = 16;

    /// The frequencies `hertz`, 1 to 16 of them, each 20 to 3999; `None` for others.
    #[must_use]
    pub fn new(hertz: &[u16]) -> Option<Self> {
        let mut series = Self { hertz: [0; Self::MAX], count: u8::try_from(hertz.len()).ok()? };
        series.hertz.get_mut(..hertz.len())?.copy_from_slice(hertz);
        let valid = !hertz.is_empty() && hertz.iter().all(|hertz| (20..4000).contains(hertz));
        valid.then_some(series)
    }

    /// The frequencies in hertz.
    #[must_use]
    pub fn as_slice(&self) -> &[u16] {
        self.hertz.get(..usize::from(self.count)).unwrap_or_default()
    }
}

impl TryFrom<Vec<u16>> for ToneSeries {
    type Error = &'static str;

    fn try_from(hertz: Vec<u16>) -> Result<Self, Self::Error> {
        Self::new(&hertz).ok_or("no series of tones")
    }
}

impl From<ToneSeries> for Vec<u16> {
    fn from(series: ToneSeries) -> Self {
        series.as_slice().to_vec()
    }
}

/// The longest delay of digits.
pub(crate) const MAX_DIGIT_DELAY: Duration = Duration::from_secs(10);

/// 1 to 32 digits that a party presses one after the other. `Debug` does not show them.
#[derive(Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Vec<u8>", into = "Vec<u8>")]
pub struct DigitSequence {
    codes: [u8; Self::MAX],
    count: u8,
}

impl DigitSequence {
    /// Digits at most.
    pub const MAX: usize = 32;

    /// The digits of a text of `0` to `9`, `*`, `#` and `A` to `D`; `None` where it has others, none or more than 32.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let codes: Option<Vec<u8>> = text
            .chars()
            .take(Self::MAX + 1)
            .map(|one| DtmfDigit::from_char(one).map(DtmfDigit::code))
            .collect();
        Self::of(&codes?)
    }

    fn of(codes: &[u8]) -> Option<Self> {
        let mut sequence = Self { codes: [0; Self::MAX], count: u8::try_from(codes.len()).ok()? };
        sequence.codes.get_mut(..codes.len())?.copy_from_slice(codes);
        let valid = !codes.is_empty() && codes.iter().all(|code| *code < DtmfDigit::FLASH.code());
        valid.then_some(sequence)
    }

    /// Their event codes, 0 to 15.
    pub(crate) fn codes(&self) -> &[u8] {
        self.codes.get(..usize::from(self.count)).unwrap_or_default()
    }
}

impl TryFrom<Vec<u8>> for DigitSequence {
    type Error = &'static str;

    fn try_from(codes: Vec<u8>) -> Result<Self, Self::Error> {
        Self::of(&codes).ok_or("no digits")
    }
}

impl From<DigitSequence> for Vec<u8> {
    fn from(sequence: DigitSequence) -> Self {
        sequence.codes().to_vec()
    }
}

impl fmt::Debug for DigitSequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DigitSequence").field("count", &self.count).finish_non_exhaustive()
    }
}

/// Digits of a party that switch its secure input on while the call runs, and what ends that. The engine acts on them itself,
/// so that no digit behind the last one of `begin` passes. It acts once; [`LegConfig::secure_input`] holds until then.
///
/// Digits further apart than [`DigitTrigger::PAUSE`] are of no common sequence.
///
/// [`LegConfig::secure_input`]: crate::LegConfig::secure_input
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DigitTrigger {
    /// What the party has to press.
    pub begin: DigitSequence,
    /// What stands in place of the digits behind it.
    pub secure_input: SecureInput,
    /// The digits that end it; they are kept back as all others are.
    pub end: Option<DigitSequence>,
    /// The number of digits that end it; all of them are kept back.
    pub end_digits: Option<NonZeroU32>,
    /// The time that ends it, counted from the last digit of `begin`. A digit under way is kept back to its end.
    pub end_after: Option<Duration>,
    /// What stands in place of digits after that.
    pub afterwards: SecureInput,
    /// True where tones in the audio count, too, until the party sends its first telephone event: its audio is decoded
    /// meanwhile, leaves 40 ms late, and copies of its packets have silence in its place.
    pub tones: bool,
    /// A trigger that differs from the one before, if only in this number, is armed anew.
    pub serial: u32,
}

impl DigitTrigger {
    /// The longest pause between two digits of a sequence.
    pub const PAUSE: Duration = Duration::from_millis(2500);

    /// A trigger that is ended by nothing: digits are dropped behind `begin`.
    #[must_use]
    pub const fn new(begin: DigitSequence) -> Self {
        Self {
            begin,
            secure_input: SecureInput::Drop,
            end: None,
            end_digits: None,
            end_after: None,
            afterwards: SecureInput::Off,
            tones: false,
            serial: 0,
        }
    }

    /// True where every value lies in its range.
    pub(crate) const fn is_valid(&self) -> bool {
        self.secure_input.is_valid() && self.afterwards.is_valid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_has_one_to_sixteen_tones_of_telephone_audio() {
        let series = ToneSeries::new(&[400, 20, 3999]).unwrap();
        assert_eq!(series.as_slice(), [400, 20, 3999]);
        assert_eq!(ToneSeries::try_from(Vec::from(series)), Ok(series));
        for refused in [&[][..], &[19], &[4000], &[400; 17]] {
            assert_eq!(ToneSeries::new(refused), None, "{refused:?}");
        }
        assert!(ToneSeries::new(&[400; 16]).is_some());
    }

    #[test]
    fn a_sequence_has_one_to_thirty_two_digits_and_shows_none() {
        let sequence = DigitSequence::new("*7d#").unwrap();
        assert_eq!(sequence.codes(), [10, 7, 15, 11]);
        assert_eq!(DigitSequence::try_from(Vec::from(sequence)), Ok(sequence));
        let [longest, longer] = [32, 33].map(|count| "1".repeat(count));
        assert!(DigitSequence::new(&longest).is_some());
        for refused in ["", "1 2", "!", "E", &longer] {
            assert_eq!(DigitSequence::new(refused), None, "{refused:?}");
        }
        assert!(DigitSequence::try_from(vec![16]).is_err());
        let shown = format!("{:?}", DigitTrigger::new(DigitSequence::new("97").unwrap()));
        assert!(!shown.contains('9') && !shown.contains('7'), "{shown}");
    }
}
