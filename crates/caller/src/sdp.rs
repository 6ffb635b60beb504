//! The session descriptions a softphone writes, and the little it reads of a peer's: `c=`, the first live
//! audio `m=`, `a=rtpmap`, `a=rtcp`, `a=rtcp-mux`, `a=crypto` and the direction.
//!
//! One type serves both ways. Everything else in a peer's description is passed over.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use crate::codec::Codec;
use crate::sdes::Crypto;

/// Payload type of telephone-event where the peer has not chosen another.
pub const EVENT_PAYLOAD_TYPE: u8 = 101;

/// RTP profile of a media section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// `RTP/AVP` (RFC 3551).
    #[default]
    Avp,
    /// `RTP/AVPF` (RFC 4585).
    Avpf,
    /// `RTP/SAVP` (RFC 3711).
    Savp,
    /// `RTP/SAVPF` (RFC 5124).
    Savpf,
}

impl Transport {
    /// The token of the `m=` line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Avp => "RTP/AVP",
            Self::Avpf => "RTP/AVPF",
            Self::Savp => "RTP/SAVP",
            Self::Savpf => "RTP/SAVPF",
        }
    }

    /// True where media is SRTP.
    #[must_use]
    pub fn is_secure(self) -> bool {
        matches!(self, Self::Savp | Self::Savpf)
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Avp, Self::Avpf, Self::Savp, Self::Savpf].into_iter().find(|t| t.name() == name)
    }
}

/// Who sends, seen from the describing party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// The describing party only sends.
    SendOnly,
    /// The describing party only receives.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// The attribute's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// True where the describing party sends.
    #[must_use]
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// True where the describing party wants to receive.
    #[must_use]
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same as the other party would say it [RFC3264 6.1].
    #[must_use]
    pub fn mirrored(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            other => other,
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive]
            .into_iter()
            .find(|d| d.name() == name)
    }
}

/// A coding a phone understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// Audio.
    Audio(Codec),
    /// Telephone events (RFC 4733).
    Event,
}

impl Coding {
    fn map_name(self) -> &'static str {
        match self {
            Self::Audio(codec) => codec.map_name(),
            Self::Event => "telephone-event/8000",
        }
    }

    /// RTP clock in hertz.
    pub(crate) fn clock_rate(self) -> u32 {
        match self {
            Self::Audio(codec) => codec.clock_rate(),
            Self::Event => 8_000,
        }
    }

    fn from_map_name(name: &str) -> Option<Self> {
        let name = name.strip_suffix("/1").unwrap_or(name);
        Codec::ALL
            .into_iter()
            .map(Self::Audio)
            .chain([Self::Event])
            .find(|coding| coding.map_name().eq_ignore_ascii_case(name))
    }

    /// [RFC3551 6]
    fn of_static_type(payload_type: u8) -> Option<Self> {
        let fixed = |codec: &Codec| codec.payload_type() == payload_type && payload_type < 96;
        Codec::ALL.into_iter().find(fixed).map(Self::Audio)
    }

    /// What its `a=fmtp` line says.
    fn parameters(self) -> Option<&'static str> {
        match self {
            Self::Audio(codec) => codec.parameters(),
            Self::Event => Some("0-16"),
        }
    }
}

/// A payload type and what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// RTP payload type, 0 to 127.
    pub payload_type: u8,
    /// Its coding.
    pub coding: Coding,
}

impl Format {
    /// Audio under its static payload type, or the one that phones offer it under.
    #[must_use]
    pub fn audio(codec: Codec) -> Self {
        Self { payload_type: codec.payload_type(), coding: Coding::Audio(codec) }
    }

    /// Telephone events under `payload_type`.
    #[must_use]
    pub fn event(payload_type: u8) -> Self {
        Self { payload_type, coding: Coding::Event }
    }
}

/// One party's audio section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Where RTP is wanted.
    pub rtp: SocketAddr,
    /// Where RTCP is wanted; the RTP address where it is multiplexed.
    pub rtcp: SocketAddr,
    /// RTP and RTCP share a port (RFC 5761).
    pub rtcp_mux: bool,
    /// RTP profile.
    pub transport: Transport,
    /// Understood formats in order of preference.
    pub formats: Vec<Format>,
    /// Usable keys in order of preference.
    pub crypto: Vec<Crypto>,
    /// Who sends.
    pub direction: Direction,
    /// Session id and version of `o=`.
    pub session: (u64, u64),
}

/// Why a description cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// There is no `m=audio` line.
    #[error("session description has no audio section")]
    NoAudio,
    /// Every audio section has port 0.
    #[error("audio section was rejected with port 0")]
    Rejected,
    /// The `m=` line cannot be read.
    #[error("media line is malformed: {0}")]
    MediaLine(String),
    /// The profile is not RTP over UDP.
    #[error("transport {0} is not supported")]
    Transport(String),
    /// No address stands in a `c=` line of the session or the section.
    #[error("session description has no usable c= line")]
    NoAddress,
}

