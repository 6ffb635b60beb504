//! Signals by formula: tones, cadences, noise.
#![allow(dead_code, reason = "tests and the evaluation share this file, and use different parts")]

use std::f64::consts::TAU;

/// Random numbers that are the same everywhere.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// 0 to 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    pub fn below(&mut self, count: usize) -> usize {
        (self.unit() * count as f64) as usize
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// Standard normal distribution, nearly.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

pub fn samples(ms: f64) -> usize {
    (ms * 8.0).round() as usize
}

/// RMS amplitude of a level in dBm0.
pub fn amplitude(dbm0: f64) -> f64 {
    23_170.0 * 10_f64.powf((dbm0 - 3.14) / 20.0)
}

/// Tones of `level` dBm0 in all.
pub fn tone(hz: &[f64], ms: f64, level: f64) -> Vec<f64> {
    let each = amplitude(level) * (2.0 / hz.len() as f64).sqrt();
    (0..samples(ms))
        .map(|at| hz.iter().map(|hz| each * (TAU * hz * at as f64 / 8000.0).sin()).sum())
        .collect()
}

/// Tone and pause by turns until `ms` are over.
pub fn cadence(hz: &[f64], beats: &[f64], ms: f64, level: f64) -> Vec<f64> {
    if beats.is_empty() {
        return tone(hz, ms, level);
    }
    let mut out = Vec::new();
    for (at, &length) in beats.iter().cycle().enumerate() {
        if out.len() >= samples(ms) {
            break;
        }
        if at % 2 == 0 {
            out.extend(tone(hz, length, level));
        } else {
            out.resize(out.len() + samples(length), 0.0);
        }
    }
    out.truncate(samples(ms));
    out
}

/// The answer tone: 2100 Hz, with reversals each 450 ms and 15 Hz modulation where wanted.
pub fn answer_tone(ms: f64, level: f64, reversals: bool, modulated: bool, offset_hz: f64) -> Vec<f64> {
    let peak = amplitude(level) * 2_f64.sqrt();
    (0..samples(ms))
        .map(|at| {
            let time = at as f64 / 8000.0;
            let sign = if reversals && (at / 3600) % 2 == 1 { -1.0 } else { 1.0 };
            let depth = if modulated { 1.0 + 0.2 * (TAU * 15.0 * time).sin() } else { 1.0 };
            sign * depth * peak * (TAU * (2100.0 + offset_hz) * time).sin()
        })
        .collect()
}

pub fn silence(ms: f64) -> Vec<f64> {
    vec![0.0; samples(ms)]
}

/// Level of the loud part of speech in dBm0: frames within 15 dB of the loudest.
pub fn speech_level(pcm: &[f64]) -> f64 {
    let energies: Vec<f64> =
        pcm.chunks(160).map(|frame| frame.iter().map(|x| x * x).sum::<f64>() / frame.len() as f64).collect();
    let most = energies.iter().copied().fold(1e-9, f64::max);
    let loud: Vec<f64> = energies.into_iter().filter(|energy| *energy > most / 31.0).collect();
    10.0 * (loud.iter().sum::<f64>() / loud.len().max(1) as f64).log10() - 84.16
}

pub fn scale(pcm: &mut [f64], by_db: f64) {
    let gain = 10_f64.powf(by_db / 20.0);
    pcm.iter_mut().for_each(|sample| *sample *= gain);
}

/// Adds noise of `level` dBm0: white, or falling with frequency as in rooms and cars.
pub fn add_noise(pcm: &mut [f64], level: f64, white: bool, random: &mut Random) {
    let rms = amplitude(level);
    let mut state = 0.0;
    for sample in pcm {
        let noise = random.normal();
        // A pole at 0.9 has a gain of 2.29 for white noise.
        state = 0.9 * state + noise;
        *sample += rms * if white { noise } else { state / 2.294 };
    }
}

pub fn to_pcm(signal: &[f64]) -> Vec<i16> {
    signal.iter().map(|sample| sample.round().clamp(-32_768.0, 32_767.0) as i16).collect()
}
