//! Notes everything in a received stream that a far end could hear as a seam: another SSRC, a sequence number twice,
//! a gap wider than what was lost, a timestamp that goes back or leaves the clock, a payload out of its order.

use std::time::Duration;

use mediapoint_packet::Time;
use mediapoint_packet::rtp::{RtpTicks, Seq, Ssrc};

use crate::mark::Mark;

/// Sequence numbers back from the highest that are remembered.
const WINDOW: u64 = 4096;

/// Findings kept; the first ones tell the cause.
const MOST: usize = 12;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seams(pub Vec<String>);

/// What the check is shown of a packet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) at: Time,
    pub(crate) ssrc: Ssrc,
    pub(crate) sequence: Seq,
    pub(crate) timestamp: RtpTicks,
    pub(crate) clock_rate: u32,
    /// True for telephone-event, whose timestamp stands still.
    pub(crate) event: bool,
    pub(crate) mark: Option<Mark>,
}

#[derive(Debug, Clone, Copy)]
struct Highest {
    index: u64,
    seen: Seen,
}

/// The check of one received stream.
#[derive(Debug, Clone)]
pub struct SeamCheck {
    tolerance: Duration,
    audio_beside_events: bool,
    ssrc: Option<Ssrc>,
    first: u64,
    highest: Option<Highest>,
    /// The last packet that was not an event, with its timestamp since the first one.
    audio: Option<(Seen, i64)>,
    /// Timestamp of the last event.
    event: Option<RtpTicks>,
    first_audio_at: Time,
    seen: Box<[u64; 64]>,
    received: u64,
    seams: Seams,
}

impl Default for SeamCheck {
    fn default() -> Self {
        Self {
            tolerance: Duration::from_millis(300),
            audio_beside_events: false,
            ssrc: None,
            first: 0,
            highest: None,
            audio: None,
            event: None,
            first_audio_at: Time::ZERO,
            seen: Box::new([0; 64]),
            received: 0,
            seams: Seams::default(),
        }
    }
}

impl SeamCheck {
    /// How far timestamps may be from the clock: what jitter and borders add up to; 300 ms where not set.
    pub fn set_tolerance(&mut self, tolerance: Duration) {
        self.tolerance = tolerance;
    }

    /// Lets audio go on beside an event, as some phones have it: what comes first of the event may then be behind audio
    /// that is later than its beginning.
    pub fn allow_audio_beside_events(&mut self) {
        self.audio_beside_events = true;
    }

    /// `Ok` where no seam was found.
    ///
    /// # Errors
    /// The first seams found.
    pub fn check(&self) -> Result<(), Seams> {
        if self.seams.0.is_empty() { Ok(()) } else { Err(self.seams.clone()) }
    }

