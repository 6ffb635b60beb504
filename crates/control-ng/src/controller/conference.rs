//! `conference join`, `leave`, `set`, `move`, `lock`, `unlock` and `end`: who is in a conference room, and how.

mod announce;
mod link;
mod list;
mod reports;

use mediapoint_engine::RoomMember;
use mediapoint_packet::Time;

use super::play::Listener;
use super::{Controller, Shared, lock};
use crate::call::CallState;
use crate::call::apply::apply;
use crate::call::outcomes::Outcomes;
use crate::call::party::{Party, PartyId};
use crate::call::rooms::{Room, Seat, SeatRole};
use crate::media::remote::RemoteDescription;
use crate::request::{Conference, ConferenceOptions, Id};
use crate::{NgError, Reply, Request};
pub(super) use announce::ended as announcement_ended;

/// How often a join is tried while others make and end the same room.
const ATTEMPTS: usize = 4;

/// Who joins which room.
struct Joining<'a> {
    room: &'a Id,
    /// As what the room is made, where there is none.
    conference: &'a ConferenceOptions,
    /// They are in another room.
    moves: bool,
    /// Gives them their places.
    sits: &'a dyn Fn(&mut CallState) -> Result<Vec<PartyId>, NgError>,
}

impl Controller {
    pub(super) fn conference(
        &self,
        now: Time,
        request: &Request,
        command: Conference,
    ) -> Result<Reply, NgError> {
        match command {
            Conference::Join => self.conference_join(now, request, false),
            Conference::Move => self.conference_join(now, request, true),
            Conference::Leave => self.settle(now, request, self.conference_leave(now, request)?),
            Conference::Set => self.settle(now, request, self.conference_set_and_play(now, request)?),
            Conference::Lock => self.settle(now, request, self.conference_lock(now, request, true)?),
            Conference::Unlock => self.settle(now, request, self.conference_lock(now, request, false)?),
            Conference::End => self.settle(now, request, self.conference_end(now, request)?),
            Conference::List => self.conference_list(request),
            Conference::Link => self.conference_link(now, request),
            Conference::Unlink => self.settle(now, request, self.conference_unlink(now, request)?),
        }
    }

    /// Lets parties into a room, which is made where there is none. One that `moves` is in another room.
    fn conference_join(&self, now: Time, request: &Request, moves: bool) -> Result<Reply, NgError> {
        let conference = &request.conference;
        let room = conference.room.as_ref().ok_or(NgError::MissingKey { key: "room" })?;
        let sits = |call: &mut CallState| take_seats(call, request, room, moves);
        self.join_room(now, request, &Joining { room, conference, moves, sits: &sits })
    }

    fn join_room(&self, now: Time, request: &Request, joining: &Joining<'_>) -> Result<Reply, NgError> {
        let mut tried = Err(NgError::RoomChanges);
        for _ in 0..ATTEMPTS {
            tried = self.try_join(now, request, joining);
            if !matches!(tried, Err(NgError::RoomChanges)) {
                break;
            }
        }
        tried
    }

    fn try_join(&self, now: Time, request: &Request, joining: &Joining<'_>) -> Result<Reply, NgError> {
        let Joining { room: name, moves, .. } = *joining;
        let own = self.find_call(request)?;
        let known = self.find_room(name);
        if moves && known.is_none() {
            return Err(NgError::UnknownRoom);
        }
        let state = known.unwrap_or_else(|| Shared::clone(&own));
        let mut states = vec![Shared::clone(&state)];
        if !Shared::ptr_eq(&state, &own) {
            states.push(own);
        }
        let mut seated = Vec::new();
        let done = self.in_one_call(
            now,
            request,
            (&states, Some(&|call| selected(call, request).unwrap_or_default())),
            |call| {
                self.make_room(call, joining, &state)?;
                seated = (joining.sits)(call)?;
                call.last_signal = now;
                Ok(self.work(call, &request.options).warnings)
            },
        );
        let done = done.and_then(|done| self.settle(now, request, done));
        if done.is_err() {
            if !seated.is_empty() {
                // Such as for want of points.
                self.unseat(&state, &seated);
            }
            // The name of a room that nothing came of is free again.
            drop(self.find_room(name));
        } else {
            let mut call = lock(&state);
            self.forget_parts(&mut call, &state);
            self.note_members(&call, name);
        }
        done
    }

