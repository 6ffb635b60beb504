//! Conference rooms: a party that has a place in one hears the room instead of those that offer and answer relate it to. The
//! relations stay, and hold again once it leaves.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mediapoint_engine::{LegId, PlayerId, RoomChange, RoomId, RoomMember, RoomRole, RoomSpec, Source};

use super::apply::{Agreed, leg_at_work};
use super::links::{LinkKind, Place};
use super::outcomes::{Closing, Outcomes};
use super::party::{Applied, Party, PartyId, Stream};
use super::recordings::{ActiveRecording, Scope};
pub(crate) use super::seats::{Seat, SeatRole};
use super::{CallState, Group};
use crate::NgError;
use crate::recording::By;
use crate::request::{ConferenceOptions, Id};

/// Places of a room at the engine beside those of its members: for links, and for what is announced.
const BESIDE: u16 = 64;
/// Most tones that sound in a room at a time.
const MAX_TONES: usize = 4;
/// Most rooms of a call that are gone, and whose last reports are still to come.
const MAX_LEFT_ROOMS: usize = 16;
/// Most links of a room with parts of it on other servers.
const MAX_LINKS: usize = 32;
/// How long nothing comes over a link before it counts as lost.
pub(super) const LINK_TIMEOUT: Duration = Duration::from_secs(3);

/// A conference room. Its name is unique on the server.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    pub(crate) name: Id,
    /// Its room at the engine.
    pub(crate) id: Option<RoomId>,
    /// Most members.
    pub(crate) max: u16,
    /// Sample rate in hertz; the highest of its members without one.
    pub(crate) rate: Option<u32>,
    /// What comes over a link goes out over the others, too.
    forward_links: bool,
    /// Nobody joins.
    pub(crate) locked: bool,
    /// Whether the engine has it locked.
    is_locked: bool,
    /// Who is told what happens in it.
    pub(crate) log: Option<SocketAddr>,
    /// Whether it hears who comes, and who leaves.
    entry_tone: bool,
    exit_tone: bool,
    /// What all of it is played.
    pub(crate) playing: Option<PlayerId>,
    /// Tones that sound.
    pub(crate) tones: Vec<PlayerId>,
    /// The legs of members whose entry it was to hear.
    pub(crate) audible: Vec<LegId>,
    /// Whose legs are in it at the engine, until that reports that they have left: their parties may be gone by then.
    pub(crate) inside: BTreeMap<LegId, Inside>,
}

/// Whom reports on a leg in a room name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inside {
    pub(crate) call_id: Id,
    pub(crate) tag: Option<Id>,
    pub(crate) is_link: bool,
}

/// What a room hears of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoomTone {
    /// It has joined.
    Entry,
    /// It has left.
    Exit,
}

impl Room {
    /// A room as the message asks for it that makes it, of `max` members where that does not say.
    pub(crate) fn new(name: Id, options: &ConferenceOptions, max: u16) -> Self {
        Self {
            name,
            id: None,
            max: options.max.unwrap_or(max),
            rate: options.rate,
            forward_links: options.forward_links,
            locked: false,
            is_locked: false,
            log: options.log,
            entry_tone: options.entry_tone,
            exit_tone: options.exit_tone,
            playing: None,
            tones: Vec::new(),
            audible: Vec::new(),
            inside: BTreeMap::new(),
        }
    }

    /// The room in another call, where the engine does not have it yet.
    pub(super) fn forgotten(self) -> Self {
        let (tones, audible, inside) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { id: None, is_locked: false, playing: None, tones, audible, inside, ..self }
    }

    /// True where a tone is to sound: it is wanted, and not so many sound already.
    pub(crate) const fn sounds(&self, tone: RoomTone) -> bool {
        let wanted = match tone {
            RoomTone::Entry => self.entry_tone,
            RoomTone::Exit => self.exit_tone,
        };
        wanted && self.tones.len() < MAX_TONES
    }

    fn spec(&self) -> RoomSpec {
        let capacity = self.max.saturating_add(BESIDE).min(RoomSpec::MAX_CAPACITY);
        RoomSpec { rate: self.rate, capacity, forward_links: self.forward_links, ..RoomSpec::default() }
    }
}

impl Party {
    /// The section of the party that can be in a room: the first of audio that was agreed on.
    pub(crate) fn audible(&self) -> Option<usize> {
        let open = |stream: &Stream| stream.active && stream.can_mix() && stream.applied.is_some();
        self.streams.iter().position(open)
    }

    /// Its place in a room, where that is one of this section.
    pub(crate) fn seat_of(&self, section: usize) -> Option<&Seat> {
        let is_audio = self.streams.get(section).is_some_and(Stream::can_mix);
        self.seat.as_ref().filter(|seat| seat.section == section && is_audio)
    }
}

