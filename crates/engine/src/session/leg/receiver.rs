//! Receiver statistics of the stream that a party sends: sequence numbers, loss, jitter [RFC3550 A.1, A.3, A.8].
//!
//! A stream has epochs: another SSRC, or a confirmed jump of the sequence number, begins a new one. The rewriter of each
//! sending leg maps every epoch onto its own unbroken sequence.

use std::time::Duration;

use mediapoint_packet::Time;
use mediapoint_packet::rtp::{PayloadType, RtpTicks, Seq, Ssrc};

use crate::session::snapshot::stream::ReceiverSnapshot;

/// Largest step forward within an epoch [RFC3550 A.1 MAX_DROPOUT].
const MAX_DROPOUT: i32 = 3000;

/// How far behind the highest sequence number a packet may come: the width of the seen-window.
const MAX_MISORDER: i32 = 127;

/// Packets in sequence after which a stream that was left counts as resumed.
const RETURN_RUN: u8 = 3;

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is new.
    Take(Taken),
    /// It came before.
    Duplicate,
    /// Its sequence number is out of proportion and not confirmed yet, or it belongs to a stream that was left.
    OutOfRange,
}

/// A packet's place in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Number of the epoch.
    pub epoch: u32,
    /// Sequence number extended over wrap-arounds; comparable within the epoch.
    pub index: u64,
    /// True for the first packet of an epoch that is not the stream's first.
    pub restarted: bool,
    /// True where no packet of the epoch had a higher number.
    pub newest: bool,
}

/// The state of one party's stream.
#[derive(Debug, Clone, Default)]
pub struct Receiver {
    ssrc: Option<Ssrc>,
    payload_type: Option<PayloadType>,
    left: Option<Ssrc>,
    left_run: u8,
    left_last: Seq,
    epoch: u32,
    restarts: u32,
    highest: u64,
    first: u64,
    /// Bit n: the packet n below `highest` came.
    seen: u128,
    /// The number that would confirm a jump.
    awaited: Option<Seq>,
    epoch_received: u64,
    /// Bursts of loss in this epoch: steps forward by more than one.
    lost_before: u64,
    bursts: u64,
    received: u64,
    octets: u64,
    duplicates: u64,
    out_of_order: u64,
    transit: Option<i64>,
    /// Jitter in 1/16 of a tick.
    jitter: u64,
    clock_rate: u32,
    reported_expected: u64,
    reported_received: u64,
}

impl Receiver {
    /// The stream's SSRC now.
    #[must_use]
    pub const fn ssrc(&self) -> Option<Ssrc> {
        self.ssrc
    }

    /// The payload type of the audio packet that came last.
    #[must_use]
    pub const fn payload_type(&self) -> Option<PayloadType> {
        self.payload_type
    }

    /// Notes the payload type of a packet that is not counted into the stream.
    pub const fn note_payload_type(&mut self, payload_type: PayloadType) {
        self.payload_type = Some(payload_type);
    }

    /// Packets taken.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Payload octets taken.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// Packets that came twice.
    #[must_use]
    pub const fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Packets that came late.
    #[must_use]
    pub const fn out_of_order(&self) -> u64 {
        self.out_of_order
    }

    /// Epochs after the first.
    #[must_use]
    pub const fn restarts(&self) -> u32 {
        self.restarts
    }

    /// The highest sequence number extended by its wrap-arounds, as a report block carries it [RFC3550 6.4.1].
    #[must_use]
    pub fn extended_highest(&self) -> u32 {
        u32::try_from(self.highest.wrapping_sub(CYCLE) & 0xffff_ffff).unwrap_or(0)
    }

