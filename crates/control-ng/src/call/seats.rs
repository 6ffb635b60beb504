//! Places in a conference room: what a party or a link in it hears, and who hears it.

use mediapoint_engine::RoomMember;

use super::party::PartyId;
use crate::request::Id;

/// What a member of a room hears, and who hears it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum SeatRole {
    #[default]
    Member,
    Listener,
    Monitor,
    Coach(PartyId),
    Whisper(Vec<PartyId>),
    /// The part of the room on another server: each side sends the mix of its own members.
    Link,
    /// The coaches of the part on another server, for this member; or our coaches for the member there.
    CoachLink(Option<PartyId>),
}

impl SeatRole {
    /// The name in messages.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Listener => "listener",
            Self::Monitor => "monitor",
            Self::Coach(_) => "coach",
            Self::Whisper(_) => "whisper",
            Self::Link => "mix",
            Self::CoachLink(_) => "coach",
        }
    }

    /// True for a link with another server.
    pub(crate) const fn is_link(&self) -> bool {
        matches!(self, Self::Link | Self::CoachLink(_))
    }

    /// Members that it names.
    pub(crate) fn named(&self) -> &[PartyId] {
        match self {
            Self::Coach(agent) => std::slice::from_ref(agent),
            Self::Whisper(to) => to,
            Self::CoachLink(agent) => agent.as_slice(),
            Self::Member | Self::Listener | Self::Monitor | Self::Link => &[],
        }
    }
}

/// The place of a party in a room.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seat {
    /// The room's name.
    pub(crate) room: Id,
    /// The media section that is in the room.
    pub(crate) section: usize,
    pub(crate) role: SeatRole,
    /// Whatever else the engine is told; its role is of no account.
    pub(crate) member: RoomMember,
}

impl Seat {
    /// Members that its role names.
    pub(super) fn named_mut(&mut self) -> &mut [PartyId] {
        match &mut self.role {
            SeatRole::Coach(agent) => std::slice::from_mut(agent),
            SeatRole::Whisper(to) => to,
            SeatRole::CoachLink(agent) => agent.as_mut_slice(),
            SeatRole::Member | SeatRole::Listener | SeatRole::Monitor | SeatRole::Link => &mut [],
        }
    }
}
