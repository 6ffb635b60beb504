//! A key press is one event to the controller and one event to the far end, whichever of its packets arrive, in whatever
//! order, with audio beside them or in their place, with packets of any length, forwarded and transcoded.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::time::Duration;

use mediapoint_codec::{Encoder, EncoderSettings, Parameters, encoder};
use mediapoint_engine::session::tap::event::PressRoom;
use mediapoint_engine::{Event, EventPolicy, LegConfig, PayloadCodec, Source, TapSide, ToneSpec};
use mediapoint_packet::Time;
use mediapoint_packet::rtp::{PayloadType, RtpHeader, RtpTicks, Seq, Ssrc};
use mediapoint_packet::telephone_event::EventBlock;
use mediapoint_testkit::{PeerId, Random, World, audio, codec, pcma, pcmu, rtp_port, telephone_event};

/// When a packet is due, its bytes, and which event it is of and whether it ends it.
type UnderWay = (u64, Vec<u8>, Option<(u64, bool)>);

/// Packets of a press: its reports, of which the last is an end, and two more ends.
const REPORTS: u32 = 4;
const PACKETS: u32 = REPORTS + 2;

/// An event is over so long after its last packet, in milliseconds.
const TIMEOUT: u64 = 150;

const PACKET_TIMES: [u64; 5] = [10, 20, 30, 40, 60];

/// How a phone sends an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Its packets in the place of audio.
    Alone,
    /// Its packets in the place of audio, the three ends at once.
    EndsAtOnce,
    /// Its packets between those of audio, which go on.
    Interleaved,
}

const STYLES: [Style; 3] = [Style::Alone, Style::EndsAtOnce, Style::Interleaved];

/// What becomes of the packets of one press on their way.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// Bit n: packet n is lost.
    lost: u32,
    /// By how many packet times packet n is late.
    late: [u64; PACKETS as usize],
}

impl Way {
    const CLEAN: Self = Self { lost: 0, late: [0; PACKETS as usize] };

    fn losing(lost: u32) -> Self {
        Self { lost, ..Self::CLEAN }
    }

    /// All that get through is overtaken, or not.
    fn of_chance(random: &mut Random) -> Self {
        let lost = u32::try_from(random.below((1 << PACKETS) - 1)).unwrap();
        let mut late = [0; PACKETS as usize];
        late.iter_mut().for_each(|late| *late = random.below(4).saturating_sub(1));
        Self { lost, late }
    }
}

/// A press as it must be reported: its code, milliseconds, and whether the far end gets to see its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Press {
    code: u8,
    millis: u64,
    ended: bool,
}

/// A phone that sends every packet itself.
struct Phone {
    world: World,
    peer: PeerId,
    packet_time: u64,
    entry: PayloadCodec,
    encoder: Box<dyn Encoder>,
    sequence: Seq,
    timestamp: RtpTicks,
    said: u64,
}

impl Phone {
    fn audio(&mut self) -> Vec<u8> {
        let rate = u64::from(self.encoder.sample_rate());
        let samples = rate * self.packet_time / 1000;
        #[expect(clippy::cast_possible_truncation, reason = "a tone within 16 bits")]
        let tone = |n: u64| (8000.0 * (n as f64 * 437.0 / rate as f64 * std::f64::consts::TAU).sin()) as i16;
        let pcm: Vec<i16> = (self.said..self.said + samples).map(tone).collect();
        self.said += samples;
        let mut payload = vec![0; 1400];
        let len = self.encoder.encode(&pcm, &mut payload).unwrap().len;
        payload.truncate(len);
        self.packet(self.entry.payload_type, self.timestamp, false, &payload)
    }

    fn event(&mut self, begin: RtpTicks, marker: bool, block: EventBlock) -> Vec<u8> {
        let mut payload = [0; 4];
        block.write(&mut payload).unwrap();
        self.packet(PayloadType::new(101).unwrap(), begin, marker, &payload)
    }

    fn packet(
        &mut self,
        payload_type: PayloadType,
        timestamp: RtpTicks,
        marker: bool,
        payload: &[u8],
    ) -> Vec<u8> {
        let header =
            RtpHeader { marker, payload_type, sequence: self.sequence, timestamp, ssrc: Ssrc(0xabc) };
        self.sequence = self.sequence.wrapping_add(1);
        let mut packet = vec![0; 12];
        header.write(&mut packet).unwrap();
        packet.extend_from_slice(payload);
        packet
    }

    fn ticks(&self) -> u32 {
        u32::try_from(self.packet_time * u64::from(self.entry.codec.clock_rate) / 1000).unwrap()
    }

    fn deliver(&mut self, packet: &[u8]) {
        let (key, from) = (rtp_port(self.world.peer(self.peer).slot), self.world.peer(self.peer).address);
        self.world.inject(key, from, packet);
    }

