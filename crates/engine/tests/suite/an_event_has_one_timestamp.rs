//! All packets of a telephone event have one timestamp, its first one alone the marker, and the audio's timestamps stay on
//! their clock: with events at another clock rate than the audio's, told in its clock or in one of their own, with audio
//! beside them or in their place, forwarded and transcoded, to parties with another clock rate for events. What is too long
//! for the duration field goes in segments.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::time::Duration;

use mediapoint_codec::{Encoder, EncoderSettings, Parameters, encoder};
use mediapoint_engine::session::tap::event::PressRoom;
use mediapoint_engine::{Event, PayloadCodec};
use mediapoint_packet::rtp::{PayloadType, RtpHeader, RtpTicks, Seq, Ssrc};
use mediapoint_packet::telephone_event::EventBlock;
use mediapoint_testkit::{HeardPacket, PeerId, World, audio, codec, pcmu, rtp_port};

const PACKET_TIME: u32 = 20;

/// Payload type of events, from the phone and to the far end.
const FROM: u8 = 101;
const TO: u8 = 96;

/// By which clock a phone gives events their timestamps, where that of their payload type is not the audio's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clock {
    /// That of the audio.
    Shared,
    /// One of their own.
    Own,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audio {
    Paused,
    GoesOn,
}

/// One event to the far end: packets of one timestamp.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    code: u8,
    timestamp: RtpTicks,
    durations: Vec<u16>,
    ends: usize,
    markers: Vec<bool>,
}

struct Scene {
    world: World,
    phone: PeerId,
    far: PeerId,
    /// Holds the tap open.
    room: PressRoom,
    entry: PayloadCodec,
    encoder: Option<Box<dyn Encoder>>,
    event_rate: u32,
    clock: Clock,
    sequence: Seq,
    /// The phone's time in milliseconds.
    millis: u32,
    /// Timestamps on the audio's clock at the beginning of each press.
    begins: Vec<RtpTicks>,
}

/// What the audio's and the events' clocks show at the phone's time 0.
const AUDIO_AT_ZERO: u32 = u32::MAX - 100_000;
const EVENTS_AT_ZERO: u32 = 3_000_000_000;

impl Scene {
    fn new(from: (&PayloadCodec, u32), to: (&PayloadCodec, u32), clock: Clock) -> Self {
        let mut world = World::new(4);
        let call = world.add_call();
        let events = |number, rate| codec(number, "telephone-event", rate);
        let phone = world.add_peer(call, audio([from.0.clone(), events(FROM, from.1)]));
        let far = world.add_peer(call, audio([to.0.clone(), events(TO, to.1)]));
        let heard = &mut world.peer_mut(far).heard;
        heard.keep_packets = true;
        heard.event_type = PayloadType::new(TO).unwrap();
        heard.clock_rate = to.0.codec.clock_rate;
        world.connect(phone, far);
        let (_, room) = world.tap_keys(phone);
        let encoder = encoder(&from.0.codec, 8000, &Parameters::default(), &EncoderSettings::default()).ok();
        Self {
            world,
            phone,
            far,
            room,
            entry: from.0.clone(),
            encoder,
            event_rate: from.1,
            clock,
            sequence: Seq(65_500),
            millis: 0,
            begins: Vec::new(),
        }
    }

    fn audio_timestamp(&self) -> RtpTicks {
        RtpTicks(AUDIO_AT_ZERO.wrapping_add(self.millis * (self.entry.codec.clock_rate / 1000)))
    }

    fn event_timestamp(&self) -> RtpTicks {
        match self.clock {
            Clock::Shared => self.audio_timestamp(),
            Clock::Own => RtpTicks(EVENTS_AT_ZERO + self.millis * (self.event_rate / 1000)),
        }
    }

    fn deliver(&mut self, payload_type: PayloadType, timestamp: RtpTicks, marker: bool, payload: &[u8]) {
        let header =
            RtpHeader { marker, payload_type, sequence: self.sequence, timestamp, ssrc: Ssrc(0xabc) };
        self.sequence = self.sequence.wrapping_add(1);
        let mut packet = vec![0; 12];
        header.write(&mut packet).unwrap();
        packet.extend_from_slice(payload);
        let (key, from) = (rtp_port(self.world.peer(self.phone).slot), self.world.peer(self.phone).address);
        self.world.inject(key, from, &packet);
    }

