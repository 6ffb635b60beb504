//! Sending the digits of a leg, a tick at a time.

use mediapoint_dtmf::{EventPacket, EventSender, Generator, GeneratorSettings};
use mediapoint_packet::Time;
use mediapoint_packet::rtp::{FIXED_HEADER_LEN, RtpHeader, RtpTicks};
use mediapoint_packet::telephone_event::BLOCK_LEN;

use crate::api::source::Source;
use crate::session::Output;
use crate::session::frame::{FrameKind, samples};
use crate::session::leg::digits::{Current, Digit, Form, LONGEST, SHORTEST, low_32, ticks};
use crate::session::leg::sender::Sender;
use crate::session::leg::transport::Transport;

/// Milliseconds between two packets of an event.
const STEP_MILLIS: u32 = 20;

/// Both tones together are louder than the low one alone by so much, in dB, where the high one is louder by [`TWIST`].
const SUM_OVER_LOW: f32 = 4.124;

/// The high tone over the low one, in dB.
const TWIST: f32 = 2.0;

/// The low tone has this level in dBm0 at least.
const FAINTEST: f32 = -60.0;

/// Packets of one event in a tick at most: one, and another one where a segment ends [RFC4733 2.5.1.3].
const PACKETS_A_TICK: usize = 4;

impl Sender {
    /// Clock rate of the stream.
    pub(super) fn digit_clock(&self) -> u32 {
        match (&self.egress, &self.digits) {
            (Some(egress), _) if self.transcodes() => egress.clock_rate(),
            (_, Some(digits)) if !self.rewriter.has_sent() => digits.abilities.clock_rate,
            _ => self.rewriter.clock_rate,
        }
    }

    /// Sends the digits' part of a tick. `Some` where the last one is over: the source goes on; true where there was one of
    /// a command.
    pub(crate) fn push_digits<O: Output>(
        &mut self,
        now: Time,
        transport: &mut Transport,
        millis: u32,
        out: &mut O,
    ) -> Option<bool> {
        self.had = self.had.saturating_sub(millis);
        self.fade = 0;
        let begins = self.digits.as_ref().is_some_and(|digits| digits.current.is_none());
        if begins && !self.needs_encoder() {
            self.end_audio(now, transport, out);
        }
        // Audio that was sent ahead of its time comes before the digit; otherwise the stream gets further ahead with each one.
        if begins && self.rewriter.catch_up(ticks(millis, self.digit_clock())) {
            return None;
        }
        if self.take_digit(now) {
            self.push_digit(now, transport, millis, out);
        }
        let digits = self.digits.as_mut()?;
        if digits.current.as_ref().is_some_and(Current::is_over) {
            digits.current = None;
        }
        if digits.len() > 0 {
            return None;
        }
        (digits.begun, digits.waited) = (false, 0);
        // What comes next is another signal, out of silence.
        self.gathered_from = Source::Silence;
        Some(std::mem::take(&mut digits.commanded))
    }

    /// Begins the next digit where none is sent; false where there is none.
    fn take_digit(&mut self, now: Time) -> bool {
        let clock = self.digit_clock();
        let encodes = self.transcodes();
        let rate = self.egress.as_ref().map_or(8000, |egress| egress.rate());
        while let Some(digits) = &mut self.digits {
            if digits.current.is_none() {
                digits.current = digits.queue.pop_front().map(|digit| Current::new(digit, 0, None));
            }
            let Some(current) = &mut digits.current else { return false };
            if current.form.is_some() {
                return true;
            }
            let (digit, elapsed) = (current.digit, current.elapsed);
            let tone = digits.abilities.is_tone(digit.digit, digit.method);
            match (tone, digits.abilities.event(clock)) {
                (Some(true), _) if encodes => {
                    current.form =
                        generator(&digit, elapsed, rate).map(|generator| Form::Tone { generator, rate });
                    if let Some(egress) = self.egress.as_mut().filter(|_| elapsed == 0) {
                        egress.change_signal();
                    }
                }
                (Some(false), Some((_, clock_rate))) => {
                    let began = current.began.take();
                    let began = began.unwrap_or_else(|| self.rewriter.begin_event(now));
                    let sender = event_sender(&digit, elapsed, clock_rate);
                    if let Some(current) = self.digits.as_mut().and_then(|digits| digits.current.as_mut()) {
                        current.form = Some(Form::Event { sender, began, clock_rate });
                    }
                    return true;
                }
                _ => {}
            }
            if let Some(digits) = &mut self.digits
                && digits.current.as_ref().is_some_and(|current| current.form.is_none())
            {
                // The party can be sent it no more.
                digits.current = None;
                self.sent.unsent += 1;
            }
        }
        false
    }

    /// Ends the audio before an event with a fade-out, so that the party's decoder goes on from silence behind it.
    fn end_audio<O: Output>(&mut self, now: Time, transport: &mut Transport, out: &mut O) {
        let encodes = self.transcodes();
        let Some(egress) = self.egress.as_mut().filter(|_| encodes) else { return };
        let added = egress.finish();
        self.rewriter.add_lead(egress.ticks(added));
        if let Some(to) = transport.destination().filter(|_| self.allowed) {
            self.send_ready(now, (transport, to), true, out);
        }
        if let Some(egress) = &mut self.egress {
            egress.begin(true);
            egress.pause();
        }
    }

