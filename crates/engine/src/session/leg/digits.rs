//! The digits that a leg is sent: as telephone events [RFC4733 2.5] or as tones, one after another, in the leg's one stream.
//!
//! While digits are sent, nothing of the leg's source is. Events take numbers and timestamps as encoded packets do, so that
//! they need no encoder; tones go through the leg's egress. A digit and its pause last whole ticks.

use std::collections::VecDeque;
use std::time::Duration;

use mediapoint_codec::Encoding;
use mediapoint_dtmf::{EventPacket, EventSender, Generator, GeneratorSettings, frequencies};
use mediapoint_packet::Time;
use mediapoint_packet::rtp::{FIXED_HEADER_LEN, PayloadType, RtpHeader, RtpTicks};
use mediapoint_packet::telephone_event::{BLOCK_LEN, DtmfDigit};

use crate::api::digit::{DigitMethod, DigitSpec};
use crate::api::leg::LegConfig;
use crate::api::source::Source;
use crate::session::Output;
use crate::session::frame::{FrameKind, samples};
use crate::session::leg::egress::EncoderSpec;
use crate::session::leg::sender::Sender;
use crate::session::leg::transport::Transport;

/// Digits that wait at most, the one that is sent included.
pub(crate) const MAX_DIGITS: usize = DigitSpec::MAX_WAITING;

/// Of these, digits of the source that are converted, so that it cannot keep out those of a command.
const MAX_CONVERTED: usize = MAX_DIGITS / 2;

/// Milliseconds between two packets of an event.
const STEP_MILLIS: u32 = 20;

/// Milliseconds of a digit that is converted, at least, and of the pause after it.
const SHORTEST: u32 = 40;

/// Milliseconds of a digit of unknown length at most.
pub(crate) const LONGEST: u32 = 60_000;

/// Both tones together are louder than the low one alone by so much, in dB, where the high one is louder by [`TWIST`].
const SUM_OVER_LOW: f32 = 4.124;

/// The high tone over the low one, in dB.
const TWIST: f32 = 2.0;

/// The low tone has this level in dBm0 at least.
const FAINTEST: f32 = -60.0;

/// Packets of one event in a tick at most: one, and another one where a segment ends [RFC4733 2.5.1.3].
const PACKETS_A_TICK: usize = 4;

/// Who asked for a digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Origin {
    /// A command.
    Command,
    /// A telephone event of the source.
    Event,
    /// Whoever ends it, too.
    Detected,
}

/// A digit that waits or is sent. Times are milliseconds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digit {
    pub(crate) digit: DtmfDigit,
    /// `None` until its end is known.
    pub(crate) length: Option<u32>,
    pub(crate) pause: u32,
    pub(crate) volume: u8,
    pub(crate) method: DigitMethod,
    pub(crate) origin: Origin,
}

impl Digit {
    fn of(spec: &DigitSpec) -> Self {
        let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(LONGEST);
        Self {
            digit: spec.digit,
            length: Some(millis(spec.duration)),
            pause: millis(spec.pause),
            volume: spec.volume,
            method: spec.method,
            origin: Origin::Command,
        }
    }

    const fn open(digit: DtmfDigit, volume: u8, method: DigitMethod, origin: Origin) -> Self {
        Self { digit, length: None, pause: SHORTEST, volume, method, origin }
    }
}

/// What a leg can be sent digits with.
#[derive(Debug, Clone, Default)]
pub(crate) struct DigitAbilities {
    /// Payload types of telephone events, and their clock rates.
    events: Vec<(PayloadType, u32)>,
    /// Audio can be encoded.
    tones: bool,
    /// Clock rate of the leg's first codec.
    clock_rate: u32,
}

