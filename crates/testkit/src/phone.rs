//! Phones on real loopback sockets, for the tests of threads and sockets. They wait for packets, events and conditions,
//! each with a deadline; nothing sleeps. What cannot be done on a healthy machine fails the test by a panic.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper of tests fails as a test does"
)]

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::mark::Mark;
use mediapoint_engine::{
    Call, CallId, Codec, Engine, EngineBuilder, Event, EventReceiver, Interface, LegConfig, OpenedLeg,
    PayloadCodec, PayloadType, Placement, RemoteAddress,
};
use mediapoint_packet::rtp::{RtpHeader, RtpTicks, RtpView, Seq, Ssrc};

/// How long anything that must happen may take on a machine under load.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// An engine on a loopback address of the test's own, so that its ports are nobody else's.
#[must_use]
pub fn builder(address: &str, ports: std::ops::RangeInclusive<u16>) -> EngineBuilder {
    Engine::builder().interface(Interface::new("default", address.parse().unwrap())).ports(ports).pin(false)
}

/// A leg that speaks PCMU.
#[must_use]
pub fn pcmu_leg() -> LegConfig {
    LegConfig {
        codecs: vec![PayloadCodec::new(PayloadType::PCMU, Codec::PCMU)],
        // Tests wait for packets, not for time.
        max_packet_rate: Some(1_000_000),
        ..LegConfig::default()
    }
}

/// Waits until a condition holds.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::yield_now();
    }
}

/// Waits for an event that fits; others are passed over.
#[track_caller]
pub fn wait_for<T>(events: &EventReceiver, what: &str, mut fits: impl FnMut(&Event) -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let event = events.recv_timeout(left).unwrap_or_else(|| panic!("no event: {what}"));
        if let Some(found) = fits(&event) {
            return found;
        }
    }
}

/// One party: a socket, and the leg it talks to.
#[derive(Debug)]
pub struct Phone {
    /// Where it hears and speaks.
    pub socket: UdpSocket,
    /// What it talks to.
    pub leg: OpenedLeg,
    /// The port above, where its reports come: another phone's there would take them for media.
    _rtcp: UdpSocket,
    tag: u8,
    next: u32,
}

impl Phone {
    /// A phone on a new leg of `call`; `tag` marks its audio.
    #[must_use]
    pub fn new(call: &Call, tag: u8) -> Self {
        let pair = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let mut above = socket.local_addr().unwrap();
            above.set_port(above.port().checked_add(1)?);
            Some((socket, UdpSocket::bind(above).ok()?))
        };
        // What others took is passed over.
        let (socket, rtcp) = (0..100).find_map(|_| pair()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let rtp = socket.local_addr().unwrap();
        let config = LegConfig { remote: Some(RemoteAddress { rtp, rtcp: None }), ..pcmu_leg() };
        let (leg, _) = call.open_leg(&Placement::default(), config).unwrap();
        Self { socket, leg, _rtcp: rtcp, tag, next: 0 }
    }

    /// Sends the next packet.
    pub fn speak(&mut self) {
        let mut packet = [0x2a; 172];
        let header = RtpHeader {
            marker: self.next == 0,
            payload_type: PayloadType::PCMU,
            sequence: Seq(u16::try_from(self.next & 0xffff).unwrap()),
            timestamp: RtpTicks(self.next * 160),
            ssrc: Ssrc(u32::from(self.tag) + 1),
        };
        header.write(&mut packet).unwrap();
        Mark { tag: self.tag, number: self.next }.write(packet.get_mut(12..).unwrap());
        self.socket.send_to(&packet, self.leg.rtp).unwrap();
        self.next += 1;
    }

    /// Waits for the next packet: its sequence number and mark; `None` where none comes within the patience.
    #[must_use]
    pub fn hear(&self) -> Option<(Seq, Mark)> {
        let mut buffer = [0; 2048];
        let (len, from) = self.socket.recv_from(&mut buffer).ok()?;
        assert_eq!(from, self.leg.rtp, "media comes from the leg's own port");
        let view = RtpView::parse(buffer.get(..len).unwrap()).unwrap();
        Some((view.sequence(), Mark::read(view.payload()).unwrap()))
    }
}

/// A call of two phones.
#[derive(Debug)]
pub struct Pair {
    /// The call.
    pub call: Call,
    /// One phone.
    pub a: Phone,
    /// The other.
    pub b: Phone,
    heard: [Option<(Seq, u32)>; 2],
}

impl Pair {
    /// A call whose phones hear each other; they are marked `tag` and the number after it.
    #[must_use]
    pub fn new(engine: &Engine, tag: u8) -> Self {
        Self::on(engine.create_call(mediapoint_engine::CallSpec::default()).unwrap(), tag)
    }

    /// The same in a call that has been admitted.
    #[must_use]
    pub fn on(call: Call, tag: u8) -> Self {
        let (a, b) = (Phone::new(&call, tag), Phone::new(&call, tag + 1));
        call.connect(a.leg.id, b.leg.id).unwrap().wait().unwrap();
        Self { call, a, b, heard: [None; 2] }
    }

    /// The call's name.
    #[must_use]
    pub fn id(&self) -> CallId {
        self.call.id()
    }

    /// All ports of its legs.
    #[must_use]
    pub fn ports(&self) -> [SocketAddr; 4] {
        let [a, b] = [self.a.leg, self.b.leg];
        [a.rtp, a.rtcp.unwrap(), b.rtp, b.rtcp.unwrap()]
    }

    /// A packet each way, heard as the very next one of its stream.
    #[track_caller]
    pub fn exchange(&mut self) {
        self.a.speak();
        self.b.speak();
        for (heard, (from, to)) in self.heard.iter_mut().zip([(&self.a, &self.b), (&self.b, &self.a)]) {
            let (sequence, mark) = to.hear().expect("a packet");
            assert_eq!(mark.tag, from.tag);
            if let Some((before, number)) = *heard {
                assert_eq!(
                    (sequence, mark.number),
                    (before.wrapping_add(1), number + 1),
                    "a packet was lost"
                );
            }
            *heard = Some((sequence, mark.number));
        }
    }
}
