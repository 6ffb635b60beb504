//! What is kept with a recording beside its audio: metadata of messages, and whom it is about.

use mediapoint_engine::LegId;

use super::super::Controller;
use crate::call::CallState;
use crate::call::party::Party;
use crate::call::recordings::Recorded;
use crate::recording::PartyNote;
use crate::request::RecordingOptions;
use crate::wire::{Dict, Value, to_json};

impl Controller {
    /// What a later message says of recordings: metadata, and who takes part.
    pub(super) fn update_metadata(&self, call: &mut CallState, options: &RecordingOptions) {
        if let Some(record) = &mut call.record_from_answer
            && options.metadata.is_some()
        {
            record.add_metadata(options);
        }
        let owner = Some(options.owner.as_str()).filter(|owner| !owner.is_empty());
        add_metadata(call, options, owner);
        if let Some(recordings) = self.config.recordings.as_deref() {
            let parties = parties_of(call);
            let legs: Vec<LegId> = call.legs().collect();
            // One whose leg was replaced has ended: its parties are those of before.
            for active in call.recordings.iter().filter(|active| legs.contains(&active.of.leg)) {
                recordings.note_parties(&active.id, parties.clone());
            }
        }
    }
}

/// Gives recordings of an owner, or all, the metadata that a message has for them.
pub(super) fn add_metadata(call: &mut CallState, options: &RecordingOptions, owner: Option<&str>) {
    let metadata = metadata_of(options);
    if metadata.is_empty() {
        return;
    }
    let json = to_json(&Dict::from([(b"metadata".to_vec(), Value::Dict(metadata))]));
    for active in call.recordings_of(owner) {
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

pub(super) fn parties_of(call: &CallState) -> Vec<PartyNote> {
    call.parties.iter().filter_map(PartyNote::of).collect()
}

/// Whom a recording is about, as JSON: it is kept encrypted only.
pub(super) fn personal(call: &CallState, options: &RecordingOptions, recorded: &Recorded) -> Vec<u8> {
    let mut out = Dict::new();
    let text = |bytes: &[u8]| Value::from(bytes);
    out.insert(b"call_id".to_vec(), text(call.id.bytes()));
    for (side, id) in ["left", "right"].into_iter().zip(recorded.parties) {
        let Some(party) = id.and_then(|id| call.party(id)) else { continue };
        out.insert(side.as_bytes().to_vec(), Value::Dict(described(party)));
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
