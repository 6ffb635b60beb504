//! Digits that legs are sent: when the source makes way for them, which path they need, and events that become tones.

use std::time::Duration;

use mediapoint_dtmf::frequencies;
use mediapoint_packet::Time;
use mediapoint_packet::telephone_event::EventBlock;

use crate::api::codec::PayloadCodec;
use crate::api::digit::DigitSpec;
use crate::api::error::CommandError;
use crate::api::event::Event;
use crate::api::id::LegId;
use crate::api::leg::LegKind;
use crate::api::source::Source;
use crate::session::Output;
use crate::session::call::Call;
use crate::session::leg::Leg;
use crate::session::leg::digits::{DigitAbilities, MAX_DIGITS};
use crate::session::leg::events::EventStep;
use crate::session::leg::rewriter::Input;
use crate::session::leg::transport::RtpMeta;
use crate::session::wiring::{Feed, PLAYER_RATE};

/// A source whose last packet is younger than this goes on: digits wait for its next packet, which they go on from.
const GOES_ON: Duration = Duration::from_millis(100);

/// Milliseconds that digits of a command wait for that packet, and for the end of an event of the source.
const WAITS_FOR_PACKET: u32 = 100;
const WAITS_FOR_EVENT: u32 = 1000;

impl Leg {
    /// Brings what the leg can be sent digits with up to date; `source` is what the party of its source may send.
    pub(super) fn fit_digits(&mut self, source: Option<&[PayloadCodec]>) {
        use mediapoint_codec::Encoding::TelephoneEvent;
        let mut events =
            source.unwrap_or_default().iter().filter(|entry| entry.codec.encoding == TelephoneEvent);
        let foreign = events.any(|entry| self.sender.map.get(entry.payload_type).is_none());
        let converts = self.config.events_as_tones && self.kind == LegKind::Audio && foreign;
        self.sender.fit_digits(&self.config, converts);
    }

    /// Makes an encoder for the next digit where it needs one and there is none; true where the leg's path has changed.
    fn fit_path(&mut self, now: Time, rate: u32) -> bool {
        let wanted = self.sender.needs_encoder() && !self.sender.transcodes();
        if wanted && self.make_egress(rate) {
            self.sender.enter_transcoding(now, None, self.source);
        }
        wanted && self.sender.transcodes()
    }
}

impl Call {
    /// Queues digits for a leg: all of them or none.
    pub(super) fn send_digits(&mut self, id: LegId, digits: &[DigitSpec]) -> Result<(), CommandError> {
        let leg = self.leg_mut(id)?;
        digits.iter().try_for_each(DigitSpec::check)?;
        let abilities = DigitAbilities::of(&leg.config);
        let open = leg.kind == LegKind::Audio && leg.sender.allowed && leg.zrtp_with.is_none();
        if !open || !digits.iter().all(|digit| abilities.can_send(digit)) {
            return Err(CommandError::NoDigit(id));
        }
        if !leg.sender.queue_digits(&leg.config, digits) {
            return Err(CommandError::TooManyDigits { limit: MAX_DIGITS });
        }
        Ok(())
    }

    /// Stops the digits of a leg.
    pub(super) fn stop_digits<O: Output>(&mut self, id: LegId, out: &mut O) -> Result<(), CommandError> {
        let leg = self.leg_mut(id)?;
        if leg.sender.stop_digits() {
            out.event(Event::DigitsSent { call: self.id, leg: id, stopped: true });
        }
        Ok(())
    }

    /// Lets the sources of legs make way for the digits that wait, and brings those legs to the path that the next digit needs.
    pub(super) fn begin_digits(&mut self, now: Time, millis: u32) {
        let mut changed = false;
        for at in 0..self.legs.len() {
            let Some(leg) = self.legs.get(at).filter(|leg| leg.sender.has_digits()) else { continue };
            let (source, feed) = (leg.source, leg.feed);
            let from = match feed {
                Feed::Leg(from) => self.legs.get(usize::from(from)),
                _ => None,
            };
            let rate = self.source_rate(feed).unwrap_or(PLAYER_RATE);
            let in_event = from.is_some_and(|from| from.events.is_active(now));
            let goes_on =
                from.and_then(|from| from.last_received).is_some_and(|last| now.since(last) < GOES_ON);
            let Some(leg) = self.legs.get_mut(at).map(AsMut::as_mut) else { continue };
            leg.sender.settle_open_digit(source, in_event);
            if let Some((waited, commanded)) = leg.sender.digit_waits() {
                let for_packet = goes_on && !leg.sender.transcodes() && waited < WAITS_FOR_PACKET;
                if (commanded && in_event && waited < WAITS_FOR_EVENT) || for_packet {
                    leg.sender.let_digit_wait(millis);
                    self.select_anew(feed);
                    continue;
                }
            }
            changed |= leg.fit_path(now, rate);
            if leg.sender.digit_waits().is_some() {
                leg.sender.make_way(now, None);
            }
        }
        if changed {
            self.derive_demand(now);
        }
    }

