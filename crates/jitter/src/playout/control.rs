//! When to lengthen or shorten audio, so that the delay keeps to what the jitter needs.
//!
//! Time-scaling is audible, delay hardly is. So audio is lengthened only where packets would come too late, never to
//! reach the start delay; and shortened only where the delay has been too long for seconds, by more than what the two
//! thresholds are apart: jitter that the present delay covers, the decay of the start delay and a target that moves by
//! a step of its histogram scale nothing.

use mediapoint_packet::Time;

use super::{Kind, Playout};
use crate::time_scale::Likeness;

/// Packets looked at before the delay is known: patterns of packet and pull lengths repeat within so many.
const PATTERN: usize = 4;
/// Packets looked at where the delay is far from its target.
const PATTERN_IN_HASTE: usize = 2;
/// How far off is far, in nanoseconds.
const FAR: u64 = 40_000_000;
/// The least time that packets have waited is taken over this long, and as long before, in nanoseconds.
const WAIT_PART: u64 = 500_000_000;
/// A delay longer than its target by this much more than what shortening takes away is too long, in nanoseconds.
const SLACK: u64 = 8_000_000;
/// It is shortened after it has been too long for this long, in nanoseconds.
const TOO_LONG_FOR: u64 = 4_000_000_000;

/// How much time packets had to spare when they were decoded, in microseconds: half the cache lines of nanoseconds.
#[repr(align(64))]
#[derive(Debug)]
pub(super) struct Control {
    since: Option<Time>,
    /// Since when the delay has been too long without interruption.
    too_long_since: Option<Time>,
    /// How long each of the last packets would have waited after the shortest transit.
    spare: [u32; PATTERN],
    /// The least time that one has really waited: in the part before and in this one.
    least_waits: [u32; 2],
    seen: u8,
}

/// What is to be done about the delay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scaling {
    Keep,
    Lengthen(Likeness),
    Shorten(Likeness),
}

impl Control {
    pub(super) const fn new() -> Self {
        Self { since: None, too_long_since: None, spare: [0; PATTERN], least_waits: [u32::MAX; 2], seen: 0 }
    }

    /// A packet was decoded that had `spare` to spare and has waited for `waited`, where more than `enough` is too long;
    /// all in nanoseconds.
    pub(super) fn decoded(&mut self, now: Time, spare: u64, waited: u64, enough: u64) {
        let [first, second, third, _] = self.spare;
        self.spare = [micros(spare), first, second, third];
        self.seen = self.seen.saturating_add(1);
        let waited = micros(waited);
        let since = *self.since.get_or_insert(now);
        if elapsed(since, now) >= WAIT_PART {
            self.least_waits = [self.least_waits[1], waited];
            self.since = Some(now);
        }
        self.least_waits[1] = self.least_waits[1].min(waited);
        if spare <= enough {
            self.too_long_since = None;
        } else {
            self.too_long_since.get_or_insert(now);
        }
    }

    /// The delay has changed by other means than time-scaling: what was seen before is void.
    pub(super) const fn forget(&mut self) {
        *self = Self::new();
    }

    /// A piece was put in or taken out.
    pub(super) const fn changed(&mut self) {
        self.seen = 0;
    }

    /// The least of the last `count`, in nanoseconds.
    fn least_spare(&self, count: usize) -> Option<u64> {
        if usize::from(self.seen) < count {
            return None;
        }
        self.spare.iter().take(count).min().map(|micros| u64::from(*micros) * 1000)
    }

    /// How long even the latest packet of the last half second to second has waited, in nanoseconds.
    fn least_wait(&self) -> u64 {
        u64::from(self.least_waits[0].min(self.least_waits[1])) * 1000
    }

    /// What the delay asks for, where the jitter needs `needed`, `target` is aimed at and shortening takes `pull` away.
    fn scaling(&self, now: Time, needed: u64, target: u64, pull: u64) -> Scaling {
        let Some(spare) = self.least_spare(PATTERN_IN_HASTE) else { return Scaling::Keep };
        let settled = self.least_spare(PATTERN).is_some();
        if let Some(short) = needed.checked_sub(spare).filter(|short| *short > 0) {
            // Packets that come late now are lost: a less similar piece is the lesser evil.
            let likeness = Likeness(if short > FAR { 0.5 } else { 0.7 });
            let urgent = short > FAR / 2;
            return if settled || urgent { Scaling::Lengthen(likeness) } else { Scaling::Keep };
        }
        let excess = spare.saturating_sub(target + pull);
        let too_long = self.too_long_since.is_some_and(|since| elapsed(since, now) >= TOO_LONG_FOR);
        // Less than a pull of real waiting would have the next packet needed before it comes.
        if excess == 0 || !too_long || self.least_wait() < pull {
            return Scaling::Keep;
        }
        let likeness = Likeness(if excess > FAR { 0.5 } else { 0.8 });
        if settled || excess > FAR { Scaling::Shorten(likeness) } else { Scaling::Keep }
    }
}

impl Playout {
    /// What is to be done about the delay now.
    pub(super) fn scaling(&self) -> Scaling {
        let (needed, target) = (self.target.needed(), self.target.delay(self.now));
        self.control.scaling(self.now, needed, target, self.pull_nanos)
    }

    /// The longest delay that is left alone.
    pub(super) fn longest_kept(&self) -> u64 {
        self.target.delay(self.now) + self.pull_nanos + SLACK
    }

    /// Lengthens or shortens what is to be played, if the delay asks for it and the audio is similar enough to itself.
    pub(super) fn adapt(&mut self, need: usize) {
        let scaling = self.scaling();
        if scaling == Scaling::Keep || !self.buffer.is_all(&[Kind::Speech, Kind::Concealed]) {
            return;
        }
        let before = self.buffer.ahead();
        match scaling {
            Scaling::Keep => {}
            Scaling::Lengthen(likeness) => self.lengthen(likeness),
            Scaling::Shorten(likeness) => self.shorten(likeness),
        }
        if self.buffer.ahead() < before {
            self.fill(need, false);
        }
    }

    fn lengthen(&mut self, likeness: Likeness) {
        let growth = self.scaler.max_growth();
        let ahead = self.buffer.ahead();
        let Some((audio, from)) = self.buffer.with_room(growth) else { return };
        let Some(len) = self.scaler.lengthen(audio, from, likeness) else { return };
        self.buffer.resized(len);
        self.statistics.stretched_samples += len.saturating_sub(ahead) as u64;
        self.control.changed();
    }

    fn shorten(&mut self, likeness: Likeness) {
        let ahead = self.buffer.ahead();
        let Some(len) = self.scaler.shorten(self.buffer.unplayed_mut(), likeness) else { return };
        self.buffer.resized(len);
        self.statistics.compressed_samples += ahead.saturating_sub(len) as u64;
        self.control.changed();
    }

    /// Duration of samples at the leg's rate in nanoseconds.
    pub(super) fn nanos_of(&self, samples: usize) -> u64 {
        samples as u64 * 1_000_000_000 / u64::from(self.rate)
    }
}

/// Nanoseconds from one time to another, at least 0.
pub(super) const fn elapsed(from: Time, to: Time) -> u64 {
    to.as_nanos().saturating_sub(from.as_nanos())
}

/// Nanoseconds in microseconds, at most an hour.
fn micros(nanos: u64) -> u32 {
    u32::try_from(nanos / 1000).unwrap_or(u32::MAX)
}
