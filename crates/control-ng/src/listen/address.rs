//! Where a control port listens: an IP address with a port, or the path of a Unix socket.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where a control port listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// UDP or TCP.
    Inet(SocketAddr),
    /// A Unix socket, datagrams or streams.
    Unix(PathBuf),
}

impl Address {
    /// The address with a port, where it is one.
    #[must_use]
    pub const fn inet(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// True where other machines can reach it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.inet().is_some_and(|address| !address.ip().to_canonical().is_loopback())
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Inet(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
