//! One message a datagram, over UDP or a Unix socket.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use mediapoint_packet::SecretBytes;

use super::unix::{self, SocketFile};
use super::{Address, Clock, ListenConfig, Opened, STOP_CHECK, Threads, is_time_out};
use crate::access::Verdict;
use crate::dispatch::count;
use crate::secret::REPLY_SEAL;
use crate::{Dispatcher, Handler, Peer};

/// Most bytes of a reply in one datagram: what UDP over IPv4 holds.
const MAX_REPLY: usize = 65_507;

/// How long a reply may wait for a peer that does not read: others wait behind it.
const SEND_WITHIN: Duration = Duration::from_millis(5);

enum Socket {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

/// Where a datagram came from.
enum Source {
    Udp(SocketAddr),
    Unix(UnixAddr),
}

impl Socket {
    fn open(config: &ListenConfig) -> io::Result<(Self, Address, Option<SocketFile>)> {
        match &config.address {
            Address::Inet(address) => {
                let socket = UdpSocket::bind(address)?;
                socket.set_read_timeout(Some(STOP_CHECK))?;
                let address = socket.local_addr()?.into();
                Ok((Self::Udp(socket), address, None))
            }
            Address::Unix(path) => {
                let (socket, file) = unix::bind(path, config.unix, socket2::Type::DGRAM)?;
                let socket = UnixDatagram::from(socket);
                socket.set_read_timeout(Some(STOP_CHECK))?;
                socket.set_write_timeout(Some(SEND_WITHIN))?;
                Ok((Self::Unix(socket), config.address.clone(), Some(file)))
            }
        }
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, Source)> {
        match self {
            Self::Udp(socket) => socket.recv_from(buffer).map(|(len, from)| (len, Source::Udp(from))),
            Self::Unix(socket) => socket.recv_from(buffer).map(|(len, from)| (len, Source::Unix(from))),
        }
    }

    fn send(&self, bytes: &[u8], to: &Source) -> io::Result<usize> {
        match (self, to) {
            (Self::Udp(socket), Source::Udp(to)) => socket.send_to(bytes, to),
            (Self::Unix(socket), Source::Unix(to)) => socket.send_to_addr(bytes, to),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

pub(super) fn start<H: Handler + 'static>(
    config: &ListenConfig,
    clock: &Clock,
    dispatcher: &Arc<Dispatcher<H>>,
    threads: &mut Threads,
) -> io::Result<Opened> {
    let (socket, address, file) = Socket::open(config)?;
    let socket = Arc::new(socket);
    for n in 0..config.threads.clamp(1, 64) {
        let (socket, clock, dispatcher) = (Arc::clone(&socket), Arc::clone(clock), Arc::clone(dispatcher));
        let config = config.clone();
        threads.spawn(format!("ng-{n}"), move |life| {
            let mut buffer = SecretBytes::zeroed(65_536);
            while life.goes_on() {
                match socket.receive(&mut buffer) {
                    Ok((len, from)) => {
                        let message = buffer.get(..len).unwrap_or_default();
                        take(&config, &clock, &dispatcher, &socket, message, &from);
                        buffer.wipe_front(len);
                    }
                    // A pending ICMP error of an earlier reply shows up here; the socket is still good.
                    Err(error) if !is_time_out(&error) => tracing::debug!(%error, "control port receive"),
                    Err(_) => dispatcher.forget_old(clock()),
                }
            }
        })?;
    }
    Ok(Opened { address, file })
}

fn take<H: Handler>(
    config: &ListenConfig,
    clock: &Clock,
    dispatcher: &Dispatcher<H>,
    socket: &Socket,
    message: &[u8],
    from: &Source,
) {
    let Some(peer) = admit(config, dispatcher, from) else { return };
    let now = clock();
    let answered = match (&config.guard, from) {
        (Some(guard), Source::Udp(_)) => {
            let opened = match guard.open(&peer, message) {
                Ok(opened) => opened,
                Err(reason) => {
                    count(&dispatcher.counters().not_authentic);
                    tracing::warn!(%reason, "a control message was ignored");
                    return;
                }
            };
            let reply = if opened.repeated {
                dispatcher.answer_again(&peer, opened.message)
            } else {
                dispatcher.answer_within(now, &peer, opened.message, MAX_REPLY - REPLY_SEAL)
            };
            reply.map(|reply| Arc::new(guard.seal(&opened.mac, &reply)))
        }
        _ => dispatcher.answer_within(now, &peer, message, MAX_REPLY),
    };
    if let Some(reply) = answered
        && let Err(error) = socket.send(&reply, from)
    {
        count(&dispatcher.counters().unsent);
        tracing::warn!(%error, bytes = reply.len(), "control port reply");
    }
}

/// The sender, where it may speak. Who may use a Unix socket is what the permissions of its file say.
fn admit<H: Handler>(config: &ListenConfig, dispatcher: &Dispatcher<H>, from: &Source) -> Option<Peer> {
    match from {
        Source::Unix(from) => {
            let peer = unix::peer(from);
            if peer.is_none() {
                count(&dispatcher.counters().refused_peers);
            }
            peer
        }
        Source::Udp(from) => match config.access.verdict(*from) {
            Verdict::Allowed => Some((*from).into()),
            Verdict::Stranger => {
                count(&dispatcher.counters().refused_peers);
                None
            }
            Verdict::MediaPort => {
                count(&dispatcher.counters().from_media);
                tracing::warn!(
                    port = from.port(),
                    "ignored a control message from a media port of this server"
                );
                None
            }
        },
    }
}
