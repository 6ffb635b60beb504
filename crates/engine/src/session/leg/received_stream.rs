//! One stream that a party sends, named by its SSRC: which sequence numbers came, what was lost, the jitter [RFC3550 A.1,
//! A.3, A.8].
//!
//! A sender may begin its sequence numbers anew under the same SSRC. A number that came before, or is out of proportion, is
//! taken for such a beginning where something says so: SRTP's replay window took the packet, its timestamp goes on behind the
//! newest one, nothing came for [`FORGET_AFTER`], or the next packet has the next number [RFC3550 A.1].

use std::mem::offset_of;
use std::time::Duration;

use mediapoint_packet::Time;
use mediapoint_packet::rtp::{RtpTicks, Seq, Ssrc};

use crate::api::stats::SsrcStatistics;
use crate::session::leg::handover::{Passed, Standing};
use crate::session::leg::receiver::Arrival;
use crate::session::snapshot::age::Age;
use crate::session::snapshot::stream::StreamSnapshot;

/// Largest step forward within a run [RFC3550 A.1 MAX_DROPOUT].
const MAX_DROPOUT: i32 = 3000;

/// How far behind the highest sequence number a packet may come: the width of the seen-window.
const MAX_MISORDER: i32 = 127;

/// After so long without a packet of the stream nothing is on its way any more: what comes next is no copy and not late.
pub(super) const FORGET_AFTER: Duration = Duration::from_secs(1);

/// Copies of what was sent come within this time after the newest packet.
const COPIES_COME_WITHIN: Duration = Duration::from_millis(100);

/// For so long after the party was signalled anew, what looks like copies may be its new stream.
const RENEWAL: Duration = Duration::from_secs(10);

/// Numbers that a stream may lose at once just then.
const MAX_DROPOUT_RENEWED: i32 = 100;

/// Timestamps that go on are ahead of the time that passed by so many seconds at most.
const MAX_AHEAD_SECONDS: u64 = 2;

/// A packet from before the first one of a run is later than it by so many seconds at most.
const MAX_LATE_SECONDS: i64 = 10;

/// Comfort noise of another clock than the audio's has timestamps of the audio where they are within this part of a second
/// of the clock.
const NOISE_IS_ABOUT_NOW: u32 = 5;

/// What a packet is to its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It has the highest number of its run.
    Newest,
    /// It fills a gap in the numbers, at this index.
    Late(u64),
    /// It begins the numbers anew.
    Restart,
    /// It came before.
    Duplicate,
    /// Its number is out of proportion, and nothing confirms it yet.
    OutOfRange,
}

/// The state of one stream. The fields that every packet needs come first.
#[repr(C)]
#[derive(Debug, Clone)]
pub(super) struct ReceivedStream {
    pub(super) ssrc: Ssrc,
    /// Number of its present run, which no other run of the leg has.
    pub(super) run: u32,
    /// The highest sequence number, extended over wrap-arounds.
    pub(super) highest: u64,
    /// Bit n: the packet n below `highest` came.
    seen: u128,
    /// The newest timestamp, and when the newest packet came.
    timestamp: RtpTicks,
    clock_rate: u32,
    pub(super) at: Time,
    /// The number that would confirm that a packet which did not fit began a new run.
    awaited: Option<Seq>,
    /// It has carried audio.
    pub(super) audio: bool,
    /// Packets of the run.
    run_received: u64,
    /// Bursts of loss: steps forward by more than one.
    bursts: u64,
    transit: Option<i64>,
    /// Jitter in 1/16 of a tick.
    jitter: u64,
    first: u64,
    /// When the present run began.
    begun: Time,
    /// When the party was signalled anew, while that may still bring a new run.
    renewed: Option<Time>,
    /// Packets of the runs before.
    received_before: u64,
    lost_before: u64,
    reported_expected: u64,
    reported_received: u64,
    /// Packets of all streams when it was used last, beside the stream of audio.
    pub(super) left_at: u64,
    /// Payload octets, but for those since it became the stream of audio, which the receiver counts.
    pub(super) octets: u64,
}

