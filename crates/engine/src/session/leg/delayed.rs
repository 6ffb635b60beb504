//! Digits of a party that reach those whom it feeds later than they came.

use std::collections::VecDeque;
use std::time::Duration;

use mediapoint_packet::Time;
use mediapoint_packet::telephone_event::{DtmfDigit, MAX_VOLUME};

use crate::api::event::KeyPress;
use crate::api::secure::MAX_DIGIT_DELAY;
use crate::session::snapshot::age::{Due, Malformed, ensure};

/// Digits that wait at most; what is beyond is dropped.
const MAX_DELAYED: usize = 64;

/// A digit that waits. It has no `Debug`: it may be of a card number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delayed {
    pub(crate) digit: DtmfDigit,
    pub(crate) volume: u8,
    /// Its length in milliseconds.
    pub(crate) millis: u32,
    due: Time,
}

impl Delayed {
    /// Another digit in its place.
    pub(crate) fn replaced(self, code: u8) -> Option<Self> {
        DtmfDigit::from_code(code).map(|digit| Self { digit, ..self })
    }
}

/// The digits that wait, in order.
#[derive(Default)]
pub(crate) struct DelayedDigits {
    waiting: VecDeque<Delayed>,
}

impl DelayedDigits {
    /// Makes room, so that no packet allocates any.
    pub(crate) fn prepare(&mut self) {
        self.waiting.reserve(MAX_DELAYED.saturating_sub(self.waiting.len()));
    }

    /// Takes in a key press that is complete: it begins anew so long after it began, and not before it is known.
    pub(crate) fn push(&mut self, now: Time, press: &KeyPress, delay: Duration) {
        let Some(digit) = DtmfDigit::from_code(press.code).filter(|_| self.waiting.len() < MAX_DELAYED)
        else {
            return;
        };
        let due = (now - press.duration + delay).max(now);
        let millis = u32::try_from(press.duration.as_millis()).unwrap_or(u32::MAX);
        self.waiting.push_back(Delayed { digit, volume: press.volume, millis, due });
    }

    /// Takes out the next digit whose time has come.
    pub(crate) fn take(&mut self, now: Time) -> Option<Delayed> {
        self.waiting.pop_front_if(|first| first.due <= now)
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.waiting.front().map(|first| first.due)
    }

    pub(crate) fn save(&self, now: Time) -> Vec<DelayedSnapshot> {
        let save = |one: &Delayed| DelayedSnapshot {
            code: one.digit.code(),
            volume: one.volume,
            millis: one.millis,
            due: Due::of(one.due, now),
        };
        self.waiting.iter().map(save).collect()
    }

    pub(crate) fn restored(taken: Time, saved: &[DelayedSnapshot]) -> Self {
        let restored = |one: &DelayedSnapshot| {
            let due = one.due.after(taken, MAX_DIGIT_DELAY);
            let digit = DtmfDigit::from_code(one.code)?;
            Some(Delayed { digit, volume: one.volume, millis: one.millis, due })
        };
        Self { waiting: saved.iter().filter_map(restored).collect() }
    }
}

/// A digit that waits, in a snapshot.
#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct DelayedSnapshot {
    code: u8,
    volume: u8,
    millis: u32,
    due: Due,
}

impl DelayedSnapshot {
    pub(crate) fn check(saved: &[Self]) -> Result<(), Malformed> {
        let sound = |one: &Self| DtmfDigit::from_code(one.code).is_some() && one.volume <= MAX_VOLUME;
        ensure(saved.len() <= MAX_DELAYED && saved.iter().all(sound), "the digits that are delayed")
    }
}

impl std::fmt::Debug for DelayedSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DelayedSnapshot").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::event::KeyMethod;

    fn press(code: u8, millis: u64) -> KeyPress {
        let method = KeyMethod::TelephoneEvent;
        KeyPress {
            code,
            duration: Duration::from_millis(millis),
            volume: 10,
            missed: 0,
            method,
            secret: false,
        }
    }

    #[test]
    fn a_digit_waits_from_its_beginning_and_is_taken_once_it_is_known() {
        let at = |millis| Time::ZERO + Duration::from_millis(millis);
        let mut delayed = DelayedDigits::default();
        delayed.push(at(1000), &press(7, 100), Duration::from_millis(300));
        delayed.push(at(1300), &press(8, 250), Duration::from_millis(100));
        assert_eq!(delayed.deadline(), Some(at(1200)));
        assert!(delayed.take(at(1199)).is_none());
        assert_eq!(delayed.take(at(1200)).map(|one| (one.digit.code(), one.millis)), Some((7, 100)));
        assert_eq!(delayed.deadline(), Some(at(1300)));
        let saved = delayed.save(at(1250));
        assert!(DelayedSnapshot::check(&saved).is_ok() && !format!("{saved:?}").contains('8'));
        let mut restored = DelayedDigits::restored(at(9000), &saved);
        assert_eq!(restored.deadline(), Some(at(9050)));
        assert_eq!(restored.take(at(9050)).map(|one| one.digit.code()), Some(8));
        for _ in 0..100 {
            delayed.push(at(2000), &press(1, 100), Duration::ZERO);
        }
        assert_eq!(delayed.waiting.len(), MAX_DELAYED, "what waits is bounded");
    }
}
