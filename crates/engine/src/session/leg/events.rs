//! The event receiver of a leg: one key press from the many packets of a telephone event [RFC4733 2.5].
//!
//! Every packet of an event carries the timestamp of its beginning. An event is over when its end packet came, when
//! another event began, or when nothing of it came for [`TIMEOUT`]. Audio beside it says nothing: some senders go on
//! with audio packets between the packets of an event.
//!
//! Behind the first end packet its retransmissions follow. Audio that is encoded meanwhile would come between them with
//! later timestamps; so a source counts as silent until they are through, see [`EventReceiver::is_active`].

use std::time::Duration;

use mediapoint_packet::Time;
use mediapoint_packet::rtp::RtpTicks;
use mediapoint_packet::telephone_event::EventBlock;

use crate::api::event::{KeyMethod, KeyPress};
use crate::session::leg::event_clock::EventPart;
use crate::session::snapshot::age::Age;
use crate::session::snapshot::events::EventSnapshot;

/// An event is over this long after its last packet: three times the usual interval of its packets [RFC4733 2.5.1.2].
pub const TIMEOUT: Duration = Duration::from_millis(150);

/// Times that the end of an event is sent [RFC4733 2.5.1.4].
const ENDS: u8 = 3;

/// Retransmissions of an end are waited for this long.
const END_LASTS: Duration = Duration::from_millis(60);

/// How much later than an event the tones of it come at most: they pass the jitter buffer.
const ECHO: Duration = Duration::from_millis(400);

/// The largest duration that one segment of a long event can state [RFC4733 2.5.1.3].
const LONGEST_SEGMENT: u32 = 65_535;

/// A segment that ends without the event is this long at least: no two presses of a key follow each other so closely that
/// the second begins where the last packet seen of a shorter first one ends.
const SHORTEST_SEGMENT: u16 = 32_768;

/// A packet of an event, and its place in its stream. One under secure input shows its event to nobody who prints it.
#[derive(Clone, Copy)]
pub struct EventPacket {
    /// Epoch of the stream.
    pub epoch: u32,
    /// Extended sequence number.
    pub index: u64,
    /// Timestamp: the beginning of the event.
    pub timestamp: RtpTicks,
    /// Clock rate of the payload type, in hertz.
    pub clock_rate: u32,
    /// The first block of its payload.
    pub block: EventBlock,
    /// It came under secure input.
    pub secret: bool,
}

impl std::fmt::Debug for EventPacket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { epoch, index, timestamp, clock_rate, block, secret } = self;
        let mut shown = f.debug_struct("EventPacket");
        shown.field("epoch", epoch).field("index", index).field("timestamp", timestamp);
        shown.field("clock_rate", clock_rate);
        match secret {
            true => shown.field("block", &"secret"),
            false => shown.field("block", block),
        };
        shown.finish()
    }
}

/// What a packet is to the events of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventStep {
    /// The first of its event.
    Begins,
    /// A further one of the present event, or a retransmission of its end.
    Continues,
    /// A late one of an event that audio or another event has followed.
    Stale,
}

/// The event that came last.
#[derive(Clone, Copy)]
struct Current {
    epoch: u32,
    /// Timestamp of its first segment, and of the present one.
    begin: RtpTicks,
    timestamp: RtpTicks,
    /// The highest index that it came under.
    index: u64,
    code: u8,
    volume: u8,
    clock_rate: u32,
    /// Ticks of the segments before the present one [RFC4733 2.5.1.3].
    earlier: u32,
    /// Ticks of the present segment.
    duration: u16,
    last: Time,
    /// End packets that came, and the time of the first.
    ends: u8,
    ended_at: Time,
    /// Audio with a higher index came: during the event, and after its end.
    audio_between: bool,
    audio_after: bool,
    /// The sender goes on with audio between the packets of the event.
    interleaved: bool,
    reported: bool,
    /// Something of it came under secure input: so its press is secret, whenever that is reported.
    secret: bool,
}

