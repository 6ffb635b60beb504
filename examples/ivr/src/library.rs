//! The commands of the script, carried out by the engine in this process.

use std::collections::HashMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use mediapoint_engine::{
    Call, CallId, CallSpec, Codec, DetectorSettings, DtmfDigit, Engine, Event, EventReceiver, Interface,
    LegConfig, OpenedLeg, PayloadCodec, PayloadType, Placement, PlayerEnd, PlayerId, PlayerSpec, Playlist,
    PromptsSpec, Relearn, RemoteAddress, Repeat, SecureInput, Source,
};

use crate::failure::Failure;
use crate::line::{Line, Notice, Signal};
use crate::prompts::Prompts;
use crate::script::{Command, Input};
use crate::sdp;

/// The calls that events are for.
type Calls = Arc<Mutex<HashMap<CallId, Sender<Signal>>>>;

/// The engine, and whoever reads its events.
pub(crate) struct Library {
    engine: Engine,
    calls: Calls,
    prompts: Prompts,
}

impl Library {
    pub(crate) fn start(prompts: Prompts) -> Result<Self, Failure> {
        let (engine, events) = Engine::builder()
            .interface(Interface::new("default", std::net::Ipv4Addr::LOCALHOST.into()))
            .ports(43_400..=43_599)
            .pin(false)
            .build()?;
        let calls = Calls::default();
        let routed = Arc::clone(&calls);
        thread::Builder::new().name("events".to_owned()).spawn(move || route(&events, &routed))?;
        Ok(Self { engine, calls, prompts })
    }

    /// Takes a call: the description of the caller in, that for the caller out.
    pub(crate) fn answer(
        &self,
        offer: &str,
        signals: Sender<Signal>,
    ) -> Result<(LibraryLine, String), Failure> {
        let call = self.engine.create_call(CallSpec::default())?;
        lock(&self.calls).insert(call.id(), signals);
        let remote = Some(RemoteAddress { rtp: sdp::address(offer)?, rtcp: None });
        let config = LegConfig { remote, ..speaks() };
        let (leg, opened) = call.open_leg(&Placement::default(), config.clone())?;
        opened.wait()?;
        // Every key comes once, as `Event::KeyPressed`, whether the phone sends tones or events.
        let (_, tapped) = call.tap_digits(leg.id, DetectorSettings::default())?;
        tapped.wait()?;
        let line = LibraryLine {
            call,
            caller: (leg, config),
            agent: None,
            player: None,
            prompts: self.prompts.clone(),
        };
        Ok((line, sdp::write(leg.rtp)))
    }

    pub(crate) fn stop(&self) {
        self.engine.shutdown();
    }
}

/// One call.
pub(crate) struct LibraryLine {
    call: Call,
    caller: (OpenedLeg, LegConfig),
    agent: Option<(OpenedLeg, LegConfig)>,
    player: Option<PlayerId>,
    prompts: Prompts,
}

impl LibraryLine {
    /// The caller hears this in place of what it heard.
    fn play(&mut self, spec: PromptsSpec) -> Result<(), Failure> {
        let (player, added) = self.call.add_player(PlayerSpec::Prompts(spec))?;
        added.wait()?;
        self.call.set_source(self.caller.0.id, Source::Player(player))?.wait()?;
        if let Some(before) = self.player.replace(player) {
            self.call.remove_player(before)?.wait()?;
        }
        Ok(())
    }
}

impl Line for LibraryLine {
    fn carry_out(&mut self, command: Command) -> Result<Option<Notice>, Failure> {
        let (leg, _) = &self.caller;
        let leg = leg.id;
        match command {
            Command::Play(announcement, language) => {
                let prompt = self.prompts.get(announcement, language);
                let prompt = prompt.ok_or_else(|| Failure::NoPrompt(announcement.name().to_owned()))?;
                // The engine itself ends it with the first key, without a way through this program.
                let spec = PromptsSpec::new(Playlist::of([prompt]), pcmu());
                self.play(PromptsSpec { barge_in: Some(leg), ..spec })?;
            }
            Command::StopPlaying => {
                if let Some(player) = self.player.take() {
                    self.call.remove_player(player)?.wait()?;
                }
            }
            Command::PlayMusic => {
                let music = Playlist::of([Arc::clone(&self.prompts.music)]);
                let music = Playlist { repeat: Repeat::FOREVER, ..music };
                // Shared: all who wait hear the same at the same time, and it is encoded once for them.
                self.play(PromptsSpec { shared: true, ..PromptsSpec::new(music, pcmu()) })?;
            }
            Command::SecureInput(on) => {
                let (_, config) = &mut self.caller;
                config.secure_input = if on { SecureInput::Drop } else { SecureInput::Off };
                self.call.configure_leg(leg, config.clone(), Relearn::IfMoved)?.wait()?;
            }
            Command::CallAgent => {
                let (agent, opened) = self.call.open_leg(&Placement::default(), speaks())?;
                opened.wait()?;
                self.agent = Some((agent, speaks()));
                return Ok(Some(Notice::CallAgent(sdp::write(agent.rtp))));
            }
            Command::HandOver => {
                if let Some((agent, _)) = &self.agent {
                    self.call.connect(leg, agent.id)?.wait()?;
                    return Ok(Some(Notice::HandedOver));
                }
            }
            Command::HangUp => self.call.end()?.wait()?,
        }
        Ok(None)
    }

    fn agent_answers(&mut self, description: &str) -> Result<(), Failure> {
        let Some((agent, config)) = &mut self.agent else { return Ok(()) };
        config.remote = Some(RemoteAddress { rtp: sdp::address(description)?, rtcp: None });
        self.call.configure_leg(agent.id, config.clone(), Relearn::IfMoved)?.wait()?;
        // The agent hears the caller; the caller goes on hearing the script.
        self.call.set_source(agent.id, Source::Leg(self.caller.0.id))?.wait()?;
        Ok(())
    }
}

/// Gives each call the events that are its own, until the engine ends.
fn route(events: &EventReceiver, calls: &Calls) {
    while let Some(event) = events.recv() {
        let (call, input) = match event {
            Event::KeyPressed { call, press, .. } => {
                let Some(digit) = DtmfDigit::from_code(press.code) else { continue };
                (call, Input::Key(digit.as_char()))
            }
            Event::PlayerFinished { call, end: PlayerEnd::Finished, .. } => (call, Input::Played),
            Event::CallEnded { call, .. } => {
                lock(calls).remove(&call);
                continue;
            }
            _ => continue,
        };
        if let Some(signals) = lock(calls).get(&call) {
            // A call whose script is over needs no more.
            let _ = signals.send(Signal::Input(input));
        }
    }
}

fn lock(calls: &Calls) -> std::sync::MutexGuard<'_, HashMap<CallId, Sender<Signal>>> {
    calls.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pcmu() -> PayloadCodec {
    PayloadCodec::new(PayloadType::PCMU, Codec::PCMU)
}

/// PCMU and telephone events.
fn speaks() -> LegConfig {
    let mut codecs = vec![pcmu()];
    codecs.extend(
        PayloadType::new(sdp::EVENTS).map(|number| PayloadCodec::new(number, Codec::TELEPHONE_EVENT)),
    );
    LegConfig { codecs, media_timeout: Some(Duration::from_secs(60)), ..LegConfig::default() }
}
