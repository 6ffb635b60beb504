//! Views of the `o=` and `c=` lines.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

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
        let known = match (family, address(host)) {
            (AddressFamily::Ip4, Some(address)) => address.is_ipv4(),
            (AddressFamily::Ip6, Some(_)) => host.contains(':'),
            (_, None) => is_host_name(host),
        };
        known.then_some(Self { family, host, suffix })
    }

    /// Refuses a `c=` line of network type IN that has no meaning. Other network types pass unread.
    pub(super) fn check(line: &Line) -> Result<(), ()> {
        let first = line.text().split_ascii_whitespace().next().unwrap_or_default();
        if first.is_empty() || (first.eq_ignore_ascii_case("IN") && Connection::parse(line).is_none()) {
            return Err(());
        }
        Ok(())
    }

    /// The address; `None` where the line has a host name. An IPv4 address mapped into IPv6 is the IPv4 address.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        address(self.host)
    }

    /// True for `0.0.0.0` and `::`, the old way to hold a stream [RFC3264 8.4].
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.ip().is_some_and(|ip| ip.is_unspecified())
    }

    /// A `c=` line for an address.
    #[must_use]
    pub fn line(address: IpAddr) -> Line {
        Line::new('c', format!("IN {} {address}", AddressFamily::of(address)))
    }
}

/// Reads an address as endpoints write it: IPv4 with zeros in front of its octets, which are decimal all the same
/// [RFC8866 9], IPv6 in brackets or not. An IPv4 address mapped into IPv6 is the IPv4 address [RFC4291 2.5.5.2].
pub(super) fn address(text: &str) -> Option<IpAddr> {
    if let Some(address) = ip4(text) {
        return Some(IpAddr::V4(address));
    }
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    inner.contains(':').then(|| inner.parse().ok().map(|address: IpAddr| address.to_canonical()))?
}

/// Four decimal octets of one to three digits.
fn ip4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = text.split('.').map(|octet| {
        let is_number = (1..=3).contains(&octet.len()) && octet.bytes().all(|digit| digit.is_ascii_digit());
        octet.parse::<u8>().ok().filter(|_| is_number)
    });
    let mut next = || octets.next().flatten();
    let address = [next()?, next()?, next()?, next()?];
    octets.next().is_none().then(|| address.into())
}

/// A domain name, and not an address that failed to parse.
fn is_host_name(host: &str) -> bool {
    host.len() <= 255
        && host.starts_with(|c: char| c.is_ascii_alphanumeric())
        && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
        && host.chars().any(|c| c.is_ascii_alphabetic())
}

/// An `o=` line [RFC8866 5.2], as bytes: user names are in any character set, and numbers of more than 64 bits are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// User name, `-` where there is none.
    pub username: &'a [u8],
    /// Session id.
    pub session_id: &'a [u8],
    /// Session version.
    pub version: &'a [u8],
    /// Network type, in practice `IN`.
    pub network: &'a [u8],
    /// Address type: `IP4` or `IP6`.
    pub family: &'a [u8],
    /// Address or host name.
    pub address: &'a [u8],
}

impl<'a> Origin<'a> {
    /// Reads an `o=` line. Words are counted from the address type, and where there is none from the end: endpoints send
    /// user names with blanks, user names of no characters, and words behind the address, which are passed over.
    #[must_use]
    pub fn parse(line: &'a Line) -> Option<Self> {
        if line.kind() != b'o' {
            return None;
        }
        let value = line.value().trim_ascii();
        Self::around_family(value).or_else(|| Self::from_end(value))
    }

    /// The five words around the last address type, and what stands before them.
    fn around_family(value: &'a [u8]) -> Option<Self> {
        let mut rest = value;
        let mut address = None;
        while let Some(word) = last_word(&mut rest) {
            let is_family = word.eq_ignore_ascii_case(b"IP4") || word.eq_ignore_ascii_case(b"IP6");
            if let Some(address) = address.filter(|_| is_family) {
                let (network, version) = (last_word(&mut rest)?, last_word(&mut rest)?);
                let session_id = last_word(&mut rest)?;
                return Some(Self { username: rest, session_id, version, network, family: word, address });
            }
            address = Some(word);
        }
        None
    }

    fn from_end(value: &'a [u8]) -> Option<Self> {
        let mut rest = value;
        let mut word = || last_word(&mut rest);
        let (address, family, network) = (word()?, word()?, word()?);
        let (version, session_id) = (word()?, word()?);
        (!rest.is_empty()).then_some(Self { username: rest, session_id, version, network, family, address })
    }

    /// The line with these values.
    #[must_use]
    pub fn line(&self) -> Line {
        let Self { username, session_id, version, network, family, address } = self;
        Line::new('o', [*username, session_id, version, network, family, address].join(&b' '))
    }
}

/// Takes the last word off; `None` where there is none.
fn last_word<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let start = rest.iter().rposition(u8::is_ascii_whitespace).map_or(0, |at| at + 1);
    let (before, word) = rest.split_at_checked(start)?;
    *rest = before.trim_ascii_end();
    (!word.is_empty()).then_some(word)
}
