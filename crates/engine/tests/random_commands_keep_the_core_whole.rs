//! Random commands and packets of any form, interleaved: nothing panics, what the core says of itself stays consistent
//! with a naive model of calls and legs, no buffer is lost, and every leg is closed exactly once.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of the test: what is missing fails it"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_engine::core::{Core, CoreConfig, SocketKey};
use mediapoint_engine::{
    CallId, Direction, EncoderSettings, EndReason, Event, JitterBuffer, LegConfig, LegId, LegKind,
    PacketTime, PayloadCodec, Relearn, RemoteAddress, RtcpMode, Source, SourceGuard, SrtpKeys,
};
use mediapoint_packet::Time;
use mediapoint_srtp::{MasterKey, Suite};
use mediapoint_testkit::{Outbox, Random, codec, for_each_seed, pcma, pcmu, telephone_event};
use proptest::prelude::*;

const MAX_LEGS: usize = 24;

/// One input to the core.
#[derive(Debug, Clone)]
enum Step {
    AddCall(u64),
    AddLeg { call: u64, leg: u64, style: u64 },
    Configure { leg: u64, style: u64, relearn: bool },
    SetSource { leg: u64, source: Option<u64> },
    RemoveLeg(u64),
    EndCall(u64),
    Packet { slot: u32, rtcp: bool, from: u16, style: u64 },
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let call = 0..6_u64;
    let leg = 0..20_u64;
    prop_oneof![
        2 => call.clone().prop_map(Step::AddCall),
        6 => (call.clone(), leg.clone(), any::<u64>())
            .prop_map(|(call, leg, style)| Step::AddLeg { call, leg, style }),
        4 => (leg.clone(), any::<u64>(), any::<bool>())
            .prop_map(|(leg, style, relearn)| Step::Configure { leg, style, relearn }),
        6 => (leg.clone(), proptest::option::of(leg.clone()))
            .prop_map(|(leg, source)| Step::SetSource { leg, source }),
        2 => leg.prop_map(Step::RemoveLeg),
        1 => call.prop_map(Step::EndCall),
        20 => (0..26_u32, any::<bool>(), 0..4_u16, any::<u64>())
            .prop_map(|(slot, rtcp, from, style)| Step::Packet { slot, rtcp, from, style }),
        3 => (0..90_000_u64).prop_map(Step::Wait),
    ]
}

fn key(random: &mut Random) -> MasterKey {
    let suite = Suite::ALL[usize::try_from(random.below(6)).unwrap()];
    let mut bytes = [0; 46];
    random.fill(&mut bytes);
    let (key, salt) = (suite.master_key_len(), suite.master_salt_len());
    MasterKey::new(suite, &bytes[..key], &bytes[key..key + salt]).unwrap()
}

fn address(from: u16) -> SocketAddr {
    SocketAddr::new([192, 0, 2, 1].into(), 4000 + from)
}

/// A configuration of chance.
fn config(style: u64) -> LegConfig {
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
    LegConfig {
        kind: [LegKind::Audio, LegKind::Audio, LegKind::Audio, LegKind::OpaqueRtp, LegKind::Datagrams]
            [usize::try_from(random.below(5)).unwrap()],
        received_codecs: all.iter().filter(|_| random.chance(0.1)).cloned().collect(),
        codecs: all.into_iter().filter(|_| random.chance(0.6)).collect(),
        packet_time: [
            PacketTime::AsReceived,
            PacketTime::WhereEncoded(packet_time),
            PacketTime::Always(packet_time),
        ][usize::try_from(random.below(3)).unwrap()],
        encoder: EncoderSettings { dtx: random.chance(0.3), ..EncoderSettings::default() },
        force_transcode: random.chance(0.2),
        jitter_buffer: JitterBuffer::default(),
        remote: random.chance(0.8).then(|| RemoteAddress {
            rtp: address(random.next_u16() % 4),
            rtcp: random.chance(0.3).then(|| address(9)),
        }),
        rtcp: [RtcpMode::Off, RtcpMode::Separate, RtcpMode::Mux][usize::try_from(random.below(3)).unwrap()],
        generate_rtcp: random.chance(0.8),
        direction: [Direction::SendReceive, Direction::SendOnly, Direction::ReceiveOnly, Direction::Inactive]
            [usize::try_from(random.below(6).saturating_sub(2)).unwrap()],
        source_guard: [
            SourceGuard::Symmetric,
            SourceGuard::Signalled,
            SourceGuard::Asymmetric,
            SourceGuard::Handover,
        ][usize::try_from(random.below(4)).unwrap()],
        srtp: random.chance(0.3).then(|| SrtpKeys {
            inbound: random.chance(0.8).then(|| key(random)),
            inbound_mki: None,
            outbound: key(random),
        }),
        dscp: 46,
        media_timeout: random.chance(0.2).then(|| Duration::from_secs(random.below(40))),
    }
}

