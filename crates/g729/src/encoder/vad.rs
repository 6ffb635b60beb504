//! Voice activity: whether a frame holds speech or only the noise of the line. Clause B.3; where the text differs from
//! the reference, the reference.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "counts are bounded by the lengths of the tables they index"
)]

use super::autocorrelation::{Autocorrelation, WINDOW};
use super::probe;
use crate::dpf;
use crate::lsp::{Lsp, ORDER};
use crate::math::log2;
use crate::ops::{
    abs_s, add, extract_h, l_add, l_comp, l_deposit_h, l_mac, l_mult, l_shl, l_shr, mult, round, saturate,
    sub,
};
use crate::tables::convert::{COS_NORMALISED, SLOPE_ACOS_NORMALISED};
use crate::tables::vad::{Difference, LOW_BAND_CORRELATION, QUIET_FACTOR, QUIET_SHIFT, REGIONS, Region};

/// Frames from which the first means are made.
const LEARNING: i16 = 32;
/// Frames over which the least energy is sought, in segments.
const HISTORY: i16 = 128;
const SEGMENTS: usize = 16;
/// Where the count of frames goes on when the word is full.
const COUNT_AGAIN: i16 = 256;

/// 15 dB. Energies are logarithms of base ten in Q11.
const QUIET: i16 = 3072;
/// The logarithm of the window's length.
const WINDOW_LENGTH: i16 = 4875;
/// How far beyond the noise the energy may be for hangover (T3), and for anything else (T4 to T6).
const HANGOVER: i16 = 410;
const CLOSE: i16 = 614;
/// Spectral distortion below which a frame counts as noise.
const SAME_SPECTRUM: i16 = 83;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    Noise,
    Speech,
}
use Activity::{Noise, Speech};

/// What the detector looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Features {
    /// Of the whole band and below 1 kHz, logarithms of base ten in Q11.
    energy: i16,
    low_energy: i16,
    /// Q15, the half of the sampling rate is 0.5.
    lsf: [i16; ORDER],
    /// Zero crossings in the frame, 410 each.
    crossings: i16,
    /// The second reflection coefficient, Q15.
    reflection: i16,
}

/// The detector: means of the noise, and what was decided before.
#[derive(Clone, Debug)]
pub(super) struct Detector {
    /// Frames so far, from 1.
    frames: i16,
    means: Means,
    minimum: Minimum,
    /// Quiet frames while learning.
    quiet: usize,
    /// Frames from which the means were updated since they were last set.
    updates: i16,
    /// The last decisions, the newer first.
    before: [Activity; 2],
    energy_before: i16,
    /// Whether a pause may still be taken for speech, and how often in a row it was.
    extends: bool,
    extensions: i16,
    /// Frames of noise in a row.
    silence: i16,
}

/// Running means of the noise, in the formats of [`Features`].
#[derive(Clone, Debug, Default)]
struct Means {
    lsf: [i16; ORDER],
    energy: i16,
    low_energy: i16,
    crossings: i16,
    /// Mean of all energies while learning.
    learning_energy: i16,
}

/// The least energy of the last 128 frames, in segments of eight.
#[derive(Clone, Debug)]
struct Minimum {
    segments: [i16; SEGMENTS],
    /// The least of all, as far as known.
    now: i16,
    /// The least of the finished segments and of the one that is not.
    finished: i16,
    unfinished: i16,
}

/// How far a frame is from the noise.
#[derive(Clone, Copy, Debug)]
struct Distances {
    energy: i16,
    low_energy: i16,
    crossings: i16,
    spectrum: i16,
}

impl Default for Detector {
    fn default() -> Self {
        Self {
            frames: 0,
            means: Means::default(),
            minimum: Minimum { segments: [0; SEGMENTS], now: i16::MAX, finished: 0, unfinished: 0 },
            quiet: 0,
            updates: 0,
            before: [Speech; 2],
            energy_before: 0,
            extends: true,
            extensions: 0,
            silence: 0,
        }
    }
}

impl Features {
    /// Of the autocorrelation before its lag window, the LSPs, the signal under the window. Clause B.3.1.
    pub(super) fn new(
        lags: &Autocorrelation,
        windowed: &[i32],
        lsp: &Lsp,
        reflection: i16,
        signal: &[i16; WINDOW],
    ) -> Self {
        let band = windowed.iter().zip(&LOW_BAND_CORRELATION).skip(1);
        let low = l_shl(band.fold(0, |sum, (&lag, &weight)| l_mac(sum, extract_h(lag), weight)), 1);
        let low = l_mac(low, extract_h(windowed[0]), LOW_BAND_CORRELATION[0]);
        let crossings =
            signal[120..=200].windows(2).map(|pair| i32::from(mult(pair[0], pair[1]) < 0)).sum::<i32>();
        Self {
            energy: level(windowed[0], lags.exponent),
            low_energy: level(low, lags.exponent),
            lsf: normalised_frequencies(lsp),
            crossings: saturate(410 * crossings),
            reflection,
        }
    }
}

