//! Offer and answer between two parties of a call.

pub(crate) mod answer;
pub(crate) mod offer;

use mediapoint_packet::Time;

use crate::call::party::{Party, PartyId};
use crate::media::codecs::CodecLine;
use crate::media::remote::RemoteDescription;
use crate::request::{Id, Options, Profile};

/// Most dialogs of one call.
pub(crate) const MAX_DIALOGS: usize = 32;

/// Which of the two parties of a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Who sent the first offer.
    Caller,
    /// Who answers it.
    Callee,
}

impl Which {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }
}

/// The relation of two parties by offer and answer; a branch of a forked call has one of its own.
#[derive(Debug, Clone)]
pub(crate) struct Dialog {
    pub(crate) caller: PartyId,
    pub(crate) callee: PartyId,
    pub(crate) via_branch: Option<Id>,
    /// The last offer, kept after its answer: a 183 and a 200 both answer it.
    pub(crate) offer: Option<PendingOffer>,
    /// When a delayed delete removes it.
    pub(crate) delete_at: Option<Time>,
}

impl Dialog {
    pub(crate) fn new(caller: PartyId, callee: PartyId, via_branch: Option<Id>) -> Self {
        Self { caller, callee, via_branch, offer: None, delete_at: None }
    }

    /// The party of a side.
    pub(crate) fn party(&self, which: Which) -> PartyId {
        match which {
            Which::Caller => self.caller,
            Which::Callee => self.callee,
        }
    }
}

/// A dialog and its parties as one message changes them: copies, put in place once nothing can fail any more.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    /// The place of the dialog in its call; `None` for a new one.
    pub(crate) at: Option<usize>,
    pub(crate) dialog: Dialog,
    pub(crate) caller: Party,
    pub(crate) callee: Party,
}

impl Exchange {
    /// The party meant and the other one.
    pub(crate) fn sides_mut(&mut self, which: Which) -> (&mut Party, &mut Party) {
        match which {
            Which::Caller => (&mut self.caller, &mut self.callee),
            Which::Callee => (&mut self.callee, &mut self.caller),
        }
    }
}

/// An offer and what was made of it for the other side.
#[derive(Debug, Clone)]
pub(crate) struct PendingOffer {
    pub(crate) from: Which,
    pub(crate) plans: Vec<Plan>,
    /// The options that bear on the answer, too.
    pub(crate) options: Options,
    /// True once an answer came. Another may follow it.
    pub(crate) answered: bool,
}

/// What became of one media section that was offered.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The description that the offer was made from.
    pub(crate) remote: RemoteDescription,
    /// False where the section was passed on with port 0.
    pub(crate) carried: bool,
    /// The RTP profile offered to the other side; agreed with its answer.
    pub(crate) profile: Option<Profile>,
    /// What was offered, by our numbers.
    pub(crate) offered: Vec<CodecLine>,
    /// Whether rtcp-mux was offered.
    pub(crate) mux_offered: bool,
    /// The party is offered to hear music, whatever the description says.
    pub(crate) held: bool,
    /// `a=mid` of the description.
    pub(crate) mid: Option<Vec<u8>>,
}