impl DigitAbilities {
    pub(crate) fn of(config: &LegConfig) -> Self {
        let is_event = |encoding: &Encoding| *encoding == Encoding::TelephoneEvent;
        let of_events = config.codecs.iter().filter(|entry| is_event(&entry.codec.encoding));
        let spec = EncoderSpec::new(config);
        let first = config.codecs.iter().find(|entry| !is_event(&entry.codec.encoding));
        let clock =
            spec.as_ref().map(EncoderSpec::entry).or(first).map_or(8000, |entry| entry.codec.clock_rate);
        Self {
            events: of_events.map(|entry| (entry.payload_type, entry.codec.clock_rate.max(1))).collect(),
            tones: spec.is_some(),
            clock_rate: clock,
        }
    }

    /// The events of a stream's clock rate [RFC4733 2.1], else those of another one.
    fn event(&self, clock_rate: u32) -> Option<(PayloadType, u32)> {
        self.events.iter().find(|(_, rate)| *rate == clock_rate).or(self.events.first()).copied()
    }

    pub(crate) fn has_tones(&self) -> bool {
        self.tones
    }

    /// Whether a digit goes as a tone; `None` where it can go in no way.
    fn is_tone(&self, digit: DtmfDigit, method: DigitMethod) -> Option<bool> {
        let (event, tone) = (!self.events.is_empty(), self.tones && frequencies(digit).is_some());
        match method {
            DigitMethod::Automatic if event => Some(false),
            DigitMethod::Automatic | DigitMethod::Tone => tone.then_some(true),
            DigitMethod::Event => event.then_some(false),
        }
    }

    pub(crate) fn can_send(&self, spec: &DigitSpec) -> bool {
        self.is_tone(spec.digit, spec.method).is_some()
    }
}

/// A digit as it is sent.
#[derive(Debug, Clone)]
enum Form {
    Event { sender: EventSender, began: RtpTicks, clock_rate: u32 },
    Tone(Generator),
}

/// The digit that is sent, or its pause.
pub(crate) struct Current {
    pub(crate) digit: Digit,
    /// Milliseconds of it that were sent.
    pub(crate) elapsed: u32,
    /// Where it began in a stream before this was restored, where it is an event.
    pub(crate) began: Option<RtpTicks>,
    form: Option<Form>,
}

impl Current {
    pub(crate) const fn new(digit: Digit, elapsed: u32, began: Option<RtpTicks>) -> Self {
        Self { digit, elapsed, began, form: None }
    }

    /// True where nothing is left of it.
    fn is_over(&self) -> bool {
        let ends = matches!(&self.form, Some(Form::Event { sender, .. }) if sender.next_at().is_some());
        !ends
            && self.digit.length.is_some_and(|length| self.elapsed >= length.saturating_add(self.digit.pause))
    }

    /// Ends a digit of unknown length when it has lasted `millis`, or now where that is over.
    fn end(&mut self, millis: u32) {
        let length = millis.max(self.elapsed).clamp(SHORTEST, LONGEST + SHORTEST);
        self.digit.length = Some(length);
        match &mut self.form {
            Some(Form::Event { sender, clock_rate, .. }) => sender.end(ticks(length, *clock_rate)),
            Some(Form::Tone(generator)) => generator.end_at(length),
            None => {}
        }
    }
}

/// The queue of a leg. It is made by a command, or where events may have to be converted, and stays.
pub(crate) struct Digits {
    pub(crate) queue: VecDeque<Digit>,
    pub(crate) current: Option<Current>,
    /// The source has made way: the leg is sent nothing else.
    begun: bool,
    /// Milliseconds that the first digit has waited for the source.
    pub(crate) waited: u32,
    /// A digit of a command was among them.
    pub(crate) commanded: bool,
    abilities: DigitAbilities,
    /// The source that a digit of unknown length is of.
    of: Source,
}

impl Digits {
    pub(crate) fn new(abilities: DigitAbilities) -> Self {
        Self {
            // Never more than that are in it.
            queue: VecDeque::with_capacity(MAX_DIGITS),
            current: None,
            begun: false,
            waited: 0,
            commanded: false,
            abilities,
            of: Source::Silence,
        }
    }

    /// Digits that wait, the one that is sent included.
    fn len(&self) -> usize {
        self.queue.len() + usize::from(self.current.is_some())
    }

