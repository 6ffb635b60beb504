//! The control port's sockets: UDP and TCP, on threads of their own.
//!
//! A port binds to loopback addresses; any other needs an allow-list. Peers that are not on the list are ignored and
//! counted.

mod tcp;
#[cfg(test)]
mod tests;
mod udp;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use mediapoint_packet::Time;

use crate::{AllowList, Dispatcher, Handler};

/// How long a blocked thread takes at most to see that it should end.
const STOP_CHECK: Duration = Duration::from_millis(250);

/// Reads the clock that the handler is told the time from.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// How a control port listens.
#[derive(Debug, Clone)]
pub struct ListenConfig {
    /// Where to listen.
    pub address: SocketAddr,
    /// Who may speak.
    pub allow: AllowList,
    /// Threads that answer UDP messages, 1 to 64.
    pub udp_threads: usize,
    /// Most TCP connections at once.
    pub connections: usize,
    /// How long a TCP connection may be silent.
    pub idle: Duration,
}

impl ListenConfig {
    /// A port at `address` with the defaults: nobody but this machine, two threads, 64 connections, 5 minutes.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        let idle = Duration::from_secs(300);
        Self { address, allow: AllowList::default(), udp_threads: 2, connections: 64, idle }
    }
}

/// Why a control port does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address is reachable from elsewhere and nobody is named that may speak.
    #[error("refusing to listen on {address} without an allow-list: it is not a loopback address")]
    NoAllowList {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The system refused the socket or a thread.
    #[error("cannot listen on {address}: {source}")]
    Io {
        /// The address asked for.
        address: SocketAddr,
        /// What it said.
        source: io::Error,
    },
}

/// A listening control port. Dropping it ends its threads.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Listener {
    /// Listens for UDP messages.
    ///
    /// # Errors
    /// [`ListenError`] where the address needs an allow-list or cannot be bound.
    pub fn udp<H: Handler + 'static>(
        config: &ListenConfig,
        clock: Clock,
        dispatcher: Arc<Dispatcher<H>>,
    ) -> Result<Self, ListenError> {
        Self::start(config, |stop| udp::start(config, stop, &clock, &dispatcher))
    }

    /// Listens for TCP connections.
    ///
    /// # Errors
    /// [`ListenError`] where the address needs an allow-list or cannot be bound.
    pub fn tcp<H: Handler + 'static>(
        config: &ListenConfig,
        clock: Clock,
        dispatcher: Arc<Dispatcher<H>>,
    ) -> Result<Self, ListenError> {
        Self::start(config, |stop| tcp::start(config, stop, clock, dispatcher))
    }

    /// Where it listens, with the port that the system chose where 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn start(
        config: &ListenConfig,
        open: impl FnOnce(&Arc<AtomicBool>) -> io::Result<(SocketAddr, Vec<JoinHandle<()>>)>,
    ) -> Result<Self, ListenError> {
        let address = config.address;
        if config.allow.is_empty() && !address.ip().to_canonical().is_loopback() {
            return Err(ListenError::NoAllowList { address });
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (address, threads) = open(&stop).map_err(|source| ListenError::Io { address, source })?;
        Ok(Self { address, stop, threads })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing left to give back.
            let _ = thread.join();
        }
    }
}

fn stopped(stop: &AtomicBool) -> bool {
    stop.load(Ordering::Relaxed)
}

/// True for a read that only ran into its time limit.
fn is_time_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
