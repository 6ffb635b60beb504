//! Silence: legs that should be heard and are not, and calls that nobody is heard of any more.
//!
//! Silence is to be expected while a leg may not speak (hold) or has no address yet (ringing): such a call ends only
//! after the hold time-out without a packet.

use std::time::Duration;

use mediapoint_packet::Time;

use crate::api::event::{EndReason, Event};
use crate::core::leg::Leg;
use crate::core::timers::Due;
use crate::core::{Core, Output};

/// Least time between two looks at a call.
const SHORTEST: Duration = Duration::from_millis(100);

impl Leg {
    /// False before the signalling says where the party is.
    fn is_answered(&self) -> bool {
        self.guard.destination().is_some()
    }
}

impl Core {
    /// Notes since when silence of a call is to be expected, and looks in time at a leg with a limit of its own.
    pub(super) fn note_hold(&mut self, now: Time, slot: u32) {
        let Some(call) = self.calls.get(slot) else { return };
        let quiet = |leg: &Leg| !leg.direction.receives() || !leg.is_answered();
        let legs = || call.legs.iter().filter_map(|&leg| self.legs.get(leg));
        let held = call.legs.is_empty() || legs().any(quiet);
        let limit = legs().filter_map(|leg| leg.media_timeout).min();
        let resumed = call.held_since.is_some() && !held;
        let Some(call) = self.calls.get_mut(slot) else { return };
        call.held_since = if held { call.held_since.or(Some(now)) } else { None };
        if resumed {
            for &leg in &call.legs {
                if let Some(leg) = self.legs.get_mut(leg) {
                    leg.silent_since = now;
                }
            }
        }
        self.look_at(slot, now + limit.unwrap_or(self.config.media_timeout).max(SHORTEST));
    }

    /// Looks at a call no later than `at`.
    fn look_at(&mut self, slot: u32, at: Time) {
        let generation = self.calls.generation(slot);
        if let Some(call) = self.calls.get_mut(slot)
            && at < call.next_look
        {
            call.next_look = at;
            self.timers.arm(at, Due::Silence { slot, generation });
        }
    }

    /// Tells of legs that should be heard and are not, and ends a call that nothing is heard of.
    pub(super) fn look_for_silence<O: Output>(&mut self, now: Time, slot: u32, generation: u32, out: &mut O) {
        let (media, hold) = (self.config.media_timeout, self.config.hold_timeout);
        let Some(call) = self.calls.get_exact(slot, generation) else { return };
        if call.next_look > now {
            return;
        }
        let (id, held_since, created) = (call.id, call.held_since, call.created);
        let (newest, next) = self.tell_of_silence(now, slot, out);
        let newest = newest.unwrap_or(created);
        let (ends_at, reason) = match held_since {
            Some(since) => (newest.max(since) + hold, EndReason::HoldTimeout),
            None => (newest + media, EndReason::MediaTimeout),
        };
        if ends_at <= now {
            self.end_call(now, id, reason, out);
            return;
        }
        let next = next.min(ends_at).max(now + SHORTEST);
        if let Some(call) = self.calls.get_mut(slot) {
            call.next_look = next;
        }
        self.timers.arm(next, Due::Silence { slot, generation });
    }

    /// Tells of legs whose limit has passed: when the newest packet of the call came, and when to look again.
    fn tell_of_silence<O: Output>(&mut self, now: Time, slot: u32, out: &mut O) -> (Option<Time>, Time) {
        let media = self.config.media_timeout;
        let mut next = now + media;
        let Some(call) = self.calls.get_mut(slot) else { return (None, next) };
        let (id, legs) = (call.id, std::mem::take(&mut call.legs));
        let ringing = legs.iter().filter_map(|&leg| self.legs.get(leg)).any(|leg| !leg.is_answered());
        let mut newest = None;
        for &leg in &legs {
            let Some(leg) = self.legs.get_mut(leg) else { continue };
            newest = newest.max(Some(leg.silent_since));
            if ringing || !leg.direction.receives() {
                continue;
            }
            let limit = leg.media_timeout.unwrap_or(media);
            let silent = now.since(leg.silent_since);
            if silent < limit {
                next = next.min(leg.silent_since + limit);
                continue;
            }
            next = next.min(now + limit);
            if !std::mem::replace(&mut leg.timed_out, true) {
                out.event(Event::MediaTimeout { call: id, leg: leg.id, silent });
            }
        }
        if let Some(call) = self.calls.get_mut(slot) {
            call.legs = legs;
        }
        (newest, next)
    }
}
