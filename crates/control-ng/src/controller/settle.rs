//! A message is answered once what it asks for is in effect at the engine.

use std::time::Duration;

use mediapoint_engine::CommandError;
use mediapoint_packet::Time;

use super::{Controller, lock};
use crate::call::outcomes::{Outcomes, Settled};
use crate::{NgError, Reply, Request};

/// How long nothing is waited for after a worker was not in time.
const NOT_AGAIN_FOR: Duration = Duration::from_secs(1);

impl Controller {
    /// The reply, or the error where the engine refused what the message asks for. Waits for the call's worker, for
    /// [`super::ControllerConfig::settle_within`] at most: no lock may be held. A worker that is late is not waited for: whoever
    /// is refused because of it would wait behind.
    pub(super) fn settle(
        &self,
        now: Time,
        request: &Request,
        (reply, mut outcomes): (Reply, Outcomes),
    ) -> Result<Reply, NgError> {
        let closings = std::mem::take(&mut outcomes.closings);
        let is_late = self.is_late(request);
        let is_slow = is_late || *lock(&self.slow_until) > now;
        let within = if is_slow { Duration::ZERO } else { self.config.settle_within };
        let settled = outcomes.settle(within);
        self.close_recordings(closings);
        match settled {
            Settled::InEffect => Ok(reply),
            Settled::Unknown => {
                if !is_late {
                    *lock(&self.slow_until) = now + NOT_AGAIN_FOR;
                }
                Ok(warned(reply, "the media worker has not confirmed this yet"))
            }
            // Digits are given at once or not at all: nothing is left to be given anew.
            Settled::Refused(error @ (CommandError::NoDigit(_) | CommandError::TooManyDigits { .. })) => {
                Err(error.into())
            }
            Settled::Refused(error) => {
                tracing::warn!(%error, command = ?request.command, "the engine refused what was agreed");
                self.refused(request, &error);
                Err(error.into())
            }
        }
    }

    /// True where the worker of a request's call does not keep up.
    fn is_late(&self, request: &Request) -> bool {
        let state = request.call_id.as_ref().and_then(|id| self.find(id));
        state.is_some_and(|state| lock(&state).call.is_late())
    }

    /// Notes that what was agreed is not in effect: the next message gives the engine everything anew. A call whose ports
    /// nobody serves ends.
    fn refused(&self, request: &Request, error: &CommandError) {
        let id = request.call_id.as_ref().or(request.selection.calls.first());
        let Some(state) = id.and_then(|id| self.find(id)) else { return };
        let mut call = lock(&state);
        for stream in call.parties.iter_mut().flat_map(|party| &mut party.streams) {
            stream.forget_sources();
        }
        if is_final(error) {
            // Where it ended by itself in the meantime, nothing is left to do.
            let _ = call.call.end();
        }
    }
}

/// True where a party has been given ports that nobody serves.
pub(super) fn is_final(error: &CommandError) -> bool {
    match error {
        CommandError::Port(_) => true,
        // A party that is not let into a conference goes on by itself.
        CommandError::NoRoom { what, .. } => !matches!(*what, "members of the room" | "rooms"),
        _ => false,
    }
}

/// The reply with one warning more.
pub(super) fn warned(reply: Reply, warning: &str) -> Reply {
    let before = reply.text("warning");
    let warning = if before.is_empty() { warning.to_owned() } else { format!("{before}, {warning}") };
    reply.with("warning", warning)
}