impl ReceivedStream {
    /// Octets that every packet needs.
    pub(super) const HOT: usize = offset_of!(Self, first);

    /// A stream of which one packet has come.
    pub(super) fn new(run: u32, packet: &Arrival) -> Self {
        let mut this = Self {
            ssrc: packet.ssrc,
            run,
            highest: 0,
            seen: 1,
            timestamp: packet.timestamp,
            clock_rate: packet.clock_rate,
            at: packet.now,
            awaited: None,
            run_received: 0,
            transit: None,
            jitter: 0,
            first: 0,
            audio: packet.audio,
            begun: packet.now,
            renewed: None,
            received_before: 0,
            lost_before: 0,
            bursts: 0,
            reported_expected: 0,
            reported_received: 0,
            left_at: 0,
            octets: 0,
        };
        this.begin(run, packet);
        this
    }

    /// Begins a new run with a packet.
    pub(super) fn restart(&mut self, run: u32, packet: &Arrival) {
        self.lost_before += self.run_lost();
        self.received_before += self.run_received;
        self.begin(run, packet);
        self.renewed = None;
    }

    fn begin(&mut self, run: u32, packet: &Arrival) {
        self.run = run;
        // One cycle up, so that packets from before the first one have an index too.
        self.highest = CYCLE + u64::from(packet.sequence.0);
        self.first = self.highest;
        self.seen = 1;
        self.awaited = None;
        self.run_received = 1;
        self.begun = packet.now;
        self.transit = None;
        if self.clock_rate != packet.clock_rate {
            self.jitter = 0;
        }
        (self.timestamp, self.clock_rate, self.at) = (packet.timestamp, packet.clock_rate, packet.now);
        self.audio |= packet.audio;
    }

    /// Judges a packet by its number, and counts it where it is of the present run.
    #[inline]
    pub(super) fn judge(&mut self, packet: &Arrival) -> Judgement {
        let step = i32::from(packet.sequence.distance_from(low_16(self.highest)));
        if step == 1 || ((2..MAX_DROPOUT).contains(&step) && self.may_step(packet, step)) {
            self.advance(packet, step.unsigned_abs());
            return Judgement::Newest;
        }
        self.judge_odd(packet, step)
    }

    #[inline]
    fn advance(&mut self, packet: &Arrival, step: u32) {
        self.awaited = None;
        self.highest += u64::from(step);
        self.seen = self.seen.checked_shl(step).unwrap_or(0) | 1;
        self.bursts += u64::from(step > 1);
        self.run_received += 1;
        self.at = packet.now;
        self.audio |= packet.audio;
        let media = packet.timestamp.distance_from(self.timestamp);
        let same_clock = packet.clock_rate == self.clock_rate;
        if same_clock && media > 0 {
            self.timestamp = packet.timestamp;
        } else {
            self.note_odd_timestamp(packet);
        }
    }

    /// Notes the timestamp of a packet that does not go on. Beside audio an event has an old one, and some senders have
    /// audio of one beside an event.
    #[cold]
    fn note_odd_timestamp(&mut self, packet: &Arrival) {
        if !packet.audio {
            return;
        }
        if let Some(media) = self.media_since_newest(packet) {
            if media < -i64::from(self.clock_rate) {
                self.timestamp = packet.timestamp;
            }
        } else {
            (self.timestamp, self.clock_rate) = (packet.timestamp, packet.clock_rate);
            (self.transit, self.jitter) = (None, 0);
        }
    }

    /// False for a step forward that is no loss: a late packet of the run before, or the beginning of another.
    #[cold]
    fn may_step(&self, packet: &Arrival, step: i32) -> bool {
        let late = packet.audio
            && packet.now.since(self.begun) < FORGET_AFTER
            && self.media_since_newest(packet).is_some_and(|media| media <= 0);
        !late && (step <= MAX_DROPOUT_RENEWED || !self.is_renewed(packet.now))
    }

