//! The trigger of a leg's secure input in a snapshot.

use crate::session::leg::trigger::Phase;
use crate::session::snapshot::age::Age;

/// Where a trigger is.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct TriggerSnapshot {
    pub(crate) phase: Phase,
    pub(crate) matched: u8,
    pub(crate) digits: u32,
    /// Age of the last digit.
    pub(crate) last: Option<Age>,
    /// Since when it is on.
    pub(crate) since: Age,
    /// What ends it has come.
    pub(crate) ends: bool,
    /// The party has sent a telephone event.
    pub(crate) events: bool,
}

impl std::fmt::Debug for TriggerSnapshot {
    /// Does not show how far the digits have come: they may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TriggerSnapshot").field("phase", &self.phase).finish_non_exhaustive()
    }
}
