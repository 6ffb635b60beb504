//! ZRTP between two parties on plain RTP [RFC6189]: its messages pass as they are, and once the parties have keys, so do
//! their RTP and RTCP. Where the engine has to read or to convert, the messages are dropped, counted, and the reason is
//! reported once.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of the tests: what is missing fails them"
)]

use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::session::port::PortKey;
use mediapoint_engine::{Direction, Dropped, Event, EventPolicy, LegConfig, LegKind, TapSide, ZrtpObstacle};
use mediapoint_packet::PacketBuf;
use mediapoint_packet::rtp::{RtpHeader, RtpTicks, RtpView, Seq, Ssrc};
use mediapoint_srtp::Suite;
use mediapoint_testkit::{
    Library, PeerId, World, audio, codec, pcma, pcmu, rtcp_port, rtp_port, telephone_event,
};

const SSRC: [u32; 2] = [0xaaaa_0001, 0xbbbb_0002];

/// A message of that kind, of the stream with that SSRC.
fn zrtp(kind: &[u8; 8], ssrc: u32) -> Vec<u8> {
    let mut bytes = vec![0x10, 0, 0, 7];
    bytes.extend_from_slice(b"ZRTP");
    bytes.extend_from_slice(&ssrc.to_be_bytes());
    bytes.extend_from_slice(&[0x50, 0x5a, 0, 22]);
    bytes.extend_from_slice(kind);
    bytes.resize(12 + 22 * 4 + 4, 0x3c);
    bytes
}

/// RTP of PCMU as SRTP leaves it: a header that is authenticated, then what nobody between can read.
fn encrypted(ssrc: u32, n: u16) -> Vec<u8> {
    let header = RtpHeader {
        marker: n.is_multiple_of(7),
        payload_type: mediapoint_packet::rtp::PayloadType::PCMU,
        sequence: Seq(n.wrapping_add(60_000)),
        timestamp: RtpTicks(u32::from(n) * 160 + 77),
        ssrc: Ssrc(ssrc),
    };
    let mut bytes = vec![0; 12];
    header.write(&mut bytes).unwrap();
    bytes.extend((0..170_u16).map(|at| u8::try_from((at * 31 + n * 7) & 0xff).unwrap()));
    bytes
}

/// A sender report with all behind its header encrypted, an index and a tag.
fn encrypted_report(ssrc: u32) -> Vec<u8> {
    let mut bytes = vec![0x80, 200, 0, 6];
    bytes.extend_from_slice(&ssrc.to_be_bytes());
    bytes.resize(28 + 24 + 14, 0xa7);
    bytes
}

/// Two parties whose packets are made by hand, and what the engine sends them.
struct Scene {
    world: World,
    parties: [PeerId; 2],
}

impl Scene {
    fn new(legs: [LegConfig; 2]) -> Self {
        let mut world = World::new(11);
        let call = world.add_call();
        let parties = legs.map(|leg| world.add_peer(call, leg));
        world.connect(parties[0], parties[1]);
        Self { world, parties }
    }

    fn address(&self, of: usize) -> SocketAddr {
        self.world.peer(self.parties[of]).address
    }

    /// Hands in a datagram of a party; what goes out for it, and where to.
    fn send(&mut self, of: usize, bytes: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
        self.send_from(of, self.address(of), bytes)
    }

    fn send_from(&mut self, of: usize, from: SocketAddr, bytes: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
        let key = rtp_port(self.world.peer(self.parties[of]).slot);
        self.give(key, from, bytes)
    }

    fn give(&mut self, key: PortKey, from: SocketAddr, bytes: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
        let packet = PacketBuf::copy_of(bytes).unwrap();
        self.world.run_for(Duration::from_millis(20));
        self.world.with_session(|session, now, out| {
            session.handle_datagram(now, key, from, packet, out);
            out.sent.iter().map(|sent| (sent.to, sent.packet.bytes().to_vec())).collect()
        })
    }

    /// Sends a packet of a party, which must reach the other one as it is.
    fn passes(&mut self, of: usize, bytes: &[u8]) {
        let to = self.address(1 - of);
        assert_eq!(self.send(of, bytes), [(to, bytes.to_vec())]);
    }

    /// Sends RTP of a party, which must reach the other one under an SSRC of the engine's.
    fn is_rewritten(&mut self, of: usize, n: u16) -> (Ssrc, Seq) {
        let ssrc = SSRC[of];
        let sent = self.send(of, &encrypted(ssrc, n));
        assert_eq!(sent.len(), 1);
        let view = RtpView::parse(&sent[0].1).unwrap();
        assert_ne!(view.ssrc(), Ssrc(ssrc));
        (view.ssrc(), view.sequence())
    }

