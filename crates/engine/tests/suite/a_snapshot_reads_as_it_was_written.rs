//! Snapshots of calls of chance: one that is restored and saved again is the same text. And snapshots that somebody damaged:
//! they are refused with a reason or restored, and neither panics nor harms another call.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::session::source::player::Player;
use mediapoint_engine::session::tap::Tap;
use mediapoint_engine::session::tap::event::{EventTap, PressRoom};
use mediapoint_engine::session::tap::packet::PacketTap;
use mediapoint_engine::session::{Session, SessionConfig};
use mediapoint_engine::{
    Burst, CallId, CallSnapshot, DigitSequence, DigitTrigger, Direction, EncoderSettings, EventPolicy,
    JitterBuffer, LegConfig, LegId, LegKind, MediaPolicy, MixId, MixSpec, PacketTapSpec, PacketTarget,
    PacketTime, Parameters, PayloadCodec, PlayerId, PlayerSpec, RemoteAddress, RtcpMode, SecureInput, Sine,
    Source, SourceGuard, SrtpKeys, TapId, TapSide, ToneSpec,
};
use mediapoint_packet::Time;
use mediapoint_srtp::{MasterKey, Mki, Suite};
use mediapoint_testkit::{
    Outbox, Random, codec, for_each_seed, leg_ports, pcma, pcmu, rtcp_port, rtp_port, telephone_event,
};
use proptest::prelude::*;
use serde_json::Value;

const CALL: u64 = 7;

fn session(wall_at_zero: Duration) -> Session {
    Session::new(SessionConfig {
        max_legs: 24,
        media_timeout: Duration::from_secs(30),
        hold_timeout: Duration::from_secs(120),
        seed: [3; 32],
        wall_at_zero,
        remotes: Default::default(),
        kernel_forwarding: false,
    })
}

const WALL: Duration = Duration::from_secs(1_700_000_000);

fn pick<T: Clone>(random: &mut Random, from: &[T]) -> T {
    from[usize::try_from(random.below(from.len() as u64)).unwrap()].clone()
}

fn key(random: &mut Random) -> MasterKey {
    let suite = pick(random, &Suite::ALL);
    let mut bytes = [0; 46];
    random.fill(&mut bytes);
    let (key, salt) = (suite.master_key_len(), suite.master_salt_len());
    MasterKey::new(suite, &bytes[..key], &bytes[key..key + salt]).unwrap()
}

fn address(number: u16) -> SocketAddr {
    SocketAddr::new([192, 0, 2, 1].into(), 4000 + number)
}

fn codecs() -> [PayloadCodec; 11] {
    let with = |entry: PayloadCodec, fmtp| {
        let parameters = Parameters::parse(&entry.codec, fmtp);
        entry.with_parameters(parameters)
    };
    [
        pcmu(),
        pcma(),
        with(telephone_event(101), "0-15"),
        telephone_event(96),
        codec(18, "G729", 8000),
        with(codec(98, "G729", 8000), "annexb=no"),
        with(codec(111, "opus", 48_000), "useinbandfec=1;maxplaybackrate=16000;cbr=1"),
        codec(9, "G722", 8000),
        codec(97, "L16", 16_000),
        codec(13, "CN", 8000),
        codec(99, "H264", 90_000),
    ]
}