    #[cold]
    fn judge_odd(&mut self, packet: &Arrival, step: i32) -> Judgement {
        let silent = packet.now.since(self.at) >= FORGET_AFTER;
        let behind = (-MAX_MISORDER..=0).contains(&step).then(|| step.unsigned_abs());
        let bit = behind.and_then(|behind| 1_u128.checked_shl(behind));
        let copy = bit.is_some_and(|bit| self.seen & bit != 0);
        let index = self.highest.wrapping_sub(u64::from(behind.unwrap_or(0)));
        let goes_on = self.goes_on(packet);
        if let Some(bit) = bit
            && !(copy || silent || packet.moved)
            && (index >= self.first || (!goes_on && self.may_be_of_the_beginning(packet)))
        {
            self.seen |= bit;
            self.first = self.first.min(index);
            self.run_received += 1;
            return Judgement::Late(index);
        }
        if goes_on || packet.authenticated || packet.moved || silent {
            return Judgement::Restart;
        }
        let follows = self.awaited == Some(packet.sequence);
        let believed =
            !copy || packet.now.since(self.at) >= COPIES_COME_WITHIN || self.is_renewed(packet.now);
        if follows && believed {
            return Judgement::Restart;
        }
        self.awaited = Some(packet.sequence.wrapping_add(1));
        if copy { Judgement::Duplicate } else { Judgement::OutOfRange }
    }

    /// Ticks from the newest timestamp to that of a packet; `None` where their clocks differ.
    fn media_since_newest(&self, packet: &Arrival) -> Option<i64> {
        (packet.clock_rate == self.clock_rate)
            .then(|| i64::from(packet.timestamp.distance_from(self.timestamp)))
    }

