//! Carries requests out: which call and branch a request is of, and what becomes of them.
//!
//! Calls are looked up under one lock that is held for moments only; a call is worked on under its own, so that
//! requests of different calls do not wait for one another.

mod find;
mod report;
mod totals;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mediapoint_engine::{CallId, CallSpec, Engine, Event};
use mediapoint_packet::Time;
use mediapoint_packet::sdp::Sdp;

use crate::dialog::apply::{Anew, apply};
use crate::dialog::offer::Work;
use crate::dialog::{CallState, Dialog, MAX_DIALOGS, Which, answer, offer};
use crate::request::{Id, Options, SdpBytes};
use crate::{Command, Handler, NgError, Reply, Request};
use totals::Totals;

/// Settings of a controller.
#[derive(Debug, Clone)]
pub struct ControllerConfig {
    /// How long a deleted call is kept where the request does not say; none by default.
    pub delete_delay: Duration,
    /// Type of service of outgoing packets where the request does not say; 184 (expedited forwarding) by default.
    pub tos: u8,
    /// Unix time at [`Time::ZERO`] of the clock that requests carry, for the dates in replies.
    pub unix_at_zero: Duration,
    /// Most calls; 100,000 by default.
    pub max_calls: usize,
}

impl Default for ControllerConfig {
    fn default() -> Self {
        Self { delete_delay: Duration::ZERO, tos: 184, unix_at_zero: Duration::ZERO, max_calls: 100_000 }
    }
}

type Shared = Arc<Mutex<CallState>>;

/// Carries out the requests of the ng protocol at an engine.
#[derive(Debug)]
pub struct Controller {
    engine: Engine,
    config: ControllerConfig,
    calls: Mutex<Calls>,
    totals: Mutex<Totals>,
}

#[derive(Debug, Default)]
struct Calls {
    by_id: HashMap<Id, Shared>,
    by_engine: HashMap<CallId, Id>,
    /// Delayed deletes, the next one first.
    deletes: BinaryHeap<Reverse<(Time, Id)>>,
}

impl Controller {
    /// A controller of this engine. The engine's events are to be given to [`Controller::handle_event`].
    #[must_use]
    pub fn new(engine: Engine, config: ControllerConfig) -> Self {
        Self { engine, config, calls: Mutex::default(), totals: Mutex::default() }
    }

    /// Takes one of the engine's events: a call that ended is forgotten.
    pub fn handle_event(&self, event: &Event) {
        let Event::CallEnded { call, reason, statistics } = event else { return };
        lock(&self.totals).call_ended(*reason, statistics);
        let mut calls = lock(&self.calls);
        let Some(id) = calls.by_engine.remove(call) else { return };
        let state = calls.by_id.get(&id).map(Arc::clone);
        drop(calls);
        // The call-id may stand for a later call already.
        let Some(state) = state else { return };
        let same = lock(&state).call.id() == *call;
        if same {
            self.forget(&state);
        }
    }

    /// Carries out the delayed deletes that are due. When to call again, where there are more.
    pub fn poll(&self, now: Time) -> Option<Time> {
        loop {
            let id = {
                let mut calls = lock(&self.calls);
                let Reverse((due, id)) = calls.deletes.peek().cloned()?;
                if due > now {
                    return Some(due);
                }
                calls.deletes.pop();
                id
            };
            if let Some(state) = self.find(&id) {
                let mut call = lock(&state);
                self.remove_dialogs(&mut call, &state, |dialog| {
                    dialog.delete_at.is_some_and(|due| due <= now)
                });
            }
        }
    }

    /// Calls that are kept.
    #[must_use]
    pub fn calls(&self) -> usize {
        lock(&self.calls).by_id.len()
    }