    fn send_audio(&mut self) {
        let mut payload = vec![0; 60];
        if let Some(encoder) = &mut self.encoder {
            let samples = encoder.sample_rate() / 1000 * PACKET_TIME;
            let pcm: Vec<i16> = (0..samples).map(|n| if n / 10 % 2 == 0 { 3000 } else { -3000 }).collect();
            payload.resize(1400, 0);
            let len = encoder.encode(&pcm, &mut payload).unwrap().len;
            payload.truncate(len);
        }
        self.deliver(self.entry.payload_type, self.audio_timestamp(), false, &payload);
    }

    fn pass(&mut self) {
        self.millis += PACKET_TIME;
        self.world.run_for(Duration::from_millis(PACKET_TIME.into()));
    }

    fn talk(&mut self, millis: u32) {
        for _ in 0..millis / PACKET_TIME {
            self.send_audio();
            self.pass();
        }
    }

    /// Presses a key for a time; the end is sent three times. Durations go on in segments, as [RFC4733 2.5.1.3] wants them.
    fn press(&mut self, code: u8, millis: u32, audio: Audio) {
        self.begins.push(self.audio_timestamp());
        let begin = self.event_timestamp();
        let packets = millis.div_ceil(PACKET_TIME) + 2;
        let (mut earlier, mut told) = (0, 0);
        for n in 1..=packets {
            let total = (n * PACKET_TIME).min(millis) * (self.event_rate / 1000);
            if total - earlier > 65_535 {
                if told < 65_535 {
                    // The segment is told to its end, and the next one begins with the same packet time.
                    let block = EventBlock { code, end: false, volume: 10, duration: 65_535 };
                    self.event(begin.wrapping_add(earlier), false, block);
                }
                earlier += 65_535;
            }
            told = total - earlier;
            let end = n * PACKET_TIME >= millis;
            let block = EventBlock { code, end, volume: 10, duration: u16::try_from(told).unwrap() };
            self.event(begin.wrapping_add(earlier), n == 1, block);
            if audio == Audio::GoesOn {
                self.send_audio();
            }
            self.pass();
        }
        self.room.give();
    }

    fn event(&mut self, timestamp: RtpTicks, marker: bool, block: EventBlock) {
        let mut payload = [0; 4];
        block.write(&mut payload).unwrap();
        self.deliver(PayloadType::new(FROM).unwrap(), timestamp, marker, &payload);
    }

    /// Key presses as the controller was told of them: code and milliseconds.
    fn reported(&self) -> Vec<(u8, u128)> {
        let press = |event: &Event| match event {
            Event::KeyPressed { press, .. } => Some((press.code, press.duration.as_millis())),
            _ => None,
        };
        self.world.events.iter().filter_map(|(_, event)| press(event)).collect()
    }

    fn received(&self) -> &[HeardPacket] {
        &self.world.peer(self.far).heard.log
    }

    fn seen(&self) -> Vec<Seen> {
        let mut all: Vec<Seen> = Vec::new();
        for packet in self.received().iter().filter(|packet| packet.payload_type.get() == TO) {
            let block = EventBlock::read(&packet.payload).unwrap();
            if all.last().is_none_or(|seen| seen.timestamp != packet.timestamp) {
                all.push(Seen {
                    code: block.code,
                    timestamp: packet.timestamp,
                    durations: Vec::new(),
                    ends: 0,
                    markers: Vec::new(),
                });
            }
            let seen = all.last_mut().unwrap();
            assert_eq!(seen.code, block.code);
            seen.durations.push(block.duration);
            seen.ends += usize::from(block.end);
            seen.markers.push(packet.marker);
        }
        all
    }

