//! What the engine reports: call events, which are never dropped, and telemetry, which may be.

use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_packet::rtp::Ssrc;
use mediapoint_prompt::Position;

use crate::api::analysis::CallAnalysis;
use crate::api::error::CommandError;
use crate::api::id::{CallId, LegId, PlayerId, RoomId, TapId};
use crate::api::points::Points;
use crate::api::room::RoomReport;
use crate::api::secure::SecureInput;
use crate::api::source::PlayerEnd;
use crate::api::stats::CallStatistics;

/// Why a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// The controller ended it.
    Command,
    /// The controller refused it: it was made for a request that could not be carried out.
    Refused,
    /// No packet came on any of its legs for the media time-out.
    MediaTimeout,
    /// It was on hold for longer than the hold time-out.
    HoldTimeout,
    /// Its worker failed and started again without it.
    WorkerFailed,
    /// Its worker had no room for it.
    NoRoom,
    /// Its worker was too late to serve all of its calls, and it was the newest of them
    /// ([`EngineBuilder::shed`](crate::EngineBuilder::shed)).
    Shed,
    /// The engine was shut down.
    Shutdown,
}

impl std::fmt::Display for EndReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Command => "ended by the controller",
            Self::Refused => "refused at its beginning",
            Self::MediaTimeout => "no media",
            Self::HoldTimeout => "on hold for too long",
            Self::WorkerFailed => "worker failed",
            Self::NoRoom => "no room on its worker",
            Self::Shed => "shed by an overloaded worker",
            Self::Shutdown => "server stopped",
        })
    }
}

/// How a key press was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum KeyMethod {
    /// As telephone events [RFC4733 2.5].
    #[default]
    TelephoneEvent,
    /// As tones in the audio.
    Tone,
}

/// A key press. One under secure input shows its code to nobody who prints it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyPress {
    /// Event code: 0 to 9 are the digits, 10 is `*`, 11 is `#`, 12 to 15 are A to D, 16 is a flash [RFC4733 3.2].
    pub code: u8,
    /// How long the key was pressed, as far as the packets that came tell.
    pub duration: Duration,
    /// Level in dBm0 without its sign, 0 to 63.
    pub volume: u8,
    /// Key presses of this tap that were not reported before this one, because the reader was too far behind.
    pub missed: u32,
    /// How it was sent.
    pub method: KeyMethod,
    /// True for a press under secure input: it is for the reader of this event alone.
    pub secret: bool,
}

impl std::fmt::Debug for KeyPress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("KeyPress");
        match self.secret {
            true => shown.field("code", &"secret"),
            false => shown.field("code", &self.code),
        };
        shown
            .field("duration", &self.duration)
            .field("volume", &self.volume)
            .field("missed", &self.missed)
            .field("method", &self.method)
            .finish()
    }
}

/// Why ZRTP does not pass between two parties: what it encrypts from end to end could neither be read nor changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ZrtpObstacle {
    /// A leg has keys of its own: SRTP ends at the engine.
    Srtp,
    /// The two legs do not feed each other and nobody else.
    NotPaired,
    /// A tap or a mix is on one of the legs.
    Tapped,
    /// Their codecs, payload types or events are not passed on as they are.
    Converted,
}

impl std::fmt::Display for ZrtpObstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Srtp => "a leg has keys for SRTP",
            Self::NotPaired => "the leg and another do not feed each other alone",
            Self::Tapped => "a leg is tapped or mixed",
            Self::Converted => "codecs, payload types or events differ or are converted",
        })
    }
}