impl Current {
    fn press(&self) -> KeyPress {
        let ticks = u64::from(self.earlier) + u64::from(self.duration);
        KeyPress {
            code: self.code,
            duration: Duration::from_micros(ticks * 1_000_000 / u64::from(self.clock_rate.max(1))),
            volume: self.volume,
            missed: 0,
            method: KeyMethod::TelephoneEvent,
            secret: self.secret,
        }
    }

    const fn is_ended(&self) -> bool {
        self.ends > 0
    }

    /// True while retransmissions of the end may follow before any audio does.
    fn awaits_ends(&self, now: Time) -> bool {
        self.ends < ENDS && !self.audio_after && now.since(self.ended_at) < END_LASTS
    }

    /// Takes in a further packet.
    fn follow(&mut self, now: Time, index: u64, block: &EventBlock) {
        if index > self.index {
            self.index = index;
            self.interleaved |= self.audio_between && !self.is_ended();
        }
        self.last = now;
        if block.end {
            if !self.is_ended() {
                self.ended_at = now;
            }
            self.ends = self.ends.saturating_add(1);
        }
    }

    /// The duration of the present segment where the next one begins at `timestamp`: all that a segment can state, or what
    /// was seen of it.
    fn segment_before(&self, timestamp: RtpTicks) -> Option<u32> {
        let passed = u32::try_from(timestamp.distance_from(self.timestamp)).ok()?;
        let fits = passed == LONGEST_SEGMENT || passed == u32::from(self.duration);
        (fits && !self.is_ended() && self.duration >= SHORTEST_SEGMENT).then_some(passed)
    }

    fn report(&mut self) -> Option<KeyPress> {
        (!std::mem::replace(&mut self.reported, true)).then(|| self.press())
    }
}

/// The event receiver.
#[derive(Default)]
pub struct EventReceiver {
    current: Option<Current>,
}

impl std::fmt::Debug for EventReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // It may be of a card number.
        f.debug_struct("EventReceiver").finish_non_exhaustive()
    }
}

impl EventReceiver {
    /// Takes in a packet of an event: its step, and the key presses that are complete with it, in order: at most the one
    /// before, whose end was lost, and its own.
    pub fn observe(&mut self, now: Time, packet: &EventPacket) -> (EventStep, [Option<KeyPress>; 2]) {
        let EventPacket { epoch, index, timestamp, clock_rate, block, secret } = *packet;
        if let Some(current) = &mut self.current {
            let same_stream = current.epoch == epoch;
            if same_stream && current.timestamp == timestamp {
                let over = current.is_ended() && !current.awaits_ends(now);
                current.duration = current.duration.max(block.duration);
                current.secret |= secret;
                current.follow(now, index, &block);
                // A press is reported once, however often its end is retransmitted.
                let done = if block.end { current.report() } else { None };
                return (if over { EventStep::Stale } else { EventStep::Continues }, [done, None]);
            }
            if same_stream && index <= current.index {
                return (EventStep::Stale, [None, None]);
            }
            if same_stream
                && current.code == block.code
                && let Some(segment) = current.segment_before(timestamp)
            {
                current.earlier = current.earlier.saturating_add(segment);
                current.secret |= secret;
                (current.timestamp, current.duration) = (timestamp, block.duration);
                current.follow(now, index, &block);
                let done = if block.end { current.report() } else { None };
                return (EventStep::Continues, [done, None]);
            }
        }
        let before = self.current.as_mut().and_then(Current::report);
        let mut current = Current {
            epoch,
            begin: timestamp,
            timestamp,
            index,
            code: block.code,
            volume: block.volume,
            clock_rate,
            earlier: 0,
            duration: block.duration,
            last: now,
            ends: u8::from(block.end),
            ended_at: now,
            audio_between: false,
            audio_after: false,
            interleaved: false,
            reported: false,
            secret,
        };
        let own = if block.end { current.report() } else { None };
        self.current = Some(current);
        (EventStep::Begins, [before, own])
    }

