//! Who joins and leaves a room, how members are changed, and what is reported of them.

use mediapoint_conference::{
    Audience, LinkRole, LinkSpec, MemberChange, MemberId, MemberSpec, Role, RoomEvent,
};

use super::ConferenceRoom;
use super::seat::{Seat, role};
use crate::api::error::CommandError;
use crate::api::id::{LegId, PlayerId};
use crate::api::room::{
    RoomChange, RoomFigures, RoomMember, RoomMemberFigures, RoomReport, RoomRole, gain, refused,
};
use crate::api::source::Source;

/// The legs of the role are not in the room.
const NOT_THERE: CommandError =
    CommandError::OutOfRange { what: "the legs of the role: they are not all in the room" };

impl ConferenceRoom {
    fn member_of(&self, source: Source) -> Option<MemberId> {
        self.seat_of(source).map(|seat| seat.member)
    }

    fn role(&self, wanted: &RoomRole) -> Result<Role, CommandError> {
        role(wanted, |source| self.member_of(source)).ok_or(NOT_THERE)
    }

    /// Lets a leg in.
    ///
    /// # Errors
    /// [`CommandError`] where the room is full or locked, a gain is out of range, or the role names who is not there.
    pub(in crate::session) fn join(&mut self, leg: LegId, config: RoomMember) -> Result<(), CommandError> {
        let source = Source::Leg(leg);
        if self.seat_of(source).is_some() {
            return Err(CommandError::OutOfRange { what: "the leg: it is in the room already" });
        }
        let (gain_in, gain_out) = (gain(config.gain_in_db)?, gain(config.gain_out_db)?);
        let link = match &config.role {
            RoomRole::Link => Some(LinkRole::Mix),
            RoomRole::CoachLink { agent } => {
                let named = agent.map(|agent| self.member_of(Source::Leg(agent)).ok_or(NOT_THERE));
                Some(LinkRole::Coach { agent: named.transpose()? })
            }
            _ => None,
        };
        let joined = match link {
            Some(role) => self.room.join_link(LinkSpec { role, gain_in }),
            None => self.room.join(MemberSpec {
                role: self.role(&config.role)?,
                gain_in,
                gain_out,
                muted: config.muted,
                deaf: config.deaf,
                held: config.held,
                priority: config.priority,
                automatic_gain: config.automatic_gain,
            }),
        };
        self.sit(joined.map_err(refused)?, source, config);
        Ok(())
    }

    /// Lets a player in whose audio these legs hear, or everybody.
    ///
    /// # Errors
    /// As [`ConferenceRoom::join`].
    pub(in crate::session) fn announce(
        &mut self,
        player: PlayerId,
        to: &[LegId],
    ) -> Result<(), CommandError> {
        let source = Source::Player(player);
        if self.seat_of(source).is_some() {
            return Err(CommandError::OutOfRange { what: "the player: it is in the room already" });
        }
        let members = to.iter().map(|leg| self.member_of(Source::Leg(*leg)).ok_or(NOT_THERE));
        let members = members.collect::<Result<Vec<_>, _>>()?;
        let to_legs = to.to_vec();
        let to = if members.is_empty() { Audience::All } else { Audience::Only(members) };
        let spec = MemberSpec { role: Role::Announcement { to }, ..MemberSpec::default() };
        let joined = self.room.join(spec).map_err(refused)?;
        self.sit(joined, source, RoomMember::default());
        if let Some(seat) = self.seats.get_mut(joined.index()).and_then(Option::as_mut) {
            seat.audience = to_legs;
        }
        Ok(())
    }

    /// Lets a tap at `rate` hertz in.
    ///
    /// # Errors
    /// [`CommandError::NoRoom`] where the room is full.
    pub(in crate::session) fn join_tap(&mut self, rate: u32) -> Result<MemberId, CommandError> {
        let member = self.room.join_tap().map_err(refused)?;
        let config = RoomMember { role: RoomRole::Listener, ..RoomMember::default() };
        self.sit(member, Source::Silence, config);
        for frame in [&mut self.full, &mut self.quiet] {
            frame.prepare(rate);
        }
        if let Some(seat) = self.seats.get_mut(member.index()).and_then(Option::as_mut) {
            seat.frame.prepare(rate);
        }
        Ok(member)
    }

    /// Lets a tap go.
    pub(in crate::session) fn leave_tap(&mut self, member: MemberId) {
        let at = member.index();
        let seat = self.seats.get(at).and_then(Option::as_ref);
        if seat.is_some_and(|seat| seat.member == member && !seat.gone) {
            self.vacate(at);
        }
    }

    /// True where a tap is on it.
    pub(super) fn has_taps(&self) -> bool {
        self.seats.iter().flatten().any(|seat| seat.source == Source::Silence && !seat.gone)
    }

    pub(super) fn sit(&mut self, member: MemberId, source: Source, config: RoomMember) {
        let seat = Seat::new(member, source, config, self.rate());
        if self.seats.len() <= member.index() {
            self.seats.resize_with(member.index() + 1, || None);
        }
        // Of one who left before, what has happened is reported without a name.
        self.unfeed(member.index());
        if let (Source::Leg(leg), Ok(place)) = (source, u16::try_from(member.index())) {
            self.by_name.insert(leg, place);
        }
        if let Some(place) = self.seats.get_mut(member.index()) {
            *place = Some(seat);
        }
    }

