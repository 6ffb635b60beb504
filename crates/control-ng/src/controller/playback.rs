//! Recordings that `play media` plays, and `pause media`, `resume media`, `seek media`.

use std::time::Duration;

use mediapoint_engine::{Call, PlayRecordingError, PlayRecordingSpec, PlayerChange, PlayerId, SpeechBargeIn};
use mediapoint_packet::Time;
use mediapoint_recorder::RecordingId;

use super::play::{Added, Listener, VOLUMES, listeners, selected};
use super::report::ANSWER_WITHIN;
use super::{Controller, lock};
use crate::call::CallState;
use crate::call::outcomes::Outcomes;
use crate::call::party::PartyId;
use crate::call::play::{Play, PlayedRecording};
use crate::playback::{PlaybackAsker, PlaybackRefusal, Playbacks};
use crate::{NgError, Reply, Request};

/// Speeds in thousandths.
const SPEEDS: std::ops::RangeInclusive<u32> = 500..=2000;

impl Controller {
    /// `play media` of a recording. It is opened without the call's lock, once for each listener: each has a place of its own.
    pub(super) fn play_recording(
        &self,
        now: Time,
        request: &Request,
        name: &str,
    ) -> Result<(Reply, Outcomes), NgError> {
        let state = self.find_call(request)?;
        let playbacks =
            self.config.playbacks.as_deref().ok_or(NgError::Playback(PlaybackRefusal::NoIdentity))?;
        let id = RecordingId::new(name).map_err(|_| NgError::BadValue { key: "recording" })?;
        let volume = request.play.volume.unwrap_or(0);
        if !VOLUMES.contains(&volume) {
            return Err(NgError::BadValue { key: "volume" });
        }
        let (call, listeners) = {
            let call = lock(&state);
            let listeners = listeners(&call, request)?;
            let named = |listener: Listener| {
                let tag = call.party(listener.party).and_then(|party| party.tag());
                (listener, tag.map(ToString::to_string).unwrap_or_default())
            };
            (call.call.clone(), listeners.into_iter().map(named).collect::<Vec<_>>())
        };
        let mut added = Added::new(&call);
        let mut outcomes = Outcomes::default();
        let mut duration = Duration::ZERO;
        for (listener, tag) in listeners {
            let asker = PlaybackAsker {
                from: request.source,
                call: request.call_id.as_ref().map(ToString::to_string).unwrap_or_default(),
                branch: request.via_branch.as_ref().map(ToString::to_string),
                party: tag,
            };
            let play = open(&call, playbacks, (&id, asker), request, &listener, &mut outcomes)?;
            if volume != 0 {
                let decibels = i16::try_from(volume).map(f32::from).unwrap_or(0.0);
                outcomes.push(call.change_player(play.player, PlayerChange::Volume(decibels))?);
            }
            duration = play.duration;
            added.push(listener.party, play);
        }
        self.begin_plays(now, request, &state, added, outcomes, duration)
    }

    /// `pause media` and `resume media`.
    pub(super) fn pause_media(
        &self,
        now: Time,
        request: &Request,
        pause: bool,
    ) -> Result<(Reply, Outcomes), NgError> {
        let state = self.find_call(request)?;
        let mut call = lock(&state);
        let mut outcomes = Outcomes::default();
        let plays = playing(&call, request)?;
        let change = if pause { PlayerChange::Pause } else { PlayerChange::Resume };
        for (id, player) in &plays {
            outcomes.push(call.call.change_player(*player, change)?);
            if let Some(play) = call.party_mut(*id).and_then(|party| party.play.as_mut()) {
                play.paused = pause;
            }
        }
        call.last_signal = now;
        let asked = call.call.statistics();
        let first = plays.first().map(|(_, player)| *player);
        drop(call);
        let figures = asked.ok().and_then(|asked| asked.wait_timeout(ANSWER_WITHIN)?.ok());
        let place = figures.and_then(|figures| {
            figures.players.iter().find(|(player, _)| Some(*player) == first).map(|(_, place)| *place)
        });
        let reply = match place {
            Some(place) => Reply::ok().with("position", millis(place.offset)),
            None => Reply::ok(),
        };
        Ok((reply, outcomes))
    }

