//! Datagrams of any size that UDP carries are relayed: L16 in stereo, video that was not cut for Ethernet, fax; encrypted
//! and decrypted on the way, copied to several legs and to taps; through a session and through a whole engine on real
//! sockets. What cannot be is counted.

#![expect(clippy::unwrap_used, reason = "helpers of the tests: what is missing fails them")]

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use mediapoint_engine::{
    CallSpec, Codec, LegConfig, LegKind, PayloadCodec, Placement, RemoteAddress, Source,
};
use mediapoint_packet::PacketBuf;
use mediapoint_packet::rtp::{PayloadType, RtpHeader, RtpTicks, RtpView, Seq, Ssrc};
use mediapoint_srtp::Suite;
use mediapoint_testkit::phone::builder;
use mediapoint_testkit::{Library, PeerId, World, audio, rtp_port};

/// L16 in stereo at 44,100 Hz: 882 samples of two channels and two octets in 20 ms.
const STEREO: usize = 882 * 4;

/// The longest payload behind a header of RTP in a datagram over IPv4.
const LONGEST: usize = 65_507 - 12;

fn packet(payload_type: u8, n: u16, len: usize) -> Vec<u8> {
    let header = RtpHeader {
        marker: false,
        payload_type: PayloadType::new(payload_type).unwrap(),
        sequence: Seq(n),
        timestamp: RtpTicks(u32::from(n) * 882),
        ssrc: Ssrc(0xabc),
    };
    let mut packet = vec![0; 12];
    header.write(&mut packet).unwrap();
    packet.extend(payload(n, len));
    packet
}

fn payload(n: u16, len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from((at * 7 + usize::from(n)) % 251).unwrap()).collect()
}

fn stereo() -> LegConfig {
    audio([PayloadCodec::new(PayloadType::new(10).unwrap(), Codec::new("L16", 44_100, 2))])
}

fn video() -> LegConfig {
    LegConfig { kind: LegKind::OpaqueRtp, ..LegConfig::default() }
}

fn call<const N: usize>(legs: [LegConfig; N]) -> (World, [PeerId; N]) {
    let mut world = World::new(3);
    let call = world.add_call();
    let parties = legs.map(|leg| world.add_peer(call, leg));
    for party in &parties[1..] {
        world.set_source(*party, Some(parties[0]));
        world.peer_mut(*party).heard.keep_packets = true;
    }
    (world, parties)
}

fn give(world: &mut World, from: PeerId, bytes: &[u8]) {
    let (key, address) = (rtp_port(world.peer(from).slot), world.peer(from).address);
    world.inject(key, address, bytes);
    world.run_for(Duration::from_millis(20));
}

#[test]
fn stereo_of_44100_is_forwarded() {
    let (mut world, [a, b, c]) = call([stereo(), stereo(), stereo()]);
    for n in 0..50 {
        give(&mut world, a, &packet(10, n, STEREO));
    }
    for party in [b, c] {
        let heard = &world.peer(party).heard.log;
        assert_eq!(heard.len(), 50);
        for (n, packet) in (0..).zip(heard) {
            assert!(packet.payload == payload(n, STEREO), "packet {n}");
        }
    }
    let received = world.leg_statistics(a).received;
    assert_eq!((received.packets, received.octets), (50, 50 * STEREO as u64));
    assert_eq!(received.dropped.total(), 0);
    assert_eq!(world.buffers_lost(), 0);
}

#[test]
fn datagrams_of_every_size_pass_untouched() {
    for kind in [LegKind::OpaqueRtp, LegKind::Datagrams] {
        let leg = || LegConfig { kind, ..LegConfig::default() };
        let (mut world, [a, b, c]) = call([leg(), leg(), leg()]);
        let lengths = [160, 1972, 1973, 2188, 3528, 9000, LONGEST];
        for (n, len) in (0..).zip(lengths) {
            give(&mut world, a, &packet(99, n, len));
        }
        for party in [b, c] {
            let heard = &world.peer(party).heard.log;
            let got: Vec<usize> = heard.iter().map(|packet| packet.payload.len()).collect();
            assert_eq!(got, lengths, "{kind:?}");
            for (n, packet) in (0..).zip(heard) {
                assert!(packet.payload == payload(n, lengths[usize::from(n)]), "{kind:?}, packet {n}");
            }
        }
        assert_eq!(world.buffers_lost(), 0);
    }
}

/// Behind the longest datagrams there is room for the tag, though not on the wire.
#[test]
fn large_packets_are_encrypted_and_decrypted() {
    for suite in Suite::ALL {
        for len in [STEREO, 9000, LONGEST - 32] {
            let (mut world, [a, b]) = call([video(), video()]);
            world.secure(b, suite, Library::WebRtc);
            give(&mut world, a, &packet(99, 1, len));
            let heard = &world.peer(b).heard;
            assert_eq!(heard.not_authentic, 0);
            assert!(heard.log[0].payload == payload(1, len), "{suite}, {len} octets out");

            let (mut world, [a, b]) = call([video(), video()]);
            world.secure(a, suite, Library::WebRtc);
            let mut packet = PacketBuf::copy_of(&packet(99, 1, len)).unwrap();
            assert!(world.peer_mut(a).protector.as_mut().unwrap().rtp(&mut packet));
            let bytes = packet.bytes().to_vec();
            give(&mut world, a, &bytes);
            assert!(world.peer(b).heard.log[0].payload == payload(1, len), "{suite}, {len} octets in");
            assert_eq!(world.leg_statistics(a).received.dropped.total(), 0);
        }
    }
}

/// A whole engine on loopback: what comes to one leg goes out of the other.
#[test]
fn an_engine_relays_what_the_interface_takes() {
    let (engine, _events) = builder("127.9.7.1", 24_900..=24_919).build().unwrap();
    let call = engine.create_call(CallSpec::default()).unwrap();
    let phones = [0, 1].map(|_| {
        let socket = UdpSocket::bind("127.9.7.2:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket
    });
    let legs = [0, 1].map(|of: usize| {
        let rtp = phones[of].local_addr().unwrap();
        let config = LegConfig { remote: Some(RemoteAddress { rtp, rtcp: None }), ..stereo() };
        let (leg, outcome) = call.open_leg(&Placement::default(), config).unwrap();
        outcome.wait().unwrap();
        leg
    });
    call.set_source(legs[1].id, Source::Leg(legs[0].id)).unwrap().wait().unwrap();
    let to: SocketAddr = legs[0].rtp;
    let mut got = vec![0; 65_536];
    for (n, len) in (0..).zip([160, 1972, 1973, STEREO, 9000, 30_000, LONGEST]) {
        phones[0].send_to(&packet(10, n, len), to).unwrap();
        let (octets, from) = phones[1].recv_from(&mut got).unwrap();
        assert_eq!((octets, from), (12 + len, legs[1].rtp));
        assert!(RtpView::parse(&got[..octets]).unwrap().payload() == payload(n, len), "{len} octets");
    }
    let statistics = call.statistics().unwrap().wait().unwrap();
    assert_eq!(statistics.legs[0].received.packets, 7);
    assert_eq!(engine.load().workers.iter().map(|worker| worker.dropped).sum::<u64>(), 0);
}
