//! Which addresses mean the same on every interface, so that a frame can be sent to them.

use std::net::{IpAddr, SocketAddr};

/// A source address with its interface, where it says nothing without: as a socket gives it.
pub(super) fn scoped(from: SocketAddr, interface: u32) -> SocketAddr {
    match from {
        SocketAddr::V6(mut v6) if v6.ip().is_unicast_link_local() => {
            v6.set_scope_id(interface);
            v6.into()
        }
        from => from,
    }
}

/// True for a destination that a frame of ours can have: of the port's family, with a port, and not of the link alone, where
/// an address says nothing of the interface.
pub(super) fn is_direct(local: SocketAddr, to: SocketAddr) -> bool {
    let families = match (local.ip(), to.ip()) {
        (IpAddr::V4(_), IpAddr::V4(_)) => true,
        (IpAddr::V6(_), IpAddr::V6(to)) => !to.is_unicast_link_local() && to.to_ipv4_mapped().is_none(),
        _ => false,
    };
    families && to.port() != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_the_link_has_the_interface_and_no_other_does() {
        let scoped = |from: &str| scoped(from.parse().unwrap(), 3).to_string();
        assert_eq!(scoped("[fe80::1]:5004"), "[fe80::1%3]:5004");
        assert_eq!(scoped("[2001:db8::1]:5004"), "[2001:db8::1]:5004");
        assert_eq!(scoped("192.0.2.1:5004"), "192.0.2.1:5004");
    }

    #[test]
    fn frames_of_ours_lead_to_ports_of_the_same_family_beyond_the_link() {
        let to = |local: &str, to: &str| is_direct(local.parse().unwrap(), to.parse().unwrap());
        assert!(to("192.0.2.1:30000", "198.51.100.7:5004"));
        assert!(to("[2001:db8::1]:30000", "[2001:db8::2]:5004"));
        assert!(!to("192.0.2.1:30000", "198.51.100.7:0"));
        assert!(!to("192.0.2.1:30000", "[2001:db8::2]:5004"));
        assert!(!to("[2001:db8::1]:30000", "198.51.100.7:5004"));
        assert!(!to("[2001:db8::1]:30000", "[fe80::1%3]:5004"));
        assert!(!to("[2001:db8::1]:30000", "[::ffff:198.51.100.7]:5004"));
    }
}
