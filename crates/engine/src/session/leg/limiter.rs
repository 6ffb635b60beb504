//! How many datagrams a leg takes. What its party can need is far below what a flood brings, and is all that is worked on and
//! passed on.
//!
//! The generic cell rate algorithm, one time for each kind of sender: the time at which the datagrams so far would have been
//! due at the highest rate. A datagram is taken if that is not further ahead of now than the burst lasts.

use std::mem::offset_of;
use std::time::Duration;

use mediapoint_packet::Time;

use crate::api::leg::LegKind;

/// After so long without a drop, a flood is over and the next one is told again.
const OVER_AFTER: Duration = Duration::from_secs(60);

/// Rate and burst of one kind of sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Allowance {
    /// Nanoseconds between two datagrams, and of a burst.
    interval: u64,
    burst: u64,
}

impl Allowance {
    /// So many a second, and as many at once as come in half a second.
    const fn new(per_second: u32) -> Self {
        let per_second = if per_second == 0 { 1 } else { per_second as u64 };
        let interval = 1_000_000_000 / per_second;
        // The first datagram of a burst waits for nothing.
        Self { interval, burst: (interval * per_second / 2).saturating_sub(interval) }
    }

    /// Packets of 10 ms, each twice, with telephone events between them.
    const AUDIO: Self = Self::new(400);

    /// Video of 40 Mbit/s.
    const VIDEO: Self = Self::new(5000);

    const RTCP: Self = Self::new(100);

    const fn of(kind: LegKind, max_packet_rate: Option<u32>) -> Self {
        match (max_packet_rate, kind) {
            (Some(rate), _) => Self::new(rate),
            (None, LegKind::Audio | LegKind::Datagrams) => Self::AUDIO,
            (None, LegKind::OpaqueRtp) => Self::VIDEO,
        }
    }

    /// Counts a datagram in, unless it is too many. `due` and `now` are in nanoseconds.
    const fn admits(self, due: &mut u64, now: Time) -> bool {
        let now = now.as_nanos();
        let next = if *due > now { *due } else { now };
        if next - now > self.burst {
            return false;
        }
        *due = next + self.interval;
        true
    }
}

/// The limits of one leg. The fields that every packet needs come last, beside those of the latch.
#[derive(Debug, Clone)]
#[repr(C)]
pub(crate) struct Limiter {
    last_drop: Option<Time>,
    told: bool,
    /// When the datagrams so far would have been due, in nanoseconds: RTCP, those of strangers, and the party's.
    rtcp: u64,
    others: u64,
    party: u64,
    media: Allowance,
}

impl Limiter {
    /// Where what every packet needs begins.
    pub(crate) const HOT_FROM: usize = offset_of!(Self, party);

    pub(crate) const fn new(kind: LegKind, max_packet_rate: Option<u32>) -> Self {
        let media = Allowance::of(kind, max_packet_rate);
        Self { media, party: 0, others: 0, rtcp: 0, last_drop: None, told: true }
    }

    pub(crate) const fn configure(&mut self, kind: LegKind, max_packet_rate: Option<u32>) {
        self.media = Allowance::of(kind, max_packet_rate);
    }

    /// True where a datagram of the party, or of somebody who may turn out to be the party, is not too many.
    pub(crate) fn admits(&mut self, now: Time, is_party: bool) -> bool {
        let due = if is_party { &mut self.party } else { &mut self.others };
        let admitted = self.media.admits(due, now);
        if !admitted {
            self.note_drop(now);
        }
        admitted
    }

    /// The same for RTCP.
    pub(crate) fn admits_rtcp(&mut self, now: Time) -> bool {
        let admitted = Allowance::RTCP.admits(&mut self.rtcp, now);
        if !admitted {
            self.note_drop(now);
        }
        admitted
    }

    #[cold]
    fn note_drop(&mut self, now: Time) {
        if self.last_drop.is_none_or(|last| now.since(last) > OVER_AFTER) {
            self.told = false;
        }
        self.last_drop = Some(now);
    }

    /// True where so many datagrams of the party in a time are at most half of what is taken.
    pub(crate) fn leaves_room(&self, packets: u64, during: Duration) -> bool {
        let needed = u128::from(self.media.interval).saturating_mul(u128::from(packets));
        needed.saturating_mul(2) <= during.as_nanos()
    }

    /// Notes that so many datagrams of the party came elsewhere, the last one at `at`.
    pub(crate) const fn note_passed(&mut self, at: Time, packets: u64) {
        let steady = self.party.saturating_add(packets.saturating_mul(self.media.interval));
        let alone = at.as_nanos().saturating_add(self.media.interval);
        self.party = if steady > alone { steady } else { alone };
    }

    /// True where more of the party came than is taken.
    pub(crate) const fn is_beyond(&self, now: Time) -> bool {
        self.party.saturating_sub(now.as_nanos()) > self.media.burst
    }

    /// True once for each flood.
    pub(crate) const fn take_report(&mut self) -> bool {
        !std::mem::replace(&mut self.told, true)
    }

    /// True where datagrams were dropped within the last second.
    pub(crate) fn is_flooded(&self, now: Time) -> bool {
        self.last_drop.is_some_and(|last| now.since(last) < Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(limiter: &mut Limiter, from: u64, packets: u64, every_micros: u64) -> usize {
        let at = |n: u64| Time::from_millis(from) + Duration::from_micros(n * every_micros);
        (0..packets).filter(|n| limiter.admits(at(*n), true)).count()
    }

    #[test]
    fn what_audio_needs_is_taken() {
        let mut limiter = Limiter::new(LegKind::Audio, None);
        assert_eq!(admitted(&mut limiter, 0, 20_000, 2500), 20_000, "400 a second");
        let mut limiter = Limiter::new(LegKind::Audio, None);
        assert_eq!(admitted(&mut limiter, 0, 201, 0), 200, "after a stall");
        let mut limiter = Limiter::new(LegKind::Audio, Some(10_000));
        assert_eq!(admitted(&mut limiter, 0, 6000, 0), 5000, "as it was asked for");
    }

    #[test]
    fn flood_is_cut_to_the_rate_and_told_once() {
        let mut limiter = Limiter::new(LegKind::Audio, None);
        let taken = admitted(&mut limiter, 0, 200_000, 5);
        assert!((550..650).contains(&taken), "{taken} of 200,000 in a second");
        assert!(limiter.take_report() && !limiter.take_report());
        assert!(limiter.is_flooded(Time::from_millis(1500)) && !limiter.is_flooded(Time::from_millis(2500)));
        admitted(&mut limiter, 30_000, 1000, 5);
        assert!(!limiter.take_report(), "the same flood");
        admitted(&mut limiter, 100_000, 1000, 5);
        assert!(limiter.take_report(), "another one");
    }

    #[test]
    fn strangers_take_nothing_from_the_party() {
        let mut limiter = Limiter::new(LegKind::Audio, None);
        let mut heard = 0;
        for micros in (0..2_000_000_u64).step_by(10) {
            let now = Time::ZERO + Duration::from_micros(micros);
            limiter.admits(now, false);
            if micros % 20_000 == 0 {
                heard += usize::from(limiter.admits(now, true));
            }
        }
        assert_eq!(heard, 100);
    }
}
