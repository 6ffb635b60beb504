//! Any datagrams at the sockets of a call that has a leg of every kind.
//!
//! The input is a list of packets: a byte that names the socket and the sender, a byte for the time that passes, a byte
//! for the length, and the bytes of the datagram. Legs come in pairs that hear each other; a pair at which no packet
//! arrives is not made, since making legs costs more than packets do.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a property fails by a panic")]

use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::session::port::{LegPorts, PortKey};
use mediapoint_engine::session::{Session, SessionConfig};
use mediapoint_engine::{
    CallId, Codec, LegConfig, LegId, LegKind, PayloadCodec, PayloadType, RemoteAddress, RtcpMode, Source,
    SrtpKeys,
};
use mediapoint_packet::Time;
use mediapoint_srtp::{MasterKey, Suite};
use mediapoint_testkit::Sink;

const BUFFERS: usize = 32;

fn party(number: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, number], 4000))
}

/// The first party speaks all there is, the second one codec: all others take the media path to it.
fn codecs(number: u8) -> Vec<PayloadCodec> {
    let entry = |number, codec| PayloadCodec::new(PayloadType::new(number).expect("a payload type"), codec);
    let events = entry(101, Codec::TELEPHONE_EVENT);
    if number == 1 {
        return vec![entry(8, Codec::PCMA), events];
    }
    vec![
        entry(0, Codec::PCMU),
        entry(9, Codec::G722),
        entry(13, Codec::new("CN", 8000, 1)),
        entry(18, Codec::G729),
        entry(96, Codec::OPUS),
        entry(97, Codec::new("L16", 16_000, 1)),
        entry(98, Codec::new("L16", 48_000, 1)),
        events,
    ]
}

fn config(number: u8, kind: LegKind) -> LegConfig {
    let keys = || {
        let key = MasterKey::new(
            Suite::ALL[0],
            &vec![number; Suite::ALL[0].master_key_len()],
            &[1; 14][..Suite::ALL[0].master_salt_len()],
        );
        key.ok().map(|key| SrtpKeys { inbound: Some(key.clone()), inbound_mki: None, outbound: key })
    };
    LegConfig {
        kind,
        codecs: codecs(number),
        remote: Some(RemoteAddress { rtp: party(number), rtcp: None }),
        rtcp: if number.is_multiple_of(2) { RtcpMode::Mux } else { RtcpMode::Separate },
        srtp: (number == 1 || number == 3).then(keys).flatten(),
        ..LegConfig::default()
    }
}

/// A packet of an input.
struct Arriving<'a> {
    socket: u8,
    passed: u8,
    datagram: &'a [u8],
}

impl Arriving<'_> {
    /// Which of so many legs it arrives at.
    fn leg(&self, legs: usize) -> usize {
        usize::from(self.socket >> 1) % legs
    }
}

fn packets(mut data: &[u8]) -> impl Iterator<Item = Arriving<'_>> {
    std::iter::from_fn(move || {
        let [socket, passed, len, rest @ ..] = data else { return None };
        let (datagram, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        data = rest;
        Some(Arriving { socket: *socket, passed: *passed, datagram })
    })
}

/// See the module.
pub fn engine(data: &[u8]) {
    let mut session = Session::new(SessionConfig {
        max_legs: 16,
        media_timeout: Duration::from_secs(60),
        hold_timeout: Duration::from_secs(60),
        seed: [1; 32],
        wall_at_zero: Duration::from_secs(1_700_000_000),
        remotes: Default::default(),
        kernel_forwarding: false,
    });
    let call = CallId::from_u64(1);
    let mut sink = Sink::new(BUFFERS);
    let buffers = sink.pool.available();
    session.add_call(Time::ZERO, call).expect("room");
    let kinds = [
        LegKind::Audio,
        LegKind::Audio,
        LegKind::OpaqueRtp,
        LegKind::OpaqueRtp,
        LegKind::Datagrams,
        LegKind::Datagrams,
    ];
    let legs: Vec<LegId> = (0..kinds.len() as u64).map(LegId::from_u64).collect();
    let used = |pair: usize| packets(data).any(|packet| packet.leg(legs.len()) / 2 == pair);
    let used: Vec<bool> = (0..legs.len() / 2).map(used).collect();
    for ((number, kind), leg) in
        (0_u8..).zip(kinds).zip(&legs).filter(|((number, _), _)| used[usize::from(*number / 2)])
    {
        let rtp = u32::from(number) * 2;
        let scope = mediapoint_engine::LocalScope::Global;
        let ports = LegPorts { rtp: PortKey(rtp), rtcp: Some(PortKey(rtp + 1)), scope };
        let add = CallCommand::AddLeg { leg: *leg, config: Box::new(config(number, kind)), ports };
        session.apply(Time::ZERO, call, add, &mut sink).expect("room");
    }
    for (pair, _) in legs.chunks(2).zip(&used).filter(|(_, used)| **used) {
        for (leg, from) in [(pair[0], pair[1]), (pair[1], pair[0])] {
            let feed = CallCommand::SetSource { leg, source: Source::Leg(from) };
            session.apply(Time::ZERO, call, feed, &mut sink).expect("a leg");
        }
    }
    let mut now = Time::ZERO;
    for arriving in packets(data) {
        let Arriving { socket, passed, datagram } = arriving;
        now = now + Duration::from_millis(u64::from(passed) * u64::from(passed));
        let mut packet = sink.pool.take().expect("no buffer was lost");
        packet.fill(datagram);
        let leg = u32::try_from(arriving.leg(legs.len())).expect("few legs");
        let key = PortKey(leg << 1 | u32::from(socket & 1));
        let from = if socket & 0x80 == 0 { party((socket >> 1) % 6) } else { party(99) };
        session.handle_datagram(now, key, from, packet, &mut sink);
        session.handle_timeouts(now, &mut sink);
        assert_eq!(sink.pool.available(), buffers, "a buffer was lost");
    }
    let _ = session.statistics(now, call, &mut sink);
}
