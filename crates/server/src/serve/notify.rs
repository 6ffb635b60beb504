//! Tells a service manager that the server is ready, alive or stopping: datagrams to `$NOTIFY_SOCKET` as systemd reads
//! them.
//!
//! `X_MEDIAPOINT_NG` and `X_MEDIAPOINT_NG_TCP` say which control ports it listens on, `X_MEDIAPOINT_METRICS` where its metrics
//! are, for whoever let the system choose them.

use std::env;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram};
use std::time::Duration;

use mediapoint_control_ng::listen::Address;

/// The server takes commands.
pub(super) fn ready(datagrams: &Address, streams: Option<&Address>, metrics: Option<SocketAddr>) {
    let mut state = format!("READY=1\nSTATUS=serving, control port {datagrams}\nX_MEDIAPOINT_NG={datagrams}");
    if let Some(streams) = streams {
        // A string takes whatever is written to it.
        let _ = write!(state, "\nX_MEDIAPOINT_NG_TCP={streams}");
    }
    if let Some(metrics) = metrics {
        let _ = write!(state, "\nX_MEDIAPOINT_METRICS={metrics}");
    }
    send_state(&state);
}

/// The server takes no new calls and waits for `calls` to end.
pub(super) fn draining(calls: usize) {
    send_state(&format!("STATUS=draining, {calls} calls left"));
}

/// The server ends.
pub(super) fn stopping() {
    send_state("STOPPING=1");
}

/// All threads go on.
pub(super) fn alive() {
    send_state("WATCHDOG=1");
}

/// How long the manager waits for [`alive`] before it starts the server anew; `None` where it does not.
pub(super) fn watchdog_period() -> Option<Duration> {
    let number = |key| env::var(key).ok()?.parse::<u64>().ok();
    // Meant for another process that this one was started by.
    if number("WATCHDOG_PID").is_some_and(|pid| pid != u64::from(std::process::id())) {
        return None;
    }
    number("WATCHDOG_USEC").filter(|period| *period > 0).map(Duration::from_micros)
}

fn send_state(state: &str) {
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
    let socket = UnixDatagram::unbound()?;
    // A manager that does not read must not stop the server.
    socket.set_nonblocking(true)?;
    socket.send_to_addr(state.as_bytes(), address).map(drop)
}
