//! The digits that a leg is sent: as telephone events [RFC4733 2.5] or as tones, one after another, in the leg's one stream.
//!
//! While digits are sent, nothing of the leg's source is. Events take numbers and timestamps as encoded packets do, so that
//! they need no encoder; tones go through the leg's egress. A digit and its pause last whole ticks.

mod push;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use mediapoint_codec::Encoding;
use mediapoint_dtmf::{EventSender, Generator, frequencies};
use mediapoint_packet::Time;
use mediapoint_packet::rtp::{PayloadType, RtpTicks};
use mediapoint_packet::telephone_event::DtmfDigit;

use crate::api::digit::{DigitMethod, DigitSpec};
use crate::api::leg::LegConfig;
use crate::api::source::Source;
use crate::session::leg::egress::EncoderSpec;
use crate::session::leg::rewriter::Input;
use crate::session::leg::sender::Sender;

/// Digits that wait at most, the one that is sent included.
pub(crate) const MAX_DIGITS: usize = DigitSpec::MAX_WAITING;

/// Of these, digits of the source that are converted, so that it cannot keep out those of a command.
const MAX_CONVERTED: usize = MAX_DIGITS / 2;

/// Milliseconds of a digit that is converted, at least, and of the pause after it.
const SHORTEST: u32 = 40;

/// Milliseconds of a digit of unknown length at most.
pub(crate) const LONGEST: u32 = 60_000;

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

/// A digit as it is sent. None of this has `Debug`: it may be of a card number.
enum Form {
    Event {
        sender: EventSender,
        began: RtpTicks,
        clock_rate: u32,
    },
    /// At a sample rate in hertz: that of the egress, which may become another one.
    Tone {
        generator: Generator,
        rate: u32,
    },
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
            Some(Form::Tone { generator, .. }) => generator.end_at(length),
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

    /// Makes the queue where there is none.
    pub(crate) fn prepare_digits(&mut self, config: &LegConfig) -> &mut Digits {
        self.digits.get_or_insert_with(|| Box::new(Digits::new(DigitAbilities::of(config))))
    }

    /// Queues digits of a command; false where they do not all fit.
    pub(crate) fn queue_digits(&mut self, config: &LegConfig, specs: &[DigitSpec]) -> bool {
        let digits = self.prepare_digits(config);
        if digits.len() + specs.len() > MAX_DIGITS {
            return false;
        }
        digits.queue.extend(specs.iter().map(Digit::of));
        digits.commanded |= !specs.is_empty();
        true
    }

    /// Begins a digit of unknown length after those that wait, by whichever method the party agreed to; its end is
    /// [`Sender::end_digit`]. False where there is no room, or no queue, see [`Sender::prepare_digits`].
    pub(crate) fn begin_digit(&mut self, digit: DtmfDigit, volume: u8, source: Source) -> bool {
        self.begin_open(Digit::open(digit, volume, DigitMethod::Automatic, Origin::Detected), source)
    }

    /// Queues a digit of the source that is complete, of `millis` milliseconds. As [`Sender::begin_digit`].
    pub(crate) fn queue_detected(
        &mut self,
        digit: DtmfDigit,
        (volume, millis): (u8, u32),
        source: Source,
    ) -> bool {
        let open = Digit::open(digit, volume, DigitMethod::Automatic, Origin::Detected);
        self.begin_open(Digit { length: Some(millis.clamp(SHORTEST, LONGEST)), ..open }, source)
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

    /// Ends a digit that was found in the source's audio and goes on: nobody looks for its end any more.
    pub(crate) fn end_detected(&mut self) {
        let open = self.digits.as_ref().and_then(|digits| digits.open());
        if open.is_some_and(|digit| digit.origin == Origin::Detected) {
            self.end_digit(None);
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
    pub(crate) fn make_way(&mut self, now: Time, first: Option<&Input>) {
        let Some(digits) = &mut self.digits else { return };
        digits.begun = true;
        if !self.transcodes() {
            let clock_rate = self.digit_clock();
            self.rewriter.begin_encoded(now, first, clock_rate);
            self.tail = None;
        }
    }
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
