//! The rtpengine ng control protocol on top of the engine: what Kamailio's and OpenSIPS's rtpengine modules speak.
//!
//! It reads messages (bencode and JSON, over UDP, TCP and Unix sockets), keeps the calls, rewrites their SDP and configures
//! the legs at the engine. It refuses what it cannot do with a reply that names it: keys by DTLS, ICE, and
//! the commands for recording and playing. It reads no clock and no configuration.
//!
//! ```
//! use std::net::SocketAddr;
//! use std::sync::Arc;
//!
//! use mediapoint_control_ng::{CacheLimits, Controller, ControllerConfig, Dispatcher};
//! use mediapoint_engine::{Engine, Interface};
//! use mediapoint_packet::Time;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let interface = Interface::new("default", "127.0.0.1".parse()?);
//! let (engine, _events) = Engine::builder().interface(interface).pin(false).build()?;
//! let controller = Arc::new(Controller::new(engine, ControllerConfig::default()));
//! let dispatcher = Dispatcher::new(Arc::clone(&controller), CacheLimits::default());
//!
//! let peer: SocketAddr = "127.0.0.1:5555".parse()?;
//! let reply = dispatcher.answer(Time::ZERO, peer, b"5323_1 d7:command4:pinge");
//! assert!(reply.is_some_and(|reply| reply.as_slice() == b"5323_1 d6:result4:ponge"));
//! # Ok(())
//! # }
//! ```
//!
//! Who calls what: a server gives its [`Dispatcher`] to [`listen::Listener::datagrams`] and [`listen::Listener::streams`], gives
//! every event of the engine to [`Controller::handle_event`], and calls [`Controller::poll`] when it is due. A tool asks a
//! running server through a [`client::Client`].
//! Whoever carries requests out otherwise implements [`Handler`].
//!
//! | feature | effect |
//! | --- | --- |
//! | `http` (default) | media to be played from http and https URLs |
//! | `properties` | `properties`, the checks that fuzz targets run |
//!
//! Every key and flag with what becomes of it is listed in `docs/control-ng.md`.
//! Specifications: [RFC3264 5], [RFC3605 2.1], [RFC4568 7], [RFC5761 5], [RFC8866 5], the ng protocol.

mod access;
mod body;
mod call;
pub mod client;
mod controller;
mod cookies;
mod dialog;
mod dispatch;
mod error;
pub mod listen;
mod media;
mod peer;
mod playback;
mod prompts;
#[cfg(any(test, feature = "properties"))]
pub mod properties;
mod publication;
mod recording;
mod reply;
pub mod request;
mod room_link;
mod secret;
mod shorten;
mod subscription;
pub mod wire;

pub use access::{Access, AllowList, Prefix, PrefixError, Verdict};
pub use body::BodyFault;
pub use controller::{Controller, ControllerConfig, ControllerFigures};
pub use cookies::{CacheLimits, CookieCache, Seen};
pub use dispatch::{Counters, Dispatcher, Handler};
pub use error::{KeyFault, NgError};
#[doc(no_inline)]
pub use mediapoint_packet::Time;
#[cfg(feature = "http")]
#[doc(no_inline)]
pub use mediapoint_prompt::HttpConfig;
#[doc(no_inline)]
pub use mediapoint_prompt::{Limits, PromptError, StoreConfig, StoreFigures};
pub use peer::Peer;
pub use playback::{OpenedRecording, PlaybackAsker, PlaybackRefusal, Playbacks, ReadSeek, RecordingOpener};
pub use prompts::{Prompts, PromptsConfig};
pub use recording::{
    NamePattern, NamePatternError, RecordingEntry, RecordingKeeper, RecordingOutcome, RecordingSettings,
    Recordings,
};
pub use reply::Reply;
pub use request::{Command, Request};
pub use secret::{Guard, MAX_SEAL, MIN_SECRET, NotAuthentic, Secret, WallClock};

#[cfg(test)]
mod tests;
