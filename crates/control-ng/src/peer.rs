//! Who sent a message: an address, or the other end of a Unix socket.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// A sender of messages. Two senders may use the same cookie.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Peer {
    /// A UDP or TCP address.
    Inet(SocketAddr),
    /// The name that a Unix datagram socket is bound to, or the number of a connection.
    Unix(Arc<[u8]>),
}

impl Peer {
    /// Its address; that of this machine without a port for a Unix socket.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Inet(address) => *address,
            Self::Unix(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        }
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self::Inet(address)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => write!(f, "{address}"),
            Self::Unix(name) => write!(f, "unix:{}", name.escape_ascii()),
        }
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
