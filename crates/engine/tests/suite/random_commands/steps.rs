//! What chance gives the session: commands, configurations, packets.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use mediapoint_engine::{
    Burst, DigitMethod, DigitSequence, DigitSpec, DigitTrigger, Direction, DtmfDigit, EncoderSettings,
    EventPolicy, JitterBuffer, LegConfig, LegKind, MediaPolicy, PacketTime, PayloadCodec, RemoteAddress,
    RtcpMode, SecureInput, Sine, SourceGuard, SrtpKeys, ToneSpec,
};
use mediapoint_srtp::{MasterKey, Suite};
use mediapoint_testkit::{Random, codec, pcma, pcmu, telephone_event};
use proptest::prelude::*;

/// Names of each kind of object that commands draw from: few, so that they meet.
pub(crate) const CALLS: u64 = 6;
pub(crate) const LEGS: u64 = 20;
pub(crate) const OBJECTS: u64 = 8;

/// A source, by the number of what it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fed {
    Silence,
    Leg(u64),
    Mix(u64),
    Player(u64),
    Stream(u64),
}

/// What a tap is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TapKind {
    Events,
    Audio {
        side: u8,
        rate: u32,
    },
    Analysis,
    /// To another leg, or to an address.
    Packets {
        side: u8,
        target: Option<u64>,
    },
}

/// One input. `at` names the call that a command goes to where it is no matter of the object's own.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    AddCall(u64),
    EndCall(u64),
    MoveCall(u64),
    AddLeg {
        at: u64,
        leg: u64,
        style: u64,
    },
    Configure {
        at: Option<u64>,
        leg: u64,
        style: u64,
        relearn: bool,
    },
    SetSource {
        at: Option<u64>,
        leg: u64,
        source: Fed,
    },
    RemoveLeg {
        at: Option<u64>,
        leg: u64,
    },
    MoveLeg {
        leg: u64,
        to: u64,
    },
    /// None stops those that are sent.
    Digits {
        at: Option<u64>,
        leg: u64,
        count: u8,
        style: u64,
    },
    AddPlayer {
        at: u64,
        player: u64,
        style: u64,
    },
    RemovePlayer {
        at: Option<u64>,
        player: u64,
    },
    AddStream {
        at: u64,
        stream: u64,
        style: u64,
    },
    Write {
        stream: u64,
        blocks: u8,
    },
    DropWriter(u64),
    RemoveStream {
        at: Option<u64>,
        stream: u64,
    },
    AddMix {
        at: u64,
        mix: u64,
        inputs: Vec<Fed>,
    },
    SetInputs {
        at: Option<u64>,
        mix: u64,
        inputs: Vec<Fed>,
    },
    RemoveMix {
        at: Option<u64>,
        mix: u64,
    },
    AddTap {
        at: Option<u64>,
        tap: u64,
        leg: u64,
        kind: TapKind,
    },
    Read(u64),
    DropReader(u64),
    RemoveTap {
        at: Option<u64>,
        tap: u64,
    },
    Packet {
        session: bool,
        slot: u32,
        rtcp: bool,
        from: u16,
        style: u64,
    },
    /// A run of packets in order, 20 ms apart.
    Talk {
        leg: u64,
        packets: u8,
        style: u64,
    },
    Wait(u64),
}

fn fed() -> impl Strategy<Value = Fed> {
    prop_oneof![
        1 => Just(Fed::Silence),
        6 => (0..LEGS).prop_map(Fed::Leg),
        2 => (0..OBJECTS).prop_map(Fed::Mix),
        2 => (0..OBJECTS).prop_map(Fed::Player),
        2 => (0..OBJECTS).prop_map(Fed::Stream),
    ]
}

