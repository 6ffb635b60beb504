//! Telephone events that come under an SSRC of their own beside the audio [RFC4733 2.1], in the one stream that a leg sends:
//! each packet takes the next number, and the audio's numbers move up by one; all packets of an event carry one timestamp,
//! on the clock of the audio.

use mediapoint_packet::Time;
use mediapoint_packet::rtp::RtpTicks;

use crate::session::leg::rewriter::{Input, InputEpoch, Mapping, Outgoing, RtpRewriter};
use crate::session::snapshot::stream::BesideSnapshot;

/// The beginning of an event lies behind the clock by less than this part of a second, where its timestamps are those of the
/// stream sent,
const BEHIND: i64 = 2;

/// and ahead of it by less than this part.
const AHEAD: i64 = 25;

/// Audio goes on where its last packet came within this part of a second.
const LATEST_AUDIO: i64 = 10;

/// Events that come beside the stream that is mapped.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beside {
    epoch: InputEpoch,
    clock_rate: u32,
    highest: u64,
    /// From the timestamps of the last event to those sent.
    timestamp_offset: u32,
}

impl Beside {
    /// The events of a mapping in which nothing but events came.
    pub(super) const fn of(mapping: &Mapping) -> Self {
        Self {
            epoch: mapping.epoch,
            clock_rate: mapping.clock_rate,
            highest: mapping.highest,
            timestamp_offset: mapping.timestamp_offset,
        }
    }

    pub(super) fn is_of(&self, epoch: InputEpoch) -> bool {
        self.epoch == epoch
    }

    /// Notes a packet that is not forwarded.
    pub(super) fn pass(&mut self, input: &Input) {
        if self.epoch == input.epoch {
            self.highest = self.highest.max(input.index);
        }
    }
}

impl RtpRewriter {
    /// True for an event of another stream of the leg whose audio is mapped.
    pub(super) fn is_beside(&self, input: &Input) -> bool {
        self.mapping.as_ref().is_some_and(|mapping| {
            mapping.epoch != input.epoch && mapping.epoch.leg == input.epoch.leg && mapping.has_audio()
        })
    }

    /// Header fields of an event's packet that comes beside the stream that is mapped; `None` for one that came too late.
    #[cold]
    pub(super) fn map_beside(&mut self, now: Time, input: &Input) -> Option<Outgoing> {
        if self.events.is_left(input) {
            return None;
        }
        let known =
            self.beside.filter(|beside| beside.epoch == input.epoch && beside.clock_rate == input.clock_rate);
        let late = known.is_some_and(|beside| input.index <= beside.highest);
        let by_last = known.map(|beside| input.part.begin.wrapping_add(beside.timestamp_offset));
        let timestamp = match (self.events.sent(input), by_last) {
            (Some(sent), _) => sent,
            (None, Some(sent)) if late => sent,
            (None, by_last) => self.place_beside(now, input, by_last),
        };
        if !late && self.events.sent(input).is_none() {
            self.events.begin(input, timestamp);
        }
        self.beside = Some(Beside {
            epoch: input.epoch,
            clock_rate: input.clock_rate,
            highest: known.map_or(input.index, |beside| beside.highest.max(input.index)),
            timestamp_offset: timestamp.0.wrapping_sub(input.part.begin.0),
        });
        if let Some(mapping) = &mut self.mapping {
            mapping.move_up();
        }
        Some(Outgoing { sequence: self.take_number(), timestamp, marker: input.marker })
    }

    /// The timestamp of an event that begins: by the offset of the one before, or that of the audio, where that is about now;
    /// else the clock's.
    fn place_beside(&mut self, now: Time, input: &Input, by_last: Option<RtpTicks>) -> RtpTicks {
        let clock = self.timestamp_at(now);
        let rate = i64::from(self.clock_rate);
        let by_audio = self.mapping.map(|mapping| input.part.begin.wrapping_add(mapping.timestamp_offset));
        let plausible = |sent: &RtpTicks| {
            let ahead = i64::from(sent.distance_from(clock));
            input.clock_rate == self.clock_rate && (-rate / BEHIND..=rate / AHEAD).contains(&ahead)
        };
        let known = [by_last, by_audio].into_iter().flatten().find(plausible);
        // Where audio goes on, what follows of it is later than its last packet, but may be earlier than now.
        let passed = i64::from(clock.distance_from(self.last_timestamp));
        let now = if passed < rate / LATEST_AUDIO { self.last_timestamp } else { clock };
        if input.clock_rate != self.clock_rate {
            // The clock of the audio, or one of its own.
            return self.events.place(input, now, by_audio, self.clock_rate);
        }
        known.unwrap_or(now)
    }
}

impl Beside {
    pub(super) const fn save(&self) -> BesideSnapshot {
        BesideSnapshot {
            epoch: self.epoch,
            clock_rate: self.clock_rate,
            highest: self.highest,
            timestamp_offset: self.timestamp_offset,
        }
    }

    pub(super) const fn restored(saved: &BesideSnapshot) -> Self {
        Self {
            epoch: saved.epoch,
            clock_rate: saved.clock_rate,
            highest: saved.highest,
            timestamp_offset: saved.timestamp_offset,
        }
    }
}
