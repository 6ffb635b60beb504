//! The calls by their ids: found, made, ended, merged.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use mediapoint_engine::{CallId, CallSpec};
use mediapoint_packet::Time;

use super::delete::next_due;
use super::deletes::Deletes;
use super::{Controller, Shared, lock};
use crate::call::CallState;
use crate::request::{Id, Options};
use crate::{NgError, Request};

/// The calls of a controller.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// A call that others were merged into has several ids.
    pub(super) by_id: HashMap<Id, Shared>,
    pub(super) by_engine: HashMap<CallId, Id>,
    /// The calls of conference rooms, by the rooms' names.
    pub(super) rooms: HashMap<Id, Shared>,
    /// Delayed deletes.
    pub(super) deletes: Deletes,
}

impl Calls {
    /// Forgets a conference room, where it is of this call.
    fn forget_room(&mut self, name: &Id, state: &Shared) {
        if self.rooms.get(name).is_some_and(|known| Arc::ptr_eq(known, state)) {
            self.rooms.remove(name);
        }
    }
}

impl Controller {
    /// The call that is this one of the engine's.
    pub(super) fn find_by_engine(&self, call: CallId) -> Option<Shared> {
        let calls = lock(&self.calls);
        calls.by_engine.get(&call).and_then(|id| calls.by_id.get(id)).map(Arc::clone)
    }

    pub(super) fn find(&self, id: &Id) -> Option<Shared> {
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

    pub(super) fn find_or_create(&self, now: Time, id: &Id, options: &Options) -> Result<Shared, NgError> {
        if let Some(state) = self.find(id) {
            return Ok(state);
        }
        let mut calls = lock(&self.calls);
        // Another thread may have been faster with the first offer of the same call.
        if let Some(state) = calls.by_id.get(id) {
            return Ok(Arc::clone(state));
        }
        if calls.by_engine.len() >= self.config.max_calls {
            return Err(NgError::TooManyCalls { limit: self.config.max_calls });
        }
        let priority = options.priority.unwrap_or_default();
        let call = self.engine.create_call(CallSpec { priority, ..CallSpec::default() })?;
        let engine_id = call.id();
        calls.by_engine.insert(engine_id, id.clone());
        let state = Arc::new(Mutex::new(CallState::new(now, id.clone(), call)));
        calls.by_id.insert(id.clone(), Arc::clone(&state));
        drop(calls);
        // The engine knows the call by its own number, which is all that the lines on its end have.
        if !self.engine.is_dry_run() {
            tracing::info!(call = engine_id.as_u64(), call_id = %id, "call begins");
        }
        Ok(state)
    }

    /// Gives the call of a request priority, or takes it away, where the request says so.
    pub(super) fn prioritise(&self, request: &Request) {
        let Some(priority) = request.options.priority else { return };
        if let Some(state) = request.call_id.as_ref().and_then(|id| self.find(id)) {
            // One that has ended meanwhile needs none.
            let _ = lock(&state).call.set_priority(priority);
        }
    }

    /// Ends a call that nothing came of, and forgets it.
    pub(super) fn refuse(&self, call: &mut CallState, state: &Shared) {
        call.ended = true;
        // Where it ended by itself in the meantime, nothing is left to do.
        let _ = call.call.refuse();
        self.take_out(call, state);
    }

    /// Ends a call at the engine and forgets it.
    pub(super) fn end(&self, call: &mut CallState, state: &Shared) {
        call.ended = true;
        // Where it ended by itself in the meantime, nothing is left to do.
        let _ = call.call.end();
        self.take_out(call, state);
    }

    pub(super) fn forget(&self, state: &Shared) {
        let mut call = lock(state);
        call.ended = true;
        self.take_out(&call, state);
    }

    fn take_out(&self, call: &CallState, state: &Shared) {
        let mut calls = lock(&self.calls);
        for id in call.ids() {
            if calls.by_id.get(id).is_some_and(|known| Arc::ptr_eq(known, state)) {
                calls.by_id.remove(id);
                calls.deletes.remove(id);
            }
        }
        for room in call.rooms.iter().map(|room| &room.name).chain(&call.gone_rooms) {
            calls.forget_room(room, state);
        }
        calls.by_engine.remove(&call.call.id());
    }

    /// The call that has a conference room of this name.
    pub(super) fn find_room(&self, name: &Id) -> Option<Shared> {
        let state = lock(&self.calls).rooms.get(name).map(Arc::clone)?;
        let live = {
            let call = lock(&state);
            !call.ended && call.room(name).is_some() && self.engine.call(call.call.id()).is_some()
        };
        if live {
            return Some(state);
        }
        lock(&self.calls).forget_room(name, &state);
        None
    }

    /// Takes note of what has gone of a call that goes on: names of conference rooms, and call-ids of members whose calls
    /// have ended, which stand for nothing any more.
    pub(super) fn forget_parts(&self, call: &mut CallState, state: &Shared) {
        let (rooms, before) = (std::mem::take(&mut call.gone_rooms), call.id.clone());
        let ids = call.take_idle_ids();
        if rooms.is_empty() && ids.is_empty() {
            return;
        }
        let mut calls = lock(&self.calls);
        rooms.iter().for_each(|room| calls.forget_room(room, state));
        for id in &ids {
            if calls.by_id.get(id).is_some_and(|known| Arc::ptr_eq(known, state)) {
                calls.by_id.remove(id);
                calls.deletes.remove(id);
            }
        }
        if call.id != before {
            calls.by_engine.insert(call.call.id(), call.id.clone());
            if let Some(due) = next_due(call) {
                calls.deletes.add(due, &call.id);
            }
        }
    }

    /// Works on several calls at once. They are locked in one order whoever asks.
    pub(super) fn lock_all<'a>(
        &self,
        states: &'a [Shared],
    ) -> Result<Vec<MutexGuard<'a, CallState>>, NgError> {
        let mut order: Vec<usize> = (0..states.len()).collect();
        order.sort_by_key(|at| states.get(*at).map(Arc::as_ptr));
        let mut guards: Vec<(usize, MutexGuard<'a, CallState>)> =
            order.into_iter().filter_map(|at| Some((at, lock(states.get(at)?)))).collect();
        guards.sort_by_key(|(at, _)| *at);
        let guards: Vec<MutexGuard<'a, CallState>> = guards.into_iter().map(|(_, guard)| guard).collect();
        if guards.iter().any(|call| call.ended) { Err(NgError::UnknownCall) } else { Ok(guards) }
    }
}
