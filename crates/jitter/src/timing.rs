//! When packets come, compared with when they were sent: what jitter, drift and jumps make of a stream's arrivals.

use std::time::Duration;

use mediapoint_packet::Time;
use mediapoint_packet::rtp::RtpTicks;

/// A minimum is forgotten after this many parts of [`PART`] each.
const PARTS: usize = 4;
/// A sender's clock that is off by 200 ppm moves the minimum by 2 ms in the time that all parts last.
const PART: Duration = Duration::from_millis(2500);
/// A packet cannot overtake the quickest one by more than this: its timestamp jumped.
const MAX_LEAD: i64 = 200_000_000;

/// What is known of a packet's header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) epoch: u32,
    pub(crate) index: u64,
    pub(crate) timestamp: RtpTicks,
    /// What the payload stands for in ticks.
    pub(crate) ticks: u32,
    pub(crate) clock_rate: u32,
}

/// What its arrival says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// The run of timestamps it belongs to.
    pub(crate) segment: Option<u32>,
    /// When it would have come by the quickest way seen lately.
    pub(crate) nominal: Time,
    /// How much later it came; `None` where that cannot be told.
    pub(crate) lateness: Option<Duration>,
    /// It began a new run of timestamps, and not the first.
    pub(crate) jumped: bool,
    /// It came in the wake of one that was late: no new sign of jitter.
    pub(crate) trailing: bool,
}

/// A run of timestamps that go with the time: broken by a jump, another clock rate or epoch.
#[derive(Debug)]
struct Segment {
    number: u32,
    epoch: u32,
    clock_rate: u32,
    newest: u64,
    /// The newest packet's timestamp, and how far that is from the segment's first.
    timestamp: RtpTicks,
    elapsed: i64,
    quickest: SlidingMinimum,
    last_arrival: Time,
    last_lateness: Duration,
}

/// The arrivals of one leg's stream.
#[derive(Debug)]
pub(crate) struct Arrivals {
    /// A packet later than this began a new run.
    max_lateness: Duration,
    segment: Option<Segment>,
    next_number: u32,
}

impl Arrivals {
    pub(crate) const fn new(max_lateness: Duration) -> Self {
        Self { max_lateness, segment: None, next_number: 0 }
    }

    /// Takes in a packet.
    pub(crate) fn observe(&mut self, now: Time, stamp: &Stamp) -> Arrival {
        let limit = nanos(self.max_lateness);
        let Some(segment) = &mut self.segment else { return self.begin(now, stamp, false) };
        if segment.epoch != stamp.epoch || segment.clock_rate != stamp.clock_rate {
            return self.begin(now, stamp, true);
        }
        let step = i64::from(stamp.timestamp.distance_from(segment.timestamp));
        let newer = stamp.index > segment.newest;
        let elapsed = segment.elapsed.saturating_add(step);
        let end = duration_of(elapsed.saturating_add(stamp.ticks.into()), stamp.clock_rate);
        let transit = signed(now).saturating_sub(end);
        let lateness = transit.saturating_sub(segment.quickest.value());
        if (newer && step < 0) || !(-MAX_LEAD..=limit).contains(&lateness) {
            // Only what is new can begin a run; what is not may be left over from the one before.
            return if newer { self.begin(now, stamp, true) } else { unknown(now) };
        }
        segment.quickest.observe(now, transit);
        let lateness = Duration::from_nanos(u64::try_from(lateness).unwrap_or(0));
        let ticks_long = duration_of(i64::from(stamp.ticks), stamp.clock_rate);
        let trailing =
            nanos(now.since(segment.last_arrival)) < ticks_long / 2 && lateness < segment.last_lateness;
        (segment.last_arrival, segment.last_lateness) = (now, lateness);
        if newer {
            (segment.newest, segment.timestamp, segment.elapsed) = (stamp.index, stamp.timestamp, elapsed);
        }
        Arrival {
            segment: Some(segment.number),
            nominal: now - lateness,
            lateness: Some(lateness),
            jumped: false,
            trailing,
        }
    }

    /// The next packet begins a new run, whatever its number.
    pub(crate) fn restart(&mut self) {
        self.segment = None;
    }

    fn begin(&mut self, now: Time, stamp: &Stamp, jumped: bool) -> Arrival {
        let number = self.next_number;
        self.next_number = number.wrapping_add(1);
        let transit = signed(now) - duration_of(i64::from(stamp.ticks), stamp.clock_rate);
        self.segment = Some(Segment {
            number,
            epoch: stamp.epoch,
            clock_rate: stamp.clock_rate,
            newest: stamp.index,
            timestamp: stamp.timestamp,
            elapsed: 0,
            quickest: SlidingMinimum::new(now, transit),
            last_arrival: now,
            last_lateness: Duration::ZERO,
        });
        Arrival { segment: Some(number), nominal: now, lateness: None, jumped, trailing: false }
    }
}

const fn unknown(now: Time) -> Arrival {
    Arrival { segment: None, nominal: now, lateness: None, jumped: false, trailing: false }
}

fn signed(time: Time) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// Nanoseconds that so many ticks last.
fn duration_of(ticks: i64, clock_rate: u32) -> i64 {
    const SECOND: i64 = 1_000_000_000;
    let rate = i64::from(clock_rate.max(1));
    let (seconds, rest) = (ticks.div_euclid(rate), ticks.rem_euclid(rate));
    seconds.saturating_mul(SECOND).saturating_add(rest * SECOND / rate)
}

/// The least of the values of the last ten seconds, roughly.
#[derive(Debug)]
struct SlidingMinimum {
    /// The least value of each part, the newest first.
    parts: [i64; PARTS],
    least: i64,
    since: Time,
}

impl SlidingMinimum {
    const fn new(now: Time, value: i64) -> Self {
        let mut parts = [i64::MAX; PARTS];
        parts[0] = value;
        Self { parts, least: value, since: now }
    }

    const fn value(&self) -> i64 {
        self.least
    }

    fn observe(&mut self, now: Time, value: i64) {
        if now.since(self.since) >= PART {
            self.parts.rotate_right(1);
            self.parts[0] = value;
            self.since = now;
            self.least = self.parts.iter().copied().min().unwrap_or(value);
            return;
        }
        self.parts[0] = self.parts[0].min(value);
        self.least = self.least.min(value);
    }
}
