//! Beeps of recordings: when they are due, whom they are sent, and the path that those legs take meanwhile.

use std::time::Duration;

use mediapoint_packet::Time;

use crate::api::leg::LegKind;
use crate::api::tap::Beep;
use crate::session::call::Call;
use crate::session::leg::Leg;
use crate::session::source::room::ConferenceRoom;
use crate::session::tap::Tap;
use crate::session::wiring::{Feed, PLAYER_RATE};

/// A source whose last packet is younger than this goes on: the beep waits for its next packet, which it goes on from.
const GOES_ON: Duration = Duration::from_millis(100);

/// Milliseconds that it waits for that packet.
const WAITS_FOR_PACKET: u32 = 100;

impl Leg {
    /// True where the party can be sent a beep with what it is sent of its source.
    fn can_beep(&self) -> bool {
        self.kind == LegKind::Audio
            && self.feed != Feed::Silence
            && self.sender.allowed
            && !self.sender.gate.blocks()
            && !self.end_to_end
            && self.zrtp_with.is_none()
            && self.transport.destination().is_some()
    }
}

impl Call {
    /// Begins the beeps that are due at the tick of `due`, and makes the samples of those that sound.
    pub(super) fn make_beeps(&mut self, now: Time, due: Time, millis: u32) {
        let secure = !self.taps.is_empty() && self.has_secure_input();
        for at in 0..self.taps.len() {
            if let Some(Tap::Audio(tap)) = self.taps.get(at)
                && let Some(beep) = tap.beep_due(due, secure)
                && let Some(leg) = self.legs.iter().position(|leg| leg.id == tap.leg)
            {
                self.begin_beep(leg, beep);
                self.note_beeps(at, due);
            }
        }
        let mut changed = false;
        for at in 0..self.legs.len() {
            if self.legs.get(at).is_some_and(|leg| leg.sender.beeps()) {
                changed |= self.make_beep(now, at, millis);
            }
        }
        if changed {
            self.derive_demand(now);
        }
    }

    /// Begins a beep for all parties that are recorded with a leg: its own, and those whose audio it is sent.
    fn begin_beep(&mut self, at: usize, beep: Beep) {
        let feed = self.legs.get(at).map_or(Feed::Silence, |leg| leg.feed);
        let Self { legs, mixes, rooms, .. } = self;
        let mut begin = |at: usize| {
            if let Some(leg) = legs.get_mut(at).filter(|leg| leg.can_beep()) {
                leg.sender.begin_beep(beep);
            }
        };
        begin(at);
        let mut begin_at = |input: Feed| {
            if let Feed::Leg(from) = input {
                begin(usize::from(from));
            }
        };
        match feed {
            Feed::Mix(mix) => {
                let inputs = mixes.get(usize::from(mix)).map_or(&[] as &[Feed], |mix| &mix.feeds);
                inputs.iter().copied().for_each(begin_at);
            }
            Feed::Room(room) => {
                rooms.get(usize::from(room)).into_iter().flat_map(ConferenceRoom::feeds).for_each(begin_at);
            }
            one => begin_at(one),
        }
    }

    /// Counts the interval from here for the tap whose beep was due, and for those on legs that beep now: one beep is for all of
    /// a party's recordings.
    fn note_beeps(&mut self, due_of: usize, due: Time) {
        let Self { taps, legs, .. } = self;
        for (at, tap) in taps.iter_mut().enumerate() {
            if let Tap::Audio(tap) = tap
                && (at == due_of || legs.iter().any(|leg| leg.id == tap.leg && leg.sender.beeps()))
            {
                tap.note_beep(due);
            }
        }
    }

    /// Brings a leg to the path that its beep needs, and makes the samples of a tick; true where the path has changed.
    fn make_beep(&mut self, now: Time, at: usize, millis: u32) -> bool {
        let Some(feed) = self.legs.get(at).map(|leg| leg.feed) else { return false };
        let from = match feed {
            Feed::Leg(from) => self.legs.get(usize::from(from)),
            _ => None,
        };
        let in_event = from.is_some_and(|from| from.events.is_active(now));
        let goes_on = from.and_then(|from| from.last_received).is_some_and(|last| now.since(last) < GOES_ON);
        let rate = self.source_rate(feed).unwrap_or(PLAYER_RATE);
        let Some(leg) = self.legs.get_mut(at).map(AsMut::as_mut) else { return false };
        let (waits, transcodes) = (leg.sender.beep_waits(), leg.sender.transcodes());
        if !leg.can_beep() || (waits.is_none() && !transcodes) {
            leg.sender.end_beep();
            self.select_anew(feed);
            return false;
        }
        // What goes out in the place of the source has the party to itself.
        let for_packet = goes_on && !transcodes && waits.is_some_and(|waited| waited < WAITS_FOR_PACKET);
        if in_event || for_packet || leg.sender.has_digits() || leg.sender.sends_digits() {
            leg.sender.let_beep_wait(millis);
            self.select_anew(feed);
            return false;
        }
        let mut changed = false;
        if !transcodes && leg.make_egress(rate) {
            leg.sender.enter_transcoding(now, None, leg.source);
            changed = leg.sender.transcodes();
        }
        let ready = leg.sender.transcodes() && leg.sender.is_level_with(leg.source);
        let goes_on = match waits {
            Some(_) if !ready => leg.sender.let_beep_wait(millis),
            _ => leg.sender.make_beep(millis),
        };
        if !goes_on {
            self.select_anew(feed);
        }
        changed
    }
}
