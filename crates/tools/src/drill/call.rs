//! Calls of two parties, set up over the control port as a proxy would, without phones: what they send is the drill's.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use mediapoint_caller::Codec;
use mediapoint_caller::ng::{Command, Reply};
use mediapoint_caller::sdes::{Crypto, Suite};
use mediapoint_caller::sdp::{Coding, Description, Direction, Format, Transport};

use super::DrillError;

/// The suite of SRTP legs, the most common one.
const SUITE: Suite = Suite::AesCm128Sha80;

/// What a call is. The caller always speaks PCMU over RTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The callee does the same.
    Relay,
    /// The callee speaks PCMU over SRTP.
    Srtp,
    /// The callee speaks G.729.
    Transcoded,
}

/// Names of a call and its parties.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) id: String,
    pub(super) from: String,
    pub(super) to: String,
}

impl Names {
    pub(super) fn new(drill: &str, number: u64) -> Self {
        Self {
            id: format!("{drill}-{}-{number}", std::process::id()),
            from: format!("from-{number}"),
            to: format!("to-{number}"),
        }
    }

    /// Ends the call at once.
    pub(super) fn delete(&self) -> Command {
        Command::new("delete").text("call-id", &self.id).text("from-tag", &self.from)
    }

    /// Asks for its figures.
    pub(super) fn query(&self) -> Command {
        Command::new("query").text("call-id", &self.id)
    }
}

/// Sockets of a party, for RTP and for RTCP.
#[derive(Debug)]
pub(super) struct Party {
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
    at: [SocketAddr; 2],
}

impl Party {
    /// On ports that the system chooses; its sockets wait for nothing.
    pub(super) fn new() -> Result<Self, DrillError> {
        Self::at(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    fn at(address: IpAddr) -> Result<Self, DrillError> {
        let socket = || {
            let socket = UdpSocket::bind((address, 0))?;
            socket.set_nonblocking(true)?;
            let at = socket.local_addr()?;
            Ok::<_, std::io::Error>((socket, at))
        };
        let ((rtp, rtp_at), (rtcp, rtcp_at)) = (socket()?, socket()?);
        Ok(Self { rtp, rtcp, at: [rtp_at, rtcp_at] })
    }

    /// What it offers or answers.
    pub(super) fn describe(&self, format: Format, crypto: Option<Crypto>) -> Description {
        let [rtp, rtcp] = self.at;
        Description {
            rtp,
            rtcp,
            rtcp_mux: false,
            transport: if crypto.is_some() { Transport::Savp } else { Transport::Avp },
            formats: vec![format],
            crypto: crypto.into_iter().collect(),
            direction: Direction::SendRecv,
            session: (u64::from(rtp.port()), 1),
        }
    }

    /// Throws away what has come.
    pub(super) fn drain(&self) {
        let mut buffer = [0; 2048];
        while self.rtp.recv(&mut buffer).is_ok() {}
        while self.rtcp.recv(&mut buffer).is_ok() {}
    }
}

/// Where a party sends to, with RTCP.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remote {
    pub(super) rtp: SocketAddr,
    pub(super) rtcp: SocketAddr,
}

impl Remote {
    fn of(description: &Description) -> Self {
        Self { rtp: description.rtp, rtcp: description.rtcp }
    }
}

/// Offers and answers, each request by `ask`, and gives where the caller sends to, and the callee.
pub(super) fn set_up(
    names: &Names,
    kind: Kind,
    [caller, callee]: [&Party; 2],
    mut ask: impl FnMut(&Command) -> Result<Reply, DrillError>,
) -> Result<[Remote; 2], DrillError> {
    let offer = caller.describe(Format::audio(Codec::Pcmu), None).to_sdp();
    let to_callee = described(&ask(&flags(kind, Command::offer(&names.id, &names.from, &offer)))?)?;
    let codec = if kind == Kind::Transcoded { Codec::G729 } else { Codec::Pcmu };
    let offered = to_callee.formats.iter().find(|format| format.coding == Coding::Audio(codec));
    let format = *offered.ok_or(DrillError::Lacking("the callee's codec"))?;
    let crypto = match kind {
        Kind::Relay | Kind::Transcoded => None,
        Kind::Srtp => {
            let theirs = to_callee.crypto.iter().find(|crypto| crypto.suite == SUITE);
            Some(Crypto::random(theirs.ok_or(DrillError::Lacking("a key"))?.tag, SUITE))
        }
    };
    let answer = callee.describe(format, crypto).to_sdp();
    let to_caller = described(&ask(&Command::answer(&names.id, &names.from, &names.to, &answer))?)?;
    Ok([Remote::of(&to_caller), Remote::of(&to_callee)])
}

fn flags(kind: Kind, offer: Command) -> Command {
    let offer = offer.text("ICE", "remove").list("replace", &["origin"]);
    match kind {
        Kind::Relay => offer,
        Kind::Srtp => offer.text("transport-protocol", "RTP/SAVP").text("DTLS", "off"),
        Kind::Transcoded => offer.codec("mask", &["PCMU"]).codec("transcode", &[Codec::G729.name()]),
    }
}

fn described(reply: &Reply) -> Result<Description, DrillError> {
    Ok(Description::parse(reply.text("sdp").ok_or(DrillError::Lacking("sdp"))?)?)
}
