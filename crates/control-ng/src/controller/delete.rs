//! `delete`, at once or delayed, and what is removed with it.

use mediapoint_packet::Time;

use super::{Controller, Shared, find, lock, report};
use crate::call::apply::apply;
use crate::call::outcomes::{Closings, Outcomes};
use crate::call::{CallState, Gone, Removed};
use crate::{NgError, Reply, Request};

impl Controller {
    /// Carries out the delayed deletes that are due. When to call again, where there are more.
    pub fn poll(&self, now: Time) -> Option<Time> {
        loop {
            let id = match lock(&self.calls).deletes.take_due(now) {
                Ok(id) => id,
                Err(next) => return next,
            };
            let Some(state) = self.find(&id) else { continue };
            let mut call = lock(&state);
            let closings = self.remove_due(now, &mut call, &state);
            // Other branches may have been given more time.
            if let Some(due) = next_due(&call).filter(|due| *due > now && !call.ended) {
                lock(&self.calls).deletes.add(due, &call.id);
            }
            drop(call);
            self.close_recordings(closings);
        }
    }

    pub(super) fn delete(&self, now: Time, request: &Request) -> Result<Reply, NgError> {
        let no_match = || match request.options.fatal {
            true => Err(NgError::NoMatch),
            false => Ok(Reply::ok().with("warning", NgError::NoMatch.to_string())),
        };
        let Some(state) = request.call_id.as_ref().and_then(|id| self.find(id)) else { return no_match() };
        let tags = [request.from_tag.as_ref(), request.to_tag.as_ref()];
        // The worker is asked for the figures before it is told to forget them, and not under the call's lock.
        let reply = if request.options.fast {
            Reply::ok()
        } else {
            let view = report::View::of(&lock(&state), request.call_id.as_ref(), tags);
            if view.is_empty() {
                return no_match();
            }
            view.reply(Reply::ok(), now, &self.config)
        };
        let mut call = lock(&state);
        let due = now + request.options.delete_delay.unwrap_or(self.config.delete_delay);
        let Some(changed) = mark(&mut call, request, due) else {
            return no_match();
        };
        if due <= now {
            let closings = self.remove_due(now, &mut call, &state);
            drop(call);
            self.close_recordings(closings);
        } else if changed {
            lock(&self.calls).deletes.add(due, &call.id);
        }
        Ok(reply)
    }

    /// Removes what a delete is due of, and ends the call with the last of it.
    fn remove_due(&self, now: Time, call: &mut CallState, state: &Shared) -> Closings {
        let is_due = |due: Option<Time>| due.is_some_and(|due| due <= now);
        self.remove(call, state, |gone| match gone {
            Gone::Dialog(dialog) => is_due(dialog.delete_at),
            Gone::Party(party) => is_due(party.delete_at),
        })
    }

    /// Removes what `gone` chooses, and ends the call with the last of it. Returns the recordings that end with it.
    pub(super) fn remove(
        &self,
        call: &mut CallState,
        state: &Shared,
        gone: impl Fn(&Gone<'_>) -> bool,
    ) -> Closings {
        let Removed { legs, mixes } = call.remove(gone);
        if call.parties.is_empty() {
            self.end(call, state);
            return Closings::default();
        }
        let mut ended = Outcomes::from(self.recordings_of_legs(call, &legs));
        // Where the call is gone, so are its legs and mixes. These go first: others may need their room.
        for mix in mixes {
            let _ = call.call.remove_mix(mix);
        }
        // Whoever received one of them is given silence.
        if let Ok(more) = apply(call, &[]) {
            // With its last member a room has ended, and what was recorded of it.
            ended.append(more);
        }
        for leg in legs {
            let _ = call.call.remove_leg(leg);
        }
        self.forget_parts(call, state);
        ended.closings
    }
}

/// When something of the call is to be removed next.
pub(super) fn next_due(call: &CallState) -> Option<Time> {
    let dialogs = call.dialogs.iter().filter_map(|dialog| dialog.delete_at);
    let parties = call.parties.iter().filter_map(|party| party.delete_at);
    dialogs.chain(parties).min()
}

/// Marks what a delete means. `None` where it means nothing; else whether anything is due earlier than it was: a
/// repeated delete brings it forward, never back, and so adds no more entries than it must.
fn mark(call: &mut CallState, request: &Request, due: Time) -> Option<bool> {
    let tags = [request.from_tag.as_ref(), request.to_tag.as_ref()];
    let (group, via_branch) = (call.group_of(request.call_id.as_ref()), request.via_branch.as_ref());
    let dialogs: Vec<bool> =
        call.dialogs.iter().map(|dialog| find::is_meant(call, dialog, (group, tags), via_branch)).collect();
    let parties: Vec<bool> =
        call.parties.iter().map(|party| find::is_meant_alone(call, party, (group, tags))).collect();
    let dialogs = call.dialogs.iter_mut().zip(dialogs).map(|(dialog, is)| (&mut dialog.delete_at, is));
    let parties = call.parties.iter_mut().zip(parties).map(|(party, is)| (&mut party.delete_at, is));
    let mut changed = None;
    for (at, _) in dialogs.chain(parties).filter(|(_, is)| *is) {
        let is_earlier = at.is_none_or(|before| due < before);
        if is_earlier {
            *at = Some(due);
        }
        changed = Some(changed.unwrap_or(false) | is_earlier);
    }
    changed
}
