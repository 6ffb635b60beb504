//! A player: audio that the engine makes itself for a leg, a mix or a tap: a tone, prompts, or what a thread streams to it.
//!
//! What prompts need is made before a player comes to its worker: samples at its rate and payloads for the codecs of its
//! legs. A tick copies. A payload goes with the samples that it was made of, so that the egress may send it in place of
//! encoding them, see `Egress::may_send`.

use std::sync::Arc;
use std::time::Duration;

use mediapoint_codec::{Codec, Encoding, Parameters};
use mediapoint_packet::Time;
use mediapoint_prompt::{CodecKey, Ended, FramePlace, Playback, Playlist, Position, SharedClock};

use crate::api::error::CommandError;
use crate::api::id::{LegId, PlayerId};
use crate::api::source::{PlayerChange, PlayerEnd, PlayerSpec, PromptsSpec, StreamedSpec, ToneSpec};
use crate::ring::{Consumer, WakeHandle};
use crate::session::frame::{Frame, FrameKind};
use crate::session::snapshot::objects::{PlayerSnapshot, PlayingSnapshot, PromptsSnapshot};
use crate::session::source::barge_in::SpeechListener;
use crate::session::source::streamed::{PlayerBlock, Shared, Streamed};
use crate::session::source::tone::ToneGenerator;

/// Milliseconds of the packets that payloads are made for.
pub(crate) const PAYLOAD_MILLIS: u32 = 20;

/// Octets of the longest payload that is kept.
pub(crate) const MAX_READY: usize = 1380;

/// How long the volume falls where the party ends the player.
const BARGE_IN_FADE: Duration = Duration::from_millis(20);

/// A payload that was made of a frame before it was played.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadyPayload<'a> {
    /// Its octets; empty where there is none.
    pub octets: &'a [u8],
    /// One encoder made it right behind the payload of the frame before.
    pub follows: bool,
}

/// A codec that payloads are there for.
struct Ready {
    codec: Codec,
    parameters: Parameters,
    key: CodecKey,
}

/// Prompts that are played.
struct Prompts {
    playlist: Playlist,
    playback: Playback,
    ready: Vec<Ready>,
    barge_in: Option<LegId>,
    speech: Option<Box<SpeechListener>>,
    /// How the party ended it.
    barged_in: Option<PlayerEnd>,
    /// It tells that the call is recorded. Not saved: recordings do not go on elsewhere.
    announces: bool,
}

enum Playing {
    Tone { spec: ToneSpec, generator: ToneGenerator, played: Duration },
    Prompts(Box<Prompts>),
    Streamed(Box<Streamed>),
}

/// A player of a call.
pub struct Player {
    /// Its name.
    pub id: PlayerId,
    playing: Playing,
    frame: Frame,
    wanted: bool,
    reported: bool,
    /// The codec that all listeners have, where payloads are there for it.
    key: Option<CodecKey>,
    /// The payload of the present frame; empty where there is none.
    payload: Vec<u8>,
    /// Which it is, and whether its encoder made it right behind the one before.
    place: Option<FramePlace>,
    follows: bool,
}

impl Player {
    /// A player at the beginning of what it plays. It runs while somebody wants its audio. Converts and encodes prompts
    /// where that was not done before: not for a worker.
    ///
    /// # Errors
    /// [`CommandError::OutOfRange`] for a tone or a sample rate, [`CommandError::Prompt`] for prompts that cannot be
    /// converted or encoded.
    pub fn new(id: PlayerId, spec: PlayerSpec) -> Result<Self, CommandError> {
        let (playing, rate) = match spec {
            PlayerSpec::Tone(spec) => {
                if !spec.is_valid() {
                    return Err(CommandError::OutOfRange { what: "the tone" });
                }
                let generator = ToneGenerator::new(&spec);
                (Playing::Tone { spec, generator, played: Duration::ZERO }, 8000)
            }
            PlayerSpec::Prompts(spec) => {
                let rate = spec.rate;
                (Playing::Prompts(Box::new(Prompts::new(spec)?)), rate)
            }
        };
        Ok(Self::of(id, playing, rate))
    }

    /// A player of what is written into a ring, whose blocks are of the specified rate.
    pub fn streamed(
        id: PlayerId,
        spec: &StreamedSpec,
        consumer: Consumer<PlayerBlock>,
        shared: Arc<Shared>,
    ) -> Self {
        let streamed = Streamed::new(spec, consumer, shared);
        Self::of(id, Playing::Streamed(Box::new(streamed)), spec.rate)
    }

