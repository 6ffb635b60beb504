//! A client of the rtpengine ng control protocol over UDP or a Unix socket, under a secret where the server has one:
//! `cookie SP bencoded-dictionary` both ways.
//!
//! A command that gets no reply is repeated under the same cookie, so that the server answers from its
//! cache instead of acting twice. Replies to other cookies are passed over.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use bt_bencode::Value;

mod message;
mod transport;

pub use message::{Command, Query, Reply, StreamTotals};
use transport::{Secret, Socket};

/// Largest reply that is read; a UDP datagram cannot be larger.
const MAX_REPLY: usize = 65_535;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum NgError {
    /// The socket failed.
    #[error("ng socket: {0}")]
    Io(#[from] io::Error),
    /// No reply came to any repetition.
    #[error("no reply from {server} to {command} after {tries} tries")]
    NoReply {
        /// Where the command went.
        server: String,
        /// The command's name.
        command: String,
        /// How often it was sent.
        tries: u32,
    },
    /// The command could not be encoded.
    #[error("ng command cannot be encoded: {0}")]
    Encode(String),
    /// The reply is not a dictionary with a result.
    #[error("ng reply is malformed: {0}")]
    Malformed(String),
    /// The server answered `error`.
    #[error("server refused {command}: {reason}")]
    Refused {
        /// The command's name.
        command: String,
        /// The server's own words.
        reason: String,
    },
    /// The server answered `load limit`.
    #[error("server is at its load limit: {0}")]
    LoadLimit(String),
}

/// A client on its own socket.
#[derive(Debug)]
pub struct Client {
    socket: Socket,
    secret: Option<Secret>,
    server: String,
    first_wait: Duration,
    tries: u32,
    session: u32,
    sent: u64,
    buffer: Vec<u8>,
}

impl Client {
    /// A client of `server` that waits 250 ms, then twice as long each time, and sends six times at most.
    ///
    /// # Errors
    /// Where no socket can be had.
    pub fn connect(server: SocketAddr) -> Result<Self, NgError> {
        Ok(Self::over(Socket::udp(server)?, server.to_string()))
    }

    /// The same over the Unix datagram socket at `server`.
    ///
    /// # Errors
    /// Where no socket can be had.
    pub fn connect_unix(server: &Path) -> Result<Self, NgError> {
        Ok(Self::over(Socket::unix(server)?, format!("unix:{}", server.display())))
    }

    fn over(socket: Socket, server: String) -> Self {
        Self {
            socket,
            secret: None,
            server,
            first_wait: Duration::from_millis(250),
            tries: 6,
            session: rand::random(),
            sent: 0,
            buffer: vec![0; MAX_REPLY],
        }
    }

    /// Sends each command under a secret, and takes replies only under it.
    #[must_use]
    pub fn with_secret(mut self, secret: &[u8]) -> Self {
        self.secret = Some(Secret::new(secret));
        self
    }

    /// Sets the first waiting time and how often a command is sent in all, at least once.
    #[must_use]
    pub fn with_patience(mut self, first_wait: Duration, tries: u32) -> Self {
        self.first_wait = first_wait.max(Duration::from_millis(1));
        self.tries = tries.max(1);
        self
    }

    /// Sends any command and waits for its reply, whatever its result says but `error` and `load limit`.
    ///
    /// # Errors
    /// Every case of [`NgError`].
    pub fn request(&mut self, command: &Command) -> Result<Reply, NgError> {
        self.exchange(command, self.tries)?.checked(command.name())
    }

    /// Sends any command, `tries` times at most, and returns whatever comes, `error` and `load limit` too.
    ///
    /// # Errors
    /// Every case of [`NgError`] but [`NgError::Refused`] and [`NgError::LoadLimit`].
    pub fn exchange(&mut self, command: &Command, tries: u32) -> Result<Reply, NgError> {
        self.sent += 1;
        let cookie = format!("{:08x}_{}", self.session, self.sent);
        let mut datagram = format!("{cookie} ").into_bytes();
        datagram.extend(command.encode()?);
        let mut mac = String::new();
        if let Some(secret) = &self.secret {
            (datagram, mac) = secret.seal(&datagram);
        }
        let mut wait = self.first_wait;
        for _ in 0..tries {
            match self.socket.send(&datagram) {
                // A connected UDP socket reports the refusal of an earlier datagram here.
                Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {}
                other => drop(other?),
            }
            if let Some(reply) = self.reply_to(&cookie, &mac, Instant::now() + wait)? {
                return Ok(reply);
            }
            wait *= 2;
        }
        let server = self.server.clone();
        Err(NgError::NoReply { server, command: command.name().to_owned(), tries })
    }

    /// Asks whether the server is there.
    ///
    /// # Errors
    /// As [`Client::request`]; also where the answer is not `pong`.
    pub fn ping(&mut self) -> Result<(), NgError> {
        let reply = self.request(&Command::new("ping"))?;
        if reply.result() == "pong" { Ok(()) } else { Err(NgError::Malformed(reply.result().to_owned())) }
    }

    /// Sends an offer and gives the description to show to the callee.
    ///
    /// # Errors
    /// As [`Client::request`]; also where the reply carries no SDP.
    pub fn offer(&mut self, command: &Command) -> Result<String, NgError> {
        self.request(command)?.sdp()
    }

    /// Sends an answer and gives the description to show to the caller.
    ///
    /// # Errors
    /// As [`Client::request`]; also where the reply carries no SDP.
    pub fn answer(&mut self, command: &Command) -> Result<String, NgError> {
        self.request(command)?.sdp()
    }

    /// Ends a call at once.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn delete(&mut self, call_id: &str, from_tag: &str) -> Result<Reply, NgError> {
        self.request(
            &Command::new("delete")
                .text("call-id", call_id)
                .text("from-tag", from_tag)
                .int("delete-delay", 0),
        )
    }

    /// Asks for a call's statistics.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn query(&mut self, call_id: &str) -> Result<Query, NgError> {
        Ok(Query::new(self.request(&Command::new("query").text("call-id", call_id))?))
    }

    /// The ids of at most `limit` running calls.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn list(&mut self, limit: u32) -> Result<Vec<String>, NgError> {
        let reply = self.request(&Command::new("list").int("limit", i64::from(limit)))?;
        let calls = reply.value("calls").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Ok(calls.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// The server's own statistics, as it words them.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn statistics(&mut self) -> Result<Reply, NgError> {
        self.request(&Command::new("statistics"))
    }

    fn reply_to(&mut self, cookie: &str, mac: &str, deadline: Instant) -> Result<Option<Reply>, NgError> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let len = match self.socket.receive(&mut self.buffer, left) {
                Ok(len) => len,
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Ok(None);
                }
                Err(e)
                    if matches!(e.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionRefused) =>
                {
                    continue;
                }
                Err(e) => return Err(e.into()),
            };
            let datagram = self.buffer.get(..len).unwrap_or_default();
            let opened = match &self.secret {
                Some(secret) => secret.open(mac, datagram),
                None => Some(datagram),
            };
            let Some(datagram) = opened else { continue };
            let Some(body) =
                datagram.strip_prefix(cookie.as_bytes()).and_then(|rest| rest.strip_prefix(b" "))
            else {
                continue;
            };
            return Reply::decode(body).map(Some);
        }
    }
}

#[cfg(test)]
mod tests;
