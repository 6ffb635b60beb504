//! The RTP header of what a leg sends: one SSRC, one unbroken run of sequence numbers and timestamps, whatever feeds the
//! leg [RFC3550 5.1].
//!
//! Forwarded packets: within an epoch of the input the offsets are constant, so that loss and reordering stay visible to
//! the receiver's jitter buffer. At the border of an epoch (another source, SSRC, clock rate, or a jump) the offsets are
//! rebased: the sequence goes on with the next number, the timestamp by the time that has passed, or as it was where the
//! input's goes on. Events under an SSRC of their own go out between the packets of the mapped input, see `beside.rs`.
//!
//! Encoded packets take the next number each, and timestamps that follow the audio: the last forwarded packet and the
//! first encoded one are as far apart as their audio is, and the reverse.

use std::mem::offset_of;

use mediapoint_packet::Time;
use mediapoint_packet::rtp::{RtpTicks, Seq, Ssrc};

use crate::api::id::LegId;
use crate::session::leg::beside::Beside;
use crate::session::leg::event_clock::{EventClock, EventPart};
use crate::session::leg::handover::{Passed, Standing};
use crate::session::snapshot::age::Age;
use crate::session::snapshot::stream::{AnchorSnapshot, MappingSnapshot, RewriterSnapshot};

/// A timestamp that departs from the arrival time by more than this is rebased.
const MAX_CLOCK_ERROR_SECONDS: i64 = 2;

/// At the border of an epoch timestamps go on as they were where they depart from the arrival time by less than this part of
/// a second.
const GOES_ON: i64 = 4;

/// Timestamps go on where the encoded audio ends if that is less than this part of a second behind the clock,
const ENCODED_BEHIND: i64 = 20;

/// and less than this part of a second ahead of it, beside what was sent ahead of its time.
const ENCODED_AHEAD: i64 = 25;

/// Which input a packet belongs to: the source leg, and the epoch of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InputEpoch {
    /// The source leg.
    pub leg: LegId,
    /// Epoch of its stream.
    pub epoch: u32,
}

/// What the rewriter needs of a packet that is to be forwarded.
#[derive(Debug, Clone, Copy)]
pub struct Input {
    /// The input it belongs to.
    pub epoch: InputEpoch,
    /// Its extended sequence number in the epoch.
    pub index: u64,
    /// Its timestamp.
    pub timestamp: RtpTicks,
    /// Its marker bit.
    pub marker: bool,
    /// Clock rate of its codec in hertz.
    pub clock_rate: u32,
    /// True for telephone-event, whose timestamp stands still while the event lasts [RFC4733 2.2.1].
    pub event: bool,
    /// Its place in its event, where it is of one.
    pub part: EventPart,
}

/// The header fields that a packet is sent with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing {
    /// Sequence number.
    pub sequence: Seq,
    /// Timestamp.
    pub timestamp: RtpTicks,
    /// Marker bit: that of the input, and set on the first packet after a border.
    pub marker: bool,
}

/// The fields that every packet needs come first.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Mapping {
    pub(super) epoch: InputEpoch,
    /// Clock rate of the timestamps mapped; 0 while only events came whose clock is not that of the stream sent.
    pub(super) clock_rate: u32,
    /// Index of the first packet mapped by the present offset.
    first: u64,
    sequence_offset: u64,
    /// The last packet that was not an event.
    anchor: Option<Anchor>,
    pub(super) highest: u64,
    pub(super) timestamp_offset: u32,
    /// The next packet passes over the numbers that may have been given out since this was saved.
    passes_over: bool,
    /// The first packet mapped by the offset before, and that offset: an earlier one has no number left to go out under.
    before: Option<(u64, u64)>,
}

/// A packet that ties the input's timestamps to arrival times.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    index: u64,
    timestamp: RtpTicks,
    at: Time,
}

/// The sending state of a leg. The fields that every packet needs come first.
#[repr(C)]
#[derive(Debug, Clone)]
pub struct RtpRewriter {
    /// The next unused sequence number, extended.
    next: u64,
    ssrc: Ssrc,
    /// The timestamp sent last, and when it was sent first: an event repeats its own while it lasts.
    pub(super) last_timestamp: RtpTicks,
    last_at: Option<Time>,
    pub(super) clock_rate: u32,
    pub(super) mapping: Option<Mapping>,
    /// Events that come beside the mapped input.
    pub(super) beside: Option<Beside>,
    /// Where the encoded audio ends.
    encoded_end: Option<RtpTicks>,
    /// Ticks of audio that were sent before their time; the next pause is shorter by as much.
    lead: u32,
    /// How far the last timestamp is ahead of the clock that the stream began with: audio that follows other audio without a
    /// gap does not always come just when that ends. Without it, each change of source would add to the far end's delay.
    ahead: i64,
    pub(crate) events: EventClock,
}

