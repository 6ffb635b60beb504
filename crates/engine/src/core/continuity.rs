//! What the engine sends to a party on an audio leg: one SSRC, one unbroken run of sequence numbers and timestamps,
//! whatever happens to what is heard [RFC3550 5.1].
//!
//! Within an epoch of the input, loss and reordering show through by constant offsets, so that the party's own jitter
//! buffer sees what there is to see. At an epoch's border (another source, SSRC, clock or a jump) the offsets are laid
//! anew so that the sequence goes on with the next number and the timestamp with the time that has passed.
//!
//! Packets that the engine makes itself (decoded and encoded again) take the next number each, and timestamps that
//! follow the audio: what was relayed last and what is made first stand as close as their audio does, and the reverse.

use mediapoint_packet::Time;
use mediapoint_packet::rtp::{RtpTicks, Seq, Ssrc};

/// A timestamp that leaves the clock on the wall by more than this is laid anew.
const MAX_CLOCK_ERROR_SECONDS: i64 = 2;

/// Audio that the engine made is gone on with where it ends less than this part of a second behind the clock.
const MADE_BEHIND: i64 = 20;

/// Which input a packet belongs to: the leg heard, and the epoch of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputEpoch {
    /// Slot of the leg heard.
    pub leg: u32,
    /// That slot's generation, so that a new leg in an old slot is another input.
    pub generation: u32,
    /// Epoch of the leg's stream.
    pub epoch: u32,
}

/// A packet that is to be sent on.
#[derive(Debug, Clone, Copy)]
pub struct Input {
    /// Where it belongs.
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
}

/// The header it is sent with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing {
    /// Sequence number.
    pub sequence: Seq,
    /// Timestamp.
    pub timestamp: RtpTicks,
    /// Marker bit: that of the input, and set on the first packet after a border.
    pub marker: bool,
}

#[derive(Debug, Clone, Copy)]
struct Mapping {
    epoch: InputEpoch,
    clock_rate: u32,
    /// Index of the first packet mapped: what comes from before it has no number left to go out under.
    first: u64,
    sequence_offset: u64,
    timestamp_offset: u32,
    /// The last packet that was not an event.
    anchor: Option<Anchor>,
    highest: u64,
}

/// A packet that ties the input's timestamps to the clock on the wall.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    index: u64,
    timestamp: RtpTicks,
    at: Time,
}

/// The sending state of a leg.
#[derive(Debug, Clone)]
pub struct Continuity {
    ssrc: Ssrc,
    /// The next unused sequence number, extended.
    next: u64,
    /// The timestamp that was sent last, and when it was sent first: an event repeats its own while it lasts.
    last_timestamp: RtpTicks,
    last_at: Option<Time>,
    clock_rate: u32,
    mapping: Option<Mapping>,
    /// Where the audio that the engine makes itself has got to.
    made: Option<RtpTicks>,
    /// Ticks of audio that were sent before their time; the next pause is shorter by as much.
    lead: u32,
    event: Option<MadeEvent>,
}

/// A telephone event that is sent among packets that the engine makes itself.
#[derive(Debug, Clone, Copy)]
struct MadeEvent {
    epoch: InputEpoch,
    heard: RtpTicks,
    sent: RtpTicks,
}

