//! `subscribe request`, `subscribe answer`, `unsubscribe` and `publish`.

use std::hash::{BuildHasher as _, RandomState};

use mediapoint_packet::Time;

use super::{Controller, Shared, find, lock, reply};
use crate::call::apply::{Agreed, apply};
use crate::call::outcomes::Outcomes;
use crate::call::party::PartyId;
use crate::call::{CallState, Gone};
use crate::media::legs::Done;
use crate::media::received::Received;
use crate::publication;
use crate::request::Id;
use crate::subscription::request::Source;
use crate::subscription::{SourceInfo, Subscription, answer, request as subscribe};
use crate::wire::{Dict, Value};
use crate::{NgError, Reply, Request};

impl Controller {
    pub(super) fn subscribe_request(
        &self,
        now: Time,
        request: &Request,
    ) -> Result<(Reply, Outcomes), NgError> {
        let state = self.find_call(request)?;
        let mut call = lock(&state);
        let selected = find::sources(&call, request)?;
        let mut sources: Vec<Source> =
            selected.iter().filter_map(|id| call.party(*id)).flat_map(Source::of).collect();
        if request.selection.siprec {
            subscribe::label(&mut call, &mut sources);
        }
        let group = call.group_of(request.call_id.as_ref());
        let known = request.to_tag.as_ref().and_then(|tag| call.tagged(group, tag)).map(|party| party.id);
        let (at, mut subscriber, mut subscription) = match known {
            Some(id) => {
                let at = position(&call, id)?;
                let party = call.party(id).cloned().ok_or(NgError::Internal)?;
                (Some(at), party, call.subscriptions.get(at).cloned().ok_or(NgError::Internal)?)
            }
            None => {
                let mut party = call.new_party(now, request.call_id.as_ref())?;
                party.take_tag(&request.to_tag.clone().unwrap_or_else(random_id));
                let subscription = Subscription::new(party.id);
                (None, party, subscription)
            }
        };
        subscriber.label = request.new_label().cloned().or(subscriber.label.take());
        subscriber.delete_at = None;
        let mut work = self.work(&call, &request.options);
        let how = (&request.selection, &request.options);
        let result = subscribe::process(&mut work, &mut subscriber, &mut subscription, &sources, how);
        let ((sdp, infos), Done { outcomes, warnings }) = work.finish(result)?;
        call.last_signal = now;
        let to_tag = subscriber.tag().cloned();
        call.put(subscriber);
        match at.and_then(|at| call.subscriptions.get_mut(at)) {
            Some(known) => *known = subscription,
            None => call.subscriptions.push(subscription),
        }
        let reply = reply(sdp, warnings).with("to-tag", bytes(to_tag.as_ref()));
        let reply = sources_of(reply, &infos, selected.len() == 1, request.selection.siprec);
        Ok((reply, outcomes))
    }

    pub(super) fn subscribe_answer(
        &self,
        now: Time,
        request: &Request,
    ) -> Result<(Reply, Outcomes), NgError> {
        let Some(Received { sdp, .. }) = self.read_sdp(request)? else {
            return Ok((Reply::ok(), Outcomes::default()));
        };
        let state = self.find_call(request)?;
        let mut call = lock(&state);
        let id = subscriber(&call, request)?;
        let subscription = call.subscriptions.get(position(&call, id)?).ok_or(NgError::Internal)?;
        let mut party = call.party(id).cloned().ok_or(NgError::Internal)?;
        party.delete_at = None;
        let is_there = |at| call.stream(at).is_some();
        answer::process(&mut party, subscription, is_there, &sdp, &request.options)?;
        let warnings = self.work(&call, &request.options).warnings;
        call.check_mixes_with(&party)?;
        call.last_signal = now;
        call.put(party);
        let outcomes = apply(&mut call, &[Agreed { party: id, anew: false }])?;
        let reply = Reply::ok();
        let reply = if warnings.is_empty() { reply } else { reply.with("warning", warnings.join(", ")) };
        Ok((reply, outcomes))
    }

    pub(super) fn unsubscribe(&self, now: Time, request: &Request) -> Result<(Reply, Outcomes), NgError> {
        let state = self.find_call(request)?;
        let mut call = lock(&state);
        let group = call.group_of(request.call_id.as_ref());
        let to = request.to_tag.as_ref().and_then(|tag| call.tagged(group, tag));
        let id = to.ok_or(NgError::NoParty { key: "to-tag" })?.id;
        call.last_signal = now;
        let from = match &request.from_tag {
            Some(tag) if request.selection.directional => {
                Some(call.tagged(group, tag).ok_or(NgError::NoParty { key: "from-tag" })?.id)
            }
            _ => None,
        };
        if from.is_none() && call.is_subscriber(id) {
            let gone = |gone: &Gone<'_>| matches!(gone, Gone::Party(party) if party.id == id);
            let closings = self.remove(&mut call, &state, gone);
            return Ok((Reply::ok(), closings.into()));
        }
        call.unsubscribe(id, from);
        if request.selection.bidirectional {
            match from {
                Some(from) => call.unsubscribe(from, Some(id)),
                None => call.unsubscribe_from(id),
            }
        }
        let outcomes = apply(&mut call, &[])?;
        Ok((Reply::ok(), outcomes))
    }

