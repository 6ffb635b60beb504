//! Telephone events: the packets that make a digit [RFC4733 2.5.1], and digits made of packets.

use std::time::Duration;

use mediapoint_packet::Time;
use serde::Serialize;

/// Length of an event's payload [RFC4733 2.3].
pub const EVENT_LEN: usize = 4;

/// How often the end of an event is sent [RFC4733 2.5.1.4].
const ENDS: u32 = 3;

/// Loudness in -dBm0 that sent events claim.
const VOLUME: u8 = 10;

/// Digits in the order of their codes [RFC4733 3.2].
const DIGITS: &str = "0123456789*#ABCD";

/// Most digits that are kept.
const MAX_HEARD: usize = 10_000;

/// A digit on its way out, one packet a call of [`Press::next`].
#[derive(Debug, Clone)]
pub struct Press {
    code: u8,
    ticks: u16,
    sent_ticks: u16,
    ends_left: u32,
    begun: bool,
}

/// One packet of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPacket {
    /// The payload.
    pub payload: [u8; EVENT_LEN],
    /// The marker bit, set on the first.
    pub marker: bool,
    /// True on the first of the packets that end the event.
    pub first_end: bool,
}

impl Press {
    /// A digit held for `duration` (20 ms to 8 s); `None` where the character is none of `0-9*#A-D`.
    #[must_use]
    pub fn new(digit: char, duration: Duration) -> Option<Self> {
        let place = DIGITS.find(digit.to_ascii_uppercase())?;
        let packets = (duration.as_millis() / 20).clamp(1, 400);
        Some(Self {
            code: u8::try_from(place).ok()?,
            ticks: u16::try_from(packets * 160).ok()?,
            sent_ticks: 0,
            ends_left: ENDS,
            begun: false,
        })
    }

    /// The packet of the next 20 ms; `None` where the last was sent. The ends are one packet interval apart, too.
    #[expect(
        clippy::should_implement_trait,
        reason = "it is told nothing and yields a step of time, not an item"
    )]
    pub fn next(&mut self) -> Option<EventPacket> {
        let marker = !std::mem::replace(&mut self.begun, true);
        let grown = self.sent_ticks.saturating_add(160).min(self.ticks);
        let ending = grown == self.ticks;
        self.sent_ticks = grown;
        let first_end = ending && self.ends_left == ENDS;
        if ending {
            self.ends_left = self.ends_left.checked_sub(1)?;
        }
        let [high, low] = grown.to_be_bytes();
        let flags = if ending { 0x80 | VOLUME } else { VOLUME };
        Some(EventPacket { payload: [self.code, flags, high, low], marker, first_end })
    }

    /// How long the digit is held, in RTP ticks.
    #[must_use]
    pub fn ticks(&self) -> u16 {
        self.ticks
    }
}

/// A digit that was heard.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Digit {
    /// Which one; `?` for a code that is no digit.
    pub symbol: char,
    /// How long it was held, as far as was heard.
    pub duration: Duration,
    /// True where its end was heard.
    pub ended: bool,
    /// How many packets of it came.
    pub packets: u32,
    /// When the first came.
    #[serde(skip)]
    pub began: Time,
    #[serde(skip)]
    timestamp: u32,
    #[serde(skip)]
    code: u8,
}

/// Gathers the packets of events into digits.
#[derive(Debug, Clone, Default)]
pub struct DigitListener {
    heard: Vec<Digit>,
}

impl DigitListener {
    /// Takes a packet in; false where its payload is none of an event. Repetitions, also late ones, add nothing to
    /// the digit but their count.
    pub fn handle(&mut self, now: Time, timestamp: u32, payload: &[u8]) -> bool {
        let Some(&[code, flags, high, low]) = payload.first_chunk::<EVENT_LEN>() else { return false };
        let duration = Duration::from_micros(u64::from(u16::from_be_bytes([high, low])) * 125);
        let ended = flags & 0x80 != 0;
        let known = self.heard.iter_mut().rev().take(4).find(|d| d.timestamp == timestamp && d.code == code);
        if let Some(digit) = known {
            digit.duration = digit.duration.max(duration);
            digit.ended |= ended;
            digit.packets += 1;
        } else if self.heard.len() < MAX_HEARD {
            let symbol = DIGITS.chars().nth(usize::from(code)).unwrap_or('?');
            self.heard.push(Digit { symbol, duration, ended, packets: 1, began: now, timestamp, code });
        }
        true
    }

    /// The digits in the order in which they began.
    #[must_use]
    pub fn heard(&self) -> &[Digit] {
        &self.heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // test-of: [RFC4733 2.5.1]
    #[test]
    fn a_press_grows_then_ends_three_times() {
        let mut press = Press::new('#', Duration::from_millis(60)).unwrap();
        let packets: Vec<_> = std::iter::from_fn(|| press.next()).collect();
        let payloads: Vec<_> = packets.iter().map(|packet| packet.payload).collect();
        assert_eq!(
            payloads,
            [[11, 10, 0, 160], [11, 10, 1, 64], [11, 138, 1, 224], [11, 138, 1, 224], [11, 138, 1, 224]]
        );
        let flags: Vec<_> = packets.iter().map(|packet| (packet.marker, packet.first_end)).collect();
        assert_eq!(flags, [(true, false), (false, false), (false, true), (false, false), (false, false)]);
    }

    #[test]
    fn digits_are_told_apart_by_timestamp_and_repetitions_are_not() {
        let mut listener = DigitListener::default();
        for (timestamp, digit) in [(0, '5'), (1_000, '5'), (2_000, 'd')] {
            let mut press = Press::new(digit, Duration::from_millis(40)).unwrap();
            while let Some(packet) = press.next() {
                assert!(listener.handle(Time::ZERO, timestamp, &packet.payload));
            }
        }
        listener.handle(Time::ZERO, 1_000, &[5, 138, 1, 64]);
        let heard: Vec<_> = listener.heard().iter().map(|d| (d.symbol, d.ended, d.packets)).collect();
        assert_eq!(heard, [('5', true, 4), ('5', true, 5), ('D', true, 4)]);
        assert_eq!(listener.heard()[0].duration, Duration::from_millis(40));
        assert!(!listener.handle(Time::ZERO, 0, &[1, 2, 3]));
    }

    #[test]
    fn only_digits_can_be_pressed() {
        assert!(Press::new('x', Duration::from_millis(100)).is_none());
    }
}
