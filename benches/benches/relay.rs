//! What a packet costs between its receive call and its send call: one step of the core, over 400 calls in turn, so that
//! every packet finds its legs out of the first-level cache as it would in life.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use std::net::SocketAddr;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use mediapoint_engine::core::{Core, CoreConfig, Output, SocketKey};
use mediapoint_engine::{
    CallId, Codec, Event, LegConfig, LegId, PayloadCodec, PayloadType, RemoteAddress, RtcpMode, Source,
    SrtpKeys, Ssrc,
};
use mediapoint_packet::rtp::{RtpHeader, RtpTicks, Seq};
use mediapoint_packet::{PacketBuf, PacketPool, Time};
use mediapoint_srtp::{MasterKey, Outbound, Suite};

const CALLS: u64 = 400;

struct Sink {
    pool: PacketPool,
    sent: u64,
}

impl Output for Sink {
    fn send(&mut self, _from: SocketKey, _to: SocketAddr, packet: PacketBuf) {
        self.sent += 1;
        self.pool.give(packet);
    }

    fn take(&mut self) -> Option<PacketBuf> {
        self.pool.take()
    }

    fn give(&mut self, packet: PacketBuf) {
        self.pool.give(packet);
    }

    fn event(&mut self, _event: Event) {}

    fn close(&mut self, _slot: u32, _leg: LegId) {}
}

struct Sender {
    key: SocketKey,
    address: SocketAddr,
    sequence: u16,
    srtp: Option<Outbound>,
}

impl Sender {
    fn fill(&mut self, packet: &mut PacketBuf) {
        self.sequence = self.sequence.wrapping_add(1);
        let header = RtpHeader {
            marker: false,
            payload_type: PayloadType::PCMU,
            sequence: Seq(self.sequence),
            timestamp: RtpTicks(u32::from(self.sequence) * 160),
            ssrc: Ssrc(self.key.0),
        };
        let storage = packet.storage_mut();
        header.write(storage).expect("room for a header");
        let mut len = 172;
        if let Some(srtp) = &mut self.srtp {
            len = srtp.protect_rtp(storage, len).expect("a packet to protect");
        }
        packet.set_len(len);
    }
}

fn leg(address: SocketAddr, codec: &PayloadCodec, key: Option<&MasterKey>) -> LegConfig {
    LegConfig {
        codecs: vec![codec.clone()],
        remote: Some(RemoteAddress { rtp: address, rtcp: None }),
        rtcp: RtcpMode::Off,
        srtp: key.map(|key| SrtpKeys {
            inbound: Some(key.clone()),
            inbound_mki: None,
            outbound: key.clone(),
        }),
        ..LegConfig::default()
    }
}

/// Calls whose first leg sends PCMU: in the clear or under `inbound`, heard by a second leg of `codec`, `outbound`.
fn calls(codec: &PayloadCodec, inbound: Option<Suite>, outbound: Option<Suite>) -> (Core, Vec<Sender>) {
    let mut core = Core::new(CoreConfig {
        max_legs: 2048,
        media_timeout: Duration::from_secs(3600),
        hold_timeout: Duration::from_secs(3600),
        seed: [7; 32],
        wall_at_zero: Duration::from_secs(1_700_000_000),
    });
    let pcmu = PayloadCodec::new(PayloadType::PCMU, Codec::PCMU);
    let mut senders = Vec::new();
    for n in 0..CALLS {
        let address = SocketAddr::from(([127, 0, 0, 1], 20_000 + u16::try_from(n * 2).expect("a port")));
        let inbound = inbound.map(|suite| MasterKey::generate(suite).expect("a key"));
        let outbound = outbound.map(|suite| MasterKey::generate(suite).expect("a key"));
        let (call, a, b) = (CallId::from_u64(n), LegId::from_u64(2 * n), LegId::from_u64(2 * n + 1));
        assert!(core.add_call(Time::ZERO, call));
        let slot = core.add_leg(Time::ZERO, call, a, leg(address, &pcmu, inbound.as_ref())).expect("room");
        core.add_leg(Time::ZERO, call, b, leg(address, codec, outbound.as_ref())).expect("room");
        assert!(core.set_source(b, Source::Leg(a)));
        let srtp = inbound.as_ref().map(Outbound::new);
        senders.push(Sender { key: SocketKey::rtp(slot), address, sequence: 0, srtp });
    }
    (core, senders)
}

fn relay(criterion: &mut Criterion) {
    let pcmu = PayloadCodec::new(PayloadType::PCMU, Codec::PCMU);
    let pcma = PayloadCodec::new(PayloadType::PCMA, Codec::PCMA);
    let cm = Some(Suite::ALL.into_iter().find(|s| s.name() == "AES_CM_128_HMAC_SHA1_80").expect("a suite"));
    let gcm = Some(Suite::ALL.into_iter().find(|s| s.name() == "AEAD_AES_128_GCM").expect("a suite"));
    let kinds = [
        ("relay", &pcmu, None, None),
        ("PCMU to PCMA", &pcma, None, None),
        ("RTP to SRTP AES-CM", &pcmu, None, cm),
        ("SRTP AES-CM to RTP, sender included", &pcmu, cm, None),
        ("RTP to SRTP AES-GCM", &pcmu, None, gcm),
    ];
    let mut group = criterion.benchmark_group("step");
    for (name, codec, inbound, outbound) in kinds {
        let (mut core, mut senders) = calls(codec, inbound, outbound);
        let mut sink = Sink { pool: PacketPool::new(8), sent: 0 };
        let mut steps = 0_u64;
        group.bench_function(name, |b| {
            b.iter(|| {
                let index = usize::try_from(steps % CALLS).expect("an index");
                let now = Time::from_nanos(steps * (20_000_000 / CALLS));
                steps += 1;
                let Some(sender) = senders.get_mut(index) else { return };
                let Some(mut packet) = sink.pool.take() else { return };
                sender.fill(&mut packet);
                core.handle_datagram(now, sender.key, sender.address, packet, &mut sink);
            });
        });
        assert_eq!(sink.sent, steps, "{name}: every packet goes through");
    }
    group.finish();
}

criterion_group!(benches, relay);
criterion_main!(benches);
