//! What a party floods a leg with is cut to what its media can need, and what goes round in a loop through another server is
//! cut off; both are told, and neither costs anybody else a packet.

#![expect(clippy::expect_used, reason = "helpers of the tests: what is missing fails them")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_engine::session::Session;
use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::{CallId, EndReason, Event, LegConfig, LegId, LegKind, RemoteAddress, Source};
use mediapoint_packet::Time;
use mediapoint_packet::rtp::{PayloadType, RtpHeader, RtpTicks, Seq, Ssrc};
use mediapoint_testkit::{Outbox, PeerId, Random, World, audio, leg_ports, pcmu, rtcp_port, rtp_port};

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn packet(sequence: u16, payload: &[u8]) -> Vec<u8> {
    let header = RtpHeader {
        marker: false,
        payload_type: PayloadType::PCMU,
        sequence: Seq(sequence),
        timestamp: RtpTicks(u32::from(sequence) * 160),
        ssrc: Ssrc(0xf100d),
    };
    let mut packet = vec![0; 12];
    header.write(&mut packet).expect("room");
    packet.extend_from_slice(payload);
    packet
}

fn call(world: &mut World) -> (PeerId, PeerId) {
    let call = world.add_call();
    let [a, b] = [(); 2].map(|()| world.add_peer(call, audio([pcmu()])));
    world.connect(a, b);
    (a, b)
}

fn floods(world: &World) -> usize {
    world.events.iter().filter(|(_, event)| matches!(event, Event::Flood { .. })).count()
}

#[test]
fn a_party_that_floods_its_leg_is_passed_on_at_the_rate_of_its_media() {
    let mut world = World::new(4);
    let (a, b) = call(&mut world);
    let (c, d) = call(&mut world);
    for party in [b, c, d] {
        world.start(party);
    }
    let (key, from) = (rtp_port(world.peer(a).slot), world.peer(a).address);
    // 20,000 a second for five seconds.
    for n in 0..100_000_u32 {
        let sequence = u16::try_from(n & 0xffff).expect("16 bits");
        let payload: Vec<u8> = (0..160_u32).map(|at| (n.wrapping_mul(at + 3) >> 3 & 0xff) as u8).collect();
        world.inject(key, from, &packet(sequence, &payload));
        world.run_for(Duration::from_micros(50));
    }
    let passed = world.peer(b).heard.packets;
    assert!((1900..2300).contains(&passed), "{passed} packets passed on in 5 s");
    assert_eq!(floods(&world), 1, "told once");
    let dropped = world.leg_statistics(a).received.dropped;
    assert!(dropped.flood > 97_000, "{dropped:?}");
    for party in [c, d] {
        assert!(world.peer(party).heard.packets > 245);
        assert_eq!(world.peer(party).heard.missing(), 0, "another call");
    }
    // And its other direction.
    assert_eq!(world.peer(a).heard.missing(), 0);
}

#[test]
fn a_flood_of_strangers_takes_nothing_from_the_party() {
    let mut world = World::new(5);
    let (a, b) = call(&mut world);
    // Behind NAT, so that a stranger is not refused by its address alone.
    let private = RemoteAddress { rtp: address("192.168.1.2:4000"), rtcp: None };
    world.reinvite(a, |config| config.remote = Some(private));
    world.start(a);
    world.start(b);
    world.run_for(Duration::from_secs(1));
    let key = rtp_port(world.peer(a).slot);
    let mut random = Random::new(1);
    for n in 0..50_000_u32 {
        let sequence = u16::try_from(n & 0xffff).expect("16 bits");
        let from = SocketAddr::new(address("203.0.113.9:1").ip(), random.next_u16() | 1);
        world.inject(key, from, &packet(sequence, &[7; 160]));
        world.run_for(Duration::from_micros(100));
    }
    let tag = world.peer(a).tag;
    assert!(world.peer(b).heard.packets_from(tag) >= 294, "all but what it was learnt by");
    assert_eq!(world.peer(b).heard.unmarked, 0);
}

/// A report from any port of the party's host does not draw the engine's reports there.
#[test]
fn reports_go_where_the_party_is_and_not_where_somebody_on_its_host_asks_for_them() {
    let mut world = World::new(6);
    let (a, b) = call(&mut world);
    for party in [a, b] {
        world.peer_mut(party).reports_every = None;
        world.start(party);
    }
    world.run_for(Duration::from_secs(1));
    let other = SocketAddr::new(world.peer(a).address.ip(), 9999);
    let slot = world.peer(a).slot;
    // Of another SSRC: who does not receive the party's stream does not know its.
    let forged = [0x80, 201, 0, 1, 1, 2, 3, 4];
    for _ in 0..60 {
        for key in [rtp_port(slot), rtcp_port(slot)] {
            world.inject(key, other, &forged);
        }
        world.run_for(Duration::from_secs(1));
    }
    assert!(!world.sent_to(other));
    assert!(world.peer(a).heard.compounds >= 8, "{}", world.peer(a).heard.compounds);
    // Of the party's SSRC: behind NAT the port of RTCP is any.
    let ssrc = world.peer(a).stream.ssrc.0.to_be_bytes();
    let own = [&[0x80, 201, 0, 1], &ssrc[..]].concat();
    world.inject(rtcp_port(slot), other, &own);
    world.run_for(Duration::from_secs(20));
    assert!(world.sent_to(other));
}

