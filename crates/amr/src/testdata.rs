//! Signals and frames that both codings are tested with.

use crate::FRAME_ROOM;

/// Samples `from` to `from + N` of a voice-like signal at `rate` hertz: three partials in syllables.
#[expect(clippy::cast_possible_truncation, reason = "made up samples well inside their range")]
pub(crate) fn syllables<const N: usize>(from: usize, rate: f64) -> [i16; N] {
    std::array::from_fn(|at| {
        let seconds = (from + at) as f64 / rate;
        let partials = [180.0, 360.0, 700.0].map(|hertz| (seconds * hertz * std::f64::consts::TAU).sin());
        ((seconds * 9.0).sin().powi(2) * 6000.0 * partials.iter().sum::<f64>()) as i16
    })
}

pub(crate) fn energy(pcm: &[i16]) -> f64 {
    pcm.iter().map(|sample| f64::from(*sample).powi(2)).sum()
}

/// Frames of octets that follow from nothing.
pub(crate) fn random_frames() -> impl Iterator<Item = [u8; FRAME_ROOM]> {
    let mut state = 1_u32;
    let mut octet = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(move || std::array::from_fn(|_| octet())).take(3000)
}
