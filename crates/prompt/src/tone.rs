//! Tones of telephone networks: definitions as text, and a table of them by country.

mod table;

use std::fmt;
use std::time::Duration;

use crate::decode::Audio;
use crate::timeline::samples_in;

pub use table::{TableError, ToneTable};

/// Most steps of a tone.
const MAX_STEPS: usize = 32;
/// Most sines of a step.
const MAX_SINES: usize = 4;
/// Frequencies in hertz.
const FREQUENCIES: std::ops::RangeInclusive<f32> = 1.0..=3_999.0;
/// Levels in dBm0.
const LEVELS: std::ops::RangeInclusive<f32> = -63.0..=3.17;
/// Level of all sines of a step together, in dBm0, where none is said.
const LEVEL: f32 = -10.0;
/// The longest step in milliseconds.
const MAX_MS: u32 = 600_000;
/// Level in dBm0 of a sine of full scale [ITU-T G.711 table 5].
const FULL_SCALE: f32 = 3.17;

/// One sine of a tone.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ToneSine {
    /// In hertz, 1 to 3999.
    pub frequency: f32,
    /// In dBm0, -63 to 3.17.
    pub level: f32,
}

/// A part of a tone.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ToneStep {
    /// What sounds; nothing for silence.
    pub sines: Vec<ToneSine>,
    /// For how long; `None` without end, in a last step only.
    pub duration: Option<Duration>,
    /// It is played the first time alone.
    pub once: bool,
}

/// A tone: steps, again and again.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ToneDefinition {
    /// Its steps, in order.
    pub steps: Vec<ToneStep>,
    /// How many times they are played in all; `None` without end.
    pub cycles: Option<u32>,
}

/// A tone whose sines are always the same: what a generator with one set of sines and a cadence plays.
#[derive(Debug, Clone, PartialEq)]
pub struct UniformTone {
    /// The sines that sound together.
    pub sines: Vec<ToneSine>,
    /// For how long it sounds and is silent then, in turn; empty for a tone without end.
    pub cadence: Vec<(Duration, Duration)>,
    /// How often the cadence is played; `None` without end.
    pub cycles: Option<u32>,
}

/// A tone's samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedTone {
    /// What is played first, once: all of it, with every step.
    pub first: Audio,
    /// What is repeated after it, where steps are.
    pub cycle: Option<Audio>,
}

/// Why a text defines no tone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ToneError {
    /// A part is none.
    #[error(
        "\"{0}\": a part of a tone is frequencies with + between them, and /milliseconds, such as 480+620/500"
    )]
    Part(String),
    /// A frequency or level is none.
    #[error(
        "\"{0}\": a frequency is 1 to 3999 Hz, with @ and a level of -63 to 3.17 dBm0 where one is wanted"
    )]
    Sine(String),
    /// A duration is none.
    #[error("\"{0}\": a part lasts 1 to 600000 ms")]
    Duration(String),
    /// A number of times is none.
    #[error("\"{0}\": the number of times is x and 1 or more, at the end")]
    Cycles(String),
    /// More than is played.
    #[error("more than {MAX_STEPS} parts, or {MAX_SINES} frequencies in one")]
    TooMany,
    /// A step without end has others behind it.
    #[error("only the last part may lack its milliseconds")]
    Endless,
}

impl ToneDefinition {
    /// Reads a definition:
    ///
    /// ```text
    /// tone  = part *("," part) [" x" times]
    /// part  = ["!"] ("0" / sine *("+" sine)) ["/" milliseconds]
    /// sine  = hertz ["@" dBm0]
    /// ```
    ///
    /// `425/500,0/500` is busy in many countries. `!` plays a part the first time alone; without its milliseconds the last
    /// part has no end; ` x3` plays it three times. Without levels, the sines of a part have -10 dBm0 together.
    ///
    /// # Errors
    /// [`ToneError`] with the part that is wrong.
    pub fn parse(text: &str) -> Result<Self, ToneError> {
        let text = text.trim();
        let (parts, cycles) = match text.rsplit_once([' ', ',']) {
            Some((parts, times)) if times.starts_with('x') => {
                let number = times.strip_prefix('x').and_then(|times| times.parse().ok());
                let number: u32 = number.unwrap_or(0);
                if number == 0 {
                    return Err(ToneError::Cycles(times.to_owned()));
                }
                (parts, Some(number))
            }
            _ => (text, None),
        };
        let mut steps = Vec::new();
        for part in parts.split(',') {
            if steps.len() == MAX_STEPS {
                return Err(ToneError::TooMany);
            }
            steps.push(step(part.trim())?);
        }
        if steps.iter().rev().skip(1).any(|step| step.duration.is_none()) {
            return Err(ToneError::Endless);
        }
        // Parts that are all played once are played once.
        let cycles = if steps.iter().all(|step| step.once) { Some(1) } else { cycles };
        Ok(Self { steps, cycles })
    }