/// The logarithm of an energy of `word * 2^exponent`, for a window of 240 samples. Equations (B.1) and (B.2).
fn level(word: i32, exponent: i16) -> i16 {
    let (whole, fraction) = log2(word);
    // log10(2) in Q15.
    let logarithm = l_mac(dpf::mul_word(l_comp(whole, fraction), 9864), 9864, sub(exponent, 2));
    sub(extract_h(l_shl(logarithm, 11)), WINDOW_LENGTH)
}

/// `Lsp_lsf`: the frequencies of the pairs.
fn normalised_frequencies(lsp: &Lsp) -> [i16; ORDER] {
    let mut lsf = [0; ORDER];
    let mut index = 63;
    for (out, &cosine) in lsf.iter_mut().zip(lsp).rev() {
        while index > 0 && COS_NORMALISED[index] < cosine {
            index -= 1;
        }
        let offset = l_mult(sub(cosine, COS_NORMALISED[index]), SLOPE_ACOS_NORMALISED[index]);
        *out = add(round(l_shl(offset, 3)), (index as i16) << 8);
    }
    lsf
}

impl Detector {
    /// `vad`: decides on a frame and learns from it.
    pub(super) fn decide(&mut self, frame: &Features) -> Activity {
        self.frames = if self.frames == i16::MAX { COUNT_AGAIN } else { self.frames + 1 };
        let spectrum = self.means.distortion(&frame.lsf);
        self.minimum.take(frame.energy, self.frames);
        let mut decision = Speech;
        if self.frames <= LEARNING {
            decision = self.learn(frame);
        }
        if self.frames >= LEARNING {
            if self.frames == LEARNING {
                self.means.finish_learning(self.quiet);
            }
            decision = self.judge(frame, spectrum);
        }
        self.energy_before = frame.energy;
        self.before = [decision, self.before[0]];
        self.record(frame, spectrum, decision);
        decision
    }

    /// The decision of the last frame.
    pub(super) const fn last(&self) -> Activity {
        self.before[0]
    }

    fn learn(&mut self, frame: &Features) -> Activity {
        if frame.energy < QUIET {
            self.quiet += 1;
            return Noise;
        }
        self.means.learn(frame);
        Speech
    }

    /// The decision by regions, smoothed. Clauses B.3.4 to B.3.7.
    fn judge(&mut self, frame: &Features, spectrum: i16) -> Activity {
        let distances = Distances {
            energy: sub(self.means.energy, frame.energy),
            low_energy: sub(self.means.low_energy, frame.low_energy),
            crossings: sub(self.means.crossings, frame.crossings),
            spectrum,
        };
        let loud = frame.energy >= QUIET;
        let first =
            if loud && REGIONS.iter().any(|region| distances.within(region)) { Speech } else { Noise };
        let (mut decision, held) = self.hang_over(frame, &distances, first);
        if decision == Noise {
            self.silence = add(self.silence, 1);
        } else if self.silence > 10 && sub(frame.energy, self.energy_before) <= CLOSE {
            decision = Noise;
            self.silence = 0;
        }
        if decision == Speech {
            self.silence = 0;
        }
        let close = sub(frame.energy, CLOSE) < self.means.energy;
        if close && self.frames > HISTORY && !held && frame.reflection < 19_661 {
            decision = Noise;
        }
        if close && frame.reflection < 24_576 && spectrum < SAME_SPECTRUM {
            self.updates = add(self.updates, 1);
            self.means.update(frame, self.updates);
        }
        if self.frames > HISTORY {
            let below = self.means.energy < self.minimum.now && spectrum < SAME_SPECTRUM;
            if below || sub(self.means.energy, self.minimum.now) > 2048 {
                self.means.energy = self.minimum.now;
                self.updates = 0;
            }
        }
        decision
    }

    /// The first two stages of smoothing: whether a pause is still speech, and whether it was made so here.
    fn hang_over(&mut self, frame: &Features, distances: &Distances, first: Activity) -> (Activity, bool) {
        let mut decision = first;
        let mut held = false;
        if self.before[0] == Speech
            && decision == Noise
            && add(distances.energy, HANGOVER) < 0
            && frame.energy > QUIET
        {
            (decision, held) = (Speech, true);
        }
        if !self.extends {
            self.extends = true;
        } else if self.before == [Speech; 2]
            && decision == Noise
            && abs_s(sub(self.energy_before, frame.energy)) <= CLOSE
        {
            (decision, held) = (Speech, true);
            self.extensions += 1;
            if self.extensions > 4 {
                self.extends = false;
                self.extensions = 0;
            }
        }
        (decision, held)
    }

    fn record(&self, frame: &Features, spectrum: i16, decision: Activity) {
        probe::record("E", &[frame.energy]);
        probe::record("El", &[frame.low_energy]);
        probe::record("SD", &[spectrum]);
        probe::record("ZC", &[frame.crossings]);
        probe::record("lsf_vad", &frame.lsf);
        probe::record("MeanSE", &[self.means.energy]);
        probe::record("MeanSLE", &[self.means.low_energy]);
        probe::record("MeanE", &[self.means.learning_energy]);
        probe::record("MeanSZC", &[self.means.crossings]);
        probe::record("MeanLSF", &self.means.lsf);
        probe::record("Min", &[self.minimum.now]);
        probe::record("vad", &[i16::from(decision == Speech)]);
    }
}