    fn of(id: PlayerId, playing: Playing, rate: u32) -> Self {
        let payload = match &playing {
            Playing::Tone { .. } | Playing::Streamed(_) => Vec::new(),
            Playing::Prompts(_) => Vec::with_capacity(MAX_READY),
        };
        let frame = Frame::new(rate);
        let (wanted, reported, follows) = (false, false, false);
        Self { id, playing, frame, wanted, reported, key: None, payload, place: None, follows }
    }

    /// The rate of its audio in hertz; `None` where it is made at any.
    pub const fn rate(&self) -> Option<u32> {
        match &self.playing {
            Playing::Tone { .. } => None,
            Playing::Prompts(_) | Playing::Streamed(_) => Some(self.frame.rate()),
        }
    }

    /// True where somebody wants its audio.
    pub const fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Sets the rate at which its audio is wanted in hertz; `None` where nobody wants it.
    pub fn set_demand(&mut self, rate: Option<u32>) {
        self.wanted = rate.is_some();
        if let (Some(rate), Playing::Tone { .. }) = (rate, &self.playing) {
            self.frame.set_rate(rate);
        }
    }

    /// Chooses the payloads that go with its frames: those of a codec that every leg it feeds has; `None` for none.
    pub(crate) fn set_payloads(&mut self, codec: Option<(&Codec, &Parameters)>) {
        let Playing::Prompts(prompts) = &self.playing else { return };
        let found = codec.and_then(|(codec, parameters)| {
            prompts.ready.iter().find(|ready| ready.codec == *codec && ready.parameters == *parameters)
        });
        self.key = found.map(|ready| ready.key);
    }

    /// True where a tick moves it on.
    pub const fn is_live(&self) -> bool {
        self.wanted && !self.reported
    }

    /// Fills the frame of a tick; its end, once, where the player has come to it.
    pub fn pull(&mut self, now: Time, millis: u32) -> Option<(PlayerEnd, Position)> {
        if !self.wanted {
            return None;
        }
        self.payload.clear();
        let before = self.place.take();
        let rate = self.frame.rate();
        match &mut self.playing {
            Playing::Tone { generator, played, .. } => {
                self.frame.fill(millis, |pcm| generator.generate(rate, pcm));
                if !self.reported {
                    *played += Duration::from_millis(u64::from(millis));
                }
            }
            Playing::Prompts(prompts) => {
                let playback = &mut prompts.playback;
                playback.follow(now.since(Time::ZERO));
                if let Some((place, payload)) = self
                    .key
                    .filter(|_| millis == PAYLOAD_MILLIS)
                    .and_then(|key| playback.peek_payload(key))
                    .filter(|(_, payload)| payload.len() <= MAX_READY)
                {
                    self.payload.extend_from_slice(payload);
                    self.follows = before.is_some_and(|before| place.follows(before));
                    self.place = Some(place);
                }
                self.frame.fill(millis, |pcm| match playback.read(pcm).samples {
                    0 => FrameKind::Nothing,
                    _ => FrameKind::Audio,
                });
            }
            Playing::Streamed(streamed) => self.frame.fill(millis, |pcm| streamed.fill(rate, pcm)),
        }
        self.take_end()
    }

    /// Its end, once, where it has come to it.
    pub fn take_end(&mut self) -> Option<(PlayerEnd, Position)> {
        let end = match &self.playing {
            Playing::Tone { generator, .. } => generator.is_finished().then_some(PlayerEnd::Finished)?,
            Playing::Prompts(prompts) => {
                let ended = match prompts.playback.ended()? {
                    Ended::Finished => PlayerEnd::Finished,
                    _ => PlayerEnd::Stopped,
                };
                prompts.barged_in.unwrap_or(ended)
            }
            Playing::Streamed(streamed) => streamed.ended()?,
        };
        (!std::mem::replace(&mut self.reported, true)).then(|| (end, self.position()))
    }

    /// Its end, where it goes before it came to one.
    pub fn end_early(&mut self) -> Option<(PlayerEnd, Position)> {
        (!std::mem::replace(&mut self.reported, true)).then(|| (PlayerEnd::Stopped, self.position()))
    }

    /// Where it is.
    pub fn position(&self) -> Position {
        match &self.playing {
            Playing::Tone { played, .. } => Position { item: 0, offset: *played, played: *played },
            Playing::Prompts(prompts) => prompts.playback.position(),
            Playing::Streamed(streamed) => streamed.position(),
        }
    }