    /// Gives the call a room of that name, where it has none.
    fn make_room(&self, call: &mut CallState, joining: &Joining<'_>, state: &Shared) -> Result<(), NgError> {
        let name = joining.room;
        let mut calls = lock(&self.calls);
        let known = calls.rooms.get(name);
        if known.is_some_and(|known| !Shared::ptr_eq(known, state))
            || known.is_some() != call.room(name).is_some()
        {
            return Err(NgError::RoomChanges);
        }
        if call.room(name).is_none() {
            calls.rooms.insert(name.clone(), Shared::clone(state));
            call.rooms.push(Room::new(name.clone(), joining.conference, self.config.room_members));
        }
        Ok(())
    }

    /// Takes parties out of a room that the engine did not let them into.
    fn unseat(&self, state: &Shared, ids: &[PartyId]) {
        let mut call = lock(state);
        for id in ids {
            let Some(party) = call.party_mut(*id) else { continue };
            let streams = party.streams.iter_mut().filter_map(|stream| stream.applied.as_mut());
            streams.for_each(|applied| applied.member = None);
            party.seat = None;
        }
        // What they heard before is fed to them again; a failure is the engine's to report.
        drop(apply(&mut call, &[]));
        self.forget_parts(&mut call, state);
    }

    fn conference_leave(&self, now: Time, request: &Request) -> Result<(Reply, Outcomes), NgError> {
        let state = self.find_call(request)?;
        let mut call = lock(&state);
        for id in members(&call, request)? {
            if let Some(party) = call.party_mut(id) {
                party.seat = None;
            }
        }
        self.changed(now, &mut call, &state)
    }

    /// Changes members, and plays music to those whom the message puts on hold where it names some. Where that cannot be, they
    /// are not on hold either.
    fn conference_set_and_play(&self, now: Time, request: &Request) -> Result<(Reply, Outcomes), NgError> {
        let holds = request.conference.hold == Some(true) && request.call_id.is_some();
        if !holds || request.play.source.is_none() {
            return self.conference_set(now, request);
        }
        let state = self.find_call(request)?;
        let before: Vec<(PartyId, Option<Seat>)> = {
            let call = lock(&state);
            let seat = |id: PartyId| (id, call.party(id).and_then(|party| party.seat.clone()));
            members(&call, request)?.into_iter().map(seat).collect()
        };
        let (_, mut outcomes) = self.conference_set(now, request)?;
        let choose = |call: &CallState| {
            let listener = |(id, _): &(PartyId, Option<Seat>)| {
                let party = call.party(*id)?;
                Listener::of(party, party.seat.as_ref()?.section)
            };
            let listeners: Vec<Listener> = before.iter().filter_map(listener).collect();
            if listeners.is_empty() { Err(NgError::NoListener) } else { Ok(listeners) }
        };
        match self.play_to(now, request, (&state, true), choose) {
            Ok((reply, more)) => {
                outcomes.append(more);
                Ok((reply, outcomes))
            }
            Err(error) => {
                let mut call = lock(&state);
                for (id, seat) in before {
                    if let Some(party) = call.party_mut(id).filter(|party| party.seat.is_some()) {
                        party.seat = seat;
                    }
                }
                // They hear the room again; a failure is the engine's to report.
                drop(apply(&mut call, &[]));
                Err(error)
            }
        }
    }

    fn conference_set(&self, now: Time, request: &Request) -> Result<(Reply, Outcomes), NgError> {
        let options = &request.conference;
        if request.call_id.is_none() {
            let on = options.lock.ok_or(NgError::MissingKey { key: "call-id" })?;
            return self.conference_lock(now, request, on);
        }
        let state = self.find_call(request)?;
        let mut call = lock(&state);
        let mut seats = Vec::new();
        for id in members(&call, request)? {
            let seat = call.party(id).and_then(|party| party.seat.clone());
            let mut seat = seat.ok_or(NgError::NotInRoom)?;
            change(&call, id, (&mut seat, false), options)?;
            seats.push((id, seat));
        }
        for (id, seat) in seats {
            if let (Some(on), Some(room)) = (options.lock, call.room_mut(&seat.room)) {
                room.locked = on;
            }
            if let Some(party) = call.party_mut(id) {
                party.seat = Some(seat);
            }
        }
        self.changed(now, &mut call, &state)
    }

