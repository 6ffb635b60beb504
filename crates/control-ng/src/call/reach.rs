//! Whether a party can reach the address that it is told: a loopback address from another machine, or a private one from
//! the public network, is a call without audio, and nothing else shows why.

use std::net::{IpAddr, UdpSocket};

use super::CallState;
use super::party::{Party, Stream};

/// From where an address can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    /// The machine itself.
    Machine,
    /// The network that the machine is in, or those behind the same NAT.
    Site,
    Everywhere,
}

impl Scope {
    fn of(address: IpAddr) -> Self {
        let address = address.to_canonical();
        if address.is_loopback() {
            return Self::Machine;
        }
        let is_site = match address {
            IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || is_shared(v4.octets()),
            IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
        };
        if is_site { Self::Site } else { Self::Everywhere }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Machine => "a loopback address",
            Self::Site | Self::Everywhere => "a private address",
        }
    }
}

/// The addresses between a provider's NAT and its customers [RFC6598 4].
fn is_shared([first, second, ..]: [u8; 4]) -> bool {
    first == 100 && second & 0xc0 == 64
}

/// What is wrong with the address that the party is told for one of its streams, where it cannot reach it.
pub(crate) fn fault(stream: &Stream) -> Option<(IpAddr, &'static str)> {
    let (leg, remote) = (stream.leg?, stream.remote.as_ref()?);
    let told = stream.told.unwrap_or(leg.rtp.ip());
    let places = [remote.address.map(|address| address.rtp.ip()), remote.signalling_source];
    let scope = unreachable(told, &places)?;
    // A party that shares the machine reaches every address of it.
    let is_elsewhere = !places.into_iter().flatten().all(is_here);
    is_elsewhere.then_some((told, scope.as_str()))
}

/// Logs each section of the party that it is told an address for which it cannot reach from where it is.
pub(super) fn warn(call: &CallState, party: &Party) {
    for (index, stream) in party.streams.iter().enumerate().filter(|(_, stream)| stream.active) {
        let Some((told, kind)) = fault(stream) else { continue };
        tracing::warn!(
            call = call.call.id().as_u64(),
            call_id = %call.id,
            tag = party.tag().map(tracing::field::display),
            section = index + 1,
            %told,
            kind,
            "a party elsewhere is told {kind}, which it cannot reach: choose the interface (direction) of its network, or \
             write --address BOUND!ADVERTISED behind NAT"
        );
    }
}

/// The scope of the address told, where a party at these places is outside of it.
fn unreachable(told: IpAddr, places: &[Option<IpAddr>]) -> Option<Scope> {
    let told = Scope::of(told);
    let party = places.iter().flatten().map(|place| Scope::of(*place)).max()?;
    (told < party).then_some(told)
}

/// True for an address of this machine.
fn is_here(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(told: &str, places: &[&str]) -> Option<Scope> {
        let places: Vec<Option<IpAddr>> = places.iter().map(|place| place.parse().ok()).collect();
        unreachable(told.parse().unwrap(), &places)
    }

    #[test]
    fn a_party_reaches_what_is_of_its_own_scope_or_a_wider_one() {
        for (told, places) in [
            ("127.0.0.1", &["127.0.0.1", "::ffff:127.0.0.2"][..]),
            ("10.0.0.1", &["192.168.1.7"]),
            ("192.0.2.1", &["10.0.0.7", "127.0.0.1"]),
            ("192.0.2.1", &["198.51.100.7"]),
            ("fd00::1", &["fe80::7"]),
            ("127.0.0.1", &[]),
        ] {
            assert_eq!(reached(told, places), None, "{told}, {places:?}");
        }
    }

    // test-of: [RFC6598 4]
    #[test]
    fn loopback_from_another_machine_and_private_addresses_from_the_public_network_are_not_reached() {
        for (told, places, scope) in [
            ("127.0.0.1", &["192.0.2.7"][..], Scope::Machine),
            ("::1", &["2001:db8::7"], Scope::Machine),
            ("10.0.0.1", &["198.51.100.7"], Scope::Site),
            ("100.64.0.1", &["198.51.100.7"], Scope::Site),
            ("fd00::1", &["2001:db8::7"], Scope::Site),
            // Behind NAT: the signalling shows where it is.
            ("192.168.1.1", &["10.0.0.7", "198.51.100.7"], Scope::Site),
        ] {
            assert_eq!(reached(told, places), Some(scope), "{told}, {places:?}");
        }
        assert_eq!(Scope::of("100.128.0.1".parse().unwrap()), Scope::Everywhere);
    }
}
