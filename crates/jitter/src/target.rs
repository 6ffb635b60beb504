//! The delay that audio needs: long enough for nearly all packets to have come when they are played.

use std::time::Duration;

use mediapoint_packet::Time;

const BINS: usize = 64;
/// Weight of a packet compared with the one before it: a second's packets of 20 ms weigh 1.1 times those before.
const GROWTH: f32 = 1.002;
/// The share of packets, by weight, that may come later than the target.
const TAIL: f32 = 0.005;
/// A packet that came too late to be played counts as this many: the target was too short.
const LATE_WEIGHT: f32 = 4.0;
/// A packet right behind a later one was held up by the same spike, and is no second sign of jitter.
const TRAILING_WEIGHT: f32 = 0.1;
/// The start delay is given up over this time.
const START_LASTS: Duration = Duration::from_secs(10);
/// Weights are scaled back before they leave the range of exact sums.
const MAX_WEIGHT: f32 = 1e6;

/// How a packet came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Punctuality {
    InTime,
    /// Right behind one that was later still.
    Trailing,
    /// Too late to be played.
    Missed,
}

/// A histogram of lateness in which old packets lose weight, and the quantile of it. All times in nanoseconds.
///
/// Each packet touches its own bin and the quantile's, not all of them.
// In the order of use: what a pull needs, what an insertion needs, the rest.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct Target {
    needed: u64,
    start: u64,
    /// When the start delay is given up; `None` before the first packet.
    start_ends: Option<Time>,
    headroom: u64,
    /// The end of the quantile's bin.
    quantile: u64,
    bin: u64,
    sum: f32,
    /// Weight of the next packet.
    next: f32,
    /// Sum of the weights above the quantile's bin.
    above: f32,
    /// The quantile's bin: the highest that has no more than [`TAIL`] above it.
    at: u32,
    weights: [f32; BINS],
    min: u64,
    max: u64,
}

impl Target {
    pub(crate) fn new(min: Duration, max: Duration, start: Duration) -> Self {
        let [min, max, start] = [min, max, start].map(nanos);
        Self {
            needed: min,
            start: start.clamp(min, max),
            start_ends: None,
            headroom: 0,
            quantile: 0,
            bin: (max / BINS as u64).max(1),
            sum: 0.0,
            next: 1.0,
            above: 0.0,
            at: 0,
            weights: [0.0; BINS],
            min,
            max,
        }
    }

    /// Records how late a packet was.
    pub(crate) fn observe(&mut self, now: Time, lateness: u64, how: Punctuality) {
        self.start_ends.get_or_insert(now + START_LASTS);
        // Most packets are no later than the first bin.
        let bin = if lateness < self.bin { 0 } else { (lateness / self.bin).min(BINS as u64 - 1) };
        let factor = match how {
            Punctuality::InTime => 1.0,
            Punctuality::Trailing => TRAILING_WEIGHT,
            Punctuality::Missed => LATE_WEIGHT,
        };
        let weight = self.next * factor;
        if let Some(weights) = usize::try_from(bin).ok().and_then(|bin| self.weights.get_mut(bin)) {
            *weights += weight;
        }
        self.sum += weight;
        if bin > u64::from(self.at) {
            self.above += weight;
        }
        self.next *= GROWTH;
        if self.next > MAX_WEIGHT {
            self.rescale();
        }
        self.find_quantile();
        let quantile = self.bin * (u64::from(self.at) + 1);
        if quantile != self.quantile {
            self.quantile = quantile;
            self.update();
        }
    }

    /// So much more than what the jitter needs, until set again.
    pub(crate) fn set_headroom(&mut self, headroom: u64) {
        if headroom != self.headroom {
            self.headroom = headroom;
            self.update();
        }
    }

    /// The delay that the jitter needs: what time-scaling lengthens to.
    pub(crate) const fn needed(&self) -> u64 {
        self.needed
    }

    /// The delay to aim at where it can be chosen without time-scaling, such as after a pause: at first at least the
    /// start delay, since little is known of the jitter.
    pub(crate) fn delay(&self, now: Time) -> u64 {
        match self.start_ends {
            None => self.needed.max(self.start),
            Some(end) if now >= end => self.needed,
            Some(end) => {
                // The last pull may be from before the first packet.
                let left = end.since(now).min(START_LASTS);
                self.needed.max(self.start / 1024 * nanos(left) / (nanos(START_LASTS) / 1024))
            }
        }
    }

    fn update(&mut self) {
        self.needed = (self.quantile + self.headroom).clamp(self.min, self.max);
    }

    /// Moves the quantile to the highest bin that has no more than the tail above it, and more with itself.
    fn find_quantile(&mut self) {
        let tail = self.sum * TAIL;
        while self.above > tail {
            self.at += 1;
            self.above -= self.weight(self.at);
        }
        while self.at > 0 && self.above + self.weight(self.at) <= tail {
            self.above += self.weight(self.at);
            self.at -= 1;
        }
    }

    fn weight(&self, bin: u32) -> f32 {
        // Above the last bin there is no weight, whatever rounding says.
        self.weights.get(bin as usize).copied().unwrap_or(f32::MAX)
    }

    #[cold]
    fn rescale(&mut self) {
        self.weights.iter_mut().for_each(|weight| *weight /= self.next);
        self.sum = self.weights.iter().sum();
        self.above = self.weights.iter().skip(self.at as usize + 1).sum();
        self.next = 1.0;
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The quantile from all bins.
    fn plain(target: &Target) -> u64 {
        let mut tail = target.sum * TAIL;
        for (bin, weight) in target.weights.iter().enumerate().rev() {
            tail -= weight;
            if tail < 0.0 {
                return target.bin * (bin as u64 + 1);
            }
        }
        0
    }

    #[test]
    fn quantile_that_moves_with_each_packet_is_the_one_of_all_bins() {
        let [min, max, start] = [0, 200, 20].map(Duration::from_millis);
        let mut target = Target::new(min, max, start);
        let mut random = 7_u64;
        let mut differ = 0;
        for n in 0..50_000_u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let millis = match n / 2000 % 4 {
                0 => 0,
                1 => (random >> 40) % 60,
                2 => ((random >> 40) % 300 / 290) * 180,
                _ => (random >> 40) % 4,
            };
            let how = if random >> 60 == 0 { Punctuality::Missed } else { Punctuality::InTime };
            target.observe(Time::from_millis(20 * n), millis * 1_000_000, how);
            differ += u64::from(target.needed() != plain(&target).min(200_000_000));
        }
        // Rounding: where the tail is all but the weight of a bin.
        assert!(differ < 50, "{differ} of 50000 differ");
    }

    #[test]
    fn start_delay_is_given_up_in_ten_seconds() {
        let mut target = Target::new(Duration::ZERO, Duration::from_millis(200), Duration::from_millis(64));
        assert_eq!(target.delay(Time::from_millis(99_000)), 64_000_000);
        for n in 0..=1000 {
            target.observe(Time::from_millis(10 * n), 0, Punctuality::InTime);
        }
        let at = |millis| target.delay(Time::from_millis(millis)) / 1_000_000;
        assert_eq!([0, 2500, 5000, 10_000, 90_000].map(at), [64, 48, 32, 3, 3]);
        assert_eq!(target.needed(), 3_125_000);
    }
}
