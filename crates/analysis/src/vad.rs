//! Voice activity: energy of four bands against the noise floor of each.
//!
//! Not a classifier of sounds: steady tones and music are activity too. [`ToneDetector`](crate::ToneDetector) tells tones.

use crate::frame::{FRAME, FRAME_MS, dbm0, mean_square};

/// Finds speech in frames of 20 ms at 8 kHz. [`Vad`] is the built-in one; another, such as a neural one, takes its place behind
/// this trait.
pub trait VoiceActivity {
    /// Judges the next frame.
    fn process(&mut self, frame: &[i16; FRAME]) -> Activity;
    /// Forgets all that was processed.
    fn reset(&mut self);
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Activity {
    /// Whether somebody talks, by onset and hang-over.
    pub speech: bool,
    /// Whether this frame alone is above the noise.
    pub active: bool,
    /// Level of the frame in dBm0, at least -90.
    pub level_dbm0: f32,
    /// Level of the background noise in dBm0.
    pub noise_dbm0: f32,
    /// How far the frame is above the noise in dB, mean of the bands.
    pub snr_db: f32,
}

/// Settings of a [`Vad`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct VadSettings {
    /// Milliseconds of activity after which speech begins; 20 to 500.
    pub onset_ms: u32,
    /// Milliseconds without activity after which speech ends; 0 to 2000.
    pub hangover_ms: u32,
    /// How far above the noise a frame is active, in dB, mean of the bands; 1 to 20.
    pub threshold_db: f32,
    /// Frames below this level are never active, in dBm0; -80 to -20.
    pub floor_dbm0: f32,
}

impl Default for VadSettings {
    fn default() -> Self {
        Self { onset_ms: 40, hangover_ms: 160, threshold_db: 3.0, floor_dbm0: -58.0 }
    }
}

impl VadSettings {
    /// The settings with every value within its range.
    #[must_use]
    pub fn clamped(self) -> Self {
        let within =
            |value: f32, low: f32, high: f32| if value.is_nan() { low } else { value.clamp(low, high) };
        Self {
            onset_ms: self.onset_ms.clamp(FRAME_MS, 500),
            hangover_ms: self.hangover_ms.min(2000),
            threshold_db: within(self.threshold_db, 1.0, 20.0),
            floor_dbm0: within(self.floor_dbm0, -80.0, -20.0),
        }
    }
}

const BANDS: usize = 4;
/// Band edges in Hz.
const EDGES: [(f32, f32); BANDS] = [(80.0, 500.0), (500.0, 1000.0), (1000.0, 2000.0), (2000.0, 3400.0)];
/// The noise floor is the least smoothed energy of this many parts of 0.5 s.
const PARTS: usize = 6;
const PART_FRAMES: u32 = 25;
/// The mean of noise is above the least of its smoothed energies by about this factor.
const BIAS: f32 = 1.6;
/// Until this many frames were heard the floor is not believed above `EARLY_FLOOR`: a call can begin with speech.
const EARLY_FRAMES: u32 = 25;
/// Frames in which decoders start.
const START_FRAMES: u32 = 3;
/// Mean square of -34 dBm0.
const EARLY_FLOOR: f32 = 103_750.0;
/// Mean square of -72 dBm0 a band: quantisation noise of G.711 is about there.
const LEAST_FLOOR: f32 = 16.4;

/// Energy-based voice activity detector. It allocates nothing.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Vad {
    settings: VadSettings,
    bank: Bank,
    smooth: [f32; BANDS],
    least: [[f32; BANDS]; PARTS],
    frames: u32,
    active_run: u32,
    quiet_run: u32,
    speech: bool,
}

impl Vad {
    /// A detector; settings out of their ranges are clamped.
    #[must_use]
    pub fn new(settings: VadSettings) -> Self {
        Self {
            settings: settings.clamped(),
            bank: Bank::new(),
            smooth: [0.0; BANDS],
            least: [[f32::MAX; BANDS]; PARTS],
            frames: 0,
            active_run: 0,
            quiet_run: 0,
            speech: false,
        }
    }

    /// Energies of the last frame's bands, mean squares.
    #[must_use]
    pub fn bands(&self) -> [f32; 4] {
        self.bank.energies
    }

