//! A member of a room: a leg of the call, or a player that announces.

use mediapoint_conference::{Input, Inputs, Measure, Measured, MemberChange, MemberId, Role, Room};
use mediapoint_g711::loudest_power;

use super::link::LinkOut;
use crate::api::id::LegId;
use crate::api::room::{RoomMember, RoomRole};
use crate::api::source::Source;
use crate::session::frame::{Frame, FrameKind};
use crate::session::tick::Parts;
use crate::session::wiring::Feed;

/// The mix that a member is sent in a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MixOf {
    Nothing,
    /// That of most members.
    Full,
    /// A mix of its own.
    Own,
    /// The mix of another seat.
    Of(usize),
}

/// A place in a room.
pub(super) struct Seat {
    pub(super) member: MemberId,
    pub(super) source: Source,
    pub(super) feed: Feed,
    /// How it is in the room; a player's is of no account.
    pub(super) config: RoomMember,
    /// Whom a player announces to; nobody for all.
    pub(super) audience: Vec<LegId>,
    /// What it says is kept out, by its leg's policy.
    blocked: bool,
    /// It has left; what happened to it is still to be reported.
    pub(super) gone: bool,
    pub(super) frame: Frame,
    pub(super) mix: MixOf,
    /// It is still to be sent its part of the present tick.
    pub(super) due: bool,
    /// Where what it hears goes, where it is a link to another worker.
    pub(super) out: Option<LinkOut>,
    /// The place in its call of the leg that the room feeds.
    pub(super) fed: Option<u16>,
    /// Which of the room's encodings will do for it.
    pub(super) encoding: Option<usize>,
    /// As what it counts in the room's rate: whether it is a link, and its own rate.
    pub(super) counted: Option<(bool, u32)>,
}

impl Seat {
    pub(super) fn new(member: MemberId, source: Source, config: RoomMember, rate: u32) -> Self {
        Self {
            member,
            source,
            feed: Feed::Silence,
            config,
            audience: Vec::new(),
            blocked: false,
            gone: false,
            frame: Frame::new(rate),
            mix: MixOf::Nothing,
            due: false,
            out: None,
            fed: None,
            encoding: None,
            counted: None,
        }
    }

    /// True where it is heard, or will be when it is muted no more.
    pub(super) fn may_speak(&self) -> bool {
        !self.gone && !matches!(self.config.role, RoomRole::Listener | RoomRole::Monitor)
    }

    /// True for a link with another part of the room.
    pub(super) fn is_link(&self) -> bool {
        matches!(self.config.role, RoomRole::Link | RoomRole::CoachLink { .. })
    }

    pub(super) fn set_blocked(&mut self, blocked: bool, room: &mut Room) {
        if std::mem::replace(&mut self.blocked, blocked) != blocked {
            self.settle_muted(room);
        }
    }

    /// Mutes it in the room where it is muted, or what it says is kept out.
    pub(super) fn settle_muted(&self, room: &mut Room) {
        // One that has left meanwhile needs none.
        let _: Result<_, _> = room.set(self.member, MemberChange::Muted(self.config.muted || self.blocked));
    }

    pub(super) fn leave(&mut self, room: &mut Room) {
        room.leave(self.member);
        self.gone = true;
    }
}

/// The members' audio of a tick.
pub(super) struct Reader<'a, 'b> {
    pub(super) seats: &'a [Option<Seat>],
    pub(super) parts: &'a mut Parts<'b>,
    pub(super) rate: u32,
}

impl Inputs for Reader<'_, '_> {
    fn input<R>(&mut self, member: MemberId, take: impl FnOnce(Input<'_>) -> R) -> R {
        let seat = self.seats.get(member.index()).and_then(Option::as_ref);
        match seat.and_then(|seat| self.parts.frame(seat.feed)) {
            Some(frame) => match frame.kind() {
                FrameKind::Audio => take(Input::Audio(frame.at(self.rate))),
                FrameKind::ComfortNoise => take(Input::ComfortNoise(frame.at(self.rate))),
                FrameKind::Nothing => take(Input::Nothing),
            },
            None => take(Input::Nothing),
        }
    }

    fn measure(&mut self, member: MemberId, measure: Measure) -> Measured {
        let feed = self.seats.get(member.index()).and_then(Option::as_ref).map(|seat| seat.feed);
        // Most members are silent: their audio is decoded for none, so it is not decoded.
        match feed.and_then(|feed| self.parts.undecoded(feed, self.rate)) {
            Some((law, octets)) if octets.len() == measure.len => {
                let power = measure.judged.then(|| loudest_power(law, octets, measure.part));
                Measured { present: true, power }
            }
            _ => self.input(member, |input| measure.of(input)),
        }
    }
}

/// The mixer's role for a role by legs; `None` where it names a leg that is not in the room, or is a link's.
pub(super) fn role(role: &RoomRole, member_of: impl Fn(Source) -> Option<MemberId>) -> Option<Role> {
    let member = |leg| member_of(Source::Leg(leg));
    Some(match role {
        RoomRole::Member => Role::Member,
        RoomRole::Listener => Role::Listener,
        RoomRole::Monitor => Role::Monitor,
        RoomRole::Coach { agent } => Role::Coach { agent: member(*agent)? },
        RoomRole::Whisper { to } => {
            Role::Whisper { to: to.iter().map(|leg| member(*leg)).collect::<Option<_>>()? }
        }
        RoomRole::Link | RoomRole::CoachLink { .. } => return None,
    })
}
