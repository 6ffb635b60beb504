//! Audio on the time line of its RTP timestamps, with silence where nothing came, and when each piece came or went.

use std::time::Duration;

use mediapoint_packet::Time;

use crate::delay::Delays;

/// Samples a second.
pub const SAMPLE_RATE: u32 = 8_000;

/// A gap of more than this is a new beginning of the time stamps, not silence: 60 s.
const MAX_GAP: i64 = 60 * SAMPLE_RATE as i64;

/// A packet that left this long before the first that arrived still finds its place: 1 s.
const MAX_BEFORE: i64 = SAMPLE_RATE as i64;

/// A recording of 8 kHz linear samples, bounded.
#[derive(Debug, Clone)]
pub struct Recording {
    samples: Vec<i16>,
    pieces: Vec<Piece>,
    limit: usize,
    anchor: Option<Anchor>,
}

/// Where and when one packet's audio stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Its first sample.
    pub start: usize,
    /// How many samples it has.
    pub len: usize,
    /// When it was sent, or came.
    pub at: Time,
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    source: u32,
    timestamp: u32,
    clock: u32,
    /// Position of `timestamp` in the samples.
    position: i64,
    at: Time,
}

impl Recording {
    /// An empty recording that keeps at most `limit` samples; what would stand behind them is left out.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { samples: Vec::new(), pieces: Vec::new(), limit, anchor: None }
    }

    /// Puts the audio of a packet, whose RTP clock runs at 8 kHz, in its place.
    ///
    /// The time line goes on where the source changes or its timestamp leaps: the new one begins as much later as
    /// its packet came later.
    pub fn put(&mut self, at: Time, source: u32, timestamp: u32, audio: &[i16]) {
        self.put_clocked(at, source, (timestamp, SAMPLE_RATE), audio);
    }

    /// The same for a timestamp of an RTP clock of so many hertz, a multiple of 8 kHz.
    pub fn put_clocked(&mut self, at: Time, source: u32, (timestamp, clock): (u32, u32), audio: &[i16]) {
        let mut position = match self.anchor {
            None => 0,
            Some(anchor) => {
                let ticks = i64::from(timestamp.wrapping_sub(anchor.timestamp).cast_signed());
                let step = ticks / i64::from((clock / SAMPLE_RATE).max(1));
                if anchor.source == source && anchor.clock == clock && step.abs() <= MAX_GAP {
                    anchor.position + step
                } else {
                    anchor.position + samples_between(anchor.at, at)
                }
            }
        };
        if position < 0 {
            position = self.make_room(-position, position);
        }
        let newest = self.anchor.is_none_or(|anchor| position >= anchor.position);
        if newest {
            self.anchor = Some(Anchor { source, timestamp, clock, position, at });
        }
        let Ok(start) = usize::try_from(position) else { return };
        let end = start.saturating_add(audio.len());
        if end > self.limit {
            return;
        }
        if self.samples.len() < end {
            self.samples.resize(end, 0);
        }
        if let Some(place) = self.samples.get_mut(start..end) {
            place.copy_from_slice(audio);
            self.pieces.push(Piece { start, len: audio.len(), at });
        }
    }

    /// The samples from the first packet to the newest.
    #[must_use]
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// The packets in the order in which they were put.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Shifts everything back so that a packet from before the beginning fits; gives its new position.
    fn make_room(&mut self, missing: i64, position: i64) -> i64 {
        if missing > MAX_BEFORE {
            return position;
        }
        let shift = usize::try_from(missing).unwrap_or(0);
        self.samples.splice(0..0, std::iter::repeat_n(0, shift));
        self.pieces.iter_mut().for_each(|piece| piece.start += shift);
        if let Some(anchor) = &mut self.anchor {
            anchor.position += missing;
        }
        0
    }
}