impl RtpRewriter {
    /// Octets that every packet needs.
    pub(crate) const HOT: usize = offset_of!(Self, mapping) + offset_of!(Mapping, before);

    /// A stream that has sent nothing; all three figures are to be random [RFC3550 5.1].
    #[must_use]
    pub fn new(ssrc: Ssrc, first_sequence: Seq, first_timestamp: RtpTicks) -> Self {
        Self {
            ssrc,
            next: u64::from(first_sequence.0),
            last_timestamp: first_timestamp,
            last_at: None,
            clock_rate: 8000,
            mapping: None,
            beside: None,
            encoded_end: None,
            lead: 0,
            ahead: 0,
            events: EventClock::default(),
        }
    }

    /// The stream's SSRC, for life.
    #[must_use]
    pub const fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    /// The sequence number given out last, extended by its wrap-arounds.
    pub(crate) fn last_sequence(&self) -> u32 {
        u32::try_from(self.next.wrapping_sub(1) & 0xffff_ffff).unwrap_or(0)
    }

    /// The timestamp that stands for `now`, as a sender report carries it [RFC3550 6.4.1].
    #[must_use]
    pub fn timestamp_at(&self, now: Time) -> RtpTicks {
        match self.last_at {
            Some(at) => self.last_timestamp.wrapping_add(ticks(now, at, self.clock_rate)),
            None => self.last_timestamp,
        }
    }

    /// Header fields of a forwarded packet, of an event with the timestamp of its beginning; `None` for one that came too
    /// late to have a number, or a timestamp.
    pub fn map(&mut self, now: Time, input: &Input) -> Option<Outgoing> {
        if input.event && self.is_beside(input) {
            return self.map_beside(now, input);
        }
        // An event goes on by whatever clock it has.
        let fits = self.mapping.as_ref().is_some_and(|mapping| {
            mapping.epoch == input.epoch && (mapping.clock_rate == input.clock_rate || input.event)
        });
        let fresh = !fits;
        if fresh {
            self.rebase(now, input);
        }
        let rebased = self.follow_clock(now, input);
        let mapping = self.mapping.as_mut()?;
        let offset = mapping.offset_of(input.index).filter(|_| !mapping.contradicts(input))?;
        let mut sequence = input.index.wrapping_add(offset);
        if mapping.passes_over && input.index > mapping.highest {
            mapping.passes_over = false;
            sequence = sequence.max(self.next);
            mapping.sequence_offset = sequence.wrapping_sub(input.index);
            (mapping.first, mapping.before) = (input.index, None);
        }
        let mut timestamp = RtpTicks(input.timestamp.0.wrapping_add(mapping.timestamp_offset));
        let mut begins = fresh;
        if input.event {
            begins &= self.events.sent(input).is_none();
            timestamp = self.event_timestamp(now, input)?;
        }
        let mapping = self.mapping.as_mut()?;
        mapping.highest = mapping.highest.max(input.index);
        if !input.event && input.index == mapping.highest {
            mapping.anchor = Some(Anchor { index: input.index, timestamp: input.timestamp, at: now });
        }
        if sequence >= self.next {
            self.next = sequence + 1;
            // Beside audio that goes on, the timestamp of an event lies further and further behind.
            let behind = input.event && timestamp.distance_from(self.last_timestamp) < 0;
            if self.last_at.is_none() || (timestamp != self.last_timestamp && !behind) {
                self.last_timestamp = timestamp;
                self.last_at = Some(now);
            }
            if mapping.clock_rate == input.clock_rate {
                self.clock_rate = input.clock_rate;
            }
        }
        Some(Outgoing {
            sequence: low_16(sequence),
            timestamp,
            marker: input.marker || rebased || (begins && self.last_at.is_some()),
        })
    }