    /// Sequence numbers that were passed over: lost on the way to the engine, from it, or by it.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.highest.map_or(0, |highest| highest.index - self.first + 1 - self.received)
    }

    /// Packets seen.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.received
    }

    pub(crate) fn observe(&mut self, seen: Seen) {
        if let Some(before) = self.ssrc.replace(seen.ssrc)
            && before != seen.ssrc
        {
            self.found(&seen, format_args!("SSRC changed from {before}"));
        }
        let Some(highest) = self.highest else {
            let index = (1 << 32) + u64::from(seen.sequence.0);
            self.first = index;
            self.advance(index, seen);
            return;
        };
        let step = i64::from(seen.sequence.distance_from(highest.seen.sequence));
        let index = highest.index.saturating_add_signed(step);
        if step > 0 {
            self.observe_newer(&highest, index, &seen);
            self.advance(index, seen);
        } else {
            self.observe_older(&highest, index, &seen);
        }
    }

    fn observe_newer(&mut self, highest: &Highest, index: u64, seen: &Seen) {
        let step = index - highest.index;
        if let (Some(before), Some(mark)) = (highest.seen.mark, seen.mark)
            && before.tag == mark.tag
        {
            if mark.number <= before.number {
                self.found(seen, format_args!("payload {} came after {}", mark.number, before.number));
            } else if step > u64::from(mark.number - before.number) {
                self.found(
                    seen,
                    format_args!("sequence stepped by {step} from payload {before:?} to {mark:?}"),
                );
            }
        }
        self.observe_timestamp(seen);
        if !seen.event {
            self.observe_clock(seen);
        }
    }

    /// Timestamps go on, but an event's, which stands still [RFC4733 2.2.1].
    fn observe_timestamp(&mut self, seen: &Seen) {
        let since = |before: Option<RtpTicks>| before.map(|before| seen.timestamp.distance_from(before));
        let since_audio = since(self.audio.map(|(audio, _)| audio.timestamp));
        let since_event = since(self.event);
        let beside = self.audio_beside_events;
        let back = if seen.event {
            since_event.filter(|ticks| *ticks < 0).or(since_audio.filter(|ticks| *ticks < 0 && !beside))
        } else {
            since_audio.filter(|ticks| *ticks <= 0).or(since_event.filter(|ticks| *ticks < 0))
        };
        if let Some(ticks) = back {
            self.found(seen, format_args!("timestamp stepped by {ticks}"));
        }
    }

    fn observe_clock(&mut self, seen: &Seen) {
        let Some((before, total)) = self.audio else { return };
        if before.clock_rate != seen.clock_rate {
            return;
        }
        let total = total + i64::from(seen.timestamp.distance_from(before.timestamp));
        let elapsed = ticks_of(seen.at.since(self.first_audio_at), seen.clock_rate);
        if (total - elapsed).unsigned_abs() > ticks_of(self.tolerance, seen.clock_rate).unsigned_abs() {
            self.found(seen, format_args!("timestamp is {} ticks off the clock", total - elapsed));
        }
    }

    fn observe_older(&mut self, highest: &Highest, index: u64, seen: &Seen) {
        let behind = highest.index - index;
        if behind >= WINDOW {
            return self.found(seen, format_args!("sequence number from {behind} behind"));
        }
        if !self.set(index) {
            return self.found(seen, format_args!("sequence number twice"));
        }
        self.received += 1;
        self.first = self.first.min(index);
        if let (Some(newest), Some(mark)) = (highest.seen.mark, seen.mark)
            && newest.tag == mark.tag
            && mark.number >= newest.number
        {
            self.found(seen, format_args!("late payload {} is not before {}", mark.number, newest.number));
        }
        if !seen.event && !highest.seen.event && seen.clock_rate == highest.seen.clock_rate {
            let ticks = i64::from(highest.seen.timestamp.distance_from(seen.timestamp));
            let most = ticks_of(self.tolerance + Duration::from_secs(1), seen.clock_rate);
            if ticks <= 0 || ticks > most {
                self.found(seen, format_args!("late packet by {behind} is {ticks} ticks before the highest"));
            }
        }
    }

    fn advance(&mut self, index: u64, seen: Seen) {
        let from = self.highest.map_or(index, |highest| highest.index + 1);
        for passed in from.max(index.saturating_sub(WINDOW))..index {
            self.clear(passed);
        }
        self.clear(index);
        self.set(index);
        self.received += 1;
        self.highest = Some(Highest { index, seen });
        if seen.event {
            self.event = Some(seen.timestamp);
            return;
        }
        let total = match self.audio {
            Some((before, total)) if before.clock_rate == seen.clock_rate => {
                total + i64::from(seen.timestamp.distance_from(before.timestamp))
            }
            _ => {
                self.first_audio_at = seen.at;
                0
            }
        };
        self.audio = Some((seen, total));
    }

    /// Marks a number as seen; false where it was.
    fn set(&mut self, index: u64) -> bool {
        let bit = 1 << (index % 64);
        let Some(word) = self.word(index) else { return false };
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    fn clear(&mut self, index: u64) {
        if let Some(word) = self.word(index) {
            *word &= !(1 << (index % 64));
        }
    }

    fn word(&mut self, index: u64) -> Option<&mut u64> {
        self.seen.get_mut(usize::try_from(index % WINDOW / 64).ok()?)
    }

    fn found(&mut self, seen: &Seen, what: std::fmt::Arguments<'_>) {
        if self.seams.0.len() < MOST {
            let at = Duration::from_nanos(seen.at.as_nanos());
            let Seen { sequence: Seq(sequence), timestamp: RtpTicks(timestamp), .. } = *seen;
            self.seams.0.push(format!("at {at:?}: {what} (sequence {sequence}, timestamp {timestamp})"));
        }
    }
}