impl Distances {
    const fn value(&self, difference: Difference) -> i16 {
        match difference {
            Difference::Constant(value) => value,
            Difference::Full => self.energy,
            Difference::LowBand => self.low_energy,
            Difference::Spectral => self.spectrum,
            Difference::ZeroCrossings => self.crossings,
        }
    }

    /// Whether they lie in a region of speech. Clause B.3.5.
    fn within(&self, region: &Region) -> bool {
        let products = region.products.iter();
        let sum = products.fold(0, |sum, &(difference, factor)| l_mac(sum, self.value(difference), factor));
        let mut sum = l_shr(sum, region.shift);
        if let Some(high) = region.high {
            sum = l_add(sum, l_deposit_h(self.value(high)));
        }
        if region.active_above { sum > 0 } else { sum < 0 }
    }
}

/// Weights of old means and new values by the number of updates, Q15: energies, zero crossings, LSFs. Clause B.3.7.
struct Rates {
    energy: [i16; 2],
    crossings: [i16; 2],
    lsf: [i16; 2],
}

const RATES: [Rates; 6] = [
    Rates { energy: [24_576, 8192], crossings: [26_214, 6554], lsf: [19_661, 13_017] },
    Rates { energy: [31_130, 1638], crossings: [30_147, 2621], lsf: [21_299, 11_469] },
    Rates { energy: [31_785, 983], crossings: [30_802, 1966], lsf: [22_938, 9830] },
    Rates { energy: [32_440, 328], crossings: [31_457, 1311], lsf: [24_576, 8192] },
    Rates { energy: [32_604, 164], crossings: [32_440, 328], lsf: [24_576, 8192] },
    Rates { energy: [32_604, 164], crossings: [32_702, 66], lsf: [24_576, 8192] },
];

impl Means {
    /// The squared distance from the mean LSFs, Q15. Equation (B.4).
    fn distortion(&self, lsf: &[i16; ORDER]) -> i16 {
        extract_h(lsf.iter().zip(&self.lsf).fold(0, |sum, (&now, &mean)| {
            let difference = sub(now, mean);
            l_mac(sum, difference, difference)
        }))
    }

    /// Adds a thirty-second of a frame.
    fn learn(&mut self, frame: &Features) {
        let taken = |mean: i16, value: i16| extract_h(l_mac(l_deposit_h(mean), 1024, value));
        self.learning_energy = taken(self.learning_energy, frame.energy);
        self.crossings = taken(self.crossings, frame.crossings);
        for (mean, &value) in self.lsf.iter_mut().zip(&frame.lsf) {
            *mean = taken(*mean, value);
        }
    }

    /// Makes means of the sums, of which `quiet` frames were left out.
    fn finish_learning(&mut self, quiet: usize) {
        let scaled = |sum: i16| extract_h(l_shl(l_mult(sum, QUIET_FACTOR[quiet]), QUIET_SHIFT[quiet]));
        self.learning_energy = scaled(self.learning_energy);
        self.crossings = scaled(self.crossings);
        self.lsf = self.lsf.map(scaled);
        self.energy = sub(self.learning_energy, 2048);
        self.low_energy = sub(self.learning_energy, 2458);
    }

    fn update(&mut self, frame: &Features, updates: i16) {
        let row = (usize::from(updates.unsigned_abs()) / 10).saturating_sub(1).min(5);
        let Rates { energy, crossings, lsf } = &RATES[row];
        let mix =
            |mean: i16, value: i16, rate: &[i16; 2]| extract_h(l_mac(l_mult(rate[0], mean), rate[1], value));
        self.energy = mix(self.energy, frame.energy, energy);
        self.low_energy = mix(self.low_energy, frame.low_energy, energy);
        self.crossings = mix(self.crossings, frame.crossings, crossings);
        for (mean, &value) in self.lsf.iter_mut().zip(&frame.lsf) {
            *mean = mix(*mean, value, lsf);
        }
    }
}

impl Minimum {
    /// Takes an energy in. Clause B.3.3.
    fn take(&mut self, energy: i16, frames: i16) {
        let ends_segment = frames % 8 == 0;
        if frames <= HISTORY {
            if energy < self.now {
                self.now = energy;
                self.finished = energy;
            }
            if ends_segment {
                self.segments[usize::from(frames.unsigned_abs()) / 8 - 1] = self.now;
                self.now = i16::MAX;
            }
        } else {
            if frames % 8 == 1 {
                self.now = self.finished;
                self.unfinished = i16::MAX;
            }
            self.now = self.now.min(energy);
            self.unfinished = self.unfinished.min(energy);
            if ends_segment {
                self.segments.rotate_left(1);
                self.segments[SEGMENTS - 1] = self.unfinished;
            }
        }
        if ends_segment {
            self.finished = self.segments.into_iter().fold(i16::MAX, i16::min);
        }
    }
}