    /// Packets lost since the beginning.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost_before + self.epoch_lost()
    }

    /// Interarrival jitter in clock ticks [RFC3550 6.4.1].
    #[must_use]
    pub fn jitter_ticks(&self) -> u32 {
        u32::try_from(self.jitter >> 4).unwrap_or(u32::MAX)
    }

    /// Interarrival jitter as time.
    #[must_use]
    pub fn jitter(&self) -> Duration {
        match u64::from(self.clock_rate) {
            0 => Duration::ZERO,
            rate => Duration::from_nanos(self.jitter.saturating_mul(1_000_000_000 / 16) / rate),
        }
    }

    /// How much longer bursts of loss are than chance would have them; 1 where loss is random [ITU-T G.107 3.5].
    #[must_use]
    pub fn burst_ratio(&self) -> f32 {
        let lost = self.lost();
        if lost == 0 || self.bursts == 0 {
            return 1.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a ratio for a quality estimate")]
        let (mean_run, loss) =
            (lost as f32 / self.bursts as f32, lost as f32 / (lost + self.received).max(1) as f32);
        (mean_run * (1.0 - loss)).max(1.0)
    }

    /// Share of packets lost, 0 to 1.
    #[must_use]
    pub fn loss_share(&self) -> f32 {
        let lost = self.lost();
        #[expect(clippy::cast_precision_loss, reason = "a ratio for a quality estimate")]
        let share = lost as f32 / (lost + self.received).max(1) as f32;
        share
    }

    /// The fraction lost since the last report, in 1/256, and starts a new interval [RFC3550 A.3].
    pub fn take_fraction_lost(&mut self) -> u8 {
        let received = self.received;
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

    /// Judges a packet by its SSRC and sequence number, and counts it.
    pub fn observe(&mut self, ssrc: Ssrc, sequence: Seq, octets: usize) -> Verdict {
        let verdict = match self.ssrc {
            None => {
                self.begin(ssrc, sequence);
                Verdict::Take(self.taken(self.highest, false))
            }
            Some(current) if current == ssrc => self.observe_current(ssrc, sequence),
            Some(_) => self.observe_other(ssrc, sequence),
        };
        match verdict {
            Verdict::Take(_) => {
                self.received += 1;
                self.epoch_received += 1;
                self.octets += octets as u64;
            }
            Verdict::Duplicate => self.duplicates += 1,
            Verdict::OutOfRange => {}
        }
        verdict
    }

    /// Counts a taken audio packet's arrival into the interarrival jitter [RFC3550 A.8].
    pub fn observe_arrival(
        &mut self,
        now: Time,
        timestamp: RtpTicks,
        clock_rate: u32,
        payload_type: PayloadType,
    ) {
        self.payload_type = Some(payload_type);
        if clock_rate != self.clock_rate {
            self.clock_rate = clock_rate;
            self.jitter = 0;
            self.transit = None;
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

    fn observe_current(&mut self, ssrc: Ssrc, sequence: Seq) -> Verdict {
        let step = i32::from(sequence.distance_from(low_16(self.highest)));
        if step > 0 && step < MAX_DROPOUT {
            self.left_run = 0;
            self.awaited = None;
            Verdict::Take(self.advance(step.unsigned_abs()))
        } else if (-MAX_MISORDER..=0).contains(&step) {
            self.fill_in(step.unsigned_abs())
        } else if self.awaited == Some(sequence) {
            self.restart(ssrc, sequence)
        } else {
            self.awaited = Some(sequence.wrapping_add(1));
            Verdict::OutOfRange
        }
    }

    fn observe_other(&mut self, ssrc: Ssrc, sequence: Seq) -> Verdict {
        if self.left != Some(ssrc) {
            return self.restart(ssrc, sequence);
        }
        // Stragglers of the stream that was left must not call it back; a run of new packets does.
        let in_run = self.left_run > 0 && sequence == self.left_last.wrapping_add(1);
        self.left_run = if in_run { self.left_run + 1 } else { 1 };
        self.left_last = sequence;
        if self.left_run >= RETURN_RUN { self.restart(ssrc, sequence) } else { Verdict::OutOfRange }
    }

    fn advance(&mut self, step: u32) -> Taken {
        self.highest += u64::from(step);
        self.seen = self.seen.checked_shl(step).unwrap_or(0) | 1;
        if step > 1 {
            self.bursts += 1;
        }
        self.taken(self.highest, false)
    }

    fn fill_in(&mut self, behind: u32) -> Verdict {
        let bit = 1_u128.checked_shl(behind).unwrap_or(0);
        let index = self.highest - u64::from(behind);
        if self.seen & bit != 0 {
            return Verdict::Duplicate;
        }
        self.seen |= bit;
        self.out_of_order += 1;
        self.first = self.first.min(index);
        Verdict::Take(self.taken(index, false))
    }

    fn restart(&mut self, ssrc: Ssrc, sequence: Seq) -> Verdict {
        self.lost_before += self.epoch_lost();
        self.epoch = self.epoch.wrapping_add(1);
        self.restarts = self.restarts.saturating_add(1);
        if self.ssrc != Some(ssrc) {
            self.left = self.ssrc;
        }
        self.begin(ssrc, sequence);
        Verdict::Take(self.taken(self.highest, true))
    }

    fn begin(&mut self, ssrc: Ssrc, sequence: Seq) {
        self.ssrc = Some(ssrc);
        // One cycle up, so that packets from before the first one have an index too.
        self.highest = CYCLE + u64::from(sequence.0);
        self.first = self.highest;
        self.seen = 1;
        self.awaited = None;
        self.left_run = 0;
        self.epoch_received = 0;
        self.transit = None;
    }

    fn taken(&self, index: u64, restarted: bool) -> Taken {
        Taken { epoch: self.epoch, index, restarted, newest: index == self.highest }
    }

    fn epoch_lost(&self) -> u64 {
        if self.ssrc.is_none() {
            return 0;
        }
        (self.highest - self.first + 1).saturating_sub(self.epoch_received)
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

impl Receiver {
    pub(crate) fn save(&self, now: Time) -> ReceiverSnapshot {
        let shown = clock_at(now, self.clock_rate);
        let [high, low] = [self.seen >> 64, self.seen & u128::from(u64::MAX)];
        ReceiverSnapshot {
            ssrc: self.ssrc.map(|ssrc| ssrc.0),
            payload_type: self.payload_type.map(PayloadType::get),
            left: self.left.map(|ssrc| ssrc.0),
            left_run: self.left_run,
            left_last: self.left_last.0,
            epoch: self.epoch,
            restarts: self.restarts,
            highest: self.highest,
            first: self.first,
            seen: [high, low].map(|half| u64::try_from(half).unwrap_or(0)),
            awaited: self.awaited.map(|sequence| sequence.0),
            epoch_received: self.epoch_received,
            lost_before: self.lost_before,
            bursts: self.bursts,
            received: self.received,
            octets: self.octets,
            duplicates: self.duplicates,
            out_of_order: self.out_of_order,
            transit: self.transit.map(|transit| low_32(transit).wrapping_sub(shown).cast_signed()),
            jitter: self.jitter,
            clock_rate: self.clock_rate,
            reported_expected: self.reported_expected,
            reported_received: self.reported_received,
        }
    }

    /// A receiver as it was saved, on a clock that shows `taken` for that moment.
    pub(crate) fn restored(taken: Time, saved: &ReceiverSnapshot) -> Self {
        let shown = clock_at(taken, saved.clock_rate);
        let transit = |relative: i32| i64::from(shown.wrapping_add_signed(relative).cast_signed());
        let [high, low] = saved.seen;
        Self {
            ssrc: saved.ssrc.map(Ssrc),
            payload_type: saved.payload_type.and_then(PayloadType::new),
            left: saved.left.map(Ssrc),
            left_run: saved.left_run,
            left_last: Seq(saved.left_last),
            epoch: saved.epoch,
            restarts: saved.restarts,
            highest: saved.highest,
            first: saved.first,
            seen: u128::from(high) << 64 | u128::from(low),
            awaited: saved.awaited.map(Seq),
            epoch_received: saved.epoch_received,
            lost_before: saved.lost_before,
            bursts: saved.bursts,
            received: saved.received,
            octets: saved.octets,
            duplicates: saved.duplicates,
            out_of_order: saved.out_of_order,
            transit: saved.transit.map(transit),
            jitter: saved.jitter,
            clock_rate: saved.clock_rate,
            reported_expected: saved.reported_expected,
            reported_received: saved.reported_received,
        }
    }
}

#[cfg(test)]
#[path = "receiver_tests.rs"]
mod tests;
