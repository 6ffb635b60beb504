//! `GET /metrics` for Prometheus, on a port of its own and off by default.
//!
//! A few threads answer one connection each, within a time, and close it. Nothing but the counters is read: no worker is
//! asked, and nothing waits for whoever asks.

mod text;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mediapoint_control_ng::listen::Pulse;

pub(crate) use text::Snapshot;

/// Threads, and so connections that are served at once; further ones wait in the system's queue.
const THREADS: usize = 2;
/// Most bytes of a request.
const MAX_REQUEST: usize = 8192;
/// Most bytes that are read behind a request and thrown away.
const MAX_REST: usize = 1 << 16;
/// How long a connection may take in all.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a waiting thread takes at most to see that it should end.
const STOP_CHECK: Duration = Duration::from_millis(250);

/// Reads the counters.
pub(crate) type Source = Arc<dyn Fn() -> Snapshot + Send + Sync>;

/// The port. Dropping it ends its threads.
#[derive(Debug)]
pub(super) struct Metrics {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    threads: Vec<(Arc<AtomicU64>, JoinHandle<()>)>,
}

impl Metrics {
    /// Listens at `address`.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn start(address: SocketAddr, source: &Source) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        // `accept` has no time limit: without one the threads would not see that they should end.
        listener.set_nonblocking(true)?;
        let mut metrics = Self { address: listener.local_addr()?, stop: Arc::default(), threads: Vec::new() };
        for number in 0..THREADS {
            let (listener, source) = (listener.try_clone()?, Arc::clone(source));
            let (stop, rounds) = (Arc::clone(&metrics.stop), Arc::new(AtomicU64::new(0)));
            let counted = Arc::clone(&rounds);
            let thread = thread::Builder::new()
                .name(format!("metrics-{number}"))
                .spawn(move || serve(&listener, &source, &stop, &counted))?;
            metrics.threads.push((rounds, thread));
        }
        Ok(metrics)
    }

    /// Where it listens, with the port that the system chose where 0 was asked for.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Signs of life of its threads.
    pub(super) fn pulses(&self) -> Vec<Pulse> {
        let pulse = |(number, (rounds, thread)): (usize, &(Arc<AtomicU64>, JoinHandle<()>))| Pulse {
            name: format!("metrics-{number}"),
            rounds: rounds.load(Ordering::Relaxed),
            ended: thread.is_finished(),
        };
        self.threads.iter().enumerate().map(pulse).collect()
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for (_, thread) in self.threads.drain(..) {
            // A thread that panicked has logged so.
            drop(thread.join());
        }
    }
}

fn serve(listener: &TcpListener, source: &Source, stop: &AtomicBool, rounds: &AtomicU64) {
    while !stop.load(Ordering::Relaxed) {
        rounds.fetch_add(1, Ordering::Relaxed);
        match listener.accept() {
            Ok((stream, _)) => {
                // Whoever asked badly or went away has what it wanted.
                let _ = answer(stream, source);
            }
            // Nobody is there, or no descriptor is left: neither changes at once.
            Err(_) => thread::sleep(STOP_CHECK.min(Duration::from_millis(50))),
        }
    }
}

/// Answers one request and closes the connection.
fn answer(mut stream: TcpStream, source: &Source) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let status = read(&mut stream, deadline)?;
    let body = match status {
        Status::Metrics => text::write(&source()),
        other => format!("{}\n", other.line()),
    };
    let head = format!(
        "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        status.line(),
        if status == Status::Metrics { "text/plain; version=0.0.4; charset=utf-8" } else { "text/plain" },
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    stream.flush()?;
    // What was sent and not read would take the answer away with the connection.
    stream.shutdown(Shutdown::Write)?;
    let mut rest = [0; 1024];
    for _ in 0..MAX_REST / rest.len() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        stream.set_read_timeout(Some(left))?;
        if stream.read(&mut rest)? == 0 {
            break;
        }
    }
    Ok(())
}

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Metrics,
    NotFound,
    NotAllowed,
    Bad,
    TooLarge,
}

impl Status {
    const fn line(self) -> &'static str {
        match self {
            Self::Metrics => "200 OK",
            Self::NotFound => "404 Not Found",
            Self::NotAllowed => "405 Method Not Allowed",
            Self::Bad => "400 Bad Request",
            Self::TooLarge => "431 Request Header Fields Too Large",
        }
    }

    /// What the head of a request asks for; `None` where it is not whole.
    fn of(head: &[u8]) -> Option<Self> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(head) {
            Ok(httparse::Status::Partial) => None,
            Err(_) => Some(Self::Bad),
            Ok(httparse::Status::Complete(_)) => {
                let path = request.path.unwrap_or_default();
                let path = path.split_once('?').map_or(path, |(path, _)| path);
                Some(match (request.method, path) {
                    (Some("GET"), "/metrics") => Self::Metrics,
                    (Some("GET"), _) => Self::NotFound,
                    _ => Self::NotAllowed,
                })
            }
        }
    }
}

/// Reads the head of a request.
fn read(stream: &mut TcpStream, deadline: Instant) -> io::Result<Status> {
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let len = stream.read(&mut chunk)?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.extend_from_slice(chunk.get(..len).unwrap_or_default());
        if let Some(status) = Status::of(&head) {
            return Ok(status);
        }
        if head.len() > MAX_REQUEST {
            return Ok(Status::TooLarge);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_figures_are_given() {
        for (head, status) in [
            (&b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"[..], Some(Status::Metrics)),
            (b"GET /metrics?name=x HTTP/1.0\r\n\r\n", Some(Status::Metrics)),
            (b"GET / HTTP/1.1\r\n\r\n", Some(Status::NotFound)),
            (b"POST /metrics HTTP/1.1\r\n\r\n", Some(Status::NotAllowed)),
            (b"\x16\x03\x01\x02\x00", Some(Status::Bad)),
            (b"GET /metr", None),
            (b"", None),
        ] {
            assert_eq!(Status::of(head), status, "{}", head.escape_ascii());
        }
    }
}
