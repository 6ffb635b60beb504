//! How long audio is to wait: long enough for nearly all packets to be there when they are needed.

use std::time::Duration;

use mediapoint_packet::Time;

const BINS: usize = 64;
/// Weight of a packet compared with the one before it: a second's packets of 20 ms weigh 1.1 times those before.
const GROWTH: f32 = 1.002;
/// The share of packets, by weight, that may come later than the target.
const TAIL: f32 = 0.005;
/// A packet that came too late to be played counts as this many: the target was wrong.
const LATE_WEIGHT: f32 = 4.0;
/// One that trails a late one is of the same delay, not of another.
const TRAILING_WEIGHT: f32 = 0.1;
/// The start's delay is given up over this time.
const START_LASTS: Duration = Duration::from_secs(10);

/// How a packet came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Punctuality {
    InTime,
    /// Right behind one that was later still.
    Trailing,
    /// Too late to be played.
    Missed,
}

/// A histogram of lateness that forgets, and what follows from it.
#[derive(Debug)]
pub(crate) struct Target {
    min: Duration,
    max: Duration,
    start: Duration,
    began: Option<Time>,
    bin: u64,
    weights: [f32; BINS],
    sum: f32,
    /// Weight of the next packet.
    next: f32,
    quantile: Duration,
    headroom: Duration,
}

impl Target {
    pub(crate) fn new(min: Duration, max: Duration, start: Duration) -> Self {
        let bin = u64::try_from(max.as_nanos()).unwrap_or(u64::MAX) / BINS as u64;
        Self {
            min,
            max,
            start: start.clamp(min, max),
            began: None,
            bin: bin.max(1),
            weights: [0.0; BINS],
            sum: 0.0,
            next: 1.0,
            quantile: Duration::ZERO,
            headroom: Duration::ZERO,
        }
    }

    /// Takes in how late a packet was.
    pub(crate) fn observe(&mut self, now: Time, lateness: Duration, how: Punctuality) {
        self.began.get_or_insert(now);
        let nanos = u64::try_from(lateness.as_nanos()).unwrap_or(u64::MAX);
        let bin = usize::try_from(nanos / self.bin).unwrap_or(BINS).min(BINS - 1);
        let factor = match how {
            Punctuality::InTime => 1.0,
            Punctuality::Trailing => TRAILING_WEIGHT,
            Punctuality::Missed => LATE_WEIGHT,
        };
        let weight = self.next * factor;
        if let Some(bin) = self.weights.get_mut(bin) {
            *bin += weight;
        }
        self.sum += weight;
        self.next *= GROWTH;
        if self.next > 1e6 {
            self.rescale();
        }
        self.quantile = self.measure();
    }

    /// So much more than what the jitter asks for, until told otherwise.
    pub(crate) const fn set_headroom(&mut self, headroom: Duration) {
        self.headroom = headroom;
    }

    /// The delay to aim at.
    pub(crate) fn delay(&self, now: Time) -> Duration {
        (self.quantile + self.headroom).max(self.start_left(now)).clamp(self.min, self.max)
    }

    fn start_left(&self, now: Time) -> Duration {
        let Some(began) = self.began else { return self.start };
        let left = START_LASTS.saturating_sub(now.since(began));
        self.start.mul_f64(left.as_secs_f64() / START_LASTS.as_secs_f64())
    }

    fn measure(&self) -> Duration {
        let mut tail = self.sum * TAIL;
        for (number, weight) in self.weights.iter().enumerate().rev() {
            tail -= weight;
            if tail < 0.0 {
                return Duration::from_nanos(self.bin * (number as u64 + 1));
            }
        }
        Duration::ZERO
    }

    fn rescale(&mut self) {
        self.weights.iter_mut().for_each(|weight| *weight /= self.next);
        self.sum = self.weights.iter().sum();
        self.next = 1.0;
    }
}