    /// How far each packet of audio is off the clock that the far end's stream began with, in ticks.
    fn off_the_clock(&self) -> Vec<i64> {
        let rate = u64::from(self.world.peer(self.far).heard.clock_rate);
        let mut audio = self.received().iter().filter(|packet| packet.payload_type.get() != TO);
        let first = audio.next().unwrap();
        let off = |packet: &HeardPacket| {
            let passed = packet.at.since(first.at).as_micros() * u128::from(rate) / 1_000_000;
            i64::from(packet.timestamp.distance_from(first.timestamp)) - i64::try_from(passed).unwrap()
        };
        audio.map(off).collect()
    }

    /// Timestamps on the audio's clock at the beginning of each press, as the far end's stream has them.
    fn begins_sent(&self) -> Vec<RtpTicks> {
        let first = self.received().iter().find(|packet| packet.payload_type.get() != TO).unwrap();
        let rates = (self.entry.codec.clock_rate, self.world.peer(self.far).heard.clock_rate);
        let sent = |begin: &RtpTicks| {
            let since = begin.0.wrapping_sub(AUDIO_AT_ZERO) / (rates.0 / 1000) * (rates.1 / 1000);
            first.timestamp.wrapping_add(since)
        };
        self.begins.iter().map(sent).collect()
    }

    fn check_stream(&self, name: &str) {
        let heard = &self.world.peer(self.far).heard;
        assert_eq!(heard.seam.check(), Ok(()), "{name}");
        assert_eq!(heard.missing(), 0, "{name}");
        assert_eq!(self.world.buffers_lost(), 0, "{name}");
    }
}

fn opus() -> PayloadCodec {
    codec(111, "opus", 48_000)
}

/// Ten digits of 140 ms, nine packets each.
fn dial(scene: &mut Scene, audio: Audio) {
    scene.world.peer_mut(scene.far).heard.seam.allow_audio_beside_events();
    scene.talk(600);
    for code in 0..10 {
        scene.press(code, 140, audio);
        scene.talk(200);
    }
    scene.talk(400);
}

/// What ten digits are to the far end.
fn dialled(ticks_of_20_ms: u16, begins: &[RtpTicks]) -> Vec<Seen> {
    let digit = |(code, timestamp): (u8, &RtpTicks)| Seen {
        code,
        timestamp: *timestamp,
        durations: [1, 2, 3, 4, 5, 6, 7, 7, 7].map(|n| n * ticks_of_20_ms).to_vec(),
        ends: 3,
        markers: (0..9).map(|n| n == 0).collect(),
    };
    (0..).zip(begins).map(digit).collect()
}

/// Every kind of phone with that codec and that clock rate of events.
fn cases((audio, event_rate): (&PayloadCodec, u32)) -> impl Iterator<Item = (Clock, Audio)> {
    let clocks: &[Clock] =
        if audio.codec.clock_rate == event_rate { &[Clock::Shared] } else { &[Clock::Shared, Clock::Own] };
    clocks.iter().flat_map(|&clock| [(clock, Audio::Paused), (clock, Audio::GoesOn)])
}

/// Dials over a path that forwards, and checks every figure.
fn forwarded(from: (&PayloadCodec, u32), to: (&PayloadCodec, u32)) {
    for (clock, audio) in cases(from) {
        let name = format!("{}/{} to {}, {clock:?}, {audio:?}", from.0.codec.name(), from.1, to.1);
        let mut scene = Scene::new(from, to, clock);
        dial(&mut scene, audio);
        let seen = scene.seen();
        let slip = scene.off_the_clock().into_iter().map(i64::abs).max();
        println!("{name}: {} events, audio off by {slip:?} ticks", seen.len());
        let ticks = u16::try_from(to.1 / 50).unwrap();
        assert_eq!(seen, dialled(ticks, &scene.begins_sent()), "{name}");
        assert_eq!(slip, Some(0), "{name}: ticks that audio is off the clock");
        scene.check_stream(&name);
        let reported: Vec<(u8, u128)> = (0..10).map(|code| (code, 140)).collect();
        assert_eq!(scene.reported(), reported, "{name}");
    }
}

// test-of: [RFC4733 2.1] [RFC4733 2.2.1]
#[test]
fn events_at_8000_beside_opus_are_forwarded() {
    forwarded((&opus(), 8000), (&opus(), 8000));
}

#[test]
fn events_at_8000_beside_opus_to_a_party_with_48000() {
    forwarded((&opus(), 8000), (&opus(), 48_000));
}