    pub(super) fn publish(&self, now: Time, request: &Request) -> Result<(Reply, Outcomes), NgError> {
        let Some(Received { sdp, .. }) = self.read_sdp(request)? else {
            return Ok((Reply::ok(), Outcomes::default()));
        };
        let id = request.call_id.clone().unwrap_or_else(random_id);
        let state = self.find_or_create(now, &id, &request.options)?;
        let mut call = lock(&state);
        let result = self.publish_in(now, &mut call, request, &sdp);
        if call.parties.is_empty() {
            // Nothing came of it: a call that was made for this message ends with it.
            self.refuse(&mut call, &state);
        }
        let (reply, outcomes) = result?;
        Ok((reply.with("call-id", bytes(Some(&id))), outcomes))
    }

    fn publish_in(
        &self,
        now: Time,
        call: &mut CallState,
        request: &Request,
        sdp: &mediapoint_packet::sdp::Sdp,
    ) -> Result<(Reply, Outcomes), NgError> {
        let tag = request.from_tag.clone().unwrap_or_else(random_id);
        let group = call.group_of(request.call_id.as_ref());
        let known = call.tagged(group, &tag).filter(|party| !call.is_subscriber(party.id)).cloned();
        let mut party = match known {
            Some(party) => party,
            None => call.new_party(now, request.call_id.as_ref())?,
        };
        party.take_tag(&tag);
        party.label = request.label.clone().or(party.label.take());
        party.delete_at = None;
        let mut work = self.work(call, &request.options);
        let how = (&request.selection, &request.options);
        let result = publication::process(&mut work, &mut party, sdp, how);
        let (answer, Done { mut outcomes, warnings }) = work.finish(result)?;
        call.last_signal = now;
        let agreed = Agreed { party: party.id, anew: request.options.reset };
        call.put(party);
        outcomes.append(apply(call, &[agreed])?);
        Ok((reply(answer, warnings).with("from-tag", bytes(Some(&tag))), outcomes))
    }

    /// The call of a request that must have one.
    pub(super) fn find_call(&self, request: &Request) -> Result<Shared, NgError> {
        request.call_id.as_ref().and_then(|id| self.find(id)).ok_or(NgError::UnknownCall)
    }
}

/// The place of a subscriber's subscription.
fn position(call: &CallState, id: PartyId) -> Result<usize, NgError> {
    let at = call.subscriptions.iter().position(|subscription| subscription.subscriber == id);
    at.ok_or(NgError::UnknownSubscription)
}

/// The subscriber that the `to-tag` names.
fn subscriber(call: &CallState, request: &Request) -> Result<PartyId, NgError> {
    let own = || call.of_group(call.group_of(request.call_id.as_ref()));
    let named = |tag: &Id| own().filter(|party| party.has_tag(tag) && call.is_subscriber(party.id)).last();
    let party = request.to_tag.as_ref().and_then(named).ok_or(NgError::UnknownSubscription)?;
    Ok(party.id)
}

/// What each section of the reply's description is of.
fn sources_of(mut reply: Reply, infos: &[SourceInfo], is_single: bool, siprec: bool) -> Reply {
    let tags: Value = infos.iter().map(|info| bytes(info.tag.as_ref())).collect();
    if let Some(first) = infos.first().filter(|_| is_single) {
        reply = reply.with("from-tag", bytes(first.tag.as_ref()));
    }
    reply = reply.with("from-tags", tags);
    if !siprec {
        return reply;
    }
    let mut labels = Dict::new();
    for info in infos {
        if let Some(label) = info.media_label {
            let mut entry = described(info);
            entry.insert(b"tag".to_vec(), bytes(info.tag.as_ref()));
            entry.extend(info.label.as_ref().map(|label| (b"label".to_vec(), bytes(Some(label)))));
            labels.insert(label.to_string().into_bytes(), Value::Dict(entry));
        }
    }
    let tag_medias: Value = infos.iter().map(tag_media).collect();
    reply.with("media-labels", labels).with("tag-medias", tag_medias)
}

fn tag_media(info: &SourceInfo) -> Value {
    let mut media = described(info);
    media.extend(info.media_label.map(|label| (b"label".to_vec(), Value::from(label.to_string()))));
    let mut out = Dict::from([
        (b"tag".to_vec(), bytes(info.tag.as_ref())),
        (b"medias".to_vec(), Value::List(vec![Value::Dict(media)])),
    ]);
    out.extend(info.label.as_ref().map(|label| (b"label".to_vec(), bytes(Some(label)))));
    Value::Dict(out)
}

fn described(info: &SourceInfo) -> Dict {
    Dict::from([
        (b"index".to_vec(), Value::from(u64::try_from(info.index).unwrap_or(u64::MAX))),
        (b"type".to_vec(), info.media.clone().into()),
        (b"mode".to_vec(), info.mode.into()),
    ])
}

fn bytes(id: Option<&Id>) -> Value {
    Value::from(id.map(Id::bytes).unwrap_or_default())
}

/// An id that is in use nowhere else. It need not be hard to guess: the keys of a hasher are random by process.
fn random_id() -> Id {
    let half = || RandomState::new().hash_one(());
    format!("{:016x}{:016x}", half(), half()).as_str().into()
}
