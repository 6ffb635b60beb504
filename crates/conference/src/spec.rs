//! What a room is made with, what its members are, and what can be changed.

use thiserror::Error;

use crate::gain::Gain;
use crate::id::MemberId;

/// Sample rates of a room in hertz.
pub const RATES: [u32; 6] = [8000, 12_000, 16_000, 24_000, 32_000, 48_000];
/// Most members and links of a room. The sum of that many at 24 dB, and of as many who have just left, fits 32 bits.
pub const MAX_CAPACITY: u16 = 2000;

/// What a room is made with.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RoomSpec {
    /// Sample rate in hertz, one of [`RATES`].
    pub rate: u32,
    /// Most members and links, 1 to [`MAX_CAPACITY`].
    pub capacity: u16,
    /// Most speakers without priority that are mixed at a time, 1 to [`MAX_CAPACITY`].
    pub loudest: u16,
    /// When a member counts as speaking.
    pub gate: GateSettings,
    /// A link is sent what came over other links, too: the hub of a star. In a mesh no room has this.
    pub forward_links: bool,
}

impl RoomSpec {
    /// A room at `rate` hertz for `capacity` members, 8 speakers at a time.
    #[must_use]
    pub fn new(rate: u32, capacity: u16) -> Self {
        Self { rate, capacity, loudest: 8, gate: GateSettings::default(), forward_links: false }
    }

    pub(crate) fn check(&self) -> Result<(), SpecError> {
        if !RATES.contains(&self.rate) {
            return Err(SpecError::Rate(self.rate));
        }
        if !(1..=MAX_CAPACITY).contains(&self.capacity) {
            return Err(SpecError::Capacity(self.capacity));
        }
        if !(1..=MAX_CAPACITY).contains(&self.loudest) {
            return Err(SpecError::Loudest(self.loudest));
        }
        self.gate.check()
    }
}

/// When a member counts as speaking. Levels are in dBov, 0 being a full-scale sine [RFC6464 4].
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GateSettings {
    /// False where all audio counts as voice.
    pub enabled: bool,
    /// Level below which nothing is voice, -90 to -20 dBov.
    pub least_dbov: f32,
    /// What voice is above the noise floor, 3 to 30 dB.
    pub above_noise_db: f32,
    /// Greatest noise floor, -90 to -20 dBov: steady sound above it by `above_noise_db` is voice however long it lasts.
    pub greatest_noise_dbov: f32,
    /// Milliseconds for which a speaker stays in the mix after voice, 100 to 2000.
    pub hangover_ms: u32,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            least_dbov: -58.0,
            above_noise_db: 9.0,
            greatest_noise_dbov: -46.0,
            hangover_ms: 400,
        }
    }
}

impl GateSettings {
    fn check(&self) -> Result<(), SpecError> {
        let levels = -90.0..=-20.0;
        let fine = levels.contains(&self.least_dbov)
            && levels.contains(&self.greatest_noise_dbov)
            && (3.0..=30.0).contains(&self.above_noise_db)
            && (100..=2000).contains(&self.hangover_ms);
        if fine { Ok(()) } else { Err(SpecError::Gate) }
    }
}

/// Why there is no such room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SpecError {
    /// The rate is none of [`RATES`].
    #[error("rate of {0} Hz is none of a room's")]
    Rate(u32),
    /// The capacity is out of range.
    #[error("capacity of {0} is not within 1 to 2000")]
    Capacity(u16),
    /// The number of speakers is out of range.
    #[error("{0} speakers at a time are not within 1 to 2000")]
    Loudest(u16),
    /// A setting of the gate is out of range.
    #[error("a setting of the voice gate is out of its range")]
    Gate,
}

/// Who hears a whisper or an announcement.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Audience {
    /// Everybody.
    All,
    /// These members and links alone. Those that have left hear nothing.
    Only(Vec<MemberId>),
}

/// What a member hears, and who hears it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Role {
    /// Hears all others, and is heard by all.
    #[default]
    Member,
    /// Hears all others, and is not heard.
    Listener,
    /// Hears all others and the coaches, and is not heard.
    Monitor,
    /// Hears all others and the other coaches, and is heard by one member and by monitors and coaches.
    Coach {
        /// Who is coached: a member, or a link to where that member is.
        agent: MemberId,
    },
    /// Hears all others, and is heard by these alone.
    Whisper {
        /// Members, or links to where they are.
        to: Vec<MemberId>,
    },
    /// A source that hears nothing: a prompt, or a tone of entry or exit. It passes without gate and limit of speakers.
    Announcement {
        /// Who hears it.
        to: Audience,
    },
}

/// What crosses a link to another part of the room, on another worker or server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum LinkRole {
    /// The partial mix of each side.
    Mix,
    /// A coach: what comes in is heard as a coach of `agent`; what goes out is what coaches and whispers here address to the
    /// link.
    Coach {
        /// Who is coached here; nobody where the link only goes out.
        agent: Option<MemberId>,
    },
    /// A whisper: what comes in is heard by these; what goes out is as with a coach.
    Whisper {
        /// Who hears what comes in.
        to: Vec<MemberId>,
    },
}

/// How a member joins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemberSpec {
    /// What it hears, and who hears it.
    pub role: Role,
    /// Gain of what comes from it.
    pub gain_in: Gain,
    /// Gain of what it hears.
    pub gain_out: Gain,
    /// It is not heard.
    pub muted: bool,
    /// It hears nothing.
    pub deaf: bool,
    /// Neither: it hears what its caller plays to it.
    pub held: bool,
    /// It is mixed whenever it speaks, and before others.
    pub priority: bool,
    /// Its level is brought to -22 dBov by up to 12 dB.
    pub automatic_gain: bool,
}

/// One change of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberChange {
    /// Whether it is not heard.
    Muted(bool),
    /// Whether it hears nothing.
    Deaf(bool),
    /// Whether it is on hold.
    Held(bool),
    /// Gain of what comes from it.
    GainIn(Gain),
    /// Gain of what it hears.
    GainOut(Gain),
    /// Whether its level is adapted.
    AutomaticGain(bool),
    /// Whether it is mixed before others.
    Priority(bool),
    /// What it hears, and who hears it. A link keeps its own role.
    Role(Role),
}

/// Why nobody joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JoinError {
    /// There are as many as the room may have.
    #[error("room is full: it has its {capacity} members")]
    Full {
        /// The room's capacity.
        capacity: u16,
    },
    /// The room is locked.
    #[error("room is locked")]
    Locked,
    /// The room has ended.
    #[error("room has ended")]
    Ended,
    /// The role names somebody who is not in the room.
    #[error("member {0} is not in the room")]
    NoSuchMember(MemberId),
}

/// There is no such member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("member {0} is not in the room")]
pub struct NoSuchMember(pub MemberId);

/// The length of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tick {
    /// 10 ms.
    Ms10,
    /// 20 ms.
    Ms20,
}

impl Tick {
    /// The tick of that many milliseconds; there are those of 10 and 20.
    #[must_use]
    pub const fn from_millis(millis: u32) -> Option<Self> {
        match millis {
            10 => Some(Self::Ms10),
            20 => Some(Self::Ms20),
            _ => None,
        }
    }

    /// Its length in milliseconds.
    #[must_use]
    pub const fn millis(self) -> u32 {
        match self {
            Self::Ms10 => 10,
            Self::Ms20 => 20,
        }
    }

    /// Samples in it at `rate` hertz.
    #[must_use]
    pub fn samples(self, rate: u32) -> usize {
        usize::try_from(rate / 1000 * self.millis()).unwrap_or(0)
    }
}