/// A configuration of chance.
fn config(random: &mut Random) -> LegConfig {
    let packet_time = Duration::from_millis(random.below(80));
    let kinds = [LegKind::Audio, LegKind::Audio, LegKind::Audio, LegKind::OpaqueRtp, LegKind::Datagrams];
    let guards =
        [SourceGuard::Symmetric, SourceGuard::Signalled, SourceGuard::Asymmetric, SourceGuard::Handover];
    let directions =
        [Direction::SendReceive, Direction::SendOnly, Direction::ReceiveOnly, Direction::Inactive];
    let policies = [EventPolicy::Forward, EventPolicy::Block, EventPolicy::Replace(11)];
    let times =
        [PacketTime::AsReceived, PacketTime::WhereEncoded(packet_time), PacketTime::Always(packet_time)];
    let kind = pick(random, &kinds);
    let secure_inputs =
        [SecureInput::Off, SecureInput::Tone { hertz: 440, dbm0: -20 }, SecureInput::Digit(11)];
    let secure_input = pick(random, &secure_inputs);
    LegConfig {
        kind,
        tones_as_events: random.chance(0.2),
        secure_input: if kind == LegKind::Audio { secure_input } else { SecureInput::Off },
        received_codecs: codecs().into_iter().filter(|_| random.chance(0.1)).collect(),
        codecs: codecs().into_iter().filter(|_| random.chance(0.5)).collect(),
        packet_time: pick(random, &times),
        encoder: EncoderSettings {
            dtx: random.chance(0.3),
            opus_bitrate: random.chance(0.3).then_some(24_000),
            ..EncoderSettings::default()
        },
        force_transcode: random.chance(0.2),
        jitter_buffer: JitterBuffer { min: packet_time, ..JitterBuffer::default() },
        signalling_source: random.chance(0.2).then(|| "192.0.2.9".parse().unwrap()),
        remote: random.chance(0.9).then(|| RemoteAddress {
            rtp: address(random.next_u16() % 4),
            rtcp: random.chance(0.3).then(|| address(9)),
        }),
        rtcp: pick(random, &[RtcpMode::Off, RtcpMode::Separate, RtcpMode::Mux]),
        generate_rtcp: random.chance(0.8),
        direction: if random.chance(0.7) { Direction::SendReceive } else { pick(random, &directions) },
        source_guard: pick(random, &guards),
        srtp: random.chance(0.4).then(|| SrtpKeys {
            inbound: random.chance(0.8).then(|| key(random)),
            inbound_mki: random.chance(0.3).then(|| Mki::new(&[1, 2, 3, 4]).unwrap()),
            outbound: key(random),
        }),
        dscp: u8::try_from(random.below(64)).unwrap(),
        events: pick(random, &policies),
        events_as_tones: random.chance(0.8),
        media: pick(random, &[MediaPolicy::Forward, MediaPolicy::Silence, MediaPolicy::Block]),
        sent_media: pick(random, &[MediaPolicy::Forward, MediaPolicy::Silence, MediaPolicy::Block]),
        media_timeout: random.chance(0.2).then(|| Duration::from_secs(random.below(40))),
        max_packet_rate: random.chance(0.1).then_some(1000),
        digit_delay: if kind == LegKind::Audio {
            pick(random, &[Duration::ZERO, Duration::from_millis(200)])
        } else {
            Duration::ZERO
        },
        digit_trigger: (kind == LegKind::Audio && random.chance(0.3)).then(|| DigitTrigger {
            secure_input,
            end: random.chance(0.5).then(|| DigitSequence::new("##").unwrap()),
            tones: random.chance(0.5),
            ..DigitTrigger::new(DigitSequence::new("*1").unwrap())
        }),
    }
}

fn tone(random: &mut Random) -> PlayerSpec {
    let cadence = if random.chance(0.5) {
        vec![Burst { on: Duration::from_millis(117), off: Duration::from_millis(random.below(400)) }]
    } else {
        Vec::new()
    };
    let cycles = (random.chance(0.5) && !cadence.is_empty()).then_some(3);
    let sines = vec![Sine { frequency: 431.7, level: -13.1 }, Sine { frequency: 350.2, level: -11.3 }];
    PlayerSpec::Tone(ToneSpec { sines, cadence, cycles })
}

