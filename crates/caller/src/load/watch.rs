//! What a phone of the load hears where no mark survives: numbers and times of the packets, and the audio of some.

use std::time::Duration;

use mediapoint_packet::Time;
use rtp::header::Header;

use super::endpoint::Heard;
use crate::codec::Codec;
use crate::reception::{Order, Reception};

/// Packets whose audio is kept at most: 30 s.
const KEPT: usize = 1_500;

/// Packets that the server may hold back more at the end of a measurement than at its beginning without being told of
/// missing ones: what a jitter buffer grows by.
const HELD_BACK: u64 = 10;

/// One received stream.
pub(super) struct Watch {
    codec: Codec,
    stream: Option<Reception>,
    newest: Option<(Time, u32)>,
    /// Counters when the measurement began.
    before: Counters,
    counting: bool,
    octets: u64,
    voiced: u64,
    /// Packets kept since then, of a phone whose audio is listened to.
    tape: Option<Vec<Kept>>,
}

/// A packet as it was sent or came.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) at: Time,
    pub(super) timestamp: u32,
    pub(super) payload: Box<[u8]>,
}

/// What came of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counters {
    /// Packets, each once.
    pub(super) received: u64,
    /// Numbers that did not come.
    pub(super) lost: u64,
    /// Payload octets of all that came.
    pub(super) octets: u64,
    /// Packets with voice in them; counted in mu-law alone.
    pub(super) voiced: u64,
}

impl Watch {
    /// A watch over a stream of `codec`; `listening` keeps its audio.
    pub(super) fn new(codec: Codec, listening: bool) -> Self {
        Self {
            codec,
            stream: None,
            newest: None,
            before: Counters::default(),
            counting: false,
            octets: 0,
            voiced: 0,
            tape: listening.then(Vec::new),
        }
    }

    /// Counts from here on.
    pub(super) fn start(&mut self) {
        self.before = self.counters();
        self.counting = true;
    }

    /// What came since [`Watch::start`].
    pub(super) fn counts(&self) -> Counters {
        let now = self.counters();
        Counters {
            received: now.received.saturating_sub(self.before.received),
            lost: now.lost.saturating_sub(self.before.lost),
            octets: now.octets.saturating_sub(self.before.octets),
            voiced: now.voiced.saturating_sub(self.before.voiced),
        }
    }

    pub(super) fn codec(&self) -> Codec {
        self.codec
    }

    /// The packets kept, where they are.
    pub(super) fn tape(&self) -> Option<&[Kept]> {
        self.tape.as_deref()
    }

    /// Takes a packet in.
    pub(super) fn handle(&mut self, now: Time, header: &Header, payload: &[u8]) -> Heard {
        let stream = self.stream.get_or_insert_with(|| {
            Reception::new(header.ssrc, header.sequence_number).with_clock(self.codec.clock_rate())
        });
        // Nothing in the audio says whose it is. A phone of the load hears one stream all the time, so a second one in
        // it is another's.
        if stream.ssrc() != header.ssrc {
            return Heard::Misrouted;
        }
        let Some(order) = stream.handle(now, header.sequence_number, header.timestamp) else {
            return Heard::Misrouted;
        };
        if order == Order::Duplicate {
            return Heard::Again;
        }
        self.octets += payload.len() as u64;
        self.voiced += u64::from(self.codec == Codec::Pcmu && payload.iter().any(|octet| is_voice(*octet)));
        if let Some(tape) = self.tape.as_mut().filter(|tape| self.counting && tape.len() < KEPT) {
            tape.push(Kept { at: now, timestamp: header.timestamp, payload: payload.into() });
        }
        let before = self.newest.replace((now, header.timestamp));
        let off = before.map(|(at, timestamp)| {
            let ticks = header.timestamp.wrapping_sub(timestamp);
            let due = f64::from(ticks.cast_signed()) / f64::from(self.codec.clock_rate());
            let off = (now.since(at).as_secs_f64() - due).abs();
            // A stamp that leapt can be hours off; a minute says as much.
            Duration::from_secs_f64(off.min(60.0))
        });
        Heard::Audio { off }
    }

    fn counters(&self) -> Counters {
        let stream = self.stream.as_ref();
        Counters {
            received: stream.map_or(0, Reception::received),
            lost: stream.map_or(0, Reception::lost),
            octets: self.octets,
            voiced: self.voiced,
        }
    }
}

/// Above -31 dBov, of mu-law: its fourth segment or a higher one [G.711 table 2a]. Noise of a quiet line is not.
const fn is_voice(octet: u8) -> bool {
    !octet & 0x7f >= 0x30
}

