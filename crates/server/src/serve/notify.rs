//! Tells a service manager that the server is ready or stopping: datagrams to `$NOTIFY_SOCKET` as systemd reads them.
//!
//! `X_MEDIAPOINT_NG` and `X_MEDIAPOINT_NG_TCP` say which control ports it listens on, for whoever let the system choose
//! them.

use std::env;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram};

/// The server takes commands.
pub(super) fn ready(udp: SocketAddr, tcp: Option<SocketAddr>) {
    let mut state = format!("READY=1\nSTATUS=serving, control port {udp}\nX_MEDIAPOINT_NG={udp}");
    if let Some(tcp) = tcp {
        // A string takes whatever is written to it.
        let _ = write!(state, "\nX_MEDIAPOINT_NG_TCP={tcp}");
    }
    tell(&state);
}

/// The server takes no new calls and waits for `calls` to end.
pub(super) fn draining(calls: usize) {
    tell(&format!("STATUS=draining, {calls} calls left"));
}

/// The server ends.
pub(super) fn stopping() {
    tell("STOPPING=1");
}

fn tell(state: &str) {
    let Some(target) = env::var_os("NOTIFY_SOCKET") else { return };
    let bytes = target.as_encoded_bytes();
    let sent = match bytes.strip_prefix(b"@") {
        Some(name) => UnixAddr::from_abstract_name(name),
        None => UnixAddr::from_pathname(&target),
    }
    .and_then(|address| send(&address, state));
    if let Err(error) = sent {
        tracing::warn!(%error, "cannot tell the service manager");
    }
}

fn send(address: &UnixAddr, state: &str) -> io::Result<()> {
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), address).map(drop)
}
