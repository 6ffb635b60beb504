//! Secure input in the audio that a leg receives: it leaves 40 ms late, so that a tone is found before its onset has left.
//!
//! The delay comes at once. What is heard for its length continues the audio before, as where a packet comes late; a leg that
//! had no audio yet has nothing to continue.

use mediapoint_dtmf::{DetectorSettings, Replacement, Suppressor, ToneList, peak_of};
use mediapoint_jitter::Concealer;
use mediapoint_packet::rtp::RtpTicks;
use mediapoint_packet::telephone_event::DtmfDigit;

use crate::api::leg::EventPolicy;
use crate::api::secure::{SecureInput, ToneSeries};
use crate::session::frame::FrameKind;
use crate::session::leg::events::EventStep;
use crate::session::snapshot::events::SecretEventSnapshot;

/// How late the audio leaves: milliseconds, and pieces of 10 ms.
pub(crate) const DELAY_MILLIS: u32 = Suppressor::DELAY_MS;
const PIECES: usize = 4;

/// Audio behind a telephone event that is silenced, in milliseconds: the tone's rest, where a gateway sends both.
const BEHIND_EVENT: u32 = 60;

/// Milliseconds for which a digit that sounds as secure input goes off is kept back at most.
const LONGEST_REST: u32 = 5000;

/// Milliseconds over which the tone that stands for an event rises and falls.
const FADE_MILLIS: f32 = 3.0;

/// The rate in hertz that audio of `rate` is to have under secure input: the same where it can be.
pub(crate) const fn rate_for(rate: u32) -> u32 {
    match rate {
        16_000 | 24_000 | 32_000 | 48_000 => rate,
        _ => 8000,
    }
}