impl CallState {
    pub(crate) fn room(&self, name: &Id) -> Option<&Room> {
        self.rooms.iter().find(|room| room.name == *name)
    }

    pub(crate) fn room_mut(&mut self, name: &Id) -> Option<&mut Room> {
        self.rooms.iter_mut().find(|room| room.name == *name)
    }

    /// Who is in a room.
    pub(crate) fn members<'a>(&'a self, room: &'a Id) -> impl Iterator<Item = (&'a Party, &'a Seat)> {
        let seated = self.parties.iter().filter_map(|party| Some((party, party.seat.as_ref()?)));
        seated.filter(move |(_, seat)| seat.room == *room)
    }

    /// Members of a room and its links with other servers.
    pub(crate) fn count(&self, room: &Id) -> (usize, usize) {
        let count = |of_links: bool| {
            let seats = self.members(room).filter(|(_, seat)| seat.role.is_link() == of_links);
            seats.count()
        };
        (count(false), count(true))
    }

    /// Gives a party a place, which it may have in another room already. A locked room takes links.
    ///
    /// # Errors
    /// [`NgError::UnknownRoom`], [`NgError::RoomLocked`], [`NgError::RoomFull`], [`NgError::TooManyLinks`] where it may not come
    /// in.
    pub(crate) fn sit(&mut self, id: PartyId, seat: Seat) -> Result<(), NgError> {
        let room = self.room(&seat.room).ok_or(NgError::UnknownRoom)?;
        let is_in = self.members(&seat.room).any(|(party, _)| party.id == id);
        let is_link = seat.role.is_link();
        if !is_in && room.locked && !is_link {
            return Err(NgError::RoomLocked);
        }
        let (members, links) = self.count(&seat.room);
        if !is_in && !is_link && members >= usize::from(room.max) {
            return Err(NgError::RoomFull { limit: room.max });
        }
        if !is_in && is_link && links >= MAX_LINKS {
            return Err(NgError::TooManyLinks { limit: MAX_LINKS });
        }
        let party = self.party_mut(id).ok_or(NgError::Internal)?;
        party.seat = Some(seat);
        Ok(())
    }

    /// True where the way leads from a member of a room to whom offer and answer relate it to: it is in the room meanwhile.
    pub(super) fn is_kept_aside(&self, kind: LinkKind, from: Place) -> bool {
        kind == LinkKind::OfferAnswer
            && self.party(from.party).is_some_and(|party| party.seat_of(from.section).is_some())
    }

    /// How a stream is to be in its room.
    pub(super) fn member(&self, agreed: &[Agreed], at: Place) -> Option<(RoomId, RoomMember)> {
        let seat = self.party(at.party)?.seat_of(at.section)?;
        let room = self.room(&seat.room)?.id?;
        let leg_of = |id: &PartyId| -> Option<LegId> {
            let party = self.party(*id)?;
            let other = party.seat.as_ref().filter(|other| other.room == seat.room)?;
            let section = party.seat_of(other.section)?.section;
            let place = Place { party: *id, section };
            leg_at_work(agreed, place, self.stream(place)?)
        };
        let role = match &seat.role {
            SeatRole::Member => RoomRole::Member,
            SeatRole::Listener => RoomRole::Listener,
            SeatRole::Monitor => RoomRole::Monitor,
            // Without the agent the coach hears what it heard before, and nobody hears the coach.
            SeatRole::Coach(agent) => {
                leg_of(agent).map_or(RoomRole::Monitor, |agent| RoomRole::Coach { agent })
            }
            SeatRole::Whisper(to) => {
                let to: Vec<LegId> = to.iter().filter_map(leg_of).collect();
                if to.is_empty() { RoomRole::Listener } else { RoomRole::Whisper { to } }
            }
            SeatRole::Link => RoomRole::Link,
            SeatRole::CoachLink(agent) => RoomRole::CoachLink { agent: agent.as_ref().and_then(leg_of) },
        };
        Some((room, RoomMember { role, ..seat.member.clone() }))
    }

    /// Makes the rooms that there are members for at the engine.
    pub(super) fn open_rooms(&mut self, outcomes: &mut Outcomes) -> Result<(), NgError> {
        let Self { rooms, call, parties, .. } = self;
        let is_wanted = |room: &Room| room.id.is_none() && parties.iter().any(|party| is_in(party, room));
        for room in rooms.iter_mut().filter(|room| is_wanted(room)) {
            let (id, outcome) = call.add_room(room.spec())?;
            outcomes.push(outcome);
            room.id = Some(id);
        }
        Ok(())
    }

    /// Locks and unlocks rooms, once those who are to be in are in, and removes those that nobody is in.
    pub(super) fn close_rooms(&mut self, outcomes: &mut Outcomes) -> Result<(), NgError> {
        let empty = |room: &Room| !self.parties.iter().any(|party| is_in(party, room));
        let gone: Vec<bool> = self.rooms.iter().map(empty).collect();
        let mut is_gone = gone.into_iter();
        let gone: Vec<Room> = self.rooms.extract_if(.., |_| is_gone.next().unwrap_or(false)).collect();
        for room in gone {
            for player in room.playing.into_iter().chain(room.tones.iter().copied()) {
                outcomes.push(self.call.remove_player(player)?);
            }
            let of_it = |active: &mut ActiveRecording| active.is_of(Scope::Room(&room.name));
            for active in self.recordings.extract_if(.., of_it) {
                outcomes.closings.ask(&self.call);
                let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let by = By::itself("the conference room ended");
                outcomes.closings.recordings.push(Closing { id: active.id, by, at });
            }
            if let Some(id) = room.id {
                outcomes.push(self.call.remove_room(id)?);
            }
            self.gone_rooms.push(room.name.clone());
            if room.log.is_some() && !room.inside.is_empty() {
                if self.left_rooms.len() >= MAX_LEFT_ROOMS {
                    self.left_rooms.remove(0);
                }
                self.left_rooms.push(Room { playing: None, tones: Vec::new(), ..room });
            }
        }
        for room in self.rooms.iter_mut().filter(|room| room.is_locked != room.locked) {
            let Some(id) = room.id else { continue };
            outcomes.push(self.call.lock_room(id, room.locked)?);
            room.is_locked = room.locked;
        }
        Ok(())
    }

    /// Lets streams out of rooms, into them, and changes how they are in them. Who names others comes after those.
    pub(super) fn settle_members(
        &mut self,
        wanted: &[(Place, Applied)],
        outcomes: &mut Outcomes,
    ) -> Result<(), NgError> {
        let mut joins = Vec::new();
        let mut changes = Vec::new();
        for (at, wanted) in wanted {
            let before = self.stream(*at).and_then(|stream| stream.applied.as_ref());
            let before = before.and_then(|before| Some((before.leg, before.member.clone()?)));
            match (before, &wanted.member) {
                (None, None) => {}
                (None, Some((room, member))) => joins.push((*at, wanted.leg, (*room, member))),
                (Some((leg, (room, _))), None) => {
                    outcomes.push(self.call.leave_room(room, leg)?);
                    self.note_member(*at, leg, None, None);
                }
                (Some((leg, (before, known))), Some((room, member)))
                    if (leg, before) == (wanted.leg, *room) && !is_other_link(&known.role, &member.role) =>
                {
                    changes.push((*at, leg, (*room, member), differences(&known, member)));
                }
                (Some((leg, (before, _))), Some((room, member))) => {
                    outcomes.push(self.call.leave_room(before, leg)?);
                    self.note_member(*at, leg, None, None);
                    joins.push((*at, wanted.leg, (*room, member)));
                }
            }
        }
        joins.sort_by_key(|(.., (_, member))| !legs_named(&member.role).is_empty());
        for (at, leg, (room, member)) in joins {
            outcomes.push(self.call.join_room(room, leg, member.clone())?);
            self.note_inside(at, leg, room);
            let fed = (!member.held).then_some(room);
            self.note_member(at, leg, Some((room, member.clone())), fed);
        }
        for (at, leg, (room, member), changes) in changes {
            let fed = changes.contains(&RoomChange::Held(false)).then_some(room);
            for change in changes {
                outcomes.push(self.call.change_member(room, leg, change)?);
            }
            self.note_member(at, leg, Some((room, member.clone())), fed);
        }
        Ok(())
    }

    /// Notes whose leg is in a room.
    fn note_inside(&mut self, at: Place, leg: LegId, room: RoomId) {
        let Some(party) = self.party(at.party) else { return };
        let (call_id, tag) = (self.id_of(party.group).clone(), party.tag().cloned());
        let inside = Inside { call_id, tag, is_link: party.link.is_some() };
        if let Some(room) = self.rooms.iter_mut().find(|known| known.id == Some(room)) {
            room.inside.insert(leg, inside);
        }
    }

    /// A room by its name at the engine: one of those that are there, or that are gone with reports still to come.
    pub(crate) fn room_at_engine(&mut self, id: RoomId) -> Option<&mut Room> {
        let Self { rooms, left_rooms, .. } = self;
        rooms.iter_mut().chain(left_rooms).find(|known| known.id == Some(id))
    }

    /// Notes how the leg of a stream is in a room at the engine, and what feeds it then where that is `fed`.
    fn note_member(
        &mut self,
        at: Place,
        leg: LegId,
        member: Option<(RoomId, RoomMember)>,
        fed: Option<RoomId>,
    ) {
        let Some(applied) = self.stream_mut(at).and_then(|stream| stream.applied.as_mut()) else { return };
        let is_other = std::mem::replace(&mut applied.leg, leg) != leg;
        match (fed, &member) {
            (Some(room), _) => applied.sources = vec![Source::Room(room)],
            // What was fed by the room it has left is silent.
            (None, None) => applied.sources.retain(|source| !matches!(source, Source::Room(_))),
            (None, Some(_)) if is_other => applied.sources.clear(),
            (None, Some(_)) => {}
        }
        applied.member = member;
    }

    /// Parts the calls of a call-id from others that they were merged with by joins: what came with it, and the rest. There is
    /// no rest where there are no others, or where one of its parties beside those that are `going` is in a conference room.
    pub(crate) fn split(mut self, id: Option<&Id>, going: &[PartyId]) -> (Self, Option<Self>) {
        let group = self.group_of(id);
        let is_apart = |party: &Party| {
            let of_own = |id| self.is_of(id, group);
            let mut links = party.streams.iter().flat_map(|stream| &stream.sources);
            party.group != group || links.all(|link| of_own(link.from.party))
        };
        let stays = self.of_group(group).any(|party| party.seat.is_some() && !going.contains(&party.id));
        if id.is_none() || !self.has_groups() || stays || !self.parties.iter().all(is_apart) {
            return (self, None);
        }
        let mut rest = self.clone();
        let own: Vec<PartyId> = self.of_group(group).map(|party| party.id).collect();
        let is_own = |id: PartyId| own.contains(&id);
        for (call, keeps) in [(&mut self, true), (&mut rest, false)] {
            call.parties.retain(|party| is_own(party.id) == keeps);
            call.dialogs.retain(|dialog| is_own(dialog.caller) == keeps);
            call.subscriptions.retain(|subscription| is_own(subscription.subscriber) == keeps);
            // The rooms stay with the others, and what is recorded of them.
            let of_own = |active: &ActiveRecording| active.is_of(Scope::Call(group));
            call.recordings.retain(|active| of_own(active) == keeps);
            call.records_from_answer.retain(|(of, _)| (*of == group) == keeps);
        }
        rest.gone_players.extend(self.parties.iter().flat_map(Party::players));
        self.gone_players.clear();
        self.rooms.clear();
        // The idle ones are those of the others.
        drop(self.take_idle_ids());
        (self, Some(rest))
    }

    /// Parties of a group.
    pub(crate) fn of_group(&self, group: Group) -> impl Iterator<Item = &Party> {
        self.parties.iter().filter(move |party| party.group == group)
    }
}

