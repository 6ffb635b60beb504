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
/// How often one more is.
const REFILL: Duration = Duration::from_secs(1);

/// Warnings of one kind: those of one place in the code.
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
    kinds: HashMap<Identifier, Kind>,
    left_out: u64,
}

/// The kinds there were, as many as there are places in the code.
#[derive(Debug, Default)]
pub(super) struct Limiter(Mutex<State>);

impl Limiter {
    /// True where an event may be told.
    pub(super) fn admits(&self, event: &Event<'_>, now: Instant) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::WARN || metadata.target() == OWN_TARGET {
            return true;
        }
        self.takes(metadata.callsite(), now, || {
            let mut message = Message::default();
            event.record(&mut message);
            message.0
        })
    }

    fn takes(&self, kind: Identifier, now: Instant, message: impl FnOnce() -> String) -> bool {
        let mut state = self.lock();
        let kind = state.kinds.entry(kind).or_insert_with(|| Kind {
            message: message(),
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

/// The message of an event.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
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
        let kind = kind();
        let mut told = 0;
        for millis in 0..3000 {
            let now = start + Duration::from_millis(millis);
            told += u64::from(limiter.takes(kind.clone(), now, || "no room".to_owned()));
        }
        assert_eq!(told, 12);
        assert_eq!(limiter.take_left_out(), [("no room".to_owned(), 2988)]);
        assert!(limiter.take_left_out().is_empty());
        assert_eq!(limiter.left_out(), 2988);
        let later = start + Duration::from_secs(60);
        assert_eq!((0..20).filter(|_| limiter.takes(kind.clone(), later, String::new)).count(), 10);
    }
}