impl Continuity {
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
            made: None,
            lead: 0,
            event: None,
        }
    }

    /// The stream's SSRC, for life.
    #[must_use]
    pub const fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    /// The timestamp that stands for `now`, as a sender report carries it [RFC3550 6.4.1].
    #[must_use]
    pub fn timestamp_at(&self, now: Time) -> RtpTicks {
        match self.last_at {
            Some(at) => self.last_timestamp.wrapping_add(ticks(now, at, self.clock_rate)),
            None => self.last_timestamp,
        }
    }

    /// The header for a packet; `None` for one that came too late to have a number.
    pub fn map(&mut self, now: Time, input: &Input) -> Option<Outgoing> {
        let fits = self
            .mapping
            .is_some_and(|mapping| mapping.epoch == input.epoch && mapping.clock_rate == input.clock_rate);
        let fresh = !fits;
        if fresh {
            self.lay(now, input);
        }
        let rebased = self.follow_clock(now, input);
        let mapping = self.mapping.as_mut()?;
        if input.index < mapping.first || mapping.contradicts(input) {
            return None;
        }
        let sequence = input.index.wrapping_add(mapping.sequence_offset);
        let timestamp = RtpTicks(input.timestamp.0.wrapping_add(mapping.timestamp_offset));
        mapping.highest = mapping.highest.max(input.index);
        if !input.event && input.index == mapping.highest {
            mapping.anchor = Some(Anchor { index: input.index, timestamp: input.timestamp, at: now });
        }
        if sequence >= self.next {
            self.next = sequence + 1;
            if self.last_at.is_none() || timestamp != self.last_timestamp {
                self.last_timestamp = timestamp;
                self.last_at = Some(now);
            }
            self.clock_rate = input.clock_rate;
        }
        Some(Outgoing {
            sequence: low_16(sequence),
            timestamp,
            marker: input.marker || rebased || (fresh && self.last_at.is_some()),
        })
    }

    /// Notes that a packet is not sent on: those after it move up by one, so that it is not taken for lost. One that
    /// comes late from before it has no number any more.
    pub fn skip(&mut self, input: &Input) {
        if let Some(mapping) = &mut self.mapping
            && mapping.epoch == input.epoch
            && input.index > mapping.highest
        {
            mapping.sequence_offset = mapping.sequence_offset.wrapping_sub(1);
            mapping.highest = input.index;
            mapping.first = input.index + 1;
        }
    }

    /// Notes that nothing is sent for a while: what comes next goes on with the next number, whatever was heard
    /// meanwhile.
    pub fn interrupt(&mut self) {
        self.mapping = None;
    }

    /// Goes over to packets that the engine makes itself, where it has not yet. `first` is the packet whose audio comes
    /// first, where the audio goes on from what was relayed; true where it does so without a gap.
    pub fn begin_making(&mut self, now: Time, first: Option<&Input>, clock_rate: u32) -> bool {
        let followed = first.and_then(|input| {
            let mapping = self.mapping.as_ref()?;
            if mapping.epoch != input.epoch || input.clock_rate != clock_rate || self.clock_rate != clock_rate
            {
                return None;
            }
            let timestamp = RtpTicks(input.timestamp.0.wrapping_add(mapping.timestamp_offset));
            let step = i64::from(timestamp.distance_from(self.last_timestamp));
            (step > 0 && step <= MAX_CLOCK_ERROR_SECONDS * i64::from(clock_rate)).then_some(timestamp)
        });
        self.made = Some(followed.unwrap_or_else(|| self.continued_timestamp(now, clock_rate)));
        self.mapping = None;
        self.event = None;
        if self.clock_rate != clock_rate {
            self.lead = 0;
        }
        self.clock_rate = clock_rate;
        followed.is_some()
    }

    /// The header of a packet that the engine made, of `ticks` of audio.
    pub fn make(&mut self, now: Time, ticks: u32, marker: bool) -> Outgoing {
        let timestamp = self.made.unwrap_or_else(|| self.continued_timestamp(now, self.clock_rate));
        self.made = Some(timestamp.wrapping_add(ticks));
        self.last_timestamp = timestamp;
        self.last_at = Some(now);
        Outgoing { sequence: self.take_number(), timestamp, marker }
    }

    /// Lets time pass in which the engine makes no packet.
    pub fn pass(&mut self, ticks: u32) {
        let passed_before = self.lead.min(ticks);
        self.lead -= passed_before;
        if let Some(made) = &mut self.made {
            *made = made.wrapping_add(ticks - passed_before);
        }
    }

    /// Lets audio be left out before the next packet that the engine makes.
    pub fn skip_ahead(&mut self, ticks: u32) {
        self.made = self.made.map(|made| made.wrapping_add(ticks));
    }

    /// Notes that so much audio is sent before its time.
    pub const fn hurry(&mut self, ticks: u32) {
        self.lead = self.lead.saturating_add(ticks);
    }

    /// The header of a telephone-event packet among packets that the engine makes: all packets of an event keep the
    /// timestamp of its beginning [RFC4733 2.2.1].
    pub fn make_event(&mut self, now: Time, input: &Input) -> Outgoing {
        let known = self.event.filter(|event| event.epoch == input.epoch && event.heard == input.timestamp);
        let timestamp = match known {
            Some(event) => event.sent,
            None => {
                let sent = self.made.unwrap_or_else(|| self.continued_timestamp(now, self.clock_rate));
                self.event = Some(MadeEvent { epoch: input.epoch, heard: input.timestamp, sent });
                sent
            }
        };
        Outgoing { sequence: self.take_number(), timestamp, marker: input.marker }
    }

    fn take_number(&mut self) -> Seq {
        let number = self.next;
        self.next += 1;
        low_16(number)
    }

    /// Lays the offsets for a new epoch: next number, and the timestamp that the clock on the wall asks for.
    fn lay(&mut self, now: Time, input: &Input) {
        let timestamp = self.continued_timestamp(now, input.clock_rate);
        // The input clock may have changed while its epoch went on: its numbers must not be given out again.
        self.mapping = Some(Mapping {
            epoch: input.epoch,
            clock_rate: input.clock_rate,
            first: input.index,
            sequence_offset: self.next.wrapping_sub(input.index),
            timestamp_offset: timestamp.0.wrapping_sub(input.timestamp.0),
            anchor: (!input.event).then_some(Anchor {
                index: input.index,
                timestamp: input.timestamp,
                at: now,
            }),
            highest: input.index,
        });
        self.made = None;
        self.event = None;
    }

    /// Where the timestamp must go on now: behind the audio made last where that reaches about as far as the clock, or
    /// further; else past the last one by the time passed, by one packet at least.
    fn continued_timestamp(&self, now: Time, clock_rate: u32) -> RtpTicks {
        let Some(at) = self.last_at else { return self.made.unwrap_or(self.last_timestamp) };
        let passed = self.last_timestamp.wrapping_add(ticks(now, at, clock_rate).max(clock_rate / 100));
        match self.made {
            Some(made) if self.clock_rate == clock_rate => {
                let ahead = i64::from(made.distance_from(passed));
                let rate = i64::from(clock_rate);
                let fits = ahead > -rate / MADE_BEHIND && ahead < MAX_CLOCK_ERROR_SECONDS * rate;
                if fits { made } else { passed }
            }
            _ => passed,
        }
    }

    /// Lays the timestamp offset anew where the input's timestamps part from the clock on the wall: a party that starts
    /// its timestamps over, or lets them stand while on hold, would be played late or not at all.
    fn follow_clock(&mut self, now: Time, input: &Input) -> bool {
        let continued = self.continued_timestamp(now, input.clock_rate);
        let Some(mapping) = &mut self.mapping else { return false };
        let Some(anchor) = mapping.anchor else { return false };
        if input.event || input.index <= mapping.highest {
            return false;
        }
        let media = i64::from(input.timestamp.distance_from(anchor.timestamp));
        let wall = i64::from(ticks(now, anchor.at, input.clock_rate));
        if media >= 0 && (media - wall).abs() <= MAX_CLOCK_ERROR_SECONDS * i64::from(input.clock_rate) {
            return false;
        }
        mapping.timestamp_offset = continued.0.wrapping_sub(input.timestamp.0);
        true
    }
}

