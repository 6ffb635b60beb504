//! A client of the control port, for tools that ask a running server: one request at a time, over UDP, TCP or a Unix socket,
//! under a secret where the server has one.
//!
//! It blocks. A proxy has its own client; this one is for people and scripts.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use mediapoint_packet::SecretBytes;

use crate::secret::{REPLY_SEAL, SealedRequest};
use crate::wire::{self, Dict, Format, MAX_COOKIE, Scanner, Value};
use crate::{NgError, Secret};

/// How often a datagram is sent before the server counts as silent.
const TRIES: u32 = 4;
/// How long the first of them is waited for; each further one twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// How long a connection may take for a reply.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes of a reply over a connection.
const MAX_REPLY: usize = 16 << 20;
/// Most bytes of a datagram.
const MAX_DATAGRAM: usize = 65_535;

/// Where a server is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Its port for datagrams.
    Udp(SocketAddr),
    /// Its port for connections.
    Tcp(SocketAddr),
    /// Its Unix socket, of either kind.
    Unix(PathBuf),
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Udp(address) => write!(f, "{address}"),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Why there is no reply that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The socket failed.
    #[error("cannot ask the server at {target}: {source}")]
    Io {
        /// The server.
        target: Target,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing came. Whoever may not speak, or does not know the secret, is not answered either.
    #[error(
        "no reply from {target}: is a server there, does its allow list have this machine, is the secret the same?"
    )]
    NoReply {
        /// The server.
        target: Target,
    },
    /// Something came that is no reply.
    #[error("the reply cannot be read: {0}")]
    Malformed(NgError),
    /// The server refused the request.
    #[error("the server refused: {0}")]
    Refused(String),
}

enum Socket {
    Udp(UdpSocket),
    Datagrams { socket: UnixDatagram, _own: OwnPath },
    Tcp(TcpStream),
    Stream(UnixStream),
}

/// The path of a client's own datagram socket, removed with it.
struct OwnPath(PathBuf);

impl Drop for OwnPath {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A client of one server.
pub struct Client {
    target: Target,
    socket: Socket,
    secret: Option<Secret>,
    session: u32,
    sent: u32,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Client {
    /// A client of this server.
    ///
    /// # Errors
    /// [`ClientError::Io`] where it cannot be reached.
    pub fn connect(target: Target) -> Result<Self, ClientError> {
        let socket =
            Socket::open(&target).map_err(|source| ClientError::Io { target: target.clone(), source })?;
        Ok(Self { target, socket, secret: None, session: std::process::id(), sent: 0 })
    }

    /// Sends each request under a secret, and takes replies only under it. Unix sockets need none, and are asked without.
    #[must_use]
    pub fn with_secret(mut self, secret: Secret) -> Self {
        self.secret = Some(secret).filter(|_| !matches!(self.target, Target::Unix(_)));
        self
    }

    /// Sends one request, and waits for its reply.
    ///
    /// # Errors
    /// Every case of [`ClientError`].
    pub fn request(&mut self, command: &str, keys: Dict) -> Result<Dict, ClientError> {
        let mut dict = keys;
        dict.insert(b"command".to_vec(), command.into());
        self.sent += 1;
        let started = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let cookie = format!("ctl{}_{}_{}", self.session, started.as_micros() % 1_000_000_000, self.sent);
        let message = wire::encode(cookie.as_bytes(), Format::Bencode, &dict);
        let sealed = self.secret.as_ref().map(|secret| secret.request(started, message.as_slice()));
        let bytes = sealed.as_ref().map_or(message.as_slice(), |sealed| sealed.bytes.as_slice());
        let open = Opener { cookie: cookie.as_bytes(), sealed: self.secret.as_ref().zip(sealed.as_ref()) };
        let failed = |source| ClientError::Io { target: self.target.clone(), source };
        let reply = match &mut self.socket {
            Socket::Udp(socket) => by_datagram(
                || socket.send(bytes),
                |buffer, time| socket.set_read_timeout(Some(time)).and_then(|()| socket.recv(buffer)),
                &open,
            ),
            Socket::Datagrams { socket, .. } => by_datagram(
                || socket.send(bytes),
                |buffer, time| socket.set_read_timeout(Some(time)).and_then(|()| socket.recv(buffer)),
                &open,
            ),
            Socket::Tcp(stream) => by_stream(stream, bytes, &open),
            Socket::Stream(stream) => by_stream(stream, bytes, &open),
        };
        let reply =
            reply.map_err(failed)?.ok_or_else(|| ClientError::NoReply { target: self.target.clone() })?;
        let dict = wire::decode(reply.as_slice()).map_err(ClientError::Malformed)?;
        let text = |key: &str| dict.get(key.as_bytes()).and_then(Value::to_text).unwrap_or_default();
        match text("result").as_str() {
            "error" => Err(ClientError::Refused(text("error-reason"))),
            _ => Ok(dict),
        }
    }
}

impl Socket {
    fn open(target: &Target) -> io::Result<Self> {
        match target {
            Target::Udp(server) => {
                let any: SocketAddr =
                    if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0; 16], 0).into() };
                let socket = UdpSocket::bind(any)?;
                socket.connect(server)?;
                Ok(Self::Udp(socket))
            }
            Target::Tcp(server) => {
                let stream = TcpStream::connect_timeout(server, PATIENCE)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Self::Tcp(stream))
            }
            Target::Unix(path) => match UnixStream::connect(path) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(PATIENCE))?;
                    stream.set_write_timeout(Some(PATIENCE))?;
                    Ok(Self::Stream(stream))
                }
                // What the system says of a socket of the other kind is not the same everywhere.
                Err(_) => datagrams(path),
            },
        }
    }
}