fn tap_kind() -> impl Strategy<Value = TapKind> {
    let rate = prop_oneof![Just(8000_u32), Just(16_000), Just(48_000)];
    prop_oneof![
        3 => Just(TapKind::Events),
        2 => (0..3_u8, rate).prop_map(|(side, rate)| TapKind::Audio { side, rate }),
        1 => Just(TapKind::Analysis),
        2 => (0..3_u8, proptest::option::of(0..LEGS))
            .prop_map(|(side, target)| TapKind::Packets { side, target }),
    ]
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    // Mostly the object's own call, sometimes any.
    let at = || prop_oneof![5 => Just(None), 1 => (0..CALLS).prop_map(Some)];
    let inputs = || proptest::collection::vec(fed(), 0..5);
    prop_oneof![
        2 => (0..CALLS).prop_map(Step::AddCall),
        1 => (0..CALLS).prop_map(Step::EndCall),
        3 => (0..CALLS).prop_map(Step::MoveCall),
        6 => (0..CALLS, 0..LEGS, any::<u64>()).prop_map(|(at, leg, style)| Step::AddLeg { at, leg, style }),
        4 => (at(), 0..LEGS, any::<u64>(), any::<bool>())
            .prop_map(|(at, leg, style, relearn)| Step::Configure { at, leg, style, relearn }),
        9 => (at(), 0..LEGS, fed()).prop_map(|(at, leg, source)| Step::SetSource { at, leg, source }),
        2 => (at(), 0..LEGS).prop_map(|(at, leg)| Step::RemoveLeg { at, leg }),
        4 => (0..LEGS, 0..CALLS).prop_map(|(leg, to)| Step::MoveLeg { leg, to }),
        5 => (at(), 0..LEGS, 0..9_u8, any::<u64>())
            .prop_map(|(at, leg, count, style)| Step::Digits { at, leg, count, style }),
        3 => (0..CALLS, 0..OBJECTS, any::<u64>())
            .prop_map(|(at, player, style)| Step::AddPlayer { at, player, style }),
        1 => (at(), 0..OBJECTS).prop_map(|(at, player)| Step::RemovePlayer { at, player }),
        3 => (0..CALLS, 0..OBJECTS, any::<u64>())
            .prop_map(|(at, stream, style)| Step::AddStream { at, stream, style }),
        4 => (0..OBJECTS, 0..20_u8).prop_map(|(stream, blocks)| Step::Write { stream, blocks }),
        1 => (0..OBJECTS).prop_map(Step::DropWriter),
        1 => (at(), 0..OBJECTS).prop_map(|(at, stream)| Step::RemoveStream { at, stream }),
        3 => (0..CALLS, 0..OBJECTS, inputs())
            .prop_map(|(at, mix, inputs)| Step::AddMix { at, mix, inputs }),
        2 => (at(), 0..OBJECTS, inputs()).prop_map(|(at, mix, inputs)| Step::SetInputs { at, mix, inputs }),
        1 => (at(), 0..OBJECTS).prop_map(|(at, mix)| Step::RemoveMix { at, mix }),
        4 => (at(), 0..OBJECTS, 0..LEGS, tap_kind())
            .prop_map(|(at, tap, leg, kind)| Step::AddTap { at, tap, leg, kind }),
        2 => (0..OBJECTS).prop_map(Step::Read),
        1 => (0..OBJECTS).prop_map(Step::DropReader),
        1 => (at(), 0..OBJECTS).prop_map(|(at, tap)| Step::RemoveTap { at, tap }),
        12 => (any::<bool>(), 0..26_u32, any::<bool>(), 0..4_u16, any::<u64>())
            .prop_map(|(session, slot, rtcp, from, style)| Step::Packet { session, slot, rtcp, from, style }),
        10 => (0..LEGS, 1..12_u8, any::<u64>())
            .prop_map(|(leg, packets, style)| Step::Talk { leg, packets, style }),
        // Long waits end calls; few, so that calls come to something.
        4 => prop_oneof![100 => 0..400_u64, 1 => 0..90_000_u64].prop_map(Step::Wait),
    ]
}

fn pick<T: Copy>(random: &mut Random, from: &[T]) -> T {
    from[usize::try_from(random.below(from.len() as u64)).unwrap()]
}

