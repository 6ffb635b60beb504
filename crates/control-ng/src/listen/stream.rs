//! Connections, over TCP or a Unix socket.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::connection::Connection;
use super::places::{Place, Places, Quota};
use super::threads::Life;
use super::unix::{self, SocketFile};
use super::{Address, Clock, ListenConfig, Opened, STOP_CHECK, Threads, is_time_out};
use crate::access::Verdict;
use crate::dispatch::count;
use crate::{Dispatcher, Handler, Peer};

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection's socket.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    fn open(config: &ListenConfig) -> io::Result<(Self, Address, Option<SocketFile>)> {
        // `accept` has no time limit of its own; the socket option bounds it so that the thread sees `stop`.
        match &config.address {
            Address::Inet(address) => {
                let listener = TcpListener::bind(address)?;
                socket2::SockRef::from(&listener).set_read_timeout(Some(STOP_CHECK))?;
                let address = listener.local_addr()?.into();
                Ok((Self::Tcp(listener), address, None))
            }
            Address::Unix(path) => {
                let (socket, file) = unix::bind(path, config.unix, socket2::Type::STREAM)?;
                let listener = UnixListener::from(socket);
                socket2::SockRef::from(&listener).set_read_timeout(Some(STOP_CHECK))?;
                Ok((Self::Unix(listener), config.address.clone(), Some(file)))
            }
        }
    }

    /// The next connection; its peer is `None` over a Unix socket, where nobody has a name.
    fn accept(&self) -> io::Result<(Stream, Option<std::net::SocketAddr>)> {
        match self {
            Self::Tcp(listener) => listener.accept().map(|(stream, peer)| (Stream::Tcp(stream), Some(peer))),
            Self::Unix(listener) => listener.accept().map(|(stream, _)| (Stream::Unix(stream), None)),
        }
    }
}

impl Stream {
    /// True for a Unix socket.
    pub(super) const fn is_unix(&self) -> bool {
        matches!(self, Self::Unix(_))
    }

    /// Bounds each read and write.
    pub(super) fn set_time_limits(&self, limit: Duration) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(limit))?;
                stream.set_write_timeout(Some(limit))
            }
            Self::Unix(stream) => {
                stream.set_read_timeout(Some(limit))?;
                stream.set_write_timeout(Some(limit))
            }
        }
    }

    pub(super) fn end_of_replies(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn start<H: Handler + 'static>(
    config: &ListenConfig,
    clock: &Clock,
    dispatcher: &Arc<Dispatcher<H>>,
    threads: &mut Threads,
) -> io::Result<Opened> {
    let (listener, address, file) = Listener::open(config)?;
    let (config, clock, dispatcher) = (config.clone(), Arc::clone(clock), Arc::clone(dispatcher));
    threads.spawn("ng-accept".to_owned(), move |life| {
        accept_loop(&listener, &config, &life, &clock, &dispatcher);
    })?;
    Ok(Opened { address, file })
}

fn accept_loop<H: Handler + 'static>(
    listener: &Listener,
    config: &ListenConfig,
    life: &Life,
    clock: &Clock,
    dispatcher: &Arc<Dispatcher<H>>,
) {
    let places = Places::new(config.connections, config.per_source);
    while life.goes_on() {
        match listener.accept() {
            Ok((stream, from)) => {
                if let Some((peer, place)) = admit(config, dispatcher, &places, from) {
                    serve(config, life, clock, dispatcher, Connection::new(stream, peer), place);
                }
            }
            Err(error) if is_time_out(&error) => dispatcher.forget_old(clock()),
            Err(error) => {
                tracing::warn!(%error, "control port accept");
                // Out of descriptors, most likely: give connections time to end.
                thread::sleep(STOP_CHECK);
            }
        }
    }
    // Their read time limit makes every connection see `stop` soon.
    while !places.is_empty() {
        thread::sleep(Duration::from_millis(10));
    }
}

/// The peer's name and a place, where it may connect.
fn admit<H: Handler>(
    config: &ListenConfig,
    dispatcher: &Dispatcher<H>,
    places: &Arc<Places>,
    from: Option<std::net::SocketAddr>,
) -> Option<(Peer, Place)> {
    /// Numbers of connections that have no other name.
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let counters = dispatcher.counters();
    let (peer, quota) = match from {
        Some(from) => {
            match config.access.verdict(from) {
                Verdict::Allowed => {}
                Verdict::Stranger => {
                    count(&counters.refused_peers);
                    return None;
                }
                Verdict::MediaPort => {
                    count(&counters.from_media);
                    return None;
                }
            }
            (Peer::Inet(from), Quota::from(from.ip()))
        }
        None => {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            (Peer::Unix(Arc::from(format!("connection {number}").into_bytes())), Quota::Unix)
        }
    };
    let place = places.take(quota);
    if place.is_none() {
        count(&counters.refused_connections);
    }
    Some((peer, place?))
}

fn serve<H: Handler + 'static>(
    config: &ListenConfig,
    life: &Life,
    clock: &Clock,
    dispatcher: &Arc<Dispatcher<H>>,
    mut connection: Connection,
    place: Place,
) {
    let (config, stop) = (config.clone(), Arc::clone(life.stop()));
    let (clock, dispatcher) = (Arc::clone(clock), Arc::clone(dispatcher));
    let body = move || {
        let _place = place;
        if let Err(error) = connection.serve(&config, &stop, &clock, &dispatcher) {
            tracing::debug!(%error, "control connection ended");
        }
    };
    if let Err(error) = thread::Builder::new().name("ng-peer".into()).spawn(body) {
        tracing::warn!(%error, "control connection thread");
    }
}
