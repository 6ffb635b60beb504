//! Where media may be sent to: no party of a call, and nobody who can write to its legs, makes the engine send to itself, to this
//! machine, to everybody on a network, or to an address that the configuration denies.

#![expect(clippy::expect_used, reason = "helpers of the tests: what is missing fails them")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::session::tap::Tap;
use mediapoint_engine::session::tap::packet::PacketTap;
use mediapoint_engine::{
    CommandError, Direction, Event, ForbiddenRemote, LegConfig, LegKind, PacketTapSpec, PacketTarget,
    Relearn, RemoteAddress, RemotePolicy, TapId, TapSide,
};
use mediapoint_packet::rtp::{PayloadType, RtpHeader, RtpTicks, Seq, Ssrc};
use mediapoint_testkit::{PeerId, World, audio, pcmu, rtcp_port, rtp_port};

/// The control port and the media ports of the engine in these tests.
const CONTROL: &str = "10.0.0.1:2223";
const MEDIA: &str = "10.0.0.1:30002";

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn policy() -> RemotePolicy {
    RemotePolicy::default()
        .own(address(CONTROL).ip(), 2223..=2223)
        .own(address(MEDIA).ip(), 30_000..=40_000)
        .deny("198.51.100.0/24".parse().expect("a network"))
}

fn call(kind: LegKind) -> (World, PeerId, PeerId) {
    let mut world = World::new(3);
    world.set_remotes(Arc::new(policy()));
    let call = world.add_call();
    let config = LegConfig { kind, ..audio([pcmu()]) };
    let [a, b] = [(); 2].map(|()| world.add_peer(call, config.clone()));
    world.connect(a, b);
    (world, a, b)
}

fn forbidden() -> [(&'static str, ForbiddenRemote); 9] {
    [
        (CONTROL, ForbiddenRemote::Own),
        (MEDIA, ForbiddenRemote::Own),
        ("127.0.0.1:53", ForbiddenRemote::Loopback),
        ("[::1]:53", ForbiddenRemote::Loopback),
        ("0.0.0.0:4000", ForbiddenRemote::Unspecified),
        ("224.0.0.251:5353", ForbiddenRemote::Multicast),
        ("255.255.255.255:4000", ForbiddenRemote::Broadcast),
        ("169.254.169.254:80", ForbiddenRemote::LinkLocal),
        ("198.51.100.7:4000", ForbiddenRemote::Denied),
    ]
}

#[test]
fn no_leg_is_given_such_a_destination() {
    let (mut world, a, _) = call(LegKind::Audio);
    let peer = world.peer(a);
    let (call, leg, before) = (peer.call, peer.leg, peer.config.clone());
    for (text, reason) in forbidden() {
        let good = address("192.0.2.50:4000");
        let bad = address(text);
        for remote in [RemoteAddress { rtp: bad, rtcp: None }, RemoteAddress { rtp: good, rtcp: Some(bad) }] {
            let config = Box::new(LegConfig { remote: Some(remote), ..before.clone() });
            let expected = Err(CommandError::ForbiddenRemote { address: bad, reason });
            let configure =
                CallCommand::ConfigureLeg { leg, config: config.clone(), relearn: Relearn::IfMoved };
            assert_eq!(world.apply(call, configure), expected, "{text}");
            let added = mediapoint_engine::LegId::from_u64(900);
            let add = CallCommand::AddLeg { leg: added, config, ports: mediapoint_testkit::leg_ports(900) };
            assert_eq!(world.apply(call, add), expected, "{text}");
        }
        let spec = PacketTapSpec { leg, side: TapSide::Both, target: PacketTarget::Address(bad) };
        let tap = Box::new(Tap::Packets(PacketTap { id: TapId::from_u64(901), spec }));
        let expected = Err(CommandError::ForbiddenRemote { address: bad, reason });
        assert_eq!(world.apply(call, CallCommand::AddTap { tap }), expected, "{text}");
    }
    // The leg is as it was.
    world.start(a);
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.leg_statistics(a).learnt, Some(world.peer(a).address));
}

