//! `play media`, `stop media`, and what becomes of media that is played.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mediapoint_engine::{
    Call, CallId, Item, LegId, PayloadCodec, PlayerEnd, PlayerId, PlayerSpec, Playlist, Position, Prompt,
    PromptsSpec, Repeat, SpeechBargeIn,
};
use mediapoint_packet::Time;
use mediapoint_prompt::Form;

use super::conference::announcement_ended;
use super::report::ANSWER_WITHIN;
use super::{Controller, Shared, gate, lock};
use crate::call::CallState;
use crate::call::apply::apply;
use crate::call::outcomes::Outcomes;
use crate::call::party::{Party, PartyId};
use crate::call::play::Play;
use crate::media::codecs;
use crate::media::remote::RemoteDescription;
use crate::request::PlayOptions;
use crate::{NgError, Prompts, Reply, Request};

/// Milliseconds of the packets that payloads are made for.
const PACKET_MS: u32 = 20;

/// Volumes in decibels.
pub(super) const VOLUMES: std::ops::RangeInclusive<i64> = -90..=24;

/// Who is to hear media, and in which codec.
#[derive(Debug, Clone)]
pub(super) struct Listener {
    pub(super) party: PartyId,
    pub(super) section: usize,
    codec: PayloadCodec,
    /// Its leg at work.
    leg: LegId,
}

impl Listener {
    /// The party by one of its sections; `None` where that takes no audio that the engine can encode.
    pub(super) fn of(party: &Party, section: usize) -> Option<Self> {
        let stream = party.streams.get(section)?;
        let leg = stream.applied.as_ref().filter(|_| stream.can_mix() && stream.takes())?.leg;
        let codecs = codecs::to_engine(&stream.codecs);
        let codec = codecs.into_iter().find(|entry| entry.codec.is_convertible())?;
        Some(Self { party: party.id, section, codec, leg })
    }

    /// Its leg at work.
    pub(super) const fn leg(&self) -> LegId {
        self.leg
    }

    /// Has a prompt made ready for it, and says how the engine is to play it. Waits: no lock may be held.
    pub(super) fn spec(
        &self,
        prompts: &Prompts,
        playlist: Playlist,
        (alone, shared): (bool, bool),
        until: Instant,
    ) -> Result<PromptsSpec, NgError> {
        let mut spec = PromptsSpec::new(playlist, self.codec.clone());
        spec.shared = shared;
        let (rate, PayloadCodec { codec, parameters, .. }) = (spec.rate, self.codec.clone());
        // What is mixed is encoded each time.
        let payloads = match alone {
            true => vec![Form::Frames { codec, party: parameters, packet_ms: PACKET_MS }],
            false => Vec::new(),
        };
        let mut made = true;
        for Item { prompt, .. } in &spec.playlist.items {
            made &= prompts.make(prompt, (vec![Form::Samples(rate)], payloads.clone()), until)?;
        }
        if !alone || !made {
            spec.encoded_for.clear();
        }
        Ok(spec)
    }
}

impl Controller {
    pub(super) fn play_media(&self, now: Time, request: &Request) -> Result<(Reply, Outcomes), NgError> {
        if let Some(recording) = &request.playback.recording {
            return self.play_recording(now, request, recording);
        }
        if let Some(room) = &request.conference.room {
            return self.play_to_room(now, request, room);
        }
        let state = self.find_call(request)?;
        self.play_to(now, request, (&state, false), |call| listeners(call, request))
    }

    /// Plays what a request names to those whom `choose` selects; `of_hold`, until they are on hold no more.
    pub(super) fn play_to(
        &self,
        now: Time,
        request: &Request,
        (state, of_hold): (&Shared, bool),
        choose: impl FnOnce(&CallState) -> Result<Vec<Listener>, NgError>,
    ) -> Result<(Reply, Outcomes), NgError> {
        let play = &request.play;
        let alone = play.block_egress || of_hold;
        let prompts = self.config.prompts.as_deref().ok_or(NgError::NoPrompts)?;
        let source = play.source.as_ref().ok_or(NgError::MissingKey { key: "file" })?;
        let volume = play.volume.unwrap_or(0);
        if !VOLUMES.contains(&volume) {
            return Err(NgError::BadValue { key: "volume" });
        }
        // Whom it is for is looked up before anything is loaded, and media is loaded without the call's lock.
        let (call, listeners) = {
            let call = lock(state);
            (call.call.clone(), choose(&call)?)
        };
        let until = prompts.wait_until();
        let prompt = prompts.load(source, play.language.as_deref(), until)?;
        let mut playlist = playlist(&prompt, play, volume)?;
        if of_hold && play.repeat_times.is_none() && play.repeat_duration.is_none() {
            playlist.repeat = Repeat::FOREVER;
        }
        let mut added = Added::new(&call);
        let mut outcomes = Outcomes::default();
        for listener in listeners {
            let mut spec = listener.spec(prompts, playlist.clone(), (alone, play.shared), until)?;
            spec.announces = request.recording.announcement;
            spec.barge_in = Some(listener.leg).filter(|_| play.key_barge_in);
            spec.speech_barge_in = Some(SpeechBargeIn::new(listener.leg)).filter(|_| play.speech_barge_in);
            let (player, outcome) = call.add_player(PlayerSpec::Prompts(spec))?;
            outcomes.push(outcome);
            let play = Play {
                player,
                section: listener.section,
                alone,
                of_hold,
                rate: prompt.rate(),
                duration: prompt.duration(),
                paused: false,
                recording: None,
                ended: None,
            };
            added.push(listener.party, play);
        }
        self.begin_plays(now, request, state, added, outcomes, prompt.duration())
    }

