//! Commands to the conference rooms of a call.

use crate::api::error::CommandError;
use crate::api::event::Event;
use mediapoint_packet::Time;

use crate::api::id::{LegId, PlayerId, RoomId, TapId};
use crate::api::room::{RoomChange, RoomMember, RoomRole};
use crate::api::source::Source;
use crate::session::Output;
use crate::session::call::Call;
use crate::session::source::room::ConferenceRoom;
use crate::session::source::room::link::LinkOut;
use crate::session::source::stream::Stream;
use crate::session::tap::Tap;
use crate::session::tap::audio::TapTick;

impl Call {
    fn room_mut(&mut self, room: RoomId) -> Result<&mut ConferenceRoom, CommandError> {
        let found = self.rooms.iter_mut().find(|known| known.id == room);
        found.ok_or(CommandError::NoSuchObject { kind: "room", id: room.as_u64() })
    }

    /// Lets a leg in, which the room feeds from then on; one on hold keeps its source.
    pub(super) fn join_room(
        &mut self,
        room: RoomId,
        leg: LegId,
        member: RoomMember,
    ) -> Result<(), CommandError> {
        self.place_of(leg)?;
        if self.rooms.iter().any(|known| known.id != room && known.has_leg(leg)) {
            return Err(CommandError::OutOfRange { what: "the leg: it is in another room" });
        }
        let held = member.held;
        self.room_mut(room)?.join(leg, member)?;
        if held { Ok(()) } else { self.set_source(leg, Source::Room(room)) }
    }

    pub(super) fn leave_room(&mut self, room: RoomId, leg: LegId) -> Result<(), CommandError> {
        if !self.room_mut(room)?.leave(Source::Leg(leg)) {
            return Err(CommandError::NoSuchLeg(leg));
        }
        let is_fed = self.leg_mut(leg)?.source == Source::Room(room);
        if is_fed { self.set_source(leg, Source::Silence) } else { Ok(()) }
    }

    /// Changes a member. One that is on hold no more is fed by the room again.
    pub(super) fn change_member(
        &mut self,
        room: RoomId,
        leg: LegId,
        change: &RoomChange,
    ) -> Result<(), CommandError> {
        let known = self.room_mut(room)?;
        known.change(leg, change)?;
        if matches!(change, RoomChange::Held(false)) {
            self.set_source(leg, Source::Room(room))
        } else {
            Ok(())
        }
    }

    pub(super) fn announce(
        &mut self,
        room: RoomId,
        player: PlayerId,
        to: &[LegId],
    ) -> Result<(), CommandError> {
        self.check_source(Source::Player(player))?;
        self.room_mut(room)?.announce(player, to)
    }

    pub(super) fn link_room(
        &mut self,
        room: RoomId,
        stream: Stream,
        out: LinkOut,
    ) -> Result<(), CommandError> {
        self.room_mut(room)?.link(stream.id, out)?;
        self.streams.push(stream);
        Ok(())
    }

    /// Removes the streams of links that have ended; true where there are some, and all is to be wired anew.
    pub(super) fn remove_ended_links(&mut self) -> bool {
        let Self { rooms, streams, .. } = self;
        let mut removed = false;
        for id in rooms.iter().flat_map(ConferenceRoom::ended_links) {
            streams.retain(|stream| stream.id != id);
            removed = true;
        }
        removed
    }

    /// Adds a tap on a room.
    pub(super) fn add_room_tap(&mut self, now: Time, mut tap: Tap) -> Result<(), CommandError> {
        if let Tap::Room(known) = &mut tap {
            known.member = Some(self.room_mut(known.room)?.join_tap(known.audio.rate)?);
            known.audio.begin(now);
        }
        self.taps.push(tap);
        Ok(())
    }

    /// Frees the place of a tap in its room.
    pub(super) fn leave_tap(&mut self, tap: TapId) {
        let known = self.taps.iter().find_map(|known| match known {
            Tap::Room(known) if known.audio.id == tap => Some((known.room, known.member?)),
            _ => None,
        });
        if let Some((room, member)) = known
            && let Ok(room) = self.room_mut(room)
        {
            room.leave_tap(member);
        }
    }

    /// Ends the taps on a room that has gone.
    pub(super) fn remove_taps_of_room<O: Output>(&mut self, now: Time, room: RoomId, out: &mut O) {
        self.taps.retain_mut(|tap| match tap {
            Tap::Room(tap) if tap.room == room => {
                if let Some(wake) = tap.audio.mark(now, false) {
                    out.wake(wake);
                }
                false
            }
            _ => true,
        });
    }

    /// Writes the rooms' mixes to their taps.
    pub(super) fn write_room_taps<O: Output>(&mut self, tick: TapTick, out: &mut O) {
        let Self { taps, rooms, .. } = self;
        for tap in taps {
            let Tap::Room(tap) = tap else { continue };
            let room = rooms.iter_mut().find(|room| room.id == tap.room);
            let mix = tap.member.and_then(|member| room?.frame_of_tap(member));
            if let Some(wake) = tap.write(tick, mix) {
                out.wake(wake);
            }
        }
    }

    pub(super) fn lock_room(&mut self, room: RoomId, locked: bool) -> Result<(), CommandError> {
        self.room_mut(room)?.lock(locked);
        Ok(())
    }

    /// Refuses a room as the source of a leg that is no member of it.
    pub(super) fn check_member(&self, leg: LegId, source: Source) -> Result<(), CommandError> {
        let Source::Room(room) = source else { return Ok(()) };
        let is_member = self.rooms.iter().any(|known| known.id == room && known.has_leg(leg));
        if is_member {
            Ok(())
        } else {
            Err(CommandError::OutOfRange { what: "the source: the leg has not joined the room" })
        }
    }

    /// Reports what has happened in the rooms.
    pub(super) fn report_rooms<O: Output>(&mut self, out: &mut O) {
        let call = self.id;
        for known in &mut self.rooms {
            let room = known.id;
            known.drain(|report| out.event(Event::Room { call, room, report }));
        }
    }
}

impl RoomRole {
    /// Legs that it names.
    pub(crate) fn legs(&self) -> &[LegId] {
        match self {
            Self::Coach { agent } | Self::CoachLink { agent: Some(agent) } => std::slice::from_ref(agent),
            Self::Whisper { to } => to,
            Self::Member | Self::Listener | Self::Monitor | Self::Link | Self::CoachLink { agent: None } => {
                &[]
            }
        }
    }
}
