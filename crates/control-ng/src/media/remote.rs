//! The remote description of one media section: what a party's SDP says of its own side.

use std::net::{IpAddr, SocketAddr};

use mediapoint_engine::{LegKind, RemoteAddress};
use mediapoint_packet::sdp::{Connection, Direction, MediaSection, Sdp};
use mediapoint_srtp::sdes::CryptoAttribute;

use super::codecs::{self, CodecLine};
use crate::request::{Options, Profile};
use crate::{KeyFault, NgError};

/// Most `a=crypto` lines looked at in one section.
const MAX_CRYPTO: usize = 32;
/// The port of a party that does not know its own yet [RFC8840 4.1].
const NO_PORT_YET: u16 = 9;

/// One media section, read.
#[derive(Debug, Clone)]
pub(crate) struct RemoteDescription {
    /// How it can be carried; `None` where it cannot.
    pub(crate) kind: Option<LegKind>,
    /// `audio`, `video`, ...
    pub(crate) media: String,
    /// The protocol as written.
    pub(crate) proto: String,
    pub(crate) profile: Option<Profile>,
    /// Port 0.
    pub(crate) disabled: bool,
    /// Where the party is; `None` where it withholds its address, or does not know it yet.
    pub(crate) address: Option<RemoteAddress>,
    /// The host that the signalling came from, where the controller says so.
    pub(crate) signalling_source: Option<IpAddr>,
    /// The address that the section's `c=` names, for its family.
    pub(crate) host: Option<IpAddr>,
    /// The address is zero: hold as of before RFC 3264.
    pub(crate) zero: bool,
    /// Which way the party wants media, a zero address taken into account.
    pub(crate) direction: Direction,
    pub(crate) mux: bool,
    pub(crate) codecs: Vec<CodecLine>,
    /// Milliseconds of audio a packet that the party would like.
    pub(crate) ptime: Option<u32>,
    /// The most milliseconds of audio a packet that it takes.
    pub(crate) maxptime: Option<u32>,
    /// The `a=crypto` lines that can be used, in order.
    pub(crate) crypto: Vec<CryptoAttribute>,
    /// Why the last unusable `a=crypto` line is.
    pub(crate) crypto_fault: Option<KeyFault>,
    pub(crate) mid: Option<Vec<u8>>,
}

/// Where a section's party is; `None` where the section is refused, cannot be carried, or withholds the address.
///
/// # Errors
/// [`NgError`] where a section in use names no address, or a host name.
pub(crate) fn remote_address(
    sdp: &Sdp,
    index: usize,
    section: &MediaSection,
    options: &Options,
) -> Result<Option<RemoteAddress>, NgError> {
    let line = section.media();
    if section.is_rejected() || kind_of(&line.media, &line.proto, Profile::parse(&line.proto)).is_none() {
        return Ok(None);
    }
    Ok(Address::read(index, section, sdp.connection_of(section), options)?.remote)
}

impl RemoteDescription {
    /// Reads a section.
    ///
    /// # Errors
    /// [`NgError`] where a section in use names no address, or a host name.
    pub(crate) fn read(
        sdp: &Sdp,
        index: usize,
        section: &MediaSection,
        options: &Options,
    ) -> Result<Self, NgError> {
        let line = section.media();
        let profile = Profile::parse(&line.proto);
        let kind = kind_of(&line.media, &line.proto, profile);
        let disabled = section.is_rejected();
        let connection = sdp.connection_of(section);
        let address = match (disabled, kind) {
            (false, Some(_)) => Address::read(index, section, connection, options)?,
            _ => Address::default(),
        };
        let mut direction = sdp.direction_of(section);
        if address.zero {
            direction = Direction::new(direction.sends(), false);
        }
        let (crypto, crypto_fault) = read_crypto(section, profile);
        // [RFC8643 3] Keys beside plain RTP offer SRTP, or take it.
        let profile = match profile {
            Some(plain) if !plain.secure && !crypto.is_empty() => Some(plain.opportunistic()),
            other => other,
        };
        Ok(Self {
            kind,
            media: line.media.to_ascii_lowercase(),
            proto: line.proto.clone(),
            profile,
            disabled,
            address: address.remote,
            signalling_source: options.received_from,
            host: connection.and_then(|c| c.ip()).or(address.remote.map(|remote| remote.rtp.ip())),
            zero: address.zero,
            direction,
            mux: section.body.has_attribute("rtcp-mux") || section.body.has_attribute("rtcp-mux-only"),
            codecs: if profile.is_some() { codecs::read(section) } else { Vec::new() },
            // Packets of nothing are asked for by some, and mean that nothing is asked for.
            ptime: section.body.ptime().filter(|ms| *ms > 0),
            maxptime: section.body.maxptime().filter(|ms| *ms > 0),
            crypto,
            crypto_fault,
            mid: section.body.attribute_bytes("mid").map(<[u8]>::to_vec),
        })
    }