    /// The timestamp of an event's beginning, on the clock of the stream; `None` for a late packet that says nothing of it.
    fn event_timestamp(&mut self, now: Time, input: &Input) -> Option<RtpTicks> {
        if let Some(sent) = self.events.sent(input) {
            return Some(sent);
        }
        let mapping = self.mapping?;
        let shared = RtpTicks(input.part.begin.0.wrapping_add(mapping.timestamp_offset));
        let sent = if mapping.clock_rate == input.clock_rate {
            shared
        } else if input.part.stale {
            return None;
        } else if let Some(Anchor { timestamp, at, .. }) = mapping.anchor {
            let of_anchor = timestamp.wrapping_add(mapping.timestamp_offset);
            let expected = of_anchor.wrapping_add(ticks(now, at, mapping.clock_rate));
            self.events.place(input, expected, Some(shared), mapping.clock_rate)
        } else {
            let expected = self.continued_timestamp(now, self.clock_rate);
            let sent = self.events.place(input, expected, None, self.clock_rate);
            self.ahead = self.ahead_with(now, sent, self.clock_rate);
            sent
        };
        if !input.part.stale {
            self.events.begin(input, sent);
        }
        Some(sent)
    }

    /// Notes that a packet is not forwarded: those after it move up by one, so that the receiver does not count it as lost.
    /// A late packet from before it has no number any more.
    pub fn skip(&mut self, input: &Input) {
        if let Some(mapping) = &mut self.mapping
            && mapping.epoch == input.epoch
            && input.index > mapping.highest
        {
            mapping.sequence_offset = mapping.sequence_offset.wrapping_sub(1);
            mapping.highest = input.index;
            (mapping.first, mapping.before) = (input.index + 1, None);
        } else if let Some(beside) = &mut self.beside {
            beside.pass(input);
        }
    }

    /// Notes that forwarding pauses: the next packet takes the next number, whatever came meanwhile.
    pub fn interrupt(&mut self) {
        self.mapping = None;
    }

    /// Changes from forwarded to encoded packets. `first` is the packet whose audio is encoded first, where that follows
    /// the packet forwarded last; true where it follows without a gap.
    pub fn begin_encoded(&mut self, now: Time, first: Option<&Input>, clock_rate: u32) -> bool {
        let followed = first.and_then(|input| {
            let mapping = self.mapping.as_ref()?;
            let rates = [mapping.clock_rate, input.clock_rate, self.clock_rate];
            if mapping.epoch != input.epoch || rates != [clock_rate; 3] {
                return None;
            }
            let timestamp = RtpTicks(input.timestamp.0.wrapping_add(mapping.timestamp_offset));
            let step = i64::from(timestamp.distance_from(self.last_timestamp));
            (step > 0 && step <= MAX_CLOCK_ERROR_SECONDS * i64::from(clock_rate)).then_some(timestamp)
        });
        self.encoded_end = Some(followed.unwrap_or_else(|| self.continued_timestamp(now, clock_rate)));
        self.mapping = None;
        self.lead = 0;
        if self.clock_rate != clock_rate {
            self.ahead = 0;
        }
        self.clock_rate = clock_rate;
        followed.is_some()
    }

    /// Goes on with encoded packets after a time in which no tick moved the timestamps on.
    pub fn resume_encoded(&mut self, now: Time) {
        if self.encoded_end.is_some() && self.last_at.is_some() {
            self.encoded_end = Some(self.continued_timestamp(now, self.clock_rate));
        }
    }

    /// Header fields of an encoded packet of `ticks` of audio.
    pub fn next_encoded(&mut self, now: Time, ticks: u32, marker: bool) -> Outgoing {
        let timestamp = self.encoded_end.unwrap_or_else(|| self.continued_timestamp(now, self.clock_rate));
        self.encoded_end = Some(timestamp.wrapping_add(ticks));
        self.ahead = self.ahead_with(now, timestamp, self.clock_rate);
        self.last_timestamp = timestamp;
        self.last_at = Some(now);
        Outgoing { sequence: self.take_number(), timestamp, marker }
    }

    /// Moves on by `ticks` for which no packet is encoded.
    pub fn pass_silence(&mut self, ticks: u32) {
        let passed_before = self.lead.min(ticks);
        self.lead -= passed_before;
        if let Some(end) = &mut self.encoded_end {
            *end = end.wrapping_add(ticks - passed_before);
        }
    }

    /// Leaves out `ticks` of audio before the next encoded packet.
    pub fn skip_ahead(&mut self, ticks: u32) {
        self.encoded_end = self.encoded_end.map(|end| end.wrapping_add(ticks));
    }

    /// Notes that `ticks` of audio are sent before their time.
    pub const fn add_lead(&mut self, ticks: u32) {
        self.lead = self.lead.saturating_add(ticks);
    }

