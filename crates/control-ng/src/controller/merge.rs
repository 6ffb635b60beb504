//! Calls merged into one, wholly or in part: all of it takes effect, or nothing does.

use std::sync::MutexGuard;

use mediapoint_engine::{Call, LegId};
use mediapoint_packet::Time;

use super::{Controller, Shared, lock};
use crate::call::CallState;
use crate::call::apply::apply;
use crate::call::outcomes::Outcomes;
use crate::call::party::PartyId;
use crate::recording::By;
use crate::request::Id;
use crate::wire::Value;
use crate::{NgError, Reply, Request};

/// The parties of a call that leave their conference rooms.
pub(super) type Going<'a> = dyn Fn(&CallState) -> Vec<PartyId> + 'a;

impl Controller {
    /// Works on these calls, each given once, which are merged into the first where they are several; of the others only what
    /// came with the request's call-id, where `part` is given and nobody of it stays in a conference room. Everything is worked
    /// out on a copy: where the work fails, or a leg cannot be moved, the calls stay as they were.
    pub(super) fn in_one_call(
        &self,
        now: Time,
        request: &Request,
        (states, part): (&[Shared], Option<&Going<'_>>),
        work: impl FnOnce(&mut CallState) -> Result<Vec<String>, NgError>,
    ) -> Result<(Reply, Outcomes), NgError> {
        let mut calls = self.lock_all(states)?;
        let (Some((call, others)), Some((state, other_states))) =
            (calls.split_first_mut(), states.split_first())
        else {
            return Err(NgError::UnknownCall);
        };
        let mut merged = CallState::clone(call);
        let (mut legs, mut rests) = (Vec::new(), Vec::new());
        for other in others.iter() {
            let other_call = CallState::clone(other);
            let (moved, rest) = match part {
                Some(going) => {
                    let going = going(&other_call);
                    other_call.split(request.call_id.as_ref(), &going)
                }
                None => (other_call, None),
            };
            legs.extend(moved.legs().map(|leg| (leg, other.call.clone())));
            rests.push(rest.map(|rest| (rest, moved.ids().cloned().collect::<Vec<_>>())));
            merged.take_over(moved)?;
        }
        let mut warnings = work(&mut merged)?;
        merged.check_mixes()?;
        move_legs(&call.call, legs, others)?;
        **call = merged;
        let mut outcomes = Outcomes::default();
        for ((other, of), rest) in others.iter_mut().zip(other_states).zip(rests) {
            match rest {
                None => self.replace(other, state),
                Some((rest, ids)) => {
                    **other = rest;
                    self.hand_over(ids, state);
                    outcomes.append(apply(other, &[])?);
                    self.forget_parts(other, of);
                }
            }
        }
        outcomes.append(apply(call, &[])?);
        // In a room with somebody who is excluded from recording.
        if let Err(error) = self.go_on_as_is(now, call, &By::request(request), &mut outcomes) {
            warnings.push(format!("the call is not recorded: {error}"));
        }
        let ids = self.record_on(now, (call, state), request, &mut warnings, &mut outcomes)?;
        let reply = Reply::ok();
        let reply = if ids.is_empty() { reply } else { reply.with("recording-ids", Value::List(ids)) };
        let reply = if warnings.is_empty() { reply } else { reply.with("warning", warnings.join(", ")) };
        Ok((reply, outcomes))
    }

    /// Lets call-ids stand for another call.
    fn hand_over(&self, ids: Vec<Id>, to: &Shared) {
        let mut calls = lock(&self.calls);
        for id in ids {
            calls.by_id.insert(id, Shared::clone(to));
        }
    }

    /// Lets the ids of a merged call stand for the call that it was merged into.
    fn replace(&self, merged: &mut CallState, by: &Shared) {
        merged.ended = true;
        // Whoever waits for its lock finds nobody there.
        merged.parties.clear();
        merged.dialogs.clear();
        merged.subscriptions.clear();
        self.hand_over(merged.ids().cloned().collect(), by);
        merged.aliases.clear();
        let mut calls = lock(&self.calls);
        for room in std::mem::take(&mut merged.rooms) {
            calls.rooms.insert(room.name, Shared::clone(by));
        }
        calls.by_engine.remove(&merged.call.id());
        drop(calls);
        // Nothing is left in it.
        let _ = merged.call.end();
    }
}

/// Moves legs of `others` to `call` at the engine, with ports, keys and streams. Where one of them cannot be moved, those
/// that were go back, and everything that is to be fed is fed again.
fn move_legs(
    call: &Call,
    legs: Vec<(LegId, Call)>,
    others: &mut [MutexGuard<'_, CallState>],
) -> Result<(), NgError> {
    let mut moved: Vec<(LegId, Call)> = Vec::new();
    for (leg, from) in legs {
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
    for (leg, from) in moved.iter().rev() {
        match call.move_leg(*leg, from) {
            Ok(outcome) => drop(outcome),
            Err(error) => tracing::error!(call = from.id().as_u64(), %error, "a leg cannot be moved back"),
        }
    }
    for other in others {
        for stream in other.parties.iter_mut().flat_map(|party| &mut party.streams) {
            stream.forget_sources();
            // It has left its room with the leg.
            let applied = stream.applied.iter_mut();
            let back = applied.filter(|applied| moved.iter().any(|(leg, _)| *leg == applied.leg));
            back.for_each(|applied| applied.member = None);
        }
        if let Err(error) = apply(other, &[]) {
            tracing::error!(call = other.call.id().as_u64(), %error, "a call goes on without its sources");
        }
    }
}
