//! What `block DTMF` puts in place of digits, and who is told of them.

use std::fmt;
use std::net::SocketAddr;

use mediapoint_engine::{DtmfDigit, EventPolicy, SecureInput};

use super::directive::{self, Directive};
use crate::NgError;

/// What becomes of a party's digits on their way to all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DigitGate {
    /// Of telephone events alone.
    pub events: EventPolicy,
    /// Of telephone events and tones.
    pub secure_input: SecureInput,
}

impl DigitGate {
    /// True where digits do not pass as they are.
    #[must_use]
    pub fn is_on(&self) -> bool {
        *self != Self::default()
    }
}

/// What stands for a digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Security {
    #[default]
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
    security: Security,
    digit: Option<String>,
    hertz: Option<u16>,
    volume: Option<i64>,
}

impl fmt::Debug for DigitOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { block, detect, log, security, digit: _, hertz, volume } = self;
        f.debug_struct("DigitOptions")
            .field("block", block)
            .field("detect", detect)
            .field("log", log)
            .field("security", security)
            .field("hertz", hertz)
            .field("volume", volume)
            .finish_non_exhaustive()
    }
}

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
            "dtmf-security" => self.security = security(value)?,
            "digit" | "code" => {
                self.digit = Some(value.to_owned());
                return Ok(false);
            }
            "frequency" | "frequencies" => {
                let first = value.split(',').next().unwrap_or_default().trim();
                let hertz = first.parse().ok().filter(|hertz| (1..4000).contains(hertz));
                self.hertz = Some(hertz.ok_or(NgError::BadValue { key: "frequency" })?);
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
    /// [`NgError::BadValue`] for a volume or digit out of its range.
    pub(crate) fn gate(&self) -> Result<DigitGate, NgError> {
        let secure = |secure_input| Ok(DigitGate { secure_input, ..DigitGate::default() });
        match self.security {
            Security::Off => Ok(DigitGate::default()),
            Security::Events => Ok(DigitGate { events: EventPolicy::Block, ..DigitGate::default() }),
            Security::Drop => secure(SecureInput::Drop),
            Security::Silence => secure(SecureInput::Silence),
            Security::Random => secure(SecureInput::Random),
            Security::Zero => secure(SecureInput::Digit(0)),
            Security::Digit => {
                let digit = self.digit.as_deref().map_or(Some(0), code);
                secure(SecureInput::Digit(digit.ok_or(NgError::BadValue { key: "digit" })?))
            }
            Security::Tone => {
                // It is written with or without its sign.
                let level = self.volume.map_or(i64::from(TONE.1), |volume| -volume.saturating_abs());
                let level = i8::try_from(level).ok().filter(|level| (-60..=0).contains(level));
                let dbm0 = level.ok_or(NgError::BadValue { key: "volume" })?;
                secure(SecureInput::Tone { hertz: self.hertz.unwrap_or(TONE.0), dbm0 })
            }
        }
    }
}

fn security(word: &str) -> Result<Security, NgError> {
    Ok(match word.to_ascii_lowercase().as_str() {
        "drop" => Security::Drop,
        "events" => Security::Events,
        "silence" => Security::Silence,
        "tone" => Security::Tone,
        "random" => Security::Random,
        "zero" => Security::Zero,
        "dtmf" | "digit" => Security::Digit,
        "off" => Security::Off,
        _ => return Err(NgError::BadValue { key: "DTMF-security" }),
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
