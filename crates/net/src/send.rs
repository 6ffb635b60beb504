//! The send queue: datagrams queued during a round, sent in order at its end, buffers given back.
//!
//! A call for each: `sendmmsg` sends for one socket only, and for the runs of two to four that occur it costs as much
//! (`docs/decisions/007-receive-path.md`).

use std::net::SocketAddr;
use std::os::fd::RawFd;

use mediapoint_packet::{PacketBuf, PacketPool};

use crate::counters::Counters;
use crate::datagram;
use crate::io::Port;

/// A socket as the send queue knows it.
#[derive(Clone, Copy)]
pub(crate) struct Outlet {
    pub(crate) fd: RawFd,
    pub(crate) v6: bool,
}

/// One datagram on its way.
struct Outgoing {
    port: Port,
    to: SocketAddr,
    packet: PacketBuf,
    /// Sent already, as its port was about to go: only the buffer is still to be given back.
    done: bool,
}

/// Datagrams queued for sending, in order.
pub(crate) struct SendQueue {
    queue: Vec<Outgoing>,
    size: usize,
}

impl SendQueue {
    pub(crate) fn new(size: usize) -> Self {
        let size = size.max(1);
        Self { queue: Vec::with_capacity(size), size }
    }

    /// Queues a datagram; true where the queue is full now and must be flushed.
    pub(crate) fn push(&mut self, port: Port, to: SocketAddr, packet: PacketBuf) -> bool {
        self.queue.push(Outgoing { port, to, packet, done: false });
        self.queue.len() >= self.size
    }

    /// Sends all that is queued and gives the buffers back.
    pub(crate) fn flush(
        &mut self,
        outlet: impl Fn(Port) -> Option<Outlet>,
        counters: &mut Counters,
        pool: &mut PacketPool,
    ) {
        for outgoing in self.queue.drain(..) {
            if !outgoing.done {
                match outlet(outgoing.port) {
                    Some(outlet) => outgoing.send(outlet, counters),
                    None => counters.send_without_port(),
                }
            }
            pool.give(outgoing.packet);
        }
    }

    /// Sends what is queued on one port that is about to go; the buffers follow with the next flush.
    pub(crate) fn flush_one(&mut self, port: Port, outlet: Outlet, counters: &mut Counters) {
        for outgoing in self.queue.iter_mut().filter(|outgoing| outgoing.port == port && !outgoing.done) {
            outgoing.send(outlet, counters);
            outgoing.done = true;
        }
    }
}

impl Outgoing {
    fn send(&self, outlet: Outlet, counters: &mut Counters) {
        counters.send_calls += 1;
        match datagram::send(outlet.fd, outlet.v6, self.to, self.packet.bytes()) {
            Ok(()) => counters.sent += 1,
            Err(error) => counters.send_failed(error.raw_os_error().unwrap_or(0)),
        }
    }
}
