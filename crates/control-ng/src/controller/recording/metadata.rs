//! What is kept with a recording beside its audio: metadata of messages, and whom it is about.

use mediapoint_engine::LegId;

use super::super::Controller;
use crate::call::party::Party;
use crate::call::recordings::{ActiveRecording, Scope, Target};
use crate::call::{CallState, Group};
use crate::recording::PartyNote;
use crate::request::{Id, RecordingOptions};
use crate::wire::{Dict, Value, to_json};

impl Controller {
    /// What a later message says of recordings: metadata, and who takes part.
    pub(super) fn update_metadata(&self, call: &mut CallState, group: Group, options: &RecordingOptions) {
        if let Some(record) = call.record_from_answer(group)
            && options.metadata.is_some()
        {
            record.add_metadata(options);
        }
        let owner = Some(options.owner.as_str()).filter(|owner| !owner.is_empty());
        add_metadata(call, options, (Scope::Call(group), owner));
        if let Some(recordings) = self.config.recordings.as_deref() {
            let parties = parties_of(call, Scope::Call(group));
            let legs: Vec<LegId> = call.legs().collect();
            // One whose leg was replaced has ended: its parties are those of before.
            let goes_on = |active: &&ActiveRecording| {
                let recorded = active.recorded();
                recorded.is_some_and(|recorded| recorded.group == group && legs.contains(&recorded.leg))
            };
            for active in call.recordings.iter().filter(goes_on) {
                recordings.note_parties(&active.id, parties.clone());
            }
        }
    }

    /// Takes note of the members of a room that is recorded, beside those that were in it before.
    pub(in crate::controller) fn note_members(&self, call: &CallState, room: &Id) {
        let Some(recordings) = self.config.recordings.as_deref() else { return };
        for active in call.recordings.iter().filter(|active| active.is_of(Scope::Room(room))) {
            recordings.note_parties(&active.id, parties_of(call, Scope::Room(room)));
        }
    }
}

/// Gives recordings of a scope and an owner, or all of the scope, the metadata that a message has for them.
pub(super) fn add_metadata(
    call: &mut CallState,
    options: &RecordingOptions,
    (scope, owner): (Scope<'_>, Option<&str>),
) {
    let metadata = metadata_of(options);
    if metadata.is_empty() {
        return;
    }
    let json = to_json(&Dict::from([(b"metadata".to_vec(), Value::Dict(metadata))]));
    for active in call.recordings_of(scope, owner) {
        active.options.add_metadata(options);
        if let Err(error) = active.made.recording.add_metadata(json.to_vec()) {
            tracing::warn!(recording = %active.id, %error, "metadata is not kept");
        }
    }
}

fn metadata_of(options: &RecordingOptions) -> Dict {
    let pairs = options.pairs().into_iter();
    pairs.map(|(key, value)| (key.into_bytes(), Value::from(value.as_bytes()))).collect()
}

/// The parties of a call, or the members of a room.
pub(super) fn parties_of(call: &CallState, scope: Scope<'_>) -> Vec<PartyNote> {
    match scope {
        Scope::Call(group) => call.of_group(group).filter_map(PartyNote::of).collect(),
        Scope::Room(name) => call.members(name).filter_map(|(party, _)| PartyNote::of(party)).collect(),
    }
}

/// Whom a recording is about, as JSON: it is kept encrypted only.
pub(super) fn personal(call: &CallState, options: &RecordingOptions, of: &Target) -> Vec<u8> {
    let mut out = Dict::new();
    let text = |bytes: &[u8]| Value::from(bytes);
    match of {
        Target::Leg(recorded) => {
            out.insert(b"call_id".to_vec(), text(call.id_of(recorded.group).bytes()));
            for (side, id) in ["left", "right"].into_iter().zip(recorded.parties) {
                let Some(party) = id.and_then(|id| call.party(id)) else { continue };
                out.insert(side.as_bytes().to_vec(), Value::Dict(described(party)));
            }
            let member = recorded.parties.iter().flatten().find_map(|id| call.party(*id)?.seat.as_ref());
            if let Some(seat) = member {
                out.insert(b"room".to_vec(), text(seat.room.bytes()));
            }
        }
        Target::Room(name) => {
            out.insert(b"room".to_vec(), text(name.bytes()));
            let described_in_call = |party: &Party| {
                let mut member = described(party);
                member.insert(b"call_id".to_vec(), text(call.id_of(party.group).bytes()));
                Value::Dict(member)
            };
            let members = call.members(name).map(|(party, _)| described_in_call(party)).collect();
            out.insert(b"members".to_vec(), Value::List(members));
        }
    }
    if !options.owner.is_empty() {
        out.insert(b"owner".to_vec(), text(options.owner.as_bytes()));
    }
    out.insert(b"metadata".to_vec(), Value::Dict(metadata_of(options)));
    to_json(&out).to_vec()
}

fn described(party: &Party) -> Dict {
    let mut out = Dict::new();
    let names = [("tag", party.tag()), ("label", party.label.as_ref())];
    for (key, id) in names {
        if let Some(id) = id {
            out.insert(key.as_bytes().to_vec(), Value::from(id.bytes()));
        }
    }
    let codecs = party.streams.iter().filter(|stream| stream.can_mix()).flat_map(|stream| &stream.codecs);
    let names = codecs.map(|codec| Value::from(codec.name.as_str())).collect();
    out.insert(b"codecs".to_vec(), Value::List(names));
    out
}
