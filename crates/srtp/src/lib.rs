//! SRTP and SRTCP sessions: keys in, authenticated packets out.
//!
//! A pure transform over byte slices: no socket, no clock, no allocation per packet. It refuses what is not
//! authentic, what was seen before and what is too old, and it remembers nothing of a refused packet.
//! It does not negotiate (DTLS) and does not parse RTP beyond the header.
//!
//! ```
//! use mediapoint_srtp::{Inbound, InboundOptions, MasterKey, Outbound, Suite};
//!
//! let key = MasterKey::generate(Suite::AesCm128HmacSha1_80)?;
//! let mut sender = Outbound::new(&key);
//! let mut receiver = Inbound::new(&key, InboundOptions::default());
//!
//! let mut buffer = [0u8; 64];
//! buffer[0] = 0x80; // RTP version 2, then an empty header of 12 bytes and a payload of 20
//! let len = sender.protect_rtp(&mut buffer, 32)?;
//! let packet = receiver.unprotect_rtp(&mut buffer[..len])?;
//! assert_eq!(packet.len(), 32);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Keys come from [`MasterKey::generate`] or from [`sdes`]; each direction is one [`Inbound`] or [`Outbound`].
//! A re-negotiation calls `rekey` on both; a takeover moves `export_state` to `restore_state`.
//!
//! | feature | effect |
//! | --- | --- |
//! | `serde` | the exported state types can be serialised |
//! | `properties` | `properties`, the checks that fuzz targets run |
//!
//! Specifications: RFC 3711, RFC 6188, RFC 7714, RFC 4568.

mod epoch;
mod error;
mod header;
mod inbound;
mod key;
mod outbound;
mod packet;
#[cfg(any(test, feature = "properties"))]
pub mod properties;
pub mod provider;
pub mod sdes;
mod session_keys;
mod state;
mod stream;
mod suite;
mod window;

pub use error::{KeyError, ProtectError, UnprotectError};
pub use inbound::{Inbound, InboundOptions};
pub use key::{MasterKey, Mki};
pub use outbound::{KeyLifetime, Outbound, OutboundOptions};
pub use packet::{AuthenticRtcp, AuthenticRtp};
pub use state::{InboundState, OutboundState, RtcpState, RtpState, STATE_VERSION, SsrcState, StateError};
pub use suite::Suite;
pub use window::REPLAY_WINDOW;
