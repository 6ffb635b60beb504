//! What the analyser decides.

use core::fmt;

use crate::classic::ClassicVerdict;
use crate::listener::Measures;
use crate::tone::{SitClass, ToneSegment};

/// Who or what answered. The list may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Outcome {
    /// A person.
    Person,
    /// An answering machine, a voicemail, an announcement.
    Machine,
    /// The beep after a greeting, or a beep without one.
    Beep,
    /// A fax machine that calls or answers.
    Fax,
    /// A special information tone.
    Sit(SitClass),
    /// Busy tone.
    Busy,
    /// Reorder or congestion tone.
    Reorder,
    /// Ringing goes on.
    Ringing,
    /// Nothing is heard.
    Silence,
    /// A modem.
    Modem,
    /// None of them is probable enough.
    Unsure,
}

impl Outcome {
    /// Its name in reports, such as `person`. The class of a special information tone is apart.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Machine => "machine",
            Self::Beep => "beep",
            Self::Fax => "fax",
            Self::Sit(_) => "sit",
            Self::Busy => "busy",
            Self::Reorder => "reorder",
            Self::Ringing => "ringing",
            Self::Silence => "silence",
            Self::Modem => "modem",
            Self::Unsure => "unsure",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sit(class) => write!(f, "sit ({})", class.name()),
            other => f.write_str(other.name()),
        }
    }
}

/// A decision with what it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Decision {
    /// Who or what answered.
    pub outcome: Outcome,
    /// Probability that this is right, 0 to 1.
    pub probability: f32,
    /// When it was decided, in ms of audio processed.
    pub at_ms: u32,
    /// Measures of the greeting at that time.
    pub measures: Measures,
    /// The last tone that ended before.
    pub tone: Option<ToneSegment>,
    /// What the classic rule had said by then.
    pub classic: Option<ClassicVerdict>,
}
