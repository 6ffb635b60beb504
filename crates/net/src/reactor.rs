//! [`SocketIo`] under keys that the caller chooses: for callers that do not take their ports from the backend yet.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_packet::{PacketBuf, PacketPool};

use crate::counters::Counters;
use crate::io::{PacketIo, Port};
use crate::socket::UdpSocket;
use crate::socket_io::{SocketIo, SocketIoConfig};
use crate::waker::Waker;

/// Bounds of a reactor; see [`SocketIoConfig`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReactorConfig {
    /// Sockets at one time; keys are 0..`max_sockets`.
    pub max_sockets: usize,
    /// As [`SocketIoConfig::receive_turn`].
    pub receive_batch: usize,
    /// As [`SocketIoConfig::send_queue`].
    pub send_batch: usize,
    /// As [`SocketIoConfig::receive_budget`].
    pub receive_budget: usize,
}

impl Default for ReactorConfig {
    fn default() -> Self {
        let SocketIoConfig { max_ports, receive_turn, send_queue, receive_budget } =
            SocketIoConfig::default();
        Self { max_sockets: max_ports, receive_batch: receive_turn, send_batch: send_queue, receive_budget }
    }
}

/// One datagram received.
#[derive(Debug)]
pub struct ReceivedByKey {
    /// The key of the socket it came to.
    pub key: u32,
    /// Who sent it; a v4-mapped address is given as v4.
    pub from: SocketAddr,
    /// The datagram.
    pub packet: PacketBuf,
}

/// A [`SocketIo`] whose sockets have keys.
#[derive(Debug)]
pub struct Reactor {
    io: SocketIo,
    max_sockets: usize,
}

impl Reactor {
    /// A reactor without sockets.
    ///
    /// # Errors
    /// As [`SocketIo::new`].
    pub fn new(config: ReactorConfig) -> io::Result<Self> {
        let ReactorConfig { max_sockets, receive_batch, send_batch, receive_budget } = config;
        let io = SocketIo::new(SocketIoConfig {
            max_ports: max_sockets,
            receive_turn: receive_batch,
            send_queue: send_batch,
            receive_budget,
        })?;
        Ok(Self { io, max_sockets })
    }

    /// As [`PacketIo::waker`].
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.io.waker()
    }

    /// Takes a socket in under `key`. What it received since it was bound is delivered too.
    ///
    /// # Errors
    /// `InvalidInput` for a key not below `max_sockets`, `AlreadyExists` for one in use, else the kernel's. The
    /// socket is closed then.
    pub fn add(&mut self, key: u32, socket: UdpSocket) -> io::Result<()> {
        if key as usize >= self.max_sockets {
            let message = format!("socket key {key} exceeds the reactor's");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        if self.socket(key).is_some() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("socket key {key} is in use")));
        }
        self.io.attach_at(key, socket).map(drop)
    }

    /// As [`PacketIo::detach`].
    pub fn remove(&mut self, key: u32) -> Option<UdpSocket> {
        self.io.take_out(Port::new(key))
    }

    /// The socket under `key`.
    #[must_use]
    pub fn socket(&self, key: u32) -> Option<&UdpSocket> {
        self.io.socket(Port::new(key))
    }

    /// As [`PacketIo::wait`].
    ///
    /// # Errors
    /// As there.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.io.wait(timeout)
    }

    /// As [`PacketIo::wait_tick`].
    ///
    /// # Errors
    /// As there.
    pub fn wait_tick(&mut self, pause: Duration) -> io::Result<()> {
        self.io.wait_tick(pause)
    }

    /// As [`PacketIo::receive`].
    pub fn receive(&mut self, pool: &mut PacketPool) -> Option<ReceivedByKey> {
        let received = self.io.receive(pool)?;
        let key = u32::try_from(received.port.index()).ok()?;
        Some(ReceivedByKey { key, from: received.from, packet: received.packet })
    }

    /// As [`PacketIo::send`].
    pub fn send(&mut self, key: u32, to: SocketAddr, packet: PacketBuf, pool: &mut PacketPool) {
        self.io.send(Port::new(key), to, packet, pool);
    }

    /// As [`PacketIo::flush`].
    pub fn flush(&mut self, pool: &mut PacketPool) {
        self.io.flush(pool);
    }

    /// As [`PacketIo::counters`].
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.io.counters()
    }
}