/// A packet of chance: RTP in or out of sequence, RTCP, STUN, noise, nothing.
fn packet(style: u64, sequence: u16) -> Vec<u8> {
    let mut random = Random::new(style);
    let mut bytes = vec![0; usize::try_from(random.below(300)).unwrap()];
    random.fill(&mut bytes);
    if bytes.len() > 12 && random.chance(0.8) {
        bytes[0] = if random.chance(0.9) { 0x80 } else { 0x80 | bytes[0] & 0x3f };
        bytes[1] =
            [0, 8, 101, 96, 18, 111, 200, 201, 203, 13, 9, 97][usize::try_from(random.below(12)).unwrap()];
        if random.chance(0.9) {
            bytes[2..4].copy_from_slice(&sequence.to_be_bytes());
            bytes[4..8].copy_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
        }
        bytes[8..12].copy_from_slice(&u32::try_from(random.below(3)).unwrap().to_be_bytes());
    }
    bytes
}

/// What must be true of calls and legs, kept the naive way.
#[derive(Debug, Default)]
struct Model {
    calls: BTreeMap<u64, BTreeSet<u64>>,
    /// Slot of each leg.
    legs: BTreeMap<u64, u32>,
    closed: usize,
    opened: usize,
}

impl Model {
    fn call_of(&self, leg: u64) -> Option<u64> {
        self.calls.iter().find(|(_, legs)| legs.contains(&leg)).map(|(call, _)| *call)
    }

    /// Takes in what was closed and told.
    fn follow(&mut self, out: &mut Outbox) {
        for (slot, leg) in out.closed.drain(..) {
            assert_eq!(self.legs.remove(&leg.as_u64()), Some(slot), "a leg is closed once, by its own slot");
            self.closed += 1;
            if let Some(call) = self.call_of(leg.as_u64()) {
                self.calls.get_mut(&call).unwrap().remove(&leg.as_u64());
            }
        }
        for event in out.events.drain(..) {
            if let Event::CallEnded { call, .. } = event {
                let legs = self.calls.remove(&call.as_u64()).expect("a call ends once");
                assert!(legs.is_empty(), "its legs were closed first");
            }
        }
    }
}