    /// One packet time passes.
    fn pass(&mut self) {
        self.timestamp = self.timestamp.wrapping_add(self.ticks());
        self.world.run_for(Duration::from_millis(self.packet_time));
    }

    fn talk(&mut self, millis: u64) {
        for _ in 0..millis.div_ceil(self.packet_time) {
            let packet = self.audio();
            self.deliver(&packet);
            self.pass();
        }
    }

    /// Presses a key, then talks on; returns what of it must be reported.
    fn press(&mut self, code: u8, style: Style, way: &Way) -> Press {
        let (begin, step) = (self.timestamp, self.ticks());
        let mut under_way: Vec<UnderWay> = Vec::new();
        let mut arrived: Vec<(u64, u64, bool)> = Vec::new();
        let mut tick = 0_u64;
        let mut sent = 0;
        while sent < PACKETS || !under_way.is_empty() {
            let at_once = style == Style::EndsAtOnce && sent >= REPORTS - 1;
            let now = if at_once { PACKETS } else { (sent + 1).min(PACKETS) };
            for n in sent..now {
                let reports = (n + 1).min(REPORTS);
                let end = reports == REPORTS;
                let block =
                    EventBlock { code, end, volume: 10, duration: u16::try_from(reports * step).unwrap() };
                let packet = self.event(begin, n == 0, block);
                if way.lost >> n & 1 == 0 {
                    let millis = u64::from(reports) * self.packet_time;
                    under_way.push((tick + way.late[n as usize], packet, Some((millis, end))));
                }
            }
            if sent == PACKETS || style == Style::Interleaved {
                let packet = self.audio();
                under_way.push((tick, packet, None));
            }
            sent = now;
            let (due, later) = under_way.into_iter().partition(|(at, ..)| *at <= tick);
            under_way = later;
            let due: Vec<UnderWay> = due;
            for (_, packet, event) in due {
                self.deliver(&packet);
                arrived.extend(event.map(|(millis, end)| (tick * self.packet_time, millis, end)));
            }
            self.pass();
            tick += 1;
            // What is left of it is too late to be of the press any more.
            if tick > 60 {
                break;
            }
        }
        self.talk(400);
        expected(code, &arrived)
    }
}

/// The rule, the naive way: reported with its first end, or when nothing has come of it for a time, with the longest
/// duration that came until then.
fn expected(code: u8, arrived: &[(u64, u64, bool)]) -> Press {
    let ended = arrived.iter().any(|(.., end)| *end);
    let mut millis = 0;
    let mut last = None;
    for &(at, duration, end) in arrived {
        if last.is_some_and(|last| at - last >= TIMEOUT) {
            break;
        }
        last = Some(at);
        millis = millis.max(duration);
        if end {
            break;
        }
    }
    Press { code, millis, ended }
}

/// From a phone to a far end.
#[derive(Debug, Clone)]
struct Path {
    from: PayloadCodec,
    to: PayloadCodec,
    /// With a tap on the audio of the phone's leg.
    tapped: bool,
}

impl Path {
    fn is_forwarded(&self) -> bool {
        self.from.codec.is_g711() && self.to.codec.is_g711()
    }
}

fn paths() -> Vec<Path> {
    let (g729, l16) = (codec(18, "G729", 8000), codec(97, "L16", 8000));
    [
        (pcmu(), pcmu(), false),
        (pcmu(), pcma(), true),
        (pcmu(), g729.clone(), false),
        (g729, pcmu(), true),
        (l16, pcmu(), false),
        (pcmu(), codec(97, "L16", 8000), true),
    ]
    .map(|(from, to, tapped)| Path { from, to, tapped })
    .to_vec()
}

struct Scene {
    phone: Phone,
    path: Path,
    far: PeerId,
    room: PressRoom,
    frames: Option<mediapoint_net::ring::Consumer<mediapoint_engine::TapFrame>>,
    expected: Vec<Press>,
    lost: u64,
}

