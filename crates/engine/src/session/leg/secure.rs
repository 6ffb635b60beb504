//! Secure input in the audio that a leg receives: it leaves 40 ms late, so that a tone is found before its onset has left.
//!
//! The delay comes at once. What is heard for its length continues the audio before, as where a packet comes late; a leg that
//! had no audio yet has nothing to continue.

use mediapoint_dtmf::{Replacement, Suppressor};
use mediapoint_jitter::Concealer;
use mediapoint_packet::telephone_event::DtmfDigit;

use crate::api::leg::{EventPolicy, SecureInput};
use crate::session::frame::FrameKind;

/// Rate in hertz at which tones are looked for: that of all audio of a leg with secure input.
pub(crate) const RATE: u32 = 8000;

/// How late the audio leaves: milliseconds, samples, and pieces of 10 ms.
pub(crate) const DELAY_MILLIS: u32 = 40;
const DELAY: usize = 320;
const PIECES: usize = 4;

/// Audio behind a telephone event that is silenced, in milliseconds: the tone's rest, where a gateway sends both.
const BEHIND_EVENT: u32 = 60;

/// The audio of a leg with secure input, at [`RATE`].
pub(crate) struct SecureAudio {
    policy: SecureInput,
    suppressor: Suppressor,
    /// Continues the audio from before, until the first of the new is merged with it.
    seam: Option<Box<Concealer>>,
    /// What is held back, in pieces of 10 ms, oldest first.
    kinds: [FrameKind; PIECES],
    /// Samples to leave that are silenced in any case.
    silenced: usize,
    /// Milliseconds of audio to come in that are silenced.
    behind_event: u32,
}

impl SecureAudio {
    /// Begins behind `before`, the audio that was heard last; none where none was.
    pub(crate) fn new(policy: SecureInput, seed: u64, before: &[i16]) -> Self {
        let mut held = [0; DELAY];
        let mut seam = None;
        if before.iter().any(|&sample| sample != 0)
            && let Ok(mut concealer) = Concealer::new(RATE)
        {
            concealer.good(&mut before.to_vec());
            concealer.conceal(&mut held);
            seam = Some(Box::new(concealer));
        }
        let kind = if seam.is_some() { FrameKind::Audio } else { FrameKind::Nothing };
        let mut suppressor = Suppressor::new(replacement(policy, seed));
        suppressor.process(&mut held);
        Self { policy, suppressor, seam, kinds: [kind; PIECES], silenced: 0, behind_event: 0 }
    }

    pub(crate) const fn policy(&self) -> SecureInput {
        self.policy
    }

    /// Takes in audio of so many milliseconds, and puts that of 40 ms before in its place. During a telephone event silence is
    /// taken in.
    pub(crate) fn process(
        &mut self,
        pcm: &mut [i16],
        kind: FrameKind,
        millis: u32,
        in_event: bool,
    ) -> FrameKind {
        if in_event {
            self.behind_event = BEHIND_EVENT;
        }
        let mut kind = kind;
        if in_event || self.behind_event > 0 {
            pcm.fill(0);
            // Where the event itself does not go on, silence does.
            let goes_on = matches!(self.policy, SecureInput::Silence | SecureInput::Tone { .. });
            kind = if in_event && !goes_on { FrameKind::Nothing } else { FrameKind::Audio };
            if !in_event {
                self.behind_event = self.behind_event.saturating_sub(millis);
            }
        }
        if let Some(mut seam) = self.seam.take() {
            seam.good(pcm);
        }
        self.suppressor.process(pcm);
        let silenced = self.silenced.min(pcm.len());
        pcm.iter_mut().take(silenced).for_each(|sample| *sample = 0);
        self.silenced -= silenced;
        self.pass_kind(kind, millis)
    }

    /// Silences what is held back: a telephone event has begun, and the tone may have been in the audio before it.
    pub(crate) const fn silence_held(&mut self) {
        self.silenced = DELAY;
    }

    /// All that is held back, as secure input ends.
    pub(crate) fn into_held(mut self) -> [i16; DELAY] {
        let mut held = [0; DELAY];
        self.process(&mut held, FrameKind::Nothing, DELAY_MILLIS, false);
        held
    }

    /// Takes in what the audio holds, and returns what that of 40 ms before held: the most audible of its pieces.
    fn pass_kind(&mut self, kind: FrameKind, millis: u32) -> FrameKind {
        let pieces = usize::try_from(millis / 10).unwrap_or(0).clamp(1, PIECES);
        let leaving = self.kinds.iter().take(pieces);
        let found = |wanted| leaving.clone().any(|kind| *kind == wanted);
        let left = match (found(FrameKind::Audio), found(FrameKind::ComfortNoise)) {
            (true, _) => FrameKind::Audio,
            (false, true) => FrameKind::ComfortNoise,
            (false, false) => FrameKind::Nothing,
        };
        self.kinds.rotate_left(pieces);
        self.kinds.iter_mut().rev().take(pieces).for_each(|last| *last = kind);
        left
    }
}

impl SecureInput {
    /// What becomes of events beside it. Of those drawn at random, `drawn` is the present one.
    pub(crate) const fn event_policy(self, otherwise: EventPolicy, drawn: u8) -> EventPolicy {
        match self {
            Self::Off => otherwise,
            Self::Drop | Self::Silence | Self::Tone { .. } => EventPolicy::Block,
            Self::Random => EventPolicy::Replace(drawn),
            Self::Digit(code) => EventPolicy::Replace(code),
        }
    }
}

fn replacement(policy: SecureInput, seed: u64) -> Replacement {
    match policy {
        SecureInput::Off | SecureInput::Drop | SecureInput::Silence => Replacement::Silence,
        SecureInput::Tone { hertz, dbm0 } => {
            Replacement::Tone { hz: f32::from(hertz), dbm0: f32::from(dbm0) }
        }
        SecureInput::Random => Replacement::Random(seed),
        SecureInput::Digit(code) => {
            DtmfDigit::from_code(code).map_or(Replacement::Silence, Replacement::Digit)
        }
    }
}
