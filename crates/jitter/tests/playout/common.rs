//! A sender, a link and a leg on one virtual clock.

use std::collections::BTreeMap;
use std::time::Duration;

use mediapoint_codec::Codec;
use mediapoint_jitter::{Arrived, Inserted, Kind, Playout, PlayoutConfig, PlayoutStatistics};
use mediapoint_packet::Time;
use mediapoint_packet::rtp::{PayloadType, RtpTicks};

pub(crate) const L16: u8 = 97;
pub(crate) const L16_16K: u8 = 98;
pub(crate) const CN: u8 = 13;
pub(crate) const EVENT: u8 = 101;

pub(crate) fn payload_type(number: u8) -> PayloadType {
    PayloadType::new(number).unwrap_or(PayloadType::PCMU)
}

/// PCMU, L16 at 8 and 16 kHz, comfort noise, events.
pub(crate) fn payloads() -> Vec<(PayloadType, Codec)> {
    vec![
        (PayloadType::PCMU, Codec::PCMU),
        (payload_type(L16), Codec::L16_8K),
        (payload_type(L16_16K), Codec::L16_16K),
        (payload_type(CN), Codec::CN),
        (payload_type(EVENT), Codec::TELEPHONE_EVENT),
    ]
}

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A packet on its way.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    pub(crate) epoch: u32,
    pub(crate) index: u64,
    pub(crate) timestamp: u32,
    pub(crate) payload_type: u8,
    pub(crate) marker: bool,
    pub(crate) payload: Vec<u8>,
}

/// Voiced like speech: harmonics of 140 Hz whose strength rises and falls; at any time, at any rate.
#[expect(clippy::cast_possible_truncation, reason = "saturates")]
pub(crate) fn voice(seconds: f64) -> i16 {
    let phase = 2.0 * std::f64::consts::PI * 140.0 * seconds;
    let strength = 0.6 + 0.4 * (2.0 * std::f64::consts::PI * 2.3 * seconds).sin();
    let sum: f64 = (1..12_u8).map(f64::from).map(|n| (n * phase + n * n).sin() / n).sum();
    (sum * strength * 6000.0) as i16
}

/// Makes packets of L16 at 8 kHz, and keeps their numbers.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) epoch: u32,
    pub(crate) index: u64,
    pub(crate) timestamp: u32,
    pub(crate) payload_type: u8,
    /// Samples sent since the beginning: the place in [`voice`].
    pub(crate) position: u64,
    pub(crate) rate: u32,
    pub(crate) marker: bool,
}

impl Sender {
    pub(crate) const fn new() -> Self {
        let payload_type = L16;
        Self { epoch: 0, index: 1000, timestamp: 77, payload_type, position: 0, rate: 8000, marker: true }
    }

    pub(crate) fn packet(&mut self, millis: u32) -> Packet {
        let samples = self.rate / 1000 * millis;
        let at = |n: u32| (self.position + u64::from(n)) as f64 / f64::from(self.rate);
        let payload = (0..samples).flat_map(|n| voice(at(n)).to_be_bytes()).collect();
        self.position += u64::from(samples);
        let packet = self.with_payload(payload);
        self.timestamp = self.timestamp.wrapping_add(samples);
        packet
    }

    /// A packet of the stream that takes no time.
    pub(crate) fn with_payload(&mut self, payload: Vec<u8>) -> Packet {
        let packet = Packet {
            epoch: self.epoch,
            index: self.index,
            timestamp: self.timestamp,
            payload_type: self.payload_type,
            marker: std::mem::take(&mut self.marker),
            payload,
        };
        self.index += 1;
        packet
    }

    /// Time passes without a packet.
    pub(crate) fn pause(&mut self, millis: u32) {
        self.timestamp = self.timestamp.wrapping_add(self.rate / 1000 * millis);
        self.position += u64::from(self.rate / 1000 * millis);
    }
}

/// What was pulled at once.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) kind: Kind,
    pub(crate) pcm: Vec<i16>,
}

