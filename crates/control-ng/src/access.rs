//! Which peers may speak to the control port.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};

/// An address prefix such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix {
    address: IpAddr,
    bits: u8,
}

/// A text that is no prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no address prefix such as 10.0.0.0/8")]
pub struct PrefixError {
    text: String,
}

impl Prefix {
    /// A prefix of `bits` bits; `None` where the address has fewer.
    #[must_use]
    pub fn new(address: IpAddr, bits: u8) -> Option<Self> {
        (bits <= width(address)).then_some(Self { address, bits })
    }

    /// True where `address` begins with this prefix. An IPv4 address mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= u32::from(self.bits)
            }
            _ => false,
        }
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    /// Reads `address/bits`, or an address alone for just that address.
    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let error = || PrefixError { text: text.chars().take(64).collect() };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().map_err(|_| error())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| error())?;
        Self::new(address, bits.unwrap_or(width(address))).ok_or_else(error)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// The prefixes that may speak; with none of them, only this machine may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList(Vec<Prefix>);

impl AllowList {
    /// A list of these prefixes.
    #[must_use]
    pub fn new(prefixes: Vec<Prefix>) -> Self {
        Self(prefixes)
    }

    /// True where no prefix was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True where a peer at `address` may speak.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        if self.0.is_empty() {
            return address.to_canonical().is_loopback();
        }
        self.0.iter().any(|prefix| prefix.contains(address))
    }
}

/// Whether a peer may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Allowed,
    /// It is not on the list.
    Stranger,
    /// It is a media port of this server: whoever sends to the other side of a call would speak through it.
    MediaPort,
}

/// Who may speak at the control ports. The listeners share it, and the list can change while they run.
#[derive(Debug, Default)]
pub struct Access {
    allow: RwLock<AllowList>,
    media_addresses: Vec<IpAddr>,
    media_ports: Option<RangeInclusive<u16>>,
}

impl Access {
    /// Access for the peers of this list.
    #[must_use]
    pub fn new(allow: AllowList) -> Self {
        Self { allow: RwLock::new(allow), media_addresses: Vec::new(), media_ports: None }
    }

    /// The same, for nobody at a media port of this server: one of these addresses with a port of this range.
    #[must_use]
    pub fn without_media(
        self,
        addresses: impl IntoIterator<Item = IpAddr>,
        ports: RangeInclusive<u16>,
    ) -> Self {
        let media_addresses = addresses.into_iter().map(|address| address.to_canonical()).collect();
        Self { media_addresses, media_ports: Some(ports), ..self }
    }

    /// Puts another list in place, for what comes from now on.
    pub fn set_allow(&self, allow: AllowList) {
        *self.allow.write().unwrap_or_else(PoisonError::into_inner) = allow;
    }

    /// True where the list has no prefix.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.allow.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Whether a peer at `from` may speak.
    #[must_use]
    pub fn verdict(&self, from: SocketAddr) -> Verdict {
        let is_media_port = self.media_ports.as_ref().is_some_and(|ports| ports.contains(&from.port()));
        if is_media_port && self.media_addresses.contains(&from.ip().to_canonical()) {
            return Verdict::MediaPort;
        }
        let allow = self.allow.read().unwrap_or_else(PoisonError::into_inner);
        if allow.allows(from.ip()) { Verdict::Allowed } else { Verdict::Stranger }
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(prefixes: &[&str], address: &str) -> bool {
        let list = prefixes.iter().map(|p| p.parse().unwrap()).collect();
        AllowList::new(list).allows(address.parse().unwrap())
    }

    #[test]
    fn prefixes_match_by_their_leading_bits() {
        assert!(allows(&["10.0.0.0/8"], "10.255.1.2"));
        assert!(!allows(&["10.0.0.0/8"], "11.0.0.1"));
        assert!(allows(&["192.0.2.128/25"], "192.0.2.200"));
        assert!(!allows(&["192.0.2.128/25"], "192.0.2.127"));
        assert!(allows(&["192.0.2.1"], "192.0.2.1"));
        assert!(!allows(&["192.0.2.1"], "192.0.2.2"));
        assert!(allows(&["0.0.0.0/0"], "203.0.113.9"));
        assert!(!allows(&["0.0.0.0/0"], "2001:db8::1"));
        assert!(allows(&["2001:db8::/32"], "2001:db8:ffff::1"));
        assert!(!allows(&["2001:db8::/32"], "2001:db9::1"));
        assert!(allows(&["127.0.0.0/8", "10.0.0.0/8"], "::ffff:10.1.1.1"));
    }

    #[test]
    fn without_prefixes_only_this_machine_may_speak() {
        assert!(allows(&[], "127.0.0.1") && allows(&[], "::1") && allows(&[], "::ffff:127.0.0.1"));
        assert!(!allows(&[], "192.0.2.1"));
        assert!(!allows(&["10.0.0.0/8"], "127.0.0.1"), "a given list is the whole list");
    }

    #[test]
    fn media_ports_of_this_server_may_not_speak_whatever_the_list_says() {
        let allow = AllowList::new(vec!["0.0.0.0/0".parse().unwrap()]);
        let access = Access::new(allow).without_media(["192.0.2.10".parse().unwrap()], 10_000..=10_999);
        let verdict = |from: &str| access.verdict(from.parse().unwrap());
        assert_eq!(verdict("192.0.2.10:10000"), Verdict::MediaPort);
        assert_eq!(verdict("[::ffff:192.0.2.10]:10999"), Verdict::MediaPort);
        assert_eq!(verdict("192.0.2.10:11000"), Verdict::Allowed);
        assert_eq!(verdict("192.0.2.11:10000"), Verdict::Allowed);
        access.set_allow(AllowList::default());
        assert_eq!(verdict("192.0.2.11:10000"), Verdict::Stranger);
        assert_eq!(verdict("127.0.0.1:10000"), Verdict::Allowed);
    }

    #[test]
    fn texts_that_are_no_prefix_are_refused() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "2001:db8::/129", "10.0.0.0/-1", "host"] {
            assert!(text.parse::<Prefix>().is_err(), "{text}");
        }
        assert_eq!("10.0.0.0/8".parse::<Prefix>().unwrap().to_string(), "10.0.0.0/8");
    }
}