    fn open(&self) -> Option<&Digit> {
        let current = self.current.iter().map(|current| &current.digit);
        current.chain(&self.queue).find(|digit| digit.length.is_none())
    }

    /// Where the digit that is sent began, where it is an event.
    pub(crate) fn event_began(&self) -> Option<RtpTicks> {
        match self.current.as_ref()?.form {
            Some(Form::Event { began, .. }) => Some(began),
            _ => None,
        }
    }
}

impl Sender {
    /// True where digits wait or are sent.
    pub(crate) fn has_digits(&self) -> bool {
        self.digits.as_ref().is_some_and(|digits| digits.len() > 0)
    }

    /// True while digits are sent in the place of the source.
    pub(crate) fn sends_digits(&self) -> bool {
        self.digits.as_ref().is_some_and(|digits| digits.begun)
    }

    /// True where the digit that comes next, or is sent, needs an encoder.
    pub(crate) fn needs_encoder(&self) -> bool {
        let Some(digits) = &self.digits else { return false };
        let digit = digits.current.as_ref().map(|current| &current.digit).or(digits.queue.front());
        digit.is_some_and(|digit| digits.abilities.is_tone(digit.digit, digit.method) == Some(true))
    }

    /// True where the events of a payload type reach the party as tones: it did not agree to them.
    pub(crate) fn sounds_events(&self, payload_type: PayloadType) -> bool {
        self.events_as_tones && self.map.get(payload_type).is_none()
    }

    /// Notes what the leg's configuration lets it be sent digits with. With `converts` there is a queue although no digit
    /// waits: no packet is to allocate it.
    pub(crate) fn fit_digits(&mut self, config: &LegConfig, converts: bool) {
        let abilities = || DigitAbilities::of(config);
        self.events_as_tones = converts && abilities().has_tones();
        match &mut self.digits {
            Some(digits) => digits.abilities = abilities(),
            None if self.events_as_tones => self.digits = Some(Box::new(Digits::new(abilities()))),
            None => {}
        }
    }

    /// Queues digits of a command; false where they do not all fit.
    pub(crate) fn queue_digits(&mut self, config: &LegConfig, specs: &[DigitSpec]) -> bool {
        let digits = self.digits.get_or_insert_with(|| Box::new(Digits::new(DigitAbilities::of(config))));
        if digits.len() + specs.len() > MAX_DIGITS {
            return false;
        }
        digits.queue.extend(specs.iter().map(Digit::of));
        digits.commanded |= !specs.is_empty();
        true
    }

    /// Begins a digit of unknown length after those that wait, by whichever method the party agreed to; its end is
    /// [`Sender::end_digit`]. False where there is no queue or no room.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the conversion of tones, which detects them"))]
    pub(crate) fn begin_digit(&mut self, digit: DtmfDigit, volume: u8, source: Source) -> bool {
        self.begin_open(Digit::open(digit, volume, DigitMethod::Automatic, Origin::Detected), source)
    }

    /// The same for an event of the source, which becomes a tone.
    pub(crate) fn begin_tone(&mut self, digit: DtmfDigit, volume: u8, source: Source) -> bool {
        self.begin_open(Digit::open(digit, volume, DigitMethod::Tone, Origin::Event), source)
    }

    fn begin_open(&mut self, digit: Digit, source: Source) -> bool {
        self.end_digit(None);
        let Some(digits) = self.digits.as_mut().filter(|digits| digits.len() < MAX_CONVERTED) else {
            return false;
        };
        digits.queue.push_back(digit);
        digits.of = source;
        true
    }

    /// Ends the digit of unknown length when it has lasted `millis`, or now; nothing where there is none.
    pub(crate) fn end_digit(&mut self, millis: Option<u32>) {
        let Some(digits) = &mut self.digits else { return };
        let is_open = |digit: &Digit| digit.length.is_none();
        if let Some(current) = digits.current.as_mut().filter(|current| is_open(&current.digit)) {
            current.end(millis.unwrap_or(0));
        } else if let Some(digit) = digits.queue.iter_mut().find(|digit| is_open(digit)) {
            digit.length = Some(millis.unwrap_or(0).clamp(SHORTEST, LONGEST));
        }
    }