    fn floors(&mut self, energies: [f32; BANDS]) -> [f32; BANDS] {
        // A decoder's first frames are quieter than what follows: they are no noise floor.
        if self.frames <= START_FRAMES {
            self.smooth = energies;
            self.least = [[f32::MAX; BANDS]; PARTS];
        }
        for (smooth, energy) in self.smooth.iter_mut().zip(energies) {
            *smooth += 0.4 * (energy - *smooth);
        }
        if self.frames.is_multiple_of(PART_FRAMES) {
            self.least.rotate_right(1);
            self.least[0] = self.smooth;
        }
        for (least, smooth) in self.least[0].iter_mut().zip(self.smooth) {
            *least = least.min(smooth);
        }
        let mut floors = [f32::MAX; BANDS];
        for part in &self.least {
            for (floor, least) in floors.iter_mut().zip(part) {
                *floor = floor.min(*least);
            }
        }
        let most = if self.frames < EARLY_FRAMES { EARLY_FLOOR / 4.0 } else { f32::MAX };
        self.frames = self.frames.saturating_add(1);
        floors.map(|floor| (floor * BIAS).min(most).max(LEAST_FLOOR))
    }
}

impl VoiceActivity for Vad {
    fn process(&mut self, frame: &[i16; FRAME]) -> Activity {
        let energies = self.bank.process(frame);
        let floors = self.floors(energies);
        let mut snr = 0.0;
        let mut best: f32 = 0.0;
        for (energy, floor) in energies.iter().zip(floors) {
            let above = (10.0 * (energy.max(1e-3) / floor).log10()).clamp(0.0, 20.0);
            snr += above / 4.0;
            best = best.max(above);
        }
        let level = dbm0(mean_square(frame));
        let threshold = self.settings.threshold_db;
        let active = level > self.settings.floor_dbm0 && (snr > threshold || best > 2.0 * threshold + 1.0);
        if active {
            self.active_run = self.active_run.saturating_add(1);
            self.quiet_run = 0;
        } else {
            self.active_run = 0;
            self.quiet_run = self.quiet_run.saturating_add(1);
        }
        if self.speech {
            self.speech = self.quiet_run.saturating_mul(FRAME_MS) <= self.settings.hangover_ms;
        } else {
            self.speech = self.active_run.saturating_mul(FRAME_MS) >= self.settings.onset_ms;
        }
        let noise = dbm0(floors.iter().sum());
        Activity { speech: self.speech, active, level_dbm0: level, noise_dbm0: noise, snr_db: snr }
    }

    fn reset(&mut self) {
        *self = Self::new(self.settings);
    }
}

/// Four band-pass filters of second order, side by side.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Bank {
    b0: [f32; BANDS],
    a1: [f32; BANDS],
    a2: [f32; BANDS],
    s1: [f32; BANDS],
    s2: [f32; BANDS],
    energies: [f32; BANDS],
}

impl Bank {
    #[expect(clippy::indexing_slicing, reason = "four bands, each array has four")]
    fn new() -> Self {
        let mut bank = Self {
            b0: [0.0; BANDS],
            a1: [0.0; BANDS],
            a2: [0.0; BANDS],
            s1: [0.0; BANDS],
            s2: [0.0; BANDS],
            energies: [0.0; BANDS],
        };
        for (at, (low, high)) in EDGES.into_iter().enumerate() {
            let centre = (low * high).sqrt();
            let angle = core::f32::consts::TAU * centre / 8000.0;
            let alpha = angle.sin() * (high - low) / (2.0 * centre);
            bank.b0[at] = alpha / (1.0 + alpha);
            bank.a1[at] = -2.0 * angle.cos() / (1.0 + alpha);
            bank.a2[at] = (1.0 - alpha) / (1.0 + alpha);
        }
        bank
    }

    #[expect(clippy::indexing_slicing, reason = "four bands, each array has four")]
    fn process(&mut self, frame: &[i16; FRAME]) -> [f32; BANDS] {
        let (b0, a1, a2) = (self.b0, self.a1, self.a2);
        let (mut s1, mut s2) = (self.s1, self.s2);
        let mut sums = [0.0; BANDS];
        for &sample in frame {
            let x = f32::from(sample);
            for at in 0..BANDS {
                let y = b0[at] * x + s1[at];
                s1[at] = s2[at] - a1[at] * y;
                s2[at] = -b0[at] * x - a2[at] * y;
                sums[at] += y * y;
            }
        }
        // After digital silence the state would become denormal, which is slow.
        let settle = |value: f32| if value.abs() < 1e-6 { 0.0 } else { value };
        self.s1 = s1.map(settle);
        self.s2 = s2.map(settle);
        self.energies = sums.map(|sum| sum / 160.0);
        self.energies
    }
}