fn key(random: &mut Random) -> MasterKey {
    let suite = pick(random, &Suite::ALL);
    let mut bytes = [0; 46];
    random.fill(&mut bytes);
    let (key, salt) = (suite.master_key_len(), suite.master_salt_len());
    MasterKey::new(suite, &bytes[..key], &bytes[key..key + salt]).unwrap()
}

/// A digit of chance.
pub(crate) fn digit(random: &mut Random) -> DigitSpec {
    let millis = |random: &mut Random| Duration::from_millis(40 + random.below(90));
    let code = u8::try_from(random.below(17)).unwrap();
    DigitSpec {
        duration: millis(random),
        pause: millis(random),
        volume: u8::try_from(random.below(64)).unwrap(),
        method: pick(random, &[DigitMethod::Automatic, DigitMethod::Event, DigitMethod::Tone]),
        ..DigitSpec::new(DtmfDigit::from_code(code).unwrap())
    }
}

/// One of four addresses that packets come from and legs are signalled at.
pub(crate) fn address(from: u16) -> SocketAddr {
    SocketAddr::new([192, 0, 2, 1].into(), 4000 + from)
}

/// A configuration of chance.
pub(crate) fn config(style: u64) -> LegConfig {
    let mut random = Random::new(style);
    let random = &mut random;
    let all: [PayloadCodec; 9] = [
        pcmu(),
        pcma(),
        telephone_event(101),
        telephone_event(96),
        codec(18, "G729", 8000),
        codec(111, "opus", 48_000),
        codec(9, "G722", 8000),
        codec(97, "L16", 16_000),
        codec(13, "CN", 8000),
    ];
    let packet_time = Duration::from_millis(random.below(80));
    let kinds = [LegKind::Audio, LegKind::Audio, LegKind::Audio, LegKind::OpaqueRtp, LegKind::Datagrams];
    let kind = pick(random, &kinds);
    let secure_inputs = [SecureInput::Off, SecureInput::Off, SecureInput::Silence, SecureInput::Random];
    let secure_input = pick(random, &secure_inputs);
    LegConfig {
        kind,
        tones_as_events: random.chance(0.2),
        secure_input: if kind == LegKind::Audio { secure_input } else { SecureInput::Off },
        received_codecs: all.iter().filter(|_| random.chance(0.1)).cloned().collect(),
        codecs: all.into_iter().filter(|_| random.chance(0.6)).collect(),
        packet_time: pick(
            random,
            &[PacketTime::AsReceived, PacketTime::WhereEncoded(packet_time), PacketTime::Always(packet_time)],
        ),
        encoder: EncoderSettings { dtx: random.chance(0.3), ..EncoderSettings::default() },
        force_transcode: random.chance(0.2),
        jitter_buffer: JitterBuffer::default(),
        remote: random.chance(0.8).then(|| RemoteAddress {
            rtp: address(random.next_u16() % 4),
            rtcp: random.chance(0.3).then(|| address(9)),
        }),
        signalling_source: random.chance(0.2).then(|| address(random.next_u16() % 4).ip()),
        rtcp: pick(random, &[RtcpMode::Off, RtcpMode::Separate, RtcpMode::Mux]),
        generate_rtcp: random.chance(0.8),
        direction: pick(
            random,
            &[
                Direction::SendReceive,
                Direction::SendReceive,
                Direction::SendReceive,
                Direction::SendOnly,
                Direction::ReceiveOnly,
                Direction::Inactive,
            ],
        ),
        source_guard: pick(
            random,
            &[SourceGuard::Symmetric, SourceGuard::Signalled, SourceGuard::Asymmetric, SourceGuard::Handover],
        ),
        srtp: random.chance(0.3).then(|| SrtpKeys {
            inbound: random.chance(0.8).then(|| key(random)),
            inbound_mki: None,
            outbound: key(random),
        }),
        dscp: 46,
        events: pick(random, &[EventPolicy::Forward, EventPolicy::Block, EventPolicy::Replace(15)]),
        events_as_tones: random.chance(0.8),
        media: policy(random),
        sent_media: policy(random),
        media_timeout: random.chance(0.2).then(|| Duration::from_secs(random.below(40))),
        max_packet_rate: random.chance(0.1).then_some(1000),
        digit_delay: if kind == LegKind::Audio {
            pick(random, &[Duration::ZERO, Duration::ZERO, Duration::from_millis(200)])
        } else {
            Duration::ZERO
        },
        digit_trigger: (kind == LegKind::Audio && random.chance(0.3)).then(|| DigitTrigger {
            end_digits: NonZeroU32::new(u32::from(random.next_u16() % 3)),
            end_after: random.chance(0.5).then_some(Duration::from_millis(300)),
            afterwards: pick(random, &secure_inputs),
            tones: random.chance(0.5),
            ..DigitTrigger::new(DigitSequence::new(pick(random, &["1", "5", "#"])).unwrap())
        }),
    }
}

