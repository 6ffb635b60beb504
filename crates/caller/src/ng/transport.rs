//! How messages reach the server: UDP or a Unix socket, plain or under a secret.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A socket connected to the server.
#[derive(Debug)]
pub(super) enum Socket {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

impl Socket {
    pub(super) fn udp(server: SocketAddr) -> io::Result<Self> {
        let any: SocketAddr = if server.is_ipv6() { ([0_u16; 8], 0).into() } else { ([0_u8; 4], 0).into() };
        let socket = UdpSocket::bind(any)?;
        socket.connect(server)?;
        Ok(Self::Udp(socket))
    }

    /// The client's own name is an abstract one, which leaves no file.
    pub(super) fn unix(server: &Path) -> io::Result<Self> {
        let name = format!("mediapoint-ng-{:016x}", rand::random::<u64>());
        let socket = UnixDatagram::bind_addr(&UnixAddr::from_abstract_name(name)?)?;
        socket.connect(server)?;
        Ok(Self::Unix(socket))
    }

    pub(super) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Udp(socket) => socket.send(bytes),
            Self::Unix(socket) => socket.send(bytes),
        }
    }

    pub(super) fn receive(&self, buffer: &mut [u8], within: Duration) -> io::Result<usize> {
        match self {
            Self::Udp(socket) => socket.set_read_timeout(Some(within)).and_then(|()| socket.recv(buffer)),
            Self::Unix(socket) => socket.set_read_timeout(Some(within)).and_then(|()| socket.recv(buffer)),
        }
    }
}

/// A secret that the server knows, too; docs/control-ng.md has the form of what it makes of messages.
pub(super) struct Secret(Vec<u8>);

impl Secret {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// The request under the secret, and what begins its reply's check.
    pub(super) fn seal(&self, message: &[u8]) -> (Vec<u8>, String) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = since.as_millis().to_string();
        let mac = self.mac(&[b"mediapoint ng request\n", time.as_bytes(), b".", message]);
        (
            ["h1.", &time, ".", &mac, "."]
                .concat()
                .into_bytes()
                .into_iter()
                .chain(message.iter().copied())
                .collect(),
            mac,
        )
    }

    /// The reply to the request of this MAC; `None` where it is none.
    pub(super) fn open<'a>(&self, request: &str, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (mac, rest) = bytes.strip_prefix(b"h1.")?.split_at_checked(64)?;
        let reply = rest.strip_prefix(b".")?;
        let expected = self.mac(&[b"mediapoint ng reply\n", request.as_bytes(), b"\n", reply]);
        (expected.as_bytes() == mac).then_some(reply)
    }

    fn mac(&self, parts: &[&[u8]]) -> String {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}
