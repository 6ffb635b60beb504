//! Inactivity: legs whose party may send and does not, and calls that no packet comes to any more.
//!
//! No packets are to be expected while a leg may not send (hold) or has no address yet (ringing): such a call ends only
//! after the hold time-out without a packet. Legs that only listen (a recorder, a monitor) are never heard of, and say
//! nothing of that.

use std::time::Duration;

use mediapoint_packet::Time;

use crate::api::event::{EndReason, Event};
use crate::api::id::LegId;
use crate::api::source::Source;
use crate::session::call::Call;
use crate::session::leg::Leg;
use crate::session::timers::Timer;
use crate::session::{Output, SessionConfig};

/// Least time between two checks of a call.
const SHORTEST: Duration = Duration::from_millis(100);

/// What a call knows of its own activity.
#[derive(Debug, Clone, Copy)]
pub(super) struct Activity {
    /// Since when no packets are to be expected: a leg may not send, or is not answered yet.
    pub(super) held_since: Option<Time>,
}

impl Activity {
    pub(super) const fn new(now: Time) -> Self {
        Self { held_since: Some(now) }
    }
}

/// What of a leg decides whether packets are to be expected of its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Stands {
    /// Somebody receives what its party sends.
    feeds: bool,
    fed: bool,
    /// Its party may not send, or had not answered when that was last asked.
    shut: bool,
}

impl Stands {
    const fn is_fed_alone(self) -> bool {
        self.fed && !self.feeds
    }
}

/// The same of all legs, by their places: small, since every command goes through it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    legs: Vec<Stands>,
    /// How many of them feed somebody.
    feeding: u32,
    /// How many are fed alone.
    fed_alone: u32,
    /// The places of those that are shut.
    shut: Vec<u16>,
    /// The limits of those that have their own, as few have.
    limits: Option<Box<Limits>>,
}

/// Limits of legs, by their names.
#[derive(Debug, Default, PartialEq, Eq)]
struct Limits(Vec<(LegId, Duration)>);

impl Leg {
    /// False before the signalling has said where the party is.
    fn is_answered(&self) -> bool {
        self.transport.destination().is_some()
    }
}

impl Call {
    /// Notes since when no packets are to be expected, and checks in time a leg with a limit of its own.
    pub(super) fn note_hold(&mut self, now: Time, config: &SessionConfig) {
        let held = self.is_held();
        let limits = self.standing.limits.iter().flat_map(|limits| &limits.0);
        let limit = limits.map(|(_, limit)| *limit).min();
        if self.activity.held_since.is_some() && !held {
            self.legs.iter_mut().for_each(|leg| leg.silent_since = now);
        }
        self.activity.held_since = if held { self.activity.held_since.or(Some(now)) } else { None };
        let check = now + limit.unwrap_or(config.media_timeout).max(SHORTEST);
        self.timers.set_earlier(Timer::Inactivity, check);
        self.schedule_handovers(now, config);
    }

    /// Notes of every leg what [`Call::note_hold`] has to know.
    pub(super) fn note_activity(&mut self) {
        let Standing { legs, feeding, fed_alone, shut, limits } = &mut self.standing;
        (*feeding, *fed_alone) = (0, 0);
        legs.clear();
        shut.clear();
        *limits = None;
        for at in 0..self.legs.len() {
            self.note_standing(at);
        }
    }

    /// The same of one leg.
    pub(super) fn note_standing(&mut self, at: usize) {
        self.derived = self.derived.wrapping_add(1);
        let Some(leg) = self.legs.get(at) else { return };
        let stands = Stands {
            feeds: self.feeds(leg),
            fed: leg.source != Source::Silence,
            shut: !leg.receives || !leg.is_answered(),
        };
        let (id, limit) = (leg.id, leg.config.media_timeout);
        let Standing { legs, feeding, fed_alone, shut, limits } = &mut self.standing;
        if legs.len() <= at {
            legs.resize(at + 1, Stands::default());
        }
        let Some(known) = legs.get_mut(at) else { return };
        let before = std::mem::replace(known, stands);
        *feeding = (*feeding + u32::from(stands.feeds)).saturating_sub(u32::from(before.feeds));
        *fed_alone =
            (*fed_alone + u32::from(stands.is_fed_alone())).saturating_sub(u32::from(before.is_fed_alone()));
        match (before.shut, stands.shut) {
            (false, true) => shut.extend(u16::try_from(at)),
            (true, false) => shut.retain(|known| usize::from(*known) != at),
            _ => {}
        }
        if let Some(limits) = limits {
            limits.0.retain(|(known, _)| *known != id);
        }
        *limits = limits.take().filter(|limits| !limits.0.is_empty());
        if let Some(limit) = limit {
            limits.get_or_insert_default().0.push((id, limit));
        }
    }