    fn push_digit<O: Output>(&mut self, now: Time, transport: &mut Transport, millis: u32, out: &mut O) {
        let Some(current) = self.digits.as_mut().and_then(|digits| digits.current.as_mut()) else { return };
        let to = transport.destination().filter(|_| self.allowed);
        let digit = current.digit;
        let sent = current.elapsed;
        current.elapsed = sent.saturating_add(millis);
        match &mut current.form {
            Some(Form::Tone { generator: tone, rate }) => {
                let Some(egress) = &mut self.egress else { return };
                if egress.rate() != *rate
                    && let Some(other) = generator(&digit, sent, egress.rate())
                {
                    (*tone, *rate) = (other, egress.rate());
                }
                let mut pcm = [0; MAX_TICK];
                let pcm = pcm.get_mut(..samples(egress.rate(), millis)).unwrap_or_default();
                tone.fill(pcm);
                let Some(to) = to else {
                    egress.begin(true);
                    return self.rewriter.pass_silence(egress.ticks_of(millis));
                };
                egress.gather(FrameKind::Audio, pcm);
                self.send_ready(now, (transport, to), false, out);
            }
            Some(Form::Event { sender, began, clock_rate }) => {
                let (clock_rate, began) = (*clock_rate, *began);
                let due = ticks(current.elapsed, clock_rate);
                let packets: [_; PACKETS_A_TICK] = std::array::from_fn(|_| sender.poll(due));
                for packet in packets.into_iter().flatten() {
                    self.send_event(transport, (&packet, began, clock_rate), out);
                }
                self.rewriter.pass_silence(ticks(millis, self.rewriter.clock_rate));
            }
            None => {}
        }
    }

    fn send_event<O: Output>(
        &mut self,
        transport: &mut Transport,
        (event, began, clock_rate): (&EventPacket, RtpTicks, u32),
        out: &mut O,
    ) {
        let Some(digits) = &self.digits else { return };
        let found = digits.abilities.event(clock_rate).filter(|(_, rate)| *rate == clock_rate);
        let to = transport.destination().filter(|_| self.allowed);
        let (Some((payload_type, _)), Some(to)) = (found, to) else {
            self.sent.unsent += 1;
            return;
        };
        let Some(mut packet) = out.take() else {
            self.sent.unsent += 1;
            return;
        };
        // A segment begins on the stream's clock, which need not be the event's.
        let since = u64::from(event.timestamp) * u64::from(self.rewriter.clock_rate) / u64::from(clock_rate);
        let header = RtpHeader {
            marker: event.marker,
            payload_type,
            sequence: self.rewriter.take_number(),
            timestamp: began.wrapping_add(low_32(since)),
            ssrc: self.rewriter.ssrc(),
        };
        packet.set_len(FIXED_HEADER_LEN + BLOCK_LEN);
        let payload = packet.bytes_mut().get_mut(FIXED_HEADER_LEN..).unwrap_or_default();
        let written = event.block.write(payload).is_ok() && header.write(packet.bytes_mut()).is_ok();
        if written && transport.protect_rtp(&mut packet) {
            self.sent.packets += 1;
            self.sent.octets += BLOCK_LEN as u64;
            out.send(transport.ports().rtp, to, packet);
        } else {
            self.sent.unsent += 1;
            out.give(packet);
        }
    }
}

/// Samples of the longest tick at the highest rate.
const MAX_TICK: usize = 960;

/// The tones of a digit of which `elapsed` milliseconds were sent.
fn generator(digit: &Digit, elapsed: u32, rate: u32) -> Option<Generator> {
    let low_dbm0 = (-f32::from(digit.volume) - SUM_OVER_LOW).max(FAINTEST);
    let duration_ms = digit.length.unwrap_or(LONGEST).clamp(SHORTEST, LONGEST);
    let usual = GeneratorSettings::default();
    let settings = GeneratorSettings { low_dbm0, twist_db: TWIST, duration_ms, pause_ms: 0, ..usual };
    let mut generator = Generator::new(rate, &settings).ok()?;
    generator.push(digit.digit).ok()?;
    generator.skip(elapsed);
    Some(generator)
}

/// The packets of a digit of which `elapsed` milliseconds were sent. Its timestamps count from 0.
fn event_sender(digit: &Digit, elapsed: u32, clock_rate: u32) -> EventSender {
    let step = u16::try_from(ticks(STEP_MILLIS, clock_rate)).unwrap_or(u16::MAX);
    let length = digit.length.map(|length| ticks(length, clock_rate));
    let mut sender = EventSender::new(digit.digit.code(), digit.volume, 0, step, length);
    while sender.poll(ticks(elapsed, clock_rate)).is_some() {}
    sender
}
