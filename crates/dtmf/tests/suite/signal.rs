//! Signals made for the tests, and what a detector says of them.

use std::f64::consts::TAU;

use mediapoint_dtmf::{DetectedDigit, Detection, Detector, DetectorSettings, frequencies, peak_of};
use mediapoint_packet::telephone_event::DtmfDigit;

pub(crate) const DIGITS: &str = "0123456789*#ABCD";

/// One burst: digit, levels, deviation of each frequency, length.
#[derive(Clone, Copy)]
pub(crate) struct Burst {
    pub(crate) digit: char,
    pub(crate) low_dbm0: f32,
    pub(crate) high_dbm0: f32,
    pub(crate) low_off: f64,
    pub(crate) high_off: f64,
    pub(crate) ms: f64,
}

impl Burst {
    pub(crate) fn of(digit: char, dbm0: f32, ms: f64) -> Self {
        Self { digit, low_dbm0: dbm0, high_dbm0: dbm0, low_off: 0.0, high_off: 0.0, ms }
    }

    pub(crate) fn samples(&self) -> impl Iterator<Item = f64> + use<> {
        let (low, high) = DtmfDigit::from_char(self.digit).and_then(frequencies).unwrap();
        let hz = [f64::from(low) * (1.0 + self.low_off), f64::from(high) * (1.0 + self.high_off)];
        let peaks = [self.low_dbm0, self.high_dbm0].map(|dbm0| f64::from(peak_of(dbm0)));
        (0..(self.ms * 8.0).round() as u32).map(move |n| {
            let time = f64::from(n) / 8000.0;
            (TAU * hz[0] * time).sin() * peaks[0] + (TAU * hz[1] * time + 1.0).sin() * peaks[1]
        })
    }
}

/// A line of audio.
#[derive(Default, Clone)]
pub(crate) struct Line(pub(crate) Vec<f64>);

impl Line {
    pub(crate) fn burst(&mut self, burst: &Burst) -> &mut Self {
        self.0.extend(burst.samples());
        self
    }

    pub(crate) fn silence(&mut self, ms: f64) -> &mut Self {
        self.0.resize(self.0.len() + (ms * 8.0).round() as usize, 0.0);
        self
    }

    pub(crate) fn tone(&mut self, hz: f64, dbm0: f32) -> &mut Self {
        let peak = f64::from(peak_of(dbm0));
        for (n, sample) in self.0.iter_mut().enumerate() {
            *sample += (TAU * hz * n as f64 / 8000.0).sin() * peak;
        }
        self
    }

    /// White noise of the level of a sine of `dbm0`.
    pub(crate) fn noise(&mut self, dbm0: f32, random: &mut Random) -> &mut Self {
        let deviation = f64::from(peak_of(dbm0)) / 2_f64.sqrt();
        for sample in &mut self.0 {
            *sample += random.normal() * deviation;
        }
        self
    }

    pub(crate) fn pcm(&self) -> Vec<i16> {
        self.0.iter().map(|sample| sample.round() as i16).collect()
    }
}

/// A seeded generator (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().max(1e-12).ln()).sqrt() * (TAU * self.unit()).cos()
    }

    pub(crate) fn digit(&mut self) -> char {
        char::from(DIGITS.as_bytes()[(self.next() % 16) as usize])
    }
}

pub(crate) fn found(settings: &DetectorSettings, pcm: &[i16]) -> Vec<DetectedDigit> {
    let mut detector = Detector::new(settings).unwrap();
    let mut digits = Vec::new();
    let mut take = |detection| {
        if let Detection::Digit(digit) = detection {
            digits.push(digit);
        }
    };
    for frame in pcm.chunks(160) {
        detector.process(frame, &mut take);
    }
    detector.flush(&mut take);
    digits
}

pub(crate) fn text(digits: &[DetectedDigit]) -> String {
    digits.iter().map(|digit| digit.digit.as_char()).collect()
}

/// Digits as heard with the settings one has by default.
pub(crate) fn detected(pcm: &[i16]) -> String {
    text(&found(&DetectorSettings::default(), pcm))
}

/// How many of `expected` stand in `heard` in order: the longest common subsequence.
pub(crate) fn matched(expected: &str, heard: &str) -> usize {
    let heard: Vec<char> = heard.chars().collect();
    let mut row = vec![0; heard.len() + 1];
    for digit in expected.chars() {
        let mut diagonal = 0;
        for (n, other) in heard.iter().enumerate() {
            let above = row[n + 1];
            row[n + 1] = if *other == digit { diagonal + 1 } else { above.max(row[n]) };
            diagonal = above;
        }
    }
    row[heard.len()]
}
