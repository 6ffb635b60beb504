//! The media server engine: calls, legs, points, and the per-core packet loop.
//!
//! A controller (a SIP proxy, a B2BUA, a contact-centre server) commands it; it moves the audio of phone calls between
//! RTP and SRTP legs, converts it, and reports events. It speaks no SIP and no control protocol, reads no files and
//! needs no async runtime: commands return at once, events come on a channel that is read blocking or async.
//!
//! ```
//! use mediapoint_engine::{
//!     CallSpec, Codec, Engine, Interface, LegConfig, PayloadCodec, PayloadType, Placement,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (engine, _events) = Engine::builder()
//!     .interface(Interface::new("default", "127.0.0.1".parse()?))
//!     .ports(40_000..=40_999)
//!     .pin(false)
//!     .build()?;
//!
//! let config = LegConfig {
//!     codecs: vec![PayloadCodec::new(PayloadType::PCMU, Codec::PCMU)],
//!     ..LegConfig::default()
//! };
//! let call = engine.create_call(CallSpec::default())?;
//! let (a, _) = call.open_leg(&Placement::default(), config.clone())?;
//! let (b, _) = call.open_leg(&Placement::default(), config)?;
//! call.connect(a.id, b.id)?.wait()?;
//! // Signal `a.rtp` to one party, `b.rtp` to the other: what comes to either goes out at the other.
//! assert_eq!(call.statistics()?.wait()?.legs.len(), 2);
//! call.end()?.wait()?;
//! # Ok(())
//! # }
//! ```
//!
//! Order of calls: [`Engine::builder`], then for each call [`Engine::create_call`], [`Call::open_leg`] for each party,
//! [`Call::connect`], [`Call::configure_leg`] at every re-INVITE, [`Call::end`]. Commands return at once; their outcome is
//! a [`Pending`], to be waited for, polled or awaited.
//!
//! Every leg has exactly one source ([`Source`]): silence, another leg, a mix, a player, a stream from outside. Whatever
//! else listens is a tap: [`Call::tap_key_presses`], [`Call::tap_audio`], [`Call::tap_packets`], [`Call::analyse`]. A leg can go to another call
//! ([`Call::move_leg`]), a call to another worker ([`Call::move_to`]) or another process ([`Call::snapshot`],
//! [`Engine::restore`]).
//!
//! | feature | effect |
//! |---|---|
//! | `recording` | `Call::record`: audio taps that a recorder of `mediapoint-recorder` reads; `Call::play_recording` |
//! | `sim` | [`session`], the engine without threads, clock and sockets, for simulation on a virtual clock |
//! | `danger-panic` | commands that make a worker panic or stall, for tests |
//!
//! Specifications: RFC 3550, RFC 3551, RFC 3711, RFC 4733, RFC 5761, RFC 7983, ITU-T G.107, G.711.

/// The code of the page on embedding, compiled and run as documentation is.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/embedding.md")]
mod embedding {}

mod api;
mod ring;
mod runtime;
#[cfg(feature = "sim")]
#[doc(hidden)]
pub mod session;
#[cfg(not(feature = "sim"))]
#[expect(unreachable_pub, dead_code, reason = "what only simulations use is public with the feature `sim`")]
mod session;

pub use api::analysis::{AnalysisEnd, AnalysisSpec, CallAnalysis, SpeechBargeIn};
pub use api::codec::{
    AmrLayout, AmrParameters, Codec, EncoderSettings, Encoding, Fit, OpusParameters, Parameters, PayloadCodec,
};
pub use api::digit::{DigitMethod, DigitSpec};
pub use api::error::{AdmissionError, BuildError, CommandError, OpenLegError, RestoreError};
pub use api::event::{EndReason, Event, KeyMethod, KeyPress, ZrtpObstacle};
pub use api::id::{CallId, LegId, MixId, PlayerId, RoomId, StreamId, TapId};
pub use api::kind::{PointsByKind, WorkKind};
pub use api::leg::{
    AddressFamily, Direction, EventPolicy, JitterBuffer, LegConfig, LegKind, MediaPolicy, OpenedLeg,
    PacketTime, Placement, Ports, Relearn, RemoteAddress, RtcpMode, SourceGuard, SrtpKeys,
};
pub use api::path::{LegPath, Manner};
pub use api::pending::Pending;
pub use api::points::{Points, Prices};
pub use api::remote::{ForbiddenRemote, IpNet, LocalScope, RemotePolicy};
pub use api::room::{
    GateSettings, MemberStatistics, RoomChange, RoomFigures, RoomMember, RoomMemberFigures, RoomReport,
    RoomRole, RoomSpec, RoomStatistics,
};
pub use api::secure::{DigitSequence, DigitTrigger, SecureInput, ToneSeries};
pub use api::source::{
    Burst, MixSpec, PlayerChange, PlayerEnd, PlayerSpec, PromptsSpec, Sine, Source, StreamSpec, StreamedSpec,
    ToneSpec,
};
pub use api::stats::{
    CallStatistics, Dropped, EngineLoad, LegStatistics, PlayoutStatistics, ReceiveStatistics, SendStatistics,
    SsrcStatistics, StreamStatistics, TapStatistics, WorkerLoad,
};
pub use api::tap::{AudioTapSpec, Beep, PacketTapSpec, PacketTarget, RoomTapSpec, TapSide, TapState};
pub use mediapoint_analysis::{
    AnalyserSettings, ClassicResult, ClassicSettings, ClassicVerdict, Decision, Interval, Measures, Outcome,
    Signal, SitClass, ToneSegment, ToneSettings, VadSettings,
};
pub use mediapoint_dtmf::DetectorSettings;
pub use mediapoint_packet::rtp::{NoPayloadType, PayloadType, Ssrc};
pub use mediapoint_packet::telephone_event::DtmfDigit;
pub use mediapoint_prompt::{Item, Playlist, Position, Prompt, PromptError, Repeat};
pub use mediapoint_srtp::{MasterKey, Mki, Suite};
pub use ring::Readiness;
pub use runtime::{
    Call, CallSpec, Engine, EngineBuilder, EventReceiver, Interface, LegChange, MoveError, PacketBackend,
    PlayerWriter, Reservation, RoomLink, StreamWriter, TapReader,
};
#[cfg(feature = "recording")]
pub use runtime::{
    CallRecording, CallRecordingSpec, Left, Permission, PlayRecordingError, PlayRecordingSpec, RecordError,
    RecordingPlayback, TapSource,
};
pub use session::frame::FrameKind;
pub use session::snapshot::{CallSnapshot, LocalAddresses, SNAPSHOT_VERSION};
pub use session::tap::audio::{TapChannel, TapFrame};
