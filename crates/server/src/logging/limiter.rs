//! Bounds how often a warning of one kind is told: what fails for every call must not fill the disk.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use super::OWN_TARGET;

/// Warnings of a kind that are told at once.
const BURST: u32 = 10;
/// Most kinds; all further ones count as one of their place.
const MAX_KINDS: usize = 1024;
/// How often one more is.
const REFILL: Duration = Duration::from_secs(1);

/// Warnings of one kind: those of one place in the code and, where their field `kind` tells them apart, of one such text.
#[derive(Debug)]
struct Kind {
    message: String,
    left: u32,
    since: Instant,
    /// Left out since it was last told how many.
    left_out: u64,
}

#[derive(Debug, Default)]
struct State {
    kinds: HashMap<(Identifier, String), Kind>,
    left_out: u64,
}

/// The kinds there were, [`MAX_KINDS`] and as many as there are places in the code at most.
#[derive(Debug, Default)]
pub(super) struct Limiter(Mutex<State>);

impl Limiter {
    /// True where an event may be told.
    pub(super) fn admits(&self, event: &Event<'_>, now: Instant) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::WARN || metadata.target() == OWN_TARGET {
            return true;
        }
        let mut told = MessageAndKind::default();
        if metadata.fields().field(KIND).is_some() {
            event.record(&mut told);
        }
        let kind = std::mem::take(&mut told.kind);
        self.takes((metadata.callsite(), kind), now, |kind| {
            event.record(&mut told);
            if kind.is_empty() { told.message } else { format!("{}: {kind}", told.message) }
        })
    }

    fn takes(&self, key: (Identifier, String), now: Instant, message: impl FnOnce(&str) -> String) -> bool {
        let mut state = self.lock();
        let has_room = state.kinds.len() < MAX_KINDS || state.kinds.contains_key(&key);
        let key = if has_room { key } else { (key.0, String::new()) };
        let text = key.1.clone();
        let kind = state.kinds.entry(key).or_insert_with(|| Kind {
            message: message(&text),
            left: BURST,
            since: now,
            left_out: 0,
        });
        let refills = now.saturating_duration_since(kind.since).as_secs() / REFILL.as_secs();
        if refills > 0 {
            kind.left = kind.left.saturating_add(u32::try_from(refills).unwrap_or(BURST)).min(BURST);
            kind.since = now;
        }
        if kind.left > 0 {
            kind.left -= 1;
            return true;
        }
        kind.left_out += 1;
        state.left_out += 1;
        false
    }

    /// Warnings left out since the start.
    pub(super) fn left_out(&self) -> u64 {
        self.lock().left_out
    }

    /// Logs how many of each kind were left out since it was last called.
    pub(super) fn report_left_out(&self) {
        for (kind, left_out) in self.take_left_out() {
            tracing::warn!(target: OWN_TARGET, kind, left_out, "warnings were left out");
        }
    }

    fn take_left_out(&self) -> Vec<(String, u64)> {
        let mut state = self.lock();
        let kinds = state.kinds.values_mut().filter(|kind| kind.left_out > 0);
        kinds.map(|kind| (kind.message.clone(), std::mem::take(&mut kind.left_out))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The field that tells kinds of one place apart.
const KIND: &str = "kind";

/// Message and kind of an event.
#[derive(Default)]
struct MessageAndKind {
    message: String,
    kind: String,
}

impl Visit for MessageAndKind {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            KIND => self.kind = format!("{value:?}"),
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == KIND {
            value.clone_into(&mut self.kind);
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing::Callsite;

    use super::*;

    fn kind() -> Identifier {
        let place = tracing::callsite!(name: "test", kind: tracing::metadata::Kind::EVENT, fields: message);
        place.metadata().callsite()
    }

    #[test]
    fn a_kind_is_told_ten_times_then_once_a_second_and_what_was_left_out_is_counted() {
        let (limiter, start) = (Limiter::default(), Instant::now());
        let kind = (kind(), String::new());
        let mut told = 0;
        for millis in 0..3000 {
            let now = start + Duration::from_millis(millis);
            told += u64::from(limiter.takes(kind.clone(), now, |_| "no room".to_owned()));
        }
        assert_eq!(told, 12);
        assert_eq!(limiter.take_left_out(), [("no room".to_owned(), 2988)]);
        assert!(limiter.take_left_out().is_empty());
        assert_eq!(limiter.left_out(), 2988);
        let later = start + Duration::from_secs(60);
        assert_eq!((0..20).filter(|_| limiter.takes(kind.clone(), later, str::to_owned)).count(), 10);
    }

    #[test]
    fn kinds_of_one_place_do_not_use_up_one_another_and_are_bounded() {
        let (limiter, now) = (Limiter::default(), Instant::now());
        let place = kind();
        let takes = |kind: &str| limiter.takes((place.clone(), kind.to_owned()), now, str::to_owned);
        assert_eq!((0..100).filter(|_| takes("dtls")).count(), 10);
        assert!(takes("ice"));
        for number in 0..3 * MAX_KINDS {
            takes(&number.to_string());
        }
        assert!(limiter.lock().kinds.len() <= MAX_KINDS + 1);
        assert!(limiter.take_left_out().contains(&("dtls".to_owned(), 90)));
    }
}
