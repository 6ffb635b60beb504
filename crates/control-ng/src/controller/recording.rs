//! `start recording`, `stop recording`, `pause recording`, and `record call` in an offer or answer.

mod ended;
mod metadata;
mod tape;

use std::time::Duration;

use mediapoint_engine::{CallId, LegId, RecordError};
use mediapoint_packet::Time;
use mediapoint_recorder::RecordingId;

use super::report::ANSWER_WITHIN;
use super::settle::warned;
use super::{Controller, Shared, lock};
use crate::call::outcomes::{Closings, Outcomes};
use crate::call::party::PartyId;
use crate::call::recordings::{ActiveRecording, Scope, Target};
use crate::call::{CallState, Gone, Group};
use crate::recording::By;
use crate::request::{Id, RecordingOptions};
use crate::wire::{Dict, Value};
use crate::{Command, NgError, Recordings, Reply, Request};
use metadata::add_metadata;

impl Controller {
    fn recordings(&self) -> Result<&Recordings, NgError> {
        self.config.recordings.as_deref().ok_or(NgError::NoRecordings)
    }

    /// Refuses a request to record that nothing can carry out, before anything of the request is done.
    pub(super) fn may_record(&self, request: &Request) -> Result<(), NgError> {
        if request.recording.call == Some(true) {
            self.recordings()?;
        }
        Ok(())
    }

    /// The call that a command on recordings is about, or that has the conference room which it names.
    fn find_recorded(&self, request: &Request) -> Result<Shared, NgError> {
        match &request.conference.room {
            Some(room) => self.find_room(room).ok_or(NgError::UnknownRoom),
            None => self.find_call(request),
        }
    }

    /// Starts a recording, or lets one that is paused go on. One that goes on already goes on.
    pub(super) fn start_recording(&self, now: Time, request: &Request) -> Result<(Reply, Outcomes), NgError> {
        let options = &request.recording;
        self.recordings()?;
        let state = self.find_recorded(request)?;
        let mut call = lock(&state);
        call.last_signal = now;
        let mut outcomes = Outcomes::default();
        let scope = scope_of(&call, request);
        if !self.engine.is_dry_run() {
            add_metadata(&mut call, options, (scope, Some(options.owner.as_str())));
        }
        let id = self.record(now, &mut call, scope, (options, &By::request(request)), &mut outcomes)?;
        drop(call);
        let mut reply = Reply::ok().with("recording-id", id.as_str());
        if options.announcement {
            let (played, more) = self.play_media(now, request)?;
            outcomes.append(more);
            let duration = played.value("duration").cloned();
            reply = duration.into_iter().fold(reply, |reply, duration| reply.with("duration", duration));
        }
        let warnings = &request.options.bad_values;
        let reply = if warnings.is_empty() { reply } else { reply.with("warning", warnings.join(", ")) };
        Ok((reply, outcomes))
    }

    /// Ends recordings of an owner, or pauses them.
    pub(super) fn stop_recording(
        &self,
        now: Time,
        request: &Request,
        pause: bool,
    ) -> Result<(Reply, Outcomes), NgError> {
        let options = &request.recording;
        let recordings = self.recordings()?;
        let state = self.find_recorded(request)?;
        let owner = (!request.selection.all).then_some(options.owner.as_str());
        let is_last = !pause && has_recordings(&mut lock(&state), request, owner);
        // The worker is asked before the recording ends, and not under the call's lock.
        let asked = is_last.then(|| lock(&state).call.statistics().ok()).flatten();
        let figures = asked.and_then(|asked| asked.wait_timeout(ANSWER_WITHIN)?.ok());
        let mut call = lock(&state);
        call.last_signal = now;
        let scope = scope_of(&call, request);
        call.records_from_answer.retain(|(group, _)| scope != Scope::Call(*group));
        call.forget_completed();
        add_metadata(&mut call, options, (scope, owner));
        let at = self.since_1970(now);
        let engine_call = call.call.clone();
        let mut outcomes = Outcomes::default();
        let mut ids = Vec::new();
        for active in call.recordings_of(scope, owner) {
            ids.push(Value::from(active.id.as_str()));
            let tap = active.made.tap;
            let outcome = if pause { engine_call.pause_tap(tap, true) } else { engine_call.remove_tap(tap) };
            active.paused = pause;
            match pause {
                true => recordings.note_pause(&active.id, at, true),
                false => recordings.close(&active.id, &By::request(request), at, figures.as_ref()),
            }
            // A tap that went with its leg has ended the recording already.
            if let Ok(outcome) = outcome {
                outcomes.push(outcome);
            }
            if options.discard && !pause {
                recordings.discard(&active.id);
            }
        }
        if ids.is_empty() {
            return Err(NgError::NotRecording);
        }
        if !pause {
            let ended = |active: &ActiveRecording| {
                active.is_of(scope) && owner.is_none_or(|owner| active.owner == owner)
            };
            call.recordings.retain(|active| !ended(active));
        }
        let reply = Reply::ok().with("recording-ids", Value::List(ids));
        Ok((reply, outcomes))
    }

