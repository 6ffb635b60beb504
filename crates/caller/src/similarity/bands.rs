//! How the levels of a sound's bands go up and down: what stays the same where a codec keeps the sound, not the samples.

use realfft::RealFftPlanner;

use super::single;

/// Samples that a level is taken of, with a window that leaves about half of them: 32 ms.
const WINDOW: usize = 256;

/// Samples from one level to the next: 20 ms.
const STEP: usize = 160;

/// Edges of the bands in bins of 31.25 Hz, from 125 Hz to 3.6 kHz: about as wide as those of hearing.
const EDGES: [usize; BANDS + 1] = [4, 7, 10, 13, 16, 20, 24, 29, 34, 40, 47, 55, 64, 74, 86, 100, 115];

const BANDS: usize = 16;

/// Levels are not told apart this far below the loudest of a sound: there codecs and phones have their own noise.
const RANGE_DB: f64 = 45.0;

type Levels = Vec<[f64; BANDS]>;

/// The correlation coefficient of the levels of two aligned sounds, each band about its own mean.
pub(super) fn correlation(a: &[i16], b: &[i16]) -> f64 {
    let (a, b) = (centred(levels(a)), centred(levels(b)));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().flatten().zip(b.iter().flatten()) {
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    let scale = (aa * bb).sqrt();
    if scale > 0.0 { ab / scale } else { 0.0 }
}

/// The bands' levels in decibels every [`STEP`] samples, none further than [`RANGE_DB`] below the greatest.
fn levels(samples: &[i16]) -> Levels {
    let plan = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW);
    let (mut time, mut bins) = (plan.make_input_vec(), plan.make_output_vec());
    let mut levels: Levels = Vec::new();
    for frame in samples.windows(WINDOW).step_by(STEP) {
        for ((to, &from), weight) in time.iter_mut().zip(frame).zip(hann()) {
            *to = f32::from(from) * weight;
        }
        // Fails only for wrong lengths, and these are the plan's own.
        if plan.process(&mut time, &mut bins).is_err() {
            return levels;
        }
        let mut frame = [0.0; BANDS];
        for (level, edges) in frame.iter_mut().zip(EDGES.windows(2)) {
            if let [from, to] = *edges {
                let power: f32 =
                    bins.get(from..to).unwrap_or_default().iter().map(|bin| bin.norm_sqr()).sum();
                *level = 10.0 * f64::from(power.max(1.0)).log10();
            }
        }
        levels.push(frame);
    }
    let floor = levels.iter().flatten().copied().fold(0.0, f64::max) - RANGE_DB;
    levels.iter_mut().flatten().for_each(|level| *level = level.max(floor));
    levels
}

fn hann() -> impl Iterator<Item = f32> {
    let turn = std::f64::consts::TAU / decimal(WINDOW);
    (0..WINDOW).map(move |n| single(0.5 - 0.5 * (turn * decimal(n)).cos()))
}

fn centred(mut levels: Levels) -> Levels {
    let mut mean = [0.0; BANDS];
    let count = decimal(levels.len().max(1));
    for frame in &levels {
        mean.iter_mut().zip(frame).for_each(|(mean, level)| *mean += level / count);
    }
    for frame in &mut levels {
        frame.iter_mut().zip(&mean).for_each(|(level, mean)| *level -= mean);
    }
    levels
}

#[expect(clippy::cast_precision_loss, reason = "no audio has 2^52 samples")]
fn decimal(number: usize) -> f64 {
    number as f64
}
