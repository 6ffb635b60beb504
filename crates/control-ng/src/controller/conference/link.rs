//! `conference link` and `conference unlink`: the parts of a room on several servers.

use mediapoint_engine::{CallId, LegId, RoomMember};
use mediapoint_packet::Time;
use mediapoint_packet::sdp::Sdp;

use super::super::{Controller, Shared, lock, reply};
use super::{Joining, selected, target};
use crate::call::apply::{Agreed, apply};
use crate::call::outcomes::Outcomes;
use crate::call::party::{Party, PartyId};
use crate::call::rooms::{Room, Seat, SeatRole};
use crate::call::{CallState, Gone};
use crate::media::legs::Done;
use crate::publication;
use crate::request::{ConferenceOptions, Id};
use crate::room_link::{self, RoomLink};
use crate::wire::Value;
use crate::{NgError, Reply, Request};

/// The tag of a link where the message gives it none.
const TAG: &str = "link";

/// What a message on a link led to.
struct Linked {
    reply: Reply,
    outcomes: Outcomes,
    /// The room that the link joins now: it was answered, by us or by the other server.
    joins: Option<ConferenceOptions>,
}

impl Controller {
    /// Offers a link to another server, answers the other's offer, or takes its answer.
    pub(super) fn conference_link(&self, now: Time, request: &Request) -> Result<Reply, NgError> {
        let id = request.call_id.as_ref().ok_or(NgError::MissingKey { key: "call-id" })?;
        let sdp = match request.sdp.as_ref().filter(|sdp| !sdp.is_empty()) {
            Some(_) => self.read_sdp(request)?.map(|received| received.sdp),
            None => None,
        };
        let state = self.find_or_create(now, id, &request.options)?;
        let linked = {
            let mut call = lock(&state);
            let linked = self.link_in(now, &mut call, request, sdp.as_ref());
            if call.parties.is_empty() {
                // Nothing came of it: a call that was made for this message ends with it.
                self.refuse(&mut call, &state);
            }
            linked
        };
        let Linked { reply, outcomes, joins } = linked?;
        let reply = self.settle(now, request, (reply, outcomes))?;
        let Some(conference) = joins else { return Ok(reply) };
        let room = conference.room.as_ref().ok_or(NgError::MissingKey { key: "room" })?;
        let sits = |call: &mut CallState| link_seat(call, request, room, &conference);
        let joining = Joining { room, conference: &conference, moves: false, sits: &sits };
        if let Err(error) = self.join_room(now, request, &joining) {
            self.forget_new_link(&state, request);
            return Err(error);
        }
        Ok(reply)
    }

    /// Ends a link. What comes over it is not heard any more.
    pub(super) fn conference_unlink(
        &self,
        now: Time,
        request: &Request,
    ) -> Result<(Reply, Outcomes), NgError> {
        let state = self.find_call(request)?;
        let mut call = lock(&state);
        let is_link = |id: &PartyId| call.party(*id).is_some_and(|party| party.link.is_some());
        let links: Vec<PartyId> = selected(&call, request)?.into_iter().filter(is_link).collect();
        if links.is_empty() {
            return Err(NgError::NotALink);
        }
        call.last_signal = now;
        Ok((Reply::ok(), self.remove_links(&mut call, &state, &links)))
    }

    /// Removes links, and the call with the last of it.
    pub(super) fn remove_links(&self, call: &mut CallState, state: &Shared, links: &[PartyId]) -> Outcomes {
        let gone = |gone: &Gone<'_>| matches!(gone, Gone::Party(party) if links.contains(&party.id));
        self.remove(call, state, gone).into()
    }

    /// Takes note of a link over which nothing comes any more, or packets come again.
    pub(in crate::controller) fn link_changed(&self, call: CallId, leg: LegId, lost: bool) {
        let Some(state) = self.find_by_engine(call) else { return };
        let mut state = lock(&state);
        let Some(id) = state.by_leg(leg).map(|party| party.id) else { return };
        let Some(link) = state.party_mut(id).and_then(|party| party.link.as_mut()) else { return };
        if std::mem::replace(&mut link.lost, lost) != lost {
            self.link_reported(&state, id, lost);
        }
    }

