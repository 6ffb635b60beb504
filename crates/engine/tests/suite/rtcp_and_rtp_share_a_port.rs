//! Payload types 64 to 95 with the marker look as RTCP does. Only where RTP and RTCP share the port by agreement the second
//! octet tells them apart [RFC5761 4]; a port of RTP's own takes every payload type that was agreed, and yet the reports of
//! a phone that sends them there unasked.

#![expect(clippy::unwrap_used, reason = "helpers of the tests: what is missing fails them")]

use std::time::Duration;

use mediapoint_engine::{LegConfig, LegKind, RtcpMode};
use mediapoint_packet::rtp::{PayloadType, RtpHeader, RtpTicks, Seq, Ssrc};
use mediapoint_srtp::Suite;
use mediapoint_testkit::{Library, PeerId, World, audio, codec, pcmu, rtp_port};

const PACKETS: u16 = 50;

/// Payload types that RTCP's second octet can be taken for.
const DOUBTFUL: std::ops::RangeInclusive<u8> = 64..=95;

fn packet(payload_type: u8, n: u16, marker: bool) -> Vec<u8> {
    let header = RtpHeader {
        marker,
        payload_type: PayloadType::new(payload_type).unwrap(),
        sequence: Seq(n),
        timestamp: RtpTicks(u32::from(n) * 160),
        ssrc: Ssrc(0xabc),
    };
    let mut packet = vec![0; 12];
    header.write(&mut packet).unwrap();
    packet.resize(173, 0xd5);
    packet
}

/// Sends packets of a payload type, all with the marker.
fn talk(world: &mut World, from: PeerId, payload_type: u8) {
    let (key, address) = (rtp_port(world.peer(from).slot), world.peer(from).address);
    for n in 0..PACKETS {
        world.inject(key, address, &packet(payload_type, n, true));
        world.run_for(Duration::from_millis(20));
    }
}

fn call(leg: impl Fn() -> LegConfig) -> (World, PeerId, PeerId) {
    let mut world = World::new(6);
    let call = world.add_call();
    let (a, b) = (world.add_peer(call, leg()), world.add_peer(call, leg()));
    world.peer_mut(b).heard.keep_packets = true;
    world.connect(a, b);
    (world, a, b)
}

/// Packets that the far end received: with their payload type, and of those with the marker.
fn received(world: &World, far: PeerId, payload_type: u8) -> (usize, usize) {
    let log = &world.peer(far).heard.log;
    let of_it = log.iter().filter(|packet| packet.payload_type.get() == payload_type);
    (of_it.clone().count(), of_it.filter(|packet| packet.marker).count())
}

// test-of: [RFC5761 4]
#[test]
fn a_port_of_its_own_takes_every_payload_type_with_the_marker() {
    for mode in [RtcpMode::Separate, RtcpMode::Off] {
        for payload_type in DOUBTFUL {
            let leg = || LegConfig { rtcp: mode, ..audio([codec(payload_type, "L16", 8000)]) };
            let (mut world, a, b) = call(leg);
            talk(&mut world, a, payload_type);
            let all = usize::from(PACKETS);
            assert_eq!(received(&world, b, payload_type), (all, all), "{mode:?}, {payload_type}");
            let received = world.leg_statistics(a).received;
            assert_eq!((received.packets, received.dropped.total()), (PACKETS.into(), 0), "{payload_type}");
            assert_eq!(received.rtcp_packets, 0, "{payload_type}");
        }
    }
}

#[test]
fn video_has_no_table_of_payload_types_and_passes_all_the_same() {
    for payload_type in DOUBTFUL {
        let (mut world, a, b) = call(|| LegConfig { kind: LegKind::OpaqueRtp, ..LegConfig::default() });
        talk(&mut world, a, payload_type);
        // Of 72 and 73 some sequence numbers are lengths that a report can have; what follows is none of RTCP's packets.
        let all = usize::from(PACKETS);
        assert_eq!(received(&world, b, payload_type), (all, all), "{payload_type}");
    }
}

#[test]
fn encrypted_packets_pass_with_the_marker() {
    for suite in [Suite::ALL[0], Suite::ALL[Suite::ALL.len() - 1]] {
        let mut world = World::new(6);
        let call = world.add_call();
        let leg = || audio([codec(80, "PCMU", 8000)]);
        let (a, b) = (world.add_peer(call, leg()), world.add_peer(call, leg()));
        world.connect(a, b);
        world.secure(a, suite, Library::WebRtc);
        world.peer_mut(b).heard.keep_packets = true;
        world.peer_mut(a).stream.payload_type = PayloadType::new(80).unwrap();
        world.peer_mut(a).stream.marks_all = true;
        world.peer_mut(a).reports_every = Some(Duration::from_secs(1));
        world.start(a);
        world.run_for(Duration::from_secs(4));
        let (packets, marked) = received(&world, b, 80);
        assert!(packets >= 198 && packets == marked, "{packets} packets, {marked} marked");
        let received = world.leg_statistics(a).received;
        assert_eq!(received.dropped.total(), 0);
        assert!(received.rtcp_packets >= 3);
    }
}

/// A phone that sends its reports to the RTP port though that was not agreed, plain and encrypted.
#[test]
fn reports_on_the_rtp_port_are_taken_unasked() {
    for secure in [None, Some(Suite::ALL[0])] {
        let mut world = World::new(7);
        let call = world.add_call();
        let (a, b) = (world.add_peer(call, audio([pcmu()])), world.add_peer(call, audio([pcmu()])));
        world.connect(a, b);
        if let Some(suite) = secure {
            world.secure(a, suite, Library::WebRtc);
        }
        world.peer_mut(a).mux = true;
        world.peer_mut(a).reports_every = Some(Duration::from_secs(1));
        world.start(a);
        world.run_for(Duration::from_secs(10));
        let received = world.leg_statistics(a).received;
        assert!(received.rtcp_packets >= 9, "{secure:?}: {received:?}");
        assert_eq!(received.dropped.total(), 0, "{secure:?}");
    }
}

#[test]
fn where_the_port_is_shared_the_octet_tells() {
    let leg = || LegConfig { rtcp: RtcpMode::Mux, ..audio([codec(80, "L16", 8000), codec(96, "L16", 8000)]) };
    let (mut world, a, b) = call(leg);
    talk(&mut world, a, 80);
    assert_eq!(received(&world, b, 80), (0, 0));
    talk(&mut world, a, 96);
    assert_eq!(received(&world, b, 96).0, usize::from(PACKETS));
}

/// What is no RTCP by its form is RTP of a payload type that nobody agreed on, and counted as such.
#[test]
fn what_only_looks_as_rtcp_is_an_unknown_payload_type() {
    let (mut world, a, b) = call(|| audio([pcmu()]));
    talk(&mut world, a, 80);
    assert_eq!(world.peer(b).heard.packets, 0);
    let dropped = world.leg_statistics(a).received.dropped;
    assert_eq!((dropped.unknown_payload_type, dropped.total()), (PACKETS.into(), PACKETS.into()));
}
