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
//! let engine = Engine::builder()
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
//! let a = call.open_leg(&Placement::default(), config.clone())?;
//! let b = call.open_leg(&Placement::default(), config)?;
//! call.connect(a.id, b.id)?;
//! // Tell one party `a.rtp`, the other `b.rtp`: what comes to either goes out at the other.
//! assert_eq!(call.statistics()?.legs.len(), 2);
//! call.end()?;
//! # Ok(())
//! # }
//! ```
//!
//! Order of calls: [`Engine::builder`], [`Engine::events`] once, then for each call [`Engine::create_call`],
//! [`Call::open_leg`] for each party, [`Call::connect`], [`Call::configure_leg`] at every re-INVITE, [`Call::end`].
//!
//! | feature | where |
//! |---|---|
//! | relay, G.711 conversion, continuity of what is sent | [`core`] |
//! | jitter buffer, concealment, transcoding | [`core`], `mediapoint-jitter`, `mediapoint-codec` |
//! | source guard, latching | [`core::source_guard`] |
//! | SRTP and SRTCP | `mediapoint-srtp` |
//! | statistics, RTCP, MOS | [`core::reception`], [`core::quality`] |
//! | media points and admission | [`Points`], [`Engine::create_call`] |
//!
//! Specifications: RFC 3550, RFC 3551, RFC 3711, RFC 4733, RFC 5761, RFC 7983, ITU-T G.107, G.711.

mod api;
mod ring;
// mod runtime;
pub mod session;

pub use api::codec::{Codec, EncoderSettings, Encoding, OpusParameters, Parameters, PayloadCodec};
pub use api::error::{AdmissionError, BuildError, CommandError, OpenLegError};
pub use api::event::{EndReason, Event, KeyPress};
pub use api::id::{CallId, LegId, MixId, PlayerId, StreamId, TapId};
pub use api::leg::{
    AddressFamily, Direction, EventPolicy, JitterBuffer, LegConfig, LegKind, OpenedLeg, PacketTime, Placement,
    Ports, Relearn, RemoteAddress, RtcpMode, SourceGuard, SrtpKeys,
};
pub use api::points::{Points, Prices};
pub use api::source::{Burst, MixSpec, PlayerSpec, Sine, Source, StreamSpec, ToneSpec};
pub use api::stats::{
    CallStatistics, Dropped, EngineLoad, LegStatistics, PlayoutStatistics, ReceiveStatistics, SendStatistics,
    StreamStatistics, TapStatistics, WorkerLoad,
};
pub use api::tap::{AudioTapSpec, PacketTapSpec, PacketTarget, TapSide};
pub use mediapoint_packet::rtp::{PayloadType, Ssrc};
pub use mediapoint_srtp::{MasterKey, Mki, Suite};
pub use session::frame::FrameKind;
pub use session::tap::audio::{TapChannel, TapFrame};
// pub use runtime::{Call, CallSpec, Engine, EngineBuilder, EventReceiver, Interface};