/// Where the audio begins.
pub(crate) enum Start<'a> {
    /// Behind what was heard last; silence where nothing was.
    Heard(&'a [i16]),
    /// With what was held back before, at the present rate.
    Held(&'a mut [i16]),
}

/// Whether secure input ends.
#[derive(Clone, Copy, PartialEq)]
enum Ending {
    No,
    /// Audio of so many milliseconds is still to come in that was received before its end.
    Reaches(u32),
    /// Digits that begin pass; so many milliseconds are left for those that sound.
    Lasts(u32),
}

/// The tone that stands for a telephone event.
struct EventTone {
    /// Events that tones in turn have stood for.
    turn: usize,
    step: f32,
    peak: f32,
    phase: f32,
    gain: f32,
}

/// The audio of a leg with secure input.
pub(crate) struct SecureAudio {
    policy: SecureInput,
    /// In hertz: one of [`rate_for`].
    rate: u32,
    tone: EventTone,
    suppressor: Suppressor,
    /// Continues the audio from before, until the first of the new is merged with it.
    seam: Option<Box<Concealer>>,
    /// What is held back, in pieces of 10 ms, oldest first.
    kinds: [FrameKind; PIECES],
    /// Samples to leave that are silenced in any case.
    silenced: usize,
    /// Milliseconds of audio to come in that are silenced.
    behind_event: u32,
    ending: Ending,
}

impl SecureAudio {
    /// At `rate` hertz, one of [`rate_for`]; `None` where it is not. With a policy that is off, digits pass until another one is
    /// set: then what has not left yet is judged by that.
    pub(crate) fn new(policy: SecureInput, seed: u64, rate: u32, start: Start<'_>) -> Option<Self> {
        let settings = DetectorSettings::default();
        let mut suppressor = Suppressor::with_rate(rate, replacement(policy, seed), &settings).ok()?;
        suppressor.set_active(policy.is_on());
        let mut seam = None;
        let kind = match start {
            Start::Heard(before) => {
                let mut held = vec![0; suppressor.delay_samples()];
                if before.iter().any(|&sample| sample != 0)
                    && let Ok(mut concealer) = Concealer::new(rate)
                {
                    concealer.good(&mut before.to_vec());
                    concealer.conceal(&mut held);
                    seam = Some(Box::new(concealer));
                }
                suppressor.process(&mut held);
                if seam.is_some() { FrameKind::Audio } else { FrameKind::Nothing }
            }
            Start::Held(held) => {
                suppressor.process(held);
                FrameKind::Audio
            }
        };
        let tone = EventTone::new(policy, rate);
        let kinds = [kind; PIECES];
        let (silenced, behind_event, ending) = (0, 0, Ending::No);
        Some(Self { policy, rate, tone, suppressor, seam, kinds, silenced, behind_event, ending })
    }

    /// Puts something else in place of digits from the next one on, or from those that are held on where they have passed.
    pub(crate) fn set_policy(&mut self, policy: SecureInput, seed: u64) {
        if policy != self.policy {
            self.policy = policy;
            self.suppressor.set_replacement(replacement(policy, seed));
            self.suppressor.set_active(policy.is_on());
            self.tone = EventTone { gain: self.tone.gain, ..EventTone::new(policy, self.rate) };
        }
    }

    pub(crate) const fn policy(&self) -> SecureInput {
        self.policy
    }

    /// It has gone off, or on again: digits that began in audio received so far are kept back to their end. Milliseconds of it
    /// that `waits` are still to come in.
    pub(crate) fn set_ending(&mut self, ends: bool, waits: u32) {
        match (self.ending, ends) {
            (Ending::No, true) => self.ending = Ending::Reaches(waits),
            (Ending::Reaches(_) | Ending::Lasts(_), false) => {
                self.ending = Ending::No;
                self.suppressor.set_active(self.policy.is_on());
            }
            _ => {}
        }
    }

    /// True where it went off, and no digit that began before is left, or one has lasted too long.
    pub(crate) fn is_over(&self) -> bool {
        match self.ending {
            Ending::No | Ending::Reaches(_) => false,
            Ending::Lasts(0) => true,
            Ending::Lasts(_) => {
                self.behind_event == 0 && self.silenced == 0 && self.suppressor.lets_all_pass()
            }
        }
    }

    /// Audio of so many milliseconds has come in since it went off.
    fn pass_time(&mut self, millis: u32) {
        self.ending = match self.ending {
            Ending::Reaches(left) if left <= millis => {
                self.suppressor.set_active(false);
                Ending::Lasts(LONGEST_REST)
            }
            Ending::Reaches(left) => Ending::Reaches(left - millis),
            Ending::Lasts(left) => Ending::Lasts(left.saturating_sub(millis)),
            Ending::No => Ending::No,
        };
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
        let on = self.policy.is_on();
        if in_event && on {
            self.behind_event = BEHIND_EVENT;
        }
        let mut kind = kind;
        if on && (in_event || self.behind_event > 0) {
            pcm.fill(0);
            // Where the event itself does not go on, silence does.
            let goes_on = matches!(
                self.policy,
                SecureInput::Silence | SecureInput::Tone { .. } | SecureInput::Tones { .. }
            );
            kind = if in_event && !goes_on { FrameKind::Nothing } else { FrameKind::Audio };
            if !in_event {
                self.behind_event = self.behind_event.saturating_sub(millis);
            }
        }
        if let Some(mut seam) = self.seam.take() {
            seam.good(pcm);
        }
        self.suppressor.process(pcm);
        self.pass_time(millis);
        let silenced = self.silenced.min(pcm.len());
        pcm.iter_mut().take(silenced).for_each(|sample| *sample = 0);
        self.silenced -= silenced;
        let left = self.pass_kind(kind, millis);
        if self.tone.add(pcm, in_event, self.rate) { FrameKind::Audio } else { left }
    }

    /// A telephone event has begun.
    pub(crate) fn begin_event(&mut self) {
        if !self.policy.is_on() {
            return;
        }
        self.silence_held();
        self.tone.begin(self.policy, self.rate);
    }

    /// Silences what is held back: the tone of a telephone event that has begun may be in it.
    pub(crate) const fn silence_held(&mut self) {
        self.silenced = self.suppressor.delay_samples();
    }

    /// All that is held back. A digit in it that is found so far is not.
    pub(crate) fn into_held(mut self) -> Vec<i16> {
        let mut held = vec![0; self.suppressor.delay_samples()];
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

/// The last telephone event that came under secure input. What is sent of it again after secure input went off is kept back,
/// too: who waits for the last digit switches off with its first end packet, and two more follow [RFC4733 2.5.1.4].
#[derive(Debug, Clone, Copy)]
pub(crate) struct SecretEvent {
    epoch: u32,
    /// Timestamp of the event's beginning.
    begin: RtpTicks,
    policy: EventPolicy,
}

impl SecretEvent {
    /// How far before the last secret event another one is taken for a late one, in ticks: a second of the slowest clock.
    const LATE: i32 = 8_000;

    pub(crate) const fn save(self) -> SecretEventSnapshot {
        SecretEventSnapshot { epoch: self.epoch, begin: self.begin.0, policy: self.policy }
    }

    pub(crate) const fn restored(saved: SecretEventSnapshot) -> Self {
        Self { epoch: saved.epoch, begin: RtpTicks(saved.begin), policy: saved.policy }
    }

    /// What becomes of a packet of the event that began at `begin`, where `policy` would hold and secure input is `secure`.
    pub(crate) fn judge(
        last: &mut Option<Self>,
        (epoch, begin): (u32, RtpTicks),
        step: EventStep,
        (secure, policy): (bool, EventPolicy),
    ) -> EventPolicy {
        let behind = last.filter(|last| last.epoch == epoch).map(|last| begin.distance_from(last.begin));
        if secure {
            if behind.is_none_or(|behind| !(-Self::LATE..=0).contains(&behind)) {
                *last = Some(Self { epoch, begin, policy });
            }
            return policy;
        }
        match (behind, last) {
            (Some(0), Some(last)) if step != EventStep::Stale => last.policy,
            (Some(behind), Some(_)) if (-Self::LATE..=0).contains(&behind) => EventPolicy::Block,
            _ => policy,
        }
    }
}

impl EventTone {
    fn new(policy: SecureInput, rate: u32) -> Self {
        let mut tone = Self { turn: 0, step: 0.0, peak: 0.0, phase: 0.0, gain: 0.0 };
        tone.begin(policy, rate);
        tone.turn = 0;
        tone
    }

    /// Takes the tone of the next event.
    fn begin(&mut self, policy: SecureInput, rate: u32) {
        let (hertz, dbm0) = match policy {
            SecureInput::Tone { hertz, dbm0 } => (hertz, dbm0),
            SecureInput::Tones { hertz, dbm0 } => {
                let hertz = hertz.as_slice();
                (hertz.get(self.turn % hertz.len().max(1)).copied().unwrap_or_default(), dbm0)
            }
            _ => return,
        };
        self.turn = self.turn.wrapping_add(1);
        #[expect(clippy::cast_precision_loss, reason = "a sample rate")]
        let rate = rate as f32;
        (self.step, self.peak) = (std::f32::consts::TAU * f32::from(hertz) / rate, peak_of(f32::from(dbm0)));
    }

    /// Adds the tone to silence while an event lasts; false where there is none.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a tone within 16 bits, and a sample rate"
    )]
    fn add(&mut self, pcm: &mut [i16], on: bool, rate: u32) -> bool {
        if self.peak <= 0.0 || (!on && self.gain <= 0.0) {
            return false;
        }
        let fade = 1000.0 / (FADE_MILLIS * rate as f32);
        for sample in pcm {
            self.gain = (self.gain + if on { fade } else { -fade }).clamp(0.0, 1.0);
            *sample = sample.saturating_add((self.peak * self.gain * self.phase.sin()) as i16);
            self.phase = (self.phase + self.step) % std::f32::consts::TAU;
        }
        true
    }
}

impl SecureInput {
    /// What becomes of events beside it. Of those drawn at random, `drawn` is the present one.
    pub(crate) const fn event_policy(self, otherwise: EventPolicy, drawn: u8) -> EventPolicy {
        match self {
            Self::Off => otherwise,
            Self::Drop | Self::Silence | Self::Tone { .. } | Self::Tones { .. } => EventPolicy::Block,
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
        SecureInput::Tones { hertz, dbm0 } => {
            let mut list = [0.0; ToneSeries::MAX];
            list.iter_mut().zip(hertz.as_slice()).for_each(|(to, from)| *to = f32::from(*from));
            let list = list.get(..hertz.as_slice().len()).map(ToneList::new);
            match list {
                Some(Ok(hz)) => Replacement::Tones { hz, dbm0: f32::from(dbm0) },
                _ => Replacement::Silence,
            }
        }
        SecureInput::Random => Replacement::Random(seed),
        SecureInput::Digit(code) => {
            DtmfDigit::from_code(code).map_or(Replacement::Silence, Replacement::Digit)
        }
    }
}
