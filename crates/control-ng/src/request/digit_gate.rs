//! What `block DTMF` puts in place of digits, and who is told of them.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use mediapoint_engine::{DigitSequence, DigitTrigger, DtmfDigit, EventPolicy, SecureInput, ToneSeries};

use super::directive::{self, Directive};
use crate::NgError;

/// What becomes of a party's digits on their way to all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DigitGate {
    /// Of telephone events alone.
    pub events: EventPolicy,
    /// Of telephone events and tones.
    pub secure_input: SecureInput,
    /// Digits that switch that.
    pub trigger: Option<DigitTrigger>,
    /// Time by which digits go on later.
    pub delay: Duration,
}

impl DigitGate {
    /// True where digits do not pass as they are.
    #[must_use]
    pub fn is_on(&self) -> bool {
        *self != Self::default()
    }

    /// The same, in place of `before`: a trigger that is repeated goes on from where it is.
    #[must_use]
    pub(crate) fn after(self, before: &Self) -> Self {
        let serial = before.trigger.map_or(0, |trigger| trigger.serial);
        self.with_serial(serial)
    }

    /// The same with a trigger of this number: another one is armed anew.
    #[must_use]
    pub(crate) fn with_serial(self, serial: u32) -> Self {
        Self { trigger: self.trigger.map(|trigger| DigitTrigger { serial, ..trigger }), ..self }
    }
}

/// What stands for a digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Security {
    Drop,
    Events,
    Silence,
    Tone,
    Random,
    Zero,
    Digit,
    Off,
}

/// Options on digits. `Debug` does not show `digit`, which `play DTMF` has, too: it may be of a card number.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct DigitOptions {
    /// The digits of the sender of an offer or answer are blocked.
    pub block: bool,
    /// Digits are looked for in the audio, too.
    pub detect: bool,
    /// Where each digit is reported to.
    pub log: Option<SocketAddr>,
    security: Option<Security>,
    trigger: Option<DigitSequence>,
    trigger_security: Option<Security>,
    end: Option<DigitSequence>,
    end_security: Option<Security>,
    end_millis: u64,
    end_digits: u32,
    delay_millis: u64,
    digit: Option<String>,
    hertz: Vec<u16>,
    volume: Option<i64>,
}

impl fmt::Debug for DigitOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { block, detect, log, security, trigger, hertz, volume, .. } = self;
        f.debug_struct("DigitOptions")
            .field("block", block)
            .field("detect", detect)
            .field("log", log)
            .field("security", security)
            .field("trigger", trigger)
            .field("hertz", hertz)
            .field("volume", volume)
            .finish_non_exhaustive()
    }
}

/// The longest delay of digits, in milliseconds.
const MAX_DELAY_MILLIS: u64 = 10_000;

/// The frequency of [`Security::Tone`] in hertz, and its level in dBm0, where none is given.
const TONE: (u16, i8) = (400, -10);