    /// True for a player that plays something with a place in it: not a tone.
    pub const fn has_position(&self) -> bool {
        !matches!(self.playing, Playing::Tone { .. })
    }

    /// True where prompts that tell that the call is recorded are played in the present tick.
    pub fn announces(&self) -> bool {
        self.wanted
            && self.frame.kind() == FrameKind::Audio
            && matches!(&self.playing, Playing::Prompts(prompts) if prompts.announces)
    }

    /// Changes a player of prompts, or a streamed one.
    ///
    /// # Errors
    /// [`CommandError::OutOfRange`] for a tone.
    pub fn change(&mut self, change: PlayerChange) -> Result<(), CommandError> {
        let prompts = match &mut self.playing {
            Playing::Prompts(prompts) => prompts,
            Playing::Streamed(streamed) => {
                streamed.change(change, self.wanted);
                return Ok(());
            }
            Playing::Tone { .. } => {
                return Err(CommandError::OutOfRange { what: "the change of a tone" });
            }
        };
        let playback = &mut prompts.playback;
        match change {
            PlayerChange::Pause => playback.pause(),
            PlayerChange::Resume => playback.resume(),
            PlayerChange::Volume(decibels) => playback.set_volume(decibels),
            // Where nobody listens, nothing falls.
            PlayerChange::Stop(fade) => playback.stop(if self.wanted { fade } else { Duration::ZERO }),
        }
        Ok(())
    }

    /// Takes note of a key pressed by the party of a leg, which may end it.
    pub fn note_key(&mut self, leg: LegId) {
        match &mut self.playing {
            Playing::Prompts(prompts) if prompts.barge_in == Some(leg) => {
                prompts.interrupt(PlayerEnd::BargedIn, self.wanted);
            }
            Playing::Streamed(streamed) if streamed.ended_by_key_of() == Some(leg) => {
                streamed.end(PlayerEnd::BargedIn, BARGE_IN_FADE, self.wanted);
            }
            _ => {}
        }
    }

    /// True where the party of a leg can end it by speaking, or could.
    pub fn ends_by_speech(&self) -> bool {
        match &self.playing {
            Playing::Tone { .. } => false,
            Playing::Prompts(prompts) => prompts.speech.is_some(),
            Playing::Streamed(streamed) => streamed.speech.is_some(),
        }
    }

    /// The leg whose party ends it by speaking, until it has ended.
    pub fn listens_to(&self) -> Option<LegId> {
        let (speech, goes_on) = match &self.playing {
            Playing::Tone { .. } => return None,
            Playing::Prompts(prompts) => (&prompts.speech, prompts.barged_in.is_none()),
            Playing::Streamed(streamed) => (&streamed.speech, streamed.goes_on()),
        };
        let listens = goes_on && !self.reported;
        speech.as_ref().filter(|_| listens).map(|speech| speech.spec.leg)
    }

    /// Takes in what the party of that leg says, at 8000 Hz, which may end it.
    pub fn note_speech(&mut self, pcm: &[i16]) {
        // A tick that is being played has its echo later.
        let level = self.frame.level();
        let speech = match &mut self.playing {
            Playing::Tone { .. } => None,
            Playing::Prompts(prompts) => prompts.speech.as_mut(),
            Playing::Streamed(streamed) => streamed.speech.as_mut(),
        };
        let Some(speech) = speech else { return };
        speech.note_played(level);
        if !speech.interrupts(pcm) {
            return;
        }
        match &mut self.playing {
            Playing::Tone { .. } => {}
            Playing::Prompts(prompts) => prompts.interrupt(PlayerEnd::BargedInBySpeech, self.wanted),
            Playing::Streamed(streamed) => {
                streamed.end(PlayerEnd::BargedInBySpeech, BARGE_IN_FADE, self.wanted);
            }
        }
    }

    /// Whom to wake because there is room for what it is brought.
    pub fn take_wake(&mut self) -> Option<WakeHandle> {
        match &mut self.playing {
            Playing::Streamed(streamed) => streamed.take_wake(),
            _ => None,
        }
    }

    /// The audio of the present tick.
    pub const fn frame(&mut self) -> &mut Frame {
        &mut self.frame
    }

    /// The audio of the present tick, and the payload that was made of it.
    pub fn frame_and_payload(&mut self) -> (&mut Frame, ReadyPayload<'_>) {
        (&mut self.frame, ReadyPayload { octets: &self.payload, follows: self.follows })
    }
}

