//! A tone generator: sines with a cadence.
//!
//! Each sine is a rotating phasor, corrected once a tick, so that neither a change of rate nor an hour of playing leaves a
//! step. Bursts begin and end with a ramp of 2 ms.

use std::f64::consts::TAU;
use std::time::Duration;

use crate::api::source::ToneSpec;
use crate::session::frame::FrameKind;
use crate::session::snapshot::objects::ToneSnapshot;

/// Level of a full-scale sine in dBm0 [ITU-T G.711 table 5].
const FULL_SCALE_DBM0: f64 = 3.17;

/// Units of a cadence in a second: a whole number of them is a sample at every rate there is.
const UNITS: u32 = 96_000;

/// Ramp at the edges of a burst, in units: 2 ms.
const RAMP: f64 = 192.0;

/// One sine.
#[derive(Debug, Clone)]
struct Oscillator {
    frequency: f64,
    amplitude: f64,
    /// Phase in turns, 0 to 1.
    phase: f64,
}

/// Generates the samples of a tone.
#[derive(Debug, Clone)]
pub struct ToneGenerator {
    sines: Vec<Oscillator>,
    /// Units on and off of each burst.
    bursts: Vec<(u64, u64)>,
    cycles_left: Option<u32>,
    burst: usize,
    /// Units since the present burst began.
    at: u64,
    finished: bool,
}

impl ToneGenerator {
    /// A generator at the beginning of the tone.
    #[must_use]
    pub fn new(spec: &ToneSpec) -> Self {
        let sine = |sine: &crate::api::source::Sine| Oscillator {
            frequency: f64::from(sine.frequency),
            amplitude: 32_767.0 * 10_f64.powf((f64::from(sine.level) - FULL_SCALE_DBM0) / 20.0),
            phase: 0.0,
        };
        Self {
            sines: spec.sines.iter().map(sine).collect(),
            bursts: spec.cadence.iter().map(|burst| (units(burst.on), units(burst.off))).collect(),
            cycles_left: spec.cycles,
            burst: 0,
            at: 0,
            finished: spec.cycles == Some(0),
        }
    }

    /// True where the last cycle is over.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.finished
    }

    /// Fills `pcm` with the next samples at `rate` hertz. The pauses of a cadence are audio too: with packets that go on, no
    /// receiver takes them for loss, and prolongs the burst before.
    pub fn generate(&mut self, rate: u32, pcm: &mut [i16]) -> FrameKind {
        let step = 1.0 / f64::from(rate.max(1));
        let units = u64::from(UNITS / rate.max(1));
        let plays = !self.finished;
        for sample in pcm.iter_mut() {
            let gain = self.gain();
            let mut sum = 0.0;
            for sine in &mut self.sines {
                sum += sine.amplitude * (sine.phase * TAU).sin();
                sine.phase += sine.frequency * step;
                sine.phase -= sine.phase.floor();
            }
            #[expect(clippy::cast_possible_truncation, reason = "clamped")]
            let value = (sum * gain).round().clamp(-32_768.0, 32_767.0) as i16;
            *sample = value;
            self.advance(units);
        }
        if plays { FrameKind::Audio } else { FrameKind::Nothing }
    }

    /// Gain at this moment of the cadence.
    fn gain(&self) -> f64 {
        if self.finished {
            return 0.0;
        }
        match self.bursts.get(self.burst) {
            None => 1.0,
            #[expect(clippy::cast_precision_loss, reason = "units of an hour at most")]
            Some(&(on, _)) if self.at < on => (self.at.min(on - self.at) as f64 / RAMP).min(1.0),
            Some(_) => 0.0,
        }
    }

    fn advance(&mut self, units: u64) {
        let Some(&(on, off)) = self.bursts.get(self.burst).filter(|_| !self.finished) else { return };
        self.at += units;
        if self.at < on + off {
            return;
        }
        self.at -= on + off;
        self.burst += 1;
        // Every burst begins at the same phase, so that a cadence repeats itself exactly.
        self.sines.iter_mut().for_each(|sine| sine.phase = 0.0);
        if self.burst >= self.bursts.len() {
            self.burst = 0;
            if let Some(left) = &mut self.cycles_left {
                *left = left.saturating_sub(1);
                self.finished = *left == 0;
            }
        }
    }
}

