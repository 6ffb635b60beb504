//! What is kept of a call: its parties by tag, and the relations between them.
//!
//! An offer and a request to subscribe change nothing of what runs: legs that they need are opened silent, and
//! everything takes effect with the answer, so that a refused re-INVITE leaves the call as it was.

pub(crate) mod alias;
pub(crate) mod analysis;
pub(crate) mod apply;
pub(crate) mod digits;
pub(crate) mod gates;
pub(crate) mod links;
pub(crate) mod outcomes;
pub(crate) mod parties;
pub(crate) mod party;
pub(crate) mod play;
pub(crate) mod reach;
pub(crate) mod recordings;
pub(crate) mod rooms;
pub(crate) mod seats;

use std::collections::HashSet;

use mediapoint_engine::{Call, LegId, MixId, PlayerId};
use mediapoint_packet::Time;

use crate::NgError;
use crate::Request;
use crate::dialog::{Dialog, Exchange, MAX_DIALOGS, Which};
use crate::request::{Id, RecordingOptions};
use crate::subscription::Subscription;
use digits::DigitWatch;
use gates::Gates;
use parties::Parties;
use party::{Party, PartyId};
use recordings::ActiveRecording;
use rooms::Room;

/// Most parties of one call.
pub(crate) const MAX_PARTIES: usize = 128;
/// Most call-ids of one call.
const MAX_CALL_IDS: usize = 64;
/// Most media sections of one party that are carried; further ones are rejected.
pub(crate) const MAX_CARRIED: usize = 16;

/// Most parties, dialogs and call-ids each of a call that has a conference room.
const MAX_OF_ROOMS: usize = 2_048;

/// The calls that a call was merged from by joins to conference rooms. `delete` ends one of them; those merged by `mesh` or
/// `connect` are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Group(u32);

/// A further call-id of a call.
#[derive(Debug, Clone)]
pub(crate) struct CallAlias {
    pub(crate) id: Id,
    pub(crate) group: Group,
}

/// One call of the controller, which is one call of the engine.
#[derive(Debug, Clone)]
pub(crate) struct CallState {
    pub(crate) id: Id,
    /// The group of that call-id.
    group: Group,
    /// Further call-ids, of calls that were merged into this one.
    pub(crate) aliases: Vec<CallAlias>,
    pub(crate) call: Call,
    pub(crate) created: Time,
    pub(crate) last_signal: Time,
    pub(crate) parties: Parties,
    pub(crate) dialogs: Vec<Dialog>,
    pub(crate) subscriptions: Vec<Subscription>,
    /// What was commanded of all media.
    pub(crate) gates: Gates,
    /// Who is told of digits.
    pub(crate) digit_watch: DigitWatch,
    /// Commands on digits so far: the trigger of each is one of its own.
    pub(crate) triggers: u32,
    /// All RTP is dropped.
    pub(crate) drop_traffic: bool,
    /// Players that nobody hears any more.
    pub(crate) gone_players: Vec<PlayerId>,
    /// Its recordings.
    pub(crate) recordings: Vec<ActiveRecording>,
    /// Recordings of calls that were merged into this one, which are to go on here.
    pub(crate) left_behind: Vec<ActiveRecording>,
    /// How calls of these groups are to be recorded once they are answered.
    pub(crate) records_from_answer: Vec<(Group, Box<RecordingOptions>)>,
    /// What parties are to hear as that begins: the messages that asked for it.
    pub(crate) announcements: Vec<Request>,
    /// Its conference rooms.
    pub(crate) rooms: Vec<Room>,
    /// Names of conference rooms that are gone.
    pub(crate) gone_rooms: Vec<Id>,
    /// Conference rooms that are gone, and of which the engine has still to report who left.
    pub(crate) left_rooms: Vec<Room>,
    next_group: u32,
    next_party: u32,
    next_label: u32,
    /// Taken out of the map; whoever still holds it must look it up again.
    pub(crate) ended: bool,
}

impl CallState {
    pub(crate) fn new(now: Time, id: Id, call: Call) -> Self {
        Self {
            id,
            group: Group::default(),
            aliases: Vec::new(),
            call,
            created: now,
            last_signal: now,
            parties: Parties::default(),
            dialogs: Vec::new(),
            subscriptions: Vec::new(),
            gates: Gates::default(),
            digit_watch: DigitWatch::default(),
            triggers: 0,
            drop_traffic: false,
            gone_players: Vec::new(),
            recordings: Vec::new(),
            left_behind: Vec::new(),
            records_from_answer: Vec::new(),
            announcements: Vec::new(),
            rooms: Vec::new(),
            gone_rooms: Vec::new(),
            left_rooms: Vec::new(),
            next_group: 1,
            next_party: 0,
            next_label: 0,
            ended: false,
        }
    }