    /// Has parties hear players that were added for them, in place of what they were played before.
    pub(super) fn begin_plays(
        &self,
        now: Time,
        request: &Request,
        state: &Shared,
        mut added: Added<'_>,
        mut outcomes: Outcomes,
        duration: Duration,
    ) -> Result<(Reply, Outcomes), NgError> {
        let mut state = lock(state);
        if state.ended || state.call.id() != added.call.id() {
            return Err(NgError::UnknownCall);
        }
        let begun: Vec<PlayerId> = added.plays.iter().map(|(_, play)| play.player).collect();
        for (id, play) in std::mem::take(&mut added.plays) {
            let nowhere = Position { item: 0, offset: Duration::ZERO, played: Duration::ZERO };
            state.end_play(id, PlayerEnd::Stopped, nowhere);
            match state.party_mut(id) {
                Some(party) => party.play = Some(play),
                None => state.gone_players.push(play.player),
            }
        }
        state.last_signal = now;
        match apply(&mut state, &[]) {
            Ok(more) => outcomes.append(more),
            Err(error) => {
                // Such as for want of points: the parties hear what they heard before, and the call goes on.
                state.give_up_plays(&begun);
                drop(apply(&mut state, &[]));
                return Err(error);
            }
        }
        let warnings = self.work(&state, &request.options).warnings;
        drop(state);
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let reply = Reply::ok().with("duration", millis);
        let reply = if warnings.is_empty() { reply } else { reply.with("warning", warnings.join(", ")) };
        Ok((reply, outcomes))
    }

    pub(super) fn stop_media(&self, now: Time, request: &Request) -> Result<Reply, NgError> {
        if let Some(room) = &request.conference.room {
            return self.settle(now, request, self.stop_in_room(now, room)?);
        }
        let state = self.find_call(request)?;
        let mut call = lock(&state);
        let ids = selected(&call, request)?;
        let plays = |id: &PartyId| Some((*id, call.party(*id)?.play.clone()?));
        let plays: Vec<(PartyId, Play)> = ids.iter().filter_map(plays).collect();
        if plays.is_empty() {
            return Err(NgError::NotPlaying);
        }
        // Nobody hears the players from here on, so that they stay where they are until they are asked and removed.
        for (id, play) in plays.iter().filter(|(_, play)| play.ended.is_none()) {
            if let Some(party) = call.party_mut(*id) {
                let position = Position { item: 0, offset: Duration::ZERO, played: Duration::ZERO };
                party.play = Some(Play { ended: Some((PlayerEnd::Stopped, position)), ..play.clone() });
            }
        }
        call.last_signal = now;
        let outcomes = apply(&mut call, &[])?;
        let asked = call.call.statistics();
        for (_, play) in plays.iter().filter(|(_, play)| play.ended.is_none()) {
            // Where it ended by itself meanwhile, nothing is left to do.
            drop(call.call.remove_player(play.player));
        }
        drop(call);
        let figures = asked.ok().and_then(|asked| asked.wait_timeout(ANSWER_WITHIN)?.ok());
        let place = |play: &Play| match (play.ended, &figures) {
            (Some((_, position)), _) => Some(position),
            (None, Some(figures)) => figures
                .players
                .iter()
                .find(|(player, _)| *player == play.player)
                .map(|(_, position)| *position),
            (None, None) => None,
        };
        let mut last = 0;
        let mut call = lock(&state);
        for (id, play) in &plays {
            let Some(position) = place(play) else { continue };
            last = play.frames(position);
            let now = call.party_mut(*id).and_then(|party| party.play.as_mut());
            if let Some(Play { player, ended: Some((_, at)), .. }) = now
                && *player == play.player
            {
                *at = position;
            }
        }
        drop(call);
        self.settle(now, request, (Reply::ok().with("last-frame-pos", last), outcomes))
    }

