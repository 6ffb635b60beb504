//! Ticks of legs that players feed: prompts encoded once, prompts encoded in each tick, tones, music on hold.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::session::port::{LegPorts, PortKey};
use mediapoint_engine::session::source::player::Player;
use mediapoint_engine::session::{Session, SessionConfig};
use mediapoint_engine::{
    CallId, Codec, LegConfig, LegId, LocalScope, PayloadCodec, PayloadType, PlayerId, PlayerSpec, Playlist,
    Prompt, PromptsSpec, RemoteAddress, Repeat, RtcpMode, Sine, Source, ToneSpec,
};
use mediapoint_packet::Time;
use mediapoint_prompt::Audio;
use mediapoint_testkit::Sink;

use crate::step::CALLS;

/// Seconds of a prompt.
const SECONDS: usize = 30;

/// What the legs hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Played {
    /// A prompt that was encoded before, each leg at its own place.
    Prompt,
    /// The same, encoded for each leg in each tick.
    PromptEncodedEachTick,
    /// Music on hold, encoded before, all legs at the same place.
    HoldMusic,
    /// A dial tone of two sines, made and encoded in each tick.
    Tone,
}

impl Played {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Prompt, Self::PromptEncodedEachTick, Self::HoldMusic, Self::Tone];

    fn spec(self, prompt: &Arc<Prompt>) -> PlayerSpec {
        let pcmu = PayloadCodec::new(PayloadType::PCMU, Codec::PCMU);
        let playlist = Playlist { repeat: Repeat::FOREVER, ..Playlist::of([Arc::clone(prompt)]) };
        let spec = PromptsSpec::new(playlist, pcmu);
        match self {
            Self::Prompt => PlayerSpec::Prompts(spec),
            Self::PromptEncodedEachTick => {
                PlayerSpec::Prompts(PromptsSpec { encoded_for: Vec::new(), ..spec })
            }
            Self::HoldMusic => PlayerSpec::Prompts(PromptsSpec { shared: true, ..spec }),
            Self::Tone => {
                let sines = [350.0, 440.0].map(|frequency| Sine { frequency, level: -13.0 });
                PlayerSpec::Tone(ToneSpec { sines: sines.to_vec(), cadence: Vec::new(), cycles: None })
            }
        }
    }
}

/// A session of [`CALLS`] calls of one leg each.
pub struct Listeners {
    session: Session,
    sink: Sink,
    now: Time,
    ticks: u64,
}

impl Listeners {
    /// Legs that hear `played`, their ticks spread evenly over 20 ms.
    ///
    /// # Panics
    /// Where the session refuses a leg or a player.
    #[must_use]
    pub fn new(played: Played) -> Self {
        let mut session = Session::new(SessionConfig {
            max_legs: 2048,
            media_timeout: Duration::from_secs(1 << 20),
            hold_timeout: Duration::from_secs(1 << 20),
            seed: [7; 32],
            wall_at_zero: Duration::from_secs(1_700_000_000),
            remotes: Default::default(),
            kernel_forwarding: false,
        });
        let mut sink = Sink::new(8);
        let prompt = Prompt::new("speech", Audio { rate: 8000, samples: crate::speech_like(8000 * SECONDS) });
        let mut now = Time::ZERO;
        for n in 0..CALLS {
            now = now + Self::STEP;
            let port = u16::try_from(n * 4).expect("a port");
            let rtp = SocketAddr::from(([192, 0, 2, 1], 20_000 + port));
            let (call, leg, player) = (CallId::from_u64(n), LegId::from_u64(n), PlayerId::from_u64(n));
            session.add_call(now, call).expect("room");
            let config = LegConfig {
                codecs: vec![PayloadCodec::new(PayloadType::PCMU, Codec::PCMU)],
                remote: Some(RemoteAddress { rtp, rtcp: None }),
                rtcp: RtcpMode::Off,
                ..LegConfig::default()
            };
            let ports = LegPorts { rtp: PortKey(port.into()), rtcp: None, scope: LocalScope::Global };
            let made = Player::new(player, played.spec(&prompt)).expect("a player");
            for command in [
                CallCommand::AddLeg { leg, config: Box::new(config), ports },
                CallCommand::AddPlayer { player: Box::new(made) },
                CallCommand::SetSource { leg, source: Source::Player(player) },
            ] {
                session.apply(now, call, command, &mut sink).expect("room");
            }
        }
        Self { session, sink, now, ticks: 0 }
    }

    /// From the tick of one leg to that of the next.
    const STEP: Duration = Duration::from_nanos(20_000_000 / CALLS);

    /// The tick of the next leg in turn.
    pub fn tick(&mut self) {
        self.now = self.now + Self::STEP;
        self.ticks += 1;
        self.session.handle_timeouts(self.now, &mut self.sink);
    }

    /// True where each tick sent a packet.
    #[must_use]
    pub const fn all_sent(&self) -> bool {
        self.sink.sent + 2 * CALLS >= self.ticks
    }
}

impl std::fmt::Debug for Listeners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listeners").field("ticks", &self.ticks).finish_non_exhaustive()
    }
}