    /// After an offer or answer: what is to be recorded from its first answer on is, and a recording whose leg was replaced
    /// goes on with the new one in a file of its own.
    pub(super) fn record_call(
        &self,
        now: Time,
        request: &Request,
        (reply, mut outcomes): (Reply, Outcomes),
    ) -> Result<(Reply, Outcomes), NgError> {
        let options = &request.recording;
        if options.call.is_none() && self.config.recordings.is_none() {
            return Ok((reply, outcomes));
        }
        let Ok(state) = self.find_call(request) else { return Ok((reply, outcomes)) };
        let mut call = lock(&state);
        let group = call.group_of(request.call_id.as_ref());
        if let Some(records) = options.call {
            call.records_from_answer.retain(|(of, _)| *of != group);
            if records {
                call.records_from_answer.push((group, Box::new(options.clone())));
            }
        }
        if !self.engine.is_dry_run() {
            self.update_metadata(&mut call, group, options);
        }
        if options.announcement && call.announcements.len() < 2 {
            call.announcements.push(announced(request));
        }
        let begun = self.keep_recording(now, &mut call, (group, &By::request(request)), &mut outcomes);
        match begun {
            Ok(None) => Ok((reply, outcomes)),
            Ok(Some(id)) => {
                let announcements = take_announcements(&mut call, group);
                drop(call);
                let mut reply = reply.with("recording-id", id.as_str());
                for announcement in &announcements {
                    match self.play_media(now, announcement) {
                        Ok((_, more)) => outcomes.append(more),
                        // The call is recorded all the same.
                        Err(error) => {
                            reply = warned(reply, &format!("the recording is not announced: {error}"));
                        }
                    }
                }
                Ok((reply, outcomes))
            }
            Err(error) if self.recordings().is_ok_and(|set| !set.settings.end_call_without) => {
                tracing::warn!(call = call.call.id().as_u64(), %error, "the call goes on without a recording");
                Ok((warned(reply, &format!("the call is not recorded: {error}")), outcomes))
            }
            Err(error) => {
                // Refused now, and not found out later.
                let closings = self.end_group(&mut call, &state, group);
                drop(call);
                self.close_recordings(closings);
                Err(error)
            }
        }
    }

    fn keep_recording(
        &self,
        now: Time,
        call: &mut CallState,
        (group, by): (Group, &By),
        outcomes: &mut Outcomes,
    ) -> Result<Option<RecordingId>, NgError> {
        let mut last = None;
        if let Some(options) = call.record_from_answer(group).cloned() {
            self.recordings()?;
            let scope = Scope::Call(group);
            if call.recordings_of(scope, Some(&options.owner)).next().is_none()
                && call.recorded(group, None).is_some()
            {
                last = Some(self.record(now, call, scope, (&options, by), outcomes)?);
            }
        }
        Ok(self.go_on_as_is(now, call, by, outcomes)?.or(last))
    }

    /// Recordings whose leg is gone, or in which others than before may not be, go on in files of their own, those of rooms end then.
    pub(super) fn go_on_as_is(
        &self,
        now: Time,
        call: &mut CallState,
        by: &By,
        outcomes: &mut Outcomes,
    ) -> Result<Option<RecordingId>, NgError> {
        call.forget_completed();
        let legs: Vec<LegId> = call.legs().collect();
        let mut changed = Vec::new();
        for active in &call.recordings {
            match &active.of {
                Target::Leg(before) => {
                    let of = call.without_unrecorded(*before);
                    let is_gone = !legs.contains(&before.leg);
                    if is_gone || of != *before {
                        changed.push((active.clone(), is_gone));
                    }
                }
                Target::Room(name) => {
                    if call.is_unrecorded(name, None) {
                        changed.push((active.clone(), false));
                    }
                }
            }
        }
        let mut last = None;
        for (active, is_gone) in changed {
            call.recordings.retain(|known| known.id != active.id);
            self.close(&active.id, by, now, call, outcomes);
            if !is_gone {
                // One that has gone has ended its recording already.
                call.call.remove_tap(active.made.tap).into_iter().for_each(|outcome| outcomes.push(outcome));
            }
            let Some(before) = active.recorded() else {
                tracing::warn!(recording = %active.id, "a room is not recorded on: a member is excluded from recording");
                continue;
            };
            let of = if is_gone { call.recorded(before.group, None) } else { Some(*before) };
            let of = Target::Leg(of.ok_or(NgError::NoListener)?);
            last = Some(self.go_on(now, call, &active, (of, by), outcomes)?);
        }
        Ok(last)
    }