struct Run {
    core: Core,
    out: Outbox,
    model: Model,
    now: Time,
    sequence: u16,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        Random::new(seed).fill(&mut bytes);
        let core = Core::new(CoreConfig {
            max_legs: MAX_LEGS,
            media_timeout: Duration::from_secs(30),
            hold_timeout: Duration::from_secs(120),
            seed: bytes,
            wall_at_zero: Duration::from_secs(1_700_000_000),
        });
        Self { core, out: Outbox::new(64), model: Model::default(), now: Time::ZERO, sequence: 0 }
    }

    fn take(&mut self, step: &Step) {
        let (core, out, model, now) = (&mut self.core, &mut self.out, &mut self.model, self.now);
        match *step {
            Step::AddCall(call) => {
                let added = core.add_call(now, CallId::from_u64(call));
                assert_eq!(
                    added,
                    model.calls.insert(call, BTreeSet::new()).is_none_or(|legs| {
                        model.calls.insert(call, legs);
                        false
                    })
                );
            }
            Step::AddLeg { call, leg, style } => {
                if model.legs.contains_key(&leg) {
                    return;
                }
                let slot = core.add_leg(now, CallId::from_u64(call), LegId::from_u64(leg), config(style));
                let room = model.legs.len() < MAX_LEGS && model.calls.contains_key(&call);
                assert_eq!(slot.is_some(), room);
                if let Some(slot) = slot {
                    assert!(model.legs.values().all(|other| *other != slot), "slot {slot} is in use");
                    model.legs.insert(leg, slot);
                    model.calls.get_mut(&call).unwrap().insert(leg);
                    model.opened += 1;
                }
            }
            Step::Configure { leg, style, relearn } => {
                let relearn = if relearn { Relearn::Now } else { Relearn::IfMoved };
                let slot = core.configure_leg(now, LegId::from_u64(leg), config(style), relearn);
                assert_eq!(slot, model.legs.get(&leg).copied());
            }
            Step::SetSource { leg, source } => {
                let same = source.is_none_or(|other| {
                    model.call_of(other).is_some() && model.call_of(other) == model.call_of(leg)
                });
                let source = source.map_or(Source::Silence, |leg| Source::Leg(LegId::from_u64(leg)));
                let set = core.set_source(LegId::from_u64(leg), source);
                assert_eq!(set, model.legs.contains_key(&leg) && same);
            }
            Step::RemoveLeg(leg) => {
                let removed = core.remove_leg(now, LegId::from_u64(leg), out);
                assert_eq!(removed, model.legs.contains_key(&leg));
            }
            Step::EndCall(call) => {
                let ended = core.end_call(now, CallId::from_u64(call), EndReason::Command, out);
                assert_eq!(ended, model.calls.contains_key(&call));
            }
            Step::Packet { slot, rtcp, from, style } => {
                self.sequence = self.sequence.wrapping_add(1);
                let key = if rtcp { mediapoint_testkit::rtcp_port(slot) } else { mediapoint_testkit::rtp_port(slot) };
                let buffer = out.filled(&packet(style, self.sequence)).expect("a buffer");
                core.handle_datagram(now, key, address(from), buffer, out);
            }
            Step::Wait(millis) => {
                self.now = now + Duration::from_millis(millis);
                for _ in 0..50 {
                    if core.next_deadline().is_none_or(|at| at > self.now) {
                        break;
                    }
                    core.handle_timers(self.now, out);
                }
                assert!(core.next_deadline().is_none_or(|at| at > self.now), "timers do not spin");
            }
        }
    }

    fn check(&mut self) {
        for sending in &self.out.sent {
            let slot = sending.from.slot();
            let live = self.model.legs.values().any(|known| *known == slot);
            assert!(live, "slot {slot} sent without a leg");
        }
        self.model.follow(&mut self.out);
        self.out.recycle();
        assert_eq!(self.out.buffers_out(), 0, "no buffer is kept");
        assert_eq!(self.core.calls(), self.model.calls.len());
        assert_eq!(self.core.legs(), self.model.legs.len());
        assert_eq!(self.model.opened, self.model.closed + self.model.legs.len());
        self.core.check_invariants();
        for (call, legs) in &self.model.calls {
            let statistics = self.core.statistics(self.now, CallId::from_u64(*call)).expect("a live call");
            let told: BTreeSet<u64> = statistics.legs.iter().map(|leg| leg.leg.as_u64()).collect();
            assert_eq!(told, *legs);
        }
    }

    fn run(&mut self, steps: &[Step]) {
        for step in steps {
            self.take(step);
            self.check();
        }
        self.core.end_all(self.now, EndReason::Shutdown, &mut self.out);
        self.check();
        assert_eq!((self.core.calls(), self.core.legs()), (0, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn short_sequences_that_shrink(steps in proptest::collection::vec(step(), 1..80)) {
        Run::new(7).run(&steps);
    }
}

#[test]
fn long_sequences() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

    for_each_seed(20, |seed| {
        let mut bytes = [0; 32];
        Random::new(seed).fill(&mut bytes);
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let steps = proptest::collection::vec(step(), 6000).new_tree(&mut runner).unwrap().current();
        Run::new(seed).run(&steps);
    });
}
