//! Conference rooms: a source that gives each member the mix of the others.

use mediapoint_conference::{Gain, JoinError, MAX_CAPACITY};
pub use mediapoint_conference::{GateSettings, MemberStatistics, RoomStatistics};

use crate::api::error::CommandError;
use crate::api::id::{LegId, PlayerId, RoomId, StreamId};

/// What a room is made with.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RoomSpec {
    /// Sample rate in hertz: 8000, 12000, 16000, 24000, 32000 or 48000; `None` for the highest of its members,
    /// or of its links where it has no other.
    pub rate: Option<u32>,
    /// Most members, links and announcements, 1 to 2000.
    pub capacity: u16,
    /// Most speakers without priority that are heard at a time, 1 to 2000.
    pub loudest: u16,
    /// When a member counts as speaking.
    pub gate: GateSettings,
    /// What comes over a link goes out over the others, too: the hub of a star.
    pub forward_links: bool,
    /// Whether it reports who begins and ends to speak, and who is the loudest.
    pub reports_talk: bool,
}

impl RoomSpec {
    /// Most members of a room.
    pub const MAX_CAPACITY: u16 = 2000;
}

impl Default for RoomSpec {
    /// 20 members, the 8 loudest of them heard, at the highest rate of its members.
    fn default() -> Self {
        Self {
            rate: None,
            capacity: 20,
            loudest: 8,
            gate: GateSettings::default(),
            forward_links: false,
            reports_talk: true,
        }
    }
}

const _: () = assert!(RoomSpec::MAX_CAPACITY <= MAX_CAPACITY, "the mixer takes as many");

/// What a member hears, and who hears it.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum RoomRole {
    /// Hears all others, and is heard by all.
    #[default]
    Member,
    /// Hears all others, and is not heard.
    Listener,
    /// Hears all others and the coaches, and is not heard.
    Monitor,
    /// Hears all others and the other coaches, and is heard by one member, and by monitors and coaches.
    Coach {
        /// Who is coached.
        agent: LegId,
    },
    /// Hears all others, and is heard by these alone.
    Whisper {
        /// Who hears it.
        to: Vec<LegId>,
    },
    /// A link to another part of the room, on another server: each side sends the mix of its own members.
    Link,
    /// A link for the coaches of another part of the room: what comes is heard by one member, and by monitors and coaches; what
    /// goes out is what coaches here whose `agent` is this leg say.
    CoachLink {
        /// Who is coached here; nobody where the link only goes out.
        agent: Option<LegId>,
    },
}

/// How a leg joins a room.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct RoomMember {
    /// What it hears, and who hears it.
    pub role: RoomRole,
    /// Gain of what comes from it in decibels, -60 to 24.
    pub gain_in_db: f32,
    /// Gain of what it hears in decibels, -60 to 24.
    pub gain_out_db: f32,
    /// It is not heard.
    pub muted: bool,
    /// It hears nothing.
    pub deaf: bool,
    /// Neither. What is played to it is its leg's source meanwhile.
    pub held: bool,
    /// It is heard whenever it speaks, however many others do.
    pub priority: bool,
    /// Its level is adapted.
    pub automatic_gain: bool,
}

/// One change of a member of a room.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RoomChange {
    /// Whether it is not heard.
    Muted(bool),
    /// Whether it hears nothing.
    Deaf(bool),
    /// Whether it is on hold.
    Held(bool),
    /// Gain of what comes from it in decibels, -60 to 24.
    GainIn(f32),
    /// Gain of what it hears in decibels, -60 to 24.
    GainOut(f32),
    /// Whether its level is adapted.
    AutomaticGain(bool),
    /// Whether it is heard before others.
    Priority(bool),
    /// What it hears, and who hears it. A link stays a link.
    Role(RoomRole),
}

/// Something that happened in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomReport {
    /// A leg joined.
    Joined(LegId),
    /// A leg left, by command or with its end.
    Left(LegId),
    /// A member began to speak.
    TalkStarted {
        /// Who.
        leg: LegId,
        /// Level in dBov without its sign, 0 to 127 [RFC6464 4].
        level: u8,
    },
    /// A member has ceased to speak.
    TalkStopped {
        /// Who.
        leg: LegId,
        /// Greatest level while it spoke, in dBov without its sign.
        level: u8,
        /// Milliseconds for which it spoke.
        talked_ms: u32,
    },
    /// Another member is the loudest; `None` where nobody speaks.
    ActiveSpeaker(Option<LegId>),
}

impl RoomReport {
    /// True for who speaks, which may be dropped.
    pub(crate) const fn is_telemetry(self) -> bool {
        match self {
            Self::Joined(_) | Self::Left(_) => false,
            Self::TalkStarted { .. } | Self::TalkStopped { .. } | Self::ActiveSpeaker(_) => true,
        }
    }
}

/// Figures of a room.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomFigures {
    /// The room.
    pub room: RoomId,
    /// Sample rate in hertz.
    pub rate: u32,
    /// Whether it takes no members.
    pub locked: bool,
    /// The loudest speaker.
    pub active: Option<LegId>,
    /// Its members, in the order of their places.
    pub members: Vec<RoomMemberFigures>,
    /// Players that announce to it.
    pub announcements: Vec<PlayerId>,
    /// Streams that come in over links from other workers.
    pub links: Vec<StreamId>,
    /// Sums.
    pub statistics: RoomStatistics,
}

/// Figures of a member of a room.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomMemberFigures {
    /// Its leg.
    pub leg: LegId,
    /// How it is in the room at present.
    pub member: RoomMember,
    /// Whether it speaks.
    pub talking: bool,
    /// Present level in dBov without its sign, 0 to 127.
    pub level: u8,
    /// Sums.
    pub statistics: MemberStatistics,
}

pub(crate) fn gain(db: f32) -> Result<Gain, CommandError> {
    Gain::from_db(db).map_err(|_| CommandError::OutOfRange { what: "the gain of a member" })
}

/// The error of a command for why nobody joined.
pub(crate) fn refused(error: JoinError) -> CommandError {
    match error {
        JoinError::Full { capacity } => {
            CommandError::NoRoom { what: "members of the room", limit: capacity.into() }
        }
        JoinError::Locked => CommandError::RoomLocked,
        JoinError::Ended | JoinError::NoSuchMember(_) => {
            CommandError::OutOfRange { what: "the legs of the role" }
        }
    }
}
