//! Music on hold: what a party has for whom it puts on hold, and how it begins.

use std::sync::Arc;
use std::time::Instant;

use mediapoint_engine::{PlayerSpec, Playlist, Prompt, Repeat};

use super::play::Listener;
use super::{Controller, Shared, lock};
use crate::call::apply::apply;
use crate::call::outcomes::Outcomes;
use crate::call::party::Party;
use crate::call::play::{HoldStart, Music};
use crate::request::{HoldMode, HoldMusic};
use crate::{NgError, Prompts, Request};

/// What a message says of its sender's music.
#[derive(Debug, Default)]
pub(super) struct SignalledMusic {
    music: Option<MusicChoice>,
    /// The server's own, for whoever says nothing.
    default: Option<Music>,
}

#[derive(Debug)]
enum MusicChoice {
    Own(Music),
    /// The other side's.
    Reflect,
}

impl Controller {
    /// What a message says of music. Media is loaded: no lock may be held. A call is not refused for the sake of music.
    pub(super) fn read_music(&self, request: &Request, warnings: &mut Vec<String>) -> SignalledMusic {
        let prompts = self.config.prompts.as_deref();
        let default = prompts.and_then(|prompts| prompts.hold_music()).map(default_music);
        let music = request.play.hold_music.as_ref().and_then(|signalled| match self.load_music(signalled) {
            Ok(music) => Some(music),
            Err(error) => {
                warnings.push(format!("moh: {error}"));
                None
            }
        });
        SignalledMusic { music, default }
    }

    fn load_music(&self, signalled: &HoldMusic) -> Result<MusicChoice, NgError> {
        if signalled.mode == HoldMode::Reflect {
            return Ok(MusicChoice::Reflect);
        }
        let source = signalled.source.as_ref().ok_or(NgError::MissingKey { key: "file" })?;
        let prompts = self.config.prompts.as_deref().ok_or(NgError::NoPrompts)?;
        let prompt = prompts.load(source, signalled.language.as_deref(), prompts.wait_until())?;
        Ok(MusicChoice::Own(Music {
            prompt,
            send_receive: signalled.mode == HoldMode::SendReceive,
            zero: signalled.zero,
            shared: !signalled.from_start,
        }))
    }

    /// Begins music for whom an answer has put on hold. Media is made ready: no lock may be held.
    pub(super) fn start_holds(
        &self,
        state: &Shared,
        starts: Vec<HoldStart>,
        warnings: &mut Vec<String>,
    ) -> Outcomes {
        let mut outcomes = Outcomes::default();
        let Some(prompts) = self.config.prompts.as_deref().filter(|_| !starts.is_empty()) else {
            return outcomes;
        };
        let until = prompts.wait_until();
        for start in starts {
            if let Err(error) = start_hold(state, &start, (prompts, until), &mut outcomes) {
                warnings.push(format!("moh: {error}"));
                let mut call = lock(state);
                if let Some(party) = call.party_mut(start.party) {
                    let player = party.hold.take().and_then(|hold| hold.player);
                    call.gone_players.extend(player);
                }
                // It goes on without music, as it would have.
                if let Ok(more) = apply(&mut call, &[]) {
                    outcomes.append(more);
                }
            }
        }
        outcomes
    }
}

impl SignalledMusic {
    /// Gives a message's sender its music. A warning where there is none to be given.
    pub(super) fn take(self, sender: &mut Party, other: &Party) -> Option<&'static str> {
        match self.music {
            Some(MusicChoice::Own(music)) => sender.music = Some(music),
            Some(MusicChoice::Reflect) => {
                sender.music = other.music.clone();
                if sender.music.is_none() {
                    return Some("moh: mode=reflect, and the other party has no music");
                }
            }
            None => sender.music = sender.music.take().or(self.default),
        }
        None
    }
}

fn default_music(prompt: Arc<Prompt>) -> Music {
    Music { prompt, send_receive: false, zero: false, shared: true }
}

/// Begins one of them.
fn start_hold(
    state: &Shared,
    start: &HoldStart,
    (prompts, until): (&Prompts, Instant),
    outcomes: &mut Outcomes,
) -> Result<(), NgError> {
    let HoldStart { party, section, music } = start;
    let (call, listener) = {
        let call = lock(state);
        let listener = call.party(*party).and_then(|party| Listener::of(party, *section));
        (call.call.clone(), listener.ok_or(NgError::NoListener)?)
    };
    let mut playlist = Playlist::of([Arc::clone(&music.prompt)]);
    playlist.repeat = Repeat::FOREVER;
    let spec = listener.spec(prompts, playlist, (true, music.shared), until)?;
    let (player, outcome) = call.add_player(PlayerSpec::Prompts(spec))?;
    outcomes.push(outcome);
    let mut now = lock(state);
    let is_same = now.call.id() == call.id();
    let hold = now.party_mut(*party).and_then(|party| party.hold.as_mut()).filter(|_| is_same);
    match hold.filter(|hold| hold.player.is_none() && Arc::ptr_eq(&hold.music.prompt, &music.prompt)) {
        Some(hold) => hold.player = Some(player),
        // It is not on hold any more.
        None => drop(call.remove_player(player)),
    }
    outcomes.append(apply(&mut now, &[])?);
    Ok(())
}