impl Scene {
    fn new(path: &Path, packet_time: u64, style: Style, policy: EventPolicy) -> Self {
        let mut world = World::new(9);
        let call = world.add_call();
        let of_phone = LegConfig { events: policy, ..audio([path.from.clone(), telephone_event(101)]) };
        let peer = world.add_peer(call, of_phone);
        let far = world.add_peer(call, audio([path.to.clone(), telephone_event(96)]));
        world.peer_mut(far).heard.keep_packets = true;
        world.peer_mut(far).heard.event_type = PayloadType::new(96).unwrap();
        // Encoded audio may be as far off the clock as the jitter buffer holds; what comes twice would add up.
        world.peer_mut(far).heard.seam.set_tolerance(Duration::from_millis(80 + 2 * packet_time));
        if style == Style::Interleaved {
            world.peer_mut(far).heard.seam.allow_audio_beside_events();
        }
        world.connect(peer, far);
        let (_, room) = world.tap_keys(peer);
        let frames = path.tapped.then(|| world.tap_audio(peer, TapSide::Both, 8000, 64).1);
        let settings = EncoderSettings::default();
        let encoder = encoder(&path.from.codec, 8000, &Parameters::default(), &settings).unwrap();
        let mut phone = Phone {
            world,
            peer,
            packet_time,
            entry: path.from.clone(),
            encoder,
            sequence: Seq(65_000),
            timestamp: RtpTicks(u32::MAX - 20_000),
            said: 0,
        };
        phone.talk(600);
        Self { phone, path: path.clone(), far, room, frames, expected: Vec::new(), lost: 0 }
    }

    fn press(&mut self, style: Style, way: &Way) {
        let code = u8::try_from(self.expected.len() % 16).unwrap();
        let press = self.phone.press(code, style, way);
        self.expected.push(press);
        self.lost += u64::from((way.lost & ((1 << PACKETS) - 1)).count_ones());
        self.room.give();
        if let Some(frames) = &mut self.frames {
            while frames.pop_with(|_| ()).is_some() {}
        }
    }

    /// Key presses as the controller was told of them.
    fn reported(&self) -> Vec<(u8, u64)> {
        let press = |(_, event): &(Time, Event)| match event {
            Event::KeyPressed { press, .. } => {
                assert_eq!(press.missed, 0);
                Some((press.code, u64::try_from(press.duration.as_millis()).unwrap()))
            }
            _ => None,
        };
        self.phone.world.events.iter().filter_map(press).collect()
    }

    /// Key presses as the far end sees them: packets of one timestamp are one event.
    fn seen(&self) -> Vec<Press> {
        let mut presses: Vec<(RtpTicks, Press)> = Vec::new();
        for packet in &self.phone.world.peer(self.far).heard.log {
            if packet.payload_type.get() != 96 {
                continue;
            }
            let block = EventBlock::read(&packet.payload).unwrap();
            let millis = u64::from(block.duration) / 8;
            match presses.last_mut() {
                Some((timestamp, press)) if *timestamp == packet.timestamp => {
                    assert_eq!(press.code, block.code);
                    press.millis = press.millis.max(millis);
                    press.ended |= block.end;
                }
                _ => {
                    presses.push((packet.timestamp, Press { code: block.code, millis, ended: block.end }));
                }
            }
        }
        presses.into_iter().map(|(_, press)| press).collect()
    }

    fn check(&self, name: &str) {
        let told: Vec<(u8, u64)> = self.expected.iter().map(|press| (press.code, press.millis)).collect();
        assert_eq!(self.reported(), told, "{name}: reported");
        self.check_stream(name);
    }

    fn check_stream(&self, name: &str) {
        let heard = &self.phone.world.peer(self.far).heard;
        assert_eq!(heard.seam.check(), Ok(()), "{name}");
        let lost = if self.path.is_forwarded() { self.lost } else { 0 };
        assert_eq!(heard.missing(), lost, "{name}: numbers that are missing");
        assert_eq!(self.phone.world.buffers_lost(), 0, "{name}");
    }

    /// Every press is one event to the far end, and has an end where one came through.
    fn check_seen(&self, name: &str) {
        let seen: Vec<(u8, bool)> = self.seen().iter().map(|press| (press.code, press.ended)).collect();
        let expected: Vec<(u8, bool)> = self.expected.iter().map(|press| (press.code, press.ended)).collect();
        assert_eq!(seen, expected, "{name}: seen by the far end");
    }
}

