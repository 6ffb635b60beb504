//! Recordings of a call.

use mediapoint_engine::{CallRecording, Left, LegId, TapSide};
use mediapoint_recorder::{Channels, RecordingId};

use super::CallState;
use super::party::{Party, PartyId};
use crate::request::RecordingOptions;

/// Most recordings of a call at once.
pub(crate) const MAX_RECORDINGS: usize = 8;

/// A recording of a call.
#[derive(Debug, Clone)]
pub(crate) struct ActiveRecording {
    /// Whose it is: recordings of several owners go on side by side.
    pub(crate) owner: String,
    pub(crate) id: RecordingId,
    pub(crate) of: Recorded,
    pub(crate) channels: Channels,
    /// What it was asked for with, and its metadata since.
    pub(crate) options: RecordingOptions,
    pub(crate) paused: bool,
    pub(crate) made: CallRecording,
}

/// Which leg is recorded, so that both parties are, and who of them is on the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) leg: LegId,
    pub(crate) left: Left,
    /// The directions of parties that may be recorded; `None` where none may.
    pub(crate) side: Option<TapSide>,
    /// Left and right.
    pub(crate) parties: [Option<PartyId>; 2],
}

fn audio_leg(party: &Party) -> Option<LegId> {
    let open = |stream: &&super::party::Stream| stream.can_mix();
    party.streams.iter().filter(open).find_map(|stream| Some(stream.applied.as_ref()?.leg))
}

impl CallState {
    /// The leg of the party that is not on the left, so that what is recorded of the left one is what the other was sent;
    /// `None` where no party has audio yet.
    pub(crate) fn recorded(&self, left: Option<PartyId>) -> Option<Recorded> {
        let dialog = self.dialogs.iter().rev().find(|dialog| {
            [dialog.caller, dialog.callee].iter().any(|id| self.party(*id).and_then(audio_leg).is_some())
        });
        let (caller, callee) = match dialog {
            Some(dialog) => (Some(dialog.caller), Some(dialog.callee)),
            None => (self.parties.at(0).map(|party| party.id), self.parties.at(1).map(|party| party.id)),
        };
        let left = left.or(callee);
        let right = [caller, callee].into_iter().flatten().find(|id| Some(*id) != left);
        let leg_of = |id: Option<PartyId>| audio_leg(self.party(id?)?);
        let parties = [left, right];
        let side = None;
        let recorded = match leg_of(right) {
            Some(leg) => Recorded { leg, left: Left::Sent, side, parties },
            None => Recorded { leg: leg_of(left)?, left: Left::Received, side, parties },
        };
        Some(self.without_unrecorded(recorded))
    }

    /// The same without what parties say that are not to be recorded.
    pub(crate) fn without_unrecorded(&self, recorded: Recorded) -> Recorded {
        let [left, right] = recorded.parties;
        let (received, sent) = match recorded.left {
            Left::Received => (left, right),
            Left::Sent => (right, left),
        };
        let is_left_out =
            |id: Option<PartyId>| id.and_then(|id| self.party(id)).is_some_and(|party| party.unrecorded);
        let side = match (is_left_out(received), is_left_out(sent)) {
            (false, false) => Some(TapSide::Both),
            (false, true) => Some(TapSide::Received),
            (true, false) => Some(TapSide::Sent),
            (true, true) => None,
        };
        Recorded { side, ..recorded }
    }

    /// Its recordings of an owner that are not over; all where none is named.
    pub(crate) fn recordings_of(
        &mut self,
        owner: Option<&str>,
    ) -> impl Iterator<Item = &mut ActiveRecording> {
        let owner = owner.map(ToOwned::to_owned);
        let is_of =
            move |active: &&mut ActiveRecording| owner.as_deref().is_none_or(|owner| active.owner == owner);
        self.recordings.iter_mut().filter(is_of)
    }

    /// Forgets recordings whose files are complete.
    pub(crate) fn forget_completed(&mut self) {
        self.recordings.retain(|active| !active.made.recording.is_over());
    }
}