    /// Where the packet that [`EventReceiver::observe`] was shown stands in its event.
    #[must_use]
    pub fn part(&self, packet: &EventPacket, step: EventStep) -> EventPart {
        let stale = step == EventStep::Stale;
        let (begin, reported) = (packet.timestamp, u32::from(packet.block.duration));
        let alone = EventPart { begin, total: reported, stale };
        let Some(current) = self.current.filter(|current| current.epoch == packet.epoch) else {
            return alone;
        };
        // Late packets of a segment before come, too.
        let Ok(behind) = u32::try_from(current.timestamp.distance_from(packet.timestamp)) else {
            return alone;
        };
        let Some(earlier) = current.earlier.checked_sub(behind) else { return alone };
        let newest = behind == 0 && packet.index == current.index;
        let reported = if newest { u32::from(current.duration) } else { reported };
        EventPart { begin: current.begin, total: earlier.saturating_add(reported), stale }
    }

    /// Takes note of an audio packet of the stream.
    pub const fn note_audio(&mut self, epoch: u32, index: u64) {
        if let Some(current) = &mut self.current
            && current.epoch == epoch
            && index > current.index
        {
            if current.is_ended() {
                // Of a sender that interleaves, audio does not say that no end packet follows.
                current.audio_after |= !current.interleaved;
            } else {
                current.audio_between = true;
            }
        }
    }

    /// True while an event lasts: until its end packet and the retransmissions of it, or its time-out.
    #[must_use]
    pub fn is_active(&self, now: Time) -> bool {
        self.current.is_some_and(|current| match current.is_ended() {
            true => current.awaits_ends(now),
            false => now.since(current.last) < TIMEOUT,
        })
    }

    /// True where `press`, whose tones ended within the last [`ECHO`], was sent as an event, too: some gateways send both.
    pub fn has_reported(&self, now: Time, press: &KeyPress) -> bool {
        self.current.is_some_and(|current| {
            current.code == press.code && now.since(current.last) < press.duration + ECHO
        })
    }

    /// When [`EventReceiver::handle_timeout`] is to be called; `None` while no press waits to be reported.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.current.filter(|current| !current.reported).map(|current| current.last + TIMEOUT)
    }

    /// Reports a press whose end was lost.
    pub fn handle_timeout(&mut self, now: Time) -> Option<KeyPress> {
        let current = self.current.as_mut()?;
        if current.last + TIMEOUT > now { None } else { current.report() }
    }
}

impl EventReceiver {
    pub(crate) fn save(&self, now: Time) -> Option<EventSnapshot> {
        self.current.map(|current| EventSnapshot {
            epoch: current.epoch,
            timestamp: current.timestamp.0,
            begin: (current.begin != current.timestamp).then_some(current.begin.0),
            index: current.index,
            code: current.code,
            volume: current.volume,
            clock_rate: current.clock_rate,
            earlier: current.earlier,
            duration: current.duration,
            last: Age::of(current.last, now),
            ends: current.ends,
            ended: Age::of(current.ended_at, now),
            audio_between: current.audio_between,
            audio_after: current.audio_after,
            interleaved: current.interleaved,
            reported: current.reported,
            secret: current.secret,
        })
    }

    /// A receiver as it was saved. An event under way has its whole time-out again: in a pause nobody listened.
    pub(crate) fn restored(now: Time, saved: Option<&EventSnapshot>) -> Self {
        let current = saved.map(|saved| Current {
            epoch: saved.epoch,
            begin: RtpTicks(saved.begin.unwrap_or(saved.timestamp)),
            timestamp: RtpTicks(saved.timestamp),
            index: saved.index,
            code: saved.code,
            volume: saved.volume,
            clock_rate: saved.clock_rate,
            earlier: saved.earlier,
            duration: saved.duration,
            last: saved.last.before(now),
            ends: saved.ends,
            ended_at: saved.ended.before(now),
            audio_between: saved.audio_between,
            audio_after: saved.audio_after,
            interleaved: saved.interleaved,
            reported: saved.reported,
            secret: saved.secret,
        });
        Self { current }
    }
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
