//! ITU-T G.729 Annex A, the 8 kbit/s speech codec of reduced complexity, with the silence compression of Annex B.
//!
//! Frames of 10 ms at 8000 Hz become 10 octets of speech, 2 octets of comfort noise or nothing, and back. The results
//! are those of the ITU's reference, bit for bit, lost frames included. It knows no packets but how frames lie in an
//! RTP payload, no clock, and no other annex.
//!
//! ```
//! use mediapoint_g729::{Decoder, Frame, payload};
//!
//! let mut decoder = Decoder::new();
//! let received: [Option<&[u8]>; 3] = [Some(&[0; 20]), None, Some(&[0x31, 0x46])]; // speech, a lost packet, a SID
//! let mut audio = Vec::new();
//! for packet in received {
//!     match packet {
//!         Some(octets) => payload::split(octets)?.for_each(|frame| audio.extend(decoder.decode(frame))),
//!         None => (0..2).for_each(|_| audio.extend(decoder.decode_erased())),
//!     }
//! }
//! audio.extend(decoder.decode(Frame::Untransmitted)); // the pause goes on
//! assert_eq!(audio.len(), 6 * Frame::SAMPLES);
//! # Ok::<(), payload::MalformedPayload>(())
//! ```
//!
//! For each 10 ms exactly one call: [`Decoder::decode`] with what came, [`Decoder::decode_erased`] for what was lost.
//! [`Frame::Untransmitted`] is for what was not sent: nothing came, and a SID came before. Nothing allocates and no bits
//! can make it fail. The state of each side is plain data.
//!
//! | feature | effect |
//! | --- | --- |
//! | `properties` | `properties`, the checks that fuzz targets run |
//!
//! Specifications: ITU-T G.729 (01/2007), Annexes A and B; RFC 3551 for payloads.

#![deny(unsafe_code)]

mod cng;
mod decoder;
mod dpf;
mod encoder;
mod exact;
mod excitation;
mod filter;
mod frame;
mod gain;
mod lsf;
mod lsp;
mod math;
mod ops;
pub mod payload;
mod postfilter;
#[cfg(any(test, feature = "properties"))]
pub mod properties;
pub mod serial;
#[expect(unsafe_code, reason = "the kernels load and store vectors")]
mod simd;
mod tables;

#[cfg(test)]
mod testdata;

pub use decoder::Decoder;
pub use encoder::{Encoder, EncoderOptions};
pub use frame::Frame;
