//! Digits of a party that switch its secure input on and off: a state machine over complete key presses.

use std::time::Duration;

use mediapoint_packet::Time;

use crate::api::event::{KeyMethod, KeyPress};
use crate::api::secure::{DigitSequence, DigitTrigger, SecureInput};
use crate::session::snapshot::age::Age;
use crate::session::snapshot::trigger::TriggerSnapshot;

/// How long secure input goes on after the last event of those that end it: its tone, where a gateway sends both, passes the
/// jitter buffer.
const LINGERS: Duration = Duration::from_millis(100);

/// Where a trigger is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Phase {
    /// Its digits have not come yet.
    Armed,
    /// They have: digits are kept back.
    On,
    /// It has ended.
    Over,
}

/// The state of a leg's trigger.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trigger {
    phase: Phase,
    /// Digits of the present sequence that have come in order.
    matched: u8,
    /// Digits since it went on.
    digits: u32,
    /// The last digit.
    last: Option<Time>,
    /// When it went on.
    since: Time,
    /// When it is over, since what ends it has come.
    ends: Option<Time>,
    /// Its time has passed while a digit was under way.
    overdue: bool,
    /// The party has sent a telephone event.
    events: bool,
}

impl Trigger {
    pub(crate) const fn new(now: Time) -> Self {
        Self {
            phase: Phase::Armed,
            matched: 0,
            digits: 0,
            last: None,
            since: now,
            ends: None,
            overdue: false,
            events: false,
        }
    }

    /// What stands in place of digits; `otherwise` holds before the trigger.
    pub(crate) const fn secure_input(&self, spec: &DigitTrigger, otherwise: SecureInput) -> SecureInput {
        match self.phase {
            Phase::Armed => otherwise,
            Phase::On => spec.secure_input,
            Phase::Over => spec.afterwards,
        }
    }

    /// True while its digits are waited for.
    pub(crate) const fn is_armed(&self) -> bool {
        matches!(self.phase, Phase::Armed)
    }

    /// True where digits in the audio count. Once it is on they count in any case.
    pub(crate) const fn wants_tones(&self, spec: &DigitTrigger) -> bool {
        match self.phase {
            Phase::Armed => spec.tones && !self.events,
            Phase::On => true,
            Phase::Over => false,
        }
    }

    /// A telephone event has begun. True where something changes with it.
    pub(crate) fn begin_event(&mut self, spec: &DigitTrigger) -> bool {
        let looked = self.wants_tones(spec);
        self.events = true;
        if self.ends.take().is_some() {
            self.phase = Phase::Over;
            return true;
        }
        looked != self.wants_tones(spec)
    }

    /// A digit was pressed. True where something changes with it.
    pub(crate) fn press(&mut self, now: Time, spec: &DigitTrigger, press: &KeyPress) -> bool {
        let tone = press.method == KeyMethod::Tone;
        if press.code > 15 || (tone && !self.wants_tones(spec)) {
            return false;
        }
        // Its length is no pause.
        let begun = now - press.duration;
        if self.last.is_none_or(|last| begun.since(last) > DigitTrigger::PAUSE) {
            self.matched = 0;
        }
        self.last = Some(now);
        match self.phase {
            Phase::Armed => {
                let fires = self.advance(&spec.begin, press.code);
                if fires {
                    (self.phase, self.since, self.digits) = (Phase::On, now, 0);
                }
                fires
            }
            Phase::On => {
                self.digits = self.digits.saturating_add(1);
                let by_digits = spec.end.is_some_and(|end| self.advance(&end, press.code));
                let by_count = spec.end_digits.is_some_and(|count| self.digits >= count.get());
                let ends = by_digits || by_count || self.overdue;
                if ends && tone {
                    self.phase = Phase::Over;
                } else if ends {
                    self.ends = self.ends.or(Some(now + LINGERS));
                }
                ends && tone
            }
            Phase::Over => false,
        }
    }

    /// Takes the next digit of a sequence; true where it is complete, which begins it anew.
    fn advance(&mut self, sequence: &DigitSequence, code: u8) -> bool {
        let codes = sequence.codes();
        let mut matched = usize::from(self.matched);
        // Of what has come the longest end counts that the sequence begins with.
        while codes.get(matched) != Some(&code) {
            let shorter = |len: &usize| {
                codes.get(..*len).zip(codes.get(..matched)).is_some_and(|(start, come)| come.ends_with(start))
            };
            match (0..matched).rev().find(shorter) {
                Some(len) => matched = len,
                None => {
                    self.matched = 0;
                    return false;
                }
            }
        }
        matched += 1;
        let complete = matched == codes.len();
        self.matched = if complete { 0 } else { u8::try_from(matched).unwrap_or(0) };
        complete
    }

    /// When [`Trigger::handle_timeout`] is to be called.
    pub(crate) fn deadline(&self, spec: &DigitTrigger) -> Option<Time> {
        if self.phase != Phase::On {
            return None;
        }
        let by_time = spec.end_after.filter(|_| !self.overdue).map(|time| self.since + time);
        [by_time, self.ends].into_iter().flatten().min()
    }

    /// Ends it where its time has come; with a digit under way in the audio, with that. True where something changes.
    pub(crate) fn handle_timeout(&mut self, now: Time, spec: &DigitTrigger, sounds: bool) -> bool {
        if self.deadline(spec).is_none_or(|deadline| deadline > now) {
            return false;
        }
        if sounds && self.ends.is_none() {
            self.overdue = true;
            return false;
        }
        self.phase = Phase::Over;
        true
    }

    pub(crate) fn save(&self, now: Time) -> TriggerSnapshot {
        TriggerSnapshot {
            phase: self.phase,
            matched: self.matched,
            digits: self.digits,
            last: self.last.map(|last| Age::of(last, now)),
            since: Age::of(self.since, now),
            ends: self.ends.is_some() || self.overdue,
            events: self.events,
        }
    }

    /// A trigger as it was saved at `taken`. What had ended it ends it at once.
    pub(crate) fn restored(taken: Time, spec: &DigitTrigger, saved: &TriggerSnapshot) -> Self {
        let length = match saved.phase {
            Phase::Armed => spec.begin.codes().len(),
            Phase::On | Phase::Over => spec.end.map_or(0, |end| end.codes().len()),
        };
        Self {
            phase: saved.phase,
            matched: if usize::from(saved.matched) < length { saved.matched } else { 0 },
            digits: saved.digits,
            last: saved.last.map(|last| last.before(taken)),
            since: saved.since.before(taken),
            ends: saved.ends.then_some(taken),
            overdue: false,
            events: saved.events,
        }
    }
}

#[cfg(test)]
#[path = "trigger_tests.rs"]
mod tests;