    /// Takes note of a player that came to its end: its party is given back what it heard before.
    pub(super) fn player_ended(&self, call: CallId, player: PlayerId, end: PlayerEnd, position: Position) {
        let Some(state) = self.find_by_engine(call) else { return };
        let mut state = lock(&state);
        if state.call.id() != call {
            return;
        }
        let id = state.played_by(player);
        let tag = id.and_then(|id| state.party(id)?.tag()).map(ToString::to_string).unwrap_or_default();
        let play = id.and_then(|id| state.party(id)?.play.as_ref());
        let recording = play.and_then(|play| play.recording.as_ref());
        let reason = recording.and_then(|recording| recording.playback.failure());
        let recording = recording.map(|recording| recording.id.to_string());
        let (player_number, position_ms) = (player.as_u64(), position.offset.as_millis());
        let position_ms = u64::try_from(position_ms).unwrap_or(u64::MAX);
        tracing::info!(
            call = call.as_u64(),
            call_id = %state.id,
            tag,
            player = player_number,
            %end,
            position_ms,
            recording,
            reason,
            "media was played"
        );
        let Some(id) = id else {
            announcement_ended(&mut state, player);
            return;
        };
        state.end_play(id, end, position);
        // A failure is the engine's to report: nobody waits for the outcome.
        if let Err(error) = apply(&mut state, &[]) {
            tracing::debug!(call = call.as_u64(), %error, "what a party heard before is not given back to it");
        }
    }
}

/// Players that nobody hears yet; removed where they come to nothing.
pub(super) struct Added<'a> {
    call: &'a Call,
    plays: Vec<(PartyId, Play)>,
}

impl<'a> Added<'a> {
    pub(super) const fn new(call: &'a Call) -> Self {
        Self { call, plays: Vec::new() }
    }

    pub(super) fn push(&mut self, party: PartyId, play: Play) {
        self.plays.push((party, play));
    }
}

impl Drop for Added<'_> {
    fn drop(&mut self) {
        for (_, play) in &self.plays {
            // Where the call is gone, so are its players.
            drop(self.call.remove_player(play.player));
        }
    }
}

/// The parties that a request selects, by the first of: all, a label, an address, the from-tag.
pub(super) fn selected(call: &CallState, request: &Request) -> Result<Vec<PartyId>, NgError> {
    let own = gate::own(call, request);
    if request.selection.all {
        return Ok(call.of_group(own.1).map(|party| party.id).collect());
    }
    if let Some(label) = &request.label {
        return gate::labelled(own, label, "label");
    }
    if let Some(address) = request.selection.address {
        let is_at = |remote: &RemoteDescription| remote.host == Some(address);
        let has = |party: &Party| party.streams.iter().any(|s| s.remote.as_ref().is_some_and(is_at));
        return gate::chosen(own, has, "address");
    }
    match &request.from_tag {
        Some(tag) => gate::tagged(own, tag, "from-tag"),
        None => Err(NgError::MissingKey { key: "from-tag" }),
    }
}

/// Who of them can be played audio: each by its first section that takes it.
pub(super) fn listeners(call: &CallState, request: &Request) -> Result<Vec<Listener>, NgError> {
    let ids = selected(call, request)?;
    let parties = ids.iter().filter_map(|id| call.party(*id));
    let first = |party: &Party| (0..party.streams.len()).find_map(|section| Listener::of(party, section));
    let listeners: Vec<Listener> = parties.filter_map(first).collect();
    if listeners.is_empty() { Err(NgError::NoListener) } else { Ok(listeners) }
}

/// What is played of a prompt: as often, and from where, as the request says.
pub(super) fn playlist(prompt: &Arc<Prompt>, play: &PlayOptions, volume: i64) -> Result<Playlist, NgError> {
    let start = u128::from(play.start) * 1_000_000_000 / u128::from(prompt.rate().max(1));
    let start = u64::try_from(start).map(Duration::from_nanos).unwrap_or(Duration::MAX);
    if start > Duration::ZERO && start >= prompt.duration() {
        return Err(NgError::BadValue { key: "start-pos" });
    }
    let times = match (play.repeat_times, play.repeat_duration) {
        (None | Some(0), None) => Some(1),
        (times, _) => times.filter(|times| *times > 0),
    };
    let mut playlist = Playlist::of([Arc::clone(prompt)]);
    playlist.repeat = Repeat { times, duration: play.repeat_duration };
    playlist.start = start;
    // Within -90 to 24.
    playlist.volume_db = i16::try_from(volume).map(f32::from).unwrap_or(0.0);
    Ok(playlist)
}
