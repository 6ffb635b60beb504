//! The packet I/O backends that a worker can have, as one type, and which of them an engine takes.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mediapoint_net::{
    Counters, Forwarded, ForwardingRule, NotForwarded, PacketIo, Port, Received, SocketIo, SocketIoConfig,
    UdpSocket, Waker, XdpInterfaces, XdpIo, XdpOptions,
};
use mediapoint_packet::{PacketBuf, PacketPool};

use crate::runtime::builder::{Interface, PacketBackend};

/// Forwarding rules that an interface can have.
const MAX_RULES: usize = 65_536;

/// The packet I/O of a worker.
#[derive(Debug)]
pub(crate) enum WorkerIo {
    Sockets(Box<SocketIo>),
    Xdp(Box<XdpIo>),
}

impl WorkerIo {
    /// The backend of worker number `worker`: its receive queue is the one of the same number.
    pub(crate) fn new(
        worker: usize,
        config: SocketIoConfig,
        interfaces: Option<&XdpInterfaces>,
    ) -> io::Result<Self> {
        let Some(interfaces) = interfaces else { return Ok(Self::Sockets(Box::new(SocketIo::new(config)?))) };
        let queue = u32::try_from(worker).map_err(|_| io::ErrorKind::InvalidInput)?;
        let xdp = XdpIo::new(config, interfaces, queue)?;
        if xdp.is_direct() {
            tracing::info!(worker, served = %xdp.describe(), "packets of this worker pass the kernel by");
        } else {
            tracing::warn!(worker, served = %xdp.describe(), "packets of this worker go through the kernel");
        }
        Ok(Self::Xdp(Box::new(xdp)))
    }
}

/// The interfaces to serve past the kernel; `None` where sockets serve them. Says in the log which, and why. Their
/// programs have room for so many forwarding rules.
///
/// # Errors
/// What keeps AF_XDP from it, where nothing else is wanted.
pub(crate) fn choose(
    backend: PacketBackend,
    interfaces: &[Interface],
    forwarding_rules: usize,
) -> io::Result<Option<XdpInterfaces>> {
    if backend == PacketBackend::Sockets {
        return Ok(None);
    }
    let addresses: Vec<IpAddr> = interfaces.iter().map(|interface| interface.address).collect();
    let forwarding_rules = u32::try_from(forwarding_rules.min(MAX_RULES)).unwrap_or_default();
    let options = XdpOptions { forwarding_rules, ..XdpOptions::default() };
    match XdpInterfaces::attach_with(&addresses, &options) {
        Ok(attached) => {
            tracing::info!(interfaces = %attached, "media ports are served by AF_XDP");
            Ok(Some(attached))
        }
        Err(error) if backend == PacketBackend::Auto => {
            tracing::info!(%error, "media ports are served by sockets: AF_XDP is not to be had");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Calls the backend that it is.
macro_rules! backend {
    ($io:expr, $name:ident($($argument:expr),*)) => {
        match $io {
            Self::Sockets(io) => io.$name($($argument),*),
            Self::Xdp(io) => io.$name($($argument),*),
        }
    };
}

impl PacketIo for WorkerIo {
    type Handle = UdpSocket;

    fn attach(&mut self, handle: UdpSocket) -> io::Result<Port> {
        backend!(self, attach(handle))
    }

    fn detach(&mut self, port: Port) -> Option<UdpSocket> {
        backend!(self, detach(port))
    }

    fn close(&mut self, port: Port) {
        backend!(self, close(port));
    }

    fn set_dscp(&mut self, port: Port, dscp: u8) -> io::Result<()> {
        backend!(self, set_dscp(port, dscp))
    }

    fn set_arrival_times(&mut self, port: Port, wanted: bool) -> io::Result<()> {
        backend!(self, set_arrival_times(port, wanted))
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        backend!(self, wait(timeout))
    }

    fn wait_tick(&mut self, pause: Duration) -> io::Result<()> {
        backend!(self, wait_tick(pause))
    }

    fn receive(&mut self, pool: &mut PacketPool) -> Option<Received> {
        backend!(self, receive(pool))
    }

    fn send(&mut self, port: Port, to: SocketAddr, packet: PacketBuf, pool: &mut PacketPool) {
        backend!(self, send(port, to, packet, pool));
    }

    fn flush(&mut self, pool: &mut PacketPool) {
        backend!(self, flush(pool));
    }

    fn forward(&mut self, rule: &ForwardingRule) -> Result<(), NotForwarded> {
        backend!(self, forward(rule))
    }

    fn forwarded(&mut self, port: Port) -> Option<Forwarded> {
        backend!(self, forwarded(port))
    }

    fn take_back(&mut self, port: Port) -> Option<Forwarded> {
        backend!(self, take_back(port))
    }

    fn waker(&self) -> Waker {
        backend!(self, waker())
    }

    fn counters(&self) -> Counters {
        backend!(self, counters())
    }
}
