//! What a call takes of the heap, in a real engine of 200 calls with sockets and a worker: the libraries' blocks included. Each
//! kind has a bound. The allocator is asked for the whole process, so this file has one test.
//!
//! `cargo test -p mediapoint-engine --test memory_of_a_call -- --nocapture` prints the figures, and of what sizes the blocks are.

#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of the test: what is missing fails it"
)]

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use mediapoint_allocations::{blocks_by_size, heap_in_use};
use mediapoint_codec::encoder;
use mediapoint_engine::{
    AdmissionError, Call, CallSpec, Codec, EncoderSettings, Engine, Interface, LegConfig, OpenedLeg,
    PayloadCodec, PayloadType, Placement, Points, RemoteAddress, RtcpMode, SrtpKeys,
};
use mediapoint_packet::PacketBuf;
use mediapoint_packet::rtp::{RtpHeader, RtpTicks, Seq, Ssrc};
use mediapoint_srtp::{MasterKey, Suite};
use mediapoint_testkit::{Library, Protector};

const CALLS: usize = 200;
/// Packets that each leg gets.
const PACKETS: u16 = 6;
/// A busy machine may take so long for one kind.
const PATIENCE: Duration = Duration::from_secs(120);

/// A kind of call, and the most that one of its calls may take, in bytes.
struct Kind {
    name: &'static str,
    /// Of each leg, the one that it sends first.
    codecs: [Vec<PayloadCodec>; 2],
    srtp: Option<Suite>,
    talks: bool,
    bound: usize,
}

#[test]
fn a_call_takes_no_more_memory_than_its_kind_needs() {
    let entry = |number, codec| PayloadCodec::new(PayloadType::new(number).unwrap(), codec);
    let (pcmu, pcma) = (entry(0, Codec::PCMU), entry(8, Codec::PCMA));
    let (g729, opus) = (entry(18, Codec::G729), entry(96, Codec::OPUS));
    let l16 = entry(97, Codec::new("L16", 8000, 1));
    let g722 = entry(9, Codec::G722);
    let kind = |name, other: &PayloadCodec, srtp, talks, bound| Kind {
        name,
        codecs: [vec![pcmu.clone()], vec![other.clone()]],
        srtp,
        talks,
        bound,
    };
    let several = Kind {
        codecs: [vec![pcmu.clone(), opus.clone(), g722, pcma.clone()], vec![g729.clone(), opus.clone()]],
        ..kind("PCMU and G.729, where both agreed to Opus and more", &g729, None, true, 40_000)
    };
    let kinds = [
        kind("idle", &pcmu, None, false, 10_000),
        kind("relayed", &pcmu, None, true, 10_000),
        kind("PCMU and PCMA", &pcma, None, true, 10_000),
        kind("relayed, SRTP on both sides", &pcmu, Some(Suite::AesCm128HmacSha1_80), true, 16_000),
        kind("PCMU and L16", &l16, None, true, 36_000),
        kind("PCMU and G.729", &g729, None, true, 38_000),
        several,
        kind("PCMU and Opus", &opus, None, true, 90_000),
    ];
    let mut over = Vec::new();
    for kind in kinds {
        let taken = bytes_of_a_call(&kind);
        println!("{}: {taken} bytes a call, at most {}", kind.name, kind.bound);
        if taken > kind.bound {
            over.push((kind.name, taken, kind.bound));
        }
    }
    assert!(over.is_empty(), "kind, bytes of a call, bound: {over:?}");
}

fn bytes_of_a_call(kind: &Kind) -> usize {
    let (engine, _events) = Engine::builder()
        .interface(Interface::new("default", "127.0.0.1".parse().unwrap()))
        .ports(26_000..=26_999)
        .budget(Points::whole(10_000))
        .workers(1)
        .pin(false)
        .build()
        .unwrap();
    let party = UdpSocket::bind("127.0.0.1:0").unwrap();
    // What is made once, such as filters and tables, is made by the first call.
    let first = talking(&engine, &party, kind, 1);
    let before = heap_in_use().unwrap();
    let sizes_before = blocks_by_size();
    let calls = talking(&engine, &party, kind, CALLS);
    let after = heap_in_use().unwrap();
    print_sizes(&sizes_before, &blocks_by_size());
    drop((first, calls));
    engine.shutdown();
    after.saturating_sub(before) / CALLS
}

