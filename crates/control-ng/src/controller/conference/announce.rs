//! What a whole room hears: media that is played to it, and the tones of entry and exit.

use std::time::Duration;

use mediapoint_engine::{
    Burst, Codec, LegId, PayloadCodec, PayloadType, PlayerId, PlayerSpec, PromptsSpec, Sine, ToneSpec,
};
use mediapoint_packet::Time;
use mediapoint_prompt::Form;

use super::super::play::{VOLUMES, playlist};
use super::super::report::ANSWER_WITHIN;
use super::super::{Controller, lock};
use crate::call::CallState;
use crate::call::outcomes::Outcomes;
use crate::call::rooms::{RoomTone, SeatRole};
use crate::request::Id;
use crate::{NgError, Reply, Request};

/// Sample rate of media for a room whose own is not known in time, in hertz.
const USUAL_RATE: u32 = 8_000;
/// Level of the tones in dBm0.
const TONE_LEVEL: f32 = -20.0;
/// Frequencies of the tones of entry and exit, in hertz.
const ENTRY_HZ: f32 = 880.0;
const EXIT_HZ: f32 = 440.0;
/// How long such a tone sounds.
const TONE: Duration = Duration::from_millis(200);

impl Controller {
    /// Plays media to all members of a room, in place of what it was played before.
    pub(in crate::controller) fn play_to_room(
        &self,
        now: Time,
        request: &Request,
        room: &Id,
    ) -> Result<(Reply, Outcomes), NgError> {
        let play = &request.play;
        let state = self.find_room(room).ok_or(NgError::UnknownRoom)?;
        let prompts = self.config.prompts.as_deref().ok_or(NgError::NoPrompts)?;
        let source = play.source.as_ref().ok_or(NgError::MissingKey { key: "file" })?;
        let volume = play.volume.unwrap_or(0);
        if !VOLUMES.contains(&volume) {
            return Err(NgError::BadValue { key: "volume" });
        }
        let (call, id) = {
            let call = lock(&state);
            let id = call.room(room).and_then(|room| room.id).ok_or(NgError::UnknownRoom)?;
            (call.call.clone(), id)
        };
        // Media is loaded, and the worker is asked, without the call's lock.
        let until = prompts.wait_until();
        let prompt = prompts.load(source, play.language.as_deref(), until)?;
        let asked = call.statistics().ok().and_then(|asked| asked.wait_timeout(ANSWER_WITHIN)?.ok());
        let figures = asked.and_then(|statistics| statistics.rooms.into_iter().find(|it| it.room == id));
        let unencoded = PayloadCodec::new(PayloadType::PCMU, Codec::PCMU);
        let mut spec = PromptsSpec::new(playlist(&prompt, play, volume)?, unencoded);
        spec.encoded_for.clear();
        spec.rate = figures.map_or(USUAL_RATE, |figures| figures.rate);
        spec.shared = play.shared;
        prompts.make(&prompt, (vec![Form::Samples(spec.rate)], Vec::new()), until)?;
        let (player, outcome) = call.add_player(PlayerSpec::Prompts(spec))?;
        let mut outcomes = Outcomes::default();
        outcomes.push(outcome);
        let mut state = lock(&state);
        let is_same = state.call.id() == call.id() && !state.ended;
        let Some(known) = state.room_mut(room).filter(|known| is_same && known.id == Some(id)) else {
            drop(call.remove_player(player));
            return Err(NgError::UnknownRoom);
        };
        let before = known.playing.replace(player);
        outcomes.push(call.announce(id, player, Vec::new())?);
        if let Some(before) = before {
            outcomes.push(call.remove_player(before)?);
        }
        state.last_signal = now;
        let millis = u64::try_from(prompt.duration().as_millis()).unwrap_or(u64::MAX);
        Ok((Reply::ok().with("duration", millis), outcomes))
    }

    /// Ends what a room is played.
    pub(in crate::controller) fn stop_in_room(
        &self,
        now: Time,
        room: &Id,
    ) -> Result<(Reply, Outcomes), NgError> {
        let state = self.find_room(room).ok_or(NgError::UnknownRoom)?;
        let mut state = lock(&state);
        let playing = state.room_mut(room).and_then(|room| room.playing.take());
        let player = playing.ok_or(NgError::NotPlaying)?;
        state.last_signal = now;
        let mut outcomes = Outcomes::default();
        outcomes.push(state.call.remove_player(player)?);
        Ok((Reply::ok(), outcomes))
    }
}

/// Lets a room hear that a member came or left, where it is to.
pub(super) fn sound(call: &mut CallState, room: &Id, leg: LegId, tone: RoomTone) {
    let seat = call.by_leg(leg).and_then(|party| party.seat.as_ref());
    let is_heard = |role: &SeatRole| matches!(role, SeatRole::Member | SeatRole::Listener);
    let is_audible = seat.filter(|seat| seat.room == *room).map(|seat| is_heard(&seat.role));
    let engine = call.call.clone();
    let Some(room) = call.room_mut(room) else { return };
    let is_meant = match tone {
        RoomTone::Entry => {
            let is_audible = is_audible.unwrap_or(false);
            if is_audible {
                room.audible.push(leg);
            }
            is_audible
        }
        RoomTone::Exit => {
            let before = room.audible.len();
            room.audible.retain(|known| *known != leg);
            room.audible.len() < before
        }
    };
    let (Some(id), true) = (room.id, is_meant && room.sounds(tone)) else { return };
    let frequency = if tone == RoomTone::Entry { ENTRY_HZ } else { EXIT_HZ };
    let spec = ToneSpec {
        sines: vec![Sine { frequency, level: TONE_LEVEL }],
        cadence: vec![Burst { on: TONE, off: Duration::ZERO }],
        cycles: Some(1),
    };
    // Where the call ends meanwhile, nobody misses it; a failure is the engine's to report.
    let Ok((player, _)) = engine.add_player(PlayerSpec::Tone(spec)) else { return };
    match engine.announce(id, player, Vec::new()) {
        Ok(_) => room.tones.push(player),
        Err(_) => drop(engine.remove_player(player)),
    }
}

/// Takes away a player that a room heard to its end.
pub(in crate::controller) fn ended(call: &mut CallState, player: PlayerId) {
    let mut is_known = false;
    for room in &mut call.rooms {
        let tones = room.tones.len();
        room.tones.retain(|tone| *tone != player);
        is_known |= room.tones.len() < tones;
        is_known |= room.playing.take_if(|playing| *playing == player).is_some();
    }
    if is_known {
        // Where the call is gone, so are its players.
        drop(call.call.remove_player(player));
    }
}