/// A packet of chance: RTP in or out of sequence, RTCP, STUN, noise.
fn packet(random: &mut Random, sequence: u16) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(random.below(300)).unwrap()];
    random.fill(&mut bytes);
    if bytes.len() > 12 && random.chance(0.9) {
        bytes[0] = if random.chance(0.9) { 0x80 } else { 0x80 | bytes[0] & 0x3f };
        bytes[1] = pick(random, &[0, 8, 0, 8, 101, 96, 18, 111, 200, 201, 203, 13, 9, 97]);
        if random.chance(0.9) {
            bytes[2..4].copy_from_slice(&sequence.to_be_bytes());
            bytes[4..8].copy_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
        }
        bytes[8..12].copy_from_slice(&(u32::from(random.chance(0.1))).to_be_bytes());
    }
    bytes
}

/// A call of chance with a past of chance.
struct Scene {
    session: Session,
    out: Outbox,
    now: Time,
    random: Random,
    sequence: u16,
    legs: Vec<LegId>,
}

impl Scene {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut session = session(WALL);
        let (mut out, now, call) = (Outbox::new(64), Time::from_millis(500), CallId::from_u64(CALL));
        session.add_call(now, call).unwrap();
        let legs: Vec<LegId> = (0..1 + random.below(4)).map(LegId::from_u64).collect();
        let mut commands = Vec::new();
        for (slot, leg) in (0..).zip(&legs) {
            let config = Box::new(config(&mut random));
            commands.push(CallCommand::AddLeg { leg: *leg, config, ports: leg_ports(slot) });
        }
        let (player, mix) = (PlayerId::from_u64(50), MixId::from_u64(60));
        commands.push(CallCommand::AddPlayer {
            player: Box::new(Player::new(player, tone(&mut random)).unwrap()),
        });
        let inputs = legs.iter().map(|leg| Source::Leg(*leg)).chain([Source::Player(player)]).collect();
        commands.push(CallCommand::AddMix { mix, spec: MixSpec { inputs } });
        let mut sources = vec![Source::Silence, Source::Player(player), Source::Mix(mix)];
        sources.extend(legs.iter().map(|leg| Source::Leg(*leg)).cycle().take(6));
        for leg in &legs {
            commands.push(CallCommand::SetSource { leg: *leg, source: pick(&mut random, &sources) });
        }
        let events = EventTap::new(TapId::from_u64(70), legs[0], PressRoom::default());
        commands.push(CallCommand::AddTap { tap: Box::new(Tap::Events(events)) });
        let target = PacketTarget::Leg(*legs.last().unwrap());
        let spec = PacketTapSpec { leg: legs[0], side: TapSide::Received, target };
        let packets = PacketTap { id: TapId::from_u64(71), spec };
        commands.push(CallCommand::AddTap { tap: Box::new(Tap::Packets(packets)) });
        for command in commands {
            session.apply(now, call, command, &mut out).unwrap();
        }
        let sequence = random.next_u16();
        Self { session, out, now, random, sequence, legs }
    }

    /// Packets and time of chance.
    fn go_on(&mut self, packets: u64) {
        for _ in 0..packets {
            self.sequence = self.sequence.wrapping_add(1);
            let slot = u32::try_from(self.random.below(self.legs.len() as u64)).unwrap();
            let port = if self.random.chance(0.1) { rtcp_port(slot) } else { rtp_port(slot) };
            let from = address(self.random.next_u16() % 3);
            let bytes = packet(&mut self.random, self.sequence);
            let datagram = self.out.filled(&bytes).unwrap();
            self.session.handle_datagram(self.now, port, from, datagram, &mut self.out);
            let end = self.now + Duration::from_millis(self.random.below(30));
            self.wait_until(end);
        }
    }

    fn wait_until(&mut self, end: Time) {
        while let Some(at) = self.session.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.session.handle_timeouts(self.now, &mut self.out);
            self.out.recycle();
        }
        self.now = self.now.max(end);
        self.out.recycle();
        self.out.closed.clear();
        self.out.events.clear();
        assert_eq!(self.out.buffers_out(), 0, "no buffer is kept");
    }

    fn text(&mut self) -> Option<String> {
        let snapshot = self.session.snapshot(self.now, CallId::from_u64(CALL), &mut self.out).ok()?;
        Some(serde_json::to_string(&snapshot).unwrap())
    }

    /// Another session, whose clock is ahead, with the call of a snapshot.
    fn moved(self, snapshot: &CallSnapshot) -> Result<Self, mediapoint_engine::CommandError> {
        let ahead = Duration::from_secs(5000);
        let now = self.now + ahead;
        let mut session = session(WALL - ahead);
        let ports: Vec<_> = (0..).zip(&self.legs).map(|(slot, leg)| (*leg, leg_ports(slot))).collect();
        session.restore(now, snapshot, &ports)?;
        session.check_invariants();
        Ok(Self { session, now, ..self })
    }
}

