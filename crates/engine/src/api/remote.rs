//! Which remote addresses media may be sent to. Signalling names them, and whoever can place a call writes signalling: without a
//! rule, media would be a way to every UDP service that the machine can reach, its own control port first.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;

pub use ipnet::IpNet;

use crate::api::error::CommandError;
use crate::api::leg::RemoteAddress;

/// Why media may not be sent to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ForbiddenRemote {
    /// Port 0.
    NoPort,
    /// An address and port of the engine's own, or of the program that embeds it.
    Own,
    /// In a network that the configuration denies.
    Denied,
    /// `0.0.0.0/8` or `::`.
    Unspecified,
    /// A loopback address, of a leg that is not on one itself.
    Loopback,
    /// A multicast address.
    Multicast,
    /// The broadcast address.
    Broadcast,
    /// A link-local address, of a leg that is not on one itself.
    LinkLocal,
}

impl std::fmt::Display for ForbiddenRemote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoPort => "it has port 0",
            Self::Own => "it is an address of this server itself",
            Self::Denied => "its network is denied",
            Self::Unspecified => "it is unspecified",
            Self::Loopback => "it is a loopback address",
            Self::Multicast => "it is a multicast address",
            Self::Broadcast => "it is the broadcast address",
            Self::LinkLocal => "it is a link-local address",
        })
    }
}

/// Where a leg's own address lies, as far as it decides about its remote address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LocalScope {
    /// Anywhere else.
    #[default]
    Global,
    /// On a link-local address: link-local parties are its neighbours.
    LinkLocal,
    /// On a loopback address: parties on this machine are all it can reach.
    Loopback,
}

impl LocalScope {
    /// The scope of a local address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match kind_of(address) {
            Some(ForbiddenRemote::Loopback) => Self::Loopback,
            Some(ForbiddenRemote::LinkLocal) => Self::LinkLocal,
            _ => Self::Global,
        }
    }
}

/// Which remote addresses media may be sent to and learnt.
///
/// In this order: port 0 and the own addresses are refused; what is allowed by network is accepted; what is denied by network
/// is refused; loopback, unspecified, multicast, broadcast and link-local addresses are refused; the rest is accepted. A leg
/// on a loopback or link-local address may send to such addresses.
#[derive(Debug, Clone, Default)]
pub struct RemotePolicy {
    allow: Vec<IpNet>,
    deny: Vec<IpNet>,
    own: Vec<(IpAddr, RangeInclusive<u16>)>,
    allows_own: bool,
}

impl RemotePolicy {
    /// Accepts every address in a network, whatever else is said of it; but not the own ones.
    #[must_use]
    pub fn allow(mut self, network: IpNet) -> Self {
        self.allow.push(network);
        self
    }

    /// Refuses every address in a network that is not allowed.
    #[must_use]
    pub fn deny(mut self, network: IpNet) -> Self {
        self.deny.push(network);
        self
    }

    /// Refuses ports of an address, because something of this program's own is there: a control port, an API, media. With an
    /// unspecified address, the ports of every address of the machine that is known here.
    #[must_use]
    pub fn own(mut self, address: IpAddr, ports: RangeInclusive<u16>) -> Self {
        self.own.push((address.to_canonical(), ports));
        self
    }

    /// Lets media be sent to the own addresses. A party can then command the control port, and two can make a loop. For
    /// laboratories.
    #[must_use]
    pub const fn danger_allow_own_addresses(mut self) -> Self {
        self.allows_own = true;
        self
    }

    /// Checks whether a leg whose local address lies in `local` may send to `remote`.
    ///
    /// # Errors
    /// [`ForbiddenRemote`], the reason.
    pub fn check(&self, local: LocalScope, remote: SocketAddr) -> Result<(), ForbiddenRemote> {
        let (address, port) = (remote.ip().to_canonical(), remote.port());
        if port == 0 {
            return Err(ForbiddenRemote::NoPort);
        }
        if !self.allows_own && self.is_own(address, port) {
            return Err(ForbiddenRemote::Own);
        }
        let within = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&address));
        if within(&self.allow) {
            return Ok(());
        }
        if within(&self.deny) {
            return Err(ForbiddenRemote::Denied);
        }
        match (kind_of(address), local) {
            (None, _)
            | (Some(ForbiddenRemote::Loopback), LocalScope::Loopback)
            | (Some(ForbiddenRemote::LinkLocal), LocalScope::LinkLocal) => Ok(()),
            (Some(reason), _) => Err(reason),
        }
    }

    /// Checks the addresses of RTP and RTCP that a leg is given.
    ///
    /// # Errors
    /// [`CommandError::ForbiddenRemote`].
    pub(crate) fn check_leg(
        &self,
        local: LocalScope,
        remote: Option<RemoteAddress>,
    ) -> Result<(), CommandError> {
        let addresses = remote.into_iter().flat_map(|remote| [Some(remote.rtp), remote.rtcp]).flatten();
        for address in addresses {
            let forbidden = |reason| CommandError::ForbiddenRemote { address, reason };
            self.check(local, address).map_err(forbidden)?;
        }
        Ok(())
    }

    /// True for an address and port of the program's own.
    #[must_use]
    pub fn is_own(&self, address: IpAddr, port: u16) -> bool {
        let address = address.to_canonical();
        self.own.iter().any(|(own, ports)| {
            let everywhere = own.is_unspecified() && self.own.iter().any(|(known, _)| *known == address);
            (*own == address || everywhere || own.is_unspecified() && address.is_loopback())
                && ports.contains(&port)
        })
    }
}

