//! `connect` and `mesh`: parties related without offer and answer, calls merged.

use mediapoint_engine::{Call, LegId};
use mediapoint_packet::Time;

use super::{Controller, Shared, find, lock};
use crate::call::CallState;
use crate::call::apply::apply;
use crate::call::links::Place;
use crate::call::party::PartyId;
use crate::dialog::Dialog;
use crate::request::Id;
use crate::{NgError, Reply, Request};

impl Controller {
    pub(super) fn connect(&self, now: Time, request: &Request) -> Result<Reply, NgError> {
        let ids = request.call_id.iter().chain(&request.selection.to_call_id);
        self.in_one_call(ids, |call| connect(now, call, request))
    }

    pub(super) fn mesh(&self, now: Time, request: &Request) -> Result<Reply, NgError> {
        self.in_one_call(request.selection.calls.iter(), |call| mesh(now, call, request))
    }

    /// Works on the call of these ids, which are merged into the first where they are several. Where the work fails, who
    /// receives whom stays as it was.
    fn in_one_call<'a>(
        &self,
        ids: impl Iterator<Item = &'a Id>,
        work: impl FnOnce(&mut CallState) -> Result<Vec<String>, NgError>,
    ) -> Result<Reply, NgError> {
        let mut states: Vec<Shared> = Vec::new();
        for id in ids {
            let state = self.find(id).ok_or(NgError::UnknownCall)?;
            if !states.iter().any(|known| std::sync::Arc::ptr_eq(known, &state)) {
                states.push(state);
            }
        }
        let mut calls = self.lock_all(&states)?;
        let Some((call, others)) = calls.split_first_mut() else { return Err(NgError::UnknownCall) };
        for other in others {
            merge(call, other)?;
            self.rename(call, other, states.first());
        }
        let before = call.links();
        let warnings = work(call).inspect_err(|_| call.set_links(&before))?;
        apply(call, &[])?;
        let reply = Reply::ok();
        Ok(if warnings.is_empty() { reply } else { reply.with("warning", warnings.join(", ")) })
    }

    /// Lets the ids of a merged call stand for the call that it was merged into.
    fn rename(&self, call: &mut CallState, merged: &mut CallState, state: Option<&Shared>) {
        merged.ended = true;
        let aliases = std::iter::once(merged.id.clone()).chain(std::mem::take(&mut merged.aliases));
        let mut calls = lock(&self.calls);
        for id in aliases {
            if let Some(state) = state {
                calls.by_id.insert(id.clone(), Shared::clone(state));
            }
            call.aliases.push(id);
        }
        calls.by_engine.remove(&merged.call.id());
        drop(calls);
        // Nothing is left in it.
        let _ = merged.call.end();
    }
}

/// Relates the parties that a request selects to the one of its `to-tag`. Returns warnings.
fn connect(now: Time, call: &mut CallState, request: &Request) -> Result<Vec<String>, NgError> {
    let sources = find::sources(call, request)?;
    let to = request.to_tag.as_ref().and_then(|tag| call.tagged(tag)).map(|party| party.id);
    let to = to.ok_or(NgError::NoParty { key: "to-tag" })?;
    let mut warnings = Vec::new();
    let flags = &request.selection;
    if !flags.directional && sources.iter().chain([&to]).any(|id| call.is_subscriber(*id)) {
        return Err(NgError::IsSubscriber);
    }
    for from in sources.into_iter().filter(|from| *from != to) {
        let pairs = pairs(call, from, to, &mut warnings);
        if flags.directional {
            flow(call, &pairs, flags.bidirectional)?;
        } else if !pairs.is_empty() {
            call.relate_sections(from, to, &pairs);
            let is_of = |dialog: &Dialog| [(from, to), (to, from)].contains(&(dialog.caller, dialog.callee));
            if !call.dialogs.iter().any(is_of) {
                call.dialogs.push(Dialog::new(from, to, None));
            }
        }
    }
    call.last_signal = now;
    Ok(warnings)
}

