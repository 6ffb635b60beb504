//! Placement: ports and their exhaustion, interfaces, families, the address that the party is told, what an engine
//! refuses to be built from.

#![expect(clippy::unwrap_used, reason = "helpers of the tests: what is missing fails them")]

use std::io::ErrorKind::Unsupported;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use mediapoint_engine::{
    AddressFamily, BuildError, CallSpec, CommandError, Engine, Interface, LegConfig, OpenLegError,
    PacketBackend, Placement, Ports, RemoteAddress, RtcpMode,
};
use mediapoint_testkit::phone::{builder, pcmu_leg, wait_until};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn on(interface: &str, family: Option<AddressFamily>) -> Placement {
    Placement { interface: Some(interface.into()), family, ..Placement::default() }
}

/// Two interfaces, one of both families, one behind one-to-one NAT.
fn engine(last: u8) -> Engine {
    let inside =
        Interface { advertised: Some(ip("203.0.113.10")), ..Interface::new("outside", ip("127.9.4.100")) };
    Engine::builder()
        .interface(Interface::new("inside", ip(&format!("127.9.4.{last}"))))
        .interface(Interface::new("inside", ip("::1")))
        .interface(inside)
        .ports(24_600 + u16::from(last) * 20..=24_600 + u16::from(last) * 20 + 19)
        .pin(false)
        .build()
        .unwrap()
        .0
}

#[test]
fn a_leg_opens_on_the_interface_and_family_asked_for() {
    let engine = engine(1);
    let call = engine.create_call(CallSpec::default()).unwrap();
    let opened = |placement: &Placement| call.open_leg(placement, pcmu_leg()).unwrap().0.rtp.ip();
    assert_eq!(opened(&Placement::default()), ip("127.9.4.1"), "the first is the default");
    assert_eq!(opened(&on("inside", None)), ip("127.9.4.1"));
    assert_eq!(opened(&on("inside", Some(AddressFamily::V4))), ip("127.9.4.1"));
    assert_eq!(opened(&on("inside", Some(AddressFamily::V6))), ip("::1"));
    assert_eq!(opened(&on("outside", Some(AddressFamily::V4))), ip("203.0.113.10"), "what the party is told");
    assert_eq!(engine.interfaces().len(), 3);
}

#[test]
fn an_interface_or_family_that_is_not_there_is_named() {
    let engine = engine(2);
    let call = engine.create_call(CallSpec::default()).unwrap();
    let refused = |placement: &Placement| call.open_leg(placement, pcmu_leg()).unwrap_err();
    assert!(
        matches!(refused(&on("nowhere", None)), OpenLegError::UnknownInterface(name) if name == "nowhere")
    );
    let error = refused(&on("outside", Some(AddressFamily::V6)));
    assert_eq!(error.to_string(), "interface \"outside\" has no V6 address");
    assert!(call.statistics().unwrap().wait().unwrap().legs.is_empty(), "the call is unchanged");
}

#[test]
fn ports_are_an_even_one_and_the_next_or_a_single_one() {
    let engine = engine(3);
    let call = engine.create_call(CallSpec::default()).unwrap();
    let (pair, _) = call.open_leg(&Placement::default(), pcmu_leg()).unwrap();
    assert_eq!(pair.rtp.port() % 2, 0);
    assert_eq!(pair.rtcp.unwrap().port(), pair.rtp.port() + 1);
    assert!(UdpSocket::bind(pair.rtp).is_err() && UdpSocket::bind(pair.rtcp.unwrap()).is_err());
    let single = Placement { ports: Ports::Single, ..Placement::default() };
    let mux = LegConfig { rtcp: RtcpMode::Mux, ..pcmu_leg() };
    let (single, _) = call.open_leg(&single, mux).unwrap();
    assert_eq!(single.rtcp, None);
    let next = SocketAddr::new(single.rtp.ip(), single.rtp.port() + 1);
    UdpSocket::bind(next).expect("the port beside a single one is not bound");
}

#[test]
fn ports_run_out_with_the_total_and_come_back() {
    let engine = engine(4);
    let call = engine.create_call(CallSpec::default()).unwrap();
    let open = || call.open_leg(&Placement::default(), pcmu_leg());
    let legs: Vec<_> = (0..10).map(|_| open().unwrap().0).collect();
    match open() {
        Err(OpenLegError::NoPorts { total, address }) => {
            assert_eq!((total, address), (20, ip("127.9.4.4")));
        }
        other => panic!("{other:?}"),
    }
    let other = engine.create_call(CallSpec::default()).unwrap();
    let beside = Placement { family: Some(AddressFamily::V6), ..Placement::default() };
    drop(other.open_leg(&beside, pcmu_leg()).expect("another address has ports of its own"));
    let closed = legs[7];
    drop(call.remove_leg(closed.id).unwrap());
    let mut again = None;
    wait_until("the port is lent again", || {
        again = open().ok();
        again.is_some()
    });
    assert_eq!(again.unwrap().0.rtp, closed.rtp);
    drop(call.end().unwrap());
    let next = engine.create_call(CallSpec::default()).unwrap();
    let mut opened = 0;
    wait_until("all ten are free again", || {
        while next.open_leg(&Placement::default(), pcmu_leg()).is_ok() {
            opened += 1;
        }
        opened == 10
    });
}