impl Mapping {
    /// True for a late packet whose timestamp does not stand on the side of the anchor where its number does: it is
    /// from before the timestamps were laid anew.
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

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: InputEpoch = InputEpoch { leg: 0, generation: 0, epoch: 0 };

    fn input(epoch: u32, index: u64, timestamp: u32) -> Input {
        Input {
            epoch: InputEpoch { epoch, ..EPOCH },
            index,
            timestamp: RtpTicks(timestamp),
            marker: false,
            clock_rate: 8000,
            event: false,
        }
    }

    fn stream() -> Continuity {
        Continuity::new(Ssrc(1), Seq(65_534), RtpTicks(1000))
    }

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn loss_and_reordering_show_through_and_numbers_wrap() {
        let mut stream = stream();
        let mut sent = Vec::new();
        for (index, timestamp) in [(100, 0), (101, 160), (104, 640), (103, 480)] {
            sent.push(stream.map(at(index * 20), &input(0, index, timestamp)).unwrap());
        }
        let sequences: Vec<u16> = sent.iter().map(|out| out.sequence.0).collect();
        assert_eq!(sequences, [65_534, 65_535, 2, 1]);
        let timestamps: Vec<u32> = sent.iter().map(|out| out.timestamp.0).collect();
        assert_eq!(timestamps, [1000, 1160, 1640, 1480]);
    }

    #[test]
    fn another_epoch_goes_on_with_the_next_number_and_the_time_passed() {
        let mut stream = stream();
        stream.map(at(0), &input(0, 100, 0)).unwrap();
        let next = stream.map(at(20), &input(1, 70_000, 4_000_000)).unwrap();
        assert_eq!(next.sequence, Seq(65_535));
        assert_eq!(next.timestamp, RtpTicks(1160));
        assert!(next.marker);
    }