    /// True where a packet's timestamp goes on behind the newest one, about as far as time does: it was sent later,
    /// whatever its number.
    fn goes_on(&self, packet: &Arrival) -> bool {
        let rate = u64::from(self.clock_rate);
        let millis = u64::try_from(packet.now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        let most = millis.saturating_mul(rate) / 1000 + MAX_AHEAD_SECONDS * rate;
        let media = self.media_since_newest(packet).and_then(|media| u64::try_from(media).ok());
        media.is_some_and(|media| (1..=most).contains(&media))
    }

    /// True where a packet from before the first one of the run may have been overtaken by it.
    fn may_be_of_the_beginning(&self, packet: &Arrival) -> bool {
        let longest = -MAX_LATE_SECONDS * i64::from(self.clock_rate);
        packet.now.since(self.begun) < FORGET_AFTER
            && self.media_since_newest(packet).is_none_or(|media| (longest..=0).contains(&media))
    }

    /// Notes that the party was signalled anew: it may begin its stream anew, too.
    pub(super) const fn renew(&mut self, now: Time) {
        self.renewed = Some(now);
    }

    fn is_renewed(&self, now: Time) -> bool {
        self.renewed.is_some_and(|at| now.since(at) < RENEWAL)
    }

    /// The timestamp of comfort noise of another clock on the clock of the audio that it comes among [RFC3389 4]: its own
    /// where that is about now there, else the clock's.
    pub(super) fn on_audio_clock(
        &self,
        now: Time,
        timestamp: RtpTicks,
        clock_rate: u32,
    ) -> Option<(RtpTicks, u32)> {
        let transit = self.transit.filter(|_| self.audio && self.clock_rate != clock_rate)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the RTP clock wraps")]
        let clock = RtpTicks(clock_at(now, self.clock_rate).wrapping_sub(transit as u32));
        let off = timestamp.distance_from(clock).unsigned_abs();
        let timestamp = if off <= self.clock_rate / NOISE_IS_ABOUT_NOW { timestamp } else { clock };
        let behind = timestamp.distance_from(self.timestamp) <= 0;
        let timestamp = if behind { self.timestamp.wrapping_add(1) } else { timestamp };
        Some((timestamp, self.clock_rate))
    }

    /// Counts an audio packet's arrival into the interarrival jitter [RFC3550 A.8].
    pub(super) fn observe_arrival(&mut self, now: Time, timestamp: RtpTicks, clock_rate: u32) {
        if clock_rate != self.clock_rate {
            return;
        }
        // Differences of 32-bit clocks: the wrap-around of the timestamp must not show.
        let transit = i64::from(clock_at(now, clock_rate).wrapping_sub(timestamp.0).cast_signed());
        if let Some(last) = self.transit {
            let distance = transit.wrapping_sub(last).unsigned_abs();
            // A timestamp that jumps says nothing about the network.
            if distance < u64::from(clock_rate) {
                self.jitter = (self.jitter + distance).saturating_sub((self.jitter + 8) >> 4);
            }
        }
        self.transit = Some(transit);
    }

    /// Packets that came.
    pub(super) const fn received(&self) -> u64 {
        self.received_before + self.run_received
    }

    /// Packets lost since the beginning.
    pub(super) fn lost(&self) -> u64 {
        self.lost_before + self.run_lost()
    }

    pub(super) const fn bursts(&self) -> u64 {
        self.bursts
    }

    /// The highest sequence number extended by its wrap-arounds, as a report block carries it [RFC3550 6.4.1].
    pub(super) fn extended_highest(&self) -> u32 {
        u32::try_from(self.highest.wrapping_sub(CYCLE) & 0xffff_ffff).unwrap_or(0)
    }

    /// Interarrival jitter in clock ticks [RFC3550 6.4.1].
    pub(super) fn jitter_ticks(&self) -> u32 {
        u32::try_from(self.jitter >> 4).unwrap_or(u32::MAX)
    }

    /// Its figures; `more` octets are counted elsewhere.
    pub(super) fn statistics(&self, more: u64) -> SsrcStatistics {
        SsrcStatistics {
            ssrc: self.ssrc,
            packets: self.received(),
            octets: self.octets + more,
            sequence: self.extended_highest(),
            timestamp: self.timestamp,
            lost: self.lost(),
            jitter: self.jitter(),
        }
    }

    /// Interarrival jitter as time.
    pub(super) fn jitter(&self) -> Duration {
        match u64::from(self.clock_rate) {
            0 => Duration::ZERO,
            rate => Duration::from_nanos(self.jitter.saturating_mul(1_000_000_000 / 16) / rate),
        }
    }

    /// True where packets have come since the last report.
    pub(super) const fn has_news(&self) -> bool {
        self.received() != self.reported_received
    }

    /// The fraction lost since the last report, in 1/256, and starts a new interval [RFC3550 A.3].
    pub(super) fn take_fraction_lost(&mut self) -> u8 {
        let received = self.received();
        let expected = received + self.lost();
        let new_expected = expected.saturating_sub(self.reported_expected);
        let new_received = received.saturating_sub(self.reported_received);
        self.reported_expected = expected;
        self.reported_received = received;
        let lost = new_expected.saturating_sub(new_received);
        lost.saturating_mul(256)
            .checked_div(new_expected)
            .map_or(0, |share| u8::try_from(share).unwrap_or(255))
    }

    fn run_lost(&self) -> u64 {
        (self.highest - self.first + 1).saturating_sub(self.run_received)
    }
}

impl ReceivedStream {
    /// Where it stands, for whoever goes on with it; `None` before it has settled.
    pub(super) fn standing(&self, now: Time) -> Option<Standing> {
        let settled = self.audio && now.since(self.begun) >= FORGET_AFTER;
        Some(Standing {
            ssrc: self.ssrc,
            run: self.run,
            highest: self.highest,
            timestamp: self.timestamp,
            clock_rate: self.clock_rate,
            transit: self.transit.filter(|_| settled)?,
            jitter: self.jitter,
            at: self.at,
        })
    }

