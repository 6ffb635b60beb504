//! What tests share.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mediapoint_prompt::{Audio, Clock, Prompt};

/// Runs ffmpeg.
pub(crate) fn ffmpeg(arguments: &[&str]) {
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-y"])
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("ffmpeg: {error}; `cargo xtask setup test` installs it"));
    assert!(output.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&output.stderr));
}

/// A folder of a test's own, removed when it is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("prompt-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, with the folders that it is in.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A WAV file of 16-bit mono samples.
pub(crate) fn wav(rate: u32, samples: &[i16]) -> Vec<u8> {
    let data = u32::try_from(samples.len() * 2).unwrap();
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((data + 36).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * 2).to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend(data.to_le_bytes());
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    bytes
}

/// Noise, the same each time for a seed.
pub(crate) fn noise(seed: u64, samples: usize) -> Vec<i16> {
    let mut random = Random(seed);
    (0..samples).map(|_| (random.below(40_000) as i32 - 20_000) as i16).collect()
}

/// A voice-like sound: harmonics that come and go.
pub(crate) fn voice(rate: u32, seconds: f64) -> Vec<i16> {
    let samples = (f64::from(rate) * seconds) as usize;
    let sample = |n: usize| {
        let t = n as f64 / f64::from(rate);
        let level = 0.5 + 0.5 * (t * 9.0).sin();
        let pitch = 140.0 + 20.0 * (t * 3.0).sin();
        let wave: f64 =
            (1..=12).map(|k| (std::f64::consts::TAU * pitch * f64::from(k) * t).sin() / f64::from(k)).sum();
        (wave * level * 6_000.0) as i16
    };
    (0..samples).map(sample).collect()
}

pub(crate) fn prompt(name: &str, rate: u32, samples: Vec<i16>) -> Arc<Prompt> {
    Prompt::new(name, Audio { rate, samples })
}

/// How much louder `wanted` is than what `heard` differs by, in decibels.
pub(crate) fn snr(wanted: &[i16], heard: &[i16]) -> f64 {
    let energy: f64 = wanted.iter().map(|s| f64::from(*s).powi(2)).sum();
    let error: f64 = wanted.iter().zip(heard).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    10.0 * (energy / error.max(1e-9)).log10()
}

/// A generator that is the same each time.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// A clock that stands still until it is moved.
#[derive(Clone, Default)]
pub(crate) struct Hands(Arc<AtomicU64>);

impl Hands {
    pub(crate) fn forward(&self, by: Duration) {
        self.0.fetch_add(by.as_millis() as u64, Ordering::SeqCst);
    }

    pub(crate) fn clock(&self) -> Clock {
        let hands = self.clone();
        Arc::new(move || Duration::from_millis(hands.0.load(Ordering::SeqCst)))
    }
}
