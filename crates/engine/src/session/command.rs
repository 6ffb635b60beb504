//! What a call can be commanded to do.

use crate::api::digit::DigitSpec;
use crate::api::id::{LegId, MixId, PlayerId, RoomId, StreamId, TapId};
use crate::api::leg::{LegConfig, Relearn};
use crate::api::room::{RoomChange, RoomMember};
use crate::api::source::{MixSpec, PlayerChange, Source};
use crate::session::port::LegPorts;
use crate::session::source::player::Player;
use crate::session::source::room::ConferenceRoom;
use crate::session::source::room::link::LinkOut;
use crate::session::source::stream::Stream;
use crate::session::tap::Tap;

/// A command to one call.
pub enum CallCommand {
    /// Adds a leg. It is fed by silence until [`CallCommand::SetSource`].
    AddLeg {
        /// Its name.
        leg: LegId,
        /// Its configuration.
        config: Box<LegConfig>,
        /// Its ports.
        ports: LegPorts,
    },
    /// Gives a leg another configuration.
    ConfigureLeg {
        /// The leg.
        leg: LegId,
        /// All of its configuration.
        config: Box<LegConfig>,
        /// Whether its party's address is learnt anew.
        relearn: Relearn,
    },
    /// Sets what feeds a leg.
    SetSource {
        /// The leg.
        leg: LegId,
        /// Its source.
        source: Source,
    },
    /// Sends a leg digits, after those that wait.
    SendDigits {
        /// The leg.
        leg: LegId,
        /// The digits.
        digits: Vec<DigitSpec>,
    },
    /// Forgets the digits of a leg that wait, and ends the one that is sent.
    StopDigits {
        /// The leg.
        leg: LegId,
    },
    /// Removes a leg and closes its ports.
    RemoveLeg {
        /// The leg.
        leg: LegId,
    },
    /// Adds a player, whose prompts are converted and encoded. It begins to play when somebody wants its audio.
    AddPlayer {
        /// The player.
        player: Box<Player>,
    },
    /// Changes a player of prompts, or a streamed one.
    ChangePlayer {
        /// The player.
        player: PlayerId,
        /// How.
        change: PlayerChange,
    },
    /// Removes a player; what it fed is fed by silence.
    RemovePlayer {
        /// The player.
        player: PlayerId,
    },
    /// Adds a stream from outside.
    AddStream {
        /// The stream.
        stream: Box<Stream>,
    },
    /// Removes a stream; what it fed is fed by silence.
    RemoveStream {
        /// The stream.
        stream: StreamId,
    },
    /// Adds a mix.
    AddMix {
        /// Its name.
        mix: MixId,
        /// Its inputs.
        spec: MixSpec,
    },
    /// Gives a mix other inputs.
    SetMixInputs {
        /// The mix.
        mix: MixId,
        /// Its inputs.
        spec: MixSpec,
    },
    /// Removes a mix; what it fed is fed by silence.
    RemoveMix {
        /// The mix.
        mix: MixId,
    },
    /// Adds a conference room.
    AddRoom {
        /// The room.
        room: Box<ConferenceRoom>,
    },
    /// Lets a leg into a room, which feeds it from then on.
    JoinRoom {
        /// The room.
        room: RoomId,
        /// The leg.
        leg: LegId,
        /// How it is in the room.
        member: RoomMember,
    },
    /// Lets a leg out of a room. Where the room feeds it, silence does.
    LeaveRoom {
        /// The room.
        room: RoomId,
        /// The leg.
        leg: LegId,
    },
    /// Changes a member of a room.
    ChangeMember {
        /// The room.
        room: RoomId,
        /// The leg.
        leg: LegId,
        /// How.
        change: RoomChange,
    },
    /// Lets a player's audio into a room, for some or for all of its members.
    Announce {
        /// The room.
        room: RoomId,
        /// The player.
        player: PlayerId,
        /// Who hears it; nobody named for all.
        to: Vec<LegId>,
    },
    /// Links a room with one on another worker.
    LinkRoom {
        /// The room.
        room: RoomId,
        /// What comes from there.
        stream: Box<Stream>,
        /// What goes there.
        out: LinkOut,
    },
    /// Lets no members into a room any more, or again.
    LockRoom {
        /// The room.
        room: RoomId,
        /// Whether it is locked.
        locked: bool,
    },
    /// Removes a room; what it fed is fed by silence.
    RemoveRoom {
        /// The room.
        room: RoomId,
    },
    /// Adds a tap.
    AddTap {
        /// The tap.
        tap: Box<Tap>,
    },
    /// Pauses an audio tap, or lets it go on: the time line runs on, in silence.
    PauseTap {
        /// The tap.
        tap: TapId,
        /// Whether it is paused.
        paused: bool,
    },
    /// Removes a tap.
    RemoveTap {
        /// The tap.
        tap: TapId,
    },
}

impl CallCommand {
    /// The leg that the command changes, where it changes one alone, and removes nothing.
    pub(super) const fn only_leg(&self) -> Option<LegId> {
        match self {
            Self::AddLeg { leg, .. }
            | Self::ConfigureLeg { leg, .. }
            | Self::SetSource { leg, .. }
            | Self::JoinRoom { leg, .. }
            | Self::LeaveRoom { leg, .. }
            | Self::ChangeMember { leg, .. } => Some(*leg),
            _ => None,
        }
    }
}