#[test]
fn a_port_that_another_program_has_is_passed_over() {
    let held = UdpSocket::bind("127.9.4.5:24701").unwrap();
    let engine = engine(5);
    let call = engine.create_call(CallSpec::default()).unwrap();
    for _ in 0..9 {
        let (leg, _) = call.open_leg(&Placement::default(), pcmu_leg()).unwrap();
        assert_ne!(leg.rtp.port(), 24_700, "its neighbour is taken");
    }
    assert!(matches!(
        call.open_leg(&Placement::default(), pcmu_leg()),
        Err(OpenLegError::NoPorts { total: 20, .. })
    ));
    drop(held);
    assert_eq!(call.open_leg(&Placement::default(), pcmu_leg()).unwrap().0.rtp.port(), 24_700);
}

/// Media between an IPv4 and an IPv6 party.
#[test]
fn a_call_crosses_families() {
    let engine = engine(6);
    let call = engine.create_call(CallSpec::default()).unwrap();
    let parties = [("127.0.0.1:0", AddressFamily::V4), ("[::1]:0", AddressFamily::V6)].map(|(at, family)| {
        let socket = UdpSocket::bind(at).unwrap();
        socket.set_read_timeout(Some(mediapoint_testkit::phone::PATIENCE)).unwrap();
        let rtp = socket.local_addr().unwrap();
        let config = LegConfig { remote: Some(RemoteAddress { rtp, rtcp: None }), ..pcmu_leg() };
        let (leg, _) = call.open_leg(&on("inside", Some(family)), config).unwrap();
        (socket, leg)
    });
    let [(a, leg_a), (b, leg_b)] = &parties;
    drop(call.connect(leg_a.id, leg_b.id).unwrap());
    for sequence in 0..20_u8 {
        let mut packet = [0x55; 172];
        packet[..12].copy_from_slice(&[0x80, 0, 0, sequence, 0, 0, 0, sequence, 1, 2, 3, 4]);
        for (from, to_leg, at) in [(a, leg_a, b), (b, leg_b, a)] {
            from.send_to(&packet, to_leg.rtp).unwrap();
            let mut buffer = [0; 2048];
            let (len, _) = at.recv_from(&mut buffer).expect("a packet");
            assert_eq!(buffer[12..len], [0x55; 160]);
        }
    }
}

#[test]
fn what_cannot_run_is_not_built() {
    let with = |ports| builder("127.9.4.7", ports).build();
    for ports in [25_001..=25_002, 25_002..=25_002, 0..=100, 65_535..=65_535] {
        let (first, last) = (*ports.start(), *ports.end());
        match with(ports).map(drop) {
            Err(BuildError::PortRange { first: told, last: and }) => assert_eq!((told, and), (first, last)),
            other => panic!("{first}-{last}: {other:?}"),
        }
    }
    assert!(with(25_001..=25_003).is_ok(), "one pair");
    assert!(matches!(builder("127.9.4.7", 25_000..=25_001).workers(0).build(), Err(BuildError::NoWorkers)));
    assert!(matches!(Engine::builder().build(), Err(BuildError::NoInterface)));
    // Loopback is no Ethernet: AF_XDP is refused where nothing else is wanted, and sockets serve it otherwise.
    let backed = |backend| builder("127.9.4.7", 25_010..=25_011).packet_backend(backend).build();
    let refused = backed(PacketBackend::Xdp);
    assert!(matches!(&refused, Err(BuildError::PacketBackend { source }) if source.kind() == Unsupported));
    assert!(backed(PacketBackend::Auto).is_ok());
    // A documentation address is nobody's.
    let foreign = builder("192.0.2.1", 25_000..=25_001).build();
    assert!(matches!(foreign, Err(BuildError::Address { address, .. }) if address == ip("192.0.2.1")));
}

#[test]
fn a_leg_cannot_be_opened_on_a_call_that_is_gone() {
    let engine = engine(8);
    let call = engine.create_call(CallSpec::default()).unwrap();
    drop(call.end().unwrap());
    wait_until("it ends", || engine.calls() == 0);
    let refused = call.open_leg(&Placement::default(), pcmu_leg());
    assert!(matches!(refused, Err(OpenLegError::Command(CommandError::NoSuchCall(id))) if id == call.id()));
    UdpSocket::bind("127.9.4.8:24760").expect("no port was kept");
}