    /// Header fields of a telephone-event packet among encoded packets, with the timestamp of the event's beginning
    /// [RFC4733 2.2.1].
    pub fn map_event(&mut self, now: Time, input: &Input) -> Outgoing {
        let timestamp = match self.events.sent(input) {
            Some(sent) => sent,
            None => {
                let sent = self.encoded_end.unwrap_or_else(|| self.continued_timestamp(now, self.clock_rate));
                self.events.begin(input, sent);
                sent
            }
        };
        Outgoing { sequence: self.take_number(), timestamp, marker: input.marker }
    }

    /// Lets `ticks` pass of what was sent before its time; false where it is less.
    pub(super) const fn catch_up(&mut self, ticks: u32) -> bool {
        let waits = ticks > 0 && self.lead >= ticks;
        if waits {
            self.lead -= ticks;
        }
        waits
    }

    /// The timestamp of an event that begins now among encoded packets, and is not the source's.
    pub(super) fn begin_event(&mut self, now: Time) -> RtpTicks {
        let begin = self.encoded_end.unwrap_or_else(|| self.continued_timestamp(now, self.clock_rate));
        self.encoded_end = Some(begin);
        self.ahead = self.ahead_with(now, begin, self.clock_rate);
        (self.last_timestamp, self.last_at) = (begin, Some(now));
        begin
    }

    /// True where a packet was sent.
    pub(super) const fn has_sent(&self) -> bool {
        self.last_at.is_some()
    }

    pub(super) fn take_number(&mut self) -> Seq {
        let number = self.next;
        self.next += 1;
        low_16(number)
    }

    /// Sets the offsets for a new epoch: next number, and the timestamp that the time passed asks for.
    fn rebase(&mut self, now: Time, input: &Input) {
        // An event of another clock than the stream's finds its timestamp by itself.
        let foreign = input.event && self.last_at.is_some() && self.clock_rate != input.clock_rate;
        let clock_rate = if foreign { 0 } else { input.clock_rate };
        let continued = self.continued_timestamp(now, input.clock_rate);
        let timestamp = self.going_on(input, continued).filter(|_| !foreign).unwrap_or(continued);
        if !foreign {
            self.ahead = self.ahead_with(now, timestamp, clock_rate);
        }
        if let Some(before) = &self.mapping
            && !before.has_audio()
            && before.epoch != input.epoch
        {
            self.beside = Some(Beside::of(before));
        } else if let Some(before) = &self.mapping {
            self.events.leave(before.epoch, input.epoch);
        }
        self.beside = self.beside.filter(|beside| !beside.is_of(input.epoch));
        // The input clock may have changed while its epoch went on: its numbers must not be given out again.
        self.mapping = Some(Mapping {
            epoch: input.epoch,
            clock_rate,
            first: input.index,
            sequence_offset: self.next.wrapping_sub(input.index),
            timestamp_offset: timestamp.0.wrapping_sub(input.timestamp.0),
            anchor: (!input.event).then_some(Anchor {
                index: input.index,
                timestamp: input.timestamp,
                at: now,
            }),
            highest: input.index,
            before: None,
            passes_over: false,
        });
        self.encoded_end = None;
    }

    /// The timestamp of a new epoch's first packet by the offset of the one before, where that is about the clock's: the
    /// same sender has begun its numbers anew, and its clock goes on.
    fn going_on(&self, input: &Input, continued: RtpTicks) -> Option<RtpTicks> {
        let before = self.mapping.as_ref().filter(|before| before.clock_rate == input.clock_rate)?;
        let sent = input.timestamp.wrapping_add(before.timestamp_offset);
        let off = i64::from(sent.distance_from(continued)).abs();
        let later = sent.distance_from(self.last_timestamp) > 0;
        let clock = before.epoch.leg == input.epoch.leg && self.clock_rate == input.clock_rate;
        (clock && later && off <= i64::from(input.clock_rate) / GOES_ON).then_some(sent)
    }