impl DigitOptions {
    /// Takes one option; false where it is none of these. `digit`, `code` and `volume` are of other commands, too.
    ///
    /// # Errors
    /// [`NgError::BadValue`]: digits are not to pass because a word was not understood.
    pub(super) fn apply(&mut self, directive: &Directive) -> Result<bool, NgError> {
        let value = directive.value().trim();
        match directive.name.as_str() {
            "block-dtmf" => self.block = directive::is_on(directive),
            "detect-dtmf" => self.detect = directive::is_on(directive),
            "dtmf-log-dest" => {
                self.log = Some(value.parse().map_err(|_| NgError::BadValue { key: "DTMF-log-dest" })?);
            }
            "dtmf-security" => self.security = Some(security(value, "DTMF-security")?),
            "dtmf-security-trigger" => {
                self.trigger_security = Some(security(value, "DTMF-security-trigger")?);
            }
            "dtmf-security-trigger-end" => {
                self.end_security = Some(security(value, "DTMF-security-trigger-end")?);
            }
            "trigger" => self.trigger = sequence(value, "trigger")?,
            "trigger-end" | "end-trigger" => self.end = sequence(value, "trigger-end")?,
            "trigger-end-time" => {
                self.end_millis = value.parse().map_err(|_| NgError::BadValue { key: "trigger-end-time" })?;
            }
            "dtmf-delay" => {
                let millis = value.parse().ok().filter(|millis| *millis <= MAX_DELAY_MILLIS);
                self.delay_millis = millis.ok_or(NgError::BadValue { key: "DTMF-delay" })?;
            }
            "trigger-end-digits" => {
                self.end_digits =
                    value.parse().map_err(|_| NgError::BadValue { key: "trigger-end-digits" })?;
            }
            "digit" | "code" => {
                self.digit = Some(value.to_owned());
                return Ok(false);
            }
            "frequency" | "frequencies" => {
                let words = directive.values.iter().flat_map(|value| value.split(','));
                let hertz =
                    words.map(|word| word.trim().parse().ok().filter(|hertz| (1..4000).contains(hertz)));
                let hertz: Option<Vec<u16>> = hertz.collect();
                let hertz = hertz.filter(|hertz| hertz.len() == 1 || ToneSeries::new(hertz).is_some());
                self.hertz = hertz.ok_or(NgError::BadValue { key: "frequency" })?;
            }
            "volume" => {
                self.volume = value.parse().ok();
                return Ok(false);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What becomes of the digits.
    ///
    /// # Errors
    /// [`NgError::BadValue`] for a volume or digit out of its range, and for what no trigger can switch to.
    pub(crate) fn gate(&self) -> Result<DigitGate, NgError> {
        let (trigger, delay) = (self.trigger()?, Duration::from_millis(self.delay_millis));
        let base = match (self.security, trigger) {
            (Some(security), _) => security,
            // With a trigger nothing is blocked before it.
            (None, Some(_)) => Security::Off,
            (None, None) => Security::Drop,
        };
        if base == Security::Events {
            let events = EventPolicy::Block;
            return Ok(DigitGate { events, trigger, delay, ..DigitGate::default() });
        }
        let secure_input = self.secure_input(base, "DTMF-security")?;
        Ok(DigitGate { secure_input, trigger, delay, ..DigitGate::default() })
    }

    fn trigger(&self) -> Result<Option<DigitTrigger>, NgError> {
        let Some(begin) = self.trigger else { return Ok(None) };
        let switched = self.trigger_security.unwrap_or(Security::Drop);
        let afterwards = self.end_security.unwrap_or(Security::Off);
        Ok(Some(DigitTrigger {
            secure_input: self.secure_input(switched, "DTMF-security-trigger")?,
            end: self.end,
            end_digits: NonZeroU32::new(self.end_digits),
            end_after: Some(Duration::from_millis(self.end_millis)).filter(|time| !time.is_zero()),
            afterwards: self.secure_input(afterwards, "DTMF-security-trigger-end")?,
            ..DigitTrigger::new(begin)
        }))
    }

    fn secure_input(&self, security: Security, key: &'static str) -> Result<SecureInput, NgError> {
        Ok(match security {
            Security::Off => SecureInput::Off,
            // The audio is looked into, or it is not.
            Security::Events => return Err(NgError::BadValue { key }),
            Security::Drop => SecureInput::Drop,
            Security::Silence => SecureInput::Silence,
            Security::Random => SecureInput::Random,
            Security::Zero => SecureInput::Digit(0),
            Security::Digit => {
                let digit = self.digit.as_deref().map_or(Some(0), code);
                SecureInput::Digit(digit.ok_or(NgError::BadValue { key: "digit" })?)
            }
            Security::Tone => {
                // It is written with or without its sign.
                let level = self.volume.map_or(i64::from(TONE.1), |volume| -volume.saturating_abs());
                let level = i8::try_from(level).ok().filter(|level| (-60..=0).contains(level));
                let dbm0 = level.ok_or(NgError::BadValue { key: "volume" })?;
                match (self.hertz.as_slice(), ToneSeries::new(&self.hertz)) {
                    ([], _) => SecureInput::Tone { hertz: TONE.0, dbm0 },
                    ([_, _, ..], Some(hertz)) => SecureInput::Tones { hertz, dbm0 },
                    ([hertz, ..], _) => SecureInput::Tone { hertz: *hertz, dbm0 },
                }
            }
        })
    }
}

/// The digits of a trigger; none for an empty text.
fn sequence(text: &str, key: &'static str) -> Result<Option<DigitSequence>, NgError> {
    if text.is_empty() {
        return Ok(None);
    }
    DigitSequence::new(text).map(Some).ok_or(NgError::BadValue { key })
}

fn security(word: &str, key: &'static str) -> Result<Security, NgError> {
    Ok(match word.to_ascii_lowercase().as_str() {
        "drop" => Security::Drop,
        "events" => Security::Events,
        "silence" => Security::Silence,
        "tone" => Security::Tone,
        "random" => Security::Random,
        "zero" => Security::Zero,
        "dtmf" | "digit" => Security::Digit,
        "off" => Security::Off,
        _ => return Err(NgError::BadValue { key }),
    })
}

/// The event code of a digit: the character, or the code in figures.
fn code(word: &str) -> Option<u8> {
    let mut chars = word.chars();
    let digit = match (chars.next(), chars.next()) {
        (Some(one), None) => DtmfDigit::from_char(one),
        _ => word.parse().ok().and_then(DtmfDigit::from_code),
    };
    digit.filter(|digit| *digit != DtmfDigit::FLASH).map(DtmfDigit::code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(options: &[(&str, &[&str])]) -> Result<DigitGate, NgError> {
        let mut read = DigitOptions::default();
        for (name, values) in options {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            read.apply(&Directive { name: (*name).to_owned(), raw: (*name).to_owned(), values })?;
        }
        read.gate()
    }

    #[test]
    fn frequencies_are_one_or_several_in_a_list_or_a_string() {
        let tone = ("dtmf-security", &["tone"][..]);
        let secure = |frequencies| Ok::<_, NgError>(gate(&[tone, ("frequency", frequencies)])?.secure_input);
        assert_eq!(secure(&["15"]), Ok(SecureInput::Tone { hertz: 15, dbm0: -10 }));
        let several = SecureInput::Tones { hertz: ToneSeries::new(&[400, 800, 600]).unwrap(), dbm0: -10 };
        assert_eq!(secure(&["400,800, 600"]), Ok(several));
        assert_eq!(secure(&["400", "800", "600"]), Ok(several));
        for refused in [&["400,15"][..], &["400", "4000"], &[""], &["400,"], &["1"; 17]] {
            assert_eq!(secure(refused), Err(NgError::BadValue { key: "frequency" }), "{refused:?}");
        }
    }

    #[test]
    fn a_trigger_leaves_digits_alone_before_it_and_drops_those_behind_it_unless_said_otherwise() {
        let all = gate(&[
            ("trigger", &["*1"]),
            ("dtmf-security-trigger", &["zero"]),
            ("dtmf-security-trigger-end", &["silence"]),
            ("end-trigger", &["##"]),
            ("trigger-end-time", &["30000"]),
            ("trigger-end-digits", &["16"]),
            ("dtmf-security", &["random"]),
        ]);
        let begin = DigitSequence::new("*1").unwrap();
        let trigger = DigitTrigger {
            secure_input: SecureInput::Digit(0),
            end: DigitSequence::new("##"),
            end_digits: NonZeroU32::new(16),
            end_after: Some(Duration::from_secs(30)),
            afterwards: SecureInput::Silence,
            ..DigitTrigger::new(begin)
        };
        let expected =
            DigitGate { secure_input: SecureInput::Random, trigger: Some(trigger), ..DigitGate::default() };
        assert_eq!(all, Ok(expected));
        let plain =
            gate(&[("trigger", &["*1"]), ("trigger-end-time", &["0"]), ("trigger-end-digits", &["0"])]);
        let expected = DigitGate { trigger: Some(DigitTrigger::new(begin)), ..DigitGate::default() };
        assert_eq!(plain, Ok(expected));
        assert!(expected.is_on());
        assert_eq!(gate(&[("trigger", &[""])]), gate(&[]), "no trigger");
        let repeated = expected.after(&expected.with_serial(7));
        assert_eq!(repeated.trigger.map(|trigger| trigger.serial), Some(7));
    }

    #[test]
    fn what_no_trigger_can_be_is_refused() {
        for (name, value, key) in [
            ("trigger", "12x", "trigger"),
            ("trigger-end", "!", "trigger-end"),
            ("trigger-end-time", "soon", "trigger-end-time"),
            ("trigger-end-digits", "-1", "trigger-end-digits"),
            ("dtmf-security-trigger", "loud", "DTMF-security-trigger"),
            ("dtmf-security-trigger", "events", "DTMF-security-trigger"),
            ("dtmf-security-trigger-end", "events", "DTMF-security-trigger-end"),
        ] {
            let refused = gate(&[("trigger", &["1"]), (name, &[value])]);
            assert_eq!(refused, Err(NgError::BadValue { key }), "{name} {value}");
        }
        // Without its digits it means nothing.
        assert_eq!(gate(&[("dtmf-security-trigger", &["zero"])]), gate(&[]));
        let refused = gate(&[("dtmf-delay", &["10001"])]);
        assert_eq!(refused, Err(NgError::BadValue { key: "DTMF-delay" }));
        let delayed = gate(&[("dtmf-delay", &["300"]), ("dtmf-security", &["off"])]).unwrap();
        assert_eq!((delayed.delay, delayed.is_on()), (Duration::from_millis(300), true));
    }
}
