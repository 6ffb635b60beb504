//! `connect` and `mesh`: parties related without offer and answer, calls merged.

use mediapoint_packet::Time;

use super::{Controller, Shared, find};
use crate::call::CallState;
use crate::call::links::Place;
use crate::call::outcomes::Outcomes;
use crate::call::party::PartyId;
use crate::dialog::Dialog;
use crate::request::Id;
use crate::{NgError, Reply, Request};

impl Controller {
    pub(super) fn connect(&self, now: Time, request: &Request) -> Result<(Reply, Outcomes), NgError> {
        let ids = || request.call_id.iter().chain(&request.selection.to_call_id);
        self.in_one_call(now, request, (&self.find_all(ids())?, None), |call| {
            call.unite_groups(ids())?;
            connect(now, call, request)
        })
    }

    pub(super) fn mesh(&self, now: Time, request: &Request) -> Result<(Reply, Outcomes), NgError> {
        let ids = || request.selection.calls.iter();
        self.in_one_call(now, request, (&self.find_all(ids())?, None), |call| {
            call.unite_groups(ids())?;
            mesh(now, call, request)
        })
    }

    /// The calls of these ids.
    fn find_all<'a>(&self, ids: impl Iterator<Item = &'a Id>) -> Result<Vec<Shared>, NgError> {
        let mut states: Vec<Shared> = Vec::new();
        for id in ids {
            let state = self.find(id).ok_or(NgError::UnknownCall)?;
            if !states.iter().any(|known| Shared::ptr_eq(known, &state)) {
                states.push(state);
            }
        }
        Ok(states)
    }
}

/// Relates the parties that a request selects to the one of its `to-tag`. Returns warnings.
fn connect(now: Time, call: &mut CallState, request: &Request) -> Result<Vec<String>, NgError> {
    let sources = find::sources(call, request)?;
    let group = call.group_of(request.call_id.as_ref());
    let to = request.to_tag.as_ref().and_then(|tag| call.tagged(group, tag)).map(|party| party.id);
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
                call.check_dialogs()?;
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
    let group = call.group_of(request.selection.calls.first());
    let party = |call: &CallState, tag: &Id, key| {
        call.tagged(group, tag).map(|party| party.id).ok_or(NgError::NoParty { key })
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
