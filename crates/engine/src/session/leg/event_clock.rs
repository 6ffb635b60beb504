//! Telephone events on the clock of the stream that they are sent in: one timestamp for each event [RFC4733 2.2.1], and
//! segments where an event is longer than the duration field can state [RFC4733 2.5.1.3].
//!
//! Events should have the clock rate of the audio beside them [RFC4733 2.1]. Phones that know only telephone-event/8000
//! send it beside Opus: some give events timestamps of the audio's clock, others those of a clock of their own. Either is
//! brought onto the clock of the audio, which no event moves.

use mediapoint_packet::rtp::RtpTicks;
use mediapoint_packet::telephone_event::{BLOCK_LEN, EventBlock};

use crate::session::leg::rewriter::{Input, InputEpoch};
use crate::session::snapshot::stream::EventTimestampSnapshot;

/// The longest duration that a segment can state [RFC4733 2.5.1.3].
pub const SEGMENT: u32 = 65_535;

/// An event of a clock of its own that departs from its arrival by more than this part of a second is tied to it anew.
const TIE_HOLDS: i64 = 5;

/// Where a packet stands in its event, as the event receiver tells.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventPart {
    /// Timestamp of the event's beginning: that of its first segment.
    pub begin: RtpTicks,
    /// Ticks since then that the packet reports.
    pub total: u32,
    /// The packet is a late one, of an event that another has followed.
    pub stale: bool,
}

impl EventPart {
    /// A packet of an event of one segment, which begins at `timestamp`.
    #[must_use]
    pub const fn of_segment(timestamp: RtpTicks) -> Self {
        Self { begin: timestamp, total: 0, stale: false }
    }
}

/// An event as it is sent.
#[derive(Debug, Clone, Copy)]
struct SentEvent {
    epoch: InputEpoch,
    received: RtpTicks,
    sent: RtpTicks,
    /// Segments whose whole duration was reported.
    full: u32,
    /// Other audio has followed the audio that it came among.
    left: bool,
}

/// A beginning of an event received, and the timestamp that it was sent with.
#[derive(Debug, Clone, Copy)]
struct Tie {
    epoch: InputEpoch,
    clock_rate: u32,
    received: RtpTicks,
    sent: RtpTicks,
}

/// The events of one stream that is sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventClock {
    /// The event that came last, and the one before it, of which late packets may come.
    recent: [Option<SentEvent>; 2],
    tie: Option<Tie>,
}

impl EventClock {
    fn find(&self, input: &Input) -> Option<&SentEvent> {
        self.recent.iter().flatten().find(|event| event.is_of(input))
    }

    fn find_mut(&mut self, input: &Input) -> Option<&mut SentEvent> {
        self.recent.iter_mut().flatten().find(|event| event.is_of(input))
    }

    /// The timestamp that the packet's event is sent with, where some of it was sent.
    pub(crate) fn sent(&self, input: &Input) -> Option<RtpTicks> {
        self.find(input).map(|event| event.sent)
    }

    /// Notes that other audio follows the audio of an epoch: late packets of events that came among it have no place any
    /// more.
    pub(crate) fn leave(&mut self, before: InputEpoch, next: InputEpoch) {
        for event in self.recent.iter_mut().flatten() {
            event.left |= event.epoch == before && event.epoch != next;
        }
    }

    /// True for a late packet of an event that came among audio which other audio has followed.
    pub(crate) fn is_left(&self, input: &Input) -> bool {
        self.find(input).is_some_and(|event| event.left)
    }

    /// Notes the timestamp that a new event is sent with.
    pub(crate) fn begin(&mut self, input: &Input, sent: RtpTicks) {
        let event = SentEvent { epoch: input.epoch, received: input.part.begin, sent, full: 0, left: false };
        let [last, before] = &mut self.recent;
        *before = last.replace(event);
    }

    /// The timestamp of a new event that has another clock than the audio of its stream. `expected` is the one of its
    /// arrival, on a clock of `clock_rate` hertz, and `shared` the one it has where its timestamps are of the audio's clock.
    pub(crate) fn place(
        &mut self,
        input: &Input,
        expected: RtpTicks,
        shared: Option<RtpTicks>,
        clock_rate: u32,
    ) -> RtpTicks {
        let rate = i64::from(clock_rate);
        let off = |timestamp: RtpTicks| i64::from(timestamp.distance_from(expected)).abs();
        if let Some(shared) = shared.filter(|shared| off(*shared) <= rate) {
            return shared;
        }
        let is_known = |tie: &Tie| tie.epoch == input.epoch && tie.clock_rate == input.clock_rate;
        let own = self.tie.filter(is_known).map(|tie| {
            let since = i64::from(input.part.begin.distance_from(tie.received));
            tie.sent.wrapping_add(low_32(since * rate / i64::from(tie.clock_rate.max(1))))
        });
        if let Some(own) = own.filter(|own| off(*own) <= rate / TIE_HOLDS) {
            return own;
        }
        self.tie = Some(Tie {
            epoch: input.epoch,
            clock_rate: input.clock_rate,
            received: input.part.begin,
            sent: expected,
        });
        expected
    }