/// Packets that a stream should have brought in `elapsed` and for which there is not even a number.
pub(super) fn missing(counts: Counters, elapsed: Duration, interval: Duration) -> u64 {
    let due = elapsed.as_nanos().checked_div(interval.as_nanos()).unwrap_or(0);
    let due = u64::try_from(due).unwrap_or(u64::MAX);
    let missing = due.saturating_sub(counts.received + counts.lost);
    if missing > HELD_BACK { missing } else { 0 }
}

/// The same over several streams of which only the packets are counted.
pub(super) fn missing_of(streams: u64, received: u64, elapsed: Duration, interval: Duration) -> u64 {
    let all = Counters { received, ..Counters::default() };
    let due = elapsed.saturating_mul(u32::try_from(streams).unwrap_or(u32::MAX));
    let missing = missing(all, due, interval);
    if missing > HELD_BACK * streams { missing } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(seq: u16, timestamp: u32, ssrc: u32) -> Header {
        Header { sequence_number: seq, timestamp, ssrc, ..Header::default() }
    }

    #[test]
    fn only_what_came_since_the_start_counts_and_is_kept() {
        let mut watch = Watch::new(Codec::Opus, true);
        for n in 0..10_u16 {
            if n == 4 {
                watch.start();
            }
            if n != 2 && n != 7 {
                watch.handle(Time::from_millis(0), &header(n, u32::from(n) * 960, 1), &[0; 50]);
            }
        }
        assert_eq!(watch.counts(), Counters { received: 5, lost: 1, octets: 250, voiced: 0 });
        assert_eq!(watch.tape().map(<[Kept]>::len), Some(5));
        assert_eq!(missing(watch.counts(), Duration::from_millis(120), Duration::from_millis(20)), 0);
        assert_eq!(missing(watch.counts(), Duration::from_secs(1), Duration::from_millis(20)), 44);
        assert_eq!(missing(Counters::default(), Duration::from_secs(1), Duration::from_millis(20)), 50);
    }

    #[test]
    fn of_several_streams_each_may_be_held_back() {
        let (second, interval) = (Duration::from_secs(1), Duration::from_millis(20));
        assert_eq!(missing_of(0, 0, second, interval), 0);
        assert_eq!(missing_of(4, 160, second, interval), 0);
        assert_eq!(missing_of(4, 159, second, interval), 41);
    }

    #[test]
    fn voice_is_told_from_the_noise_of_a_line() {
        let mut watch = Watch::new(Codec::Pcmu, false);
        let mut payload = [0xff; 160];
        watch.start();
        watch.handle(Time::ZERO, &header(1, 0, 1), &payload);
        // 396 of 32,124, the top of the third segment.
        payload[80] = 0x5f;
        watch.handle(Time::ZERO, &header(2, 160, 1), &payload[..]);
        assert_eq!(watch.counts().voiced, 0);
        for (seq, octet) in [(3, 0x4f), (4, 0xcf), (5, 0x00)] {
            payload[80] = octet;
            watch.handle(Time::ZERO, &header(seq, u32::from(seq) * 160, 1), &payload);
        }
        assert_eq!(watch.counts(), Counters { received: 5, lost: 0, octets: 800, voiced: 3 });
    }

    #[test]
    fn a_packet_is_off_by_how_much_earlier_or_later_it_comes_than_its_stamp_says() {
        let mut watch = Watch::new(Codec::G729, false);
        let mut hear = |millis, seq: u16| {
            watch.handle(Time::from_millis(millis), &header(seq, u32::from(seq) * 160, 1), &[0; 20])
        };
        assert_eq!(hear(0, 0), Heard::Audio { off: None });
        for (millis, seq, off) in [(20, 1, 0), (43, 2, 3), (60, 3, 3), (120, 6, 0)] {
            let Heard::Audio { off: Some(found) } = hear(millis, seq) else { panic!("no audio: {seq}") };
            assert_eq!(found.as_micros(), off * 1_000, "{seq}");
        }
        assert_eq!(hear(121, 6), Heard::Again);
    }

    #[test]
    fn another_stream_is_not_this_phones() {
        let mut watch = Watch::new(Codec::G722, false);
        watch.handle(Time::ZERO, &header(1, 0, 1), &[0; 160]);
        assert_eq!(watch.handle(Time::ZERO, &header(2, 160, 2), &[0; 160]), Heard::Misrouted);
        assert_eq!(watch.handle(Time::ZERO, &header(30_000, 160, 1), &[0; 160]), Heard::Misrouted);
    }
}
