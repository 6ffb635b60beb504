//! The control port's sockets: UDP, TCP and Unix, on threads of their own.
//!
//! A port binds to loopback addresses or the path of a Unix socket; any other address needs an allow-list. Peers that are
//! not on the list, and media ports of this server, are ignored and counted.

mod address;
mod connection;
mod datagram;
mod places;
mod stream;
#[cfg(test)]
mod tests;
mod threads;
mod unix;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mediapoint_packet::Time;

use crate::{Access, Dispatcher, Guard, Handler};
pub use address::Address;
pub use threads::Pulse;
use threads::Threads;
use unix::SocketFile;
pub use unix::UnixOptions;

/// How long a blocked thread takes at most to see that it should end.
const STOP_CHECK: Duration = Duration::from_millis(250);

/// Reads the clock that the handler is told the time from.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// How a control port listens.
#[derive(Debug, Clone)]
pub struct ListenConfig {
    /// Where to listen.
    pub address: Address,
    /// Who may speak, at an address.
    pub access: Arc<Access>,
    /// Who may speak, at a Unix socket.
    pub unix: UnixOptions,
    /// The secret that messages at an address must be under, where one is set. Unix sockets need none.
    pub guard: Option<Arc<Guard>>,
    /// Threads that answer datagrams, 1 to 64.
    pub threads: usize,
    /// Most connections at once.
    pub connections: usize,
    /// Most connections of one source at once: an IPv4 address, or an IPv6 network of 64 bits.
    pub per_source: usize,
    /// How long a connection may be silent after a message.
    pub idle: Duration,
    /// How long a message may take from its first byte to its last, and the first one from the connection on.
    pub message_time: Duration,
}

impl ListenConfig {
    /// A port at `address` with the defaults: nobody but this machine, two threads, 128 connections, 32 of one source,
    /// 5 minutes between messages, 10 seconds for one.
    #[must_use]
    pub fn new(address: impl Into<Address>) -> Self {
        Self {
            address: address.into(),
            access: Arc::default(),
            unix: UnixOptions::default(),
            guard: None,
            threads: 2,
            connections: 128,
            per_source: 32,
            idle: Duration::from_secs(300),
            message_time: Duration::from_secs(10),
        }
    }
}

/// Why a control port does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address is reachable from elsewhere and nobody is named that may speak.
    #[error("refusing to listen on {address} without an allow-list: it is not a loopback address")]
    NoAllowList {
        /// The address asked for.
        address: Address,
    },
    /// The system refused the socket or a thread.
    #[error("cannot listen on {address}: {source}")]
    Io {
        /// The address asked for.
        address: Address,
        /// What it said.
        source: io::Error,
    },
}

/// A listening control port. Dropping it ends its threads.
#[derive(Debug)]
pub struct Listener {
    threads: Threads,
    address: Address,
    _file: Option<SocketFile>,
}

/// A socket that is open.
struct Opened {
    address: Address,
    file: Option<SocketFile>,
}

impl Listener {
    /// Listens for messages of a datagram each.
    ///
    /// # Errors
    /// [`ListenError`] where the address needs an allow-list or cannot be bound.
    pub fn datagrams<H: Handler + 'static>(
        config: &ListenConfig,
        clock: &Clock,
        dispatcher: &Arc<Dispatcher<H>>,
    ) -> Result<Self, ListenError> {
        Self::start(config, |threads| datagram::start(config, clock, dispatcher, threads))
    }

    /// Listens for connections.
    ///
    /// # Errors
    /// [`ListenError`] where the address needs an allow-list or cannot be bound.
    pub fn streams<H: Handler + 'static>(
        config: &ListenConfig,
        clock: &Clock,
        dispatcher: &Arc<Dispatcher<H>>,
    ) -> Result<Self, ListenError> {
        Self::start(config, |threads| stream::start(config, clock, dispatcher, threads))
    }

    /// Where it listens, with the port that the system chose where 0 was asked for.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Signs of life of its threads.
    pub fn pulses(&self) -> impl Iterator<Item = Pulse> + '_ {
        self.threads.pulses()
    }

    fn start(
        config: &ListenConfig,
        open: impl FnOnce(&mut Threads) -> io::Result<Opened>,
    ) -> Result<Self, ListenError> {
        let address = config.address.clone();
        if config.access.is_empty() && address.is_open() {
            return Err(ListenError::NoAllowList { address });
        }
        let mut threads = Threads::default();
        let opened = open(&mut threads).map_err(|source| ListenError::Io { address, source })?;
        Ok(Self { threads, address: opened.address, _file: opened.file })
    }
}

/// True for a read that only ran into its time limit.
fn is_time_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
