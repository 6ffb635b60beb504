//! Segments: stretches in which the same one or two frequencies sound, with exact ends.

use super::demodulate::Demodulator;
use super::spectrum::{Peaks, Spectrum};
use crate::frame::{FRAME, FRAME_MS, dbm0, mean_square};

/// A stretch of a tone.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ToneSegment {
    /// When it began, in ms of audio processed.
    pub start_ms: u32,
    /// How long it lasted, in ms; so far, where it goes on.
    pub duration_ms: u32,
    /// Frequencies in Hz, ascending; the second is 0 where there is one only.
    pub hz: [f32; 2],
    /// Level of all of it, in dBm0.
    pub level_dbm0: f32,
    /// How far the level varies from frame to frame, in dB (standard deviation).
    pub level_spread_db: f32,
    /// How far the frequencies vary from frame to frame, in Hz (standard deviation of the one that varies more).
    pub hz_spread: f32,
    /// Reversals of phase, counted where the tone is at 2100 Hz.
    pub reversals: u32,
    /// Depth of a 15 Hz amplitude modulation, 0 to 1, measured where the tone is at 2100 Hz.
    pub modulation: f32,
}

impl ToneSegment {
    /// When it ended, in ms of audio processed.
    #[must_use]
    pub fn end_ms(&self) -> u32 {
        self.start_ms.saturating_add(self.duration_ms)
    }

    /// Whether its frequencies are steadier than a voice's. Two near ones are measured less exactly, and take longer to tell.
    pub(crate) fn is_steady(&self) -> bool {
        let [_, second] = self.hz;
        let long = second > 0.0 && self.duration_ms >= LONG_MS;
        self.hz_spread < if long { STEADY_TWO_HZ } else { STEADY_HZ }
    }

    /// Whether `hz` are its frequencies within `tolerance` of each.
    pub(super) fn matches(&self, hz: [f32; 2], tolerance: f32) -> bool {
        same(self.hz, hz, |hz| tolerance * hz)
    }
}

fn same(a: [f32; 2], b: [f32; 2], tolerance: impl Fn(f32) -> f32) -> bool {
    a.iter().zip(b).all(|(&a, b)| (a - b).abs() <= tolerance(b))
}

/// Share of the power that the peaks of a tone have at least: a signal-to-noise ratio of about 8 dB over the band.
const PURE: f32 = 0.85;
/// How far a frequency may move from frame to frame, in Hz.
const DRIFT_HZ: f32 = 14.0;
/// A frame this far below the tone is not of it, in dB.
const DROP_DB: f32 = 9.0;
/// The frequency of a voice varies more than this, in Hz; two near ones of a long tone may vary more than one.
const STEADY_HZ: f32 = 4.0;
const LONG_MS: u32 = 300;
const STEADY_TWO_HZ: f32 = 9.0;
/// Half of the analysis window, in ms.
const HALF_WINDOW_MS: f32 = 32.0;

/// A tone that goes on.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Run {
    start_ms: f32,
    hz: [f32; 2],
    /// Deviations from the first frequencies, summed, and their squares.
    hz_first: [f32; 2],
    hz_sums: [(f32, f32); 2],
    frames: u32,
    level_sum: f32,
    level_squares: f32,
    level_dbm0: f32,
    demodulator: Demodulator,
}

impl Run {
    fn segment(&self, end_ms: f32) -> ToneSegment {
        let count = self.frames.max(1) as f32;
        let mean = self.level_sum / count;
        let variance = (self.level_squares / count - mean * mean).max(0.0);
        let ms = |value: f32| crate::to_u32(value.round());
        ToneSegment {
            start_ms: ms(self.start_ms),
            duration_ms: ms(end_ms - self.start_ms),
            hz: self.hz,
            level_dbm0: mean,
            level_spread_db: variance.sqrt(),
            hz_spread: self.hz_spread(),
            reversals: self.demodulator.reversals(),
            modulation: self.demodulator.modulation(),
        }
    }
}

impl Run {
    fn hz_spread(&self) -> f32 {
        let count = self.frames.max(1) as f32;
        let spread = |(sum, squares): (f32, f32)| (squares / count - (sum / count) * (sum / count)).max(0.0);
        self.hz_sums.into_iter().map(spread).fold(0.0, f32::max).sqrt()
    }
}

/// What a frame did to the segments.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Change {
    Nothing,
    Ended(ToneSegment),
}

/// Cuts audio into segments of tone.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Segmenter {
    spectrum: Spectrum,
    now_ms: u32,
    /// Mean squares of the last four frames, the newest first.
    recent: [f32; 4],
    run: Option<Run>,
    /// What may follow it, and when the first frame came that is not of the run.
    candidate: Option<(Run, f32)>,
    misses: u32,
}

impl Segmenter {
    pub(super) fn new() -> Self {
        Self { spectrum: Spectrum::new(), now_ms: 0, recent: [0.0; 4], run: None, candidate: None, misses: 0 }
    }

    /// Milliseconds processed.
    pub(super) fn now_ms(&self) -> u32 {
        self.now_ms
    }

    /// The tone that sounds, once it lasted 60 ms.
    pub(super) fn current(&self) -> Option<ToneSegment> {
        let run = self.run.as_ref().filter(|run| run.frames >= 3)?;
        Some(run.segment(self.now_ms as f32))
    }