#[test]
fn calls_of_chance_are_the_same_text_again() {
    for_each_seed(400, |seed| {
        let mut scene = Scene::new(seed);
        let packets = scene.random.below(200);
        scene.go_on(packets);
        let Some(text) = scene.text() else { return };
        let snapshot: CallSnapshot = serde_json::from_str(&text).unwrap();
        let mut scene = scene.moved(&snapshot).unwrap();
        same(&scene.text().unwrap(), &text);
        scene.go_on(50);
        scene.session.check_invariants();
    });
}

#[test]
fn unknown_fields_are_passed_over() {
    let mut scene = Scene::new(1);
    scene.go_on(30);
    let text = scene.text().unwrap();
    let mut value: Value = serde_json::from_str(&text).unwrap();
    for_each_object(&mut value, &mut |object| {
        // Where there is one key, it may be that of an enum; a time is a type of its own.
        if object.len() > 1 && !object.contains_key("secs") {
            object.insert("of_a_later_engine".to_owned(), Value::from(vec![1, 2, 3]));
        }
    });
    let snapshot: CallSnapshot = serde_json::from_str(&value.to_string()).unwrap();
    same(&scene.moved(&snapshot).unwrap().text().unwrap(), &text);
}

#[test]
fn another_version_is_refused() {
    let mut scene = Scene::new(1);
    let mut value: Value = serde_json::from_str(&scene.text().unwrap()).unwrap();
    value["version"] = 2.into();
    let snapshot: CallSnapshot = serde_json::from_str(&value.to_string()).unwrap();
    let error = scene.moved(&snapshot).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "the version of the snapshot is out of range");
}

#[test]
fn no_key_shows_in_debug() {
    let mut scene = Scene::new(1);
    let key = MasterKey::new(Suite::AesCm128HmacSha1_80, &[211; 16], &[213; 14]).unwrap();
    let keys = SrtpKeys { inbound: Some(key.clone()), inbound_mki: None, outbound: key };
    let config = Box::new(LegConfig { srtp: Some(keys), ..LegConfig::default() });
    let (leg, relearn) = (scene.legs[0], mediapoint_engine::Relearn::IfMoved);
    let command = CallCommand::ConfigureLeg { leg, config, relearn };
    scene.session.apply(scene.now, CallId::from_u64(CALL), command, &mut scene.out).unwrap();
    let snapshot = scene.session.snapshot(scene.now, CallId::from_u64(CALL), &mut scene.out).unwrap();
    let (shown, text) = (format!("{snapshot:?}"), serde_json::to_string(&snapshot).unwrap());
    assert!(text.contains("211,211"), "the key is in the text");
    assert!(!shown.contains("211") && !shown.contains("213"), "{shown}");
}

fn for_each_object(value: &mut Value, act: &mut impl FnMut(&mut serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            object.values_mut().for_each(|value| for_each_object(value, act));
            act(object);
        }
        Value::Array(values) => values.iter_mut().for_each(|value| for_each_object(value, act)),
        _ => {}
    }
}

