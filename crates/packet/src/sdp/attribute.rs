//! Views of the attributes that an RTP relay reads.

use std::net::IpAddr;

use super::{Connection, Line, types};

/// Which way media flows, seen from who wrote the description [RFC8866 6.7].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// The writer only sends.
    SendOnly,
    /// The writer only receives.
    RecvOnly,
    /// Neither; RTCP still flows.
    Inactive,
}

impl Direction {
    /// A direction from its two parts.
    #[must_use]
    pub const fn new(send: bool, recv: bool) -> Self {
        match (send, recv) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// The direction that an `a=` line states.
    #[must_use]
    pub fn of_line(line: &Line) -> Option<Self> {
        Some(match line.attribute_name()? {
            b"sendrecv" => Self::SendRecv,
            b"sendonly" => Self::SendOnly,
            b"recvonly" => Self::RecvOnly,
            b"inactive" => Self::Inactive,
            _ => return None,
        })
    }

    /// The attribute's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The writer sends.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// The writer receives.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same flow seen from the other side.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self::new(self.receives(), self.sends())
    }
}

/// The value of an `a=rtpmap` line [RFC8866 6.6].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpMap<'a> {
    /// RTP payload type, 0 to 127.
    pub payload_type: u8,
    /// Encoding name, as written; names do not depend on case.
    pub encoding: &'a str,
    /// Clock rate in hertz.
    pub clock_rate: u32,
    /// Encoding parameters: for audio the number of channels.
    pub parameters: Option<&'a str>,
}

impl<'a> RtpMap<'a> {
    /// Reads `0 PCMU/8000` or `111 opus/48000/2`.
    #[must_use]
    pub fn parse(value: &'a str) -> Option<Self> {
        let (number, coding) = value.split_once(|c: char| c.is_ascii_whitespace())?;
        let payload_type = number.parse().ok().filter(|pt| *pt < 128)?;
        let mut parts = coding.trim_ascii().splitn(3, '/');
        let encoding = parts.next().filter(|name| !name.is_empty())?;
        let clock_rate = whole_number(parts.next()?)?;
        Some(Self { payload_type, encoding, clock_rate, parameters: parts.next() })
    }

    /// The number of channels, 1 where the line names none.
    #[must_use]
    pub fn channels(&self) -> u32 {
        self.parameters.and_then(whole_number).unwrap_or(1)
    }
}

/// The value of an `a=fmtp` line [RFC8866 6.15].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fmtp<'a> {
    /// The format, for RTP a payload type.
    pub format: &'a str,
    /// What the format takes it to mean.
    pub parameters: &'a str,
}

impl<'a> Fmtp<'a> {
    /// Reads `101 0-15`.
    #[must_use]
    pub fn parse(value: &'a str) -> Option<Self> {
        let (format, parameters) = value.split_once(|c: char| c.is_ascii_whitespace())?;
        Some(Self { format, parameters: parameters.trim_ascii() })
    }
}

/// The value of an `a=rtcp` line [RFC3605 2.1].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtcpAttribute<'a> {
    /// RTCP port.
    pub port: u16,
    /// RTCP address, where it is not that of the media.
    pub connection: Option<Connection<'a>>,
}

impl<'a> RtcpAttribute<'a> {
    /// Reads `53020` or `53020 IN IP4 192.0.2.1`. An address that cannot be read counts as none.
    #[must_use]
    pub fn parse(value: &'a str) -> Option<Self> {
        let (port, address) = value.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((value, ""));
        Some(Self { port: port.parse().ok()?, connection: Connection::parse_words(address) })
    }
}

/// The parts of an `a=candidate` line that a relay may want to see [RFC8839 5.1].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// 1 for RTP, 2 for RTCP.
    pub component: u16,
    /// `UDP` or `TCP`, as written.
    pub transport: &'a str,
    /// Candidate address; `None` for a host name.
    pub address: Option<IpAddr>,
    /// Candidate port.
    pub port: u16,
    /// `host`, `srflx`, `prflx` or `relay`.
    pub kind: &'a str,
}

impl<'a> Candidate<'a> {
    /// Reads `1 1 UDP 2130706431 192.0.2.1 8998 typ host`.
    #[must_use]
    pub fn parse(value: &'a str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace().skip(1);
        let component = words.next()?.parse().ok()?;
        let transport = words.next()?;
        let address = types::address(words.nth(1)?);
        let port = words.next()?.parse().ok()?;
        if words.next()? != "typ" {
            return None;
        }
        Some(Self { component, transport, address, port, kind: words.next()? })
    }
}

/// The digits at the start of a word: endpoints write `20.0`, `20ms` and `8000 `.
pub(super) fn whole_number(text: &str) -> Option<u32> {
    let text = text.trim_ascii();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}