    /// The same by one set of sines and a cadence, where the tone is so: dial, busy, ringback and congestion nearly
    /// everywhere, special information never.
    #[must_use]
    pub fn uniform(&self) -> Option<UniformTone> {
        let sines = &self.steps.iter().find(|step| !step.sines.is_empty())?.sines;
        let mut cadence: Vec<(Duration, Duration)> = Vec::new();
        for step in &self.steps {
            if (step.once && self.cycles != Some(1)) || !(step.sines.is_empty() || step.sines == *sines) {
                return None;
            }
            let Some(duration) = step.duration else {
                // Without end, and nothing before it.
                let is_alone = self.steps.len() == 1;
                return is_alone.then(|| UniformTone {
                    sines: sines.clone(),
                    cadence: Vec::new(),
                    cycles: None,
                });
            };
            match cadence.last_mut() {
                Some((_, off)) if step.sines.is_empty() => *off += duration,
                Some((on, Duration::ZERO)) => *on += duration,
                _ if step.sines.is_empty() => cadence.push((Duration::ZERO, duration)),
                _ => cadence.push((duration, Duration::ZERO)),
            }
        }
        Some(UniformTone { sines: sines.clone(), cadence, cycles: self.cycles })
    }

    /// Its samples at a rate in hertz, for a playlist of two prompts, the second of which is repeated. A step without end
    /// is a second of it, which joins with itself without a click where frequencies are whole numbers.
    #[must_use]
    pub fn render(&self, rate: u32) -> RenderedTone {
        let all = |only_repeated: bool| {
            let steps = self.steps.iter().filter(|step| !(only_repeated && step.once));
            let samples: Vec<i16> = steps.flat_map(|step| step_samples(step, rate)).collect();
            Audio { rate, samples }
        };
        let cycle = all(true);
        let cycle = (self.cycles != Some(1) && !cycle.samples.is_empty()).then_some(cycle);
        RenderedTone { first: all(false), cycle }
    }
}

fn step_samples(step: &ToneStep, rate: u32) -> impl Iterator<Item = i16> {
    let count = samples_in(step.duration.unwrap_or(Duration::from_secs(1)), rate);
    (0..count).map(move |n| sample(&step.sines, n, rate))
}

#[expect(clippy::cast_possible_truncation, reason = "a conversion that saturates is what is meant")]
#[expect(clippy::cast_precision_loss, reason = "ten minutes of samples are short of 2^53")]
fn sample(sines: &[ToneSine], n: u64, rate: u32) -> i16 {
    let time = n as f64 / f64::from(rate.max(1));
    let wave = |sine: &ToneSine| {
        let amplitude = 32_767.0 * 10_f64.powf(f64::from(sine.level - FULL_SCALE) / 20.0);
        amplitude * (std::f64::consts::TAU * f64::from(sine.frequency) * time).sin()
    };
    sines.iter().map(wave).sum::<f64>().round() as i16
}

fn step(part: &str) -> Result<ToneStep, ToneError> {
    let (once, rest) = match part.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, part),
    };
    let (sines, duration) = match rest.split_once('/') {
        Some((sines, ms)) => {
            let number = ms.trim().parse().ok().filter(|ms| (1..=MAX_MS).contains(ms));
            let number = number.ok_or_else(|| ToneError::Duration(ms.to_owned()))?;
            (sines.trim(), Some(Duration::from_millis(number.into())))
        }
        None => (rest, None),
    };
    if sines.is_empty() {
        return Err(ToneError::Part(part.to_owned()));
    }
    if sines == "0" {
        return Ok(ToneStep { sines: Vec::new(), duration, once });
    }
    let words: Vec<&str> = sines.split('+').collect();
    if words.len() > MAX_SINES {
        return Err(ToneError::TooMany);
    }
    #[expect(clippy::cast_precision_loss, reason = "four at most")]
    let level = LEVEL - 10.0 * (words.len() as f32).log10();
    let sines = words.into_iter().map(|word| sine(word.trim(), level)).collect::<Result<_, _>>()?;
    Ok(ToneStep { sines, duration, once })
}

fn sine(word: &str, level: f32) -> Result<ToneSine, ToneError> {
    let wrong = || ToneError::Sine(word.to_owned());
    let (frequency, level) = match word.split_once('@') {
        Some((frequency, level)) => (frequency, level.parse().map_err(|_| wrong())?),
        None => (word, level),
    };
    let frequency = frequency.parse().map_err(|_| wrong())?;
    let is_valid = FREQUENCIES.contains(&frequency) && LEVELS.contains(&level);
    if is_valid { Ok(ToneSine { frequency, level }) } else { Err(wrong()) }
}

/// As [`ToneDefinition::parse`] reads it, with all levels.
impl fmt::Display for ToneDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            f.write_str(if index > 0 { "," } else { "" })?;
            f.write_str(if step.once { "!" } else { "" })?;
            for (index, sine) in step.sines.iter().enumerate() {
                f.write_str(if index > 0 { "+" } else { "" })?;
                write!(f, "{}@{}", sine.frequency, sine.level)?;
            }
            f.write_str(if step.sines.is_empty() { "0" } else { "" })?;
            if let Some(duration) = step.duration {
                write!(f, "/{}", duration.as_millis())?;
            }
        }
        match self.cycles {
            Some(cycles) if !self.steps.iter().all(|step| step.once) => write!(f, " x{cycles}"),
            _ => Ok(()),
        }
    }
}
