//! Inactivity: legs whose party may send and does not, and calls that no packet comes to any more.
//!
//! No packets are to be expected while a leg may not send (hold) or has no address yet (ringing): such a call ends only
//! after the hold time-out without a packet.

use std::time::Duration;

use mediapoint_packet::Time;

use crate::api::event::{EndReason, Event};
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

impl Leg {
    /// False before the signalling has said where the party is.
    fn is_answered(&self) -> bool {
        self.transport.destination().is_some()
    }
}

impl Call {
    /// Notes since when no packets are to be expected, and checks in time a leg with a limit of its own.
    pub(super) fn note_hold(&mut self, now: Time, config: &SessionConfig) {
        let held = self.legs.is_empty() || self.legs.iter().any(|leg| !leg.receives || !leg.is_answered());
        let limit = self.legs.iter().filter_map(|leg| leg.config.media_timeout).min();
        if self.activity.held_since.is_some() && !held {
            self.legs.iter_mut().for_each(|leg| leg.silent_since = now);
        }
        self.activity.held_since = if held { self.activity.held_since.or(Some(now)) } else { None };
        let check = now + limit.unwrap_or(config.media_timeout).max(SHORTEST);
        self.timers.set_earlier(Timer::Inactivity, check);
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
        let ringing = self.legs.iter().any(|leg| !leg.is_answered());
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
