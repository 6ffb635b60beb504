//! Conference rooms of a call.

use crate::api::error::CommandError;
use crate::api::id::{LegId, PlayerId, RoomId, StreamId, TapId};
use crate::api::kind::WorkKind;
use crate::api::pending::Pending;
use crate::api::room::{RoomChange, RoomMember, RoomSpec};
use crate::api::source::Source;
use crate::api::tap::RoomTapSpec;
use crate::ring::channel;
use crate::runtime::call::Call;
use crate::runtime::mailbox::Command;
use crate::runtime::registry::{Extra, Registry};
use crate::runtime::streams::{TapReader, check_rate, slots};
use crate::session::command::CallCommand;
use crate::session::source::room::ConferenceRoom;
use crate::session::source::room::link::LinkOut;
use crate::session::source::stream::{Stream, StreamBlock};
use crate::session::tap::Tap;
use crate::session::tap::audio::TapFrame;
use crate::session::tap::room::RoomTap;

/// Blocks of 10 ms that a link can hold.
const LINK_BLOCKS: usize = 32;

/// A link of two rooms.
#[derive(Debug)]
pub struct RoomLink {
    /// What comes in on the side that made it: [`Call::remove_stream`] of it ends the link.
    pub here: StreamId,
    /// What comes in on the other side.
    pub there: StreamId,
    /// The outcomes of both sides.
    pub outcomes: [Pending<()>; 2],
}

impl Call {
    /// Adds a conference room. Each leg that joins it hears the others; what they say is mixed once, and encoded once for those
    /// who hear the same in the same codec. A room reports by [`crate::Event::Room`].
    ///
    /// # Errors
    /// [`CommandError::OutOfRange`] for settings out of range, else as [`Call::set_source`].
    pub fn add_room(&self, spec: RoomSpec) -> Result<(RoomId, Pending<()>), CommandError> {
        let room = RoomId(self.next_id());
        let added = Box::new(ConferenceRoom::new(room, spec)?);
        Ok((room, self.apply(CallCommand::AddRoom { room: added })?))
    }

    /// Lets a leg of the call into a room, which is its source from then on. A leg of another call is moved here first
    /// ([`Call::move_leg`]). One that joins on hold keeps its source.
    ///
    /// # Errors
    /// As [`Call::set_source`]. In the outcome: [`CommandError::NoRoom`] where the room is full, [`CommandError::RoomLocked`],
    /// and [`CommandError::OutOfRange`] for a gain, or a role that names a leg that is not in the room.
    pub fn join_room(
        &self,
        room: RoomId,
        leg: LegId,
        member: RoomMember,
    ) -> Result<Pending<()>, CommandError> {
        let command = CallCommand::JoinRoom { room, leg, member };
        self.feed(leg, Source::Room(room), command)
    }

    /// Lets a leg out of a room. It is fed by silence until [`Call::set_source`], which may follow at once: a party that goes
    /// from a room to a call of two is heard without a gap.
    ///
    /// # Errors
    /// As [`Call::set_source`].
    pub fn leave_room(&self, room: RoomId, leg: LegId) -> Result<Pending<()>, CommandError> {
        self.feed(leg, Source::Silence, CallCommand::LeaveRoom { room, leg })
    }

    /// Changes a member of a room. While it is on hold its source may be another, such as a player with music; it is fed by the
    /// room again when it is on hold no more.
    ///
    /// # Errors
    /// As [`Call::join_room`].
    pub fn change_member(
        &self,
        room: RoomId,
        leg: LegId,
        change: RoomChange,
    ) -> Result<Pending<()>, CommandError> {
        self.check(leg)?;
        self.apply(CallCommand::ChangeMember { room, leg, change })
    }

    /// Plays a player of the call into a room: to these members, or to all where none is named. It takes a place of the room
    /// until the player is removed.
    ///
    /// # Errors
    /// As [`Call::join_room`].
    pub fn announce(
        &self,
        room: RoomId,
        player: PlayerId,
        to: Vec<LegId>,
    ) -> Result<Pending<()>, CommandError> {
        self.apply(CallCommand::Announce { room, player, to })
    }

    /// Adds a tap on a room's mix: all that its members say, in one channel, into a ring. It takes a place of the room; a locked one
    /// takes it, too. It costs [`crate::Prices::recording`] until it is removed or the room has gone.
    ///
    /// # Errors
    /// [`CommandError::OutOfRange`] for a rate or capacity out of range, [`CommandError::NoPoints`] where no worker has the points, else as
    /// [`Call::join_room`].
    pub fn tap_room(
        &self,
        room: RoomId,
        spec: RoomTapSpec,
    ) -> Result<(TapId, TapReader, Pending<()>), CommandError> {
        self.tap_room_for(room, spec, WorkKind::Taps)
    }