    fn link_in(
        &self,
        now: Time,
        call: &mut CallState,
        request: &Request,
        sdp: Option<&Sdp>,
    ) -> Result<Linked, NgError> {
        let (mut party, mut link) = self.link_of(now, call, request)?;
        let options = room_link::options(&request.options)?;
        party.delete_at = None;
        let mut work = self.work(call, &options);
        let offered = link.offer.take();
        let described = match (sdp, &offered) {
            (None, _) => {
                let rate = self.rate_of(call, &link.conference);
                let wanted = (rate, link.conference.link_codec);
                room_link::offer(&mut work, &mut party, wanted, &options).map(|(sdp, plan)| {
                    link.offer = Some(Box::new((plan, options.clone())));
                    Some(sdp)
                })
            }
            (Some(sdp), Some(offer)) => {
                let stream = party.stream_mut(0).ok_or(NgError::Internal)?;
                room_link::answer(stream, offer, sdp, &options).map(|()| None)
            }
            (Some(sdp), None) => {
                let (selection, options) = room_link::answering(&link.conference, options.clone());
                publication::process(&mut work, &mut party, sdp, (&selection, &options)).map(Some)
            }
        };
        let (described, Done { mut outcomes, warnings }) = work.finish(described)?;
        party.published = true;
        let joins = sdp.is_some().then(|| link.conference.clone());
        let agreed = Agreed { party: party.id, anew: options.reset };
        let tag = Value::from(party.tag().map(Id::bytes).unwrap_or_default());
        party.link = Some(Box::new(link));
        call.last_signal = now;
        call.put(party);
        if joins.is_some() {
            outcomes.append(apply(call, &[agreed])?);
        }
        let reply = match described {
            Some(sdp) => reply(sdp, warnings),
            None if warnings.is_empty() => Reply::ok(),
            None => Reply::ok().with("warning", warnings.join(", ")),
        };
        Ok(Linked { reply: reply.with("from-tag", tag), outcomes, joins })
    }

    /// The link that a request is of, a new one where there is none of its call-id.
    fn link_of(
        &self,
        now: Time,
        call: &mut CallState,
        request: &Request,
    ) -> Result<(Party, RoomLink), NgError> {
        let group = call.group_of(request.call_id.as_ref());
        if call.of_group(group).any(|party| party.link.is_none()) {
            return Err(NgError::NotALink);
        }
        let conference = &request.conference;
        let known = call.of_group(group).next().cloned();
        let known = known.and_then(|party| Some((party.link.as_deref().cloned()?, party)));
        if let Some((link, mut party)) = known {
            if let Some(tag) = &request.from_tag {
                party.take_tag(tag);
            }
            let conference = if conference.room.is_some() { conference.clone() } else { link.conference };
            check(&conference)?;
            return Ok((party, RoomLink { conference, ..link }));
        }
        if conference.room.is_none() {
            return Err(NgError::MissingKey { key: "room" });
        }
        check(conference)?;
        let mut party = call.new_party(now, request.call_id.as_ref())?;
        party.take_tag(&request.from_tag.clone().unwrap_or_else(|| TAG.into()));
        Ok((party, RoomLink { conference: conference.clone(), offer: None, lost: false }))
    }

    /// The rate of the room of a link, where it is settled. `call` is the link's own, which may be the room's.
    fn rate_of(&self, call: &CallState, conference: &ConferenceOptions) -> Option<u32> {
        let Some(name) = conference.room.as_ref() else { return conference.rate };
        if let Some(room) = call.room(name) {
            return room.rate;
        }
        let known = lock(&self.calls).rooms.get(name).map(Shared::clone);
        // Not waited for while another call is locked: the best codec is all that depends on it.
        let rate = known.and_then(|state| state.try_lock().ok()?.room(name).map(|room: &Room| room.rate));
        rate.unwrap_or(conference.rate)
    }

    /// Forgets a link that its room did not take, such as for want of places. One that was in the room before stays.
    fn forget_new_link(&self, state: &Shared, request: &Request) {
        let mut call = lock(state);
        let ids = selected(&call, request).unwrap_or_default();
        let is_apart =
            |id: &PartyId| call.party(*id).is_some_and(|party| party.link.is_some() && party.seat.is_none());
        let links: Vec<PartyId> = ids.into_iter().filter(is_apart).collect();
        if !links.is_empty() {
            drop(self.remove_links(&mut call, state, &links));
        }
    }
}

/// Refuses a role that links do not have.
fn check(conference: &ConferenceOptions) -> Result<(), NgError> {
    match conference.role.as_deref() {
        None | Some("mix" | "coach") => Ok(()),
        Some(other) => Err(NgError::UnknownLinkRole(other.to_owned())),
    }
}

/// Gives the link that a request is of its place in the room.
fn link_seat(
    call: &mut CallState,
    request: &Request,
    room: &Id,
    conference: &ConferenceOptions,
) -> Result<Vec<PartyId>, NgError> {
    let ids = selected(call, request)?;
    for id in &ids {
        let party = call.party(*id).ok_or(NgError::Internal)?;
        if party.seat.as_ref().is_some_and(|seat| seat.room != *room) {
            return Err(NgError::InAnotherRoom);
        }
        let section = party.audible().ok_or(NgError::NoAudio)?;
        let role = SeatRole::Link;
        let mut seat = Seat { room: room.clone(), section, role, member: RoomMember::default() };
        if conference.role.as_deref() == Some("coach") {
            let agent = conference.targets.first();
            let agent = agent.map(|tag| target(call, *id, (&seat, "a coach"), (tag, conference)));
            seat.role = SeatRole::CoachLink(agent.transpose()?);
        }
        call.sit(*id, seat)?;
    }
    Ok(ids)
}