    /// Ends a digit of unknown length that has lasted too long, whose source is gone, or whose event is over.
    pub(crate) fn settle_open_digit(&mut self, source: Source, in_event: bool) {
        let Some(digits) = &self.digits else { return };
        let Some(origin) = digits.open().map(|digit| digit.origin) else { return };
        let lasted = digits.current.as_ref().map_or(0, |current| current.elapsed);
        if digits.of != source || (origin == Origin::Event && !in_event) || lasted >= LONGEST {
            self.end_digit(None);
        }
    }

    /// Forgets the digits that wait, and ends the one that is sent; true where there was one of a command.
    pub(crate) fn stop_digits(&mut self) -> bool {
        let Some(digits) = &mut self.digits else { return false };
        digits.queue.clear();
        if let Some(current) = &mut digits.current
            && current.digit.length.is_none_or(|length| length > current.elapsed)
        {
            let length = current.elapsed.max(1);
            current.end(length);
        }
        std::mem::take(&mut digits.commanded)
    }

    /// Milliseconds that the first digit has waited for the source to make way, and whether it is of a command; `None` where
    /// the source has made way or no digit waits.
    pub(crate) fn digit_waits(&self) -> Option<(u32, bool)> {
        let digits = self.digits.as_ref().filter(|digits| !digits.begun)?;
        let current = digits.current.as_ref().map(|current| &current.digit);
        current.or(digits.queue.front()).map(|digit| (digits.waited, digit.origin == Origin::Command))
    }

    /// Notes that the first digit has waited for so many milliseconds more.
    pub(crate) fn let_digit_wait(&mut self, millis: u32) {
        if let Some(digits) = &mut self.digits {
            digits.waited = digits.waited.saturating_add(millis);
        }
    }

    /// The source makes way for the digits that wait. A leg that is forwarded to goes on as `first` would have, the packet of
    /// the source that is not sent any more.
    pub(crate) fn make_way(&mut self, now: Time, first: Option<&crate::session::leg::rewriter::Input>) {
        let Some(digits) = &mut self.digits else { return };
        digits.begun = true;
        if !self.transcodes() {
            let clock_rate = self.digit_clock();
            self.rewriter.begin_encoded(now, first, clock_rate);
            self.tail = None;
        }
    }

    /// Clock rate of the stream.
    fn digit_clock(&self) -> u32 {
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
        if self.take_digit(now, transport, out) {
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
    fn take_digit<O: Output>(&mut self, now: Time, transport: &mut Transport, out: &mut O) -> bool {
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
                    current.form = generator(&digit, elapsed, rate).map(Form::Tone);
                    if let Some(egress) = self.egress.as_mut().filter(|_| elapsed == 0) {
                        egress.change_signal();
                    }
                }
                (Some(false), Some((_, clock_rate))) => {
                    let began = current.began.take();
                    self.end_audio(now, transport, out);
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

    /// Sends what is gathered of the audio before an event.
    fn end_audio<O: Output>(&mut self, now: Time, transport: &mut Transport, out: &mut O) {
        if !self.transcodes() {
            return;
        }
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
        current.elapsed = current.elapsed.saturating_add(millis);
        let to = transport.destination().filter(|_| self.allowed);
        match &mut current.form {
            Some(Form::Tone(generator)) => {
                let Some(egress) = &mut self.egress else { return };
                let mut pcm = [0; MAX_TICK];
                let pcm = pcm.get_mut(..samples(egress.rate(), millis)).unwrap_or_default();
                generator.fill(pcm);
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

/// Ticks of a clock in so many milliseconds.
fn ticks(millis: u32, clock_rate: u32) -> u32 {
    low_32(u64::from(millis) * u64::from(clock_rate) / 1000)
}

/// A number of ticks on a clock that wraps.
#[expect(clippy::cast_possible_truncation, reason = "the RTP clock wraps")]
const fn low_32(ticks: u64) -> u32 {
    ticks as u32
}