fn ticks_of(time: Duration, clock_rate: u32) -> i64 {
    i64::try_from(time.as_micros() * u128::from(clock_rate) / 1_000_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(number: u32) -> Seen {
        Seen {
            at: Time::from_millis(u64::from(number) * 20),
            ssrc: Ssrc(1),
            sequence: Seq(65_500).wrapping_add(u16::try_from(number).unwrap()),
            timestamp: RtpTicks((u32::MAX - 3000).wrapping_add(number * 160)),
            clock_rate: 8000,
            event: false,
            mark: Some(Mark { tag: 1, number }),
        }
    }

    fn seams(packets: impl IntoIterator<Item = Seen>) -> Vec<String> {
        let mut check = SeamCheck::default();
        for packet in packets {
            check.observe(packet);
        }
        check.check().err().unwrap_or_default().0
    }

    #[test]
    fn a_stream_with_loss_and_reordering_over_both_wraps_has_no_seam() {
        let mut order: Vec<u32> = (0..300).filter(|number| number % 17 != 3).collect();
        for at in (5..280).step_by(9) {
            order.swap(at, at + 2);
        }
        assert_eq!(seams(order.iter().map(|&number| seen(number))), [""; 0]);
        let mut check = SeamCheck::default();
        order.iter().for_each(|&number| check.observe(seen(number)));
        assert_eq!(check.missing(), 300 - order.len() as u64);
    }

    /// Changes packet 5 of 10 and says what is found.
    fn with_change(change: impl Fn(&mut Seen)) -> Vec<String> {
        seams((0..10).map(|number| {
            let mut packet = seen(number);
            if number >= 5 {
                change(&mut packet);
            }
            packet
        }))
    }

    #[test]
    fn audio_may_go_on_beside_an_event_where_that_is_allowed() {
        let event =
            |number: u32, timestamp: RtpTicks| Seen { timestamp, event: true, mark: None, ..seen(number) };
        let audio = |number: u32, timestamp: RtpTicks| Seen { timestamp, mark: None, ..seen(number) };
        let at = |number: u32| seen(number).timestamp;
        let beside = [audio(0, at(0)), audio(2, at(1)), event(3, at(0)), audio(4, at(2)), event(5, at(0))];
        assert_ne!(seams(beside), [""; 0]);
        let mut check = SeamCheck::default();
        check.allow_audio_beside_events();
        beside.into_iter().for_each(|packet| check.observe(packet));
        assert_eq!(check.check(), Ok(()));
        for wrong in [
            [audio(0, at(5)), event(1, at(4)), audio(2, at(6))],
            [event(0, at(5)), event(1, at(6)), event(2, at(5))],
            [event(0, at(5)), event(1, at(6)), audio(2, at(5))],
        ] {
            assert_eq!(seams(wrong).len(), 1, "{wrong:?}");
        }
    }

    #[test]
    fn every_kind_of_seam_is_found() {
        type Change = fn(&mut Seen);
        let changes: [(&str, Change); 6] = [
            ("SSRC changed", |packet| packet.ssrc = Ssrc(2)),
            ("sequence stepped by 8", |packet| packet.sequence = packet.sequence.wrapping_add(7)),
            ("timestamp stepped by -", |packet| {
                packet.timestamp = packet.timestamp.wrapping_add(0u32.wrapping_sub(900))
            }),
            ("off the clock", |packet| packet.timestamp = packet.timestamp.wrapping_add(4000)),
            ("came after", |packet| packet.mark = Some(Mark { tag: 1, number: 1 })),
            ("is not before", |packet| packet.sequence = packet.sequence.wrapping_add(0u16.wrapping_sub(20))),
        ];
        for (text, change) in changes {
            let found = with_change(change);
            assert!(found.iter().any(|seam| seam.contains(text)), "{text}: {found:?}");
        }
        let twice = seams([seen(0), seen(1), seen(0)]);
        assert!(twice.iter().any(|seam| seam.contains("twice")), "{twice:?}");
    }
}