/// The sizes that make up most of a call.
fn print_sizes(before: &[(usize, i64)], after: &[(usize, i64)]) {
    let calls = i64::try_from(CALLS).unwrap();
    let mut grown: Vec<(i64, usize, i64)> = Vec::new();
    for (size, blocks) in after {
        let known = before.iter().find(|(known, _)| known == size).map_or(0, |(_, blocks)| *blocks);
        let bytes = (blocks - known) * i64::try_from(*size).unwrap() / calls;
        grown.push((bytes, *size, blocks - known));
    }
    grown.sort_unstable();
    for (bytes, size, blocks) in grown.iter().rev().take(16).filter(|(bytes, ..)| *bytes > 0) {
        let hundredths = blocks * 100 / calls;
        println!(
            "  {bytes} bytes a call in blocks of {size}: {}.{:02} a call",
            hundredths / 100,
            hundredths % 100
        );
    }
}

/// Calls between two parties who have both sent, and been sent to where that takes the other codec.
fn talking(engine: &Engine, party: &UdpSocket, kind: &Kind, count: usize) -> Vec<(Call, [OpenedLeg; 2])> {
    let keys = kind.srtp.map(|suite| MasterKey::generate(suite).unwrap());
    let open = |call: &Call, codecs: &[PayloadCodec]| {
        let config = LegConfig {
            codecs: codecs.to_vec(),
            remote: Some(RemoteAddress { rtp: party.local_addr().unwrap(), rtcp: None }),
            rtcp: RtcpMode::Mux,
            srtp: keys.as_ref().map(|key| SrtpKeys {
                inbound: Some(key.clone()),
                inbound_mki: None,
                outbound: key.clone(),
            }),
            ..LegConfig::default()
        };
        call.open_leg(&Placement::default(), config).unwrap().0
    };
    let mut calls = Vec::new();
    for _ in 0..count {
        let call = create(engine);
        let legs = [open(&call, &kind.codecs[0]), open(&call, &kind.codecs[1])];
        call.connect(legs[0].id, legs[1].id).unwrap().wait().unwrap();
        calls.push((call, legs));
    }
    if kind.talks {
        let streams = [0, 1].map(|side| packets(&kind.codecs[side][0], keys.as_ref()));
        talk(party, &calls, &streams);
    }
    calls
}

/// A call. On a busy machine the worker is late at times, and refuses calls until it is not.
fn create(engine: &Engine) -> Call {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match engine.create_call(CallSpec::default()) {
            Err(AdmissionError::Late { .. }) if Instant::now() < deadline => std::thread::yield_now(),
            call => return call.unwrap(),
        }
    }
}

/// Sends each leg its packets, and waits until what they lead to has been sent.
fn talk(party: &UdpSocket, calls: &[(Call, [OpenedLeg; 2])], streams: &[Vec<PacketBuf>; 2]) {
    let deadline = Instant::now() + PATIENCE;
    for n in 0..usize::from(PACKETS) {
        for (_, legs) in calls {
            for (leg, stream) in legs.iter().zip(streams) {
                party.send_to(stream[n].bytes(), leg.rtp).unwrap();
            }
        }
        let wanted = n as u64 + 1;
        for (call, _) in calls {
            loop {
                let figures = call.statistics().unwrap().wait().unwrap();
                let legs = figures.legs.iter();
                if legs.clone().all(|leg| leg.received.packets >= wanted && leg.sent.packets > 0) {
                    break;
                }
                assert!(Instant::now() < deadline, "{:?}", figures.legs);
                std::thread::yield_now();
            }
        }
    }
}

/// Packets of 20 ms of a tone.
fn packets(entry: &PayloadCodec, key: Option<&MasterKey>) -> Vec<PacketBuf> {
    let mut encoder = encoder(&entry.codec, 8000, &entry.parameters, &EncoderSettings::default()).unwrap();
    let mut protector = key.map(|key| Protector::new(key, Library::Own).unwrap());
    let len = encoder.sample_rate() / 50;
    let packet = |n: u16| {
        let pcm: Vec<i16> =
            (0..len).map(|at| i16::try_from((u32::from(n) * len + at) * 37 % 2001).unwrap() - 1000).collect();
        let mut bytes = [0; 1500];
        let header = RtpHeader {
            marker: n == 0,
            payload_type: entry.payload_type,
            sequence: Seq(n),
            timestamp: RtpTicks(u32::from(n) * entry.codec.clock_rate / 50),
            ssrc: Ssrc(7),
        };
        header.write(&mut bytes).unwrap();
        let encoded = encoder.encode(&pcm, &mut bytes[12..]).unwrap();
        let mut packet = PacketBuf::copy_of(&bytes[..12 + encoded.len]).expect("room for a packet");
        if let Some(protector) = &mut protector {
            assert!(protector.rtp(&mut packet));
        }
        packet
    };
    (0..PACKETS).map(packet).collect()
}
