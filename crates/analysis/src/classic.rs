//! The classic rule of answering machine detection: it counts words and silences by level alone.
//!
//! Parameters are in the terms of the well-known AMD modules. Its verdict stands beside that of the
//! [`CallAnalyser`](crate::CallAnalyser), for comparison.

use crate::frame::{FRAME, FRAME_MS, Framer};

/// Parameters of the classic rule. Times in ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ClassicSettings {
    /// Silence before the greeting that makes a machine.
    pub initial_silence_ms: u32,
    /// Speech in all that makes a machine.
    pub greeting_ms: u32,
    /// Silence after a greeting that makes a person.
    pub after_greeting_silence_ms: u32,
    /// After this the rule gives up.
    pub total_analysis_time_ms: u32,
    /// Speech that makes a word.
    pub minimum_word_length_ms: u32,
    /// Silence that ends a word.
    pub between_words_silence_ms: u32,
    /// This many words make a machine.
    pub maximum_number_of_words: u32,
    /// A word of this length makes a machine.
    pub maximum_word_length_ms: u32,
    /// Mean magnitude of samples below which a frame is silence, 0 to 32767.
    pub silence_threshold: u32,
}

impl Default for ClassicSettings {
    fn default() -> Self {
        Self {
            initial_silence_ms: 2500,
            greeting_ms: 1500,
            after_greeting_silence_ms: 800,
            total_analysis_time_ms: 5000,
            minimum_word_length_ms: 100,
            between_words_silence_ms: 50,
            maximum_number_of_words: 3,
            maximum_word_length_ms: 5000,
            silence_threshold: 256,
        }
    }
}

/// What the classic rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum ClassicResult {
    /// A person.
    Person,
    /// A machine.
    Machine,
    /// The total analysis time went by.
    Unsure,
}

impl ClassicResult {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Machine => "machine",
            Self::Unsure => "unsure",
        }
    }
}

impl ClassicCause {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InitialSilence => "initial silence",
            Self::AfterGreetingSilence => "silence after the greeting",
            Self::LongGreeting => "a long greeting",
            Self::MaximumWords => "the number of words",
            Self::MaximumWordLength => "the length of a word",
            Self::TooLong => "the total analysis time",
        }
    }
}

/// The parameter that decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum ClassicCause {
    /// Initial silence.
    InitialSilence,
    /// Silence after the greeting.
    AfterGreetingSilence,
    /// Length of the greeting.
    LongGreeting,
    /// Number of words.
    MaximumWords,
    /// Length of a word.
    MaximumWordLength,
    /// Total analysis time.
    TooLong,
}

/// Verdict of the classic rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ClassicVerdict {
    /// Person, machine or neither.
    pub result: ClassicResult,
    /// The parameter that decided.
    pub cause: ClassicCause,
    /// When, in ms of audio processed.
    pub at_ms: u32,
}

/// The classic word-count rule.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ClassicRule {
    settings: ClassicSettings,
    framer: Framer,
    now_ms: u32,
    silence_ms: u32,
    voice_ms: u32,
    greeting_ms: u32,
    words: u32,
    in_word: bool,
    greeted: bool,
    verdict: Option<ClassicVerdict>,
}

impl ClassicRule {
    /// A rule.
    #[must_use]
    pub fn new(settings: ClassicSettings) -> Self {
        Self {
            settings,
            framer: Framer::new(),
            now_ms: 0,
            silence_ms: 0,
            voice_ms: 0,
            greeting_ms: 0,
            words: 0,
            in_word: false,
            greeted: false,
            verdict: None,
        }
    }

    /// What it says, once it does.
    #[must_use]
    pub fn verdict(&self) -> Option<ClassicVerdict> {
        self.verdict
    }

    /// Takes samples at 8 kHz, any number; returns the verdict once it is found.
    pub fn process(&mut self, mut pcm: &[i16]) -> Option<ClassicVerdict> {
        loop {
            let (frame, rest) = self.framer.take(pcm);
            pcm = rest;
            let Some(frame) = frame else { return self.verdict };
            self.process_frame(&frame);
        }
    }

    /// Takes a frame of 20 ms.
    pub fn process_frame(&mut self, frame: &[i16; FRAME]) -> Option<ClassicVerdict> {
        if self.verdict.is_none() {
            self.now_ms = self.now_ms.saturating_add(FRAME_MS);
            let sum: u32 = frame.iter().map(|sample| u32::from(sample.unsigned_abs())).sum();
            let decided =
                if sum / 160 < self.settings.silence_threshold { self.silence() } else { self.voice() };
            let late = (ClassicResult::Unsure, ClassicCause::TooLong);
            let decided = decided.or((self.now_ms >= self.settings.total_analysis_time_ms).then_some(late));
            self.verdict =
                decided.map(|(result, cause)| ClassicVerdict { result, cause, at_ms: self.now_ms });
        }
        self.verdict
    }

    fn silence(&mut self) -> Option<(ClassicResult, ClassicCause)> {
        let settings = &self.settings;
        self.silence_ms = self.silence_ms.saturating_add(FRAME_MS);
        if self.silence_ms >= settings.between_words_silence_ms {
            self.in_word = false;
            self.voice_ms = 0;
        }
        if !self.greeted && self.silence_ms >= settings.initial_silence_ms {
            return Some((ClassicResult::Machine, ClassicCause::InitialSilence));
        }
        (self.greeted && self.silence_ms >= settings.after_greeting_silence_ms)
            .then_some((ClassicResult::Person, ClassicCause::AfterGreetingSilence))
    }

    fn voice(&mut self) -> Option<(ClassicResult, ClassicCause)> {
        let settings = &self.settings;
        self.silence_ms = 0;
        self.voice_ms = self.voice_ms.saturating_add(FRAME_MS);
        if self.voice_ms >= settings.minimum_word_length_ms && !self.in_word {
            self.in_word = true;
            self.greeted = true;
            self.words += 1;
        }
        if self.greeted {
            self.greeting_ms = self.greeting_ms.saturating_add(FRAME_MS);
        }
        let cause = if self.voice_ms >= settings.maximum_word_length_ms {
            ClassicCause::MaximumWordLength
        } else if self.words >= settings.maximum_number_of_words {
            ClassicCause::MaximumWords
        } else if self.greeting_ms >= settings.greeting_ms {
            ClassicCause::LongGreeting
        } else {
            return None;
        };
        Some((ClassicResult::Machine, cause))
    }
}
