//! Interim adapter of the socket reactor to the packet I/O trait.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_net::{Counters, Reactor, ReactorConfig, SocketOptions, UdpSocket, Waker};
use mediapoint_packet::{PacketBuf, PacketPool, Time};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Port(pub u32);

pub(crate) struct Received {
    pub(crate) port: Port,
    pub(crate) from: SocketAddr,
    pub(crate) packet: PacketBuf,
    pub(crate) at: Option<Time>,
}

pub(crate) trait PacketIo {
    type Handle: Send + 'static;
    fn attach(&mut self, handle: Self::Handle) -> io::Result<Port>;
    fn detach(&mut self, port: Port) -> Option<Self::Handle>;
    fn close(&mut self, port: Port);
    fn set_dscp(&mut self, port: Port, dscp: u8) -> io::Result<()>;
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()>;
    fn wait_tick(&mut self, pause: Duration) -> io::Result<()>;
    fn receive(&mut self, pool: &mut PacketPool) -> Option<Received>;
    fn send(&mut self, port: Port, to: SocketAddr, packet: PacketBuf, pool: &mut PacketPool);
    fn flush(&mut self, pool: &mut PacketPool);
    fn waker(&self) -> Waker;
    fn counters(&self) -> Counters;
}

pub(crate) struct SocketIo {
    reactor: Reactor,
    free: Vec<u32>,
}

impl SocketIo {
    pub(crate) fn new(max_ports: usize) -> io::Result<Self> {
        let reactor = Reactor::new(ReactorConfig { max_sockets: max_ports, ..ReactorConfig::default() })?;
        let free = (0..u32::try_from(max_ports).unwrap_or(u32::MAX)).rev().collect();
        Ok(Self { reactor, free })
    }
}

impl PacketIo for SocketIo {
    type Handle = UdpSocket;

    fn attach(&mut self, handle: UdpSocket) -> io::Result<Port> {
        let key = self.free.pop().ok_or(io::ErrorKind::OutOfMemory)?;
        self.reactor.add(key, handle).inspect_err(|_| self.free.push(key))?;
        Ok(Port(key))
    }

    fn detach(&mut self, port: Port) -> Option<UdpSocket> {
        let socket = self.reactor.remove(port.0)?;
        self.free.push(port.0);
        Some(socket)
    }

    fn close(&mut self, port: Port) {
        drop(self.detach(port));
    }

    fn set_dscp(&mut self, port: Port, dscp: u8) -> io::Result<()> {
        self.reactor.socket(port.0).map_or(Ok(()), |socket| socket.set_dscp(dscp))
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.reactor.wait(timeout)
    }

    fn wait_tick(&mut self, pause: Duration) -> io::Result<()> {
        self.reactor.wait_tick(pause)
    }

    fn receive(&mut self, pool: &mut PacketPool) -> Option<Received> {
        let received = self.reactor.receive(pool)?;
        Some(Received { port: Port(received.key), from: received.from, packet: received.packet, at: None })
    }

    fn send(&mut self, port: Port, to: SocketAddr, packet: PacketBuf, pool: &mut PacketPool) {
        self.reactor.send(port.0, to, packet, pool);
    }

    fn flush(&mut self, pool: &mut PacketPool) {
        self.reactor.flush(pool);
    }

    fn waker(&self) -> Waker {
        self.reactor.waker()
    }

    fn counters(&self) -> Counters {
        self.reactor.counters()
    }
}

pub(crate) fn open(at: SocketAddr, options: &SocketOptions) -> io::Result<UdpSocket> {
    UdpSocket::bind(at, options)
}
