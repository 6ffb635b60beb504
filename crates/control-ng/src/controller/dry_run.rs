//! Requests with `dry-run`: what they would come to is worked out by the controller itself, on copies of the calls that they are
//! of and on a dry run of the engine. All of it is thrown away.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mediapoint_engine::{Engine, LegId, LegPath, Points, Source};
use mediapoint_packet::Time;

use super::load::by_kind;
use super::totals::{Totals, dict};
use super::{Controller, ControllerConfig, Shared, lock, log};
use crate::call::CallState;
use crate::call::party::Party;
use crate::controller::digit_log::ReportSockets;
use crate::request::{Conference, Id};
use crate::wire::{Dict, Value};
use crate::{Command, NgError, Reply, Request};

impl Controller {
    /// Answers with the price of a request, the path that its media would take, and whether it would be admitted.
    pub(super) fn dry_run(&self, now: Time, request: &Request) -> Result<Reply, NgError> {
        if !can_be_tried(&request.command) {
            return Err(NgError::Unsupported { what: format!("dry-run of {}", request.command.name()) });
        }
        let before = self.call_of(request).map(|state| lock(&state).call.points()).unwrap_or_default();
        let refusal = match self.tried(self.engine.dry_run(), now, request, before) {
            Ok(reply) => return Ok(reply.with("admitted", 1_u64)),
            Err(error) if log::is_load_limit(&error) => error,
            Err(error) => return Err(error),
        };
        // The price of what is refused is that without a budget. Where something else is short, there is none.
        let tried = self.tried(self.engine.dry_run_without_budget(), now, request, before);
        let mut reply = tried.unwrap_or_else(|_| Reply::ok());
        reply.remove("worker");
        Ok(reply.with("admitted", 0_u64).with("refusal", refusal.to_string()))
    }

    /// Carries a request out on trial.
    fn tried(&self, engine: Engine, now: Time, request: &Request, before: Points) -> Result<Reply, NgError> {
        let trial = self.copy_for(engine, request);
        let mut tried = request.clone();
        tried.options.dry_run = false;
        let made = trial.carry_out(now, &tried)?;
        // A publication may be of a call that it makes.
        if tried.call_id.is_none() {
            tried.call_id = made.value("call-id").and_then(Value::to_text).map(|id| id.as_str().into());
        }
        let mut reply = Reply::ok();
        let warning = made.text("warning");
        if !warning.is_empty() {
            reply = reply.with("warning", warning);
        }
        // What asks for nothing comes to nothing.
        let Some(state) = trial.call_of(&tried) else {
            return Ok(reply.with("points", Points::ZERO.to_string()));
        };
        let state = lock(&state);
        let call = &state.call;
        let points = call.points();
        let paths = call.paths();
        reply = reply
            .with("points", points.to_string())
            .with("points-added", points.saturating_sub(before).to_string())
            .with("points-by-kind", Value::Dict(by_kind(&call.points_by_kind(), false)))
            .with("path", paths.iter().map(|path| described(&state, path)).collect::<Value>());
        Ok(match call.worker() {
            Some(worker) => reply.with("worker", u64::try_from(worker).unwrap_or(u64::MAX)),
            None => reply,
        })
    }

    /// The call that a request is of.
    fn call_of(&self, request: &Request) -> Option<Shared> {
        let room = request.conference.room.as_ref();
        room.and_then(|room| self.find_room(room))
            .or_else(|| request.call_id.as_ref().and_then(|id| self.find(id)))
    }

    /// A controller of copies of the calls that a request names, at a dry run of the engine.
    fn copy_for(&self, engine: Engine, request: &Request) -> Self {
        let config = ControllerConfig {
            settle_within: Duration::ZERO,
            recordings: self.config.recordings.as_deref().map(|recordings| Arc::new(recordings.trial())),
            // Opening a recording is noted in the audit log.
            playbacks: None,
            ..self.config.clone()
        };
        let copy = Self {
            engine,
            config,
            calls: Mutex::default(),
            totals: Mutex::new(Totals::default()),
            slow_until: Mutex::new(Time::ZERO),
            report_sockets: ReportSockets::default(),
        };
        let named =
            request.call_id.iter().chain(&request.selection.to_call_id).chain(&request.selection.calls);
        let rooms = request.conference.room.iter();
        let states =
            named.filter_map(|id| self.find(id)).chain(rooms.filter_map(|room| self.find_room(room)));
        for state in states {
            let state = lock(&state).clone();
            copy.take_copy(state);
        }
        copy
    }

    fn take_copy(&self, mut state: CallState) {
        // One that has ended meanwhile is not there.
        let Some(call) = self.engine.call(state.call.id()) else { return };
        let mut calls = lock(&self.calls);
        if calls.by_engine.contains_key(&call.id()) {
            return;
        }
        calls.by_engine.insert(call.id(), state.id.clone());
        state.call = call;
        let ids: Vec<Id> = state.ids().cloned().collect();
        let rooms: Vec<Id> = state.rooms.iter().map(|room| room.name.clone()).collect();
        let state: Shared = Arc::new(Mutex::new(state));
        calls.by_id.extend(ids.into_iter().map(|id| (id, Arc::clone(&state))));
        calls.rooms.extend(rooms.into_iter().map(|room| (room, Arc::clone(&state))));
    }
}

/// True for the commands that a dry run is of.
const fn can_be_tried(command: &Command) -> bool {
    matches!(
        command,
        Command::Offer
            | Command::Answer
            | Command::Publish
            | Command::SubscribeRequest
            | Command::SubscribeAnswer
            | Command::Connect
            | Command::Mesh
            | Command::PlayMedia
            | Command::StartRecording
            | Command::StartAnalysis
            | Command::Conference(Conference::Join | Conference::Move)
    )
}

/// The path to a leg, for replies.
fn described(state: &CallState, path: &LegPath) -> Value {
    let party = |leg: LegId| state.parties.iter().find(|party| party.legs().any(|known| known == leg));
    let tag = |party: Option<&Party>| {
        let tag = party.and_then(Party::tag);
        Value::from(tag.map(Id::bytes).unwrap_or_default())
    };
    let from = match path.source {
        Source::Leg(from) => tag(party(from)),
        Source::Mix(_) => "mix".into(),
        Source::Room(_) => "room".into(),
        Source::Player(_) => "player".into(),
        Source::Stream(_) => "stream".into(),
        _ => "silence".into(),
    };
    let Value::Dict(mut out) = dict([
        ("to", tag(party(path.leg))),
        ("from", from),
        ("made", path.manner.name().into()),
        ("transport", path.transport().into()),
    ]) else {
        return Value::Dict(Dict::new());
    };
    let codecs = path.codecs();
    if !codecs.is_empty() {
        out.insert(b"codecs".to_vec(), codecs.into());
    }
    let uses: Vec<Value> = path.uses().map(Value::from).collect();
    if !uses.is_empty() {
        out.insert(b"uses".to_vec(), Value::List(uses));
    }
    Value::Dict(out)
}
