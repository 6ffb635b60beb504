//! Who or what answered, and when a party speaks: by the audio that a leg receives.

use std::time::Duration;

use mediapoint_analysis::{AnalyserSettings, Decision, Interval, VadSettings};

use crate::api::id::LegId;

/// What is to be found in the audio of a leg's party. It takes it behind secure input: no digit that is kept back is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct AnalysisSpec {
    /// The leg.
    pub leg: LegId,
    /// By what it is decided who or what answered, from now on; `None` where that is not asked for.
    pub answer: Option<AnalyserSettings>,
    /// What counts as speech, for [`crate::Event::Speech`]; `None` where that is not asked for.
    pub speech: Option<VadSettings>,
}

impl AnalysisSpec {
    /// Who or what answered, by the usual settings.
    #[must_use]
    pub fn new(leg: LegId) -> Self {
        Self { leg, answer: Some(AnalyserSettings::default()), speech: None }
    }
}

/// Why the analysis of a leg says something now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AnalysisEnd {
    /// It is decided.
    Decided,
    /// It was stopped, or its leg or call went: the most probable by what was heard until then.
    Stopped,
    /// What had been heard is lost: the call went on in another process. The outcome is unsure.
    Lost,
}

impl std::fmt::Display for AnalysisEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Decided => "decided",
            Self::Stopped => "stopped",
            Self::Lost => "lost",
        })
    }
}

/// What the analysis of a leg came to.
#[derive(Debug, Clone, PartialEq)]
pub struct CallAnalysis {
    /// Who or what answered, how probable that is, and what it rests on. Its times count from the beginning of the analysis.
    pub decision: Decision,
    /// Why it is said now.
    pub end: AnalysisEnd,
    /// False for a machine whose beep may follow.
    pub last: bool,
    /// What was heard until then; empty unless [`AnalyserSettings::timeline`] is set.
    pub timeline: Vec<Interval>,
}

/// Speech that ends a player of prompts.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SpeechBargeIn {
    /// The leg whose party is listened to.
    pub leg: LegId,
    /// How long it has to speak, breaks up to 160 ms left out: 40 ms to 5 s. The detector begins 40 ms behind an onset.
    pub speech: Duration,
    /// How far the speech has to be above the background noise, in dB, 0 to 60.
    pub above_noise_db: f32,
    /// Least level of the speech in dBm0, -80 to 0.
    pub level_dbm0: f32,
    /// By how much the echo of the prompt is weaker than the prompt at least, in dB, 0 to 60: what is weaker than the
    /// loudest 20 ms of the prompt's last second by more than that is taken for echo.
    pub echo_loss_db: f32,
}

impl SpeechBargeIn {
    /// 100 ms of speech of -40 dBm0 or more, 9 dB above the noise, where an echo is 15 dB weaker than the prompt at least.
    #[must_use]
    pub const fn new(leg: LegId) -> Self {
        let speech = Duration::from_millis(100);
        Self { leg, speech, above_noise_db: 9.0, level_dbm0: -40.0, echo_loss_db: 15.0 }
    }

    /// True where every value is within its range.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let speech = Duration::from_millis(40)..=Duration::from_secs(5);
        speech.contains(&self.speech)
            && (0.0..=60.0).contains(&self.above_noise_db)
            && (-80.0..=0.0).contains(&self.level_dbm0)
            && (0.0..=60.0).contains(&self.echo_loss_db)
    }
}
