//! What fuzzing found, each with its input.

use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::session::{Session, SessionConfig};
use mediapoint_engine::{CallId, LegConfig, LegId, LegKind, RemoteAddress, Source};
use mediapoint_packet::{PacketBuf, Time};
use mediapoint_testkit::{Outbox, leg_ports, rtp_port};

#[test]
fn an_empty_datagram_is_not_relayed() {
    let mut session = Session::new(SessionConfig {
        max_legs: 4,
        media_timeout: Duration::from_secs(60),
        hold_timeout: Duration::from_secs(60),
        seed: [0; 32],
        wall_at_zero: Duration::ZERO,
        remotes: Default::default(),
        kernel_forwarding: false,
    });
    let (call, a, b) = (CallId::from_u64(1), LegId::from_u64(1), LegId::from_u64(2));
    let party = |port| SocketAddr::from(([192, 0, 2, 1], port));
    let config = |port| LegConfig {
        kind: LegKind::Datagrams,
        remote: Some(RemoteAddress { rtp: party(port), rtcp: None }),
        ..LegConfig::default()
    };
    let mut out = Outbox::new(4);
    session.add_call(Time::ZERO, call).unwrap();
    for (leg, number) in [(a, 0), (b, 1)] {
        let config = Box::new(config(4000 + u16::try_from(number).unwrap() * 1000));
        let ports = leg_ports(number);
        session.apply(Time::ZERO, call, CallCommand::AddLeg { leg, config, ports }, &mut out).unwrap();
    }
    let feed = CallCommand::SetSource { leg: b, source: Source::Leg(a) };
    session.apply(Time::ZERO, call, feed, &mut out).unwrap();
    for bytes in [&b""[..], b"udptl"] {
        let packet = PacketBuf::copy_of(bytes).unwrap();
        session.handle_datagram(Time::ZERO, rtp_port(0), party(4000), packet, &mut out);
    }
    let sent: Vec<&[u8]> = out.sent.iter().map(|sending| sending.packet.bytes()).collect();
    assert_eq!(sent, [b"udptl"]);
    assert_eq!(session.statistics(Time::ZERO, call, &mut out).unwrap().legs[0].received.dropped.malformed, 1);
}