/// Makes the media flows that a request lists. Returns warnings.
fn mesh(now: Time, call: &mut CallState, request: &Request) -> Result<Vec<String>, NgError> {
    let flags = &request.selection;
    let party = |call: &CallState, tag: &Id, key| {
        call.tagged(tag).map(|party| party.id).ok_or(NgError::NoParty { key })
    };
    // All tags are looked up before anything changes.
    let mut flows: Vec<(PartyId, Vec<PartyId>)> = Vec::new();
    for listed in &flags.flows {
        let from = party(call, &listed.from, "from")?;
        let to = listed.to.iter().map(|tag| party(call, tag, "to")).collect::<Result<_, _>>()?;
        flows.push((from, to));
    }
    if flags.unsubscribe {
        for (from, _) in &flows {
            call.unsubscribe(*from, None);
            if flags.bidirectional {
                call.unsubscribe_from(*from);
            }
        }
    }
    let mut warnings = Vec::new();
    for (from, to) in flows {
        for to in to.into_iter().filter(|to| *to != from) {
            let pairs = pairs(call, from, to, &mut warnings);
            flow(call, &pairs, flags.bidirectional)?;
        }
    }
    call.last_signal = now;
    Ok(warnings)
}

/// Lets the second of each pair receive the first, and the other way round where it is to be `both` ways.
fn flow(call: &mut CallState, pairs: &[(Place, Place)], both: bool) -> Result<(), NgError> {
    for (from, to) in pairs {
        call.subscribe(*to, *from)?;
        if both {
            call.subscribe(*from, *to)?;
        }
    }
    Ok(())
}

/// The sections of two parties that belong together: by `a=mid`, else the next of the same kind from the same place on.
fn pairs(call: &CallState, from: PartyId, to: PartyId, warnings: &mut Vec<String>) -> Vec<(Place, Place)> {
    let sections = |id| {
        let streams = call.party(id).map(|party| party.streams.as_slice()).unwrap_or_default();
        streams.iter().enumerate().filter(|(_, stream)| stream.active)
    };
    let count = call.party(to).map_or(0, |party| party.streams.len());
    let mut out: Vec<(Place, Place)> = Vec::new();
    for (section, stream) in sections(from) {
        let Some(remote) = &stream.remote else { continue };
        let candidates = || {
            let usable = sections(to).filter_map(|(at, stream)| Some((at, stream.remote.as_ref()?)));
            usable.filter(|(at, other)| {
                other.media == remote.media
                    && other.kind == remote.kind
                    && !out.iter().any(|(_, taken)| taken.section == *at)
            })
        };
        let by_mid = || candidates().find(|(_, other)| remote.mid.is_some() && other.mid == remote.mid);
        let by_place = || candidates().min_by_key(|(at, _)| (at + count - section.min(count)) % count.max(1));
        match by_mid().or_else(by_place) {
            Some((at, _)) => {
                out.push((Place { party: from, section }, Place { party: to, section: at }));
            }
            None => {
                warnings.push(format!("no {} section to connect section {} to", remote.media, section + 1))
            }
        }
    }
    out
}

/// Moves the parties of `other` to `call`, with their relations.
fn merge(call: &mut CallState, other: &mut CallState) -> Result<(), NgError> {
    let tags = other.parties.iter().flat_map(|party| &party.tags);
    if tags.into_iter().any(|tag| call.tagged(tag).is_some()) {
        return Err(NgError::SameTag);
    }
    let legs: Vec<LegId> = other.parties.iter().flat_map(|party| party.legs()).collect();
    move_legs(&other.call, &call.call, &legs)?;
    call.take_over(other);
    Ok(())
}

/// Moves legs from one call of the engine to another, with ports, keys and streams. The one place that does.
fn move_legs(from: &Call, to: &Call, legs: &[LegId]) -> Result<(), NgError> {
    for leg in legs {
        // Where it fails, the engine reports it.
        drop(from.move_leg(*leg, to)?);
    }
    Ok(())
}
