//! What is forged: names that nobody has, messages that are none, connections that never finish theirs.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use mediapoint_caller::ng::Command;
use socket2::{Domain, Socket, Type};

use crate::drill::random::Random;
use crate::drill::rtp;

/// Connections from one source: more than a server takes of one.
const OF_ONE_SOURCE: u16 = 40;
/// What a connection announces, and what it sends of that.
const ANNOUNCED: usize = 200_000;
const SENT: usize = 64_000;

/// An RTP packet with an SSRC, a sequence number and a timestamp of its own; on a leg with keys it is not authentic.
pub(super) fn packet(random: &mut Random) -> Vec<u8> {
    let mut packet = rtp::packet(0, 0, 0, rtp::PAYLOAD);
    let [a, b, ..] = random.next().to_be_bytes();
    rtp::stamp(&mut packet, u16::from_be_bytes([a, b]), random.u32(), random.u32());
    packet
}

/// A request with forged names: for `known`, a call that there is, for one that there is not, or for `crowded`, to which parties
/// are added until it takes no more.
pub(super) fn command(random: &mut Random, known: &str, crowded: &str) -> Command {
    let len = random.pick(16, [64, 900]);
    let (id, tag, other) = (random.text(len), random.text(len), random.text(16));
    let named = |command, id: &str| {
        Command::new(command).text("call-id", id).text("from-tag", &tag).text("to-tag", &other)
    };
    match random.below(13) {
        0 => Command::new("ping"),
        1 => named("query", &id),
        2 => named("query", known),
        3 => named("answer", &id).text("sdp", SDP),
        4 => named("answer", known).text("sdp", SDP),
        5 => named("delete", &id).int("delete-delay", 3600),
        6 => named("delete", known).int("delete-delay", 3600),
        7 => named("unsubscribe", known),
        8 => named("connect", &id).text("to-call-id", known),
        9 => named("subscribe answer", known).text("sdp", SDP),
        10 => named("offer", crowded).text("sdp", &SDP.replace("224.0.0.1", "127.0.0.1")),
        // A call that comes to nothing, since no media can be sent there.
        11 => named("offer", &id).text("sdp", SDP),
        _ => named("offer", &id).text("sdp", &random.text(300)),
    }
}

/// Media to where none is sent.
const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 224.0.0.1\r\ns=-\r\nc=IN IP4 224.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

/// Bytes that have no cookie: media, or one that is too long.
pub(super) fn no_message(random: &mut Random) -> Vec<u8> {
    if random.percent(50) { packet(random) } else { (random.text(100) + " d7:command4:pinge").into_bytes() }
}

/// Connections that have sent half a message.
pub(super) struct Connections(Vec<TcpStream>);

impl Connections {
    /// So many, from as many sources as it takes. Those that the server closes at once count as well.
    pub(super) fn open(server: SocketAddr, count: u16) -> io::Result<Self> {
        let open = |number: u16| {
            let [high, low] = (number / OF_ONE_SOURCE).to_be_bytes();
            let source = Ipv4Addr::new(127, 1, high, low.saturating_add(1));
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.bind(&SocketAddr::from((source, 0)).into())?;
            socket.connect(&server.into())?;
            let mut stream = TcpStream::from(socket);
            stream.set_nonblocking(true)?;
            let begun = format!("half_{number} d3:sdp{ANNOUNCED}:");
            // One that is refused is closed by now, and takes nothing.
            let _ = stream.write(begun.as_bytes()).and_then(|_| stream.write(&[b'x'; SENT]));
            Ok(stream)
        };
        (0..count).map(open).collect::<io::Result<_>>().map(Self)
    }

    pub(super) fn len(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }
}