    /// The timestamp to go on with: where the encoded audio ends if that is about as far as the clock; else the clock's, 10 ms
    /// after the last one at least, or less to come back to the clock.
    fn continued_timestamp(&self, now: Time, clock_rate: u32) -> RtpTicks {
        let Some(at) = self.last_at else { return self.encoded_end.unwrap_or(self.last_timestamp) };
        let rate = i64::from(clock_rate);
        let same_rate = self.clock_rate == clock_rate;
        let passed = i64::from(ticks(now, at, clock_rate)) - if same_rate { self.ahead } else { 0 };
        let least = if self.ahead < rate / ENCODED_AHEAD { rate / 100 } else { rate / 1000 };
        let step = match self.encoded_end.filter(|_| same_rate) {
            None => passed.max(least),
            Some(end) => {
                let end = i64::from(end.distance_from(self.last_timestamp));
                let most = passed + rate / ENCODED_AHEAD + i64::from(self.lead);
                if end <= passed - rate / ENCODED_BEHIND { passed } else { end.min(most.max(least)) }
            }
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the RTP clock wraps")]
        let step = step as u32;
        self.last_timestamp.wrapping_add(step)
    }

    /// How far ahead of the clock a packet with `timestamp` is.
    fn ahead_with(&self, now: Time, timestamp: RtpTicks, clock_rate: u32) -> i64 {
        let Some(at) = self.last_at.filter(|_| self.clock_rate == clock_rate) else { return 0 };
        let step = i64::from(timestamp.distance_from(self.last_timestamp));
        self.ahead + step - i64::from(ticks(now, at, clock_rate))
    }

    /// Rebases the timestamps where the input's depart from the arrival times: a sender that starts its timestamps anew, or
    /// holds them during a pause, would be played late or not at all.
    fn follow_clock(&mut self, now: Time, input: &Input) -> bool {
        let Some(mapping) = &self.mapping else { return false };
        let Some(anchor) = mapping.anchor else { return false };
        if input.event || input.index <= mapping.highest {
            return false;
        }
        let media = i64::from(input.timestamp.distance_from(anchor.timestamp));
        let wall = i64::from(ticks(now, anchor.at, input.clock_rate));
        if media >= 0 && (media - wall).abs() <= MAX_CLOCK_ERROR_SECONDS * i64::from(input.clock_rate) {
            return false;
        }
        self.rebase_timestamps(now, input);
        true
    }

    /// Lets the timestamps go on by the clock from a packet of the same mapping.
    #[cold]
    fn rebase_timestamps(&mut self, now: Time, input: &Input) {
        let continued = self.continued_timestamp(now, input.clock_rate);
        self.ahead = self.ahead_with(now, continued, input.clock_rate);
        if let Some(mapping) = &mut self.mapping {
            mapping.timestamp_offset = continued.0.wrapping_sub(input.timestamp.0);
        }
    }
}

impl Mapping {
    /// True where audio came, whose timestamps tell the time.
    pub(super) const fn has_audio(&self) -> bool {
        self.anchor.is_some()
    }

    /// Makes room for a number before the next packet. What fills a gap before it keeps its own.
    pub(super) fn move_up(&mut self) {
        if self.first <= self.highest {
            self.before = Some((self.first, self.sequence_offset));
            self.first = self.highest + 1;
        }
        self.sequence_offset = self.sequence_offset.wrapping_add(1);
    }

    /// From a packet's index to its number; `None` for one that has none.
    fn offset_of(&self, index: u64) -> Option<u64> {
        if index >= self.first {
            return Some(self.sequence_offset);
        }
        self.before.filter(|(first, _)| index >= *first).map(|(_, offset)| offset)
    }

    /// True for a late packet whose timestamp and index are on different sides of the anchor: it is from before the
    /// timestamps were rebased.
    fn contradicts(&self, input: &Input) -> bool {
        let Some(anchor) = self.anchor else { return false };
        if input.event || input.index > self.highest || input.index == anchor.index {
            return false;
        }
        let media = i64::from(input.timestamp.distance_from(anchor.timestamp));
        let later = input.index > anchor.index;
        (media > 0) != later
            || media == 0
            || media.abs() > MAX_CLOCK_ERROR_SECONDS * i64::from(input.clock_rate)
    }
}

/// Ticks of a clock between two times, wrapping as the RTP clock does.
fn ticks(now: Time, earlier: Time, clock_rate: u32) -> u32 {
    let micros = (now.as_nanos().saturating_sub(earlier.as_nanos())) / 1000;
    #[expect(clippy::cast_possible_truncation, reason = "the RTP clock is 32 bits wide [RFC3550 5.1]")]
    let ticks = (micros.wrapping_mul(u64::from(clock_rate)) / 1_000_000) as u32;
    ticks
}

fn low_16(index: u64) -> Seq {
    Seq(u16::try_from(index & 0xffff).unwrap_or(0))
}

impl RtpRewriter {
    /// What is added to the numbers and timestamps of a leg's stream, as long as it goes on as it is; `None` where its newest
    /// packet was not the last one that was sent.
    pub(crate) fn constant_offsets(&self, leg: LegId, standing: &Standing) -> Option<(u16, u32)> {
        let mapping = self.mapping.as_ref()?;
        let anchor = mapping.anchor?;
        let epoch = InputEpoch { leg, epoch: standing.run };
        let rates = [mapping.clock_rate, self.clock_rate];
        let newest = (anchor.index, anchor.timestamp, mapping.highest);
        let follows = self.next == standing.highest.wrapping_add(mapping.sequence_offset).wrapping_add(1)
            && self.last_timestamp == standing.timestamp.wrapping_add(mapping.timestamp_offset);
        let constant = mapping.epoch == epoch
            && rates == [standing.clock_rate; 2]
            && newest == (standing.highest, standing.timestamp, standing.highest)
            && !mapping.passes_over
            && self.encoded_end.is_none();
        (constant && follows).then(|| (low_16(mapping.sequence_offset).0, mapping.timestamp_offset))
    }

