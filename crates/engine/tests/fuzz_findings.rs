//! What fuzzing found, each with its input.

use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_engine::core::{Core, CoreConfig, Output, SocketKey};
use mediapoint_engine::{CallId, Event, LegConfig, LegId, LegKind, RemoteAddress, Source};
use mediapoint_packet::{PacketBuf, Time};

#[derive(Default)]
struct Sent(Vec<Vec<u8>>);

impl Output for Sent {
    fn send(&mut self, _from: SocketKey, _to: SocketAddr, packet: PacketBuf) {
        self.0.push(packet.bytes().to_vec());
    }

    fn take(&mut self) -> Option<PacketBuf> {
        Some(PacketBuf::new())
    }

    fn give(&mut self, _packet: PacketBuf) {}

    fn event(&mut self, _event: Event) {}

    fn close(&mut self, _slot: u32, _leg: LegId) {}
}

#[test]
fn an_empty_datagram_is_not_relayed() {
    let mut core = Core::new(CoreConfig {
        max_legs: 4,
        media_timeout: Duration::from_secs(60),
        hold_timeout: Duration::from_secs(60),
        seed: [0; 32],
        wall_at_zero: Duration::ZERO,
    });
    let (call, a, b) = (CallId::from_u64(1), LegId::from_u64(1), LegId::from_u64(2));
    let party = |port| SocketAddr::from(([192, 0, 2, 1], port));
    let config = |port| LegConfig {
        kind: LegKind::Datagrams,
        remote: Some(RemoteAddress { rtp: party(port), rtcp: None }),
        ..LegConfig::default()
    };
    core.add_call(Time::ZERO, call);
    let slot = core.add_leg(Time::ZERO, call, a, config(4000)).unwrap();
    core.add_leg(Time::ZERO, call, b, config(5000)).unwrap();
    core.set_source(b, Source::Leg(a));
    let mut sent = Sent::default();
    for bytes in [&b""[..], b"udptl"] {
        let packet = PacketBuf::copy_of(bytes).unwrap();
        core.handle_datagram(Time::ZERO, SocketKey::rtp(slot), party(4000), packet, &mut sent);
    }
    assert_eq!(sent.0, [b"udptl"]);
    assert_eq!(core.statistics(Time::ZERO, call).unwrap().legs[0].received.refused.malformed, 1);
}