fn is_in(party: &Party, room: &Room) -> bool {
    party.seat.as_ref().is_some_and(|seat| seat.room == room.name)
}

/// Whom a role names.
fn legs_named(role: &RoomRole) -> &[LegId] {
    match role {
        RoomRole::Coach { agent } => std::slice::from_ref(agent),
        RoomRole::Whisper { to } => to,
        RoomRole::CoachLink { agent } => agent.as_slice(),
        _ => &[],
    }
}

/// True for a link that is to have another role, which it is given by joining anew.
fn is_other_link(before: &RoomRole, after: &RoomRole) -> bool {
    matches!(after, RoomRole::Link | RoomRole::CoachLink { .. }) && before != after
}

/// What changes a member to another state.
fn differences(before: &RoomMember, after: &RoomMember) -> Vec<RoomChange> {
    let mut changes = Vec::new();
    if before.role != after.role {
        changes.push(RoomChange::Role(after.role.clone()));
    }
    let gains = [
        (before.gain_in_db, after.gain_in_db, RoomChange::GainIn(after.gain_in_db)),
        (before.gain_out_db, after.gain_out_db, RoomChange::GainOut(after.gain_out_db)),
    ];
    changes.extend(
        gains
            .into_iter()
            .filter(|(before, after, _)| before.total_cmp(after).is_ne())
            .map(|(.., change)| change),
    );
    let switches = [
        (before.muted, after.muted, RoomChange::Muted(after.muted)),
        (before.deaf, after.deaf, RoomChange::Deaf(after.deaf)),
        (before.priority, after.priority, RoomChange::Priority(after.priority)),
        (before.automatic_gain, after.automatic_gain, RoomChange::AutomaticGain(after.automatic_gain)),
        (before.held, after.held, RoomChange::Held(after.held)),
    ];
    changes
        .extend(switches.into_iter().filter(|(before, after, _)| before != after).map(|(.., change)| change));
    changes
}
