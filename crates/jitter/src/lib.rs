//! The receiving half of a leg's media path: packets in as they are received, a steady stream of audio out.
//!
//! [`Playout`] is an adaptive jitter buffer with its decoders, concealment of loss and time-scaling; [`Concealer`] is the
//! concealment alone. Both take the time as an argument and do no I/O. A [`Playout`] begins with room for 60 ms of audio and
//! makes more, up to its longest delay, when so much waits for the first time; else they allocate nothing once set up. They do not
//! read SSRC and sequence numbers: the caller extends numbers and separates streams.
//!
//! ```
//! use mediapoint_codec::Codec;
//! use mediapoint_jitter::{Arrived, Kind, Playout, PlayoutConfig};
//! use mediapoint_packet::Time;
//! use mediapoint_packet::rtp::{PayloadType, RtpTicks};
//!
//! let mut playout = Playout::new(PlayoutConfig::new(8000)?, &[(PayloadType::PCMU, Codec::PCMU)])?;
//! let mut pcm = [0; 160];
//! assert_eq!(playout.pull(Time::ZERO, &mut pcm).kind, Kind::Nothing);
//! playout.insert(
//!     Time::from_millis(5),
//!     &Arrived {
//!         epoch: 0,
//!         index: 7,
//!         timestamp: RtpTicks(0),
//!         payload_type: PayloadType::PCMU,
//!         marker: true,
//!         payload: &[0x55; 160],
//!     },
//! );
//! assert_eq!(playout.pull(Time::from_millis(20), &mut pcm).kind, Kind::Speech);
//! assert_eq!(playout.pull(Time::from_millis(40), &mut pcm).kind, Kind::Concealed);
//! # Ok::<(), mediapoint_jitter::ConfigError>(())
//! ```
//!
//! Order of calls: [`Playout::insert`] for each packet when it comes, [`Playout::note_event`] for those that carry no
//! audio, [`Playout::pull`] each 10 to 60 ms; [`Playout::configure`] at a re-negotiation; [`Playout::drain`] at the end,
//! where what waits is still to be played.
//!
//! | feature | effect |
//! | --- | --- |
//! | `properties` | `properties`, the checks that the fuzz target runs |

mod conceal;
mod config;
mod payloads;
mod pitch;
mod playout;
mod playout_buffer;
mod prefetch;
#[cfg(any(test, feature = "properties"))]
pub mod properties;
mod signal;
mod store;
mod target;
mod time_scale;
mod timing;

pub use conceal::Concealer;
pub use config::{ConfigError, MAX_DELAY, PlayoutConfig};
pub use playout::{Arrived, Inserted, Kind, MAX_PULL_MS, Playout, PlayoutStatistics, Pulled};
pub use prefetch::Prefetch;