    /// From the first message of each to the keys.
    fn exchange_keys(&mut self) {
        for (of, kind) in [
            (0, b"Hello   "),
            (1, b"HelloACK"),
            (1, b"Hello   "),
            (0, b"HelloACK"),
            (0, b"Commit  "),
            (1, b"DHPart1 "),
            (0, b"DHPart2 "),
            (1, b"Confirm1"),
            (0, b"Confirm2"),
            (1, b"Conf2ACK"),
        ] {
            self.passes(of, &zrtp(kind, SSRC[of]));
        }
    }

    fn refused(&self) -> Vec<(usize, ZrtpObstacle)> {
        let of = |leg| self.parties.iter().position(|party| self.world.peer(*party).leg == leg).unwrap();
        let why = |event: &Event| match event {
            Event::ZrtpRefused { leg, why, .. } => Some((of(*leg), *why)),
            _ => None,
        };
        self.world.events.iter().filter_map(|(_, event)| why(event)).collect()
    }

    fn dropped(&self, of: usize) -> Dropped {
        self.world.leg_statistics(self.parties[of]).received.dropped
    }
}

fn plain() -> LegConfig {
    audio([pcmu(), telephone_event(101)])
}

// test-of: [RFC6189 4.6] [RFC6189 4.7.2] [RFC6189 5]
#[test]
fn messages_pass_as_they_are_and_the_media_once_there_are_keys() {
    let mut scene = Scene::new([plain(), plain()]);
    let before = [scene.is_rewritten(0, 0), scene.is_rewritten(1, 0)];
    scene.exchange_keys();
    for n in 1..50 {
        for of in [0, 1] {
            scene.passes(of, &encrypted(SSRC[of], n));
        }
    }
    for of in [0, 1] {
        assert_eq!(scene.dropped(of).total(), 0);
        assert_eq!(scene.world.leg_statistics(scene.parties[of]).received.packets, 50);
        assert_eq!(scene.world.leg_statistics(scene.parties[of]).sent.packets, 50);
        // The report goes to the other party's port for reports.
        let key = rtcp_port(scene.world.peer(scene.parties[of]).slot);
        let report = encrypted_report(SSRC[of]);
        let from = scene.world.peer(scene.parties[of]).rtcp_address;
        let to = scene.world.peer(scene.parties[1 - of]).rtcp_address;
        assert_eq!(scene.give(key, from, &report), [(to, report)]);
    }
    // Back to the clear the stream of the engine goes on where it was.
    for (of, kind) in [(0, b"GoClear "), (1, b"ClearACK")] {
        scene.passes(of, &zrtp(kind, SSRC[of]));
    }
    for of in [0, 1] {
        let (ssrc, sequence) = scene.is_rewritten(of, 50);
        assert_eq!((ssrc, sequence), (before[of].0, before[of].1.wrapping_add(1)));
    }
    assert_eq!(scene.refused(), []);
}

#[test]
fn video_passes_too() {
    let video = || LegConfig { kind: LegKind::OpaqueRtp, ..LegConfig::default() };
    let mut scene = Scene::new([video(), video()]);
    scene.exchange_keys();
    scene.passes(0, &encrypted(SSRC[0], 1));
    let key = rtcp_port(scene.world.peer(scene.parties[0]).slot);
    let (from, to) =
        (scene.world.peer(scene.parties[0]).rtcp_address, scene.world.peer(scene.parties[1]).rtcp_address);
    let report = encrypted_report(SSRC[0]);
    assert_eq!(scene.give(key, from, &report), [(to, report)]);
}

#[test]
fn a_message_teaches_the_latch_nothing() {
    let mut scene = Scene::new([plain(), plain()]);
    let stranger = SocketAddr::new([198, 51, 100, 9].into(), 4000);
    let hello = zrtp(b"Hello   ", SSRC[0]);
    // Another port of the party's host would be learnt from RTP.
    let beside = SocketAddr::new(scene.address(0).ip(), scene.address(0).port() + 40);
    for from in [stranger, beside] {
        for _ in 0..10 {
            assert_eq!(scene.send_from(0, from, &hello), []);
        }
    }
    assert_eq!(scene.dropped(0).foreign_source, 20);
    assert_eq!(scene.world.leg_statistics(scene.parties[0]).learnt, None);
    scene.passes(0, &hello);
    assert_eq!(scene.world.leg_statistics(scene.parties[0]).learnt, None, "not from the party either");
    scene.is_rewritten(0, 1);
    assert_eq!(scene.world.leg_statistics(scene.parties[0]).learnt, Some(scene.address(0)));
    assert_eq!(scene.send_from(0, stranger, &hello), []);
    scene.passes(0, &hello);
}