    fn record(
        &self,
        now: Time,
        call: &mut CallState,
        scope: Scope<'_>,
        (options, by): (&RecordingOptions, &By),
        outcomes: &mut Outcomes,
    ) -> Result<RecordingId, NgError> {
        let recordings = self.recordings()?;
        call.forget_completed();
        // One that has ended, though its file is not complete yet, does not go on.
        let ended = |active: &&mut ActiveRecording| active.made.recording.is_ending();
        let ended: Vec<RecordingId> = call
            .recordings_of(scope, Some(&options.owner))
            .filter(ended)
            .map(|active| active.id.clone())
            .collect();
        for id in ended {
            call.recordings.retain(|known| known.id != id);
            self.close(&id, by, now, call, outcomes);
        }
        let engine_call = call.call.clone();
        let mut known = None;
        for active in call.recordings_of(scope, Some(&options.owner)) {
            if active.paused {
                outcomes.push(engine_call.pause_tap(active.made.tap, false)?);
                active.paused = false;
                recordings.note_pause(&active.id, self.since_1970(now), false);
            }
            known.get_or_insert(active.id.clone());
        }
        if let Some(id) = known {
            return Ok(id);
        }
        let of = match scope {
            Scope::Call(group) => {
                let left = match &options.left {
                    Some(tag) => {
                        let mut named = call.of_group(group).filter(|party| party.has_tag(tag));
                        Some(named.next().ok_or(NgError::NoParty { key: "recording-left" })?.id)
                    }
                    None => None,
                };
                Target::Leg(call.recorded(group, left).ok_or(NgError::NoListener)?)
            }
            Scope::Room(name) => Target::Room(name.clone()),
        };
        self.add_tape(now, call, of, (options, by), outcomes)
    }

    /// Ends a call that must not go on without its recording, which failed ([`crate::RecordingOutcome::EndCall`]). Of a call of
    /// the engine that several are one with in a conference room, the others go on.
    pub fn end_unrecorded(&self, call: CallId, call_id: &Id) {
        let Some(state) = self.find_by_engine(call) else {
            // Where it ended by itself meanwhile, nothing is left to do.
            return self.engine.call(call).into_iter().for_each(|call| drop(call.end()));
        };
        let mut state_of = lock(&state);
        if state_of.call.id() != call || !state_of.has_id(call_id) {
            return;
        }
        let group = state_of.group_of(Some(call_id));
        let closings = self.end_group(&mut state_of, &state, group);
        drop(state_of);
        self.close_recordings(closings);
    }

    /// Ends the calls of a group alone. Returns the recordings that end with them.
    fn end_group(&self, call: &mut CallState, state: &Shared, group: Group) -> Closings {
        if call.parties.iter().all(|party| party.group == group) {
            // The engine reports its end, and what is known of it then is put down in its recordings.
            drop(call.call.end());
            return Closings::default();
        }
        let own: Vec<PartyId> = call.of_group(group).map(|party| party.id).collect();
        call.records_from_answer.retain(|(of, _)| *of != group);
        self.remove(call, state, |gone| match gone {
            Gone::Party(party) => own.contains(&party.id),
            Gone::Dialog(dialog) => own.contains(&dialog.caller) || own.contains(&dialog.callee),
        })
    }