/// A datagram socket with a path of its own, without which nothing could be answered.
fn datagrams(server: &Path) -> io::Result<Socket> {
    let own = std::env::temp_dir().join(format!("mediapoint-ctl-{}", std::process::id()));
    // What a client of the same number left behind.
    let _ = std::fs::remove_file(&own);
    let socket = UnixDatagram::bind(&own)?;
    let own = OwnPath(own);
    socket.connect(server)?;
    Ok(Socket::Datagrams { socket, _own: own })
}

/// What makes a reply that of the request.
struct Opener<'a> {
    cookie: &'a [u8],
    sealed: Option<(&'a Secret, &'a SealedRequest)>,
}

impl Opener<'_> {
    /// The dictionary of a whole message; `None` where it is not the reply.
    fn open(&self, bytes: &[u8]) -> Option<SecretBytes> {
        let message = match self.sealed {
            Some((secret, request)) => secret.open_reply(request, bytes)?,
            None => bytes,
        };
        Some(message.strip_prefix(self.cookie)?.strip_prefix(b" ")?.into())
    }
}

/// Sends the datagram until its reply comes, a few times at most: the server knows a repeated one by its cookie.
fn by_datagram(
    send: impl Fn() -> io::Result<usize>,
    mut receive: impl FnMut(&mut [u8], Duration) -> io::Result<usize>,
    open: &Opener<'_>,
) -> io::Result<Option<SecretBytes>> {
    let mut buffer = vec![0; MAX_DATAGRAM];
    let mut wait = FIRST_WAIT;
    for _ in 0..TRIES {
        send()?;
        // A reply to an earlier request may still be on its way.
        match receive(&mut buffer, wait) {
            Ok(len) => {
                if let Some(reply) = open.open(buffer.get(..len).unwrap_or_default()) {
                    return Ok(Some(reply));
                }
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
        wait *= 2;
    }
    Ok(None)
}

/// Sends the message, and reads until the dictionary of the reply is whole. A connection that ends first was refused.
fn by_stream(
    stream: &mut (impl Read + Write),
    bytes: &[u8],
    open: &Opener<'_>,
) -> io::Result<Option<SecretBytes>> {
    stream.write_all(bytes)?;
    let mut read = SecretBytes::default();
    let mut chunk = SecretBytes::zeroed(16_384);
    loop {
        let len = match stream.read(&mut chunk) {
            Ok(0) => return Ok(None),
            Ok(len) => len,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        read.extend_from_slice(chunk.get(..len).unwrap_or_default());
        if is_whole(read.as_slice()) {
            return Ok(open.open(read.as_slice()));
        }
        if read.as_slice().len() > MAX_REPLY {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}

/// True where the dictionary behind the cookie is complete.
fn is_whole(bytes: &[u8]) -> bool {
    let head = MAX_COOKIE + REPLY_SEAL + 1;
    let Some(blank) = bytes.iter().take(head).position(|byte| *byte == b' ') else { return false };
    let dict = bytes.get(blank + 1..).unwrap_or_default();
    // Where it is no dictionary, there is nothing to wait for.
    !dict.is_empty() && !matches!(Scanner::new(Format::Bencode).advance(dict), Ok(None))
}