#[test]
fn a_flood_of_messages_is_cut() {
    let mut scene = Scene::new([plain(), plain()]);
    let (key, from) = (rtp_port(scene.world.peer(scene.parties[0]).slot), scene.address(0));
    for _ in 0..2000 {
        scene.world.inject(key, from, &zrtp(b"Hello   ", SSRC[0]));
    }
    assert_eq!(scene.dropped(0).flood, 1800, "400 a second, in bursts of half a second");
}

/// What only looks as ZRTP is of no protocol that passes.
#[test]
fn other_datagrams_of_its_first_byte_are_dropped() {
    let mut scene = Scene::new([plain(), plain()]);
    let mut other = zrtp(b"Hello   ", SSRC[0]);
    other[7] = b'Q';
    assert_eq!(scene.send(0, &other), []);
    assert_eq!(scene.dropped(0).other_protocol, 1);
    scene.world.reinvite(scene.parties[0], |config| config.direction = Direction::SendOnly);
    assert_eq!(scene.send(0, &zrtp(b"Hello   ", SSRC[0])), []);
    assert_eq!(scene.dropped(0).on_hold, 1);
}

#[test]
fn where_it_cannot_pass_the_reason_is_reported_once() {
    let opus = codec(111, "opus", 48_000);
    let renumbered = || audio([pcmu(), telephone_event(96)]);
    let always = LegConfig { force_transcode: true, ..plain() };
    let blocks = LegConfig { events: EventPolicy::Block, ..plain() };
    for (legs, why) in [
        ([plain(), audio([pcma(), telephone_event(101)])], ZrtpObstacle::Converted),
        ([plain(), audio([opus, telephone_event(101)])], ZrtpObstacle::Converted),
        ([plain(), renumbered()], ZrtpObstacle::Converted),
        ([plain(), always], ZrtpObstacle::Converted),
        ([blocks, plain()], ZrtpObstacle::Converted),
    ] {
        let mut scene = Scene::new(legs);
        check_refused(&mut scene, why);
    }
    for secured in [0, 1] {
        let mut scene = Scene::new([plain(), plain()]);
        let party = scene.parties[secured];
        scene.world.secure(party, Suite::ALL[0], Library::WebRtc);
        check_refused(&mut scene, ZrtpObstacle::Srtp);
    }
    for tapped in [0, 1] {
        let mut scene = Scene::new([plain(), plain()]);
        let party = scene.parties[tapped];
        let _ring = scene.world.tap_audio(party, TapSide::Both, 8000, 64);
        check_refused(&mut scene, ZrtpObstacle::Tapped);
        let mut scene = Scene::new([plain(), plain()]);
        let _keys = scene.world.tap_keys(scene.parties[tapped]);
        check_refused(&mut scene, ZrtpObstacle::Tapped);
    }
    let mut scene = Scene::new([plain(), plain()]);
    scene.world.set_source(scene.parties[0], None);
    check_refused(&mut scene, ZrtpObstacle::NotPaired);
}

fn check_refused(scene: &mut Scene, why: ZrtpObstacle) {
    for of in [0, 1] {
        for _ in 0..3 {
            assert_eq!(scene.send(of, &zrtp(b"Hello   ", SSRC[of])), [], "{why}");
        }
        assert_eq!((scene.dropped(of).zrtp, scene.dropped(of).total()), (3, 3), "{why}");
    }
    assert_eq!(scene.refused(), [(0, why), (1, why)], "{why}");
}

/// A tap that comes later ends it: the media are rewritten, and pass untouched again when the tap is gone.
#[test]
fn a_tap_comes_and_goes() {
    let mut scene = Scene::new([plain(), plain()]);
    scene.exchange_keys();
    scene.passes(0, &encrypted(SSRC[0], 0));
    let (tap, _ring) = scene.world.tap_audio(scene.parties[1], TapSide::Both, 8000, 64);
    scene.is_rewritten(0, 1);
    assert_eq!(scene.send(0, &zrtp(b"Ping    ", SSRC[0])), []);
    assert_eq!(scene.refused(), [(0, ZrtpObstacle::Tapped)]);
    let call = scene.world.peer(scene.parties[0]).call;
    scene.world.apply(call, CallCommand::RemoveTap { tap }).unwrap();
    scene.passes(0, &encrypted(SSRC[0], 2));
    assert_eq!(scene.refused().len(), 1);
}

/// The keys outlive a hold with music, during which the one party hears what nobody encrypts.
#[test]
fn keys_outlive_a_hold() {
    let mut scene = Scene::new([plain(), plain()]);
    scene.exchange_keys();
    let source = scene.world.source_of(scene.parties[0]);
    scene.world.set_source(scene.parties[1], None);
    assert_eq!(scene.send(0, &encrypted(SSRC[0], 1)), []);
    scene.world.feed(scene.parties[1], source);
    scene.passes(0, &encrypted(SSRC[0], 2));
    scene.passes(1, &encrypted(SSRC[1], 2));
}