    /// True for a packet from before the segment that its event is in, on a clock that runs `from` to `to` as fast.
    pub(crate) fn is_behind(&self, input: &Input, (from, to): (u32, u32)) -> bool {
        self.find(input).is_some_and(|event| segment_of(scale(input.part.total, from, to)) < event.full)
    }

    /// Converts the durations of a payload to another clock rate. Returns how far behind the beginning of its event the
    /// segment begins that the packet is then of.
    pub(crate) fn convert(&mut self, input: &Input, payload: &mut [u8], (from, to): (u32, u32)) -> u32 {
        let total = scale(input.part.total, from, to);
        if payload.len() < 2 * BLOCK_LEN
            && let Some(event) = self.find_mut(input)
        {
            return event.convert(payload, total);
        }
        // Several events in one packet, each of which begins where the one before ended [RFC4733 2.5.1.5]: what does not fit
        // is the longest there is.
        for block in payload.chunks_exact_mut(BLOCK_LEN) {
            change(block, |block| {
                let duration = scale(u32::from(block.duration), from, to);
                EventBlock { duration: u16::try_from(duration).unwrap_or(u16::MAX), ..block }
            });
        }
        input.timestamp.0.wrapping_sub(input.part.begin.0)
    }
}

impl SentEvent {
    fn is_of(&self, input: &Input) -> bool {
        self.epoch == input.epoch && self.received == input.part.begin
    }

    /// Reports `total` ticks. Each segment is reported to its whole duration before the next begins, without an end there:
    /// that is left to the retransmissions.
    fn convert(&mut self, block: &mut [u8], total: u64) -> u32 {
        let wanted = segment_of(total);
        let segment = wanted.min(self.full);
        let begin = segment.wrapping_mul(SEGMENT);
        let rest = total.saturating_sub(u64::from(segment) * u64::from(SEGMENT));
        let duration = u16::try_from(rest).unwrap_or(u16::MAX);
        if segment == self.full && duration == u16::MAX {
            self.full += 1;
        }
        change(block, |block| EventBlock { duration, end: block.end && segment == wanted, ..block });
        begin
    }
}

fn change(bytes: &mut [u8], change: impl FnOnce(EventBlock) -> EventBlock) {
    if let Ok(block) = EventBlock::read(bytes) {
        // It is as long as the one read.
        let _: Result<_, _> = change(block).write(bytes);
    }
}

/// Ticks of one clock as ticks of another.
fn scale(ticks: u32, from: u32, to: u32) -> u64 {
    u64::from(ticks) * u64::from(to) / u64::from(from.max(1))
}

/// The segment, from 0, that an event of so many ticks is in.
fn segment_of(total: u64) -> u32 {
    u32::try_from(total.saturating_sub(1) / u64::from(SEGMENT)).unwrap_or(u32::MAX)
}

/// A signed number of ticks on a clock that wraps.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the RTP clock wraps")]
const fn low_32(ticks: i64) -> u32 {
    ticks as u32
}

impl EventClock {
    /// The last event. How its clock is tied to the audio's shows anew with the next.
    pub(crate) fn save(&self) -> Option<EventTimestampSnapshot> {
        let [last, _] = self.recent;
        last.map(|event| EventTimestampSnapshot {
            epoch: event.epoch,
            received: event.received.0,
            sent: event.sent.0,
            full: event.full,
            left: event.left,
        })
    }

