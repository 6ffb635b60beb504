//! Softphones and a load generator for tests, demonstration and measurement.
//!
//! They are built on other people's RTP, RTCP and SRTP code on purpose, so that whatever is tested with them is
//! tested for interoperability too. They speak G.711, G.722, G.729 and Opus, take SDES keys only, and conceal nothing: a
//! recording shows what came and silence where nothing came.
//!
//! ```
//! use std::time::Duration;
//! use mediapoint_caller::{Law, PhoneConfig, Softphone, alike};
//!
//! let (caller, callee) = (Softphone::bind(PhoneConfig::default())?, Softphone::bind(PhoneConfig::default())?);
//! caller.accept(&callee.answer(&caller.offer())?)?;
//!
//! let audio: Vec<i16> = (0..1_600_i16).map(|n| (n * 7 % 601 - 300) * 40).collect();
//! caller.play(audio.clone());
//! assert!(callee.wait_until(Duration::from_secs(5), |stats| stats.heard_samples >= 2_000));
//! assert!(alike(&audio, callee.heard().samples(), &[Law::Mu]).identical);
//! # Ok::<(), mediapoint_caller::PhoneError>(())
//! ```
//!
//! With a server between them, each description goes through its control port ([`ng::Client::offer`],
//! [`ng::Client::answer`]) on its way from one phone to the other. [`load`] does that for many calls at once and
//! measures.
//!
//! Specifications: RFC 3550, 3551, 3264, 4568, 4566, 4733, 5761, and the ng control protocol of rtpengine.

pub mod audio;
pub mod call;
mod clock;
pub mod codec;
pub mod delay;
pub mod event;
pub mod load;
pub mod ng;
pub mod pace;
pub mod phone;
pub mod reception;
pub mod recording;
pub mod sdes;
pub mod sdp;
pub mod similarity;
pub mod speech;
mod wire;

pub use call::{By, Call, CallError};
pub use codec::Codec;
pub use mediapoint_g711::Law;
pub use phone::{PhoneConfig, PhoneError, PhoneStats, Softphone};
pub use similarity::{Similarity, alike};