    #[test]
    fn a_packet_from_before_the_border_has_no_number() {
        let mut stream = stream();
        stream.map(at(0), &input(0, 100, 0)).unwrap();
        stream.map(at(20), &input(1, 200, 0)).unwrap();
        assert_eq!(stream.map(at(21), &input(1, 199, 0)), None);
        assert_eq!(stream.map(at(40), &input(1, 201, 160)).unwrap().sequence, Seq(0));
    }

    #[test]
    fn timestamps_that_start_over_in_mid_stream_are_laid_anew() {
        let mut stream = stream();
        stream.map(at(0), &input(0, 100, 3_000_000_000)).unwrap();
        let next = stream.map(at(20), &input(0, 101, 0)).unwrap();
        assert_eq!((next.sequence, next.timestamp), (Seq(65_535), RtpTicks(1160)));
        assert!(next.marker);
    }

    #[test]
    fn timestamps_that_stood_still_on_hold_are_laid_anew() {
        let mut stream = stream();
        stream.map(at(0), &input(0, 100, 0)).unwrap();
        let next = stream.map(at(30_000), &input(0, 101, 160)).unwrap();
        assert_eq!(next.timestamp, RtpTicks(1000 + 240_000));
    }

    #[test]
    fn a_pause_that_the_timestamps_own_up_to_is_kept() {
        let mut stream = stream();
        stream.map(at(0), &input(0, 100, 0)).unwrap();
        let next = stream.map(at(30_000), &input(0, 101, 240_000)).unwrap();
        assert_eq!(next.timestamp, RtpTicks(1000 + 240_000));
        assert!(!next.marker);
    }

    #[test]
    fn a_long_event_keeps_one_timestamp_and_the_audio_after_it_is_not_moved() {
        let mut stream = stream();
        stream.map(at(0), &input(0, 100, 0)).unwrap();
        let event = Input { event: true, ..input(0, 101, 160) };
        for n in 0..100_u64 {
            let packet = Input { index: 101 + n, ..event };
            assert_eq!(stream.map(at(20 + n * 50), &packet).unwrap().timestamp, RtpTicks(1160));
        }
        let after = stream.map(at(5020), &input(0, 201, 40_160)).unwrap();
        assert_eq!(after.timestamp, RtpTicks(41_160));
        assert!(!after.marker);
    }

    #[test]
    fn another_clock_goes_on_by_the_time_passed_in_its_own_ticks() {
        let mut stream = stream();
        stream.map(at(0), &input(0, 100, 0)).unwrap();
        let wide = Input { clock_rate: 48_000, ..input(0, 101, 960) };
        let next = stream.map(at(20), &wide).unwrap();
        assert_eq!((next.sequence, next.timestamp), (Seq(65_535), RtpTicks(1960)));
    }

    #[test]
    fn a_sender_report_states_the_timestamp_of_its_own_time() {
        let mut stream = stream();
        stream.map(at(0), &input(0, 100, 0)).unwrap();
        assert_eq!(stream.timestamp_at(at(500)), RtpTicks(5000));
    }

    /// Whatever the input does, no sequence number goes out twice and fresh packets only move forward.
    #[test]
    fn numbers_are_never_given_out_twice() {
        let mut random = 99_u64;
        let mut next = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            random >> 33
        };
        let mut stream = stream();
        let (mut epoch, mut index, mut timestamp) = (0, 1000, 0);
        let mut seen = std::collections::HashSet::new();
        let mut sent_in_epoch = std::collections::HashSet::new();
        for n in 0..30_000_u64 {
            match next() % 50 {
                0 => {
                    epoch += 1;
                    index = 1000 + next() % 60_000;
                    sent_in_epoch.clear();
                }
                1 => timestamp = u32::try_from(next() & 0x7fff_ffff).unwrap(),
                2 => index += next() % 20,
                _ => index += 1,
            }
            timestamp = timestamp.wrapping_add(160);
            let late = if next() % 10 == 0 { next() % 30 } else { 0 };
            if !sent_in_epoch.insert(index - late) {
                continue;
            }
            let before = stream.next;
            if stream.map(at(n * 20), &input(epoch, index - late, timestamp)).is_some() {
                let mapping = stream.mapping.unwrap();
                let number = (index - late).wrapping_add(mapping.sequence_offset);
                assert!(seen.insert(number), "{number} went out twice");
                assert!(stream.next >= before);
            }
        }
    }
}