    pub(super) fn process(&mut self, frame: &[i16; FRAME]) -> Change {
        self.spectrum.push(frame);
        self.now_ms = self.now_ms.saturating_add(FRAME_MS);
        let energy = mean_square(frame);
        let level = dbm0(energy);
        self.recent.rotate_right(1);
        self.recent[0] = energy;
        // The tone's end is exact by energy: the window would still see it for two frames.
        if let Some(run) = &self.run
            && level < run.level_dbm0 - DROP_DB
        {
            let whole = 10_f32.powf((run.level_dbm0 + 84.16) / 10.0);
            let part = (energy / whole.max(1.0)).clamp(0.0, 1.0) * 20.0;
            return self.end(self.now_ms as f32 - 20.0 + part);
        }
        if let Some(run) = &mut self.run
            && answers(run.hz)
        {
            run.demodulator.process(frame);
        }
        let peaks = self.spectrum.peaks().filter(|peaks| peaks.purity >= PURE && level > -55.0);
        let Some(peaks) = peaks else { return self.miss() };
        match &mut self.run {
            Some(run) if same(run.hz, peaks.hz, |_| DRIFT_HZ) => {
                extend(run, peaks, level);
                self.candidate = None;
                self.misses = 0;
                Change::Nothing
            }
            Some(run) if answers(run.hz) && answers(peaks.hz) => {
                // The first windows are half empty, and show two lines or a wrong one.
                if peaks.hz[1] == 0.0 {
                    if run.hz[1] != 0.0 || run.frames < 5 {
                        run.hz = peaks.hz;
                    }
                    extend(run, peaks, level);
                }
                self.misses = 0;
                Change::Nothing
            }
            Some(_) => self.other(peaks, level),
            None => {
                self.run = Some(self.begin(peaks, level));
                self.misses = 0;
                Change::Nothing
            }
        }
    }

    /// A frame without a tone, in the middle of one.
    fn miss(&mut self) -> Change {
        self.misses += 1;
        if self.misses < 4 {
            return Change::Nothing;
        }
        self.end(self.now_ms as f32 - 80.0 + HALF_WINDOW_MS / 2.0)
    }

    /// A frame of another tone than the one that sounds.
    fn other(&mut self, peaks: Peaks, level: f32) -> Change {
        let now = self.now_ms as f32;
        self.misses += 1;
        let left = match &mut self.candidate {
            Some((candidate, _)) if same(candidate.hz, peaks.hz, |_| DRIFT_HZ) => {
                extend(candidate, peaks, level);
                if candidate.frames < 3 {
                    return Change::Nothing;
                }
                *candidate
            }
            Some((_, left)) => {
                let left = *left;
                self.candidate = Some((self.begin(peaks, level), left));
                return Change::Nothing;
            }
            None => {
                self.candidate = Some((self.begin(peaks, level), now));
                return Change::Nothing;
            }
        };
        // Half way between the first window that is not of the old tone alone and the first of the new one alone.
        let first = self.candidate.take().map_or(now, |(_, first)| first);
        let boundary = f32::midpoint(first, now - 40.0) - HALF_WINDOW_MS;
        let ended = self.run.replace(Run { start_ms: boundary, ..left }).map(|run| run.segment(boundary));
        self.misses = 0;
        ended.map_or(Change::Nothing, Change::Ended)
    }

    fn begin(&self, peaks: Peaks, level: f32) -> Run {
        // The window holds 64 ms: the tone began in the oldest of its frames that has its energy.
        let [newest, ..] = self.recent;
        let loudest = self.recent.iter().fold(newest, |most, energy| most.max(*energy)).max(1.0);
        let mut start_ms = self.now_ms as f32;
        for energy in self.recent {
            let part = (energy / loudest).min(1.0);
            if part < 0.06 {
                break;
            }
            start_ms -= if part < 0.7 { part * 20.0 } else { 20.0 };
            if part < 0.7 && start_ms < self.now_ms as f32 - 20.0 {
                break;
            }
        }
        let mut run = Run {
            start_ms: start_ms.max(0.0),
            hz: peaks.hz,
            hz_first: peaks.hz,
            hz_sums: [(0.0, 0.0); 2],
            frames: 0,
            level_sum: 0.0,
            level_squares: 0.0,
            level_dbm0: level,
            demodulator: Demodulator::new(),
        };
        extend(&mut run, peaks, level);
        run
    }

    fn end(&mut self, at_ms: f32) -> Change {
        self.misses = 0;
        self.candidate = None;
        match self.run.take() {
            Some(run) if run.frames >= 2 => Change::Ended(run.segment(at_ms)),
            _ => Change::Nothing,
        }
    }
}

fn extend(run: &mut Run, peaks: Peaks, level: f32) {
    run.frames = run.frames.saturating_add(1);
    let weight = 1.0 / run.frames.min(25) as f32;
    for (hz, new) in run.hz.iter_mut().zip(peaks.hz) {
        *hz += weight * (new - *hz);
    }
    for ((sums, first), new) in run.hz_sums.iter_mut().zip(run.hz_first).zip(peaks.hz) {
        let off = new - first;
        *sums = (sums.0 + off, sums.1 + off * off);
    }
    run.level_sum += level;
    run.level_squares += level * level;
    run.level_dbm0 = run.level_sum / run.frames as f32;
}

/// Whether this is the answer tone: around a reversal of its phase it is two lines about 2100 Hz.
fn answers(hz: [f32; 2]) -> bool {
    (hz[0] - 2100.0).abs() < 45.0 && (hz[1] == 0.0 || (hz[1] - 2100.0).abs() < 90.0)
}
