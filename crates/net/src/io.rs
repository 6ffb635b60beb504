//! Packet I/O of one worker: the trait that a worker is generic over, and what it speaks of.
//!
//! A port's life: a [`PortOpener`] opens a local address on any thread; a worker attaches the handle and serves it under a
//! [`Port`]; it closes the port, or detaches the handle for another worker to attach.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_packet::{PacketBuf, PacketPool, Time};

use crate::counters::Counters;
use crate::forwarding::{Forwarded, ForwardingRule, NotForwarded};
use crate::socket::PortOptions;
use crate::waker::Waker;

/// A local address that is attached to a backend: a small index, unique while it is attached and used again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(u32);

impl Port {
    /// The port of an index. For backends: a worker has its ports from [`PacketIo::attach`].
    #[must_use]
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    /// Its index, for tables of one entry a port.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One datagram received.
#[derive(Debug)]
pub struct Received {
    /// The port it came to.
    pub port: Port,
    /// Who sent it; a v4-mapped address is given as v4.
    pub from: SocketAddr,
    /// The datagram.
    pub packet: PacketBuf,
    /// When it arrived, where the backend knows: not later than now, and in the order of arrival for one port as long as
    /// nobody sets the machine's clock. `None`: before this call, and since the wait.
    pub at: Option<Time>,
}

/// An opened local address that no worker serves at present. Dropping it closes the address.
pub trait PortHandle: Send + 'static {
    /// The address it is bound to, with the port chosen where that was left open.
    fn local_addr(&self) -> SocketAddr;
}

/// Opens local addresses for a backend, from any thread.
pub trait PortOpener: Send + Sync + 'static {
    /// What it opens.
    type Handle: PortHandle;

    /// Opens `at` (port 0: any free one). May take the time of some system calls; callers hold no lock over it.
    ///
    /// # Errors
    /// The backend's: address in use (`AddrInUse`), not of this machine (`AddrNotAvailable`), no resources left;
    /// `InvalidInput` for options out of range.
    fn open(&self, at: SocketAddr, options: &PortOptions) -> io::Result<Self::Handle>;
}

/// Packet I/O of one worker.
///
/// The order of calls in a round: [`wait`](Self::wait) or [`wait_tick`](Self::wait_tick); [`receive`](Self::receive) until
/// it yields nothing; the media work, with [`send`](Self::send); [`flush`](Self::flush).
pub trait PacketIo {
    /// An opened local address before a worker serves it, and while it moves from one worker to another.
    type Handle: PortHandle;

    /// Takes an opened address in. What it received since it was opened is delivered too.
    ///
    /// # Errors
    /// `OutOfMemory` where the backend serves as many ports as it can, else the backend's. The handle is closed then.
    fn attach(&mut self, handle: Self::Handle) -> io::Result<Port>;

    /// Takes a port out again, still open; `None` for an unknown port. What is queued on it is sent first. What it received
    /// and [`receive`](Self::receive) did not return yet stays for the next owner.
    fn detach(&mut self, port: Port) -> Option<Self::Handle>;

    /// Closes a port, if there is one. What is queued on it is sent first.
    fn close(&mut self, port: Port);

    /// Marks what is sent from a port from now on with `dscp`, 0..=63.
    ///
    /// # Errors
    /// `NotFound` for an unknown port, `InvalidInput` for a DSCP over 63, else the backend's.
    fn set_dscp(&mut self, port: Port, dscp: u8) -> io::Result<()>;

    /// Sets whether [`Received::at`] is wanted of a port from now on. A backend that has it for nothing, or not at all, may
    /// ignore this.
    ///
    /// # Errors
    /// `NotFound` for an unknown port, else the backend's.
    fn set_arrival_times(&mut self, port: Port, wanted: bool) -> io::Result<()>;

    /// Waits until a datagram comes, a [`Waker`] calls or `timeout` has passed (`None`: never); returns at once where
    /// datagrams were left behind by a spent budget.
    ///
    /// # Errors
    /// The backend's, none of which is to be expected while it runs.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// Sleeps for `pause`, whatever comes meanwhile, then takes note of what came: the wait of a busy worker on its tick,
    /// where a wake-up for each datagram would cost more than the datagram.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    fn wait_tick(&mut self, pause: Duration) -> io::Result<()>;

    /// The next datagram, ports in turn; `None` where all that the last wait saw is received, the round's budget is spent,
    /// or the pool is empty.
    fn receive(&mut self, pool: &mut PacketPool) -> Option<Received>;

    /// Queues a datagram to `to` on a port; sends the whole queue where it is full. What cannot be sent is dropped and
    /// counted; the buffer goes to `pool`.
    fn send(&mut self, port: Port, to: SocketAddr, packet: PacketBuf, pool: &mut PacketPool);

    /// Sends all that is queued and gives the buffers back.
    fn flush(&mut self, pool: &mut PacketPool);

    /// Forwards a stream by the backend itself from now on. What it has received of it and [`receive`](Self::receive) did
    /// not return yet is still returned.
    ///
    /// The rule ends when [`take_back`](Self::take_back) is called, when `port` is closed or detached, and with the
    /// backend. It is closed, and can still be asked for, when `out` is closed or detached, or one of both is marked with
    /// another DSCP. A worker that receives RTP on a port under a rule takes it back first, to know what came before.
    ///
    /// # Errors
    /// [`NotForwarded`] with the reason; then the worker has all packets, as before.
    fn forward(&mut self, rule: &ForwardingRule) -> Result<(), NotForwarded> {
        let _ = rule;
        Err(NotForwarded::Unsupported)
    }

    /// What was forwarded so far from a port under its rule; `None` without one.
    fn forwarded(&mut self, port: Port) -> Option<Forwarded> {
        let _ = port;
        None
    }

    /// Ends a port's rule; what it forwarded in all. After this returns nothing more is forwarded.
    fn take_back(&mut self, port: Port) -> Option<Forwarded> {
        let _ = port;
        None
    }

    /// A handle that ends this backend's waits from another thread.
    fn waker(&self) -> Waker;

    /// What was counted so far.
    fn counters(&self) -> Counters;
}
