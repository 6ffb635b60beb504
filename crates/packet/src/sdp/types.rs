//! Views of the `o=` and `c=` lines.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Line;

/// The address families that SDP names [RFC8866 5.7].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressFamily {
    /// IPv4.
    Ip4,
    /// IPv6.
    Ip6,
}

impl AddressFamily {
    /// Reads `IP4` or `IP6`; the case does not matter [RFC8866 9].
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        if word.eq_ignore_ascii_case("IP4") {
            Some(Self::Ip4)
        } else if word.eq_ignore_ascii_case("IP6") {
            Some(Self::Ip6)
        } else {
            None
        }
    }

    /// The family of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::Ip4 } else { Self::Ip6 }
    }
}

impl fmt::Display for AddressFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ip4 => "IP4",
            Self::Ip6 => "IP6",
        })
    }
}

/// A `c=` line of network type IN [RFC8866 5.7], or the address part of an `a=rtcp` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection<'a> {
    /// The family the line names.
    pub family: AddressFamily,
    /// The address or host name, without time-to-live and count.
    pub host: &'a str,
    /// What follows the address: `127` or `127/3` of a multicast group.
    pub suffix: Option<&'a str>,
}

impl<'a> Connection<'a> {
    /// Reads a `c=` line; `None` where it is of another network type or malformed.
    #[must_use]
    pub fn parse(line: &'a Line) -> Option<Self> {
        if line.kind() != b'c' {
            return None;
        }
        Self::parse_words(line.text())
    }

    /// Reads `IN IP4 192.0.2.1`.
    pub(super) fn parse_words(text: &'a str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        if !words.next()?.eq_ignore_ascii_case("IN") {
            return None;
        }
        let family = AddressFamily::parse(words.next()?)?;
        let (host, suffix) = match words.next()?.split_once('/') {
            Some((host, suffix)) => (host, Some(suffix)),
            None => (text.split_ascii_whitespace().nth(2)?, None),
        };
        let known = match family {
            AddressFamily::Ip4 => host.parse::<Ipv4Addr>().is_ok(),
            AddressFamily::Ip6 => host.parse::<Ipv6Addr>().is_ok(),
        };
        (known || is_host_name(host)).then_some(Self { family, host, suffix })
    }

    /// Refuses a `c=` line of network type IN that has no meaning. Other network types pass unread.
    pub(super) fn check(line: &Line) -> Result<(), ()> {
        let first = line.text().split_ascii_whitespace().next().unwrap_or_default();
        if first.is_empty() || (first.eq_ignore_ascii_case("IN") && Connection::parse(line).is_none()) {
            return Err(());
        }
        Ok(())
    }

    /// The address; `None` where the line has a host name.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// True for `0.0.0.0` and `::`, the old way to hold a stream [RFC3264 8.4].
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.ip().is_some_and(|ip| ip.is_unspecified())
    }

    /// A `c=` line for an address.
    #[must_use]
    pub fn line(address: IpAddr) -> Line {
        Line::new('c', &format!("IN {} {address}", AddressFamily::of(address)))
    }
}

/// A domain name, and not an address that failed to parse.
fn is_host_name(host: &str) -> bool {
    host.len() <= 255
        && host.starts_with(|c: char| c.is_ascii_alphanumeric())
        && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
        && host.chars().any(|c| c.is_ascii_alphabetic())
}

/// An `o=` line [RFC8866 5.2]. Numbers stay text: endpoints send ones of more than 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// User name, `-` where there is none.
    pub username: &'a str,
    /// Session id.
    pub session_id: &'a str,
    /// Session version.
    pub version: &'a str,
    /// Network type, in practice `IN`.
    pub network: &'a str,
    /// Address type: `IP4` or `IP6`.
    pub family: &'a str,
    /// Address or host name.
    pub address: &'a str,
}

impl<'a> Origin<'a> {
    /// Reads an `o=` line. The last five words count from the end: endpoints send user names with blanks.
    #[must_use]
    pub fn parse(line: &'a Line) -> Option<Self> {
        if line.kind() != b'o' {
            return None;
        }
        let mut rest = line.text();
        let mut word = || {
            let (before, last) = rest.rsplit_once(|c: char| c.is_ascii_whitespace())?;
            rest = before.trim_ascii_end();
            Some(last)
        };
        let (address, family, network) = (word()?, word()?, word()?);
        let (version, session_id) = (word()?, word()?);
        (!rest.is_empty()).then_some(Self { username: rest, session_id, version, network, family, address })
    }

    /// The line with these values.
    #[must_use]
    pub fn line(&self) -> Line {
        let Self { username, session_id, version, network, family, address } = self;
        Line::new('o', &format!("{username} {session_id} {version} {network} {family} {address}"))
    }
}