#[test]
fn events_at_48000_beside_opus_to_a_party_with_8000() {
    forwarded((&opus(), 48_000), (&opus(), 8000));
}

#[test]
fn events_beside_wideband_that_is_forwarded() {
    let wide = codec(98, "AMR-WB", 16_000);
    for rates in [(8000, 8000), (8000, 16_000), (16_000, 16_000), (16_000, 8000)] {
        forwarded((&wide, rates.0), (&wide, rates.1));
    }
    let g722 = codec(9, "G722", 8000);
    forwarded((&g722, 8000), (&g722, 8000));
}

/// Dials over a path that decodes and encodes. How far its audio is from the clock depends on what the jitter buffer holds;
/// it must not grow from digit to digit.
fn transcoded(from: (&PayloadCodec, u32), to: (&PayloadCodec, u32)) {
    for (clock, audio) in cases(from) {
        let name = format!(
            "{}/{} to {}/{}, {clock:?}, {audio:?}",
            from.0.codec.name(),
            from.1,
            to.0.codec.name(),
            to.1
        );
        let mut scene = Scene::new(from, to, clock);
        dial(&mut scene, audio);
        let (seen, rate) = (scene.seen(), i64::from(to.0.codec.clock_rate));
        let slip = scene.off_the_clock().into_iter().map(i64::abs).max().unwrap();
        println!("{name}: {} events, audio off by {slip} ticks", seen.len());
        let begins: Vec<RtpTicks> = seen.iter().map(|seen| seen.timestamp).collect();
        let ticks = u16::try_from(to.1 / 50).unwrap();
        assert_eq!(seen, dialled(ticks, &begins), "{name}");
        for (sent, expected) in begins.iter().zip(scene.begins_sent()) {
            let off = i64::from(sent.distance_from(expected)).abs();
            assert!(off <= rate / 20, "{name}: an event {off} ticks off the clock");
        }
        assert!(slip <= rate / 20, "{name}: {slip} ticks off the clock");
        scene.check_stream(&name);
        let reported: Vec<(u8, u128)> = (0..10).map(|code| (code, 140)).collect();
        assert_eq!(scene.reported(), reported, "{name}");
    }
}

#[test]
fn events_at_8000_beside_opus_that_is_transcoded() {
    transcoded((&opus(), 8000), (&pcmu(), 8000));
    transcoded((&pcmu(), 8000), (&opus(), 8000));
    transcoded((&pcmu(), 8000), (&opus(), 48_000));
    transcoded((&opus(), 48_000), (&pcmu(), 8000));
    transcoded((&opus(), 48_000), (&codec(98, "L16", 16_000), 16_000));
    transcoded((&codec(98, "L16", 16_000), 8000), (&pcmu(), 8000));
    transcoded((&codec(9, "G722", 8000), 8000), (&opus(), 8000));
}

/// An event in the place of the first audio of a stream, and of a call.
#[test]
fn events_before_all_audio() {
    for clock in [Clock::Shared, Clock::Own] {
        for to in [8000, 48_000] {
            let mut scene = Scene::new((&opus(), 8000), (&opus(), to), clock);
            scene.press(5, 140, Audio::Paused);
            scene.talk(1000);
            scene.press(6, 140, Audio::Paused);
            scene.talk(400);
            let name = format!("{clock:?} to {to}");
            let seen = scene.seen();
            let markers: Vec<usize> =
                seen.iter().map(|seen| seen.markers.iter().filter(|marker| **marker).count()).collect();
            assert_eq!((seen.len(), markers), (2, vec![1, 1]), "{name}");
            assert_eq!(scene.off_the_clock().into_iter().map(i64::abs).max(), Some(0), "{name}");
            // Eight packet times of 20 ms after the first audio, 1160 ms after the first press.
            let apart = seen[1].timestamp.distance_from(seen[0].timestamp);
            assert_eq!(apart, 1180 * 48, "{name}");
            scene.check_stream(&name);
        }
    }
}

