//! Opus behind the traits, by libopus: mono, at the sample rate that suits what is at the other side.
//!
//! An Opus stream has no sample rate and no number of channels of its own: a decoder makes what it is asked for, of two
//! channels their mean [RFC7587 3.4].

mod decoder;
mod encoder;
mod join;

pub(crate) use decoder::OpusDecoder;
pub(crate) use encoder::OpusEncoder;

use crate::error::Unsupported;

/// Sample rates that libopus works at, in hertz.
const RATES: [u32; 5] = [8000, 12_000, 16_000, 24_000, 48_000];

/// The lowest rate that loses nothing of audio at `rate`.
fn rate_for(rate: u32) -> u32 {
    RATES.into_iter().find(|it| *it >= rate).unwrap_or(48_000)
}

/// The highest rate that a party plays all of who names `rate`.
fn rate_within(rate: u32) -> u32 {
    RATES.into_iter().rev().find(|it| *it <= rate).unwrap_or(8000)
}

fn unsupported(error: &::opus::Error) -> Unsupported {
    Unsupported::Library(error.code() as i32)
}

#[cfg(test)]
mod tests;