#[test]
fn reports_stay_where_the_party_sent_its_own_from() {
    let mut world = World::new(7);
    let (a, b) = call(&mut world);
    world.peer_mut(a).reports_every = Some(Duration::from_secs(1));
    world.start(a);
    world.start(b);
    world.run_for(Duration::from_secs(5));
    // From now on it would not take back what another took.
    world.peer_mut(a).reports_every = None;
    let other = SocketAddr::new(world.peer(a).address.ip(), 9999);
    // It has seen the party's packets, so that it knows the SSRC.
    let ssrc = world.peer(a).stream.ssrc.0.to_be_bytes();
    let forged = [&[0x80, 201, 0, 1], &ssrc[..]].concat();
    let slot = world.peer(a).slot;
    for _ in 0..20 {
        world.inject(rtcp_port(slot), other, &forged);
        world.run_for(Duration::from_secs(1));
    }
    assert!(!world.sent_to(other));
    assert!(world.peer(a).heard.compounds >= 3, "{}", world.peer(a).heard.compounds);
}

/// A call whose legs are connected by another server: what goes out at the second comes in at the first again.
struct Loop {
    session: Session,
    out: Outbox,
    now: Time,
    under_way: VecDeque<(Time, Vec<u8>)>,
    sequence: u16,
    /// How many packets come back for one that is sent.
    copies: usize,
    round: Duration,
}

const CALL: u64 = 1;
const SERVER: &str = "192.0.2.200:5000";

impl Loop {
    fn new(kind: LegKind, copies: usize, round: Duration) -> Self {
        let mut session = Session::new(mediapoint_engine::session::SessionConfig {
            max_legs: 8,
            media_timeout: Duration::from_secs(60),
            hold_timeout: Duration::from_secs(600),
            seed: [7; 32],
            wall_at_zero: Duration::from_secs(1_760_000_000),
            remotes: Default::default(),
            kernel_forwarding: false,
        });
        let mut out = Outbox::new(4096);
        let (now, call) = (Time::ZERO, CallId::from_u64(CALL));
        session.add_call(now, call).expect("room");
        for leg in [1, 2] {
            let rtp = SocketAddr::new(address(SERVER).ip(), 5000 + u16::from(leg == 2) * 2);
            let remote = Some(RemoteAddress { rtp, rtcp: None });
            let config = Box::new(LegConfig { kind, remote, generate_rtcp: false, ..audio([pcmu()]) });
            let (id, ports) = (LegId::from_u64(leg), leg_ports(u32::try_from(leg).expect("a number")));
            session.apply(now, call, CallCommand::AddLeg { leg: id, config, ports }, &mut out).expect("room");
        }
        for (leg, from) in [(1, 2), (2, 1)] {
            let set = CallCommand::SetSource {
                leg: LegId::from_u64(leg),
                source: Source::Leg(LegId::from_u64(from)),
            };
            session.apply(now, call, set, &mut out).expect("both legs");
        }
        Self { session, out, now, under_way: VecDeque::new(), sequence: 0, copies, round }
    }

    /// What is sent within a time.
    fn run(&mut self, seconds: u64) -> usize {
        let (end, mut sent) = (self.now + Duration::from_secs(seconds), 0);
        while self.now < end {
            self.now = self.now + Duration::from_millis(1);
            self.session.handle_timeouts(self.now, &mut self.out);
            while self.under_way.front().is_some_and(|(at, _)| *at <= self.now) {
                let Some((_, payload)) = self.under_way.pop_front() else { break };
                self.sequence = self.sequence.wrapping_add(1);
                self.give(&payload);
            }
            for sending in std::mem::take(&mut self.out.sent) {
                sent += 1;
                let payload = sending.packet.bytes().get(12..).unwrap_or_default().to_vec();
                mediapoint_engine::session::Output::give(&mut self.out, sending.packet);
                for _ in 0..self.copies {
                    if self.under_way.len() < 20_000 {
                        self.under_way.push_back((self.now + self.round, payload.clone()));
                    }
                }
            }
        }
        sent
    }

    fn give(&mut self, payload: &[u8]) {
        use mediapoint_engine::session::Output as _;
        let Some(mut buffer) = self.out.take() else { return };
        buffer.fill(&packet(self.sequence, payload));
        self.session.handle_datagram(self.now, rtp_port(1), address(SERVER), buffer, &mut self.out);
    }

    fn inject(&mut self, packets: u32) {
        let mut random = Random::new(3);
        for n in 0..packets {
            let payload: Vec<u8> = (0..160).map(|_| random.next_u16().to_be_bytes()[0]).collect();
            self.under_way.push_back((self.now + Duration::from_millis(u64::from(n) * 20), payload));
        }
    }

    fn cuts(&self) -> usize {
        self.out.events.iter().filter(|event| matches!(event, Event::LoopCut { .. })).count()
    }
}

#[test]
fn a_loop_that_multiplies_ends_within_seconds() {
    for kind in [LegKind::Audio, LegKind::OpaqueRtp] {
        let mut circle = Loop::new(kind, 2, Duration::from_millis(40));
        circle.inject(50);
        let sent = circle.run(10);
        assert_eq!(circle.cuts(), 1, "{kind:?}");
        assert!(sent < 60_000, "{kind:?}: {sent}");
        assert_eq!(circle.run(10), 0, "{kind:?}: nothing goes round any more");
    }
}

#[test]
fn a_loop_that_only_goes_on_ends_and_so_does_its_call() {
    let mut circle = Loop::new(LegKind::Audio, 1, Duration::from_millis(1000));
    circle.inject(50);
    circle.run(50);
    assert_eq!(circle.cuts(), 0);
    assert!(circle.run(1) > 40, "it goes round");
    circle.run(30);
    assert_eq!(circle.cuts(), 1);
    assert_eq!(circle.run(5), 0);
    circle.run(60);
    let ended = circle.out.events.iter().find_map(|event| match event {
        Event::CallEnded { reason, .. } => Some(*reason),
        _ => None,
    });
    assert_eq!(ended, Some(EndReason::MediaTimeout));
}
