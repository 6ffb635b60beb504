//! Where the greeting of a recording begins: with its first voiced sound, not with the thump that a recorder's start left.

use std::f64::consts::TAU;

/// Samples of a step of 10 ms and of the 40 ms whose period is looked for.
const STEP: usize = 80;
const WINDOW: usize = 320;
/// Lags of a voice, 400 down to 70 Hz.
const SHORTEST: usize = 20;
const LONGEST: usize = 115;
/// Below this there is no speech, but mains hum and a microphone's steps, in Hz.
const LOWEST_HZ: f64 = 100.0;
/// A sound is at most this far below the loudest 20 ms, in dB, and a voiced one this far.
const SOUND_DB: f64 = 30.0;
const VOICED_DB: f64 = 25.0;
/// Normalised correlation of a voiced step.
const VOICED: f64 = 0.6;
/// Steps: a pause that is longer parts two sounds; a sound with less of voice in it is no speech, but a thump or a breath.
const PAUSE_STEPS: u32 = 6;
const LEAST_STEPS: u32 = 6;
/// The greeting begins so early in the recording, or where the recording does.
const MOST_STEPS: usize = 150;

/// Milliseconds from the start of a recording to the first sound of it that is voiced for 60 ms; its unvoiced beginning belongs to it.
pub fn ms(recording: &[f64]) -> f64 {
    let pcm = high_pass(recording);
    let power = |part: &[f64]| part.iter().map(|x| x * x).sum::<f64>() / part.len() as f64;
    let loudest = pcm.chunks_exact(2 * STEP).map(power).fold(1e-9, f64::max);
    let (mut start, mut quiet, mut voiced) = (None, 0, 0);
    for (at, step) in pcm.chunks_exact(STEP).take(MOST_STEPS).enumerate() {
        let below = 10.0 * (loudest / power(step).max(1e-9)).log10();
        if below >= SOUND_DB {
            quiet += 1;
            if quiet > PAUSE_STEPS {
                start = None;
            }
            continue;
        }
        if start.is_none() {
            (start, voiced) = (Some(at), 0);
        }
        quiet = 0;
        voiced += u32::from(below < VOICED_DB && is_voiced(around(&pcm, at)));
        if voiced >= LEAST_STEPS {
            return 10.0 * start.unwrap_or(at) as f64;
        }
    }
    0.0
}

/// The window in whose middle a step is.
fn around(pcm: &[f64], step: usize) -> &[f64] {
    let from = (step * STEP + STEP / 2).saturating_sub(WINDOW / 2);
    &pcm[from..(from + WINDOW).min(pcm.len())]
}

fn is_voiced(window: &[f64]) -> bool {
    let Some(length) = window.len().checked_sub(LONGEST).filter(|length| *length > LONGEST) else {
        return false;
    };
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let whole = &window[..length];
    let energy = product(whole, whole);
    (SHORTEST..=LONGEST).any(|lag| {
        let moved = &window[lag..lag + length];
        product(whole, moved) > VOICED * (energy * product(moved, moved)).sqrt().max(1e-9)
    })
}

/// High-pass filter of fourth order (Butterworth).
fn high_pass(pcm: &[f64]) -> Vec<f64> {
    let mut out = pcm.to_vec();
    let angle = TAU * LOWEST_HZ / 8000.0;
    for quality in [0.541_196_1, 1.306_563_0] {
        let alpha = angle.sin() / (2.0 * quality);
        let a0 = 1.0 + alpha;
        let (a1, a2) = (-2.0 * angle.cos() / a0, (1.0 - alpha) / a0);
        let b0 = f64::midpoint(1.0, angle.cos()) / a0;
        let (mut s1, mut s2) = (0.0, 0.0);
        for sample in &mut out {
            let x = *sample;
            let y = b0 * x + s1;
            s1 = -2.0 * b0 * x - a1 * y + s2;
            s2 = b0 * x - a2 * y;
            *sample = y;
        }
    }
    out
}
