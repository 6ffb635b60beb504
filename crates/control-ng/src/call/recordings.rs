//! Recordings of a call, and of its conference rooms.

use mediapoint_engine::{CallRecording, Left, LegId, TapSide};
use mediapoint_recorder::{Channels, RecordingId};

use super::party::{Party, PartyId};
use super::{CallState, Group};
use crate::request::{Id, RecordingOptions};

/// Most recordings of a call or a room at once.
pub(crate) const MAX_RECORDINGS: usize = 8;

/// A recording of a call or a room.
#[derive(Debug, Clone)]
pub(crate) struct ActiveRecording {
    /// Whose it is: recordings of several owners go on side by side.
    pub(crate) owner: String,
    pub(crate) id: RecordingId,
    pub(crate) of: Target,
    pub(crate) channels: Channels,
    /// What it was asked for with, and its metadata since.
    pub(crate) options: RecordingOptions,
    pub(crate) paused: bool,
    pub(crate) made: CallRecording,
}

/// What a recording is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A leg: what its party sends and is sent.
    Leg(Recorded),
    /// The mix of a conference room.
    Room(Id),
}

/// Which recordings a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope<'a> {
    /// Those of the call that is this group.
    Call(Group),
    /// Those of a conference room.
    Room(&'a Id),
}

impl ActiveRecording {
    /// True where a command of this scope is about it.
    pub(crate) fn is_of(&self, scope: Scope<'_>) -> bool {
        match (&self.of, scope) {
            (Target::Leg(recorded), Scope::Call(group)) => recorded.group == group,
            (Target::Room(name), Scope::Room(room)) => name == room,
            (Target::Leg(_), Scope::Room(_)) | (Target::Room(_), Scope::Call(_)) => false,
        }
    }

    /// Which leg is recorded; none of a room's.
    pub(crate) const fn recorded(&self) -> Option<&Recorded> {
        match &self.of {
            Target::Leg(recorded) => Some(recorded),
            Target::Room(_) => None,
        }
    }

    /// The same to be changed.
    pub(crate) const fn recorded_mut(&mut self) -> Option<&mut Recorded> {
        match &mut self.of {
            Target::Leg(recorded) => Some(recorded),
            Target::Room(_) => None,
        }
    }
}

/// Which leg is recorded, so that both parties are, and who of them is on the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// The call, of those that share a conference room.
    pub(crate) group: Group,
    pub(crate) leg: LegId,
    pub(crate) left: Left,
    /// The directions of parties that may be recorded; `None` where none may.
    pub(crate) side: Option<TapSide>,
    /// Left and right. Of a member of a conference room the other one is the room, unless a party of its own call is in it, too.
    pub(crate) parties: [Option<PartyId>; 2],
}

fn audio_leg(party: &Party) -> Option<LegId> {
    let open = |stream: &&super::party::Stream| stream.can_mix();
    party.streams.iter().filter(open).find_map(|stream| Some(stream.applied.as_ref()?.leg))
}

impl CallState {
    /// The leg of the party that is not on the left, so that what is recorded of the left one is what the other was sent;
    /// `None` where no party of the group has audio yet.
    pub(crate) fn recorded(&self, group: Group, left: Option<PartyId>) -> Option<Recorded> {
        if let Some(member) = self.recorded_member(group, left) {
            return Some(self.without_unrecorded(member));
        }
        let mut dialogs = self.dialogs.iter().rev().filter(|dialog| self.is_of(dialog.caller, group));
        let dialog = dialogs.find(|dialog| {
            [dialog.caller, dialog.callee].iter().any(|id| self.party(*id).and_then(audio_leg).is_some())
        });
        let mut own = self.of_group(group).map(|party| party.id);
        let (caller, callee) = match dialog {
            Some(dialog) => (Some(dialog.caller), Some(dialog.callee)),
            None => (own.next(), own.next()),
        };
        let left = left.or(callee);
        let right = [caller, callee].into_iter().flatten().find(|id| Some(*id) != left);
        let leg_of = |id: Option<PartyId>| audio_leg(self.party(id?)?);
        let (parties, side) = ([left, right], None);
        let recorded = match leg_of(right) {
            Some(leg) => Recorded { group, leg, left: Left::Sent, side, parties },
            None => Recorded { group, leg: leg_of(left)?, left: Left::Received, side, parties },
        };
        Some(self.without_unrecorded(recorded))
    }

    /// The same where a party of the group is in a conference room: it is recorded as it takes part there, with the room on the
    /// other side.
    fn recorded_member(&self, group: Group, left: Option<PartyId>) -> Option<Recorded> {
        let members: Vec<&Party> =
            self.of_group(group).filter(|party| party.seat.is_some() && audio_leg(party).is_some()).collect();
        let right = members.iter().find(|party| Some(party.id) != left);
        let member = right.or_else(|| members.first())?;
        let (leg, side) = (audio_leg(member)?, None);
        if right.is_none() {
            let parties = [Some(member.id), None];
            return Some(Recorded { group, leg, left: Left::Received, side, parties });
        }
        let room = |party: &Party| party.seat.as_ref().map(|seat| seat.room.clone());
        let is_beside = |party: &&&Party| party.id != member.id && room(party) == room(member);
        let others = members.iter().filter(is_beside).map(|party| party.id);
        let other = others.clone().find(|id| Some(*id) == left).or_else(|| others.clone().next());
        let parties = [other, Some(member.id)];
        Some(Recorded { group, leg, left: Left::Sent, side, parties })
    }

    /// The same without what parties say that are not to be recorded.
    pub(crate) fn without_unrecorded(&self, recorded: Recorded) -> Recorded {
        let [left, right] = recorded.parties;
        let (received, sent) = match recorded.left {
            Left::Received => (left, right),
            Left::Sent => (right, left),
        };
        let party = |id: Option<PartyId>| self.party(id?);
        let is_left_out = |id| party(id).is_some_and(|party| party.unrecorded);
        // What a member is sent is of all others.
        let seat = party(received).and_then(|party| party.seat.as_ref());
        let room_is_left_out = seat.is_some_and(|seat| self.is_unrecorded(&seat.room, received));
        let side = match (is_left_out(received), is_left_out(sent) || room_is_left_out) {
            (false, false) => Some(TapSide::Both),
            (false, true) => Some(TapSide::Received),
            (true, false) => Some(TapSide::Sent),
            (true, true) => None,
        };
        Recorded { side, ..recorded }
    }

    /// True where a member of a room is not to be recorded, whoever else is.
    pub(crate) fn is_unrecorded(&self, room: &Id, beside: Option<PartyId>) -> bool {
        self.members(room).any(|(party, _)| party.unrecorded && Some(party.id) != beside)
    }

    /// Recordings of a scope and an owner that are not over; all of the scope where none is named.
    pub(crate) fn recordings_of(
        &mut self,
        scope: Scope<'_>,
        owner: Option<&str>,
    ) -> impl Iterator<Item = &mut ActiveRecording> {
        let is_of = move |active: &&mut ActiveRecording| {
            active.is_of(scope) && owner.is_none_or(|owner| active.owner == owner)
        };
        self.recordings.iter_mut().filter(is_of)
    }

    /// How the call that is this group is to be recorded once it is answered.
    pub(crate) fn record_from_answer(&mut self, group: Group) -> Option<&mut Box<RecordingOptions>> {
        self.records_from_answer.iter_mut().find(|(of, _)| *of == group).map(|(_, options)| options)
    }

    /// Forgets recordings whose files are complete.
    pub(crate) fn forget_completed(&mut self) {
        self.recordings.retain(|active| !active.made.recording.is_over());
    }
}