/// Delay of each packet of `sent`, from its sending to the moment when its first sample's turn comes in what was heard:
/// the arrival of the packet that carries it, and the time of the samples before it there. `heard[i + lag]` is what
/// became of `sent[i]`. What was lost is left out.
#[must_use]
pub fn one_way_delays(sent: &Recording, heard: &Recording, lag: i64) -> Delays {
    let mut delays = Delays::new();
    let mut arrivals: Vec<Piece> = heard.pieces.clone();
    arrivals.sort_by_key(|piece| piece.start);
    for piece in &sent.pieces {
        let Some(wanted) =
            i64::try_from(piece.start).ok().and_then(|start| usize::try_from(start + lag).ok())
        else {
            continue;
        };
        let after = arrivals.partition_point(|arrival| arrival.start <= wanted);
        let found = after.checked_sub(1).and_then(|index| arrivals.get(index));
        if let Some(arrival) = found.filter(|arrival| wanted < arrival.start + arrival.len) {
            let within = u32::try_from(wanted - arrival.start).unwrap_or(0);
            delays.record(arrival.at.since(piece.at) + Duration::from_secs(1) * within / SAMPLE_RATE);
        }
    }
    delays
}

/// Whole packets' worth of time, in samples; at least one packet, so that nothing is overwritten.
fn samples_between(earlier: Time, later: Time) -> i64 {
    let packets = (later.since(earlier).as_millis() + 10) / 20;
    i64::try_from(packets).unwrap_or(i64::MAX).clamp(1, 3_000) * 160
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn gaps_are_silence_and_disorder_is_put_right() {
        let mut recording = Recording::new(1_000);
        recording.put(at(0), 7, u32::MAX - 1, &[1, 2]);
        recording.put(at(1), 7, 4, &[7, 8]);
        recording.put(at(2), 7, 0, &[3, 4]);
        recording.put(at(3), 7, u32::MAX - 3, &[9, 9]);
        assert_eq!(recording.samples(), [9, 9, 1, 2, 3, 4, 0, 0, 7, 8]);
        assert_eq!(recording.pieces()[1], Piece { start: 8, len: 2, at: at(1) });
    }

    #[test]
    fn a_new_source_follows_as_much_later_as_it_came() {
        let mut recording = Recording::new(10_000);
        recording.put(at(0), 7, 1_000, &[1; 160]);
        recording.put(at(41), 8, 77, &[2; 160]);
        recording.put(at(61), 8, 237, &[3; 160]);
        assert_eq!(recording.samples().len(), 640);
        assert_eq!((recording.samples()[319], recording.samples()[320], recording.samples()[480]), (0, 2, 3));
    }

    #[test]
    fn another_clock_is_another_measure_of_the_same_time() {
        let mut recording = Recording::new(1_000);
        for (n, value) in [(0, 1), (1, 2), (3, 4)] {
            recording.put_clocked(at(0), 7, ((u32::MAX - 500).wrapping_add(n * 960), 48_000), &[value; 160]);
        }
        let firsts: Vec<i16> = recording.samples().chunks(160).map(|packet| packet[0]).collect();
        assert_eq!(firsts, [1, 2, 0, 4]);
    }

    #[test]
    fn the_limit_holds() {
        let mut recording = Recording::new(320);
        for packet in 0..10 {
            recording.put(at(0), 7, packet * 160, &[1; 160]);
        }
        assert_eq!(recording.samples().len(), 320);
        assert_eq!(recording.pieces().len(), 2);
    }

    #[test]
    fn delay_is_found_through_loss_and_another_time_line() {
        let (mut sent, mut heard) = (Recording::new(10_000), Recording::new(10_000));
        for packet in 0..10_u32 {
            let leaves = at(u64::from(packet) * 20);
            sent.put(leaves, 1, packet * 160, &[1; 160]);
            if packet != 0 && packet != 5 {
                heard.put(leaves + Duration::from_millis(3), 2, 9_000 + packet * 160, &[1; 160]);
            }
        }
        let delays = one_way_delays(&sent, &heard, -160);
        assert_eq!(delays.summary().count, 8);
        let longest = delays.at(1.0).as_secs_f64();
        assert!((longest - 0.003).abs() < 0.00001, "{longest}");
        // Where the way itself puts the sound off, as a codec does, the sample waits within its packet.
        let longest = one_way_delays(&sent, &heard, -100).at(1.0).as_secs_f64();
        assert!((longest - 0.0105).abs() < 0.00002, "{longest}");
    }
}
