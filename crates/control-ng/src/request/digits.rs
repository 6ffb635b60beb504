//! What `play DTMF` asks for.

use std::time::Duration;

use mediapoint_engine::{DigitSpec, DtmfDigit};

use super::directive::Directive;
use crate::NgError;

/// The shortest and the longest digit and pause, in milliseconds; what lies beyond is brought within.
const LIMITS: (u64, u64) = (100, 5000);

/// Length of a digit where none is given, and of the pause after it, in milliseconds.
const USUAL: (u64, u64) = (250, 100);

/// The most silent level of an event, in dBm0 without its sign.
const FAINTEST: u64 = 63;

/// Digits, and how they are to be sent, as they were written. `Debug` does not show which: they may be of a card number.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct DigitWords {
    code: Option<String>,
    digit: Option<String>,
    duration: Option<String>,
    pause: Option<String>,
    volume: Option<String>,
}

impl std::fmt::Debug for DigitWords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DigitWords").finish_non_exhaustive()
    }
}

impl DigitWords {
    /// Takes one option; false where it is none of these.
    pub(super) fn apply(&mut self, directive: &Directive) -> bool {
        let to = match directive.name.as_str() {
            "code" => &mut self.code,
            "digit" => &mut self.digit,
            "duration" => &mut self.duration,
            "pause" => &mut self.pause,
            "volume" => &mut self.volume,
            _ => return false,
        };
        *to = Some(directive.value().trim().to_owned());
        true
    }

    /// The digits.
    ///
    /// # Errors
    /// [`NgError::MissingKey`] where none is given, [`NgError::BadValue`] for a value that cannot be used.
    pub(crate) fn read(&self) -> Result<Vec<DigitSpec>, NgError> {
        let (key, text) = match (&self.code, &self.digit) {
            (Some(text), _) => ("code", text),
            (None, Some(text)) => ("digit", text),
            (None, None) => return Err(NgError::MissingKey { key: "code" }),
        };
        let digits = digits(key, text).ok_or(NgError::BadValue { key })?;
        let millis = |text: &Option<String>, key, usual| match text {
            None => Ok::<_, NgError>(Duration::from_millis(usual)),
            Some(text) => {
                let given: u64 = text.parse().map_err(|_| NgError::BadValue { key })?;
                Ok(Duration::from_millis(given.clamp(LIMITS.0, LIMITS.1)))
            }
        };
        let duration = millis(&self.duration, "duration", USUAL.0)?;
        let pause = millis(&self.pause, "pause", USUAL.1)?;
        let volume = match &self.volume {
            None => 8,
            Some(text) => {
                let given: i64 = text.parse().map_err(|_| NgError::BadValue { key: "volume" })?;
                // With a sign and without, it is below 0 dBm0.
                u8::try_from(given.unsigned_abs().min(FAINTEST)).unwrap_or(0)
            }
        };
        let spec = |digit| DigitSpec { duration, pause, volume, ..DigitSpec::new(digit) };
        Ok(digits.into_iter().map(spec).collect())
    }
}

/// One digit or several: `code` by the number of the event, where it is one, otherwise each character a digit.
fn digits(key: &str, text: &str) -> Option<Vec<DtmfDigit>> {
    let event = text.parse().ok().filter(|_| key == "code").and_then(DtmfDigit::from_code);
    if let Some(event) = event.filter(|event| *event != DtmfDigit::FLASH) {
        return Some(vec![event]);
    }
    let one = |letter| DtmfDigit::from_char(letter).filter(|digit| *digit != DtmfDigit::FLASH);
    let all: Option<Vec<_>> = text.chars().map(one).collect();
    all.filter(|all| !all.is_empty() && all.len() <= DigitSpec::MAX_WAITING)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[(&str, &str)]) -> Result<Vec<DigitSpec>, NgError> {
        let mut given = DigitWords::default();
        for (name, value) in words {
            let (name, raw) = ((*name).to_owned(), (*name).to_owned());
            let directive = Directive { name, raw, values: vec![(*value).to_owned()] };
            assert!(given.apply(&directive), "{directive:?}");
        }
        given.read()
    }

    fn text(words: &[(&str, &str)]) -> Result<String, NgError> {
        Ok(read(words)?.iter().map(|spec| spec.digit.as_char()).collect())
    }

    #[test]
    fn a_digit_is_an_event_code_or_characters() {
        for (key, value, expected) in [
            ("code", "0", "0"),
            ("code", "9", "9"),
            ("code", "10", "*"),
            ("code", "11", "#"),
            ("code", "15", "D"),
            ("code", "*", "*"),
            ("code", "b", "B"),
            ("digit", "5", "5"),
            ("digit", "#", "#"),
            ("digit", "12", "12"),
            ("digit", "0123456789*#ABCD", "0123456789*#ABCD"),
            // No event has this number.
            ("code", "42", "42"),
            ("code", "16", "16"),
        ] {
            assert_eq!(text(&[(key, value)]).as_deref(), Ok(expected), "{key} {value}");
        }
        assert_eq!(text(&[("code", "1"), ("digit", "2")]).as_deref(), Ok("1"));
        for (key, value) in [("code", ""), ("code", "-1"), ("digit", "!"), ("digit", "1 2"), ("code", "E")] {
            assert_eq!(text(&[(key, value)]).unwrap_err().to_string(), format!("unusable value for {key}"));
        }
        assert!(text(&[("digit", &"1".repeat(33))]).is_err(), "more than can wait");
        assert_eq!(text(&[]), Err(NgError::MissingKey { key: "code" }));
    }

    #[test]
    fn times_and_volume_have_defaults_and_bounds() {
        let one = |words: &[(&str, &str)]| {
            let spec = read(&[&[("code", "1")], words].concat())?[0];
            Ok((spec.duration.as_millis(), spec.pause.as_millis(), spec.volume))
        };
        assert_eq!(one(&[]), Ok((250, 100, 8)));
        assert_eq!(one(&[("duration", "50"), ("pause", "7")]), Ok((100, 100, 8)));
        assert_eq!(one(&[("duration", "9000"), ("pause", "6000")]), Ok((5000, 5000, 8)));
        for (volume, expected) in [("-20", 20), ("20", 20), ("0", 0), ("-90", 63)] {
            assert_eq!(one(&[("volume", volume)]), Ok((250, 100, expected)));
        }
        for key in ["duration", "pause", "volume"] {
            assert_eq!(one(&[(key, "loud")]), Err(NgError::BadValue { key }));
        }
        let shown = format!("{:?}", read(&[("code", "7")]).unwrap());
        assert!(!shown.contains('7'), "{shown}");
    }
}
