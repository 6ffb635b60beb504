//! The audio on its way through a suppressor, and what of it is marked as a digit.
#![expect(clippy::indexing_slicing, reason = "indices are taken modulo the length of the line")]

use crate::analysis::{HOP, HOP_SAMPLES, Spectrum};
use crate::generator::clipped;
use crate::history::Tone;
use crate::replacement::{Player, Replacement};
use crate::tones::SAMPLE_RATE;

/// Samples at 8000 Hz by which audio leaves late: five hops.
pub(super) const DELAY: usize = 5 * HOP;
/// [`DELAY`] for positions.
const DELAY_SAMPLES: u64 = 5 * HOP_SAMPLES;
/// Windows in sequence that are muted.
const ENOUGH: u32 = 3;
/// Samples muted before the middle of the first window and after that of the last one.
pub(super) const GUARD: u64 = 96;
/// Samples after muted audio in which one window is enough.
const WARY: u64 = 480;
/// Samples between two windows of a digit that goes on: a break of less than 25 ms parts no digit.
const BREAK: u64 = 200 + HOP_SAMPLES;
/// Samples over which audio fades out and in, inside what is muted.
const FADE: f32 = 24.0;
/// Lowest level of a tone that is looked at.
pub(super) const LOWEST_DBM0: f32 = -60.0;
/// Greatest ratio of the two tones either way: 15 dB.
const TWIST: f32 = 32.0;
/// Least share of the two tones in a window.
const SHARE: f32 = 0.45;
/// Length of the filter before a faster rate is thinned out, in samples at 8000 Hz.
const FILTER: usize = 8;
/// Samples at 8000 Hz by which that filter is late.
pub(super) const LAG: u64 = 4;

/// What is known of a sample in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Mark {
    /// No digit.
    Clear,
    /// Of a digit that began while digits pass.
    Passed,
    /// Of a digit that is muted.
    Muted,
}

/// Windows in sequence that may be one digit.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Suspect {
    low: usize,
    high: usize,
    count: u32,
    /// Its first sample.
    began: u64,
    /// The middle of its last window; `count` begins anew behind a break.
    last: u64,
}

/// The audio on its way. Positions and marks count samples at 8000 Hz, `taken` and `muted` those of the audio's rate.
#[derive(Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Line {
    samples: Vec<i16>,
    marks: Vec<Mark>,
    /// The hop that fills, behind what the filter keeps of the ones before.
    recent: Vec<f32>,
    pub(super) filled: usize,
    pub(super) taken: u64,
    pub(super) muted: u64,
    suspect: Option<Suspect>,
    marked_until: u64,
    muted_until: u64,
    pub(super) active: bool,
    /// Since when digits pass.
    passing_since: u64,
    gain: f32,
    pub(super) player: Player,
}

impl Line {
    pub(super) fn new(factor: usize, replacement: Replacement) -> Self {
        Self {
            samples: vec![0; DELAY * factor],
            marks: vec![Mark::Clear; DELAY],
            recent: vec![0.0; kept(factor) + HOP * factor],
            filled: 0,
            taken: 0,
            muted: 0,
            suspect: None,
            marked_until: 0,
            muted_until: 0,
            active: true,
            passing_since: 0,
            gain: 1.0,
            player: Player::new(replacement),
        }
    }

    /// True where a suppressor with this factor can have been in this state.
    pub(super) fn is_sound(&self, factor: usize) -> bool {
        let lengths = self.samples.len() == DELAY * factor
            && self.marks.len() == DELAY
            && self.recent.len() == kept(factor) + HOP * factor;
        let now = self.now(factor);
        let hop = (HOP * factor) as u64;
        let counts =
            self.taken <= 1 << 56 && self.muted <= self.taken && self.filled as u64 == self.taken % hop;
        let latest = now.saturating_add(DELAY_SAMPLES);
        let places = self.muted_until <= self.marked_until
            && self.marked_until <= latest
            && self.passing_since <= now
            && self.suspect.is_none_or(|suspect| suspect.began <= now && suspect.last <= now);
        let numbers = self.recent.iter().all(|sample| sample.is_finite()) && self.player.is_sound();
        lengths && counts && places && numbers && (0.0..=1.0).contains(&self.gain)
    }

    /// Samples taken, at 8000 Hz.
    pub(super) const fn now(&self, factor: usize) -> u64 {
        self.taken / factor as u64
    }

    pub(super) fn set_active(&mut self, active: bool, now: u64) {
        if active {
            for mark in &mut self.marks {
                if *mark == Mark::Passed {
                    *mark = Mark::Muted;
                }
            }
            self.muted_until = self.marked_until;
        } else if self.active {
            self.passing_since = now;
        }
        self.active = active;
    }

    /// True where digits pass and none that began before they did is left.
    pub(super) fn lets_all_pass(&self, now: u64) -> bool {
        !self.active
            && self.gain >= 1.0
            && now >= self.muted_until + DELAY_SAMPLES
            && self.suspect.is_none_or(|suspect| suspect.began >= self.passing_since)
    }

