//! `block media`, `silence media` and their opposites.

use std::net::IpAddr;

use mediapoint_packet::Time;

use super::{Controller, lock};
use crate::call::apply::apply;
use crate::call::gates::Gated;
use crate::call::outcomes::Outcomes;
use crate::call::party::{Party, PartyId};
use crate::call::{CallState, Group};
use crate::media::remote::RemoteDescription;
use crate::request::{DigitGate, Id, MediaGate};
use crate::{NgError, Reply, Request};

impl Controller {
    pub(super) fn gate_media(
        &self,
        now: Time,
        request: &Request,
        gate: MediaGate,
        on: bool,
    ) -> Result<(Reply, Outcomes), NgError> {
        let state = self.find_call(request)?;
        let mut call = lock(&state);
        let gated = select(&call, request)?;
        call.gate(&gated, gate, on)?;
        if let (Some(label), Gated::Parties(ids) | Gated::Flows(ids, _) | Gated::Related(ids, _)) =
            (&request.set_label, &gated)
        {
            let named = call.parties.iter_mut().filter(|party| ids.contains(&party.id));
            named.for_each(|party| party.label = Some(label.clone()));
        }
        call.last_signal = now;
        let outcomes = apply(&mut call, &[])?;
        Ok((Reply::ok(), outcomes))
    }
}

impl Controller {
    pub(super) fn gate_digits(
        &self,
        now: Time,
        request: &Request,
        on: bool,
    ) -> Result<(Reply, Outcomes), NgError> {
        let gate = if on { request.options.digits.gate()? } else { DigitGate::default() };
        let state = self.find_call(request)?;
        let mut call = lock(&state);
        let gated = select(&call, request)?;
        call.triggers = call.triggers.wrapping_add(1);
        let serial = call.triggers;
        call.gate_digits(&gated, gate.with_serial(serial));
        call.digit_watch.take(&request.options.digits, self.config.digit_log);
        call.last_signal = now;
        let outcomes = apply(&mut call, &[])?;
        Ok((Reply::ok(), outcomes))
    }
}

/// Whose media a request is about. A from-tag counts with the flag `directional` only: proxies send one always.
fn select(call: &CallState, request: &Request) -> Result<Gated, NgError> {
    let selection = &request.selection;
    let own = own(call, request);
    // Others that are in a conference room with its parties are of calls of their own.
    let whole = |parties| match call.has_groups() {
        true => Ok(Gated::Parties(own.0.of_group(own.1).map(|party| party.id).collect())),
        false => Ok(Gated::Call { parties }),
    };
    if selection.all {
        return whole(true);
    }
    let from = if let Some(label) = &request.label {
        labelled(own, label, "label")?
    } else if let Some(address) = selection.address {
        at_address(own, address)?
    } else if let Some(tag) = request.from_tag.as_ref().filter(|_| selection.directional) {
        tagged(own, tag, "from-tag")?
    } else {
        return whole(false);
    };
    let to = match (&request.to_tag, &request.to_label) {
        (Some(tag), _) => Some(tagged(own, tag, "to-tag")?),
        (None, Some(label)) => Some(labelled(own, label, "to-label")?),
        (None, None) => None,
    };
    Ok(match (to, selection.flows_of) {
        (Some(to), _) => Gated::Flows(from, to),
        (None, Some(flows)) => Gated::Related(from, flows),
        (None, None) => Gated::Parties(from),
    })
}

/// A call, and the group in it that a message is about.
pub(super) type Own<'a> = (&'a CallState, Group);

pub(super) fn own<'a>(call: &'a CallState, request: &Request) -> Own<'a> {
    (call, call.group_of(request.call_id.as_ref()))
}

pub(super) fn at_address((call, group): Own<'_>, address: IpAddr) -> Result<Vec<PartyId>, NgError> {
    let is_at = |remote: &RemoteDescription| remote.host == Some(address);
    let has = |party: &Party| party.streams.iter().any(|s| s.remote.as_ref().is_some_and(is_at));
    chosen((call, group), has, "address")
}

/// The parties of a tag: each branch of a fork has a caller of its own.
pub(super) fn tagged((call, group): Own<'_>, tag: &Id, key: &'static str) -> Result<Vec<PartyId>, NgError> {
    chosen((call, group), |party| party.has_tag(tag), key)
}

pub(super) fn labelled(
    (call, group): Own<'_>,
    label: &Id,
    key: &'static str,
) -> Result<Vec<PartyId>, NgError> {
    chosen((call, group), |party| party.label.as_ref() == Some(label), key)
}

pub(super) fn chosen(
    (call, group): Own<'_>,
    is_meant: impl Fn(&Party) -> bool,
    key: &'static str,
) -> Result<Vec<PartyId>, NgError> {
    let ids: Vec<PartyId> =
        call.of_group(group).filter(|party| is_meant(party)).map(|party| party.id).collect();
    if ids.is_empty() { Err(NgError::NoParty { key }) } else { Ok(ids) }
}
