//! Log lines on requests: those that are refused, and what is ignored of those that are carried out.
//!
//! The field `kind` tells apart what a log may bound: a proxy that is set up wrongly makes the same line for every call.

use mediapoint_engine::CommandError;

use crate::request::Id;
use crate::{Command, NgError, Reply, Request};

/// Most characters of the flags of a line.
const MAX_FLAGS: usize = 256;

/// True where there is no room for the call, rather than something wrong with the request.
pub(super) fn is_load_limit(error: &NgError) -> bool {
    matches!(error, NgError::LoadLimit(_) | NgError::NoPorts { .. } | NgError::TooManyCalls { .. })
}

/// Logs a request that was refused.
pub(super) fn refused(request: &Request, error: &NgError) {
    let call_id = shown(request.call_id.as_ref());
    let command = request.command.name();
    let kind = error.kind();
    if is_load_limit(error) {
        tracing::warn!(call_id, command, kind, %error, "no room for a call");
    } else if is_routine(&request.command, error) {
        tracing::debug!(call_id, command, %error, "request refused");
    } else if matches!(error, NgError::Engine(CommandError::ForbiddenRemote { .. })) {
        // Parties' addresses are logged at debug only.
        tracing::warn!(call_id, command, kind, "request refused: media may not be sent to an address in it");
        tracing::debug!(call_id, command, %error, "request refused");
    } else {
        tracing::warn!(call_id, command, kind, %error, "request refused");
    }
}

/// Logs a message that is no request that could be carried out.
pub(crate) fn unusable(call_id: Option<&[u8]>, error: &NgError) {
    let call_id = call_id.map(|bytes| Id::new(bytes).to_string()).unwrap_or_default();
    tracing::warn!(call_id, kind = error.kind(), %error, "message refused");
}

/// Logs what was ignored of a request: options, values and names that are not known or not supported.
pub(super) fn ignored(request: &Request, reply: &Reply) {
    // The warning of a delete is that nothing was there to be deleted.
    if matches!(
        request.command,
        Command::Delete | Command::List | Command::Query | Command::Ping | Command::Why
    ) {
        return;
    }
    let call_id = shown(request.call_id.as_ref());
    let command = request.command.name();
    let warning = reply.text("warning");
    if !warning.is_empty() {
        tracing::warn!(call_id, command, kind = warning, "part of a request is not done");
    }
    if !request.options.unknown.is_empty() {
        let mut flags = request.options.unknown.join(", ");
        // A line stays one that can be read, whatever a message is made of.
        flags = flags.chars().take(MAX_FLAGS).collect();
        tracing::warn!(call_id, command, kind = flags, "flags that are not known are ignored");
    }
}

/// What a controller that watches calls end asks for again and again: a call that has gone.
fn is_routine(command: &Command, error: &NgError) -> bool {
    let is_gone = matches!(error, NgError::UnknownCall | NgError::NoMatch);
    is_gone && matches!(command, Command::Delete | Command::Query | Command::Why)
}

fn shown(call_id: Option<&Id>) -> String {
    call_id.map(ToString::to_string).unwrap_or_default()
}
