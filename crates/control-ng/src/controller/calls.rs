//! The calls by their ids: found, made, ended, merged.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use mediapoint_engine::{CallId, CallSpec};
use mediapoint_packet::Time;

use super::deletes::Deletes;
use super::{Controller, Shared, lock};
use crate::NgError;
use crate::call::CallState;
use crate::request::Id;

/// The calls of a controller.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// A call that others were merged into has several ids.
    pub(super) by_id: HashMap<Id, Shared>,
    pub(super) by_engine: HashMap<CallId, Id>,
    /// Delayed deletes.
    pub(super) deletes: Deletes,
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

    pub(super) fn find_or_create(&self, now: Time, id: &Id) -> Result<Shared, NgError> {
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
        let call = self.engine.create_call(CallSpec::default())?;
        let engine_id = call.id();
        calls.by_engine.insert(engine_id, id.clone());
        let state = Arc::new(Mutex::new(CallState::new(now, id.clone(), call)));
        calls.by_id.insert(id.clone(), Arc::clone(&state));
        drop(calls);
        // The engine knows the call by its own number, which is all that the lines on its end have.
        tracing::info!(call = engine_id.as_u64(), call_id = %id, "call begins");
        Ok(state)
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
        for id in std::iter::once(&call.id).chain(&call.aliases) {
            if calls.by_id.get(id).is_some_and(|known| Arc::ptr_eq(known, state)) {
                calls.by_id.remove(id);
                calls.deletes.remove(id);
            }
        }
        calls.by_engine.remove(&call.call.id());
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
