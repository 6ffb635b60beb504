//! The addresses of this machine, and what to say where the configuration names another.

use std::io;
use std::net::IpAddr;

use mediapoint_engine::{BuildError, Interface, PacketBackend};
use mediapoint_net::Machine;

use crate::config::Config;

/// Most addresses named in a message.
const MAX_SHOWN: usize = 12;

/// An address for media that this machine does not have.
#[derive(Debug, thiserror::Error)]
#[error(
    "address: {address} is not on this machine; it has {}; behind NAT write BOUND!ADVERTISED, such as {}!{address}",
    list(here),
    example(here, *address)
)]
pub(super) struct NotHere {
    address: IpAddr,
    here: Vec<IpAddr>,
}

impl NotHere {
    /// The refusal of an address that the system does not know.
    pub(super) fn new(address: IpAddr) -> Self {
        Self { address, here: addresses() }
    }

    /// The refusal that is behind the engine's, where it is that.
    pub(super) fn of(error: &BuildError) -> Option<Self> {
        match error {
            BuildError::Address { address, source } if source.kind() == io::ErrorKind::AddrNotAvailable => {
                Some(Self::new(*address))
            }
            _ => None,
        }
    }
}

/// Why the prices of the file may not hold on this machine, where there is such a file.
pub(super) fn doubts(config: &Config) -> Vec<String> {
    if config.points.path.is_none() {
        return Vec::new();
    }
    config.points.measured.doubts(&Machine::this(), backend(config.io))
}

/// The backend as files of prices name it; `None` where it is the system's choice.
fn backend(io: PacketBackend) -> Option<&'static str> {
    match io {
        PacketBackend::Sockets => Some("sockets"),
        PacketBackend::Xdp => Some("xdp"),
        _ => None,
    }
}

/// The addresses that the machine has now, those that others can reach first.
fn addresses() -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> =
        if_addrs::get_if_addrs().unwrap_or_default().iter().map(if_addrs::Interface::ip).collect();
    // A link-local address of IPv6 cannot be bound to without its interface.
    addresses.retain(|address| !matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local()));
    addresses.sort_by_key(|address| (address.is_loopback(), address.is_ipv6()));
    addresses
}

fn list(addresses: &[IpAddr]) -> String {
    let mut words: Vec<String> = addresses.iter().take(MAX_SHOWN).map(IpAddr::to_string).collect();
    if addresses.len() > MAX_SHOWN {
        words.push("others".to_owned());
    }
    if words.is_empty() { "no address that can be read".to_owned() } else { words.join(", ") }
}

/// What could be bound in its place.
fn example(here: &[IpAddr], wanted: IpAddr) -> String {
    let same_family = |address: &&IpAddr| address.is_ipv4() == wanted.is_ipv4();
    here.iter().find(same_family).map_or_else(|| "BOUND".to_owned(), IpAddr::to_string)
}

/// True where no party on another machine can reach any of the addresses that it could be told.
pub(super) fn is_for_itself(interfaces: &[Interface]) -> bool {
    interfaces.iter().all(|interface| interface.advertised_address().to_canonical().is_loopback())
}

/// An address of this machine that others may reach, to be named as an example.
pub(super) fn example_for_others() -> String {
    let found = addresses().into_iter().find(|address| !address.is_loopback());
    found.map_or_else(|| "ADDR".to_owned(), |address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_another_machine_is_refused_with_those_of_this_one() {
        let address = "192.0.2.10".parse().unwrap();
        let here = vec!["10.0.0.5".parse().unwrap(), "127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
        assert_eq!(
            NotHere { address, here }.to_string(),
            "address: 192.0.2.10 is not on this machine; it has 10.0.0.5, 127.0.0.1, ::1; behind NAT write \
             BOUND!ADVERTISED, such as 10.0.0.5!192.0.2.10"
        );
        assert!(addresses().contains(&IpAddr::from([127, 0, 0, 1])), "{:?}", addresses());
    }

    #[test]
    fn an_advertised_address_is_what_others_reach() {
        let mut interface = Interface::new("default", "127.0.0.1".parse().unwrap());
        assert!(is_for_itself(std::slice::from_ref(&interface)));
        interface.advertised = Some("192.0.2.10".parse().unwrap());
        assert!(!is_for_itself(&[interface]));
    }
}
