//! Socket addresses between Rust's form and the kernel's: canonical on the way in, mapped on the way out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// The kernel's form of an address, with room for either family.
///
/// `sockaddr_in6` is the larger of the two and both begin with the family, so that one variable serves
/// sending and receiving.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) union RawAddress {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

/// Bytes of [`RawAddress`], as the kernel wants to be told.
#[expect(clippy::cast_possible_truncation, reason = "28 bytes")]
pub(crate) const RAW_LEN: libc::socklen_t = size_of::<RawAddress>() as libc::socklen_t;

#[expect(clippy::cast_possible_truncation, reason = "2 and 10")]
const V4: libc::sa_family_t = libc::AF_INET as libc::sa_family_t;
#[expect(clippy::cast_possible_truncation, reason = "2 and 10")]
const V6: libc::sa_family_t = libc::AF_INET6 as libc::sa_family_t;

impl RawAddress {
    /// No address: all zero, of family `AF_UNSPEC`.
    pub(crate) const ZERO: Self = Self {
        v6: libc::sockaddr_in6 {
            sin6_family: 0,
            sin6_port: 0,
            sin6_flowinfo: 0,
            sin6_addr: libc::in6_addr { s6_addr: [0; 16] },
            sin6_scope_id: 0,
        },
    };

    /// The form of `to` that a socket understands: v4 is mapped (`::ffff:a.b.c.d`) where the socket is a v6 one.
    ///
    /// Returns the form and its length in bytes.
    pub(crate) fn for_socket(to: SocketAddr, socket_is_v6: bool) -> (Self, libc::socklen_t) {
        match to {
            SocketAddr::V4(v4) if !socket_is_v6 => {
                let mut raw = Self::ZERO;
                raw.v4 = libc::sockaddr_in {
                    sin_family: V4,
                    sin_port: v4.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                    sin_zero: [0; 8],
                };
                #[expect(clippy::cast_possible_truncation, reason = "16 bytes")]
                let len = size_of::<libc::sockaddr_in>() as libc::socklen_t;
                (raw, len)
            }
            SocketAddr::V4(v4) => (Self::v6(&v4.ip().to_ipv6_mapped(), v4.port(), 0), RAW_LEN),
            SocketAddr::V6(v6) => (Self::v6(v6.ip(), v6.port(), v6.scope_id()), RAW_LEN),
        }
    }

    fn v6(ip: &Ipv6Addr, port: u16, scope_id: u32) -> Self {
        Self {
            v6: libc::sockaddr_in6 {
                sin6_family: V6,
                sin6_port: port.to_be(),
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr { s6_addr: ip.octets() },
                sin6_scope_id: scope_id,
            },
        }
    }

    /// The address as the engine knows it: v4-mapped becomes v4, and the flow label, which is no part of whose
    /// address it is, is left out. `None` where the kernel gave no internet address.
    pub(crate) fn canonical(&self) -> Option<SocketAddr> {
        // SAFETY: every bit pattern is a value of each member; the union is initialised whole by `ZERO` or by a
        // constructor, and the kernel only overwrites bytes of it.
        let family = unsafe { self.family };
        match family {
            V4 => {
                // SAFETY: as above: plain integers, all initialised.
                let raw = unsafe { self.v4 };
                let ip = Ipv4Addr::from(raw.sin_addr.s_addr.to_ne_bytes());
                Some(SocketAddr::new(IpAddr::V4(ip), u16::from_be(raw.sin_port)))
            }
            V6 => {
                // SAFETY: as above: plain integers, all initialised.
                let raw = unsafe { self.v6 };
                let port = u16::from_be(raw.sin6_port);
                let ip = Ipv6Addr::from(raw.sin6_addr.s6_addr);
                Some(match ip.to_ipv4_mapped() {
                    Some(v4) => SocketAddr::new(IpAddr::V4(v4), port),
                    None => SocketAddr::V6(SocketAddrV6::new(ip, port, 0, raw.sin6_scope_id)),
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(text: &str, socket_is_v6: bool) -> String {
        let to: SocketAddr = text.parse().unwrap();
        let (raw, _) = RawAddress::for_socket(to, socket_is_v6);
        raw.canonical().unwrap().to_string()
    }

    #[test]
    fn addresses_survive_the_way_to_the_kernel_and_back() {
        assert_eq!(there_and_back("192.0.2.1:5004", false), "192.0.2.1:5004");
        assert_eq!(there_and_back("192.0.2.1:5004", true), "192.0.2.1:5004");
        assert_eq!(there_and_back("[2001:db8::1]:5004", true), "[2001:db8::1]:5004");
        assert_eq!(there_and_back("[fe80::1%3]:5004", true), "[fe80::1%3]:5004");
        assert_eq!(there_and_back("[::ffff:192.0.2.1]:5004", true), "192.0.2.1:5004");
    }

    #[test]
    fn v4_is_mapped_only_for_a_v6_socket() {
        let to: SocketAddr = "192.0.2.1:5004".parse().unwrap();
        let (raw, len) = RawAddress::for_socket(to, false);
        // SAFETY: initialised integers.
        assert_eq!((unsafe { raw.family }, len), (V4, 16));
        let (raw, len) = RawAddress::for_socket(to, true);
        // SAFETY: initialised integers.
        assert_eq!((unsafe { raw.family }, len), (V6, 28));
    }

    #[test]
    fn no_address_is_none() {
        assert_eq!(RawAddress::ZERO.canonical(), None);
    }
}
