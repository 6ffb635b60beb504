//! DTMF, in audio and as telephone events: it finds digits in audio, makes them, takes them out, and sends them as events.
//!
//! It opens no socket and reads no clock; audio for the detector has 8000 Hz, for suppressor and generator the rate of the
//! codec. It does not receive events. Nothing
//! allocates once made.
//!
//! ```
//! use mediapoint_dtmf::{Detection, Detector, DetectorSettings, Generator, GeneratorSettings};
//! use mediapoint_packet::telephone_event::DtmfDigit;
//!
//! let mut generator = Generator::new(8000, &GeneratorSettings::default())?;
//! for digit in "42#".chars().filter_map(DtmfDigit::from_char) {
//!     generator.push(digit)?;
//! }
//! let mut detector = Detector::new(&DetectorSettings::default())?;
//! let (mut heard, mut frame) = (String::new(), [0; 160]);
//! while !generator.is_idle() {
//!     generator.fill(&mut frame);
//!     detector.process(&frame, |detection| {
//!         if let Detection::Digit(digit) = detection {
//!             heard.push(digit.digit.as_char());
//!         }
//!     });
//! }
//! assert_eq!(heard, "42#");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Order of calls: [`Detector::process`] and [`Suppressor::process`] for each frame, [`Detector::flush`] at the end;
//! [`Generator::push`], then [`Generator::fill`]; [`EventSender::poll`] at each [`EventSender::next_at`].
//!
//! | feature | effect |
//! | --- | --- |
//! | `serde` | states of detector, suppressor, generator and event sender can be serialised |
//! | `properties` | `properties`, the checks that the fuzz target runs |
//!
//! Specifications: ITU-T Q.23 and Q.24, ETSI ES 201 235-3, RFC 4733.

mod analysis;
mod detector;
mod dial;
mod events;
mod generator;
mod history;
#[cfg(any(test, feature = "properties"))]
pub mod properties;
mod replacement;
#[cfg(feature = "serde")]
mod saved;
mod settings;
mod suppressor;
mod tones;

pub use detector::{DetectedDigit, Detection, Detector, DetectorState};
pub use events::{EventPacket, EventSender};
pub use generator::{Generator, GeneratorError, GeneratorSettings, GeneratorState, MAX_QUEUED};
pub use replacement::{MAX_TONES, Replacement, ToneList, ToneListError};
pub use settings::{DetectorSettings, RestoreError, SettingsError};
pub use suppressor::{Suppressor, SuppressorState};
pub use tones::{FULL_SCALE_DBM0, HIGH_HZ, LOW_HZ, SAMPLE_RATE, frequencies, peak_of};
