//! What feeds a leg: silence, another leg, a mix, a player, or a stream from outside.

use std::time::Duration;

use mediapoint_prompt::Playlist;

use crate::api::analysis::SpeechBargeIn;
use crate::api::codec::PayloadCodec;
use crate::api::id::{LegId, MixId, PlayerId, RoomId, StreamId};
use crate::session::leg::ingress::natural_rate;

/// What a leg sends to its party. Every leg has exactly one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum Source {
    /// Nothing is sent.
    #[default]
    Silence,
    /// Another leg of the same call: forwarded where the codecs allow it, otherwise transcoded.
    Leg(LegId),
    /// A mix of the same call, without the leg's own audio.
    Mix(MixId),
    /// A conference room of the same call, of which the leg is a member.
    Room(RoomId),
    /// A player of the same call.
    Player(PlayerId),
    /// A stream from outside into the same call.
    Stream(StreamId),
}

/// One sine of a tone.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Sine {
    /// Frequency in hertz, 1 to 3999.
    pub frequency: f32,
    /// Level in dBm0, -63 to 3.17: the level of a full-scale sine of G.711 [ITU-T G.711 table 5].
    pub level: f32,
}

/// A part of a tone's cadence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Burst {
    /// For how long the tone sounds.
    pub on: Duration,
    /// For how long it is silent then.
    pub off: Duration,
}

/// A tone of up to [`ToneSpec::MAX_SINES`] sines with a cadence [ITU-T E.180].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ToneSpec {
    /// The sines that sound together.
    pub sines: Vec<Sine>,
    /// Bursts, in turn; empty for a tone without end.
    pub cadence: Vec<Burst>,
    /// How often the cadence is played; `None` for ever. The player reports its end, and is silent then.
    pub cycles: Option<u32>,
}

impl ToneSpec {
    /// Most sines of a tone.
    pub const MAX_SINES: usize = 4;
    /// Most bursts of a cadence.
    pub const MAX_BURSTS: usize = 16;

    /// One sine without end.
    #[must_use]
    pub fn continuous(frequency: f32, level: f32) -> Self {
        Self { sines: vec![Sine { frequency, level }], cadence: Vec::new(), cycles: None }
    }

    /// True where frequencies, levels and cadence are within their ranges.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let longest = Duration::from_secs(3600);
        let sine =
            |sine: &Sine| (1.0..4000.0).contains(&sine.frequency) && (-63.0..=3.17).contains(&sine.level);
        let burst = |burst: &Burst| burst.on <= longest && burst.off <= longest;
        (1..=Self::MAX_SINES).contains(&self.sines.len())
            && self.sines.iter().all(sine)
            && self.cadence.len() <= Self::MAX_BURSTS
            && self.cadence.iter().all(burst)
            && (self.cadence.is_empty() || self.cadence_length() >= Duration::from_millis(10))
            && (self.cycles.is_none() || !self.cadence.is_empty())
    }

    fn cadence_length(&self) -> Duration {
        let times = self.cadence.iter().flat_map(|burst| [burst.on, burst.off]);
        times.fold(Duration::ZERO, Duration::saturating_add)
    }
}

/// What a player plays.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum PlayerSpec {
    /// A tone that the engine generates.
    Tone(ToneSpec),
    /// Prompts.
    Prompts(PromptsSpec),
}

/// Prompts that a player plays.
#[derive(Debug, Clone)]
pub struct PromptsSpec {
    /// What is played, how often, how loud.
    pub playlist: Playlist,
    /// Sample rate in hertz: 8000, 12000, 16000, 24000, 32000 or 48000. Legs with another one get it converted each tick.
    pub rate: u32,
    /// One position for all who listen, as for hold music: it follows from the time since the engine's start alone.
    pub shared: bool,
    /// Codecs of the legs that are to be fed, parameters included. Their payloads are made once for each prompt, before it
    /// plays, and sent as they are wherever nothing has to be changed in them. Payload types do not matter.
    pub encoded_for: Vec<PayloadCodec>,
    /// The leg whose party ends it by pressing a key.
    pub barge_in: Option<LegId>,
    /// The leg whose party ends it by speaking, and what counts as that. Its audio is decoded while the player plays.
    pub speech_barge_in: Option<SpeechBargeIn>,
    /// It tells that the call is recorded: while it plays, recordings of the call say so.
    pub announces: bool,
}

impl PromptsSpec {
    /// Prompts for a leg of that codec: at its sample rate, encoded before.
    #[must_use]
    pub fn new(playlist: Playlist, codec: PayloadCodec) -> Self {
        let rate = natural_rate(&codec.codec);
        Self {
            playlist,
            rate,
            shared: false,
            encoded_for: vec![codec],
            barge_in: None,
            speech_barge_in: None,
            announces: false,
        }
    }
}

/// A player whose audio a thread of the embedding program writes: what is not a prompt, such as a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StreamedSpec {
    /// Sample rate in hertz: 8000, 12000, 16000, 24000, 32000 or 48000.
    pub rate: u32,
    /// How much audio may wait, 40 ms to 10 s.
    pub capacity: Duration,
    /// The place that it begins with, until something is played.
    pub start: Duration,
    /// The leg whose party ends it by pressing a key.
    pub barge_in: Option<LegId>,
    /// The leg whose party ends it by speaking, and what counts as that.
    pub speech_barge_in: Option<SpeechBargeIn>,
}

impl StreamedSpec {
    /// From its beginning at a rate in hertz, with 400 ms waiting.
    #[must_use]
    pub const fn new(rate: u32) -> Self {
        Self {
            rate,
            capacity: Duration::from_millis(400),
            start: Duration::ZERO,
            barge_in: None,
            speech_barge_in: None,
        }
    }
}

/// How a player of prompts, or a streamed one, is changed.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum PlayerChange {
    /// It stays where it is, and is silent.
    Pause,
    /// It goes on.
    Resume,
    /// Its volume in decibels, -90 to 24.
    Volume(f32),
    /// It ends, within so much time.
    Stop(Duration),
}

/// Why a player came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum PlayerEnd {
    /// All was played.
    Finished,
    /// It was stopped or removed.
    Stopped,
    /// The party pressed a key.
    BargedIn,
    /// The party spoke.
    BargedInBySpeech,
    /// What it plays could not be brought to its end: a streamed player whose writer went before it had finished.
    Failed,
}

impl std::fmt::Display for PlayerEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Finished => "finished",
            Self::Stopped => "stopped",
            Self::BargedIn => "ended by a key",
            Self::BargedInBySpeech => "ended by speech",
            Self::Failed => "failed",
        })
    }
}

/// A stream of audio that the embedding program pushes into a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamSpec {
    /// Sample rate in hertz: 8000, 12000, 16000, 24000, 32000 or 48000.
    pub rate: u32,
    /// How much audio may wait, 40 ms to 10 s.
    pub capacity: Duration,
}

impl Default for StreamSpec {
    /// 8000 Hz, one second.
    fn default() -> Self {
        Self { rate: 8000, capacity: Duration::from_secs(1) }
    }
}

/// What a mix adds up.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct MixSpec {
    /// Legs, players and streams of the call. A leg that is fed by the mix does not get its own audio back.
    pub inputs: Vec<Source>,
}

impl MixSpec {
    /// Most inputs of a mix.
    pub const MAX_INPUTS: usize = 20;
}