    /// Counts in packets that were mapped elsewhere by [`RtpRewriter::constant_offsets`].
    pub(crate) const fn note_passed(&mut self, passed: &Passed) {
        let Some(mapping) = &mut self.mapping else { return };
        mapping.highest += passed.step;
        mapping.anchor = Some(Anchor { index: mapping.highest, timestamp: passed.timestamp, at: passed.at });
        self.next += passed.step;
        self.last_timestamp = passed.timestamp.wrapping_add(mapping.timestamp_offset);
        self.last_at = Some(passed.at);
    }
}

impl RtpRewriter {
    pub(crate) fn save(&self, now: Time) -> RewriterSnapshot {
        let anchor = |Anchor { index, timestamp, at }| AnchorSnapshot {
            index,
            timestamp: timestamp.0,
            at: Age::of(at, now),
        };
        RewriterSnapshot {
            ssrc: self.ssrc.0,
            next: self.next,
            last_timestamp: self.last_timestamp.0,
            last_at: self.last_at.map(|at| Age::of(at, now)),
            clock_rate: self.clock_rate,
            mapping: self.mapping.map(|mapping| MappingSnapshot {
                epoch: mapping.epoch,
                clock_rate: mapping.clock_rate,
                first: mapping.first,
                sequence_offset: mapping.sequence_offset.cast_signed(),
                timestamp_offset: mapping.timestamp_offset,
                anchor: mapping.anchor.map(anchor),
                highest: mapping.highest,
                before: mapping.before.map(|(first, offset)| (first, offset.cast_signed())),
            }),
            beside: self.beside.as_ref().map(Beside::save),
            encoded_end: self.encoded_end.map(|end| end.0),
            lead: self.lead,
            ahead: self.ahead,
            event: self.events.save(),
        }
    }

    /// A rewriter as it was saved, on a clock that shows `taken` for that moment. It passes over `passed` numbers, which may
    /// have been used since. Forwarded packets go on with their own numbers, unless `strict` says that none may be used
    /// twice where events under an SSRC of their own may have come between them.
    pub(crate) fn restored(taken: Time, (passed, strict): (u64, bool), saved: &RewriterSnapshot) -> Self {
        let anchor = |AnchorSnapshot { index, timestamp, at }| Anchor {
            index,
            timestamp: RtpTicks(timestamp),
            at: at.before(taken),
        };
        Self {
            ssrc: Ssrc(saved.ssrc),
            next: saved.next + passed,
            last_timestamp: RtpTicks(saved.last_timestamp),
            last_at: saved.last_at.map(|at| at.before(taken)),
            clock_rate: saved.clock_rate,
            mapping: saved.mapping.map(|mapping| Mapping {
                epoch: mapping.epoch,
                clock_rate: mapping.clock_rate,
                first: mapping.first,
                sequence_offset: mapping.sequence_offset.cast_unsigned(),
                timestamp_offset: mapping.timestamp_offset,
                anchor: mapping.anchor.map(anchor),
                highest: mapping.highest,
                before: mapping.before.map(|(first, offset)| (first, offset.cast_unsigned())),
                passes_over: passed > 0 && (strict || saved.beside.is_some()),
            }),
            beside: saved.beside.as_ref().map(Beside::restored),
            encoded_end: saved.encoded_end.map(RtpTicks),
            lead: saved.lead,
            ahead: saved.ahead.clamp(-1_000_000, 1_000_000),
            events: EventClock::restored(saved.event.as_ref()),
        }
    }
}

#[cfg(test)]
#[path = "rewriter_tests.rs"]
mod tests;
