//! What of a party's digits goes on: secure input as it is now, by the leg's configuration and by the digits that switch it.

use mediapoint_packet::Time;
use mediapoint_packet::rtp::RtpTicks;

use crate::api::event::{KeyMethod, KeyPress};
use crate::api::leg::EventPolicy;
use crate::api::secure::SecureInput;
use crate::session::leg::Leg;
use crate::session::leg::delayed::Delayed;
use crate::session::leg::events::EventStep;
use crate::session::leg::secure::SecretEvent;

/// A digit, 0 to 9, that nothing can be learnt from: the SplitMix64 of a count.
fn drawn(count: u32) -> u8 {
    let mut bits = u64::from(count).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    u8::try_from((bits ^ bits >> 31) % 10).unwrap_or(0)
}

impl Leg {
    /// What stands in place of the party's digits now.
    pub(in crate::session) fn secure_input(&self) -> SecureInput {
        match (&self.trigger, &self.config.digit_trigger) {
            (Some(trigger), Some(spec)) => trigger.secure_input(spec, self.config.secure_input),
            _ => self.config.secure_input,
        }
    }

    /// True where the party's digits go on later than they come.
    pub(in crate::session) fn delays_digits(&self) -> bool {
        !self.config.digit_delay.is_zero()
    }

    /// True where the party's digits are kept from all but taps on its key presses when they come.
    pub(in crate::session) fn is_secure(&self) -> bool {
        self.delays_digits() || self.secure_input().is_on()
    }

    /// The same, or where it was until just now and digits that began before may still sound.
    pub(in crate::session) fn keeps_audio_back(&self) -> bool {
        self.is_secure() || self.lingers.is_on()
    }

    /// True where what is said may repeat secret digits, and is to be recorded by nobody.
    pub(in crate::session) fn masks_recordings(&self) -> bool {
        self.secure_input().is_on() || self.lingers.is_on()
    }

    /// True where secure input is off, and nothing is left of what sounded as it went off.
    pub(in crate::session) fn ends_lingering(&self) -> bool {
        self.lingers.is_on() && self.ingress.as_ref().is_none_or(|ingress| ingress.secure_is_over())
    }

    /// True where a digit of the party may be secret: its own or that of another place.
    pub(in crate::session) fn is_secret(&self) -> bool {
        self.keeps_audio_back() || self.trigger.is_some_and(|trigger| trigger.is_armed())
    }

    /// True where tones go on as events.
    pub(in crate::session) fn converts_tones(&self) -> bool {
        self.config.tones_as_events && !self.is_secure()
    }

    /// What is kept out of the party's audio.
    pub(in crate::session) fn kept_out(&self) -> SecureInput {
        if self.converts_tones() {
            SecureInput::Drop
        } else if self.delays_digits() {
            SecureInput::Silence
        } else {
            match self.secure_input() {
                SecureInput::Off => self.lingers,
                on => on,
            }
        }
    }

    /// True where digits of the party are sent anew to those whom it feeds.
    pub(in crate::session) fn sends_digits_anew(&self) -> bool {
        self.converts_tones() || self.delays_digits()
    }

    /// True where tones in the audio are of use to the engine itself.
    pub(in crate::session) fn looks_for_tones(&self) -> bool {
        self.converts_tones() || self.heeds_tones() || self.delays_digits()
    }

    /// True where tones in the audio may switch secure input.
    pub(in crate::session) fn heeds_tones(&self) -> bool {
        match (&self.trigger, &self.config.digit_trigger) {
            (Some(trigger), Some(spec)) => trigger.wants_tones(spec),
            _ => false,
        }
    }

    /// True where the party's audio is decoded and leaves 40 ms late: digits are kept out of it, or may be from the next one on.
    pub(in crate::session) fn holds_audio(&self) -> bool {
        self.kept_out().is_on() || self.heeds_tones()
    }

    /// A telephone event of the party has begun. True where something changes with it.
    pub(in crate::session) fn begin_event(&mut self) -> bool {
        match (&mut self.trigger, &self.config.digit_trigger) {
            (Some(trigger), Some(spec)) => trigger.begin_event(spec),
            _ => false,
        }
    }

    /// The party has pressed a key: with `event`, the event of that epoch and beginning, which may still go on. True where
    /// something changes with it.
    pub(in crate::session) fn note_press(
        &mut self,
        now: Time,
        press: &KeyPress,
        event: Option<(u32, RtpTicks)>,
    ) -> bool {
        if self.delays_digits() {
            self.delayed.push(now, press, self.config.digit_delay);
        }
        let (Some(trigger), Some(spec)) = (&mut self.trigger, &self.config.digit_trigger) else {
            return false;
        };
        let armed = trigger.is_armed();
        let changed = trigger.press(now, spec, press);
        if changed && armed && press.method == KeyMethod::TelephoneEvent {
            self.passing_event = event;
        }
        changed
    }

    /// Ends secure input where its time has come. True where something changes.
    pub(in crate::session) fn end_by_time(&mut self, now: Time) -> bool {
        let sounds = self.ingress.as_ref().is_some_and(|ingress| ingress.in_digit());
        match (&mut self.trigger, &self.config.digit_trigger) {
            (Some(trigger), Some(spec)) => trigger.handle_timeout(now, spec, sounds),
            _ => false,
        }
    }

    /// Takes the next digit whose time has come, as secure input now has it. `None` for the digit where it is dropped.
    #[expect(clippy::option_option, reason = "whether one is due, and whether it is sent")]
    pub(in crate::session) fn take_delayed(&mut self, now: Time) -> Option<Option<Delayed>> {
        let delayed = self.delayed.take(now)?;
        Some(match self.secure_input() {
            SecureInput::Off => Some(delayed),
            SecureInput::Digit(code) => delayed.replaced(code),
            SecureInput::Random => {
                self.draws = self.draws.wrapping_add(1);
                delayed.replaced(drawn(self.draws))
            }
            SecureInput::Drop
            | SecureInput::Silence
            | SecureInput::Tone { .. }
            | SecureInput::Tones { .. } => None,
        })
    }

    /// When the leg's digits need attention: an event's time-out, the end of secure input, or a digit that is delayed.
    pub(in crate::session) fn digit_deadline(&self) -> Option<Time> {
        let by_trigger = match (&self.trigger, &self.config.digit_trigger) {
            (Some(trigger), Some(spec)) => trigger.deadline(spec),
            _ => None,
        };
        [self.events.deadline(), by_trigger, self.delayed.deadline()].into_iter().flatten().min()
    }

    /// What becomes of a packet of a telephone event that the party sends. `event` is the epoch of its stream and where it
    /// began, where that can be read.
    pub(in crate::session) fn event_policy(
        &mut self,
        step: EventStep,
        event: Option<(u32, RtpTicks)>,
    ) -> EventPolicy {
        let passing = event.is_some() && event == self.passing_event;
        let secure_input = match (self.delays_digits(), passing) {
            (true, _) => SecureInput::Silence,
            (false, true) => self.config.secure_input,
            (false, false) => self.secure_input(),
        };
        if step == EventStep::Begins && secure_input == SecureInput::Random {
            self.draws = self.draws.wrapping_add(1);
        }
        let policy = secure_input.event_policy(self.config.events, drawn(self.draws));
        let policy = match (policy, secure_input, step) {
            // Which digit stood for the event before is not known any more.
            (EventPolicy::Replace(_), SecureInput::Random, EventStep::Stale) => EventPolicy::Block,
            _ => policy,
        };
        let secure = secure_input.is_on();
        event
            .map_or(policy, |event| SecretEvent::judge(&mut self.secret_event, event, step, (secure, policy)))
    }
}