/// A leg that is pulled each so often, and packets on their way to it.
pub(crate) struct Leg {
    pub(crate) playout: Playout,
    pub(crate) now: Time,
    pub(crate) step: Duration,
    pub(crate) samples: usize,
    on_the_way: BTreeMap<(Time, u64), Packet>,
    count: u64,
    pub(crate) heard: Vec<Heard>,
    pub(crate) became: Vec<Inserted>,
}

impl Leg {
    /// At 8 kHz, pulled each 20 ms from 10 ms on.
    pub(crate) fn new() -> Self {
        Self::with(PlayoutConfig::new(8000).expect("a rate there is"), 20)
    }

    pub(crate) fn with(config: PlayoutConfig, pull_ms: u64) -> Self {
        Self::hearing(config, &payloads(), pull_ms)
    }

    pub(crate) fn of(config: PlayoutConfig, codecs: &[(u8, Codec)], pull_ms: u64) -> Self {
        let payloads: Vec<_> =
            codecs.iter().map(|(number, codec)| (payload_type(*number), codec.clone())).collect();
        Self::hearing(config, &payloads, pull_ms)
    }

    fn hearing(config: PlayoutConfig, payloads: &[(PayloadType, Codec)], pull_ms: u64) -> Self {
        Self {
            playout: Playout::new(config, payloads).expect("codecs there are"),
            now: Time::from_millis(10),
            step: ms(pull_ms),
            samples: config.rate() as usize * pull_ms as usize / 1000,
            on_the_way: BTreeMap::new(),
            count: 0,
            heard: Vec::new(),
            became: Vec::new(),
        }
    }

    /// A packet is to come at a time.
    pub(crate) fn at(&mut self, time: Time, packet: Packet) {
        self.count += 1;
        self.on_the_way.insert((time, self.count), packet);
    }

    pub(crate) fn insert(&mut self, time: Time, packet: &Packet) -> Inserted {
        let arrived = Arrived {
            epoch: packet.epoch,
            index: packet.index,
            timestamp: RtpTicks(packet.timestamp),
            payload_type: payload_type(packet.payload_type),
            marker: packet.marker,
            payload: &packet.payload,
        };
        self.playout.insert(time, &arrived)
    }

    /// Lets the time pass until `end`.
    pub(crate) fn run(&mut self, end: Time) {
        while self.now < end {
            while let Some(entry) = self.on_the_way.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let ((time, _), packet) = entry.remove_entry();
                let became = self.insert(time, &packet);
                self.became.push(became);
            }
            let mut pcm = vec![0; self.samples];
            let pulled = self.playout.pull(self.now, &mut pcm);
            assert_eq!(pulled.samples, pcm.len());
            self.heard.push(Heard { kind: pulled.kind, pcm });
            self.now = self.now + self.step;
        }
    }

    pub(crate) fn statistics(&self) -> PlayoutStatistics {
        self.playout.statistics()
    }

    pub(crate) fn pcm(&self) -> Vec<i16> {
        self.heard.iter().flat_map(|heard| heard.pcm.iter().copied()).collect()
    }

    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.heard.iter().filter(|heard| heard.kind == kind).count()
    }

    /// A steady stream: packets of 20 ms from `from` on, each `delay(n)` after it was sent.
    pub(crate) fn stream(
        &mut self,
        sender: &mut Sender,
        from: Time,
        packets: u64,
        mut delay: impl FnMut(u64) -> Option<Duration>,
    ) {
        for n in 0..packets {
            let packet = sender.packet(20);
            if let Some(delay) = delay(n) {
                self.at(from + ms(20 * n) + delay, packet);
            }
        }
    }
}

/// Numbers that are the same each time.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}

/// The strongest sign of a click: the largest step between neighbours, compared with that of the voice itself.
pub(crate) fn roughness(pcm: &[i16]) -> i32 {
    pcm.array_windows().map(|[a, b]| (i32::from(*b) - i32::from(*a)).abs()).max().unwrap_or(0)
}