    /// Lets a leg or a player go; false where it is not there.
    pub(in crate::session) fn leave(&mut self, source: Source) -> bool {
        let at = self.place_of(source);
        at.into_iter().for_each(|at| self.vacate(at));
        at.is_some()
    }

    /// Changes a member.
    ///
    /// # Errors
    /// As [`ConferenceRoom::join`], and where the leg is no member.
    pub(in crate::session) fn change(&mut self, leg: LegId, change: &RoomChange) -> Result<(), CommandError> {
        let source = Source::Leg(leg);
        let member = self.member_of(source).ok_or(CommandError::NoSuchLeg(leg))?;
        let change_to = match change {
            RoomChange::Muted(muted) => MemberChange::Muted(*muted),
            RoomChange::Deaf(deaf) => MemberChange::Deaf(*deaf),
            RoomChange::Held(held) => MemberChange::Held(*held),
            RoomChange::GainIn(db) => MemberChange::GainIn(gain(*db)?),
            RoomChange::GainOut(db) => MemberChange::GainOut(gain(*db)?),
            RoomChange::AutomaticGain(on) => MemberChange::AutomaticGain(*on),
            RoomChange::Priority(on) => MemberChange::Priority(*on),
            RoomChange::Role(role) => MemberChange::Role(self.role(role)?),
        };
        let Self { seats, room, .. } = self;
        let Some(seat) = seats.get_mut(member.index()).and_then(Option::as_mut) else { return Ok(()) };
        if seat.is_link() && matches!(change, RoomChange::Role(_)) {
            return Err(CommandError::OutOfRange { what: "the role of a link" });
        }
        room.set(member, change_to).map_err(|_| NOT_THERE)?;
        seat.config.apply(change);
        seat.settle_muted(room);
        Ok(())
    }

    /// Lets no member in any more, or again.
    pub(in crate::session) fn lock(&mut self, locked: bool) {
        self.room.lock(locked);
    }

    /// Hands out what has happened, and clears the seats of those who have left.
    pub(in crate::session) fn drain(&mut self, mut report: impl FnMut(RoomReport)) {
        while let Some(event) = self.room.poll_event() {
            let leg = |member: MemberId| {
                let seat = self.seats.get(member.index())?.as_ref()?;
                match seat.source {
                    Source::Leg(leg) if seat.member == member => Some(leg),
                    _ => None,
                }
            };
            let talk = self.spec.reports_talk;
            let known = match event {
                RoomEvent::Joined(member) => leg(member).map(RoomReport::Joined),
                RoomEvent::Left(member) => leg(member).map(RoomReport::Left),
                RoomEvent::TalkStarted { member, level, .. } if talk => {
                    leg(member).map(|leg| RoomReport::TalkStarted { leg, level })
                }
                RoomEvent::TalkStopped { member, level, talked_ms, .. } if talk => {
                    leg(member).map(|leg| RoomReport::TalkStopped { leg, level, talked_ms })
                }
                RoomEvent::ActiveSpeaker(None) if talk => Some(RoomReport::ActiveSpeaker(None)),
                RoomEvent::ActiveSpeaker(Some(member)) if talk => {
                    leg(member).map(|leg| RoomReport::ActiveSpeaker(Some(leg)))
                }
                _ => None,
            };
            known.into_iter().for_each(&mut report);
        }
        if !std::mem::take(&mut self.left) {
            return;
        }
        for place in &mut self.seats {
            if place.as_ref().is_some_and(|seat| seat.gone) {
                *place = None;
            }
        }
    }

    /// Its figures.
    pub(in crate::session) fn figures(&self) -> RoomFigures {
        let mut members = Vec::new();
        let (mut announcements, mut links) = (Vec::new(), Vec::new());
        for seat in self.seats.iter().flatten().filter(|seat| !seat.gone) {
            match seat.source {
                Source::Leg(leg) => members.push(RoomMemberFigures {
                    leg,
                    member: seat.config.clone(),
                    talking: self.room.is_talking(seat.member),
                    level: self.room.level(seat.member),
                    statistics: self.room.member_statistics(seat.member).unwrap_or_default(),
                }),
                Source::Player(player) => announcements.push(player),
                Source::Stream(stream) => links.push(stream),
                _ => {}
            }
        }
        let active = self.room.active_speaker();
        let active = active.and_then(|member| self.seats.get(member.index())?.as_ref());
        RoomFigures {
            room: self.id,
            rate: self.rate(),
            locked: self.room.is_locked(),
            active: active.and_then(|seat| if let Source::Leg(leg) = seat.source { Some(leg) } else { None }),
            members,
            announcements,
            links,
            statistics: self.room.statistics(),
        }
    }
}

impl RoomMember {
    fn apply(&mut self, change: &RoomChange) {
        match change {
            RoomChange::Muted(muted) => self.muted = *muted,
            RoomChange::Deaf(deaf) => self.deaf = *deaf,
            RoomChange::Held(held) => self.held = *held,
            RoomChange::GainIn(db) => self.gain_in_db = *db,
            RoomChange::GainOut(db) => self.gain_out_db = *db,
            RoomChange::AutomaticGain(on) => self.automatic_gain = *on,
            RoomChange::Priority(on) => self.priority = *on,
            RoomChange::Role(role) => self.role = role.clone(),
        }
    }
}