    /// `seek media`: another place, another speed, or both.
    pub(super) fn seek_media(&self, now: Time, request: &Request) -> Result<Reply, NgError> {
        let state = self.find_call(request)?;
        let mut call = lock(&state);
        let plays = playing(&call, request)?;
        let speed = speed(request)?;
        let mut reply = Reply::ok();
        let mut places = Vec::new();
        for (id, _) in &plays {
            let play = call.party(*id).and_then(|party| party.play.as_ref());
            let play = play.filter(|play| play.recording.is_some()).ok_or(NgError::NotSeekable)?;
            places.push(place(request, play.rate, play.duration)?);
        }
        if speed.is_none() && places.iter().all(Option::is_none) {
            return Err(NgError::MissingKey { key: "recording-offset" });
        }
        for ((id, _), place) in plays.iter().zip(places) {
            let play = call.party_mut(*id).and_then(|party| party.play.as_mut());
            let Some(recording) = play.and_then(|play| play.recording.as_mut()) else { continue };
            if let Some(place) = place {
                recording.playback.seek(place);
                reply = reply.with("position", millis(place));
            }
            if let Some(thousandths) = speed {
                let set = recording.playback.set_speed(to_speed(thousandths));
                set.map_err(|_| NgError::BadValue { key: "speed" })?;
                recording.speed = thousandths;
            }
        }
        call.last_signal = now;
        Ok(reply)
    }
}

/// Opens a recording and gives the call a player of it, that nobody hears yet.
fn open(
    call: &Call,
    playbacks: &Playbacks,
    (id, asker): (&RecordingId, PlaybackAsker),
    request: &Request,
    listener: &Listener,
    outcomes: &mut Outcomes,
) -> Result<Play, NgError> {
    let speed = speed(request)?.unwrap_or(1000);
    let opened = playbacks.open(id, asker)?;
    let (rate, duration) = (opened.decoder.rate(), opened.duration);
    let spec = PlayRecordingSpec {
        offset: place(request, rate, duration)?.unwrap_or_default(),
        speed: to_speed(speed),
        side: request.playback.side.unwrap_or_default(),
        barge_in: Some(listener.leg()).filter(|_| request.play.key_barge_in),
        speech_barge_in: Some(SpeechBargeIn::new(listener.leg())).filter(|_| request.play.speech_barge_in),
        ..PlayRecordingSpec::default()
    };
    let begun = call.play_recording(opened.decoder, &spec, opened.permission);
    let (playback, outcome) = begun.map_err(|error| refusal(id, error))?;
    outcomes.push(outcome);
    Ok(Play {
        player: playback.player,
        section: listener.section,
        alone: request.play.block_egress,
        of_hold: false,
        rate,
        duration,
        paused: false,
        recording: Some(PlayedRecording { id: id.clone(), playback, speed }),
        ended: None,
    })
}

fn refusal(id: &RecordingId, error: PlayRecordingError) -> NgError {
    match error {
        PlayRecordingError::Command(error) => error.into(),
        PlayRecordingError::Recording(error) => {
            NgError::Playback(PlaybackRefusal::Damaged { id: id.clone(), reason: error.to_string() })
        }
        other => {
            NgError::Playback(PlaybackRefusal::Unavailable { id: id.clone(), reason: other.to_string() })
        }
    }
}

/// The place that a request names, in milliseconds or in frames at the recording's rate. Refused behind the end.
fn place(request: &Request, rate: u32, duration: Duration) -> Result<Option<Duration>, NgError> {
    let frames = || {
        let nanos = u128::from(request.play.start) * 1_000_000_000 / u128::from(rate.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    };
    let (place, key) = match request.playback.offset {
        Some(offset) => (Some(offset), "recording-offset"),
        None => ((request.play.start > 0).then(frames), "start-pos"),
    };
    match place {
        Some(place) if place > Duration::ZERO && place >= duration => Err(NgError::BadValue { key }),
        place => Ok(place),
    }
}

fn speed(request: &Request) -> Result<Option<u32>, NgError> {
    match request.playback.speed {
        Some(speed) if !SPEEDS.contains(&speed) => Err(NgError::BadValue { key: "speed" }),
        speed => Ok(speed),
    }
}

fn to_speed(thousandths: u32) -> f32 {
    f32::from(u16::try_from(thousandths).unwrap_or(1000)) / 1000.0
}

/// The media that is played to the parties selected now.
fn playing(call: &CallState, request: &Request) -> Result<Vec<(PartyId, PlayerId)>, NgError> {
    let plays = |id: PartyId| {
        let play = call.party(id)?.play.as_ref().filter(|play| play.ended.is_none())?;
        Some((id, play.player))
    };
    let found: Vec<_> = selected(call, request)?.into_iter().filter_map(plays).collect();
    if found.is_empty() { Err(NgError::NotPlaying) } else { Ok(found) }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
