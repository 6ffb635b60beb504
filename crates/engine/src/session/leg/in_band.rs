//! Digits in the audio that a leg receives, found for taps on key presses.

use std::time::Duration;

use mediapoint_codec::resample::Resampler;
use mediapoint_dtmf::{DetectedDigit, Detection, Detector, DetectorSettings};
use mediapoint_packet::telephone_event::DtmfDigit;

use crate::api::event::{KeyMethod, KeyPress};
use crate::session::frame::{MAX_TICK_MILLIS, samples};

/// Rate in hertz at which digits are looked for.
pub(crate) const RATE: u32 = 8000;

/// Digits that can begin or end in one tick: none is shorter.
const MAX_FOUND: usize = 2;

/// The level of a digit that is sent on while it goes on, in dBm0 without its sign.
const USUAL_VOLUME: u8 = 8;

/// What was found in the audio of a tick.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Found {
    /// A digit has begun, with a usual level in dBm0 without its sign: its own is known at its end only.
    Onset(DtmfDigit, u8),
    /// A digit has ended.
    Press(KeyPress),
}

/// The detector of a leg.
pub(crate) struct InBand {
    settings: DetectorSettings,
    detector: Detector,
    /// The rate of the audio, and its way to [`RATE`], where it is another one.
    rate: u32,
    resampler: Option<(Resampler, Box<[i16]>)>,
    found: [Option<Found>; MAX_FOUND],
    /// The party's digits are secret; so is one that began while they were.
    secure: bool,
    secret: bool,
    /// A digit is under way.
    sounds: bool,
}

impl InBand {
    /// For audio of `rate` hertz; `None` where the settings or the rate are none.
    pub(crate) fn new(settings: DetectorSettings, rate: u32) -> Option<Self> {
        let detector = Detector::new(&settings).ok()?;
        let resampler = resampler(rate)?;
        Some(Self {
            settings,
            detector,
            rate,
            resampler,
            found: [None; MAX_FOUND],
            secure: false,
            secret: false,
            sounds: false,
        })
    }

    pub(crate) fn settings(&self) -> &DetectorSettings {
        &self.settings
    }

    pub(crate) const fn set_secure(&mut self, secure: bool) {
        self.secure = secure;
    }

    /// Looks for digits in the next audio.
    pub(crate) fn process(&mut self, pcm: &[i16]) {
        let (found, secret, secure) = (&mut self.found, &mut self.secret, self.secure);
        let sounds = &mut self.sounds;
        let on = |detection| {
            *secret |= secure;
            *sounds = matches!(detection, Detection::Onset { .. });
            let next = match detection {
                Detection::Onset { digit, .. } => Found::Onset(digit, USUAL_VOLUME),
                Detection::Digit(digit) => {
                    let secret = std::mem::take(secret) || secure;
                    Found::Press(KeyPress { secret, ..press(&digit) })
                }
            };
            if let Some(free) = found.iter_mut().find(|place| place.is_none()) {
                *free = Some(next);
            }
        };
        match &mut self.resampler {
            None => self.detector.process(pcm, on),
            Some((resampler, narrow)) => {
                let len = resampler.process(pcm, narrow);
                self.detector.process(narrow.get(..len).unwrap_or_default(), on);
            }
        }
    }

    /// Follows another rate of the audio, in hertz.
    pub(crate) fn set_rate(&mut self, rate: u32) {
        if rate != self.rate
            && let Some(resampler) = resampler(rate)
        {
            (self.rate, self.resampler) = (rate, resampler);
        }
    }

    /// True while a digit is under way.
    pub(crate) const fn sounds(&self) -> bool {
        self.sounds
    }

    pub(crate) fn has_found(&self) -> bool {
        self.found.iter().any(Option::is_some)
    }

    /// What was found, in order, and forgets it.
    pub(crate) fn take(&mut self) -> [Option<Found>; MAX_FOUND] {
        std::mem::take(&mut self.found)
    }
}

/// None where none is needed; nothing where there is none from that rate.
#[expect(clippy::option_option, reason = "whether it can be, and whether it need be")]
fn resampler(rate: u32) -> Option<Option<(Resampler, Box<[i16]>)>> {
    if rate == RATE {
        return Some(None);
    }
    let narrow = vec![0; samples(RATE, MAX_TICK_MILLIS) + 1].into_boxed_slice();
    Some(Some((Resampler::new(rate, RATE).ok()?, narrow)))
}

fn press(digit: &DetectedDigit) -> KeyPress {
    let power = |dbm0: f32| 10.0_f32.powf(dbm0 / 10.0);
    let level = -10.0 * (power(digit.low_dbm0) + power(digit.high_dbm0)).max(1e-7).log10();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=63")]
    let volume = level.round().clamp(0.0, 63.0) as u8;
    KeyPress {
        code: digit.digit.code(),
        duration: Duration::from_micros(digit.duration * 1_000_000 / u64::from(RATE)),
        volume,
        missed: 0,
        method: KeyMethod::Tone,
        secret: false,
    }
}