    pub(crate) fn restored(saved: Option<&EventTimestampSnapshot>) -> Self {
        let event = saved.map(|event| SentEvent {
            epoch: event.epoch,
            received: RtpTicks(event.received),
            sent: RtpTicks(event.sent),
            full: event.full,
            left: event.left,
        });
        Self { recent: [event, None], tie: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::id::LegId;

    fn input(begin: u32, total: u32) -> Input {
        Input {
            epoch: InputEpoch { leg: LegId::from_u64(1), epoch: 0 },
            index: 0,
            timestamp: RtpTicks(begin),
            marker: false,
            clock_rate: 8000,
            event: true,
            part: EventPart { begin: RtpTicks(begin), total, stale: false },
        }
    }

    /// What is sent of an event of which packets with these totals came: where its segment begins, the duration, the end.
    fn sent(totals: &[(u32, bool)]) -> Vec<(u32, u16, bool)> {
        let mut clock = EventClock::default();
        clock.begin(&input(900, 0), RtpTicks(5));
        let one = |&(total, end): &(u32, bool)| {
            let mut payload = [0; BLOCK_LEN];
            EventBlock { code: 1, end, volume: 3, duration: 7 }.write(&mut payload).unwrap();
            let begin = clock.convert(&input(900, total), &mut payload, (8000, 48_000));
            let block = EventBlock::read(&payload).unwrap();
            assert_eq!((block.code, block.volume), (1, 3));
            (begin, block.duration, block.end)
        };
        totals.iter().map(one).collect()
    }

    // test-of: [RFC4733 2.5.1.3]
    #[test]
    fn a_segment_is_told_to_its_end_before_the_next_begins() {
        let packets = [(10_900, false), (11_060, false), (11_220, false), (11_220, true), (11_220, true)];
        let expected = [
            (0, 65_400, false),
            (0, 65_535, false),
            (65_535, 1785, false),
            (65_535, 1785, true),
            (65_535, 1785, true),
        ];
        assert_eq!(sent(&packets), expected);
        // With the end just behind the border it is left to the retransmissions.
        let packets = [(10_900, false), (10_930, true), (10_930, true), (10_930, true)];
        let expected = [(0, 65_400, false), (0, 65_535, false), (65_535, 45, true), (65_535, 45, true)];
        assert_eq!(sent(&packets), expected);
    }

    #[test]
    fn the_segments_of_what_was_lost_are_told_too() {
        let packets = [(160, false), (40_000, true), (40_000, true), (40_000, true), (40_000, true)];
        let expected = [
            (0, 960, false),
            (0, 65_535, false),
            (65_535, 65_535, false),
            (131_070, 65_535, false),
            (196_605, 43_395, true),
        ];
        assert_eq!(sent(&packets), expected);
    }

    #[test]
    fn a_late_packet_is_of_the_segment_that_it_was_of() {
        let packets = [(10_930, false), (10_930, false), (10_900, false), (10_940, true)];
        let expected = [(0, 65_535, false), (65_535, 45, false), (0, 65_400, false), (65_535, 105, true)];
        assert_eq!(sent(&packets), expected);
        let mut clock = EventClock::default();
        clock.begin(&input(900, 0), RtpTicks(5));
        let mut payload = [1, 0, 0, 0];
        assert!(!clock.is_behind(&input(900, 10_900), (8000, 48_000)));
        clock.convert(&input(900, 10_930), &mut payload, (8000, 48_000));
        assert!(clock.is_behind(&input(900, 10_900), (8000, 48_000)));
        assert!(!clock.is_behind(&input(900, 10_930), (8000, 48_000)));
    }

    #[test]
    fn several_events_in_one_packet_are_converted_each() {
        let mut clock = EventClock::default();
        clock.begin(&input(900, 100), RtpTicks(5));
        let mut payload = [1, 0x80, 0, 100, 2, 0, 0xff, 0];
        assert_eq!(clock.convert(&input(900, 100), &mut payload, (8000, 48_000)), 0);
        assert_eq!(payload, [1, 0x80, 0x02, 0x58, 2, 0, 0xff, 0xff]);
    }

    #[test]
    fn an_event_of_its_own_clock_keeps_the_distance_of_its_clock() {
        let mut clock = EventClock::default();
        let place = |clock: &mut EventClock, begin, expected, shared| {
            clock.place(&input(begin, 0), RtpTicks(expected), Some(RtpTicks(shared)), 48_000).0
        };
        assert_eq!(place(&mut clock, 1000, 500_000, 4_000_000_000), 500_000, "tied to its arrival");
        // A second later by its clock, 10 ms more by its arrival.
        assert_eq!(place(&mut clock, 9000, 548_480, 4_000_000_000), 548_000);
        // It stood still meanwhile.
        assert_eq!(place(&mut clock, 9160, 900_000, 4_000_000_000), 900_000, "tied anew");
        assert_eq!(place(&mut clock, 9960, 904_800, 4_000_000_000), 904_800);
        // Within a second of the audio's clock it is that one's.
        assert_eq!(place(&mut clock, 12_345, 950_000, 951_234), 951_234);
    }
}
