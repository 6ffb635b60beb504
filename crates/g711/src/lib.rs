//! ITU-T G.711: the A-law and mu-law codes of telephone audio, to and from 16-bit linear and each other.
//!
//! It codes samples; it knows no packets, sample rates or loss concealment (G.711 Appendix I). Linear samples are
//! full-scale 16 bit: the 14-bit uniform values of the mu-law tables times 4, the 13-bit ones of A-law times 8.
//!
//! ```
//! use mediapoint_g711::{Law, decode_slice, encode_slice, mu_to_a_in_place};
//!
//! let mut frame = [0x80, 0xff, 0x00];
//! let mut linear = [0; 3];
//! decode_slice(Law::Mu, &frame, &mut linear);
//! assert_eq!(linear, [32_124, 0, -32_124]);
//!
//! mu_to_a_in_place(&mut frame);
//! assert_eq!(frame, [0xaa, 0xd5, 0x2a]);
//!
//! encode_slice(Law::A, &[32_767, 0, -32_768], &mut frame);
//! assert_eq!(frame, [0xaa, 0xd5, 0x2a]);
//! ```
//!
//! Nothing allocates, nothing can fail, and every function is total. Specification: ITU-T G.711 (11/88).

#![no_std]

mod convert;
mod law;

pub use convert::{a_to_mu, a_to_mu_in_place, mu_to_a, mu_to_a_in_place};
pub use law::{Law, decode, decode_slice, encode, encode_slice, loudest_power};