    fn offer(&self, now: Time, request: &Request) -> Result<Reply, NgError> {
        let (Some(id), Some(from_tag)) = (&request.call_id, &request.from_tag) else {
            return Err(NgError::Internal);
        };
        let Some(sdp) = read_sdp(request.sdp.as_ref())? else { return Ok(Reply::ok()) };
        let state = self.find_or_create(now, id)?;
        let mut call = lock(&state);
        let result = self.offer_in(now, &mut call, from_tag, request, sdp);
        if call.dialogs.is_empty() {
            // Nothing came of it: a call that was made for this offer ends with it.
            self.end(&mut call, &state);
        }
        result
    }

    fn offer_in(
        &self,
        now: Time,
        call: &mut CallState,
        from_tag: &Id,
        request: &Request,
        sdp: Sdp,
    ) -> Result<Reply, NgError> {
        let (at, from) =
            match find::for_offer(call, from_tag, request.to_tag.as_ref(), request.via_branch.as_ref()) {
                Some(found) => found,
                None if call.dialogs.len() >= MAX_DIALOGS => {
                    return Err(NgError::TooManyBranches { limit: MAX_DIALOGS });
                }
                None => (call.dialogs.len(), Which::Caller),
            };
        let mut dialog = match call.dialogs.get(at) {
            Some(dialog) => dialog.clone(),
            None => Dialog::new(now, from_tag.clone(), request.via_branch.clone()),
        };
        dialog.delete_at = None;
        let (own, other) = dialog.sides_mut(from);
        own.label = request.label.clone().or(own.label.take());
        other.label = request.to_label.clone().or(other.label.take());
        if let Some(to_tag) = &request.to_tag {
            other.take_tag(to_tag);
        }
        let mut work = self.work(call, &request.options);
        let advertised = offer::process(&mut work, &mut dialog, from, sdp, &request.options);
        let Work { opened, warnings, .. } = work;
        let advertised = advertised.inspect_err(|_| {
            for leg in opened {
                // Where the call is gone, so are its legs.
                let _ = call.call.remove_leg(leg);
            }
        })?;
        call.last_signal = now;
        match call.dialogs.get_mut(at) {
            Some(known) => *known = dialog,
            None => call.dialogs.push(dialog),
        }
        Ok(reply(advertised, warnings))
    }

    fn answer(&self, now: Time, request: &Request) -> Result<Reply, NgError> {
        let (Some(id), Some(from_tag), Some(to_tag)) = (&request.call_id, &request.from_tag, &request.to_tag)
        else {
            return Err(NgError::Internal);
        };
        let Some(sdp) = read_sdp(request.sdp.as_ref())? else { return Ok(Reply::ok()) };
        let state = self.find(id).ok_or(NgError::UnknownCall)?;
        let mut call = lock(&state);
        let at = find::for_answer(&call, from_tag, to_tag, request.via_branch.as_ref())
            .ok_or(NgError::UnknownOffer)?;
        let mut dialog = call.dialogs.get(at).cloned().ok_or(NgError::Internal)?;
        let from = dialog.offer.as_ref().map(|offer| offer.from).ok_or(NgError::UnknownOffer)?;
        dialog.delete_at = None;
        let (offerer, answerer) = dialog.sides_mut(from);
        // Another party of a forked call answers: it is somewhere else, whatever address it signals.
        let first = answerer.tags.is_empty();
        let forked = answerer.take_tag(to_tag) && !first;
        answerer.label = request.label.clone().or(answerer.label.take());
        offerer.label = request.to_label.clone().or(offerer.label.take());
        let advertised = answer::process(&mut dialog, sdp, &request.options)?;
        let reset = dialog.offer.as_ref().is_some_and(|offer| offer.options.reset);
        let anew = match from {
            Which::Caller => Anew { caller: reset, callee: reset || forked },
            Which::Callee => Anew { caller: reset || forked, callee: reset },
        };
        apply(&call.call, &mut dialog, anew)?;
        let warnings = self.work(&call, &request.options).warnings;
        call.last_signal = now;
        if let Some(known) = call.dialogs.get_mut(at) {
            *known = dialog;
        }
        Ok(reply(advertised, warnings))
    }

