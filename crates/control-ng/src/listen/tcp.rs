//! Messages back to back in a stream, each as long as its dictionary says.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mediapoint_packet::Time;

use super::{Clock, ListenConfig, STOP_CHECK, is_time_out, stopped};
use crate::dispatch::count;
use crate::wire::{Format, MAX_COOKIE, Scanner};
use crate::{Dispatcher, Handler, NgError};

/// How much is read and thrown away after a refused message, so that the refusal arrives before the connection ends.
const LINGER_BYTES: usize = 16 << 20;

pub(super) fn start<H: Handler + 'static>(
    config: &ListenConfig,
    stop: &Arc<AtomicBool>,
    clock: Clock,
    dispatcher: Arc<Dispatcher<H>>,
) -> io::Result<(SocketAddr, Vec<JoinHandle<()>>)> {
    let listener = TcpListener::bind(config.address)?;
    let address = listener.local_addr()?;
    // `accept` has no time limit of its own; the socket option bounds it so that the thread sees `stop`.
    socket2::SockRef::from(&listener).set_read_timeout(Some(STOP_CHECK))?;
    let (stop, config) = (Arc::clone(stop), config.clone());
    let accept = move || accept_loop(&listener, &config, &stop, &clock, &dispatcher);
    let thread = thread::Builder::new().name("ng-tcp".into()).spawn(accept)?;
    Ok((address, vec![thread]))
}

fn accept_loop<H: Handler + 'static>(
    listener: &TcpListener,
    config: &ListenConfig,
    stop: &Arc<AtomicBool>,
    clock: &Clock,
    dispatcher: &Arc<Dispatcher<H>>,
) {
    let open = Arc::new(AtomicUsize::new(0));
    while !stopped(stop) {
        let (stream, peer) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) => {
                if !is_time_out(&error) {
                    tracing::warn!(%error, "control port accept");
                    // Out of descriptors, most likely: give connections time to end.
                    thread::sleep(STOP_CHECK);
                }
                continue;
            }
        };
        if !config.allow.allows(peer.ip()) {
            count(&dispatcher.counters().refused_peers);
            continue;
        }
        if open.fetch_add(1, Ordering::Relaxed) >= config.connections {
            open.fetch_sub(1, Ordering::Relaxed);
            count(&dispatcher.counters().refused_connections);
            continue;
        }
        let (stop, clock, dispatcher) = (Arc::clone(stop), Arc::clone(clock), Arc::clone(dispatcher));
        let (place, idle) = (Place(Arc::clone(&open)), config.idle);
        let serve = move || {
            let _place = place;
            let mut connection = Connection::new(stream, peer, idle);
            if let Err(error) = connection.serve(&stop, &clock, &dispatcher) {
                tracing::debug!(%error, "control connection ended");
            }
        };
        if let Err(error) = thread::Builder::new().name("ng-tcp-peer".into()).spawn(serve) {
            tracing::warn!(%error, "control connection thread");
        }
    }
    // Their read time limit makes every connection see `stop` soon.
    while open.load(Ordering::Relaxed) > 0 {
        thread::sleep(Duration::from_millis(10));
    }
}

/// One of the bounded places for connections, given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    idle: Duration,
    buffer: Vec<u8>,
    scan: Option<(usize, Scanner)>,
}

impl Connection {
    fn new(stream: TcpStream, peer: SocketAddr, idle: Duration) -> Self {
        Self { stream, peer, idle, buffer: Vec::new(), scan: None }
    }

    fn serve<H: Handler>(
        &mut self,
        stop: &AtomicBool,
        clock: &Clock,
        dispatcher: &Dispatcher<H>,
    ) -> io::Result<()> {
        self.stream.set_read_timeout(Some(STOP_CHECK))?;
        self.stream.set_write_timeout(Some(Duration::from_secs(5)))?;
        self.stream.set_nodelay(true)?;
        let mut last = clock();
        let mut chunk = vec![0; 16_384];
        while !stopped(stop) {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(len) => {
                    last = clock();
                    self.buffer.extend_from_slice(chunk.get(..len).unwrap_or_default());
                }
                Err(error) if is_time_out(&error) => {
                    if clock().since(last) >= self.idle {
                        return Ok(());
                    }
                    continue;
                }
                Err(error) => return Err(error),
            }
            loop {
                match self.next_message() {
                    Ok(Some(len)) => {
                        let message = self.buffer.get(..len).unwrap_or_default();
                        if let Some(reply) = dispatcher.answer(clock(), self.peer, message) {
                            self.stream.write_all(&reply)?;
                        }
                        self.buffer.drain(..len);
                    }
                    Ok(None) => break,
                    Err(error) => {
                        if let Some(reply) = dispatcher.refuse(&self.buffer, &error) {
                            self.stream.write_all(&reply)?;
                        }
                        return self.linger(clock, &mut chunk);
                    }
                }
            }
        }
        Ok(())
    }

    /// The length of the message at the start of the buffer, `None` where it is not complete. After an error the
    /// stream has no known message boundary any more.
    fn next_message(&mut self) -> Result<Option<usize>, NgError> {
        if self.scan.is_none() {
            // Blanks and line ends between messages mean nothing.
            let blanks = self.buffer.iter().take_while(|b| b.is_ascii_whitespace()).count();
            self.buffer.drain(..blanks);
            let Some(blank) = self.buffer.iter().position(|b| *b == b' ') else {
                let size = self.buffer.len();
                let limit = MAX_COOKIE;
                return if size > limit { Err(NgError::TooLarge { size, limit }) } else { Ok(None) };
            };
            let Some(first) = self.buffer.get(blank + 1).copied() else { return Ok(None) };
            let format = Format::of(first).ok_or(NgError::NoDictionary { first })?;
            self.scan = Some((blank + 1, Scanner::new(format)));
        }
        let Some((start, scan)) = &mut self.scan else { return Ok(None) };
        let complete = scan.advance(self.buffer.get(*start..).unwrap_or_default())?;
        let len = complete.map(|len| *start + len);
        if len.is_some() {
            self.scan = None;
        }
        Ok(len)
    }

    /// Ends the connection so that the last reply still arrives: closing with unread bytes would reset it.
    fn linger(&mut self, clock: &Clock, chunk: &mut [u8]) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        let since: Time = clock();
        let mut left = LINGER_BYTES;
        while clock().since(since) < Duration::from_secs(5) {
            match self.stream.read(chunk) {
                Ok(0) => return Ok(()),
                Ok(len) if len < left => left -= len,
                Ok(_) => return Ok(()),
                Err(error) if is_time_out(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