impl Prompts {
    /// The party ends it, unless it has ended.
    fn interrupt(&mut self, end: PlayerEnd, heard: bool) {
        if self.playback.ended().is_none() && self.barged_in.is_none() {
            self.barged_in = Some(end);
            self.playback.stop(if heard { BARGE_IN_FADE } else { Duration::ZERO });
        }
    }

    fn new(spec: PromptsSpec) -> Result<Self, CommandError> {
        if !matches!(spec.rate, 8000 | 12_000 | 16_000 | 24_000 | 32_000 | 48_000) {
            return Err(CommandError::OutOfRange { what: "the sample rate of the prompts" });
        }
        if spec.speech_barge_in.is_some_and(|speech| !speech.is_valid()) {
            return Err(CommandError::OutOfRange { what: "the speech that ends the prompts" });
        }
        let refused = |error: mediapoint_prompt::PromptError| CommandError::Prompt(error.to_string());
        let clock = SharedClock { epoch: Duration::ZERO };
        let playback = match spec.shared {
            true => Playback::shared(&spec.playlist, spec.rate, clock),
            false => Playback::new(&spec.playlist, spec.rate),
        };
        let mut playback = playback.map_err(refused)?;
        let mut ready: Vec<Ready> = Vec::new();
        for entry in &spec.encoded_for {
            let (codec, parameters) = (entry.codec.clone(), entry.parameters.clone());
            let known = ready.iter().any(|ready| ready.codec == codec && ready.parameters == parameters);
            // A party of AMR asks for another mode at any time.
            let follows_requests = matches!(codec.encoding, Encoding::Amr(_) | Encoding::AmrWb(_));
            if known || follows_requests || !codec.is_convertible() {
                continue;
            }
            let key = playback.prepare(&codec, &parameters, PAYLOAD_MILLIS).map_err(refused)?;
            ready.push(Ready { codec, parameters, key });
        }
        let speech = spec.speech_barge_in.map(|spec| Box::new(SpeechListener::new(spec)));
        let PromptsSpec { playlist, barge_in, announces, .. } = spec;
        Ok(Self { playlist, playback, ready, barge_in, speech, barged_in: None, announces })
    }
}

impl Player {
    pub(crate) fn save(&self) -> PlayerSnapshot {
        let playing = match &self.playing {
            Playing::Tone { spec, generator, played } => {
                PlayingSnapshot::Tone { spec: spec.clone(), tone: generator.save(), played: *played }
            }
            Playing::Prompts(prompts) => PlayingSnapshot::Prompts(Box::new(PromptsSnapshot {
                playlist: prompts.playlist.state(),
                rate: self.frame.rate(),
                state: prompts.playback.save(),
                barge_in: prompts.barge_in,
                speech_barge_in: prompts.speech.as_ref().map(|speech| speech.spec),
                barged_in: prompts.barged_in.is_some(),
                by_speech: prompts.barged_in == Some(PlayerEnd::BargedInBySpeech),
                found: None,
            })),
            Playing::Streamed(_) => PlayingSnapshot::Streamed,
        };
        PlayerSnapshot { player: self.id, playing, reported: self.reported }
    }

    /// A player that goes on where it was when it was saved; `None` for one whose prompts were not given again, and for a
    /// streamed one: its writer is in the old process. Payloads are encoded anew.
    pub(crate) fn restored(saved: &PlayerSnapshot) -> Option<Self> {
        let (playing, rate) = match &saved.playing {
            PlayingSnapshot::Tone { spec, tone, played } => {
                let generator = ToneGenerator::restored(spec, tone);
                (Playing::Tone { spec: spec.clone(), generator, played: *played }, 8000)
            }
            PlayingSnapshot::Prompts(saved) => {
                let playlist = saved.found.clone()?;
                let playback = Playback::restored(&playlist, &saved.state, saved.rate).ok()?;
                let end = if saved.by_speech { PlayerEnd::BargedInBySpeech } else { PlayerEnd::BargedIn };
                let prompts = Prompts {
                    playlist,
                    playback,
                    ready: Vec::new(),
                    barge_in: saved.barge_in,
                    speech: saved.speech_barge_in.map(|spec| Box::new(SpeechListener::new(spec))),
                    barged_in: saved.barged_in.then_some(end),
                    announces: false,
                };
                (Playing::Prompts(Box::new(prompts)), saved.rate)
            }
            PlayingSnapshot::Streamed => return None,
        };
        Some(Self { reported: saved.reported, ..Self::of(saved.player, playing, rate) })
    }
}