    fn delete(&self, now: Time, request: &Request) -> Result<Reply, NgError> {
        let no_match = || match request.options.fatal {
            true => Err(NgError::NoMatch),
            false => Ok(Reply::ok().with("warning", NgError::NoMatch.to_string())),
        };
        let Some(state) = request.call_id.as_ref().and_then(|id| self.find(id)) else { return no_match() };
        let mut call = lock(&state);
        let tags = [request.from_tag.as_ref(), request.to_tag.as_ref()];
        let chosen: Vec<bool> = call
            .dialogs
            .iter()
            .map(|dialog| find::is_meant(dialog, tags, request.via_branch.as_ref()))
            .collect();
        if !chosen.contains(&true) {
            return no_match();
        }
        let reply = report::call(Reply::ok(), &call, tags, now, &self.config);
        let due = now + request.options.delete_delay.unwrap_or(self.config.delete_delay);
        let id = call.id.clone();
        let mut deletes = Vec::new();
        for (dialog, _) in call.dialogs.iter_mut().zip(chosen).filter(|(_, chosen)| *chosen) {
            // A repeated delete brings it forward, never back, and so adds no more entries than it must.
            if dialog.delete_at.is_none_or(|before| due < before) {
                dialog.delete_at = Some(due);
                deletes.push(Reverse((due, id.clone())));
            }
        }
        if due > now {
            deletes.truncate(1);
            lock(&self.calls).deletes.extend(deletes);
        } else {
            self.remove_dialogs(&mut call, &state, |dialog| dialog.delete_at.is_some_and(|due| due <= now));
        }
        Ok(reply)
    }

    fn query(&self, now: Time, request: &Request) -> Result<Reply, NgError> {
        let state = request.call_id.as_ref().and_then(|id| self.find(id)).ok_or(NgError::UnknownCall)?;
        let call = lock(&state);
        let tags = [request.from_tag.as_ref(), request.to_tag.as_ref()];
        Ok(report::call(Reply::ok(), &call, tags, now, &self.config))
    }

    fn list(&self, request: &Request) -> Reply {
        let limit = request.options.limit.unwrap_or(32);
        report::list(lock(&self.calls).by_id.keys().take(limit))
    }

    /// Removes the branches for which `gone` holds, and ends the call with the last one.
    fn remove_dialogs(&self, call: &mut CallState, state: &Shared, gone: impl Fn(&Dialog) -> bool) {
        let (removed, kept) = std::mem::take(&mut call.dialogs).into_iter().partition(gone);
        call.dialogs = kept;
        if call.dialogs.is_empty() {
            self.end(call, state);
            return;
        }
        let removed: Vec<Dialog> = removed;
        for leg in removed.iter().flat_map(Dialog::legs) {
            // Where the call is gone, so are its legs.
            let _ = call.call.remove_leg(leg);
        }
    }

    /// Ends a call at the engine and forgets it.
    fn end(&self, call: &mut CallState, state: &Shared) {
        call.ended = true;
        // Where it ended by itself in the meantime, nothing is left to do.
        let _ = call.call.end();
        self.take_out(call, state);
    }

    fn forget(&self, state: &Shared) {
        let mut call = lock(state);
        call.ended = true;
        self.take_out(&call, state);
    }

    fn take_out(&self, call: &CallState, state: &Shared) {
        let mut calls = lock(&self.calls);
        if calls.by_id.get(&call.id).is_some_and(|known| Arc::ptr_eq(known, state)) {
            calls.by_id.remove(&call.id);
        }
        calls.by_engine.remove(&call.call.id());
    }

    fn find(&self, id: &Id) -> Option<Shared> {
        let state = lock(&self.calls).by_id.get(id).map(Arc::clone)?;
        let live = {
            let call = lock(&state);
            !call.ended && self.engine.call(call.call.id()).is_some()
        };
        if live {
            return Some(state);
        }
        // The engine ended it and the event has not been read yet.
        self.forget(&state);
        None
    }