/// What the far end learns of one long event: the segments' timestamps behind the first, their longest durations, and the
/// ends in each.
fn segments(scene: &Scene) -> Vec<(u32, u16, usize)> {
    let seen = scene.seen();
    let begin = seen[0].timestamp;
    let segment = |seen: &Seen| {
        let since = seen.timestamp.0.wrapping_sub(begin.0);
        (since, seen.durations.iter().copied().max().unwrap(), seen.ends)
    };
    seen.iter().map(segment).collect()
}

// test-of: [RFC4733 2.5.1.3]
#[test]
fn an_event_too_long_for_the_field_goes_in_segments() {
    let paths = [
        // 2.4 s are 115,200 ticks.
        ((opus(), 8000), (opus(), 48_000), 2400, vec![(0, 65_535, 0), (65_535, 49_665, 3)]),
        ((pcmu(), 8000), (opus(), 48_000), 2400, vec![(0, 65_535, 0), (65_535, 49_665, 3)]),
        // 9 s are 72,000 ticks at 8000 Hz, and 432,000 at 48,000 Hz.
        ((pcmu(), 8000), (pcmu(), 8000), 9000, vec![(0, 65_535, 0), (65_535, 6465, 3)]),
        ((pcmu(), 8000), (codec(18, "G729", 8000), 8000), 9000, vec![(0, 65_535, 0), (65_535, 6465, 3)]),
        ((opus(), 8000), (opus(), 8000), 9000, vec![(0, 65_535, 0), (65_535, 6465, 3)]),
        (
            (opus(), 8000),
            (opus(), 48_000),
            9000,
            (0..6).map(|n| (n * 65_535, 65_535, 0)).chain([(6 * 65_535, 38_790, 3)]).collect(),
        ),
        // What came in segments is one timestamp again where the duration has room for it.
        ((opus(), 48_000), (opus(), 8000), 2400, vec![(0, 19_200, 3)]),
        ((opus(), 48_000), (pcmu(), 8000), 2400, vec![(0, 19_200, 3)]),
        ((opus(), 48_000), (pcmu(), 8000), 9000, vec![(0, 65_535, 0), (65_535, 6465, 3)]),
    ];
    for (from, to, millis, expected) in paths {
        for (clock, audio) in cases((&from.0, from.1)) {
            let name = format!(
                "{}/{} to {}/{}, {millis} ms, {clock:?}, {audio:?}",
                from.0.codec.name(),
                from.1,
                to.0.codec.name(),
                to.1
            );
            let mut scene = Scene::new((&from.0, from.1), (&to.0, to.1), clock);
            scene.world.peer_mut(scene.far).heard.seam.allow_audio_beside_events();
            scene.talk(600);
            scene.press(7, millis, audio);
            scene.talk(400);
            println!("{name}: {:?}", segments(&scene));
            assert_eq!(segments(&scene), expected, "{name}");
            let markers = scene.seen().iter().flat_map(|seen| seen.markers.clone()).collect::<Vec<_>>();
            assert_eq!(markers.iter().filter(|marker| **marker).count(), 1, "{name}: one marker");
            assert!(markers[0], "{name}: the marker is at the beginning");
            // Each segment is told to its end before the next one begins, and never goes back.
            for seen in scene.seen() {
                assert!(seen.durations.is_sorted(), "{name}: {seen:?}");
            }
            assert_eq!(scene.reported(), [(7, u128::from(millis))], "{name}");
            let millis_off = scene.off_the_clock().into_iter().map(i64::abs).max().unwrap()
                / i64::from(to.0.codec.clock_rate / 1000);
            assert!(millis_off <= 50, "{name}: audio {millis_off} ms off the clock");
        }
    }
}

/// The end of an event that comes just behind the border of a segment: its first packet tells the segment to its end, the
/// retransmissions the end of the event.
#[test]
fn an_event_that_ends_behind_a_border() {
    // 1,366 ms are 65,568 ticks at 48,000 Hz.
    let mut scene = Scene::new((&opus(), 8000), (&opus(), 48_000), Clock::Shared);
    scene.talk(600);
    scene.press(3, 1366, Audio::Paused);
    scene.talk(400);
    assert_eq!(segments(&scene), [(0, 65_535, 0), (65_535, 33, 2)]);
    assert_eq!(scene.reported(), [(3, 1366)]);
}
