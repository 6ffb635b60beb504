//! When to make audio longer or shorter, so that the delay keeps to its target.

use std::time::Duration;

use mediapoint_packet::Time;

use super::{Kind, Playout};
use crate::time_scale::Likeness;

/// Packets looked at before the delay is known: patterns of packet and pull lengths repeat within so many.
const PATTERN: usize = 4;
/// Packets looked at where the delay is far from its target.
const PATTERN_IN_HASTE: usize = 2;
/// How far off is far.
const FAR: Duration = Duration::from_millis(40);
/// The least time that packets have waited is taken over this long, and as long before.
const WAIT_PART: Duration = Duration::from_millis(500);

/// What packets had to spare when they were decoded.
#[derive(Debug)]
pub(super) struct Control {
    /// How long each of the last packets would have waited on the quickest way.
    spare: [Duration; PATTERN],
    seen: usize,
    /// The least time that one has really waited: in the part before and in this one.
    least_waits: [Duration; 2],
    since: Option<Time>,
}

impl Control {
    pub(super) const fn new() -> Self {
        Self {
            spare: [Duration::ZERO; PATTERN],
            seen: 0,
            least_waits: [Duration::MAX, Duration::MAX],
            since: None,
        }
    }

    /// A packet was decoded.
    pub(super) fn decoded(&mut self, now: Time, spare: Duration, waited: Duration) {
        self.spare.rotate_right(1);
        self.spare[0] = spare;
        self.seen = (self.seen + 1).min(PATTERN);
        let since = *self.since.get_or_insert(now);
        if now.since(since) >= WAIT_PART {
            self.least_waits = [self.least_waits[1], waited];
            self.since = Some(now);
        }
        self.least_waits[1] = self.least_waits[1].min(waited);
    }

    /// The delay has changed in a way that makes what was seen useless.
    pub(super) const fn forget(&mut self) {
        self.seen = 0;
        self.least_waits = [Duration::MAX, Duration::MAX];
        self.since = None;
    }

    /// A piece was put in or taken out.
    const fn changed(&mut self) {
        self.seen = 0;
    }

    fn least_spare(&self, count: usize) -> Option<Duration> {
        if self.seen < count {
            return None;
        }
        self.spare.iter().take(count).min().copied()
    }

    /// What even the latest packet of the last half second to second had to spare.
    fn least_wait(&self) -> Duration {
        self.least_waits[0].min(self.least_waits[1])
    }
}

impl Playout {
    /// Makes what is to be played longer or shorter, if the delay wants it and the audio lets it.
    pub(super) fn adapt(&mut self, need: usize) {
        let target = self.target.delay(self.now);
        self.statistics.target_delay = target;
        if !self.buffer.is_all(&[Kind::Speech, Kind::Concealed]) {
            return;
        }
        let Some(spare) = self.control.least_spare(PATTERN_IN_HASTE) else { return };
        let settled = self.control.least_spare(PATTERN).is_some();
        let pull = self.duration_of(need);
        if spare < target {
            let short = target - spare;
            if settled || short > FAR / 2 {
                self.stretch(if short > FAR { Likeness(0.5) } else { Likeness(0.7) });
            }
            return;
        }
        // Less would make the next packet needed one pull earlier.
        let Some(excess) = spare.checked_sub(target + pull) else { return };
        let real = self.control.least_wait();
        if real < pull || excess.is_zero() {
            return;
        }
        if settled || excess > FAR {
            let before = self.buffer.ahead();
            self.compress(if excess > FAR { Likeness(0.5) } else { Likeness(0.8) });
            if self.buffer.ahead() < before {
                self.fill(need, false);
            }
        }
    }

    fn stretch(&mut self, likeness: Likeness) {
        let growth = self.scaler.max_growth();
        let ahead = self.buffer.ahead();
        let Some((audio, from)) = self.buffer.with_room(growth) else { return };
        let Some(len) = self.scaler.lengthen(audio, from, likeness) else { return };
        self.buffer.resized(len);
        self.statistics.stretched_samples += len.saturating_sub(ahead) as u64;
        self.control.changed();
    }

    fn compress(&mut self, likeness: Likeness) {
        let ahead = self.buffer.ahead();
        let Some(len) = self.scaler.shorten(self.buffer.unplayed_mut(), likeness) else { return };
        self.buffer.resized(len);
        self.statistics.compressed_samples += ahead.saturating_sub(len) as u64;
        self.control.changed();
    }

    pub(super) fn duration_of(&self, samples: usize) -> Duration {
        Duration::from_nanos(samples as u64 * 1_000_000_000 / u64::from(self.config.rate()))
    }
}
