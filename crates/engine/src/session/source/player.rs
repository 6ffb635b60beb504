//! A player: audio that the engine makes itself for a leg, a mix or a tap.

use crate::api::id::PlayerId;
use crate::api::source::PlayerSpec;
use crate::session::frame::Frame;
use crate::session::snapshot::objects::PlayerSnapshot;
use crate::session::source::tone::ToneGenerator;

/// A player of a call.
pub struct Player {
    /// Its name.
    pub id: PlayerId,
    spec: PlayerSpec,
    tone: ToneGenerator,
    frame: Frame,
    wanted: bool,
    reported: bool,
}

impl Player {
    /// A player at the beginning of what it plays. It runs while somebody wants its audio.
    pub fn new(id: PlayerId, spec: PlayerSpec) -> Self {
        let PlayerSpec::Tone(tone) = &spec;
        let tone = ToneGenerator::new(tone);
        Self { id, spec, tone, frame: Frame::new(8000), wanted: false, reported: false }
    }

    /// Sets the rate at which its audio is wanted in hertz; `None` where nobody wants it.
    pub fn set_demand(&mut self, rate: Option<u32>) {
        self.wanted = rate.is_some();
        if let Some(rate) = rate {
            self.frame.set_rate(rate);
        }
    }

    /// True where a tick moves it on.
    pub const fn is_live(&self) -> bool {
        self.wanted && !self.reported
    }

    /// Fills the frame of a tick; true where the player has come to its end with it.
    pub fn pull(&mut self, millis: u32) -> bool {
        if !self.wanted {
            return false;
        }
        let (tone, rate) = (&mut self.tone, self.frame.rate());
        self.frame.fill(millis, |pcm| tone.generate(rate, pcm));
        self.tone.is_finished() && !std::mem::replace(&mut self.reported, true)
    }

    /// The audio of the present tick.
    pub const fn frame(&mut self) -> &mut Frame {
        &mut self.frame
    }
}

impl Player {
    pub(crate) fn save(&self) -> PlayerSnapshot {
        PlayerSnapshot {
            player: self.id,
            spec: self.spec.clone(),
            tone: self.tone.save(),
            reported: self.reported,
        }
    }

    /// A player that goes on where it was when it was saved.
    pub(crate) fn restored(saved: &PlayerSnapshot) -> Self {
        let PlayerSpec::Tone(spec) = &saved.spec;
        let tone = ToneGenerator::restored(spec, &saved.tone);
        Self { tone, reported: saved.reported, ..Self::new(saved.player, saved.spec.clone()) }
    }
}