/// Every path with every packet time and every kind of phone.
fn every_case(policy: EventPolicy, test: impl Fn(&mut Scene, Style, &str)) {
    let mut failed: Vec<String> = Vec::new();
    for path in paths() {
        for packet_time in PACKET_TIMES {
            for style in STYLES {
                let name = format!(
                    "{} to {}, {packet_time} ms, {style:?}",
                    path.from.codec.name(),
                    path.to.codec.name()
                );
                let mut scene = Scene::new(&path, packet_time, style, policy);
                let run = std::panic::AssertUnwindSafe(|| test(&mut scene, style, &name));
                if std::panic::catch_unwind(run).is_err() {
                    failed.push(name);
                }
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

// test-of: [RFC4733 2.5.1.2] [RFC4733 2.5.1.4]
#[test]
fn whichever_of_its_packets_are_lost() {
    every_case(EventPolicy::Forward, |scene, style, name| {
        for lost in 0..(1 << PACKETS) - 1 {
            scene.press(style, &Way::losing(lost));
        }
        scene.check(name);
        scene.check_seen(name);
    });
}

#[test]
fn in_whatever_order_they_come() {
    every_case(EventPolicy::Forward, |scene, style, name| {
        for n in 0..PACKETS as usize {
            for by in 1..=2 {
                let mut way = Way::CLEAN;
                way.late[n] = by;
                scene.press(style, &way);
            }
        }
        let mut random = Random::new(3);
        for _ in 0..20 {
            scene.press(style, &Way::of_chance(&mut random));
        }
        scene.check(name);
        scene.check_seen(name);
    });
}

#[test]
fn right_after_another_press() {
    every_case(EventPolicy::Forward, |scene, style, name| {
        // Two presses a packet apart: the second begins while ends of the first are still awaited.
        for lost in [0, 0b11_0000, 0b11_1000] {
            for code in [5, 5, 6] {
                let begin = scene.phone.timestamp;
                let step = scene.phone.ticks();
                for n in 0..PACKETS {
                    let reports = (n + 1).min(REPORTS);
                    let duration = u16::try_from(reports * step).unwrap();
                    let block = EventBlock { code, end: reports == REPORTS, volume: 10, duration };
                    let packet = scene.phone.event(begin, n == 0, block);
                    if lost >> n & 1 == 0 {
                        scene.phone.deliver(&packet);
                    }
                    if style == Style::Interleaved {
                        let packet = scene.phone.audio();
                        scene.phone.deliver(&packet);
                    }
                    scene.phone.pass();
                }
                let ended = lost & 1 << (REPORTS - 1) == 0;
                let reports = u64::from(if ended { REPORTS } else { REPORTS - 1 });
                let millis = reports * scene.phone.packet_time;
                scene.expected.push(Press { code, millis, ended });
                scene.lost += u64::from(u32::count_ones(lost));
            }
            scene.phone.talk(400);
        }
        scene.check(name);
        scene.check_seen(name);
    });
}

#[test]
fn blocked_where_the_far_end_must_not_know_it() {
    every_case(EventPolicy::Block, |scene, style, name| {
        let mut random = Random::new(4);
        for _ in 0..12 {
            scene.press(style, &Way::losing(u32::try_from(random.below((1 << PACKETS) - 1)).unwrap()));
        }
        scene.check(name);
        assert_eq!(scene.seen(), [], "{name}: nothing of it reaches the far end");
    });
}

#[test]
fn replaced_where_the_far_end_must_not_know_which() {
    every_case(EventPolicy::Replace(15), |scene, style, name| {
        let mut random = Random::new(5);
        for _ in 0..12 {
            scene.press(style, &Way::losing(u32::try_from(random.below((1 << PACKETS) - 1)).unwrap()));
        }
        scene.check(name);
        let seen: Vec<(u8, bool)> = scene.seen().iter().map(|press| (press.code, press.ended)).collect();
        let expected: Vec<(u8, bool)> = scene.expected.iter().map(|press| (15, press.ended)).collect();
        assert_eq!(seen, expected, "{name}: seen by the far end");
    });
}

/// The timestamps of what comes after an event do not depend on which of its packets came last.
#[test]
fn beside_a_change_of_source() {
    for path in paths() {
        for style in STYLES {
            let mut scene = Scene::new(&path, 20, style, EventPolicy::Forward);
            for _ in 0..10 {
                let code = u8::try_from(scene.expected.len()).unwrap();
                let begin = scene.phone.timestamp;
                for n in 1..=20_u16 {
                    let block = EventBlock { code, end: n == 20, volume: 10, duration: n * 160 };
                    let packet = scene.phone.event(begin, n == 1, block);
                    scene.phone.deliver(&packet);
                    if style == Style::Interleaved {
                        let packet = scene.phone.audio();
                        scene.phone.deliver(&packet);
                    }
                    scene.phone.pass();
                }
                scene.expected.push(Press { code, millis: 400, ended: true });
                let world = &mut scene.phone.world;
                let call = world.peer(scene.far).call;
                let tone = world.add_tone(call, ToneSpec::continuous(440.0, -10.0));
                world.feed(scene.far, Source::Player(tone));
                scene.phone.talk(300);
                let source = scene.phone.world.source_of(scene.phone.peer);
                scene.phone.world.feed(scene.far, source);
                scene.phone.talk(300);
                scene.room.give();
                if let Some(frames) = &mut scene.frames {
                    while frames.pop_with(|_| ()).is_some() {}
                }
            }
            let name = format!("{} to {}, {style:?}", path.from.codec.name(), path.to.codec.name());
            scene.check(&name);
            scene.check_seen(&name);
        }
    }
}