    /// Puts `pcm`, of one hop at most, into the line, and what leaves into `pcm`.
    pub(super) fn exchange(&mut self, factor: usize, pcm: &mut [i16]) {
        let begin = kept(factor) + self.filled;
        for (slot, sample) in self.recent[begin..].iter_mut().zip(pcm.iter()) {
            *slot = f32::from(*sample);
        }
        let length = self.samples.len();
        let at = usize::try_from(self.taken % length as u64).unwrap_or(0);
        let end = at + pcm.len();
        self.samples[at..end].swap_with_slice(pcm);
        let first = self.now(factor);
        self.filled += pcm.len();
        if self.gain >= 1.0 && first >= self.marked_until + DELAY_SAMPLES {
            // No mark is left in the line, and none is to be set.
            self.taken += pcm.len() as u64;
            return;
        }
        let rate = f64::from(SAMPLE_RATE) * factor as f64;
        let step = 1.0 / (FADE * factor as f32);
        let mut now = first;
        let mut slot = usize::try_from(now % DELAY_SAMPLES).unwrap_or(0);
        let mut part = usize::try_from(self.taken % factor as u64).unwrap_or(0);
        self.taken += pcm.len() as u64;
        for sample in pcm {
            let muted = self.marks[slot] == Mark::Muted;
            part += 1;
            if part == factor {
                self.marks[slot] = self.mark_of(now);
                (part, now) = (0, now + 1);
                slot = if slot + 1 == DELAY { 0 } else { slot + 1 };
            }
            self.pass(sample, muted, step, rate);
        }
    }

    fn mark_of(&self, at: u64) -> Mark {
        if at < self.muted_until {
            Mark::Muted
        } else if at < self.marked_until {
            Mark::Passed
        } else {
            Mark::Clear
        }
    }

    fn pass(&mut self, sample: &mut i16, muted: bool, step: f32, rate: f64) {
        if !muted && self.gain >= 1.0 {
            return;
        }
        if muted && self.gain >= 1.0 {
            self.player.begin(rate);
        }
        self.muted += u64::from(muted);
        self.gain = (self.gain + if muted { -step } else { step }).clamp(0.0, 1.0);
        if self.gain <= 0.0 && self.player.is_silent() {
            *sample = 0;
            return;
        }
        let gain = f64::from(self.gain);
        *sample = clipped(f64::from(*sample) * gain + self.player.sample() * (1.0 - gain));
    }

    /// The last hop at 8000 Hz.
    pub(super) fn thin_out(&mut self, taps: &[f32], factor: usize, hop: &mut [f32; HOP]) {
        if factor == 1 {
            hop.copy_from_slice(&self.recent);
            return;
        }
        for (n, out) in hop.iter_mut().enumerate() {
            let from = &self.recent[(n + 1) * factor..][..taps.len()];
            let mut lanes = [0.0_f32; 8];
            for (samples, taps) in from.chunks_exact(8).zip(taps.chunks_exact(8)) {
                for ((lane, sample), tap) in lanes.iter_mut().zip(samples).zip(taps) {
                    *lane += sample * tap;
                }
            }
            *out = lanes.iter().sum();
        }
        self.recent.copy_within(HOP * factor.., 0);
    }

    pub(super) fn judge(&mut self, spectrum: &Spectrum, floor: f32, now: u64, lag: u64) {
        let (low, high) = spectrum.strongest();
        let tone = Tone::of(spectrum, low, high);
        let suspicious = tone.low > floor
            && tone.high > floor
            && tone.low < tone.high * TWIST
            && tone.high < tone.low * TWIST
            && tone.low + tone.high > spectrum.energy * SHARE;
        let middle = now.saturating_sub(HOP_SAMPLES + lag);
        if !suspicious {
            let goes_on = self.suspect.filter(|suspect| middle < suspect.last + BREAK);
            self.suspect = goes_on.map(|suspect| Suspect { count: 0, ..suspect });
            return;
        }
        let fresh = Suspect { low, high, count: 0, began: middle.saturating_sub(GUARD), last: middle };
        let known = self.suspect.filter(|suspect| (suspect.low, suspect.high) == (low, high));
        let mut suspect = known.unwrap_or(fresh);
        (suspect.count, suspect.last) = (suspect.count.saturating_add(1), middle);
        self.suspect = Some(suspect);
        let again = middle < self.marked_until + WARY && self.marked_until > 0;
        if suspect.count >= ENOUGH || again {
            let since = u64::from(suspect.count.min(ENOUGH) - 1) * HOP_SAMPLES + GUARD;
            self.mark(middle.saturating_sub(since), middle + GUARD, suspect.began, now);
        }
    }

    /// Marks samples of the line, and those to come, as of a digit that `began` at a position.
    pub(super) fn mark(&mut self, from: u64, until: u64, began: u64, now: u64) {
        let mark = if self.active || began < self.passing_since { Mark::Muted } else { Mark::Passed };
        for at in from.max(now.saturating_sub(DELAY_SAMPLES))..until.min(now) {
            let slot = &mut self.marks[usize::try_from(at % DELAY_SAMPLES).unwrap_or(0)];
            *slot = (*slot).max(mark);
        }
        self.marked_until = self.marked_until.max(until);
        if mark == Mark::Muted {
            self.muted_until = self.muted_until.max(until);
        }
    }
}

/// Samples before a hop that the filter needs.
const fn kept(factor: usize) -> usize {
    if factor == 1 { 0 } else { FILTER * factor }
}

/// A low-pass filter at 3800 Hz, flat over the tones of digits: a sinc under a Hamming window, with a sum of one.
#[expect(clippy::cast_possible_truncation, reason = "taps need no more digits")]
pub(super) fn filter(factor: usize) -> Vec<f32> {
    use std::f64::consts::{PI, TAU};
    let length = kept(factor);
    let middle = (length as f64 - 1.0) / 2.0;
    let cutoff = TAU * 3800.0 / (f64::from(SAMPLE_RATE) * factor as f64);
    let taps: Vec<f64> = (0..length)
        .map(|n| {
            let off = n as f64 - middle;
            let window = 0.54 - 0.46 * (TAU * (n as f64 + 0.5) / length as f64).cos();
            // The length is even: no tap lies in the middle.
            window * (cutoff * off).sin() / (PI * off)
        })
        .collect();
    let sum: f64 = taps.iter().sum();
    taps.iter().map(|tap| (tap / sum) as f32).collect()
}
