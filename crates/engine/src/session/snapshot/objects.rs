//! Mixes, players and taps of a call in a snapshot. Streams from outside, streamed players and taps on audio end in rings of
//! their process and are left out: what a stream fed is fed by silence.

use std::time::Duration;

use mediapoint_dtmf::DetectorSettings;
use mediapoint_prompt::{PlaybackState, Playlist, PlaylistState};

use crate::api::analysis::SpeechBargeIn;
use crate::api::id::{LegId, MixId, PlayerId, RoomId, TapId};
use crate::api::room::{RoomMember, RoomSpec};
use crate::api::source::{MixSpec, Source, ToneSpec};
use crate::api::tap::PacketTapSpec;
use crate::session::snapshot::age::{Malformed, ensure};
use crate::session::tap::event::PressRoom;

/// A mix.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct MixSnapshot {
    pub(crate) mix: MixId,
    pub(crate) inputs: Vec<Source>,
}

impl MixSnapshot {
    pub(crate) fn check(&self) -> Result<(), Malformed> {
        let inputs = &self.inputs;
        ensure(inputs.len() <= MixSpec::MAX_INPUTS, "the number of inputs of a mix")?;
        let fits = |(at, input): (usize, &Source)| {
            !matches!(input, Source::Silence | Source::Mix(_) | Source::Room(_) | Source::Stream(_))
                && !inputs.iter().take(at).any(|other| other == input)
        };
        ensure(inputs.iter().enumerate().all(fits), "the inputs of a mix")
    }
}

/// A room. Those who are in it join it anew: noise floors, adapted levels and figures are not in it.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct RoomSnapshot {
    pub(crate) room: RoomId,
    pub(crate) spec: RoomSpec,
    pub(crate) locked: bool,
    pub(crate) members: Vec<(LegId, RoomMember)>,
    /// Players, and whom they announce to.
    pub(crate) announcements: Vec<(PlayerId, Vec<LegId>)>,
}

impl RoomSnapshot {
    /// All legs that it names.
    pub(crate) fn legs(&self) -> impl Iterator<Item = LegId> + '_ {
        let members = self
            .members
            .iter()
            .flat_map(|(leg, member)| std::iter::once(*leg).chain(member.role.legs().iter().copied()));
        members.chain(self.announcements.iter().flat_map(|(_, legs)| legs.iter().copied()))
    }
}

/// A player.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct PlayerSnapshot {
    pub(crate) player: PlayerId,
    pub(crate) playing: PlayingSnapshot,
    /// Its end was reported.
    pub(crate) reported: bool,
}

/// What a player plays.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) enum PlayingSnapshot {
    Tone {
        spec: ToneSpec,
        tone: ToneSnapshot,
        played: Duration,
    },
    Prompts(Box<PromptsSnapshot>),
    /// What a thread brought to it, which is left behind.
    Streamed,
}

/// Prompts by name, and where they are.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct PromptsSnapshot {
    pub(crate) playlist: PlaylistState,
    pub(crate) rate: u32,
    pub(crate) state: PlaybackState,
    pub(crate) barge_in: Option<LegId>,
    /// Its detector begins anew.
    #[serde(default)]
    pub(crate) speech_barge_in: Option<SpeechBargeIn>,
    pub(crate) barged_in: bool,
    #[serde(default)]
    pub(crate) by_speech: bool,
    /// The prompts, where they were given again.
    #[serde(skip)]
    pub(crate) found: Option<Playlist>,
}

/// Items of a playlist in a snapshot at most.
const MAX_ITEMS: usize = 4096;

/// The longest time of a player in a snapshot: beyond it samples could not be counted.
const LONGEST: Duration = Duration::from_secs(1 << 32);

impl PromptsSnapshot {
    fn check(&self) -> Result<(), Malformed> {
        let Self { playlist, rate, state, .. } = self;
        let speech = self.speech_barge_in.is_none_or(|speech| speech.is_valid());
        ensure(speech, "the speech that ends prompts")?;
        ensure(playlist.items.len() <= MAX_ITEMS, "the number of prompts")?;
        ensure(matches!(rate, 8000 | 12_000 | 16_000 | 24_000 | 32_000 | 48_000), "the rate of prompts")?;
        let of_items = playlist.items.iter().flat_map(|item| [Some(item.start), item.end]);
        let of_list = [playlist.start, playlist.pause, playlist.fade_in, playlist.fade_out];
        let of_state = [state.position, state.played];
        let (left, fade) = state.stopping.unzip();
        let mut times = of_list.into_iter().chain(of_state).map(Some).chain(of_items);
        let others = [left, fade, state.epoch, playlist.repeat.duration];
        let fits = |time: Option<Duration>| time.is_none_or(|time| time <= LONGEST);
        ensure(times.all(fits) && others.into_iter().all(fits), "a time of prompts")?;
        let volumes = [playlist.volume_db, state.volume_db];
        ensure(volumes.iter().all(|volume| (-90.0..=24.0).contains(volume)), "the volume of prompts")
    }
}

/// Where a tone stands.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct ToneSnapshot {
    /// The burst of the cadence, and the units of 1/96000 s since it began.
    pub(crate) burst: u32,
    pub(crate) at: u64,
    pub(crate) cycles_left: Option<u32>,
    /// Phase of each sine in turns, in units of 2^-53.
    pub(crate) phases: Vec<u64>,
}

impl PlayerSnapshot {
    pub(crate) fn check(&self) -> Result<(), Malformed> {
        let (spec, tone) = match &self.playing {
            PlayingSnapshot::Tone { spec, tone, played } => {
                ensure(*played <= LONGEST, "the time that a tone was played")?;
                (spec, tone)
            }
            PlayingSnapshot::Prompts(prompts) => return prompts.check(),
            PlayingSnapshot::Streamed => return Ok(()),
        };
        ensure(spec.is_valid(), "a tone")?;
        let ToneSnapshot { burst, at, cycles_left, phases } = tone;
        let in_cadence = usize::try_from(*burst).is_ok_and(|burst| burst < spec.cadence.len().max(1));
        let in_cycles = cycles_left.is_some() == spec.cycles.is_some();
        let in_turn = phases.len() == spec.sines.len() && phases.iter().all(|phase| *phase < 1 << 53);
        ensure(in_cadence && in_cycles && in_turn && *at < 1 << 48, "the position of a tone")
    }
}

/// A tap.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) enum TapSnapshot {
    /// On key presses. The room for presses on their way is made anew.
    KeyPresses {
        tap: TapId,
        leg: LegId,
        missed: u32,
        #[serde(default)]
        tones: Option<DetectorSettings>,
        #[serde(skip)]
        room: PressRoom,
    },
    /// On packets.
    Packets { tap: TapId, spec: PacketTapSpec },
}

impl TapSnapshot {
    pub(crate) const fn id(&self) -> TapId {
        match self {
            Self::KeyPresses { tap, .. } | Self::Packets { tap, .. } => *tap,
        }
    }
}