/// A tone of chance, and whether it is within its ranges.
pub(crate) fn tone(style: u64) -> ToneSpec {
    let mut random = Random::new(style);
    let millis = |random: &mut Random| Duration::from_millis(random.below(300));
    let sines = 1 + random.below(5);
    let bursts = random.below(4);
    ToneSpec {
        sines: (0..sines).map(|n| Sine { frequency: 300.0 + 400.0 * n as f32, level: -20.0 }).collect(),
        cadence: (0..bursts).map(|_| Burst { on: millis(&mut random), off: millis(&mut random) }).collect(),
        cycles: random.chance(0.7).then(|| u32::try_from(random.below(3)).unwrap()),
    }
}

/// A packet of chance: RTP in or out of sequence, RTCP, STUN, noise, nothing.
pub(crate) fn packet(style: u64, sequence: u16) -> Vec<u8> {
    let mut random = Random::new(style);
    let mut bytes = vec![0; usize::try_from(random.below(300)).unwrap()];
    random.fill(&mut bytes);
    if bytes.len() > 12 && random.chance(0.8) {
        bytes[0] = if random.chance(0.9) { 0x80 } else { 0x80 | bytes[0] & 0x3f };
        bytes[1] = pick(&mut random, &[0, 8, 101, 96, 18, 111, 200, 201, 203, 13, 9, 97]);
        if random.chance(0.9) {
            bytes[2..4].copy_from_slice(&sequence.to_be_bytes());
            bytes[4..8].copy_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
        }
        bytes[8..12].copy_from_slice(&u32::try_from(random.below(3)).unwrap().to_be_bytes());
    }
    bytes
}

/// Packet `n` of a run: audio of a codec that many configurations have, or the packets of a key press.
pub(crate) fn talk(style: u64, n: u8, sequence: u16) -> Vec<u8> {
    let mut random = Random::new(style);
    let event = random.chance(0.5);
    let payload_type = pick(&mut random, &[0, 8, 0, 8, 18, 9, 97]);
    let first = u32::from(sequence.wrapping_sub(u16::from(n))) * 160;
    let timestamp = if event { first } else { first + u32::from(n) * 160 };
    let mut bytes = vec![0x80, if event { 101 } else { payload_type }];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(timestamp.to_be_bytes());
    bytes.extend(77_u32.to_be_bytes());
    if event {
        let end = n > 4;
        bytes.extend([5, if end { 0x8a } else { 0x0a }, 0, n.min(5)]);
    } else {
        let octets = if payload_type == 18 { 20 } else { 160 };
        bytes.extend((0..octets).map(|_| random.next_u16().to_be_bytes()[0]));
    }
    bytes
}

fn policy(random: &mut Random) -> MediaPolicy {
    let forward = MediaPolicy::Forward;
    pick(random, &[forward, forward, forward, forward, MediaPolicy::Silence, MediaPolicy::Block])
}