    fn conference_lock(&self, now: Time, request: &Request, on: bool) -> Result<(Reply, Outcomes), NgError> {
        let (name, state) = self.named_room(request)?;
        let mut call = lock(&state);
        call.room_mut(name).ok_or(NgError::UnknownRoom)?.locked = on;
        self.changed(now, &mut call, &state)
    }

    fn conference_end(&self, now: Time, request: &Request) -> Result<(Reply, Outcomes), NgError> {
        let (name, state) = self.named_room(request)?;
        let mut call = lock(&state);
        let of_room = call.members(name).filter(|(_, seat)| seat.role.is_link());
        let links: Vec<PartyId> = of_room.map(|(party, _)| party.id).collect();
        for party in call.parties.iter_mut() {
            party.seat.take_if(|seat| seat.room == *name);
        }
        let (reply, mut outcomes) = self.changed(now, &mut call, &state)?;
        if !links.is_empty() {
            outcomes.append(self.remove_links(&mut call, &state, &links));
        }
        Ok((reply, outcomes))
    }

    /// The room that a request names, and its call.
    fn named_room<'a>(&self, request: &'a Request) -> Result<(&'a Id, Shared), NgError> {
        let name = request.conference.room.as_ref().ok_or(NgError::MissingKey { key: "room" })?;
        Ok((name, self.find_room(name).ok_or(NgError::UnknownRoom)?))
    }

    fn changed(&self, now: Time, call: &mut CallState, state: &Shared) -> Result<(Reply, Outcomes), NgError> {
        call.last_signal = now;
        let outcomes = apply(call, &[])?;
        self.forget_parts(call, state);
        Ok((Reply::ok(), outcomes))
    }
}

/// Gives the parties that a request selects places in a room.
fn take_seats(
    call: &mut CallState,
    request: &Request,
    name: &Id,
    moves: bool,
) -> Result<Vec<PartyId>, NgError> {
    let ids = selected(call, request)?;
    let was_in = |id: &&PartyId| call.members(name).any(|(party, _)| party.id == **id);
    let entering: Vec<PartyId> = ids.iter().filter(|id| !was_in(id)).copied().collect();
    // All are in before a role names one of them.
    for id in &ids {
        let party = call.party(*id).ok_or(NgError::Internal)?;
        let seat = match &party.seat {
            Some(seat) if seat.room != *name && !moves => return Err(NgError::InAnotherRoom),
            Some(seat) => Seat { room: name.clone(), ..seat.clone() },
            None if moves => return Err(NgError::NotInRoom),
            None => {
                let section = party.audible().ok_or(NgError::NoAudio)?;
                Seat { room: name.clone(), section, role: SeatRole::Member, member: RoomMember::default() }
            }
        };
        call.sit(*id, seat)?;
    }
    for id in &ids {
        let mut seat = call.party(*id).and_then(|party| party.seat.clone()).ok_or(NgError::Internal)?;
        change(call, *id, (&mut seat, entering.contains(id)), &request.conference)?;
        call.sit(*id, seat)?;
    }
    Ok(ids)
}