    /// The same for a recording or another reader.
    pub(super) fn tap_room_for(
        &self,
        room: RoomId,
        spec: RoomTapSpec,
        kind: WorkKind,
    ) -> Result<(TapId, TapReader, Pending<()>), CommandError> {
        check_rate(spec.rate)?;
        let frames = slots(spec.capacity, 20, 60)?;
        let tap = TapId(self.next_id());
        let (producer, consumer) = channel(frames, || TapFrame::new(spec.rate));
        let added = Tap::Room(RoomTap::new(tap, room, &spec, producer));
        let price = (room.as_u64(), kind, self.shared.config.prices.recording);
        let outcome = self.add_paid_tap(tap, added, price)?;
        Ok((tap, TapReader::new(consumer, spec.rate), outcome))
    }

    /// Links a room with one of another call, on whatever worker: the members of both hear each other as if they were in one. Each
    /// side sends the mix of its own members at `rate` hertz, some 30 ms later. With several links a room has to be linked with
    /// every other (a mesh), or one of them has to be their hub ([`RoomSpec::forward_links`]). The link ends where one of its
    /// streams is removed, or a room or call ends. Until then each side costs [`crate::Prices::recording`].
    ///
    /// # Errors
    /// [`CommandError::OutOfRange`] for another rate than those of streams, [`CommandError::NoPoints`] where a worker has not the points;
    /// nothing has changed then. Else as [`Call::join_room`]. Where the outcome of one
    /// side is an error, the other side's link ends by itself.
    pub fn link_rooms(
        &self,
        room: RoomId,
        other: &Self,
        other_room: RoomId,
        rate: u32,
    ) -> Result<RoomLink, CommandError> {
        check_rate(rate)?;
        let (here, there) = (StreamId(self.next_id()), StreamId(self.next_id()));
        let ring = || channel(LINK_BLOCKS, || StreamBlock::new(rate));
        let ((to_there, from_here), (to_here, from_there)) = (ring(), ring());
        let mut registry = self.shared.registry();
        let sides = [(self, (room, here)), (other, (other_room, there))];
        self.pay_for_link(&mut registry, sides)?;
        let link = |registry: &mut Registry, (call, (room, stream)): (&Self, _), consumer, producer| {
            let stream = Box::new(Stream::of_link(stream, rate, consumer));
            let command = CallCommand::LinkRoom { room, stream, out: LinkOut::new(producer, rate) };
            call.send(registry, |reply| Command::Apply { call: call.id(), command, reply })
        };
        let [own, others] = sides;
        let linked = link(&mut registry, own, from_there, to_there)
            .and_then(|outcome| Ok([outcome, link(&mut registry, others, from_here, to_here)?]));
        let outcomes = linked.inspect_err(|_| {
            registry.forget_extras(self.id(), here.as_u64(), &self.shared.config.prices);
        })?;
        Ok(RoomLink { here, there, outcomes })
    }

    /// Reserves what both sides of a link cost, or nothing.
    fn pay_for_link(
        &self,
        registry: &mut Registry,
        sides: [(&Self, (RoomId, StreamId)); 2],
    ) -> Result<(), CommandError> {
        let prices = &self.shared.config.prices;
        let points = prices.recording;
        let peers = sides.map(|(call, (_, stream))| (call.id(), stream.as_u64()));
        let [own, others] = peers;
        for ((call, (room, stream)), peer) in sides.into_iter().zip([others, own]) {
            if let Err(error) = call.make_room_beside(registry, points) {
                registry.forget_extras(own.0, own.1, prices);
                return Err(error);
            }
            let extra = Extra {
                id: stream.as_u64(),
                of: room.as_u64(),
                kind: WorkKind::Conference,
                points,
                peer: Some(peer),
            };
            registry.add_extra(call.id(), extra, prices);
        }
        Ok(())
    }

    /// Locks a room, so that no leg joins, or unlocks it. Announcements and links are let in all the same.
    ///
    /// # Errors
    /// As [`Call::set_source`].
    pub fn lock_room(&self, room: RoomId, locked: bool) -> Result<Pending<()>, CommandError> {
        self.apply(CallCommand::LockRoom { room, locked })
    }

    /// Removes a room; what it fed is fed by silence.
    ///
    /// # Errors
    /// As [`Call::set_source`].
    pub fn remove_room(&self, room: RoomId) -> Result<Pending<()>, CommandError> {
        self.remove_source(Source::Room(room), CallCommand::RemoveRoom { room })
    }
}