    /// True where no packets are to be expected: a party of the call may not send or has not answered, or only listeners are
    /// left.
    fn is_held(&mut self) -> bool {
        let Self { standing, legs, .. } = self;
        let Standing { legs: known, feeding, fed_alone, shut, .. } = standing;
        // A party answers by packets, too, and with no command.
        shut.retain(|at| {
            let is_shut = legs.get(usize::from(*at)).is_some_and(|leg| !leg.receives || !leg.is_answered());
            if let Some(stands) = known.get_mut(usize::from(*at)) {
                stands.shut = is_shut;
            }
            is_shut
        });
        // Who is fed alone only listens, where anybody feeds.
        let listens = |stands: &Stands| *feeding > 0 && stands.is_fed_alone();
        let listeners = if *feeding > 0 { *fed_alone } else { 0 };
        listeners as usize == known.len()
            || shut.iter().any(|at| known.get(usize::from(*at)).is_some_and(|stands| !listens(stands)))
    }

    fn is_ringing(&self) -> bool {
        self.legs.iter().any(|leg| !leg.is_answered() && !self.only_listens(leg))
    }

    /// True for a leg that is fed, but feeds nobody, where others are heard: it need not send anything.
    fn only_listens(&self, leg: &Leg) -> bool {
        leg.source != Source::Silence && !self.feeds(leg) && self.legs.iter().any(|other| self.feeds(other))
    }

    /// True for a leg whose party somebody receives.
    fn feeds(&self, leg: &Leg) -> bool {
        leg.listeners.get(0).is_some()
            || matches!(leg.source, Source::Room(_))
            || self.mixes.iter().any(|mix| mix.inputs.contains(&Source::Leg(leg.id)))
    }

    /// Reports legs that are inactive, and returns why the call is to end where no packet has come for too long.
    pub(super) fn check_activity<O: Output>(
        &mut self,
        now: Time,
        config: &SessionConfig,
        out: &mut O,
    ) -> Option<EndReason> {
        let (newest, next) = self.report_inactive(now, config.media_timeout, out);
        let newest = newest.unwrap_or(self.created);
        let (ends_at, reason) = match self.activity.held_since {
            Some(since) => (newest.max(since) + config.hold_timeout, EndReason::HoldTimeout),
            None => (newest + config.media_timeout, EndReason::MediaTimeout),
        };
        if ends_at <= now {
            return Some(reason);
        }
        self.timers.set_earlier(Timer::Inactivity, next.min(ends_at).max(now + SHORTEST));
        None
    }

    /// Reports legs whose limit has passed: when the newest packet of the call came, and when to check again.
    fn report_inactive<O: Output>(
        &mut self,
        now: Time,
        limit: Duration,
        out: &mut O,
    ) -> (Option<Time>, Time) {
        let mut next = now + limit;
        let ringing = self.is_ringing();
        let mut newest = None;
        for leg in &mut self.legs {
            newest = newest.max(Some(leg.silent_since));
            if ringing || !leg.receives {
                continue;
            }
            let limit = leg.config.media_timeout.unwrap_or(limit);
            let silent = now.since(leg.silent_since);
            if silent < limit {
                next = next.min(leg.silent_since + limit);
                continue;
            }
            next = next.min(now + limit);
            if !std::mem::replace(&mut leg.timed_out, true) {
                out.event(Event::MediaTimeout { call: self.id, leg: leg.id, silent });
            }
        }
        (newest, next)
    }
}
