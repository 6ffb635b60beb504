//! What a session puts out, kept until the world carries it on. In the steady state it allocates nothing.

use std::net::SocketAddr;

use mediapoint_engine::session::port::{LegPorts, PortKey};
use mediapoint_engine::session::{Output, WakeHandle};
use mediapoint_engine::{Event, LegId};
use mediapoint_net::{Forwarded, ForwardingRule, NotForwarded, Port};
use mediapoint_packet::{PacketBuf, PacketPool};

use crate::kernel::Kernel;

/// Large buffers of a pool.
const LARGE_BUFFERS: usize = 16;

/// A datagram on its way out.
#[derive(Debug)]
pub struct Sending {
    /// The port it leaves from.
    pub from: PortKey,
    /// Where it goes.
    pub to: SocketAddr,
    /// The datagram.
    pub packet: PacketBuf,
}

/// The [`Output`] of a session under test.
#[derive(Debug)]
pub struct Outbox {
    pool: PacketPool,
    size: usize,
    /// Datagrams in the order sent.
    pub sent: Vec<Sending>,
    /// Events in the order told.
    pub events: Vec<Event>,
    /// Legs whose ports were closed.
    pub closed: Vec<(LegPorts, LegId)>,
    /// Readers and writers of rings that were to be woken.
    pub woken: u64,
    /// What forwards streams that the session hands over; `None` where nothing does.
    pub kernel: Option<Kernel>,
}

impl Outbox {
    /// An outbox with a pool of `buffers`.
    #[must_use]
    pub fn new(buffers: usize) -> Self {
        Self {
            pool: PacketPool::with_large(buffers, LARGE_BUFFERS),
            size: buffers + LARGE_BUFFERS,
            sent: Vec::with_capacity(buffers),
            events: Vec::with_capacity(256),
            closed: Vec::with_capacity(64),
            woken: 0,
            kernel: None,
        }
    }

    /// A buffer holding `bytes`; `None` where all are in use or `bytes` are too many.
    pub fn filled(&mut self, bytes: &[u8]) -> Option<PacketBuf> {
        self.copy(bytes)
    }

    /// Gives back what was sent, as a socket would after it is gone.
    pub fn recycle(&mut self) {
        while let Some(sending) = self.sent.pop() {
            self.pool.give(sending.packet);
        }
    }

    /// Buffers that are neither free nor in `sent`: on the way, or lost.
    #[must_use]
    pub fn buffers_out(&self) -> usize {
        self.size - self.pool.available() - self.sent.len()
    }
}

impl Output for Outbox {
    fn send(&mut self, from: PortKey, to: SocketAddr, packet: PacketBuf) {
        self.sent.push(Sending { from, to, packet });
    }

    fn take(&mut self) -> Option<PacketBuf> {
        self.pool.take()
    }

    fn take_for(&mut self, len: usize) -> Option<PacketBuf> {
        self.pool.take_for(len)
    }

    fn give(&mut self, packet: PacketBuf) {
        self.pool.give(packet);
    }

    fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    fn close(&mut self, ports: LegPorts, leg: LegId) {
        if let Some(kernel) = &self.kernel {
            kernel.close(ports.rtp);
        }
        self.closed.push((ports, leg));
    }

    fn wake(&mut self, handle: WakeHandle) {
        self.woken += 1;
        handle.wake();
    }

    fn forward(&mut self, rule: &ForwardingRule) -> Result<(), NotForwarded> {
        self.kernel.as_mut().map_or(Err(NotForwarded::Unsupported), |kernel| kernel.forward(rule))
    }

    fn forwarded(&mut self, port: Port) -> Option<Forwarded> {
        self.kernel.as_ref()?.forwarded(port)
    }

    fn take_back(&mut self, port: Port) -> Option<Forwarded> {
        self.kernel.as_mut()?.take_back(port)
    }
}

/// An [`Output`] that keeps nothing: a datagram that is sent is counted, and its buffer is free again.
#[derive(Debug)]
pub struct Sink {
    /// Buffers for what comes in.
    pub pool: PacketPool,
    /// Datagrams sent.
    pub sent: u64,
}

impl Sink {
    /// A sink with a pool of `buffers`.
    #[must_use]
    pub fn new(buffers: usize) -> Self {
        Self { pool: PacketPool::with_large(buffers, LARGE_BUFFERS), sent: 0 }
    }
}

impl Output for Sink {
    fn send(&mut self, _from: PortKey, _to: SocketAddr, packet: PacketBuf) {
        assert!(!packet.is_empty(), "an empty datagram was sent");
        self.sent += 1;
        self.pool.give(packet);
    }

    fn take(&mut self) -> Option<PacketBuf> {
        self.pool.take()
    }

    fn take_for(&mut self, len: usize) -> Option<PacketBuf> {
        self.pool.take_for(len)
    }

    fn give(&mut self, packet: PacketBuf) {
        self.pool.give(packet);
    }

    fn event(&mut self, _event: Event) {}

    fn close(&mut self, _ports: LegPorts, _leg: LegId) {}

    fn wake(&mut self, handle: WakeHandle) {
        handle.wake();
    }
}

/// The RTP port of the leg that a test numbers `leg`.
#[must_use]
pub const fn rtp_port(leg: u32) -> PortKey {
    PortKey(leg * 2)
}

/// The RTCP port of the leg that a test numbers `leg`.
#[must_use]
pub const fn rtcp_port(leg: u32) -> PortKey {
    PortKey(leg * 2 + 1)
}

/// Both ports of the leg that a test numbers `leg`.
#[must_use]
pub const fn leg_ports(leg: u32) -> LegPorts {
    LegPorts { rtp: rtp_port(leg), rtcp: Some(rtcp_port(leg)), scope: mediapoint_engine::LocalScope::Global }
}
