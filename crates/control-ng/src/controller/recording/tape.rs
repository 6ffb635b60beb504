//! A recording as it begins: its name, what is kept with it, and the tap that it reads.

use mediapoint_engine::{CallRecording, CallRecordingSpec, Pending, RoomId, RoomTapSpec};
use mediapoint_packet::Time;
use mediapoint_recorder::{Channels, RecordingId, RecordingSpec};

use super::super::Controller;
use super::metadata::{parties_of, personal};
use crate::NgError;
use crate::call::CallState;
use crate::call::outcomes::Outcomes;
use crate::call::party::Party;
use crate::call::recordings::{ActiveRecording, MAX_RECORDINGS, Scope, Target};
use crate::recording::{Begun, By, NameParts, NamePattern, Notes, RecordingEntry, checked};
use crate::request::{Id, RecordingOptions};

impl Controller {
    /// Starts a recording of a leg or a room.
    pub(super) fn add_tape(
        &self,
        now: Time,
        call: &mut CallState,
        of: Target,
        (options, by): (&RecordingOptions, &By),
        outcomes: &mut Outcomes,
    ) -> Result<RecordingId, NgError> {
        let recordings = self.recordings()?;
        let (scope, call_id) = match &of {
            Target::Leg(recorded) => (Scope::Call(recorded.group), call.id_of(recorded.group).clone()),
            Target::Room(name) => (Scope::Room(name), name.clone()),
        };
        if call.recordings.iter().filter(|active| active.is_of(scope)).count() >= MAX_RECORDINGS {
            return Err(NgError::TooManyRecordings { limit: MAX_RECORDINGS });
        }
        match &of {
            Target::Leg(recorded) if recorded.side.is_none() => return Err(NgError::NobodyRecorded),
            Target::Room(name) if call.is_unrecorded(name, None) => return Err(NgError::MemberUnrecorded),
            Target::Leg(_) | Target::Room(_) => {}
        }
        let channels = match &of {
            Target::Leg(_) => options.channels.unwrap_or(recordings.settings.channels),
            Target::Room(_) => Channels::Mono,
        };
        let format = recordings.format(channels);
        let id = self.name(now, &call_id, options, format.channels().count() == 1)?;
        let file = RecordingSpec {
            id: id.clone(),
            format,
            rate: recordings.settings.rate,
            complexity: recordings.settings.complexity,
            recipients: recordings.settings.recipients_of(options)?,
            personal: personal(call, options, &of),
        };
        if self.engine.is_dry_run() {
            outcomes.push(self.try_tap(call, &of, (options, file))?);
            return Ok(id);
        }
        let entry = RecordingEntry {
            tenant: options.tenant.clone(),
            call: call_id.to_string(),
            parties: tags(call, &of),
            metadata: options.pairs(),
            began: self.since_1970(now),
            extension: format.extension(),
        };
        let mut notes =
            Notes::new(&options.owner, by.clone(), self.since_1970(call.created), self.since_1970(now));
        notes.parties(parties_of(call, scope));
        let mut begun = Begun::new(call.call.clone(), (&call_id, options), notes);
        begun.of_room = matches!(scope, Scope::Room(_));
        recordings.begin(&id, begun, &entry)?;
        let made = self.tap(call, &of, (options, file)).inspect_err(|_| recordings.give_up(&id));
        let (made, outcome) = made?;
        recordings.started(&made);
        outcomes.push(outcome);
        let owner = options.owner.clone();
        let (id, options, paused) = (made.recording.id().clone(), options.clone(), false);
        call.recordings.push(ActiveRecording { owner, id: id.clone(), of, channels, options, paused, made });
        Ok(id)
    }

    /// Has the recorder read a tap of the leg or the room.
    fn tap(
        &self,
        call: &CallState,
        of: &Target,
        (options, file): (&RecordingOptions, RecordingSpec),
    ) -> Result<(CallRecording, Pending<()>), NgError> {
        let recordings = self.recordings()?;
        let (spec, room) = self.tap_of(call, of, (options, file))?;
        Ok(match room {
            None => call.call.record(&recordings.recorder, &spec)?,
            Some(room) => call.call.record_room(&recordings.recorder, room, &spec)?,
        })
    }

    /// The tap alone, on trial.
    fn try_tap(
        &self,
        call: &CallState,
        of: &Target,
        how: (&RecordingOptions, RecordingSpec),
    ) -> Result<Pending<()>, NgError> {
        let (spec, room) = self.tap_of(call, of, how)?;
        let Some(room) = room else { return Ok(call.call.tap_recording(&spec)?.2) };
        let CallRecordingSpec { capacity, mask_secure_input, .. } = spec;
        let tap = RoomTapSpec { rate: spec.file.rate, capacity, mask_secure_input };
        Ok(call.call.tap_room(room, tap)?.2)
    }

    /// What of a call is recorded: a leg, or the room that is named.
    fn tap_of(
        &self,
        call: &CallState,
        of: &Target,
        (options, file): (&RecordingOptions, RecordingSpec),
    ) -> Result<(CallRecordingSpec, Option<RoomId>), NgError> {
        match of {
            Target::Leg(recorded) => {
                let spec = CallRecordingSpec {
                    left: recorded.left,
                    side: recorded.side.ok_or(NgError::NobodyRecorded)?,
                    beep: options.beep.unwrap_or(self.recordings()?.settings.beep),
                    ..CallRecordingSpec::new(recorded.leg, file)
                };
                Ok((spec, None))
            }
            Target::Room(name) => {
                let room = call.room(name).and_then(|room| room.id).ok_or(NgError::UnknownRoom)?;
                // The leg is of no account.
                let leg = call.members(name).find_map(|(party, _)| party.legs().next());
                Ok((CallRecordingSpec::new(leg.ok_or(NgError::NoListener)?, file), Some(room)))
            }
        }
    }

    fn name(
        &self,
        now: Time,
        call_id: &Id,
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
            call_id: call_id.bytes(),
            random: rand::random(),
            kind: if mixed { "mix" } else { "stereo" },
            now: self.since_1970(now),
        };
        pattern.name(&parts).ok_or(NgError::BadValue { key: "recording-pattern" })
    }
}

/// Tags of those whom a recording is of.
fn tags(call: &CallState, of: &Target) -> Vec<String> {
    let tag = |party: &Party| party.tag().map(Id::to_string);
    match of {
        Target::Leg(recorded) => {
            recorded.parties.iter().flatten().filter_map(|id| tag(call.party(*id)?)).collect()
        }
        Target::Room(name) => call.members(name).filter_map(|(party, _)| tag(party)).collect(),
    }
}