/// A stream that comes from such an address is never followed there: it takes one datagram with a false sender to begin one.
#[test]
fn no_leg_learns_such_a_source() {
    for kind in [LegKind::Audio, LegKind::OpaqueRtp, LegKind::Datagrams] {
        for (text, _) in forbidden() {
            let (mut world, a, b) = call(kind);
            // Behind NAT any other host would be learnt.
            let rtp = address("192.168.7.7:4000");
            world.reinvite(a, |config| config.remote = Some(RemoteAddress { rtp, rtcp: None }));
            world.start(b);
            let key = rtp_port(world.peer(a).slot);
            for n in 0..100 {
                let header = RtpHeader {
                    marker: false,
                    payload_type: PayloadType::PCMU,
                    sequence: Seq(n),
                    timestamp: RtpTicks(u32::from(n) * 160),
                    ssrc: Ssrc(5),
                };
                let mut packet = [0x55; 172];
                header.write(&mut packet).expect("room");
                world.inject(key, address(text), &packet);
                world.inject(rtcp_port(world.peer(a).slot), address(text), &[0x80, 201, 0, 1, 0, 0, 0, 5]);
                world.run_for(Duration::from_millis(20));
            }
            assert_eq!(world.leg_statistics(a).learnt, None, "{text}, {kind:?}");
            assert_eq!(world.peer(b).heard.packets, 0, "{text}, {kind:?}");
            assert!(!world.sent_to(address(text)), "{text}, {kind:?}");
        }
    }
}

/// Its name, and what is done to the party's leg.
type Case = (&'static str, fn(&mut World, PeerId));

#[test]
fn a_stranger_gains_nothing_from_a_silent_party() {
    // A party that only listens, one that has not sent yet, one that is moved by a re-INVITE, one that is to be learnt anew.
    let cases: [Case; 4] = [
        ("recvonly", |world, a| world.reinvite(a, |config| config.direction = Direction::SendOnly)),
        ("has not sent", |_, _| {}),
        ("moved", |world, a| {
            let rtp = address("192.0.2.99:4000");
            world.reinvite(a, |config| config.remote = Some(RemoteAddress { rtp, rtcp: None }));
        }),
        ("reset", |world, a| world.reinvite_with(a, Relearn::Now, |_| {})),
    ];
    for kind in [LegKind::Audio, LegKind::OpaqueRtp, LegKind::Datagrams] {
        for (name, prepare) in cases {
            let (mut world, a, b) = call(kind);
            prepare(&mut world, a);
            world.start(b);
            let stranger = world.add_stranger(a, address("203.0.113.66:7000"));
            world.start(stranger);
            world.run_for(Duration::from_secs(5));
            assert_eq!(world.peer(stranger).heard.packets, 0, "{name}, {kind:?}: sent to the stranger");
            let tag = world.peer(stranger).tag;
            assert_eq!(world.peer(b).heard.packets_from(tag), 0, "{name}, {kind:?}: heard of the stranger");
            assert_eq!(world.leg_statistics(a).learnt, None, "{name}, {kind:?}");
        }
    }
}

/// Nothing better is known of a party behind NAT: it is learnt, and told.
#[test]
fn what_is_learnt_against_the_signalling_is_an_event() {
    for (source, expected) in [(None, false), (Some(address("203.0.113.20:0").ip()), true)] {
        let (mut world, a, b) = call(LegKind::Audio);
        let rtp = address("192.168.7.7:4000");
        world.reinvite(a, |config| {
            config.remote = Some(RemoteAddress { rtp, rtcp: None });
            config.signalling_source = source;
        });
        let nat = address("203.0.113.20:61234");
        world.move_peer(a, nat);
        world.start(a);
        world.start(b);
        world.run_for(Duration::from_secs(2));
        let learnt = world.events.iter().find_map(|(_, event)| match event {
            Event::LegLearnt { leg, from, expected, .. } if *leg == world.peer(a).leg => {
                Some((*from, *expected))
            }
            _ => None,
        });
        assert_eq!(learnt, Some((nat, expected)));
        assert!(world.peer(a).heard.packets > 90);
    }
}
