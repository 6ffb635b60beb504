//! ITU-T G.722 at 64 kbit/s (mode 1) behind the traits: 16 kHz audio in two sub-bands, each coded by ADPCM.
//!
//! An octet stands for two samples: the upper two bits are the higher sub-band, the lower six the lower one. The RTP
//! clock runs at 8 kHz nevertheless [RFC3551 4.5.2]. The block names in comments (QUANTL, UPPOL2, …) are those of the
//! Recommendation's clause 6.

mod band;
mod coder;
mod filter;

pub(crate) use coder::{G722Decoder, G722Encoder};

#[cfg(test)]
mod tests;