    /// After calls were merged: recordings of those that are no more go on in files of the call that they are one with now.
    pub(super) fn record_on(
        &self,
        now: Time,
        (call, state): (&mut CallState, &Shared),
        request: &Request,
        warnings: &mut Vec<String>,
        outcomes: &mut Outcomes,
    ) -> Result<Vec<Value>, NgError> {
        let (mut ids, by) = (Vec::new(), By::request(request));
        for active in std::mem::take(&mut call.left_behind) {
            if active.made.recording.is_over() {
                continue;
            }
            let recordings = self.recordings()?;
            self.close(&active.id, &by, now, call, outcomes);
            match self.go_on(now, call, &active, (active.of.clone(), &by), outcomes) {
                Ok(id) => ids.push(Value::from(id.as_str())),
                Err(error) if recordings.settings.end_call_without => {
                    match active.recorded().map(|recorded| recorded.group) {
                        Some(group) => outcomes.append(self.end_group(call, state, group).into()),
                        None => drop(call.call.end()),
                    }
                    return Err(error);
                }
                Err(error) => warnings.push(format!("the call is not recorded: {error}")),
            }
        }
        Ok(ids)
    }

    /// Goes on with a recording in a file of its own.
    fn go_on(
        &self,
        now: Time,
        call: &mut CallState,
        active: &ActiveRecording,
        (of, by): (Target, &By),
        outcomes: &mut Outcomes,
    ) -> Result<RecordingId, NgError> {
        let of = match of {
            Target::Leg(recorded) => Target::Leg(call.without_unrecorded(recorded)),
            of @ Target::Room(_) => of,
        };
        let mut options = active.options.clone();
        (options.file, options.channels) = (None, Some(active.channels));
        let id = self.add_tape(now, call, of, (&options, by), outcomes)?;
        tracing::info!(call = call.call.id().as_u64(), from = %active.id, to = %id, "recorded in another file");
        if let Some(known) = call.recordings.iter_mut().find(|known| known.id == id && active.paused) {
            outcomes.push(call.call.pause_tap(known.made.tap, true)?);
            known.paused = true;
            self.recordings()?.note_pause(&id, self.since_1970(now), true);
        }
        Ok(id)
    }

    pub(super) fn since_1970(&self, now: Time) -> Duration {
        self.config.unix_at_zero + now.since(Time::ZERO)
    }
}

/// What a command on recordings is about.
fn scope_of<'r>(call: &CallState, request: &'r Request) -> Scope<'r> {
    match &request.conference.room {
        Some(room) => Scope::Room(room),
        None => Scope::Call(call.group_of(request.call_id.as_ref())),
    }
}

fn has_recordings(call: &mut CallState, request: &Request, owner: Option<&str>) -> bool {
    let scope = scope_of(call, request);
    call.recordings_of(scope, owner).next().is_some()
}

/// The announcements of a call, which play as its recording begins.
fn take_announcements(call: &mut CallState, group: Group) -> Vec<Request> {
    let (own, others) = std::mem::take(&mut call.announcements)
        .into_iter()
        .partition(|request| call.group_of(request.call_id.as_ref()) == group);
    call.announcements = others;
    own
}

/// A message that asks for an announcement to its sender, as one that plays media to it.
fn announced(request: &Request) -> Request {
    let mut play = request.clone();
    play.sdp = None;
    if request.command == Command::Answer {
        play.from_tag = request.to_tag.clone();
    }
    (play.label, play.selection.all, play.selection.address) = (None, false, None);
    play
}

impl From<RecordError> for NgError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Command(error) => error.into(),
            other => Self::Recording(other.to_string()),
        }
    }
}

/// What is shown of the recordings of a call or a room.
pub(in crate::controller) fn shown(call: &CallState, scope: Scope<'_>) -> Vec<Value> {
    let is_live = |active: &&ActiveRecording| active.is_of(scope) && !active.made.recording.is_over();
    let shown = |active: &ActiveRecording| {
        let figures = active.made.recording.statistics();
        let mut out = Dict::new();
        out.insert(b"id".to_vec(), Value::from(active.id.as_str()));
        out.insert(b"owner".to_vec(), Value::from(active.owner.as_str()));
        out.insert(b"state".to_vec(), Value::from(if active.paused { "paused" } else { "recording" }));
        for (key, value) in [
            ("samples", figures.samples),
            ("samples lost", figures.lost_at_tap + figures.lost_at_sink),
            ("samples masked", figures.masked),
            ("samples paused", figures.paused),
            ("bytes", figures.bytes),
        ] {
            out.insert(key.as_bytes().to_vec(), Value::from(value));
        }
        Value::Dict(out)
    };
    call.recordings.iter().filter(is_live).map(shown).collect()
}