    /// True where the section is wanted and can be carried.
    pub(crate) fn is_usable(&self) -> bool {
        !self.disabled && self.kind.is_some() && !self.lacks_key() && !self.lacks_codec()
    }

    /// True where the section is wanted, and left to the parties: messages go from one to the other over a connection of
    /// their own, and name their way by themselves [RFC4975 8].
    pub(crate) fn is_passed(&self) -> bool {
        !self.disabled && self.kind.is_none() && self.media == "message"
    }

    /// True for audio of which no payload type is a number.
    fn lacks_codec(&self) -> bool {
        self.kind == Some(LegKind::Audio) && self.codecs.is_empty()
    }

    /// True where the profile is SRTP and there is no key that can be used.
    pub(crate) fn lacks_key(&self) -> bool {
        self.is_secure() && self.crypto.is_empty()
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.profile.is_some_and(|profile| profile.secure)
    }

    /// Why it cannot be carried, where it is wanted.
    pub(crate) fn fault(&self) -> Option<NgError> {
        if self.disabled || self.is_usable() || self.is_passed() {
            return None;
        }
        let is_dtls = self.proto.to_ascii_uppercase().starts_with("UDP/TLS/RTP/");
        Some(match self.crypto_fault {
            _ if is_dtls => NgError::UnusableKey(KeyFault::Dtls),
            fault if self.lacks_key() => NgError::UnusableKey(fault.unwrap_or(KeyFault::None)),
            _ if self.lacks_codec() => NgError::NoCodec,
            _ => NgError::Unsupported { what: format!("media {} over {}", self.media, self.proto) },
        })
    }
}

fn kind_of(media: &str, proto: &str, profile: Option<Profile>) -> Option<LegKind> {
    let proto = proto.to_ascii_lowercase();
    match (profile, media.to_ascii_lowercase().as_str()) {
        (Some(_), "audio") => Some(LegKind::Audio),
        (Some(_), _) => Some(LegKind::OpaqueRtp),
        // [RFC7345 3] What is no RTP is carried as it is, under the keys of the parties, if any.
        (None, _) if is_datagrams(&proto) => Some(LegKind::Datagrams),
        (None, _) => None,
    }
}

/// True for protocols over UDP that are no RTP. Data channels (`UDP/DTLS/SCTP`) come with ICE only, which ends here.
fn is_datagrams(proto: &str) -> bool {
    matches!(proto, "udptl" | "udp/bfcp" | "udp" | "udp/tls/udptl" | "udp/tls/bfcp")
}

#[derive(Default)]
struct Address {
    remote: Option<RemoteAddress>,
    zero: bool,
}

impl Address {
    fn read(
        index: usize,
        section: &MediaSection,
        connection: Option<Connection<'_>>,
        options: &Options,
    ) -> Result<Self, NgError> {
        let source = options.received_from.filter(|_| options.trust_address == Some(false));
        let Some(connection) = connection else { return Err(NgError::NoConnection { section: index + 1 }) };
        let port = section.media().port;
        if connection.is_zero() {
            // With the port that nobody listens on it is no hold: candidates are to follow [RFC8840 4.1].
            return Ok(Self { remote: None, zero: port != NO_PORT_YET });
        }
        // Resolving a name takes seconds, which the thread that reads messages does not have.
        let Some(host) = source.or(connection.ip()) else {
            return Err(NgError::HostName { section: index + 1, name: connection.host.to_owned() });
        };
        let rtcp = section.body.rtcp().filter(|rtcp| rtcp.port != 0).map(|rtcp| {
            let other = rtcp.connection.and_then(|c| c.ip()).filter(|_| source.is_none());
            SocketAddr::new(other.filter(|ip| !ip.is_unspecified()).unwrap_or(host), rtcp.port)
        });
        let rtp = SocketAddr::new(host, port);
        Ok(Self { remote: Some(RemoteAddress { rtp, rtcp }), zero: false })
    }
}

fn read_crypto(section: &MediaSection, profile: Option<Profile>) -> (Vec<CryptoAttribute>, Option<KeyFault>) {
    let mut lines = Vec::new();
    let mut fault = None;
    for value in section.body.attributes("crypto").take(MAX_CRYPTO) {
        match CryptoAttribute::parse(value) {
            Err(error) => fault = Some(KeyFault::Sdes(error)),
            Ok(line) if line.unsupported_param().is_some() => fault = Some(KeyFault::Parameter),
            Ok(line) if line.keys.len() > 1 => fault = Some(KeyFault::SeveralKeys),
            Ok(line) => lines.push(line),
        }
    }
    if fault.is_none() && lines.is_empty() && section.body.has_attribute("fingerprint") {
        fault = Some(KeyFault::Dtls);
    }
    // Keys beside what is no RTP mean nothing here.
    if profile.is_some() { (lines, fault) } else { (Vec::new(), fault) }
}
