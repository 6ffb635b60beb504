//! Names of members.

use std::fmt;

/// Names a member or a link of a room, as long as it is there. It names nobody else later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MemberId {
    pub(crate) slot: u16,
    pub(crate) generation: u32,
}

impl MemberId {
    /// A small number, unique among those who are there: a place in a table of the caller's.
    #[must_use]
    pub fn index(self) -> usize {
        self.slot.into()
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slot, self.generation)
    }
}