    pub(crate) fn party(&self, id: PartyId) -> Option<&Party> {
        self.parties.of_id(id)
    }

    pub(crate) fn party_mut(&mut self, id: PartyId) -> Option<&mut Party> {
        self.parties.of_id_mut(id)
    }

    /// The party of this tag in a group: of several the newest, of those that have media before those that have none.
    pub(crate) fn tagged(&self, group: Group, tag: &Id) -> Option<&Party> {
        let named = self.of_group(group).filter(|party| party.has_tag(tag));
        named.max_by_key(|party| party.streams.iter().any(|stream| stream.active))
    }

    /// A party of the call to be, with a name of its own.
    ///
    /// # Errors
    /// [`NgError::TooManyParties`] where there is no room for the two that a message may add.
    pub(crate) fn new_party(&mut self, now: Time, call_id: Option<&Id>) -> Result<Party, NgError> {
        let limit = self.most(MAX_PARTIES);
        if self.parties.len() + 2 > limit {
            return Err(NgError::TooManyParties { limit });
        }
        self.next_party += 1;
        let group = self.group_of(call_id);
        Ok(Party::new(PartyId(self.next_party), group, now))
    }

    /// Refuses a dialog more than a call may have.
    pub(crate) fn check_dialogs(&self) -> Result<(), NgError> {
        let limit = self.most(MAX_DIALOGS);
        if self.dialogs.len() >= limit { Err(NgError::TooManyBranches { limit }) } else { Ok(()) }
    }

    /// A limit, which is another one for calls with rooms.
    fn most(&self, limit: usize) -> usize {
        if self.rooms.is_empty() { limit } else { MAX_OF_ROOMS }
    }

    /// The group of a call-id.
    pub(crate) fn group_of(&self, call_id: Option<&Id>) -> Group {
        let alias = self.aliases.iter().find(|alias| Some(&alias.id) == call_id);
        alias.map_or(self.group, |alias| alias.group)
    }

