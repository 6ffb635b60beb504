//! What a core puts out, kept until the world carries it on. In the steady state it allocates nothing.

use std::net::SocketAddr;

use mediapoint_engine::core::{Output, SocketKey};
use mediapoint_engine::{Event, LegId};
use mediapoint_packet::{PacketBuf, PacketPool};

/// A datagram on its way out.
#[derive(Debug)]
pub struct Sending {
    /// The socket it leaves from.
    pub from: SocketKey,
    /// Where it goes.
    pub to: SocketAddr,
    /// The datagram.
    pub packet: PacketBuf,
}

/// The [`Output`] of a core under test.
#[derive(Debug)]
pub struct Outbox {
    pool: PacketPool,
    size: usize,
    /// Datagrams in the order sent.
    pub sent: Vec<Sending>,
    /// Events in the order told.
    pub events: Vec<Event>,
    /// Legs whose sockets were closed.
    pub closed: Vec<(u32, LegId)>,
}

impl Outbox {
    /// An outbox with a pool of `buffers`.
    #[must_use]
    pub fn new(buffers: usize) -> Self {
        Self {
            pool: PacketPool::new(buffers),
            size: buffers,
            sent: Vec::with_capacity(buffers),
            events: Vec::with_capacity(256),
            closed: Vec::with_capacity(64),
        }
    }

    /// A buffer holding `bytes`; `None` where all are in use or `bytes` are too many.
    pub fn filled(&mut self, bytes: &[u8]) -> Option<PacketBuf> {
        let mut packet = self.pool.take()?;
        packet.fill(bytes).then_some(packet)
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
    fn send(&mut self, from: SocketKey, to: SocketAddr, packet: PacketBuf) {
        self.sent.push(Sending { from, to, packet });
    }

    fn take(&mut self) -> Option<PacketBuf> {
        self.pool.take()
    }

    fn give(&mut self, packet: PacketBuf) {
        self.pool.give(packet);
    }

    fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    fn close(&mut self, slot: u32, leg: LegId) {
        self.closed.push((slot, leg));
    }
}