/// Changes the place of a party as a message says.
fn change(
    call: &CallState,
    id: PartyId,
    (seat, enters): (&mut Seat, bool),
    options: &ConferenceOptions,
) -> Result<(), NgError> {
    let word = options.role.as_deref().unwrap_or_else(|| seat.role.name());
    let named = |role| match options.targets.as_slice() {
        [] if seat.role.named().is_empty() => Err(NgError::MissingKey { key: "for" }),
        [] => Ok(seat.role.named().to_vec()),
        tags => tags.iter().map(|tag| target(call, id, (seat, role), (tag, options))).collect(),
    };
    if seat.role.is_link() && (options.role.is_some() || !options.targets.is_empty()) {
        return Err(NgError::UnknownRole(word.to_owned()));
    }
    let role = match word {
        _ if seat.role.is_link() => seat.role.clone(),
        "member" => SeatRole::Member,
        "listener" => SeatRole::Listener,
        "monitor" => SeatRole::Monitor,
        "coach" => {
            let agent = named("a coach")?.first().copied();
            SeatRole::Coach(agent.ok_or(NgError::MissingKey { key: "for" })?)
        }
        "whisper" => SeatRole::Whisper(named("a whisper")?),
        other => return Err(NgError::UnknownRole(other.to_owned())),
    };
    let is_there = |named: &PartyId| call.members(&seat.room).any(|(party, _)| party.id == *named);
    let is_new = options.role.is_some() || !options.targets.is_empty();
    // One that has left meanwhile may come back.
    if (is_new || enters) && !role.named().iter().all(is_there) {
        let role = if matches!(role, SeatRole::Coach(_)) { "a coach" } else { "a whisper" };
        return Err(NgError::NotThere { role });
    }
    seat.role = role;
    let member = &mut seat.member;
    for (to, value) in [
        (&mut member.muted, options.mute),
        (&mut member.deaf, options.deaf),
        (&mut member.held, options.hold),
        (&mut member.priority, options.priority),
        (&mut member.automatic_gain, options.agc),
    ] {
        *to = value.unwrap_or(*to);
    }
    let gains = [(&mut member.gain_in_db, options.gain_in), (&mut member.gain_out_db, options.gain_out)];
    for (to, tenths) in gains {
        *to = tenths.map_or(*to, |tenths| f32::from(tenths) / 10.0);
    }
    Ok(())
}

/// The member of the room that a role is for: of that tag, and of the call that is named.
fn target(
    call: &CallState,
    own: PartyId,
    (seat, role): (&Seat, &'static str),
    (tag, options): (&Id, &ConferenceOptions),
) -> Result<PartyId, NgError> {
    let of_call = |party: &Party| match &options.target_call {
        Some(id) => call.has_id(id) && call.group_of(Some(id)) == party.group,
        None => true,
    };
    let mut others = call.members(&seat.room).map(|(party, _)| party).filter(|party| party.id != own);
    let found = others.find(|party| party.has_tag(tag) && of_call(party));
    found.map(|party| party.id).ok_or(NgError::NotThere { role })
}

/// The parties that a request selects in its own call, whatever others are in the same room: all, or by the first of a
/// label, an address, the from-tag; without any of them the only one.
fn selected(call: &CallState, request: &Request) -> Result<Vec<PartyId>, NgError> {
    let group = call.group_of(request.call_id.as_ref());
    let own = || call.of_group(group).filter(|party| !call.is_subscriber(party.id));
    let one = |party: Option<&Party>, key| Ok(vec![party.ok_or(NgError::NoParty { key })?.id]);
    if request.selection.all {
        return Ok(own().map(|party| party.id).collect());
    }
    if let Some(label) = &request.label {
        return one(own().filter(|party| party.label.as_ref() == Some(label)).last(), "label");
    }
    if let Some(address) = request.selection.address {
        let is_at = |remote: &RemoteDescription| remote.host == Some(address);
        let has = |party: &&Party| party.streams.iter().any(|s| s.remote.as_ref().is_some_and(is_at));
        return one(own().find(has), "address");
    }
    if let Some(tag) = &request.from_tag {
        let named = own().filter(|party| party.has_tag(tag));
        return one(named.max_by_key(|party| party.audible().is_some()), "from-tag");
    }
    match own().map(|party| party.id).collect::<Vec<_>>() {
        only if only.len() == 1 => Ok(only),
        _ => Err(NgError::MissingKey { key: "from-tag" }),
    }
}

/// Those of the parties that a request selects which are in the room that it names, or in any: one at least.
fn members(call: &CallState, request: &Request) -> Result<Vec<PartyId>, NgError> {
    let is_in = |id: &PartyId| {
        let seat = call.party(*id).and_then(|party| party.seat.as_ref());
        seat.is_some_and(|seat| request.conference.room.as_ref().is_none_or(|room| seat.room == *room))
    };
    let ids: Vec<PartyId> = selected(call, request)?.into_iter().filter(is_in).collect();
    if ids.is_empty() { Err(NgError::NotInRoom) } else { Ok(ids) }
}