/// The kind of address, where it is one that no party can be at.
fn kind_of(address: IpAddr) -> Option<ForbiddenRemote> {
    let (unspecified, link_local) = match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, ..] = address.octets();
            (first == 0, address.is_link_local())
        }
        IpAddr::V6(address) => (address == Ipv6Addr::UNSPECIFIED, address.is_unicast_link_local()),
    };
    let address = address.to_canonical();
    if unspecified {
        Some(ForbiddenRemote::Unspecified)
    } else if address.is_loopback() {
        Some(ForbiddenRemote::Loopback)
    } else if address.is_multicast() {
        Some(ForbiddenRemote::Multicast)
    } else if matches!(address, IpAddr::V4(address) if address.is_broadcast()) {
        Some(ForbiddenRemote::Broadcast)
    } else {
        link_local.then_some(ForbiddenRemote::LinkLocal)
    }
}

/// True for an address that is the same seen from everywhere: no NAT stands between it and who names it.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            // [RFC6598 7] Behind a carrier's NAT.
            let is_shared = first == 100 && second & 0xc0 == 64;
            !(address.is_private() || is_shared || kind_of(address.into()).is_some())
        }
        IpAddr::V6(address) => !address.is_unique_local() && kind_of(address.into()).is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn network(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_that_no_party_can_be_at_are_refused() {
        use ForbiddenRemote::{Broadcast, LinkLocal, Loopback, Multicast, NoPort, Unspecified};
        let policy = RemotePolicy::default();
        for (remote, expected) in [
            ("192.0.2.1:4000", Ok(())),
            ("10.1.2.3:4000", Ok(())),
            ("[2001:db8::1]:4000", Ok(())),
            ("[fd00::1]:4000", Ok(())),
            ("192.0.2.1:0", Err(NoPort)),
            ("0.0.0.0:4000", Err(Unspecified)),
            ("0.1.2.3:4000", Err(Unspecified)),
            ("[::]:4000", Err(Unspecified)),
            ("127.0.0.1:22222", Err(Loopback)),
            ("127.9.9.9:4000", Err(Loopback)),
            ("[::1]:4000", Err(Loopback)),
            ("[::ffff:127.0.0.1]:4000", Err(Loopback)),
            ("224.0.0.1:4000", Err(Multicast)),
            ("239.1.1.1:4000", Err(Multicast)),
            ("[ff02::1]:4000", Err(Multicast)),
            ("255.255.255.255:4000", Err(Broadcast)),
            ("169.254.169.254:80", Err(LinkLocal)),
            ("[fe80::1]:4000", Err(LinkLocal)),
        ] {
            assert_eq!(policy.check(LocalScope::Global, address(remote)), expected, "{remote}");
        }
        assert_eq!(policy.check(LocalScope::Loopback, address("127.0.0.1:4000")), Ok(()));
        assert_eq!(policy.check(LocalScope::Loopback, address("169.254.1.1:4000")), Err(LinkLocal));
        assert_eq!(policy.check(LocalScope::LinkLocal, address("169.254.1.1:4000")), Ok(()));
        assert_eq!(LocalScope::of("127.0.0.2".parse().unwrap()), LocalScope::Loopback);
    }

    #[test]
    fn allowed_networks_come_before_denied_ones_and_own_addresses_before_both() {
        let policy = RemotePolicy::default()
            .allow(network("10.7.0.0/16"))
            .allow(network("127.0.0.5/32"))
            .deny(network("10.0.0.0/8"))
            .own("10.7.1.1".parse().unwrap(), 30_000..=40_000)
            .own("0.0.0.0".parse().unwrap(), 2223..=2223);
        let check = |remote: &str| policy.check(LocalScope::Global, address(remote));
        assert_eq!(check("10.7.2.2:30000"), Ok(()));
        assert_eq!(check("127.0.0.5:30000"), Ok(()));
        assert_eq!(check("10.8.2.2:30000"), Err(ForbiddenRemote::Denied));
        assert_eq!(check("10.7.1.1:30001"), Err(ForbiddenRemote::Own));
        assert_eq!(check("10.7.1.1:2223"), Err(ForbiddenRemote::Own), "a control port on every address");
        assert_eq!(check("10.7.1.1:2224"), Ok(()));
        assert_eq!(check("[::ffff:10.7.1.1]:30001"), Err(ForbiddenRemote::Own));
        assert_eq!(
            policy.check(LocalScope::Loopback, address("127.0.0.1:2223")),
            Err(ForbiddenRemote::Own),
            "a control port on every address is on loopback, too"
        );
        let lab = policy.clone().danger_allow_own_addresses();
        assert_eq!(lab.check(LocalScope::Global, address("10.7.1.1:30001")), Ok(()));
    }

    // test-of: [RFC6598 7]
    #[test]
    fn private_and_shared_addresses_are_not_public() {
        for (text, public) in [
            ("192.0.2.1", true),
            ("8.8.8.8", true),
            ("10.0.0.1", false),
            ("172.31.0.1", false),
            ("172.32.0.1", true),
            ("192.168.1.1", false),
            ("100.64.0.1", false),
            ("100.127.0.1", false),
            ("100.128.0.1", true),
            ("127.0.0.1", false),
            ("2001:db8::1", true),
            ("fd12::1", false),
            ("fe80::1", false),
            ("::ffff:10.0.0.1", false),
        ] {
            assert_eq!(is_public(text.parse().unwrap()), public, "{text}");
        }
    }
}
