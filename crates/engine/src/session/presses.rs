//! Key presses of parties: who is told of them, and what they switch.

use mediapoint_packet::Time;
use mediapoint_packet::rtp::RtpTicks;

use crate::api::event::{Event, KeyPress};
use crate::api::id::LegId;
use crate::api::secure::SecureInput;
use crate::session::Output;
use crate::session::call::Call;
use crate::session::tap::Tap;
use crate::session::timers::Timer;

impl Call {
    /// Takes in a complete key press of a leg's party; with it the epoch and beginning of its event, where that goes on.
    pub(super) fn end_press<O: Output>(
        &mut self,
        now: Time,
        at: usize,
        (press, event): (KeyPress, Option<(u32, RtpTicks)>),
        out: &mut O,
    ) {
        let Some(leg) = self.legs.get_mut(at) else { return };
        let (id, before) = (leg.id, leg.secure_input());
        let changed = leg.note_press(now, &press, event);
        self.report_press(id, press, out);
        if changed {
            self.switch_secure_input(now, at, before, out);
        }
        self.set_digit_timer(at);
    }

    /// A telephone event of a leg's party has begun.
    pub(super) fn begin_event<O: Output>(&mut self, now: Time, at: usize, out: &mut O) {
        let Some(leg) = self.legs.get_mut(at) else { return };
        let before = leg.secure_input();
        if leg.begin_event() {
            self.switch_secure_input(now, at, before, out);
        }
    }

    fn report_press<O: Output>(&mut self, leg: LegId, press: KeyPress, out: &mut O) {
        let call = self.id;
        for tap in &mut self.taps {
            if let Tap::Events(tap) = tap
                && tap.leg == leg
                && let Some(press) = tap.take(press)
            {
                out.event(Event::KeyPressed { call, leg, tap: tap.id, press });
            }
        }
    }

    /// Puts what digits have switched into effect; `before` is what was in place of digits.
    #[cold]
    fn switch_secure_input<O: Output>(&mut self, now: Time, at: usize, before: SecureInput, out: &mut O) {
        let Some(leg) = self.legs.get(at) else { return };
        let (leg, secure_input) = (leg.id, leg.secure_input());
        if secure_input != before {
            out.event(Event::SecureInputSwitched { call: self.id, leg, secure_input });
        }
        self.rewire(now, out);
    }

    /// Has a leg's digits attended to in time.
    pub(super) fn set_digit_timer(&mut self, at: usize) {
        if let Some(deadline) = self.legs.get(at).and_then(|leg| leg.digit_deadline()) {
            self.timers.set_earlier(Timer::Event, deadline);
        }
    }

    /// Reports presses whose end was lost, and ends secure input whose time has come.
    pub(super) fn handle_event_timeout<O: Output>(&mut self, now: Time, out: &mut O) {
        for at in 0..self.legs.len() {
            let Some(leg) = self.legs.get_mut(at) else { continue };
            if let Some(press) = leg.events.handle_timeout(now) {
                self.end_press(now, at, (press, None), out);
            }
            let Some(leg) = self.legs.get_mut(at) else { continue };
            let before = leg.secure_input();
            if leg.end_by_time(now) {
                self.switch_secure_input(now, at, before, out);
            }
            self.send_delayed(now, at);
            self.set_digit_timer(at);
        }
    }

    /// Sends digits anew whose time has come.
    fn send_delayed(&mut self, now: Time, at: usize) {
        let mut sent = false;
        while let Some(delayed) = self.legs.get_mut(at).and_then(|leg| leg.take_delayed(now)) {
            let Some(delayed) = delayed else { continue };
            for n in 0..self.listeners(at) {
                let Some(listener) = self.listener_mut(at, n) else { continue };
                let length = (delayed.volume, delayed.millis);
                // Where there is no room for it, it is not sent.
                sent |= listener.sender.queue_detected(delayed.digit, length, listener.source);
            }
        }
        if sent {
            self.derive_demand(now);
        }
    }
}
