//! `offer` and `answer`.

use mediapoint_packet::Time;

use super::hold::SignalledMusic;
use super::{Controller, find, lock, reply};
use crate::call::CallState;
use crate::call::alias::Alias;
use crate::call::apply::{Agreed, apply, reserve};
use crate::call::outcomes::Outcomes;
use crate::call::party::Party;
use crate::dialog::{Dialog, Exchange, Which, answer, offer};
use crate::media::legs::Done;
use crate::media::received::Received;
use crate::request::Id;
use crate::{NgError, Reply, Request};

impl Controller {
    pub(super) fn offer(&self, now: Time, request: &Request) -> Result<(Reply, Outcomes), NgError> {
        let (Some(id), Some(from_tag)) = (&request.call_id, &request.from_tag) else {
            return Err(NgError::Internal);
        };
        let Some(received) = self.read_sdp(request)? else {
            return Ok((Reply::ok(), Outcomes::default()));
        };
        let mut warnings = Vec::new();
        let music = self.read_music(request, &mut warnings);
        let state = self.find_or_create(now, id, &request.options)?;
        let mut call = lock(&state);
        let result = self.offer_in(now, &mut call, from_tag, request, received, (music, warnings));
        if call.parties.is_empty() {
            // Nothing came of it: a call that was made for this offer ends with it.
            self.refuse(&mut call, &state);
        }
        result
    }

    fn offer_in(
        &self,
        now: Time,
        call: &mut CallState,
        from_tag: &Id,
        request: &Request,
        Received { sdp, around }: Received,
        (music, mut music_warnings): (SignalledMusic, Vec<String>),
    ) -> Result<(Reply, Outcomes), NgError> {
        let alias = request.options.alias_key.and_then(|key| Alias::of(key, &sdp));
        let group = call.group_of(request.call_id.as_ref());
        call.take_alias(group, from_tag, alias.as_ref());
        let found =
            find::for_offer(call, group, from_tag, request.to_tag.as_ref(), request.via_branch.as_ref());
        let (mut exchange, from) = match found {
            Some((at, from)) => (call.exchange(at)?, from),
            None => (begin(now, call, from_tag, request)?, Which::Caller),
        };
        exchange.dialog.delete_at = None;
        let (own, other) = exchange.sides_mut(from);
        own.alias = alias.or(own.alias.take());
        own.label = request.label.clone().or(own.label.take());
        other.label = request.new_label().cloned().or(other.label.take());
        if let Some(to_tag) = &request.to_tag {
            other.take_tag(to_tag);
        }
        own.unrecorded |= request.recording.exclude;
        music_warnings.extend(music.take(own, other).map(str::to_owned));
        let mut work = self.work(call, &request.options);
        work.warnings.append(&mut music_warnings);
        let result = offer::process(&mut work, &mut exchange, from, sdp, &request.options);
        let (advertised, Done { mut outcomes, warnings }) = work.finish(result)?;
        call.last_signal = now;
        call.digit_watch.take(&request.options.digits, self.config.digit_log);
        let (own, other) = exchange.sides_mut(from);
        set_echo(request, own, other);
        call.put_exchange(exchange);
        if let Some(drop) = request.options.drop_traffic
            && std::mem::replace(&mut call.drop_traffic, drop) != drop
        {
            outcomes.append(apply(call, &[])?);
        }
        Ok((reply(around.put(advertised), warnings), outcomes))
    }

    pub(super) fn answer(&self, now: Time, request: &Request) -> Result<(Reply, Outcomes), NgError> {
        let (Some(id), Some(from_tag), Some(to_tag)) = (&request.call_id, &request.from_tag, &request.to_tag)
        else {
            return Err(NgError::Internal);
        };
        let Some(Received { sdp, around }) = self.read_sdp(request)? else {
            return Ok((Reply::ok(), Outcomes::default()));
        };
        let mut music_warnings = Vec::new();
        let music = self.read_music(request, &mut music_warnings);
        let state = self.find(id).ok_or(NgError::UnknownCall)?;
        let mut call = lock(&state);
        let at =
            find::for_answer(&call, call.group_of(Some(id)), from_tag, to_tag, request.via_branch.as_ref())
                .ok_or(NgError::UnknownOffer)?;
        let mut exchange = call.exchange(at)?;
        let from = exchange.dialog.offer.as_ref().map(|offer| offer.from).ok_or(NgError::UnknownOffer)?;
        let reset = exchange.dialog.offer.as_ref().is_some_and(|offer| offer.options.reset);
        exchange.dialog.delete_at = None;
        let (offerer, answerer) = exchange.sides_mut(from);
        // Another party of a forked call answers: it is somewhere else, whatever address it signals.
        let first = answerer.tags.is_empty();
        let forked = answerer.take_tag(to_tag) && !first;
        answerer.label = request.label.clone().or(answerer.label.take());
        offerer.label = request.new_label().cloned().or(offerer.label.take());
        answerer.unrecorded |= request.recording.exclude;
        music_warnings.extend(music.take(answerer, offerer).map(str::to_owned));
        let agreed =
            [Agreed { party: offerer.id, anew: reset }, Agreed { party: answerer.id, anew: reset || forked }];
        let advertised = answer::process(&mut exchange, sdp, &request.options)?;
        let mut warnings = self.work(&call, &request.options).warnings;
        warnings.append(&mut music_warnings);
        // Where there is no room for what was agreed, the call is as if there had been no answer.
        let before = call.clone();
        call.last_signal = now;
        call.digit_watch.take(&request.options.digits, self.config.digit_log);
        let (offerer, answerer) = exchange.sides_mut(from);
        set_echo(request, answerer, offerer);
        call.drop_traffic = request.options.drop_traffic.unwrap_or(call.drop_traffic);
        call.put_exchange(exchange);
        let [offerer, answerer] = agreed;
        call.relate(offerer.party, answerer.party);
        let starts = call.settle_holds();
        let reservation = match reserve(&mut call, &agreed) {
            Ok(reservation) => reservation,
            Err(error) => {
                *call = before;
                return Err(error);
            }
        };
        let mut outcomes = apply(&mut call, &agreed)?;
        drop(reservation);
        drop(call);
        outcomes.append(self.start_holds(&state, starts, &mut warnings));
        Ok((reply(around.put(advertised), warnings), outcomes))
    }
}

/// Takes what a message says of media that goes back to where it came from.
fn set_echo(request: &Request, sender: &mut Party, receiver: &mut Party) {
    if let Some(echo) = request.options.media_echo {
        (sender.echo, receiver.echo) = (Some(echo.sender), Some(echo.receiver));
    }
}

/// A new dialog, with the parties of the tags where they are there already.
fn begin(now: Time, call: &mut CallState, from_tag: &Id, request: &Request) -> Result<Exchange, NgError> {
    call.check_dialogs()?;
    let (from, to) = find::for_new_dialog(
        call,
        call.group_of(request.call_id.as_ref()),
        from_tag,
        request.to_tag.as_ref(),
    );
    let mut party = |id| -> Result<Party, NgError> {
        match id {
            Some(id) => call.party(id).cloned().ok_or(NgError::Internal),
            None => call.new_party(now, request.call_id.as_ref()),
        }
    };
    let (mut caller, callee) = (party(from)?, party(to)?);
    caller.take_tag(from_tag);
    let dialog = Dialog::new(caller.id, callee.id, request.via_branch.clone());
    Ok(Exchange { at: None, dialog, caller, callee })
}
