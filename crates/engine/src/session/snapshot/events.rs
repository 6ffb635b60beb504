//! The event receiver of a leg in a snapshot: the event under way, so that its press is reported once; and the last one under
//! secure input, so that what is sent of it again is kept back.

use crate::api::leg::EventPolicy;
use crate::session::snapshot::age::Age;

/// The event that came last.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct EventSnapshot {
    pub(crate) epoch: u32,
    pub(crate) timestamp: u32,
    /// Timestamp of its first segment, where it has several.
    #[serde(default)]
    pub(crate) begin: Option<u32>,
    pub(crate) index: u64,
    pub(crate) code: u8,
    pub(crate) volume: u8,
    pub(crate) clock_rate: u32,
    pub(crate) earlier: u32,
    pub(crate) duration: u16,
    pub(crate) last: Age,
    pub(crate) ends: u8,
    pub(crate) ended: Age,
    pub(crate) audio_between: bool,
    pub(crate) audio_after: bool,
    pub(crate) interleaved: bool,
    pub(crate) reported: bool,
    #[serde(default)]
    pub(crate) secret: bool,
}

impl std::fmt::Debug for EventSnapshot {
    /// Does not show which key it is: it may be of a card number.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { epoch, index, duration, reported, .. } = self;
        f.debug_struct("EventSnapshot")
            .field("epoch", epoch)
            .field("index", index)
            .field("duration", duration)
            .field("reported", reported)
            .finish_non_exhaustive()
    }
}

/// The last event under secure input: not which key it was, but where it began and what became of it.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct SecretEventSnapshot {
    pub(crate) epoch: u32,
    pub(crate) begin: u32,
    pub(crate) policy: EventPolicy,
}