    /// Lets a leg's source make way with the packet that would have been forwarded next, unless an event is under way.
    #[cold]
    pub(super) fn make_way(&mut self, now: Time, source: usize, listener: usize, first: &Input) {
        let in_event = self.legs.get(source).is_some_and(|leg| leg.events.is_active(now));
        if let Some(leg) = self.legs.get_mut(listener).filter(|_| !in_event) {
            leg.sender.make_way(now, Some(first));
        }
    }

    /// The next packet of a leg that feeds others selects their paths anew.
    pub(super) fn select_anew(&mut self, feed: Feed) {
        if let Feed::Leg(from) = feed
            && let Some(from) = self.legs.get_mut(usize::from(from))
        {
            from.path_of = None;
        }
    }

    /// Sends the digits' part of a tick.
    pub(super) fn push_digits<O: Output>(&mut self, now: Time, millis: u32, out: &mut O) {
        let call = self.id;
        for at in 0..self.legs.len() {
            let Some(leg) = self.legs.get_mut(at).map(AsMut::as_mut) else { continue };
            if !leg.sender.sends_digits() {
                continue;
            }
            self.rooms.iter_mut().for_each(|room| room.pass(at));
            let Leg { sender, transport, id, feed, .. } = leg;
            let Some(commanded) = sender.push_digits(now, transport, millis, out) else { continue };
            if commanded {
                out.event(Event::DigitsSent { call, leg: *id, stopped: false });
            }
            let feed = *feed;
            if feed == Feed::Silence && sender.transcodes() {
                sender.finish(now, transport, out);
                sender.leave_transcoding(Source::Silence);
            }
            self.select_anew(feed);
        }
    }

    /// Lets legs that did not agree to an event of `at` hear it as a tone.
    pub(super) fn sound_event(
        &mut self,
        now: Time,
        at: usize,
        (input, meta): (&Input, &RtpMeta),
        packet: &[u8],
        step: EventStep,
    ) {
        let Ok(block) = EventBlock::read(packet.get(meta.payload.clone()).unwrap_or_default()) else {
            return;
        };
        let millis = u64::from(input.part.total) * 1000 / u64::from(input.clock_rate.max(1));
        let millis = u32::try_from(millis).unwrap_or(u32::MAX);
        let mut changed = false;
        for n in 0..self.listeners(at) {
            let Some(listener) = self.listener(at, n) else { continue };
            let Some(leg) = self.legs.get(listener) else { continue };
            if !leg.sender.sounds_events(meta.payload_type) {
                continue;
            }
            let source = leg.source;
            let digit = block.digit().filter(|digit| frequencies(*digit).is_some());
            let begins = step == EventStep::Begins;
            if begins && digit.is_some() && !leg.sender.transcodes() && !leg.sender.has_digits() {
                self.enter_transcoding(now, at, listener, input);
                changed = true;
            }
            let Some(leg) = self.legs.get_mut(listener) else { continue };
            match digit.filter(|_| begins) {
                Some(digit) => {
                    leg.sender.begin_tone(digit, block.volume, source);
                    if leg.sender.digit_waits().is_some_and(|(_, commanded)| !commanded) {
                        leg.sender.make_way(now, None);
                    }
                }
                // Another event has begun.
                None if begins => leg.sender.end_digit(None),
                None => {}
            }
            if block.end && step != EventStep::Stale {
                leg.sender.end_digit(Some(millis));
            }
        }
        if changed {
            self.derive_demand(now);
        }
    }
}
