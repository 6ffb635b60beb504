//! The speech coders of AMR and AMR-WB: opencore-amr and vo-amrwbenc, as Debian has them, behind a safe interface.
//!
//! Frames are those of files [RFC4867 5.3]: an octet that says their type and quality, then their bits. It knows no
//! payloads, no RTP, and no description; those are `mediapoint-codec`'s. It chooses no mode.
//!
#![cfg_attr(feature = "linked", doc = "```")]
#![cfg_attr(not(feature = "linked"), doc = "```text")]
//! use mediapoint_amr::{FRAME_ROOM, NarrowDecoder, NarrowEncoder};
//!
//! let mut encoder = NarrowEncoder::new(false).ok_or("no memory")?;
//! let mut decoder = NarrowDecoder::new().ok_or("no memory")?;
//! let mut frame = [0; FRAME_ROOM];
//! let len = encoder.encode(7, &[0; 160], &mut frame);
//! // 244 bits at 12.2 kbit/s, and the octet before them.
//! assert_eq!((len, frame[0]), (32, 0x3c));
//! let mut pcm = [0; 160];
//! decoder.decode(&frame, &mut pcm);
//! # Ok::<(), &str>(())
//! ```
//!
//! | feature | effect |
//! | --- | --- |
//! | `linked` | everything: links `libopencore-amrnb`, `libopencore-amrwb` and `libvo-amrwbenc`; without it the crate is empty |

#[cfg(feature = "linked")]
mod library;
#[cfg(feature = "linked")]
mod narrow;
#[cfg(all(test, feature = "linked"))]
mod testdata;
#[cfg(feature = "linked")]
mod wide;

#[cfg(feature = "linked")]
pub use narrow::{NarrowDecoder, NarrowEncoder};
#[cfg(feature = "linked")]
pub use wide::{WideDecoder, WideEncoder};

/// Octets that a frame has at most, with the one before its bits: 23.85 kbit/s of AMR-WB has 61.
pub const FRAME_ROOM: usize = 64;
