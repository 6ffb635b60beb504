//! What stands in the audio in place of a digit.

use std::f64::consts::TAU;

use mediapoint_packet::telephone_event::DtmfDigit;
use thiserror::Error;

use crate::tones::{frequencies, peak_of};

/// Frequencies of a [`ToneList`] at most.
pub const MAX_TONES: usize = 16;

/// What stands in place of a digit.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Replacement {
    /// Silence.
    Silence,
    /// White noise.
    Noise {
        /// Level in dBm0: that of a sine of the same power. Above -10 it counts as -10.
        dbm0: f32,
    },
    /// The tones of digit 0.
    Zero,
    /// The tones of a digit drawn for each one muted, by a generator with this seed. It is no secret of any worth: it only
    /// hides how many different digits there were.
    Random(u64),
    /// The tones of this digit; silence for a flash.
    Digit(#[cfg_attr(feature = "serde", serde(with = "crate::saved::digit"))] DtmfDigit),
    /// One tone.
    Tone {
        /// Frequency in Hz, 0 to 4000.
        hz: f32,
        /// Level in dBm0; above 0 it counts as 0.
        dbm0: f32,
    },
    /// Tones in turn, one for each digit muted.
    Tones {
        /// Their frequencies.
        hz: ToneList,
        /// Level in dBm0; above 0 it counts as 0.
        dbm0: f32,
    },
}

/// Frequencies that are used in turn.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Vec<f32>", into = "Vec<f32>"))]
pub struct ToneList {
    hz: [f32; MAX_TONES],
    count: u8,
}

/// Why a list of frequencies is none.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum ToneListError {
    /// There are none, or too many.
    #[error("{0} frequencies; give 1 to 16")]
    Count(usize),
    /// A frequency lies outside telephone audio.
    #[error("cannot play {0} Hz; give frequencies from 20 to 4000 Hz")]
    Frequency(f32),
}

impl ToneList {
    /// The frequencies `hz`, each 20 to 4000 Hz, 1 to 16 of them.
    ///
    /// # Errors
    /// [`ToneListError`] where there are too few or too many, or one lies out of its range.
    pub fn new(hz: &[f32]) -> Result<Self, ToneListError> {
        let mut list = Self { hz: [0.0; MAX_TONES], count: 0 };
        let wrong = ToneListError::Count(hz.len());
        if hz.is_empty() || hz.len() > MAX_TONES {
            return Err(wrong);
        }
        for (slot, hz) in list.hz.iter_mut().zip(hz) {
            if !(20.0..=4000.0).contains(hz) {
                return Err(ToneListError::Frequency(*hz));
            }
            *slot = *hz;
        }
        list.count = u8::try_from(hz.len()).map_err(|_| wrong)?;
        Ok(list)
    }

    /// The frequencies in Hz.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        self.hz.get(..usize::from(self.count)).unwrap_or(&self.hz)
    }
}

impl TryFrom<Vec<f32>> for ToneList {
    type Error = ToneListError;

    fn try_from(hz: Vec<f32>) -> Result<Self, ToneListError> {
        Self::new(&hz)
    }
}

impl From<ToneList> for Vec<f32> {
    fn from(list: ToneList) -> Self {
        list.as_slice().to_vec()
    }
}

/// What plays in place of the digit that is being muted.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Player {
    replacement: Replacement,
    /// Level of each tone of a digit.
    digit_dbm0: f32,
    seed: u64,
    noise_seed: u64,
    /// Digits replaced by tones in turn.
    turn: usize,
    /// Cycles per sample and cycles done, of two tones.
    steps: [f64; 2],
    cycles: [f64; 2],
    peak: f64,
    noise_peak: f64,
}

impl Player {
    pub(crate) const fn new(replacement: Replacement) -> Self {
        let mut player = Self {
            replacement,
            digit_dbm0: -12.0,
            seed: 0,
            noise_seed: 0x5eed,
            turn: 0,
            steps: [0.0; 2],
            cycles: [0.0; 2],
            peak: 0.0,
            noise_peak: 0.0,
        };
        player.set(replacement);
        player
    }

    /// From the next digit on. What plays goes on.
    pub(crate) const fn set(&mut self, replacement: Replacement) {
        self.replacement = replacement;
        self.turn = 0;
        if let Replacement::Random(seed) = replacement {
            self.seed = seed;
        }
    }

    pub(crate) const fn set_digit_level(&mut self, dbm0: f32) {
        self.digit_dbm0 = dbm0.clamp(-60.0, 0.0);
    }

    /// True where what plays next has a value.
    pub(crate) fn is_sound(&self) -> bool {
        let numbers = [self.peak, self.noise_peak, f64::from(self.digit_dbm0)];
        numbers.iter().chain(&self.steps).chain(&self.cycles).all(|number| number.is_finite())
    }

    /// Begins what stands in place of the next digit, at `rate` samples per second.
    pub(crate) fn begin(&mut self, rate: f64) {
        (self.peak, self.noise_peak) = (0.0, 0.0);
        let digit = match self.replacement {
            Replacement::Silence => return,
            Replacement::Noise { dbm0 } => {
                // A value spread evenly over a range has a third of the square of its peak, a sine half.
                self.noise_peak = f64::from(peak_of(dbm0.min(-10.0))) * 1.5_f64.sqrt();
                return;
            }
            Replacement::Tone { hz, dbm0 } => return self.tones([hz.clamp(0.0, 4000.0), 0.0], dbm0, rate),
            Replacement::Tones { hz, dbm0 } => {
                let hz = hz.as_slice();
                let now = hz.get(self.turn % hz.len().max(1)).copied().unwrap_or(0.0);
                self.turn = self.turn.wrapping_add(1);
                return self.tones([now, 0.0], dbm0, rate);
            }
            Replacement::Zero => DtmfDigit::from_code(0),
            Replacement::Digit(digit) => Some(digit),
            Replacement::Random(_) => {
                u8::try_from(next(&mut self.seed) >> 60).ok().and_then(DtmfDigit::from_code)
            }
        };
        if let Some((low, high)) = digit.and_then(frequencies) {
            self.tones([low, high], self.digit_dbm0, rate);
        }
    }

    fn tones(&mut self, hz: [f32; 2], dbm0: f32, rate: f64) {
        self.cycles = [0.0; 2];
        self.steps = hz.map(|hz| f64::from(hz) / rate);
        self.peak = f64::from(peak_of(dbm0.min(0.0)));
    }

    /// True where nothing sounds.
    pub(crate) fn is_silent(&self) -> bool {
        self.peak <= 0.0 && self.noise_peak <= 0.0
    }

    /// The next sample at full level.
    pub(crate) fn sample(&mut self) -> f64 {
        if self.noise_peak > 0.0 {
            // The upper 31 bits, as a value from -1 to 1.
            let drawn = u32::try_from(next(&mut self.noise_seed) >> 33).unwrap_or(0);
            return (f64::from(drawn) / f64::from(1_u32 << 30) - 1.0) * self.noise_peak;
        }
        if self.peak <= 0.0 {
            return 0.0;
        }
        let mut sum = 0.0;
        for (cycles, step) in self.cycles.iter_mut().zip(self.steps) {
            sum += (TAU * *cycles).sin();
            *cycles = (*cycles + step).fract();
        }
        sum * self.peak
    }
}

/// A linear congruence (Knuth's MMIX); its high bits are the good ones.
const fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed
}
