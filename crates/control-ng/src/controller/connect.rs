//! `connect` and `mesh`: parties related without offer and answer, calls merged.

use std::sync::MutexGuard;

use mediapoint_engine::{Call, LegId};
use mediapoint_packet::Time;

use super::{Controller, Shared, find, lock};
use crate::call::CallState;
use crate::call::apply::apply;
use crate::call::links::Place;
use crate::call::outcomes::Outcomes;
use crate::call::party::PartyId;
use crate::dialog::{Dialog, MAX_DIALOGS};
use crate::request::Id;
use crate::wire::Value;
use crate::{NgError, Reply, Request};

impl Controller {
    pub(super) fn connect(&self, now: Time, request: &Request) -> Result<(Reply, Outcomes), NgError> {
        let ids = request.call_id.iter().chain(&request.selection.to_call_id);
        self.in_one_call(now, request, ids, |call| connect(now, call, request))
    }

    pub(super) fn mesh(&self, now: Time, request: &Request) -> Result<(Reply, Outcomes), NgError> {
        let ids = request.selection.calls.iter();
        self.in_one_call(now, request, ids, |call| mesh(now, call, request))
    }

    /// Works on the call of these ids, which are merged into the first where they are several. Everything is worked out
    /// on a copy: where the work fails, or a leg cannot be moved, the calls stay as they were.
    fn in_one_call<'a>(
        &self,
        now: Time,
        request: &Request,
        ids: impl Iterator<Item = &'a Id>,
        work: impl FnOnce(&mut CallState) -> Result<Vec<String>, NgError>,
    ) -> Result<(Reply, Outcomes), NgError> {
        let mut states: Vec<Shared> = Vec::new();
        for id in ids {
            let state = self.find(id).ok_or(NgError::UnknownCall)?;
            if !states.iter().any(|known| Shared::ptr_eq(known, &state)) {
                states.push(state);
            }
        }
        let mut calls = self.lock_all(&states)?;
        let (Some((call, others)), Some(state)) = (calls.split_first_mut(), states.first()) else {
            return Err(NgError::UnknownCall);
        };
        let mut merged = CallState::clone(call);
        for other in others.iter() {
            merged.take_over(CallState::clone(other))?;
        }
        let mut warnings = work(&mut merged)?;
        merged.check_mixes()?;
        move_legs(&call.call, others)?;
        **call = merged;
        for other in others {
            self.replace(other, state);
        }
        let mut outcomes = apply(call, &[])?;
        let ids = self.record_on(now, call, request, &mut warnings, &mut outcomes)?;
        let reply = Reply::ok();
        let reply = if ids.is_empty() { reply } else { reply.with("recording-ids", Value::List(ids)) };
        let reply = if warnings.is_empty() { reply } else { reply.with("warning", warnings.join(", ")) };
        Ok((reply, outcomes))
    }

    /// Lets the ids of a merged call stand for the call that it was merged into.
    fn replace(&self, merged: &mut CallState, by: &Shared) {
        merged.ended = true;
        // Whoever waits for its lock finds nobody there.
        merged.parties.clear();
        merged.dialogs.clear();
        merged.subscriptions.clear();
        let mut calls = lock(&self.calls);
        for id in std::iter::once(merged.id.clone()).chain(std::mem::take(&mut merged.aliases)) {
            calls.by_id.insert(id, Shared::clone(by));
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
    if !flags.directional && sources.len() > 1 {
        return Err(NgError::SeveralParties);
    }
    for from in sources.into_iter().filter(|from| *from != to) {
        let pairs = pairs(call, from, to, &mut warnings);
        if flags.directional {
            flow(call, &pairs, flags.bidirectional)?;
        } else if !pairs.is_empty() {
            call.relate_sections(from, to, &pairs);
            let is_of = |dialog: &Dialog| [(from, to), (to, from)].contains(&(dialog.caller, dialog.callee));
            if !call.dialogs.iter().any(is_of) {
                if call.dialogs.len() >= MAX_DIALOGS {
                    return Err(NgError::TooManyBranches { limit: MAX_DIALOGS });
                }
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

/// Moves all legs of `others` to `call` at the engine, with ports, keys and streams. Where one of them cannot be moved, those
/// that were go back, and everything that is to be fed is fed again.
fn move_legs(call: &Call, others: &mut [MutexGuard<'_, CallState>]) -> Result<(), NgError> {
    let mut moved: Vec<(LegId, Call)> = Vec::new();
    let legs = others.iter().flat_map(|other| other.legs().map(|leg| (leg, other.call.clone())));
    for (leg, from) in legs.collect::<Vec<_>>() {
        match from.move_leg(leg, call) {
            // The engine has checked that its worker can do it.
            Ok(outcome) => drop(outcome),
            Err(error) => {
                put_back(call, moved, others);
                return Err(error.into());
            }
        }
        moved.push((leg, from));
    }
    Ok(())
}

/// Moves legs back to their calls.
fn put_back(call: &Call, moved: Vec<(LegId, Call)>, others: &mut [MutexGuard<'_, CallState>]) {
    for (leg, from) in moved.into_iter().rev() {
        match call.move_leg(leg, &from) {
            Ok(outcome) => drop(outcome),
            Err(error) => tracing::error!(call = from.id().as_u64(), %error, "a leg cannot be moved back"),
        }
    }
    for other in others {
        for stream in other.parties.iter_mut().flat_map(|party| &mut party.streams) {
            stream.forget_sources();
        }
        if let Err(error) = apply(other, &[]) {
            tracing::error!(call = other.call.id().as_u64(), %error, "a call goes on without its sources");
        }
    }
}
