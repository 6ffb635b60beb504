//! Comfort noise, RFC 3389: what a pause sounds like, in a few octets, for codecs that know no pauses themselves.
//!
//! The first octet is the level, in decibels below a square wave of full scale. Each further one is a reflection
//! coefficient of an all-pole model of the spectrum. Their sign is open in the text; here, as in what the field
//! sends, the first one of noise that is stronger at low frequencies is negative: the model's denominator is built
//! up as `A(z) + k z^-m A(1/z)`.

mod analyser;
mod generator;

pub use analyser::NoiseAnalyser;
pub use generator::NoiseGenerator;

/// Reflection coefficients that are sent, and the most that are heeded [RFC3389 3.2]: a sender's higher ones are left
/// out, which smooths its spectrum.
pub const ORDER: usize = 10;

/// The most octets that a description made here has.
pub const MAX_PAYLOAD: usize = 1 + ORDER;

/// Mean square of a square wave of full scale, the level 0 [RFC3389 3.1].
const FULL_SCALE: f32 = 32_767.0 * 32_767.0;
/// The lowest level that can be said, in -dBov [RFC3389 3.1].
const SILENCE: u8 = 127;

/// One over the step of a quantised coefficient [RFC3389 3.2].
const STEPS: f32 = 32_768.0 / 258.0;
/// The octet of a coefficient of zero.
const ZERO: f32 = 127.0;

/// The octet for a coefficient.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 254")]
fn quantise(coefficient: f32) -> u8 {
    (coefficient * STEPS + ZERO).round().clamp(0.0, 254.0) as u8
}

/// The coefficient of an octet; `None` for the one that is reserved.
fn coefficient(octet: u8) -> Option<f32> {
    (octet != u8::MAX).then(|| (f32::from(octet) - ZERO) / STEPS)
}

#[cfg(test)]
mod tests;