/// The places of a value, with itself the first.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(object) => {
            object.iter().for_each(|(key, value)| places(value, &format!("{at}/{key}"), found))
        }
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(n, value)| places(value, &format!("{at}/{n}"), found));
        }
        _ => {}
    }
}

/// Two texts are the same; says where they are not.
#[track_caller]
fn same(text: &str, expected: &str) {
    let [a, b]: [Value; 2] = [text, expected].map(|text| serde_json::from_str(text).unwrap());
    let mut found = Vec::new();
    places(&b, "", &mut found);
    found.retain(|place| a.pointer(place) != b.pointer(place));
    let last = found.last().cloned().unwrap_or_default();
    assert!(found.is_empty(), "{last}: {:?}, expected {:?}", a.pointer(&last), b.pointer(&last));
    assert_eq!(text.len(), expected.len());
}

/// Changes a value at one place.
fn damage(value: &mut Value, random: &mut Random) {
    let mut found = Vec::new();
    places(value, "", &mut found);
    let place = pick(random, &found);
    let elsewhere = value.pointer(&pick(random, &found)).cloned().unwrap_or_default();
    let Some(target) = value.pointer_mut(&place) else { return };
    let number = target.as_u64();
    *target = match (random.below(12), number) {
        (0, _) => Value::Null,
        (1, _) => elsewhere,
        (2, _) => Value::from(vec![target.clone(); 300]),
        (3, _) => "\u{1f4de}".repeat(2000).into(),
        (4, _) => (!target.as_bool().unwrap_or_default()).into(),
        (5, _) => (-1).into(),
        (6, _) => 1e300.into(),
        (7 | 8, Some(_)) => {
            pick(random, &[0_u64, 1, 127, 0xffff, 1 << 32, (1 << 48) - 1, (1 << 53) - 1, 1 << 53]).into()
        }
        (9, Some(_)) => u64::MAX.into(),
        (10, Some(number)) => number.wrapping_add(random.below(5)).wrapping_sub(2).into(),
        _ => u64::from(random.next_u32()).into(),
    };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn damaged_snapshots_panic_nowhere(seed in 0..40_u64, style: u64, changes in 1..4_u8) {
        let mut scene = Scene::new(seed);
        scene.go_on(40);
        let Some(text) = scene.text() else { return Ok(()) };
        let mut random = Random::new(style);
        let mut value: Value = serde_json::from_str(&text).unwrap();
        (0..changes).for_each(|_| damage(&mut value, &mut random));
        let mut damaged = value.to_string();
        if random.chance(0.1) {
            let end = usize::try_from(random.below(damaged.len() as u64)).unwrap();
            damaged = damaged.chars().take(end).collect();
        }
        let Ok(snapshot) = serde_json::from_str::<CallSnapshot>(&damaged) else { return Ok(()) };
        // Into a session with another call, which must not notice.
        let mut host = session(WALL);
        let other = CallId::from_u64(9999);
        host.add_call(scene.now, other).unwrap();
        let ports: Vec<_> = (0..).zip(snapshot.legs()).map(|(slot, (leg, _))| (leg, leg_ports(slot))).collect();
        let restored = host.restore(scene.now, &snapshot, &ports);
        host.check_invariants();
        prop_assert!(host.statistics(scene.now, other, &mut scene.out).is_ok());
        prop_assert_eq!(host.calls(), 1 + usize::from(restored.is_ok()));
        scene.session = host;
        scene.legs = snapshot.legs().map(|(leg, _)| leg).take(8).collect();
        if restored.is_ok() && !scene.legs.is_empty() {
            scene.go_on(60);
            let later = scene.now + Duration::from_secs(20);
            scene.wait_until(later);
            scene.session.check_invariants();
            let _statistics = scene.session.statistics(scene.now, snapshot.call(), &mut scene.out);
            let _snapshot = scene.session.snapshot(scene.now, snapshot.call(), &mut scene.out);
        }
    }
}
