//! What follows from a command that changed one leg: only what that leg has to do with is derived anew, so that a thousand
//! members join a room in the time of a thousand. All else goes the way of [`Call::rewire`], with the same result.

use std::time::Duration;

use mediapoint_packet::Time;

use crate::api::id::LegId;
use crate::api::source::Source;
use crate::session::Output;
use crate::session::call::Call;
use crate::session::leg::Leg;
use crate::session::source::room::Fed;
use crate::session::wiring::Feed;

impl Call {
    /// Does what [`Call::rewire`] does after a command that changed one leg alone, which is there.
    pub(super) fn rewire_leg<O: Output>(&mut self, now: Time, id: LegId, out: &mut O) {
        if self.derive_leg(now, id, out).is_none() {
            self.rewire(now, out);
        }
    }

    /// Derives what a leg has to do with; `None` where others may have to do with it, too. What was derived until then holds.
    fn derive_leg<O: Output>(&mut self, now: Time, id: LegId, out: &mut O) -> Option<()> {
        let at = self.place(id)?;
        let own = u16::try_from(at).ok()?;
        let leg = self.legs.get(at)?;
        let (before, after) = (leg.feed, self.resolve(leg.source)?);
        // Players, streams and mixes are made for all that they feed.
        let is_alone = |feed| matches!(feed, Feed::Silence | Feed::Leg(_) | Feed::Room(_));
        let is_mixed = self.mixes.iter().any(|mix| mix.inputs.contains(&Source::Leg(id)));
        if !is_alone(before) || !is_alone(after) || is_mixed {
            return None;
        }
        let sources = [before, after].map(leg_at);
        for from in sources.into_iter().flatten() {
            self.legs.get_mut(from)?.path_of = None;
        }
        if before != after {
            if let Some(from) = leg_at(before) {
                self.legs.get_mut(from)?.listeners.remove(own);
            }
            if let Some(from) = leg_at(after) {
                self.legs.get_mut(from)?.listeners.insert(own);
            }
        }
        let fed: Vec<usize> = self.legs.get(at)?.listeners.iter().collect();
        let is_keyed = |leg: &Leg| leg.zrtp_with.is_some() || leg.end_to_end;
        let mut related = fed.iter().chain(sources.iter().flatten()).chain([&at]);
        if related.any(|at| self.legs.get(*at).is_some_and(|leg| is_keyed(leg))) {
            return None;
        }
        self.settle_feed(at);
        fed.iter().for_each(|at| self.settle_feed(*at));
        self.settle_member(id, Feed::Leg(own))?;
        self.report_rooms(out);
        self.settle_source(now, at, out);
        fed.iter().for_each(|at| self.settle_source(now, *at, out));
        self.settle_output(at, before)?;
        for at in [Some(at)].into_iter().chain(sources).flatten() {
            let speech = self.speech_ends_a_player(at);
            let wanted = self.demand_of_leg(at);
            self.settle_ingress(at, wanted, speech);
            self.note_standing(at);
        }
        self.settle_clock(now, at, &fed);
        Some(())
    }

    /// Notes in a leg's room where the leg is; `None` where the room is to have another rate.
    fn settle_member(&mut self, id: LegId, feed: Feed) -> Option<()> {
        let settled = self.settled(feed)?;
        for room in &mut self.rooms {
            room.settle_leg(id, settled);
        }
        self.rooms.iter().all(|room| room.wanted_rate() == room.rate()).then_some(())
    }

    /// Notes in the rooms that feed a leg, or did `before`, what they feed it; `None` where that bears on their other members.
    fn settle_output(&mut self, at: usize, before: Feed) -> Option<()> {
        let Self { legs, rooms, .. } = self;
        let leg = legs.get(at)?;
        let mut alone = true;
        if let Feed::Room(room) = before
            && before != leg.feed
        {
            alone &= rooms.get_mut(usize::from(room))?.drop_output(leg.id);
        }
        if let Feed::Room(room) = leg.feed {
            let egress = leg.sender.egress.as_ref();
            let encoder = egress.map(|egress| (egress.rate(), egress.spec()));
            let fed = Fed { leg: leg.id, place: u16::try_from(at).ok()?, encoder };
            alone &= rooms.get_mut(usize::from(room))?.set_output(&fed);
        }
        alone.then_some(())
    }

    /// The length of the clock's tick, and whether it runs.
    fn settle_clock(&mut self, now: Time, at: usize, fed: &[usize]) {
        let changed = || [&at].into_iter().chain(fed);
        let halves = |at: &usize| self.legs.get(*at).is_some_and(|leg| leg.halves_tick());
        let noted = self.halves.map(usize::from);
        let known = changed().copied().find(halves).or(noted.filter(halves));
        let known = known.and_then(|at| u16::try_from(at).ok());
        match (known, self.halves) {
            (Some(_), _) => (self.halves, self.clock.millis) = (known, 10),
            // The one that is known has changed; there may be others.
            (None, Some(_)) => self.settle_tick(),
            (None, None) => {}
        }
        let is_live = |at: &usize| self.legs.get(*at).is_some_and(|leg| leg.is_live());
        // What comes to another leg starts the clock itself.
        if !self.clock.runs && (changed().any(is_live) || self.plays()) {
            self.start_clock(now, Duration::ZERO);
        }
    }
}

fn leg_at(feed: Feed) -> Option<usize> {
    match feed {
        Feed::Leg(at) => Some(usize::from(at)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
