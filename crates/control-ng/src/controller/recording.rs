//! `start recording`, `stop recording`, `pause recording`, and `record call` in an offer or answer.

mod ended;
mod metadata;

use std::time::Duration;

use mediapoint_engine::{CallRecordingSpec, LegId, RecordError};
use mediapoint_packet::Time;
use mediapoint_recorder::{RecordingId, RecordingSpec};

use super::report::ANSWER_WITHIN;
use super::settle::warned;
use super::{Controller, lock};
use crate::call::CallState;
use crate::call::outcomes::Outcomes;
use crate::call::recordings::{ActiveRecording, MAX_RECORDINGS, Recorded};
use crate::recording::{Begun, By, NameParts, NamePattern, Notes, RecordingEntry, checked};
use crate::request::{Id, RecordingOptions};
use crate::wire::{Dict, Value};
use crate::{Command, NgError, Recordings, Reply, Request};
use metadata::{add_metadata, parties_of, personal};

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

    /// Starts a recording, or lets one that is paused go on. One that goes on already goes on.
    pub(super) fn start_recording(&self, now: Time, request: &Request) -> Result<(Reply, Outcomes), NgError> {
        let options = &request.recording;
        self.recordings()?;
        let state = self.find_call(request)?;
        let mut call = lock(&state);
        call.last_signal = now;
        let mut outcomes = Outcomes::default();
        add_metadata(&mut call, options, Some(options.owner.as_str()));
        let id = self.record(now, &mut call, (options, &By::request(request)), &mut outcomes)?;
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
        let state = self.find_call(request)?;
        let owner = (!request.selection.all).then_some(options.owner.as_str());
        let is_last = !pause && lock(&state).recordings_of(owner).next().is_some();
        // The worker is asked before the recording ends, and not under the call's lock.
        let asked = is_last.then(|| lock(&state).call.statistics().ok()).flatten();
        let figures = asked.and_then(|asked| asked.wait_timeout(ANSWER_WITHIN)?.ok());
        let mut call = lock(&state);
        call.last_signal = now;
        call.record_from_answer = None;
        call.forget_completed();
        add_metadata(&mut call, options, owner);
        let at = self.since_1970(now);
        let engine_call = call.call.clone();
        let mut outcomes = Outcomes::default();
        let mut ids = Vec::new();
        for active in call.recordings_of(owner) {
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
            let ended = |active: &ActiveRecording| owner.is_none_or(|owner| active.owner == owner);
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
        match options.call {
            Some(true) => {
                call.record_from_answer = Some(Box::new(options.clone()));
            }
            Some(false) => call.record_from_answer = None,
            None => {}
        }
        self.update_metadata(&mut call, options);
        if options.announcement && call.announcements.len() < 2 {
            call.announcements.push(announced(request));
        }
        let begun = self.keep_recording(now, &mut call, &By::request(request), &mut outcomes);
        match begun {
            Ok(None) => Ok((reply, outcomes)),
            Ok(Some(id)) => {
                let announcements = std::mem::take(&mut call.announcements);
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
                drop(call.call.end());
                Err(error)
            }
        }
    }

    fn keep_recording(
        &self,
        now: Time,
        call: &mut CallState,
        by: &By,
        outcomes: &mut Outcomes,
    ) -> Result<Option<RecordingId>, NgError> {
        let legs: Vec<LegId> = call.legs().collect();
        let mut last = None;
        if let Some(options) = call.record_from_answer.clone() {
            self.recordings()?;
            if call.recordings.iter().all(|active| active.owner != options.owner)
                && call.recorded(None).is_some()
            {
                last = Some(self.record(now, call, (&options, by), outcomes)?);
            }
        }
        call.forget_completed();
        let (mut lost, mut changed) = (Vec::new(), Vec::new());
        for active in &call.recordings {
            let of = call.without_unrecorded(active.of);
            if !legs.contains(&active.of.leg) {
                lost.push((active.clone(), None));
            } else if of != active.of {
                changed.push((active.clone(), Some(of)));
            }
        }
        for (active, of) in lost.into_iter().chain(changed) {
            call.recordings.retain(|known| known.id != active.id);
            self.close(&active.id, by, now, call, outcomes);
            if of.is_some() {
                // One that has gone has ended its recording already.
                call.call.remove_tap(active.made.tap).into_iter().for_each(|outcome| outcomes.push(outcome));
            }
            let of = of.or_else(|| call.recorded(None)).ok_or(NgError::NoListener)?;
            last = Some(self.go_on(now, call, &active, (of, by), outcomes)?);
        }
        Ok(last)
    }

    fn record(
        &self,
        now: Time,
        call: &mut CallState,
        (options, by): (&RecordingOptions, &By),
        outcomes: &mut Outcomes,
    ) -> Result<RecordingId, NgError> {
        let recordings = self.recordings()?;
        call.forget_completed();
        // One that has ended, though its file is not complete yet, does not go on.
        let ended = |active: &&mut ActiveRecording| active.made.recording.is_ending();
        let ended: Vec<RecordingId> =
            call.recordings_of(Some(&options.owner)).filter(ended).map(|active| active.id.clone()).collect();
        for id in ended {
            call.recordings.retain(|known| known.id != id);
            self.close(&id, by, now, call, outcomes);
        }
        let engine_call = call.call.clone();
        let mut known = None;
        for active in call.recordings_of(Some(&options.owner)) {
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
        let left = match &options.left {
            Some(tag) => {
                let mut named = call.parties.iter().filter(|party| party.has_tag(tag));
                let left = named.next().ok_or(NgError::NoParty { key: "recording-left" })?;
                Some(left.id)
            }
            None => None,
        };
        let recorded = call.recorded(left).ok_or(NgError::NoListener)?;
        self.add_tape(now, call, recorded, (options, by), outcomes)
    }

    /// Starts a recording of this leg.
    fn add_tape(
        &self,
        now: Time,
        call: &mut CallState,
        recorded: Recorded,
        (options, by): (&RecordingOptions, &By),
        outcomes: &mut Outcomes,
    ) -> Result<RecordingId, NgError> {
        let recordings = self.recordings()?;
        let engine_call = call.call.clone();
        if call.recordings.len() >= MAX_RECORDINGS {
            return Err(NgError::TooManyRecordings { limit: MAX_RECORDINGS });
        }
        let side = recorded.side.ok_or(NgError::NobodyRecorded)?;
        let channels = options.channels.unwrap_or(recordings.settings.channels);
        let format = recordings.format(channels);
        let id = self.name(now, call, options, format.channels().count() == 1)?;
        let file = RecordingSpec {
            id: id.clone(),
            format,
            rate: recordings.settings.rate,
            complexity: recordings.settings.complexity,
            recipients: recordings.settings.recipients.clone(),
            personal: personal(call, options, &recorded),
        };
        let entry = RecordingEntry {
            tenant: options.tenant.clone(),
            call: call.id.to_string(),
            parties: recorded
                .parties
                .iter()
                .flatten()
                .filter_map(|id| call.party(*id)?.tag())
                .map(Id::to_string)
                .collect(),
            metadata: options.pairs(),
            began: self.since_1970(now),
            extension: format.extension(),
        };
        let mut notes =
            Notes::new(&options.owner, by.clone(), self.since_1970(call.created), self.since_1970(now));
        notes.parties(parties_of(call));
        let beep = options.beep.unwrap_or(recordings.settings.beep);
        let begun = Begun::new(engine_call.clone(), (&call.id, options), notes);
        recordings.begin(&id, begun, &entry)?;
        let spec = CallRecordingSpec {
            left: recorded.left,
            side,
            beep,
            ..CallRecordingSpec::new(recorded.leg, file)
        };
        let (made, outcome) =
            engine_call.record(&recordings.recorder, &spec).inspect_err(|_| recordings.give_up(&id))?;
        recordings.started(&made);
        outcomes.push(outcome);
        let owner = options.owner.clone();
        call.recordings.push(ActiveRecording {
            owner,
            id: id.clone(),
            of: recorded,
            channels,
            options: options.clone(),
            paused: false,
            made,
        });
        Ok(id)
    }

    /// After calls were merged: recordings of those that are no more go on in files of the call that they are one with now.
    pub(super) fn record_on(
        &self,
        now: Time,
        call: &mut CallState,
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
            match self.go_on(now, call, &active, (active.of, &by), outcomes) {
                Ok(id) => ids.push(Value::from(id.as_str())),
                Err(error) if recordings.settings.end_call_without => {
                    drop(call.call.end());
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
        (of, by): (Recorded, &By),
        outcomes: &mut Outcomes,
    ) -> Result<RecordingId, NgError> {
        let of = call.without_unrecorded(of);
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

    fn name(
        &self,
        now: Time,
        call: &CallState,
        options: &RecordingOptions,
        mixed: bool,
    ) -> Result<RecordingId, NgError> {
        if let Some(file) = &options.file {
            return checked(file).ok_or(NgError::BadValue { key: "recording-file" });
        }
        let given = options.pattern.as_deref().map(NamePattern::new).transpose();
        let given = given.map_err(|_| NgError::BadValue { key: "recording-pattern" })?;
        let pattern = given.as_ref().unwrap_or(&self.recordings()?.settings.names);
        let parts = NameParts {
            call_id: call.id.bytes(),
            random: rand::random(),
            kind: if mixed { "mix" } else { "stereo" },
            now: self.since_1970(now),
        };
        pattern.name(&parts).ok_or(NgError::BadValue { key: "recording-pattern" })
    }
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

/// What `query` shows of the recordings of a call.
pub(super) fn shown(call: &CallState) -> Vec<Value> {
    let is_live = |active: &&ActiveRecording| !active.made.recording.is_over();
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