/// Units in a duration.
fn units(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros() * u128::from(UNITS) / 1_000_000).unwrap_or(u64::MAX)
}

/// Parts of a turn in which a snapshot holds a phase: every phase is a whole number of them.
const PHASE_UNIT: f64 = 9_007_199_254_740_992.0;

impl ToneGenerator {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a phase is 0 to 1")]
    pub(crate) fn save(&self) -> ToneSnapshot {
        ToneSnapshot {
            burst: u32::try_from(self.burst).unwrap_or(0),
            at: self.at,
            cycles_left: self.cycles_left,
            phases: self.sines.iter().map(|sine| (sine.phase * PHASE_UNIT) as u64).collect(),
        }
    }

    /// A generator of a tone as it was saved.
    #[expect(clippy::cast_precision_loss, reason = "a phase has 53 bits")]
    pub(crate) fn restored(spec: &ToneSpec, saved: &ToneSnapshot) -> Self {
        let mut tone = Self::new(spec);
        tone.burst = usize::try_from(saved.burst).unwrap_or(0);
        tone.at = saved.at;
        tone.cycles_left = saved.cycles_left;
        tone.finished = saved.cycles_left == Some(0);
        for (sine, phase) in tone.sines.iter_mut().zip(&saved.phases) {
            sine.phase = *phase as f64 / PHASE_UNIT;
        }
        tone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::source::{Burst, Sine};

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Power of one frequency, by the Goertzel algorithm, in dBm0.
    fn power(pcm: &[i16], frequency: f64, rate: f64) -> f64 {
        let (mut re, mut im) = (0.0, 0.0);
        for (n, &sample) in pcm.iter().enumerate() {
            let angle = TAU * frequency * n as f64 / rate;
            re += f64::from(sample) * angle.cos();
            im += f64::from(sample) * angle.sin();
        }
        let amplitude = 2.0 * (re * re + im * im).sqrt() / pcm.len() as f64;
        20.0 * (amplitude / 32_767.0).log10() + FULL_SCALE_DBM0
    }

    #[test]
    fn sines_have_their_frequencies_and_levels() {
        let sines = vec![Sine { frequency: 350.0, level: -13.0 }, Sine { frequency: 440.0, level: -20.0 }];
        let mut tone = ToneGenerator::new(&ToneSpec { sines, cadence: Vec::new(), cycles: None });
        for rate in [8000, 16_000, 48_000] {
            let mut pcm = vec![0; rate as usize];
            assert_eq!(tone.generate(rate, &mut pcm), FrameKind::Audio);
            assert!((power(&pcm, 350.0, rate.into()) + 13.0).abs() < 0.05);
            assert!((power(&pcm, 440.0, rate.into()) + 20.0).abs() < 0.05);
            assert!(power(&pcm, 700.0, rate.into()) < -70.0);
        }
    }

    #[test]
    fn cadence_is_kept_and_ends_after_its_cycles() {
        let spec = ToneSpec {
            cadence: vec![
                Burst { on: millis(100), off: millis(60) },
                Burst { on: millis(40), off: millis(200) },
            ],
            cycles: Some(2),
            ..ToneSpec::continuous(1000.0, -10.0)
        };
        let mut tone = ToneGenerator::new(&spec);
        let mut sounding = String::new();
        let mut pcm = [0; 160];
        for tick in 0..50 {
            let kind = tone.generate(8000, &mut pcm);
            let quiet = pcm.iter().all(|&sample| sample == 0);
            assert_eq!(kind == FrameKind::Audio, tick < 40, "until the last cycle is over");
            sounding.push(if quiet { '.' } else { '#' });
        }
        let cycle = "#####...##..........";
        assert_eq!(sounding, format!("{cycle}{cycle}.........."));
        assert!(tone.is_finished());
    }

    #[test]
    fn an_hour_of_a_tone_stays_in_phase() {
        let mut tone = ToneGenerator::new(&ToneSpec::continuous(425.0, -10.0));
        let mut first = [0; 160];
        tone.generate(8000, &mut first);
        let mut last = [0; 160];
        // 425 Hz repeats itself every 320 samples at 8 kHz.
        for _ in 0..3600 * 50 {
            tone.generate(8000, &mut last);
        }
        assert!(first.iter().zip(last).all(|(a, b)| (i32::from(*a) - i32::from(b)).abs() <= 1));
    }
}
