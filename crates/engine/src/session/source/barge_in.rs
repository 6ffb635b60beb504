//! Speech that ends a player: the audio of a leg's party beside the level of what is played, whose echo must not count.

use mediapoint_analysis::{BargeIn, BargeInSettings};

use crate::api::analysis::SpeechBargeIn;

/// Ticks of the prompt whose loudest counts: its echo comes up to a second later.
const ECHO_TICKS: usize = 50;

/// Level of a full-scale sine of mu-law in dBm0 [ITU-T G.711 table 5].
const FULL_SCALE_DBM0: f32 = 3.17;

/// Listens for speech while a prompt plays.
pub(super) struct SpeechListener {
    pub(super) spec: SpeechBargeIn,
    detector: BargeIn,
    /// Levels of the prompt's last ticks in dBov without sign, 127 for silence.
    levels: [u8; ECHO_TICKS],
    next: usize,
}

impl SpeechListener {
    pub(super) fn new(spec: SpeechBargeIn) -> Self {
        let settings = BargeInSettings {
            speech_ms: u32::try_from(spec.speech.as_millis()).unwrap_or(u32::MAX),
            above_noise_db: spec.above_noise_db,
            level_dbm0: spec.level_dbm0,
        };
        Self { spec, detector: BargeIn::new(settings), levels: [127; ECHO_TICKS], next: 0 }
    }

    /// Takes note of a tick of the prompt.
    pub(super) fn note_played(&mut self, level: u8) {
        if let Some(slot) = self.levels.get_mut(self.next) {
            *slot = level;
        }
        self.next = (self.next + 1) % ECHO_TICKS;
        let loudest = self.levels.iter().min().copied().unwrap_or(127);
        self.detector.set_least_level(match loudest {
            127 => f32::MIN,
            loudest => FULL_SCALE_DBM0 - f32::from(loudest) - self.spec.echo_loss_db,
        });
    }

    /// Takes in what the party says, at 8000 Hz; true where it interrupts.
    pub(super) fn interrupts(&mut self, pcm: &[i16]) -> bool {
        self.detector.process(pcm).is_some()
    }
}
