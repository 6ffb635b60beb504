//! Call analysis: who or what is at the other end, by its audio alone.
//!
//! [`Vad`] tells speech from silence, [`BargeIn`] reports speech that interrupts, [`ToneDetector`] finds call progress
//! tones, special information tones, fax, modem and beeps, [`CallAnalyser`] decides after answer who is there, a
//! person or one of many kinds of machine. All take 16-bit samples at 8 kHz, do no I/O, and allocate nothing once constructed;
//! the time is the audio processed. They do not recognise words, and cannot tell a person from a good recording of one.
//!
//! Order of calls: [`CallAnalyser::process`] for the audio from answer on, in chunks of any size; it returns a [`Decision`] once
//! it is made. [`CallAnalyser::finish`] where the call ends before.
//!
//! | feature | effect |
//! | --- | --- |
//! | `serde` | state can be stored and moved |
//! | `properties` | `properties`, the checks that the fuzz target runs |

mod analyser;
mod barge_in;
mod classic;
mod decision;
mod features;
mod frame;
mod listener;
mod model;
mod pitch;
#[cfg(any(test, feature = "properties"))]
pub mod properties;
mod prosody;
mod shape;
mod timeline;
mod tone;
mod vad;

pub use analyser::{AnalyserSettings, CallAnalyser};
pub use barge_in::{BargeIn, BargeInSettings, BargedIn};
pub use classic::{ClassicCause, ClassicResult, ClassicRule, ClassicSettings, ClassicVerdict};
pub use decision::{Decision, Outcome};
pub use features::FEATURES;
pub use frame::{FRAME, FRAME_MS, RATE};
pub use listener::Measures;
pub use model::{DEPTH, TREES};
pub use timeline::{Interval, Signal, Timeline};
pub use tone::{
    COUNTRIES, CountryTone, Progress, SitClass, Tone, ToneDetection, ToneDetector, ToneSegment, ToneSettings,
};
pub use vad::{Activity, Vad, VadSettings, VoiceActivity};

/// Milliseconds out of a float, 0 to 2^31.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn to_u32(value: f32) -> u32 {
    value.clamp(0.0, 2_147_483_000.0) as u32
}
