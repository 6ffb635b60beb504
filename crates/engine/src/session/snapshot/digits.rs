//! The digits of a leg in a snapshot: those that wait, and the one that is sent, so that they go on. They may be of a card
//! number: `Debug` shows none.

use mediapoint_packet::rtp::RtpTicks;
use mediapoint_packet::telephone_event::{DtmfDigit, MAX_VOLUME};

use crate::api::digit::DigitMethod;
use crate::api::leg::LegConfig;
use crate::session::leg::digits::{Current, Digit, DigitAbilities, Digits, LONGEST, MAX_DIGITS, Origin};
use crate::session::leg::sender::Sender;
use crate::session::snapshot::age::{Malformed, ensure};

/// Digits of a leg.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct DigitsSnapshot {
    waiting: Vec<DigitSnapshot>,
    current: Option<CurrentSnapshot>,
    /// A digit of a command was among those of this run.
    commanded: bool,
}

/// A digit. Times are milliseconds.
#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
struct DigitSnapshot {
    code: u8,
    length: Option<u32>,
    pause: u32,
    volume: u8,
    method: DigitMethod,
    origin: Origin,
}

/// The digit that is sent.
#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
struct CurrentSnapshot {
    digit: DigitSnapshot,
    elapsed: u32,
    /// Timestamp of its beginning, where it is an event.
    began: Option<u32>,
}

impl std::fmt::Debug for DigitsSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DigitsSnapshot").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

impl DigitSnapshot {
    const fn save(digit: &Digit) -> Self {
        let Digit { digit, length, pause, volume, method, origin } = *digit;
        Self { code: digit.code(), length, pause, volume, method, origin }
    }

    fn restored(&self) -> Option<Digit> {
        let Self { code, length, pause, volume, method, origin } = *self;
        Some(Digit { digit: DtmfDigit::from_code(code)?, length, pause, volume, method, origin })
    }

    fn is_sound(&self) -> bool {
        self.restored().is_some()
            && self.length.is_none_or(|length| length <= 2 * LONGEST)
            && self.pause <= LONGEST
            && self.volume <= MAX_VOLUME
    }
}

impl DigitsSnapshot {
    pub(super) fn check(&self) -> Result<(), Malformed> {
        let current = self.current.iter();
        let sound = current.clone().all(|current| current.elapsed <= 4 * LONGEST)
            && current.map(|current| &current.digit).chain(&self.waiting).all(DigitSnapshot::is_sound);
        ensure(sound && self.waiting.len() <= MAX_DIGITS, "the digits of a leg")
    }
}

impl Sender {
    pub(crate) fn save_digits(&self) -> Option<DigitsSnapshot> {
        let digits = self.digits.as_ref().filter(|_| self.has_digits())?;
        let current = digits.current.as_ref().map(|current| CurrentSnapshot {
            digit: DigitSnapshot::save(&current.digit),
            elapsed: current.elapsed,
            began: digits.event_began().or(current.began).map(|began| began.0),
        });
        let waiting = digits.queue.iter().map(DigitSnapshot::save).collect();
        Some(DigitsSnapshot { waiting, current, commanded: digits.commanded })
    }

    /// Digits as they were saved; what is sent of them begins when the source has made way again.
    pub(crate) fn restore_digits(&mut self, config: &LegConfig, saved: &DigitsSnapshot) {
        let mut digits = Digits::new(DigitAbilities::of(config));
        digits.queue.extend(saved.waiting.iter().take(MAX_DIGITS).filter_map(DigitSnapshot::restored));
        digits.current = saved.current.as_ref().and_then(|current| {
            Some(Current::new(current.digit.restored()?, current.elapsed, current.began.map(RtpTicks)))
        });
        digits.commanded = saved.commanded;
        self.digits = Some(Box::new(digits));
    }
}