    /// All its call-ids.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &Id> {
        std::iter::once(&self.id).chain(self.aliases.iter().map(|alias| &alias.id))
    }

    /// True where the call has this call-id.
    pub(crate) fn has_id(&self, id: &Id) -> bool {
        self.ids().any(|known| known == id)
    }

    /// True where calls of several groups were merged into it.
    pub(crate) fn has_groups(&self) -> bool {
        self.parties.iter().any(|party| party.group != self.group)
    }

    /// A call-id of a group.
    pub(crate) fn id_of(&self, group: Group) -> &Id {
        let alias = self.aliases.iter().find(|alias| alias.group == group && group != self.group);
        alias.map_or(&self.id, |alias| &alias.id)
    }

    /// The party of a leg at the engine.
    pub(crate) fn by_leg(&self, leg: LegId) -> Option<&Party> {
        let has = |party: &&Party| {
            let mut applied = party.streams.iter().filter_map(|stream| stream.applied.as_ref());
            applied.any(|applied| applied.leg == leg)
        };
        self.parties.iter().find(has)
    }

    /// True where the party is of this group.
    pub(crate) fn is_of(&self, id: PartyId, group: Group) -> bool {
        self.party(id).is_some_and(|party| party.group == group)
    }

    /// Makes the groups of these call-ids one.
    ///
    /// # Errors
    /// [`NgError::SameTag`] where two of them have a tag in common.
    pub(crate) fn unite_groups<'a>(&mut self, mut ids: impl Iterator<Item = &'a Id>) -> Result<(), NgError> {
        let Some(first) = ids.next() else { return Ok(()) };
        let first = self.group_of(Some(first));
        for id in ids {
            let other = self.group_of(Some(id));
            let is_known = |tag: &Id| self.tagged(first, tag).is_some();
            if other != first && self.of_group(other).flat_map(|party| &party.tags).any(is_known) {
                return Err(NgError::SameTag);
            }
            let groups = self.parties.iter_mut().map(|party| &mut party.group);
            let groups = groups.chain(self.aliases.iter_mut().map(|alias| &mut alias.group));
            let recordings = self.recordings.iter_mut().chain(&mut self.left_behind);
            let recorded = recordings.filter_map(ActiveRecording::recorded_mut);
            let groups = groups.chain(recorded.map(|recorded| &mut recorded.group));
            let groups = groups.chain(self.records_from_answer.iter_mut().map(|(group, _)| group));
            groups.chain([&mut self.group]).filter(|group| **group == other).for_each(|group| *group = first);
        }
        // One of them says how, the one that was there before.
        let mut known = Vec::new();
        self.records_from_answer.retain(|(group, _)| {
            let is_first = !known.contains(group);
            known.push(*group);
            is_first
        });
        Ok(())
    }

    /// Takes out the call-ids of groups that have no parties any more. The call is left with one at least.
    pub(crate) fn take_idle_ids(&mut self) -> Vec<Id> {
        let in_use: HashSet<Group> = self.parties.iter().map(|party| party.group).collect();
        let idle: Vec<bool> = self.aliases.iter().map(|alias| !in_use.contains(&alias.group)).collect();
        let is_idle = !in_use.contains(&self.group);
        let mut idle = idle.into_iter();
        let gone = self.aliases.extract_if(.., |_| idle.next().unwrap_or(false));
        let mut gone: Vec<Id> = gone.map(|alias| alias.id).collect();
        if is_idle && !self.aliases.is_empty() {
            let CallAlias { id, group } = self.aliases.remove(0);
            self.group = group;
            gone.push(std::mem::replace(&mut self.id, id));
        }
        gone
    }

    /// Puts a party in the place of the one of its name, or adds it.
    pub(crate) fn put(&mut self, party: Party) {
        match self.party_mut(party.id) {
            Some(known) => *known = party,
            None => self.parties.push(party),
        }
    }

    /// Puts a changed dialog and its parties in place.
    pub(crate) fn put_exchange(&mut self, exchange: Exchange) {
        let Exchange { at, dialog, caller, callee } = exchange;
        self.put(caller);
        self.put(callee);
        match at.and_then(|at| self.dialogs.get_mut(at)) {
            Some(known) => *known = dialog,
            None => self.dialogs.push(dialog),
        }
    }

    /// Which party of a dialog of this group has this tag.
    pub(crate) fn which(&self, dialog: &Dialog, (group, tag): (Group, &Id)) -> Option<Which> {
        let has = |id| self.party(id).is_some_and(|party| party.group == group && party.has_tag(tag));
        match (has(dialog.caller), has(dialog.callee)) {
            (true, _) => Some(Which::Caller),
            (false, true) => Some(Which::Callee),
            (false, false) => None,
        }
    }

    /// True where who answers the dialog has no tag yet.
    pub(crate) fn is_half(&self, dialog: &Dialog) -> bool {
        self.party(dialog.callee).is_some_and(|callee| callee.tags.is_empty())
    }

    /// A copy of a dialog and its parties to be worked on.
    pub(crate) fn exchange(&self, at: usize) -> Result<Exchange, NgError> {
        let dialog = self.dialogs.get(at).cloned().ok_or(NgError::Internal)?;
        let party = |id| self.party(id).cloned().ok_or(NgError::Internal);
        let (caller, callee) = (party(dialog.caller)?, party(dialog.callee)?);
        Ok(Exchange { at: Some(at), dialog, caller, callee })
    }

    /// True where a dialog holds the party.
    pub(crate) fn is_in_dialog(&self, id: PartyId) -> bool {
        self.dialogs.iter().any(|dialog| [dialog.caller, dialog.callee].contains(&id))
    }

    /// True where the party is there to receive others only.
    pub(crate) fn is_subscriber(&self, id: PartyId) -> bool {
        self.subscriptions.iter().any(|subscription| subscription.subscriber == id)
    }

    /// All legs of its parties.
    pub(crate) fn legs(&self) -> impl Iterator<Item = LegId> + '_ {
        self.parties.iter().flat_map(Party::legs)
    }

    /// A number for `a=label`, unique in the call.
    pub(crate) fn new_label(&mut self) -> u32 {
        let label = self.next_label;
        self.next_label += 1;
        label
    }

    /// Takes over all parties of another call, their relations and its call-ids, under names of this one.
    ///
    /// # Errors
    /// [`NgError`] where they would be too many for one call; nothing is to be made of it then.
    pub(crate) fn take_over(&mut self, mut other: Self) -> Result<(), NgError> {
        let limit = |call: &Self, limit| call.most(limit).max(other.most(limit));
        let (parties, dialogs) = (limit(self, MAX_PARTIES), limit(self, MAX_DIALOGS));
        let ids = limit(self, MAX_CALL_IDS);
        if self.parties.len() + other.parties.len() > parties {
            return Err(NgError::TooManyParties { limit: parties });
        }
        if self.dialogs.len() + other.dialogs.len() > dialogs {
            return Err(NgError::TooManyBranches { limit: dialogs });
        }
        if self.aliases.len() + other.aliases.len() + 2 > ids {
            return Err(NgError::TooManyCallIds { limit: ids });
        }
        let groups = self.next_group;
        let regrouped = |group: Group| Group(group.0 + groups);
        self.aliases.push(CallAlias { id: other.id, group: regrouped(other.group) });
        let aliases = other.aliases.drain(..);
        self.aliases.extend(aliases.map(|alias| CallAlias { group: regrouped(alias.group), ..alias }));
        other.parties.iter_mut().for_each(|party| party.group = regrouped(party.group));
        self.next_group += other.next_group;
        // Its rooms are made anew here.
        self.rooms.extend(other.rooms.drain(..).map(Room::forgotten));
        let (parties, labels) = (self.next_party, self.next_label);
        self.next_party += other.next_party;
        self.next_label += other.next_label;
        self.drop_traffic |= other.drop_traffic;
        self.digit_watch.merge(other.digit_watch);
        self.triggers = self.triggers.max(other.triggers);
        let renamed = |id: &mut PartyId| id.0 += parties;
        let gates = other.gates;
        for mut party in other.parties.take() {
            renamed(&mut party.id);
            party.gates = party.gates.with(gates);
            // A leg that goes to another call leaves its taps behind.
            party.streams.iter_mut().for_each(|stream| stream.digit_tap = None);
            // Its players stay behind with the call that they were of.
            party.play = None;
            party.hold = None;
            party.seat.iter_mut().flat_map(|seat| seat.named_mut()).for_each(renamed);
            for stream in &mut party.streams {
                stream.sources.iter_mut().for_each(|link| renamed(&mut link.from.party));
                stream.label.iter_mut().for_each(|label| *label += labels);
                // A leg that moves to another call has no source there yet, and its mix stays behind.
                stream.forget_sources();
                stream.applied.iter_mut().for_each(|applied| applied.member = None);
                stream.mix = None;
            }
            self.parties.push(party);
        }
        for mut active in other.recordings.drain(..) {
            if let Some(recorded) = active.recorded_mut() {
                recorded.group = regrouped(recorded.group);
                recorded.parties.iter_mut().flatten().for_each(renamed);
            }
            self.left_behind.push(active);
        }
        let from_answer = other.records_from_answer.drain(..);
        self.records_from_answer.extend(from_answer.map(|(group, options)| (regrouped(group), options)));
        for mut dialog in other.dialogs.drain(..) {
            renamed(&mut dialog.caller);
            renamed(&mut dialog.callee);
            self.dialogs.push(dialog);
        }
        for mut subscription in other.subscriptions.drain(..) {
            renamed(&mut subscription.subscriber);
            let places = subscription.sections.iter_mut().flat_map(|section| &mut section.from);
            places.for_each(|from| renamed(&mut from.party));
            self.subscriptions.push(subscription);
        }
        Ok(())
    }

    /// Removes what `gone` chooses and whatever is without a reason to stay then: parties that no dialog holds and that
    /// do not publish, subscriptions that have nothing left to receive. Returns what the engine has of them.
    pub(crate) fn remove(&mut self, gone: impl Fn(&Gone<'_>) -> bool) -> Removed {
        self.dialogs.retain(|dialog| !gone(&Gone::Dialog(dialog)));
        let dismissed: Vec<PartyId> =
            self.parties.iter().filter(|party| gone(&Gone::Party(party))).map(|party| party.id).collect();
        for party in self.parties.iter_mut().filter(|party| dismissed.contains(&party.id)) {
            party.published = false;
        }
        self.subscriptions.retain(|subscription| !dismissed.contains(&subscription.subscriber));
        let held: Vec<PartyId> =
            self.parties.iter().map(|party| party.id).filter(|id| self.is_held(*id)).collect();
        self.subscriptions
            .retain(|subscription| subscription.sources().any(|from| held.contains(&from.party)));
        let stays: Vec<PartyId> = held
            .into_iter()
            .chain(self.subscriptions.iter().map(|subscription| subscription.subscriber))
            .collect();
        let removed = self.parties.take_unless(|party| stays.contains(&party.id));
        for party in &removed {
            self.gone_players.extend(party.players());
            self.unsubscribe_from(party.id);
            for subscription in &mut self.subscriptions {
                subscription.forget(party.id);
            }
        }
        let mixes = removed.iter().flat_map(|party| &party.streams).filter_map(|stream| stream.mix);
        Removed { legs: removed.iter().flat_map(|party| party.legs()).collect(), mixes: mixes.collect() }
    }

    /// True where a dialog holds the party or it publishes.
    fn is_held(&self, id: PartyId) -> bool {
        self.is_in_dialog(id) || self.party(id).is_some_and(|party| party.published)
    }
}

/// What the engine has of parties that are gone.
#[derive(Debug, Default)]
pub(crate) struct Removed {
    pub(crate) legs: Vec<LegId>,
    pub(crate) mixes: Vec<MixId>,
}

/// What can be removed from a call.
#[derive(Debug)]
pub(crate) enum Gone<'a> {
    Dialog(&'a Dialog),
    /// A publisher or subscriber.
    Party(&'a Party),
}