    fn find_or_create(&self, now: Time, id: &Id) -> Result<Shared, NgError> {
        if let Some(state) = self.find(id) {
            return Ok(state);
        }
        let mut calls = lock(&self.calls);
        // Another thread may have been faster with the first offer of the same call.
        if let Some(state) = calls.by_id.get(id) {
            return Ok(Arc::clone(state));
        }
        if calls.by_id.len() >= self.config.max_calls {
            return Err(NgError::TooManyCalls { limit: self.config.max_calls });
        }
        let call = self.engine.create_call(CallSpec::default())?;
        let engine_id = call.id();
        calls.by_engine.insert(engine_id, id.clone());
        let dialogs = Vec::new();
        let state = CallState { id: id.clone(), call, created: now, last_signal: now, dialogs, ended: false };
        let state = Arc::new(Mutex::new(state));
        calls.by_id.insert(id.clone(), Arc::clone(&state));
        drop(calls);
        // The engine knows the call by its own number, which is all that the lines on its end have.
        tracing::info!(call = engine_id.as_u64(), call_id = %id, "call begins");
        Ok(state)
    }

    fn work<'a>(&self, call: &'a CallState, options: &Options) -> Work<'a> {
        let mut warnings = options.bad_values.clone();
        if options.sdes.weakens() {
            warnings.push("srtp without encryption or authentication is not supported".to_owned());
        }
        warnings.extend(options.not_done.iter().map(|what| format!("{what} is not supported")));
        Work { call: &call.call, opened: Vec::new(), warnings, default_dscp: self.config.tos >> 2 }
    }

    fn carry_out(&self, now: Time, request: &Request) -> Result<Reply, NgError> {
        match request.command {
            Command::Ping => Ok(Reply::pong()),
            Command::Offer => self.offer(now, request),
            Command::Answer => self.answer(now, request),
            Command::Delete => self.delete(now, request),
            Command::Query => self.query(now, request),
            Command::List => Ok(self.list(request)),
            Command::Statistics => {
                let sessions = self.calls();
                Ok(lock(&self.totals).report(now, sessions, &self.engine.load()))
            }
            Command::Unsupported(what) => Err(NgError::Unsupported { what: what.to_owned() }),
        }
    }
}

impl Handler for Controller {
    fn handle(&self, now: Time, request: Request) -> Reply {
        self.poll(now);
        let result = self.carry_out(now, &request);
        let mut totals = lock(&self.totals);
        totals.request(now, &request, result.is_err());
        match result {
            Ok(reply) => reply,
            Err(error @ (NgError::LoadLimit(_) | NgError::NoPorts(_) | NgError::TooManyCalls { .. })) => {
                totals.rejected(&request.command);
                drop(totals);
                tracing::warn!(%error, command = ?request.command, "no room for a call");
                if request.options.load_limit { Reply::load_limit(error.to_string()) } else { error.into() }
            }
            Err(error) => {
                drop(totals);
                tracing::debug!(%error, command = ?request.command, "request refused");
                error.into()
            }
        }
    }
}

/// The description of a request; `None` for an empty one, which asks for nothing.
fn read_sdp(sdp: Option<&SdpBytes>) -> Result<Option<Sdp>, NgError> {
    let Some(SdpBytes(bytes)) = sdp else { return Err(NgError::MissingKey { key: "sdp" }) };
    if bytes.is_empty() {
        return Ok(None);
    }
    let sdp = Sdp::parse(bytes)?;
    if sdp.media.is_empty() { Err(NgError::NoMedia) } else { Ok(Some(sdp)) }
}

fn reply(sdp: Vec<u8>, warnings: Vec<String>) -> Reply {
    let reply = Reply::ok().with("sdp", crate::wire::Value::Bytes(sdp));
    if warnings.is_empty() { reply } else { reply.with("warning", warnings.join(", ")) }
}

/// Locks; what a panicking thread left is whole, since changes are made to copies and put in place at once.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
