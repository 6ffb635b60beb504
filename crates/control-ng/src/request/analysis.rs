//! What `start analysis` asks for: who or what answered, and when a party speaks.

use std::net::SocketAddr;

use mediapoint_engine::{AnalyserSettings, AnalysisSpec, LegId, VadSettings};

use super::directive::{self, Directive};
use crate::NgError;

/// Longest of the times, in milliseconds.
const LONGEST: u32 = 600_000;

/// What is to be found, and who is told.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AnalysisOptions {
    /// Where what is found is reported to.
    pub log: Option<SocketAddr>,
    /// Begin and end of speech are reported, too.
    pub speech: bool,
    answer: AnalyserSettings,
}

// Its settings are set from whole numbers, and are no NaN.
impl Eq for AnalysisOptions {}

impl AnalysisOptions {
    /// Takes one option; false where it is none of these.
    ///
    /// # Errors
    /// [`NgError::BadValue`] for a value that cannot be used.
    pub(super) fn apply(&mut self, directive: &Directive) -> Result<bool, NgError> {
        let value = directive.value().trim();
        let millis = |key| {
            let number = value.parse().ok().filter(|millis| *millis <= LONGEST);
            number.ok_or(NgError::BadValue { key })
        };
        match directive.name.as_str() {
            "analysis-log-dest" => {
                self.log = Some(value.parse().map_err(|_| NgError::BadValue { key: "analysis-log-dest" })?);
            }
            "detect-speech" => self.speech = directive::is_on(directive),
            "initial-silence" => self.answer.initial_silence_ms = millis("initial-silence")?,
            "decide-within" => self.answer.decide_within_ms = millis("decide-within")?,
            "total-analysis-time" => self.answer.total_analysis_time_ms = millis("total-analysis-time")?,
            "beep-within" => self.answer.beep_within_ms = millis("beep-within")?,
            "tone-country" => {
                let country = value.to_ascii_uppercase();
                if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
                    return Err(NgError::BadValue { key: "tone-country" });
                }
                self.answer.tones.country = Some(country);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What the engine is asked for.
    pub(crate) fn spec(&self, leg: LegId) -> AnalysisSpec {
        AnalysisSpec {
            leg,
            answer: Some(self.answer.clone()),
            speech: self.speech.then(VadSettings::default),
        }
    }
}