/// One thing that happened.
///
/// [`Event::is_telemetry`] says which kinds may be dropped where the reader is behind.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A leg latched on to the address that its party sends from.
    LegLearnt {
        /// Its call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// Source of its RTP.
        from: SocketAddr,
        /// False where neither the host that was signalled nor the one that the signalling came from is there, as with a
        /// party behind NAT, or with somebody who is not the party.
        expected: bool,
    },
    /// More came to a leg than its media can need; what is beyond is dropped. Reported once for each flood.
    Flood {
        /// Its call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// Source of the packet that was dropped first.
        from: SocketAddr,
    },
    /// What comes to a leg has come before, again and again, as in a loop through another server. Its media is dropped for
    /// two seconds, of which a loop dies; a source that goes on after that, such as a tone, is taken again.
    LoopCut {
        /// Its call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// Source of the packets.
        from: SocketAddr,
    },
    /// A party wants ZRTP, and its messages cannot be passed on. Reported once for each leg.
    ZrtpRefused {
        /// Its call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// Source of the message.
        from: SocketAddr,
        /// Why.
        why: ZrtpObstacle,
    },
    /// The party's audio began anew with another SSRC or sequence, or came back from music on hold.
    StreamRestarted {
        /// Its call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// Its SSRC now.
        ssrc: Ssrc,
    },
    /// No packet came on a leg for its media time-out although its party may send. Reported once until one comes.
    MediaTimeout {
        /// Its call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// For how long.
        silent: Duration,
    },
    /// Packets come again on a leg that had timed out.
    MediaResumed {
        /// Its call.
        call: CallId,
        /// The leg.
        leg: LegId,
    },
    /// The party ended its stream by an RTCP BYE.
    Bye {
        /// Its call.
        call: CallId,
        /// The leg.
        leg: LegId,
    },
    /// A call ended; its legs and ports are gone.
    CallEnded {
        /// Which call.
        call: CallId,
        /// Why.
        reason: EndReason,
        /// Its last figures; empty where the worker failed.
        statistics: CallStatistics,
    },
    /// Somebody joined or left a room, began or ceased to speak.
    Room {
        /// Its call.
        call: CallId,
        /// The room.
        room: RoomId,
        /// What happened.
        report: RoomReport,
    },
    /// A key was pressed on the party's phone, once for each press; from a tap made for it.
    KeyPressed {
        /// Its call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// The tap.
        tap: TapId,
        /// Which key, and for how long.
        press: KeyPress,
    },
    /// Digits of the party, or their end, have switched its secure input: see [`DigitTrigger`](crate::DigitTrigger).
    SecureInputSwitched {
        /// Its call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// What stands in place of digits now.
        secure_input: SecureInput,
    },
    /// The digits that a leg was to be sent have been sent, or were stopped: once for a queue that runs empty.
    DigitsSent {
        /// Its call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// True where a command stopped them.
        stopped: bool,
    },
    /// A player has come to its end.
    PlayerFinished {
        /// Its call.
        call: CallId,
        /// The player.
        player: PlayerId,
        /// Why.
        end: PlayerEnd,
        /// Where it ended; a tone's is the time that it sounded.
        position: Position,
    },
    /// It is known who or what answered, or that nothing more will be: once for each analysis that was asked for it, and once
    /// more for the beep of a machine. For a call that ends meanwhile it may come after the call's own end.
    CallAnalysed {
        /// Its call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// The analysis.
        tap: TapId,
        /// Who or what answered, why it is said now, and what it rests on.
        analysis: Box<CallAnalysis>,
    },
    /// The party of an analysed leg begins or ends to speak.
    Speech {
        /// Its call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// The analysis.
        tap: TapId,
        /// True where it begins.
        speaks: bool,
        /// When that was found, since the analysis began.
        at: Duration,
    },
    /// A command failed whose outcome nobody waits for.
    CommandFailed {
        /// Its call.
        call: CallId,
        /// Why.
        error: CommandError,
    },
    /// A call went on to another worker.
    CallMoved {
        /// Which call.
        call: CallId,
        /// The worker that carries it now.
        worker: usize,
    },
    /// A worker does not keep up with its media clock, and takes no new calls.
    WorkerLate {
        /// Its number.
        worker: usize,
        /// How late it is.
        late: Duration,
    },
    /// A worker that was late has kept up with its media clock for a while, and takes calls again.
    WorkerOnTime {
        /// Its number.
        worker: usize,
    },
    /// A worker may carry more points or less than before: it does not keep up, or does again.
    BudgetChanged {
        /// Its number.
        worker: usize,
        /// Points that it may carry from now on.
        budget: Points,
        /// Points that it may carry while it keeps up.
        configured: Points,
        /// How late it was at worst; `None` where it keeps up again.
        late: Option<Duration>,
    },
    /// The points that a worker's calls cost have reached a mark, or fallen well below it; see
    /// [`EngineBuilder::load_marks`](crate::EngineBuilder::load_marks).
    PointsMark {
        /// Its number.
        worker: usize,
        /// The mark, in percent of the budget.
        percent: u8,
        /// True where it was reached, false where the worker is 5 percent below it again.
        above: bool,
        /// Points that its calls cost.
        used: Points,
        /// Points that it may carry now.
        budget: Points,
    },
    /// A worker failed; its calls ended, and it started again.
    WorkerFailed {
        /// Its number.
        worker: usize,
    },
}

impl Event {
    /// True for what may be dropped, and is counted then, where the reader is behind; all else waits for it.
    #[must_use]
    pub const fn is_telemetry(&self) -> bool {
        match self {
            Self::CallEnded { .. }
            | Self::KeyPressed { .. }
            | Self::SecureInputSwitched { .. }
            | Self::DigitsSent { .. }
            | Self::PlayerFinished { .. }
            | Self::CallAnalysed { .. }
            | Self::CommandFailed { .. }
            | Self::WorkerFailed { .. } => false,
            Self::Room { report, .. } => report.is_telemetry(),
            Self::LegLearnt { .. }
            | Self::Flood { .. }
            | Self::LoopCut { .. }
            | Self::ZrtpRefused { .. }
            | Self::StreamRestarted { .. }
            | Self::MediaTimeout { .. }
            | Self::MediaResumed { .. }
            | Self::Bye { .. }
            | Self::Speech { .. }
            | Self::CallMoved { .. }
            | Self::WorkerLate { .. }
            | Self::WorkerOnTime { .. }
            | Self::BudgetChanged { .. }
            | Self::PointsMark { .. } => true,
        }
    }
}