    /// Counts in packets of it that came elsewhere, each ahead of the one before. Of those too far back to be told apart all
    /// are taken to have come.
    pub(super) fn note_passed(&mut self, passed: &Passed) {
        let step = u32::try_from(passed.step).unwrap_or(u32::MAX);
        let stepped = 1_u128.checked_shl(step).map_or(u128::MAX, |beyond| beyond - 1);
        let own = stepped & (u128::from(passed.seen) | !u128::from(u64::MAX));
        self.awaited = None;
        self.highest += passed.step;
        self.seen = self.seen.checked_shl(step).unwrap_or(0) | own;
        self.bursts += passed.bursts;
        self.run_received += passed.packets;
        (self.timestamp, self.at) = (passed.timestamp, passed.at);
        (self.transit, self.jitter) = (Some(passed.transit), passed.jitter);
    }
}

const CYCLE: u64 = 1 << 16;

/// What an RTP clock that began with the engine's shows at `now` [RFC3550 A.8].
#[expect(clippy::cast_possible_truncation, reason = "the RTP clock is 32 bits wide [RFC3550 5.1]")]
fn clock_at(now: Time, clock_rate: u32) -> u32 {
    ((now.as_nanos() / 1000).wrapping_mul(u64::from(clock_rate)) / 1_000_000) as u32
}

/// A signed 32-bit number as its bits.
#[expect(clippy::cast_possible_truncation, reason = "it was made from 32 bits")]
const fn low_32(number: i64) -> u32 {
    number.cast_unsigned() as u32
}

fn low_16(index: u64) -> Seq {
    Seq(u16::try_from(index & 0xffff).unwrap_or(0))
}

impl ReceivedStream {
    pub(super) fn save(&self, now: Time) -> StreamSnapshot {
        let shown = clock_at(now, self.clock_rate);
        let [high, low] = [self.seen >> 64, self.seen & u128::from(u64::MAX)];
        StreamSnapshot {
            ssrc: self.ssrc.0,
            run: self.run,
            highest: self.highest,
            first: self.first,
            seen: [high, low].map(|half| u64::try_from(half).unwrap_or(0)),
            timestamp: self.timestamp.0,
            clock_rate: self.clock_rate,
            at: Age::of(self.at, now),
            awaited: self.awaited.map(|sequence| sequence.0),
            run_received: self.run_received,
            transit: self.transit.map(|transit| low_32(transit).wrapping_sub(shown).cast_signed()),
            jitter: self.jitter,
            audio: self.audio,
            begun: Age::of(self.begun, now),
            renewed: self.renewed.map(|at| Age::of(at, now)),
            received_before: self.received_before,
            lost_before: self.lost_before,
            bursts: self.bursts,
            reported_expected: self.reported_expected,
            reported_received: self.reported_received,
            left_at: self.left_at,
            octets: self.octets,
        }
    }

    /// A stream as it was saved, on a clock that shows `taken` for that moment.
    pub(super) fn restored(taken: Time, saved: &StreamSnapshot) -> Self {
        let shown = clock_at(taken, saved.clock_rate);
        let transit = |relative: i32| i64::from(shown.wrapping_add_signed(relative).cast_signed());
        let [high, low] = saved.seen;
        Self {
            ssrc: Ssrc(saved.ssrc),
            run: saved.run,
            highest: saved.highest,
            seen: u128::from(high) << 64 | u128::from(low),
            timestamp: RtpTicks(saved.timestamp),
            clock_rate: saved.clock_rate,
            at: saved.at.before(taken),
            awaited: saved.awaited.map(Seq),
            run_received: saved.run_received,
            transit: saved.transit.map(transit),
            jitter: saved.jitter,
            first: saved.first,
            audio: saved.audio,
            begun: saved.begun.before(taken),
            renewed: saved.renewed.map(|age| age.before(taken)),
            received_before: saved.received_before,
            lost_before: saved.lost_before,
            bursts: saved.bursts,
            reported_expected: saved.reported_expected,
            reported_received: saved.reported_received,
            left_at: saved.left_at,
            octets: saved.octets,
        }
    }
}
