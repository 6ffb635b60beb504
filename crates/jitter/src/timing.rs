//! Arrival times of a stream compared with its timestamps: lateness by jitter, clock drift, jumps.

use std::time::Duration;

use mediapoint_packet::Time;
use mediapoint_packet::rtp::RtpTicks;

/// The minimum transit is taken over this many parts of [`PART`] each.
const PARTS: usize = 4;
/// In nanoseconds: a sender's clock that is off by 200 ppm moves the minimum by 2 ms in the time that all parts last.
const PART: u64 = 2_500_000_000;
/// A packet that is earlier than the shortest transit by more than this has a timestamp that jumped, in nanoseconds.
const MAX_LEAD: i64 = 200_000_000;

/// The fields of a packet's header that timing needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) epoch: u32,
    pub(crate) index: u64,
    pub(crate) timestamp: RtpTicks,
    /// Duration of the payload in ticks.
    pub(crate) ticks: u32,
    pub(crate) clock_rate: u32,
}

/// Timing of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// The run of timestamps it belongs to.
    pub(crate) segment: Option<u32>,
    /// Arrival by the shortest transit seen lately.
    pub(crate) nominal: Time,
    /// How much later it came, in nanoseconds; `None` where that is not known.
    pub(crate) lateness: Option<u64>,
    /// It began a new run of timestamps that is not the first.
    pub(crate) jumped: bool,
    /// It came right behind one that was later: both were held up by the same spike.
    pub(crate) trailing: bool,
}

/// A run of timestamps that advance with time. A jump, another clock rate or another epoch ends it.
#[repr(C)]
#[derive(Debug)]
struct Segment {
    number: u32,
    epoch: u32,
    clock_rate: u32,
    /// Nanoseconds of a tick, where they are a whole number; else 0.
    tick: u32,
    /// The newest packet's timestamp, and how far that is from the segment's first.
    timestamp: RtpTicks,
    elapsed: i64,
    newest: u64,
    last_arrival: Time,
    last_lateness: u64,
    quickest: SlidingMinimum,
}

/// The arrivals of one leg's stream.
// Two cache lines: the second holds what follows from the first.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct Arrivals {
    /// A packet later than this begins a new run, in nanoseconds.
    max_lateness: i64,
    segment: Option<Segment>,
    next_number: u32,
}

impl Arrivals {
    pub(crate) fn new(max_lateness: Duration) -> Self {
        Self { max_lateness: nanos(max_lateness), segment: None, next_number: 0 }
    }

    /// Records a packet.
    pub(crate) fn observe(&mut self, now: Time, stamp: &Stamp) -> Arrival {
        let limit = self.max_lateness;
        let Some(segment) = &mut self.segment else { return self.begin(now, stamp, false) };
        if segment.epoch != stamp.epoch || segment.clock_rate != stamp.clock_rate {
            return self.begin(now, stamp, true);
        }
        let step = i64::from(stamp.timestamp.distance_from(segment.timestamp));
        let newer = stamp.index > segment.newest;
        let elapsed = segment.elapsed.saturating_add(step);
        let end = segment.duration_of(elapsed.saturating_add(stamp.ticks.into()));
        let transit = signed(now).saturating_sub(end);
        let lateness = transit.saturating_sub(segment.quickest.value());
        if (newer && step < 0) || !(-MAX_LEAD..=limit).contains(&lateness) {
            // Only a newer packet begins a run; an older one may be left over from the run before.
            return if newer { self.begin(now, stamp, true) } else { unknown(now) };
        }
        segment.quickest.observe(now, transit);
        let lateness = u64::try_from(lateness).unwrap_or(0);
        let trailing = lateness < segment.last_lateness
            && signed(now) - signed(segment.last_arrival) < segment.duration_of(stamp.ticks.into()) / 2;
        (segment.last_arrival, segment.last_lateness) = (now, lateness);
        if newer {
            (segment.newest, segment.timestamp, segment.elapsed) = (stamp.index, stamp.timestamp, elapsed);
        }
        Arrival {
            segment: Some(segment.number),
            nominal: Time::from_nanos(now.as_nanos().saturating_sub(lateness)),
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
            tick: whole_nanos(stamp.clock_rate),
            newest: stamp.index,
            timestamp: stamp.timestamp,
            elapsed: 0,
            quickest: SlidingMinimum::new(now, transit),
            last_arrival: now,
            last_lateness: 0,
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

impl Segment {
    /// Duration of ticks in nanoseconds.
    fn duration_of(&self, ticks: i64) -> i64 {
        match i64::from(self.tick) {
            0 => duration_of(ticks, self.clock_rate),
            nanos => ticks.saturating_mul(nanos),
        }
    }
}

const SECOND: i64 = 1_000_000_000;

/// Nanoseconds of a tick, where they are a whole number; else 0.
fn whole_nanos(clock_rate: u32) -> u32 {
    let rate = i64::from(clock_rate.max(1));
    if SECOND % rate == 0 { u32::try_from(SECOND / rate).unwrap_or(0) } else { 0 }
}

/// Duration of ticks in nanoseconds.
fn duration_of(ticks: i64, clock_rate: u32) -> i64 {
    let rate = i64::from(clock_rate.max(1));
    let (seconds, rest) = (ticks.div_euclid(rate), ticks.rem_euclid(rate));
    seconds.saturating_mul(SECOND).saturating_add(rest * SECOND / rate)
}

/// The least of the values of the last ten seconds, roughly.
#[repr(C)]
#[derive(Debug)]
struct SlidingMinimum {
    least: i64,
    /// The least value of the present part.
    current: i64,
    since: Time,
    /// The least value of each earlier part, the newest first.
    earlier: [i64; PARTS - 1],
}

impl SlidingMinimum {
    const fn new(now: Time, value: i64) -> Self {
        Self { least: value, current: value, since: now, earlier: [i64::MAX; PARTS - 1] }
    }

    const fn value(&self) -> i64 {
        self.least
    }

    fn observe(&mut self, now: Time, value: i64) {
        if now.as_nanos().saturating_sub(self.since.as_nanos()) >= PART {
            self.earlier.rotate_right(1);
            self.earlier[0] = self.current;
            self.current = value;
            self.since = now;
            self.least = self.earlier.iter().copied().fold(value, i64::min);
            return;
        }
        self.current = self.current.min(value);
        self.least = self.least.min(value);
    }
}
