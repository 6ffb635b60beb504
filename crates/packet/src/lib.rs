//! What travels on a media port, read and written over byte slices: RTP, RTCP, STUN, telephone events, and
//! the SDP that sets it up.
//!
//! # What it does
//! A datagram is told apart by [`demux::classify`] and read by the parser of its kind into a view that
//! borrows it. A view that exists is valid: lengths, counts and padding have been checked, and what a method
//! returns needs no second look. Headers are rewritten in place for relaying, and new packets are written
//! into the caller's buffer. Nothing allocates but new buffers, [`PacketPool::new`], [`SecretBytes`] and [`sdp`].
//!
//! # What it refuses to do
//! It reads no clock, opens no socket, keeps no state between packets, holds no keys, and has no `unsafe`. A
//! peer's bytes cannot make it panic: what is malformed is refused with a [`Malformed`] that says why, is
//! `Copy`, and names a label to count it by. It decides nothing: whether a source is to be trusted, a packet
//! is late or a stream has ended is for the crates above. SRTP is in `mediapoint-srtp`; HMACs of STUN are
//! computed by the caller.
//!
//! # The smallest example
//! A relay: tell the packet, read it, give it the identity of the outgoing stream.
//! ```
//! use mediapoint_packet::demux::{Kind, classify};
//! use mediapoint_packet::rtp::{HeaderPatch, PayloadType, RtpView, Seq, patch};
//!
//! let mut datagram = [0x80, 0, 0, 1, 0, 0, 0, 160, 0xca, 0xfe, 0xba, 0xbe, 0xff, 0xff];
//! assert_eq!(classify(&datagram), Kind::Rtp);
//!
//! let view = RtpView::parse(&datagram)?;
//! assert_eq!((view.payload_type(), view.payload()), (PayloadType::PCMU, &[0xff, 0xff][..]));
//! let outgoing = HeaderPatch {
//!     marker: view.marker(),
//!     payload_type: view.payload_type(),
//!     sequence: Seq(9),
//!     timestamp: view.timestamp().wrapping_add(16_000),
//!     ssrc: mediapoint_packet::rtp::Ssrc(7),
//! };
//! patch(&mut datagram, &outgoing)?;
//! assert_eq!(RtpView::parse(&datagram)?.sequence(), Seq(9));
//! # Ok::<(), mediapoint_packet::Malformed>(())
//! ```
//!
//! # Who calls it, in what order
//! `net` fills a [`PacketBuf`]. The engine's worker calls [`demux::classify`]; `srtp` unprotects in place;
//! then [`rtp::RtpView`], [`rtcp::Compound`], [`stun::StunView`] or [`telephone_event::EventBlocks`] reads,
//! and [`rtp::patch`], [`rtp::RtpHeader`], [`rtcp::CompoundWriter`] or [`stun::MessageWriter`] writes.
//! `control-ng` uses [`sdp`] and [`SecretBytes`] alone. Backends of `net` that pass the kernel's stack by use [`frame`].
//!
//! # Features
//! | Feature | Adds |
//! |---|---|
//! | `properties` | what holds for any bytes, as functions for fuzz targets; brings in `rtp` and `etherparse` as oracles |
//!
//! # Specifications
//! RTP and RTCP: RFC 3550, 5506, 5761, 8285; feedback: RFC 4585, 5104; extended reports: RFC 3611; events:
//! RFC 4733; STUN: RFC 8489; ZRTP: RFC 6189; first bytes: RFC 7983; SDP: RFC 8866; frames: RFC 768, 791, 1071, 8200,
//! IEEE 802.1Q.

pub mod buffer;
mod cursor;
pub mod demux;
mod error;
pub mod frame;
pub mod ntp;
#[cfg(any(test, feature = "properties"))]
pub mod properties;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
mod secret;
pub mod stun;
pub mod telephone_event;
pub mod time;
pub mod zrtp;

pub use buffer::{PacketBuf, PacketPool};
pub use error::{Malformed, TooShort, WriteError};
pub use secret::SecretBytes;
pub use time::Time;