impl Description {
    /// Reads the first audio section whose port is not 0.
    ///
    /// # Errors
    /// Where there is none, or its `m=` or `c=` line is unusable. Attributes that cannot be read are
    /// passed over.
    pub fn parse(sdp: &str) -> Result<Self, SdpError> {
        let mut lines = sdp.lines().map(|line| line.trim_end_matches('\r'));
        let mut session = Vec::new();
        let mut sections: Vec<Vec<&str>> = Vec::new();
        for line in &mut lines {
            if line.starts_with("m=") {
                sections.push(vec![line]);
            } else if let Some(section) = sections.last_mut() {
                section.push(line);
            } else {
                session.push(line);
            }
        }
        let mut found = Err(SdpError::NoAudio);
        for section in sections {
            match section.split_first() {
                Some((media, lines)) if media.starts_with("m=audio ") => {
                    found = parse_section(&session, media, lines);
                    if found != Err(SdpError::Rejected) {
                        break;
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// The whole description, ready for an offer or an answer. It contains the keys.
    #[must_use]
    pub fn to_sdp(&self) -> String {
        let family = if self.rtp.is_ipv6() { "IP6" } else { "IP4" };
        let address = self.rtp.ip();
        let (id, version) = self.session;
        let types = self.formats.iter().map(|f| format!(" {}", f.payload_type)).collect::<String>();
        let mut sdp = format!(
            "v=0\r\no=- {id} {version} IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n\
             m=audio {} {}{types}\r\n",
            self.rtp.port(),
            self.transport.name()
        );
        for format in &self.formats {
            line(&mut sdp, format_args!("rtpmap:{} {}", format.payload_type, format.coding.map_name()));
            if let Some(parameters) = format.coding.parameters() {
                line(&mut sdp, format_args!("fmtp:{} {parameters}", format.payload_type));
            }
        }
        for crypto in &self.crypto {
            line(&mut sdp, format_args!("crypto:{}", crypto.line()));
        }
        if self.rtcp_mux {
            line(&mut sdp, format_args!("rtcp-mux"));
        } else {
            line(&mut sdp, format_args!("rtcp:{}", self.rtcp.port()));
        }
        line(&mut sdp, format_args!("ptime:20"));
        line(&mut sdp, format_args!("{}", self.direction.name()));
        sdp
    }

    /// The first audio format, if any.
    #[must_use]
    pub fn audio(&self) -> Option<(u8, Codec)> {
        self.formats.iter().find_map(|format| match format.coding {
            Coding::Audio(codec) => Some((format.payload_type, codec)),
            Coding::Event => None,
        })
    }

    /// The payload type of telephone-event, if any.
    #[must_use]
    pub fn event(&self) -> Option<u8> {
        self.formats.iter().find(|format| format.coding == Coding::Event).map(|format| format.payload_type)
    }
}

/// Adds one attribute line. Writing to a string cannot fail.
fn line(sdp: &mut String, attribute: std::fmt::Arguments<'_>) {
    let _ = write!(sdp, "a={attribute}\r\n");
}

fn parse_section(session: &[&str], media: &str, lines: &[&str]) -> Result<Description, SdpError> {
    let malformed = || SdpError::MediaLine(media.chars().take(80).collect());
    let mut words = media.split_ascii_whitespace().skip(1);
    let port: u16 = words
        .next()
        .and_then(|port| port.split('/').next())
        .and_then(|port| port.parse().ok())
        .ok_or_else(malformed)?;
    if port == 0 {
        return Err(SdpError::Rejected);
    }
    let transport = words.next().ok_or_else(malformed)?;
    let transport = Transport::from_name(transport).ok_or_else(|| SdpError::Transport(transport.into()))?;
    let attributes = || lines.iter().filter_map(|line| line.strip_prefix("a="));
    let formats = words.filter_map(|word| format_of(word.parse().ok()?, attributes())).collect();
    let address = lines.iter().chain(session).find_map(|line| connection(line)).ok_or(SdpError::NoAddress)?;
    let rtp = SocketAddr::new(address, port);
    let rtcp_mux = attributes().any(|attribute| attribute == "rtcp-mux");
    let rtcp = if rtcp_mux { rtp } else { rtcp_address(rtp, attributes()) };
    let crypto = attributes()
        .filter_map(|attribute| attribute.strip_prefix("crypto:"))
        .filter_map(|value| Crypto::parse(value).ok())
        .collect();
    let session_attributes = session.iter().filter_map(|line| line.strip_prefix("a="));
    let direction = attributes().chain(session_attributes).find_map(Direction::from_name).unwrap_or_default();
    let session = session.iter().find_map(|line| origin(line)).unwrap_or_default();
    Ok(Description { rtp, rtcp, rtcp_mux, transport, formats, crypto, direction, session })
}

fn format_of<'a>(payload_type: u8, attributes: impl Iterator<Item = &'a str>) -> Option<Format> {
    let mapped = attributes
        .filter_map(|attribute| attribute.strip_prefix("rtpmap:")?.split_once(' '))
        .find(|(number, _)| number.parse() == Ok(payload_type));
    let coding = match mapped {
        Some((_, name)) => Coding::from_map_name(name.trim()),
        None => Coding::of_static_type(payload_type),
    }?;
    Some(Format { payload_type, coding })
}

fn connection(line: &str) -> Option<IpAddr> {
    let mut words = line.strip_prefix("c=IN ")?.split_ascii_whitespace().skip(1);
    words.next()?.split('/').next()?.parse().ok()
}

fn origin(line: &str) -> Option<(u64, u64)> {
    let mut words = line.strip_prefix("o=")?.split_ascii_whitespace().skip(1);
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

/// `a=rtcp:53020 IN IP4 126.16.64.4` [RFC3605 2.1]; without it the port after RTP's [RFC3550 11].
fn rtcp_address<'a>(rtp: SocketAddr, mut attributes: impl Iterator<Item = &'a str>) -> SocketAddr {
    let default = SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1));
    attributes
        .find_map(|attribute| {
            let mut words = attribute.strip_prefix("rtcp:")?.split_ascii_whitespace();
            let port = words.next()?.parse().ok()?;
            let address = words.nth(2).and_then(|word| word.parse().ok()).unwrap_or(rtp.ip());
            Some(SocketAddr::new(address, port))
        })
        .unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdes::Suite;

    fn description() -> Description {
        Description {
            rtp: "127.0.0.1:4000".parse().unwrap(),
            rtcp: "127.0.0.1:4001".parse().unwrap(),
            rtcp_mux: false,
            transport: Transport::Savp,
            formats: Codec::ALL.map(Format::audio).into_iter().chain([Format::event(101)]).collect(),
            crypto: Suite::ALL.iter().zip(1..).map(|(suite, tag)| Crypto::random(tag, *suite)).collect(),
            direction: Direction::SendOnly,
            session: (17, 3),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut wanted = description();
        assert_eq!(Description::parse(&wanted.to_sdp()), Ok(wanted.clone()));
        wanted.rtcp_mux = true;
        wanted.rtp = "[::1]:5000".parse().unwrap();
        wanted.rtcp = wanted.rtp;
        assert_eq!(Description::parse(&wanted.to_sdp()), Ok(wanted));
    }

    // test-of: [RFC3605 2.1]
    #[test]
    fn the_section_overrides_the_session() {
        let sdp = "v=0\r\no=alice 5 6 IN IP4 10.0.0.9\r\nc=IN IP4 10.0.0.1\r\na=inactive\r\n\
                   m=video 900 RTP/AVP 96\r\nm=audio 0 RTP/AVP 0\r\n\
                   m=audio 49170 RTP/AVP 97 0 8\r\nc=IN IP4 10.0.0.2/127\r\na=rtpmap:97 iLBC/8000\r\n\
                   a=rtcp:53020 IN IP4 126.16.64.4\r\na=sendonly\r\n";
        let read = Description::parse(sdp).unwrap();
        assert_eq!(read.rtp, "10.0.0.2:49170".parse().unwrap());
        assert_eq!(read.rtcp, "126.16.64.4:53020".parse().unwrap());
        assert_eq!(read.formats, [Format::audio(Codec::Pcmu), Format::audio(Codec::Pcma)]);
        assert_eq!(read.direction, Direction::SendOnly);
        assert_eq!(read.session, (5, 6));
    }

    // test-of: [RFC3550 11]
    #[test]
    fn without_a_word_on_it_rtcp_is_on_the_next_port() {
        let read = Description::parse("c=IN IP6 ::1\nm=audio 4000 RTP/AVP 8\n").unwrap();
        assert_eq!((read.rtcp, read.rtcp_mux), ("[::1]:4001".parse().unwrap(), false));
    }

    // test-of: [RFC3264 6.1]
    #[test]
    fn a_direction_mirrored_lets_each_do_what_the_other_expects() {
        for direction in [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
        {
            let other = direction.mirrored();
            assert_eq!((other.sends(), other.receives()), (direction.receives(), direction.sends()));
        }
    }

    #[test]
    fn unusable_descriptions_say_why() {
        let parse = Description::parse;
        assert_eq!(parse("v=0\n"), Err(SdpError::NoAudio));
        assert_eq!(parse("c=IN IP4 1.2.3.4\nm=audio 0 RTP/AVP 0\n"), Err(SdpError::Rejected));
        assert_eq!(parse("m=audio 9 RTP/AVP 0\n"), Err(SdpError::NoAddress));
        assert_eq!(
            parse("m=audio 99999 RTP/AVP 0\n"),
            Err(SdpError::MediaLine("m=audio 99999 RTP/AVP 0".into()))
        );
        let dtls = "c=IN IP4 1.2.3.4\nm=audio 9 UDP/TLS/RTP/SAVPF 0\n";
        assert_eq!(parse(dtls), Err(SdpError::Transport("UDP/TLS/RTP/SAVPF".into())));
    }
}
