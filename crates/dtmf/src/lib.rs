//! DTMF, in audio and as telephone events.
mod analysis;
mod detector;
mod dial;
mod generator;
mod history;
#[cfg(feature = "serde")]
mod samples;
mod settings;
mod tones;

pub use detector::{DetectedDigit, Detection, Detector, DetectorState};
pub use generator::{Generator, GeneratorError, GeneratorSettings, GeneratorState, MAX_QUEUED};
pub use settings::{DetectorSettings, SettingsError};
pub use tones::{FULL_SCALE_DBM0, HIGH_HZ, LOW_HZ, SAMPLE_RATE, frequencies, peak_of};
