//! The backend that runs everywhere: a UDP socket for each port, a poller, a receive and a send call for each datagram.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::time::Duration;

use mediapoint_packet::buffer::{CAPACITY, TAIL_ROOM};
use mediapoint_packet::{PacketBuf, PacketPool};

use crate::arrival::WallOffset;
use crate::counters::Counters;
use crate::datagram::{self, Arrival, LANDING};
use crate::io::{PacketIo, Port, PortHandle, PortOpener, Received};
use crate::poller::Poller;
use crate::send::{Outlet, SendQueue};
use crate::socket::{PortOptions, UdpSocket};
use crate::waker::Waker;

/// Datagrams of one port that are read singly in a round. With more it is read until it is found empty: that costs one call
/// for nothing, and spares a look at the poller for each.
const SINGLE_READS: u32 = 2;

/// Octets of a datagram that goes into a usual buffer.
const USUAL: usize = CAPACITY - TAIL_ROOM;

/// The pause a wait makes instead of returning at once where the pool has no buffer to receive into.
pub(crate) const STARVED_PAUSE: Duration = Duration::from_millis(1);

/// Bounds of a [`SocketIo`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketIoConfig {
    /// Ports attached at one time. Tables grow up to it as ports are attached.
    pub max_ports: usize,
    /// Datagrams taken from one port that has several before the next port has its turn, at least 1.
    pub receive_turn: usize,
    /// Datagrams queued before a flush happens by itself, at least 1.
    pub send_queue: usize,
    /// Datagrams received between two waits, at least 1.
    pub receive_budget: usize,
}

impl Default for SocketIoConfig {
    fn default() -> Self {
        Self { max_ports: 8192, receive_turn: 4, send_queue: 256, receive_budget: 1024 }
    }
}

/// Opens sockets for [`SocketIo`].
#[derive(Debug, Clone, Copy, Default)]
pub struct SocketOpener;

impl PortOpener for SocketOpener {
    type Handle = UdpSocket;

    fn open(&self, at: SocketAddr, options: &PortOptions) -> io::Result<UdpSocket> {
        UdpSocket::bind(at, options)
    }
}

impl PortHandle for UdpSocket {
    fn local_addr(&self) -> SocketAddr {
        UdpSocket::local_addr(self)
    }
}

/// The sockets of one worker.
pub struct SocketIo {
    poller: Poller,
    waker: Waker,
    /// Indexed by port: what each datagram needs of its socket, on few cache lines.
    slots: Vec<Slot>,
    /// Indexed by port.
    sockets: Vec<Option<UdpSocket>>,
    /// Indices below `slots.len()` that are not attached.
    free: Vec<u32>,
    /// Ports that may have datagrams, each at most once, next first.
    ready: VecDeque<Port>,
    /// Counts waits; see `Slot::read_in`.
    round: u32,
    /// A port was read once in this round and may have more.
    unsure: bool,
    outgoing: SendQueue,
    /// Where the kernel writes a datagram, before its length says which buffer it goes to. So that buffers need not have
    /// room for the longest, and yet none is lost; the copy is as good as free (`docs/decisions/009-large-datagrams.md`).
    landing: Box<[u8]>,
    wall: WallOffset,
    turn: u32,
    budget_left: usize,
    starved: bool,
    counters: Counters,
    config: SocketIoConfig,
}

/// What is kept of an attached port beside its socket.
#[derive(Debug, Clone, Copy)]
struct Slot {
    /// -1 where no port is attached.
    fd: RawFd,
    /// The round in which it was last read, and how often in it.
    read_in: u32,
    reads: u32,
    v6: bool,
    /// Its times of arrival are wanted.
    stamped: bool,
    /// It stands in `ready`.
    queued: bool,
    /// It has several datagrams: it is read until it is found empty.
    several: bool,
}

impl Slot {
    const FREE: Self =
        Self { fd: -1, read_in: 0, reads: 0, v6: false, stamped: false, queued: false, several: false };
}

impl SocketIo {
    /// A backend without ports.
    ///
    /// # Errors
    /// The kernel's, for want of descriptors.
    pub fn new(config: SocketIoConfig) -> io::Result<Self> {
        let (poller, wake) = Poller::new()?;
        Ok(Self {
            poller,
            waker: Waker::new(wake),
            slots: Vec::new(),
            sockets: Vec::new(),
            free: Vec::new(),
            ready: VecDeque::new(),
            round: 0,
            unsure: false,
            outgoing: SendQueue::new(config.send_queue),
            landing: vec![0; LANDING].into_boxed_slice(),
            wall: WallOffset::new(),
            turn: u32::try_from(config.receive_turn).unwrap_or(u32::MAX).max(1),
            budget_left: config.receive_budget.max(1),
            starved: false,
            counters: Counters::default(),
            config,
        })
    }

    /// The socket of a port.
    #[must_use]
    pub fn socket(&self, port: Port) -> Option<&UdpSocket> {
        self.sockets.get(port.index())?.as_ref()
    }

    /// Ends waits from now on also when a descriptor that is no port has something to read, until it is closed.
    pub(crate) fn watch(&self, fd: RawFd) -> io::Result<()> {
        self.poller.watch(fd)
    }

    /// Puts a socket under an index that nothing else has, and which `free` may still name.
    pub(crate) fn attach_at(&mut self, index: u32, socket: UdpSocket) -> io::Result<Port> {
        let port = Port::new(index);
        let fd = socket.raw_fd();
        if self.slots.len() <= port.index() {
            let wanted = port.index() + 1;
            self.slots.resize(wanted, Slot::FREE);
            self.sockets.resize_with(wanted, || None);
            // Nothing grows while packets flow.
            self.ready.reserve(wanted - self.ready.len());
            self.free.reserve(wanted - self.free.len());
        }
        self.poller.add(fd, index)?;
        let slot = Slot {
            fd,
            read_in: self.round.wrapping_sub(1),
            v6: socket.is_v6(),
            stamped: socket.keeps_arrival_times(),
            ..Slot::FREE
        };
        if let (Some(place), Some(owner)) =
            (self.slots.get_mut(port.index()), self.sockets.get_mut(port.index()))
        {
            *place = slot;
            *owner = Some(socket);
        }
        Ok(port)
    }

    /// Takes a socket out, and leaves its index alone.
    pub(crate) fn take_out(&mut self, port: Port) -> Option<UdpSocket> {
        let socket = self.sockets.get_mut(port.index())?.take()?;
        let slot = std::mem::replace(self.slots.get_mut(port.index())?, Slot::FREE);
        self.outgoing.flush_one(port, Outlet { fd: slot.fd, v6: slot.v6 }, &mut self.counters);
        if slot.queued {
            self.ready.retain(|&other| other != port);
        }
        self.poller.remove(slot.fd);
        Some(socket)
    }

    fn socket_mut(&mut self, port: Port) -> io::Result<&mut UdpSocket> {
        let socket = self.sockets.get_mut(port.index()).and_then(Option::as_mut);
        socket.ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("port {} is not attached", port.index()))
        })
    }

    /// Begins a round with one look at the poller.
    fn begin_round(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let polled = self.poller.wait(timeout);
        self.waker.awake();
        self.counters.waits += 1;
        self.round = self.round.wrapping_add(1);
        self.unsure = false;
        self.budget_left = self.config.receive_budget.max(1);
        self.starved = false;
        self.wall.forget();
        polled?;
        for token in self.poller.reported() {
            let port = Port::new(token);
            if let Some(slot) = self.slots.get_mut(port.index()).filter(|slot| !slot.queued) {
                slot.queued = true;
                slot.several = false;
                self.ready.push_back(port);
            }
        }
        Ok(())
    }

    /// Looks which of the ports that were read in this round have more; false where none has.
    fn find_more(&mut self) -> bool {
        // One datagram a port is what most rounds bring. To learn that this was all, one look at the poller for all ports
        // costs less than a second receive call for each.
        if !std::mem::take(&mut self.unsure) || self.poller.wait(Some(Duration::ZERO)).is_err() {
            return false;
        }
        for token in self.poller.reported() {
            let port = Port::new(token);
            let slot = self.slots.get_mut(port.index());
            // Those that got their first datagram after the wait are reported again at the next.
            if let Some(slot) = slot.filter(|slot| !slot.queued && slot.read_in == self.round) {
                slot.queued = true;
                slot.several = slot.reads >= SINGLE_READS;
                self.ready.push_back(port);
            }
        }
        !self.ready.is_empty()
    }

    /// Books one receive call on the first of the ready ports, and sees who is next.
    fn pass_turn(&mut self, drained: bool) {
        let Some(&port) = self.ready.front() else { return };
        let Some(slot) = self.slots.get_mut(port.index()) else { return };
        if slot.read_in != self.round {
            slot.read_in = self.round;
            slot.reads = 0;
        }
        slot.reads += 1;
        if drained || !slot.several {
            slot.queued = false;
            self.unsure |= !drained;
            self.ready.pop_front();
        } else if slot.reads.is_multiple_of(self.turn) {
            self.ready.rotate_left(1);
        }
    }
}

impl PacketIo for SocketIo {
    type Handle = UdpSocket;

    fn attach(&mut self, handle: UdpSocket) -> io::Result<Port> {
        let index = match self.free.last() {
            Some(&index) => index,
            None if self.slots.len() < self.config.max_ports => {
                u32::try_from(self.slots.len()).map_err(|_| io::ErrorKind::OutOfMemory)?
            }
            None => {
                let full = format!("all {} ports are attached", self.config.max_ports);
                return Err(io::Error::new(io::ErrorKind::OutOfMemory, full));
            }
        };
        let known = self.slots.len();
        match self.attach_at(index, handle) {
            Ok(port) => {
                if port.index() < known {
                    self.free.pop();
                }
                Ok(port)
            }
            Err(error) => {
                if index as usize >= known {
                    self.free.push(index);
                }
                Err(error)
            }
        }
    }

    fn detach(&mut self, port: Port) -> Option<UdpSocket> {
        let socket = self.take_out(port)?;
        self.free.extend(u32::try_from(port.index()));
        Some(socket)
    }

    fn close(&mut self, port: Port) {
        drop(self.detach(port));
    }

    fn set_dscp(&mut self, port: Port, dscp: u8) -> io::Result<()> {
        self.socket_mut(port)?.set_dscp(dscp)
    }

    fn set_arrival_times(&mut self, port: Port, wanted: bool) -> io::Result<()> {
        self.socket_mut(port)?.set_arrival_times(wanted)?;
        if let Some(slot) = self.slots.get_mut(port.index()) {
            slot.stamped = wanted;
        }
        Ok(())
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        if !self.ready.is_empty() {
            if self.starved {
                // Without a buffer to receive into, returning at once would be a busy loop.
                std::thread::sleep(timeout.map_or(STARVED_PAUSE, |timeout| timeout.min(STARVED_PAUSE)));
            }
            return self.begin_round(Some(Duration::ZERO));
        }
        let sleeps = timeout != Some(Duration::ZERO) && self.waker.may_sleep();
        self.begin_round(if sleeps { timeout } else { Some(Duration::ZERO) })
    }

    fn wait_tick(&mut self, pause: Duration) -> io::Result<()> {
        if !pause.is_zero() && (self.ready.is_empty() || self.starved) {
            std::thread::sleep(pause);
        }
        self.begin_round(Some(Duration::ZERO))
    }

    fn receive(&mut self, pool: &mut PacketPool) -> Option<Received> {
        loop {
            let Some(&port) = self.ready.front() else {
                if self.find_more() {
                    continue;
                }
                return None;
            };
            if self.budget_left == 0 {
                self.counters.budget_spent += 1;
                return None;
            }
            let Some(mut packet) = pool.take() else {
                self.counters.pool_empty += 1;
                self.starved = true;
                return None;
            };
            let Slot { fd, stamped, .. } = self.slots.get(port.index()).copied().unwrap_or(Slot::FREE);
            self.counters.receive_calls += 1;
            let arrival = if stamped {
                datagram::receive_stamped(fd, &mut self.landing)
            } else {
                datagram::receive(fd, &mut self.landing)
            };
            let drained = matches!(&arrival, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
            self.pass_turn(drained);
            if !drained {
                self.budget_left -= 1;
            }
            match arrival {
                Ok(Arrival::Whole(from, len, stamp)) => {
                    let datagram = self.landing.get(..len).unwrap_or_default();
                    if len > USUAL {
                        pool.give(packet);
                        let Some(large) = pool.take_for(len) else {
                            self.counters.no_large_buffer += 1;
                            continue;
                        };
                        packet = large;
                    }
                    packet.fill(datagram);
                    self.counters.received += 1;
                    let at = stamp.and_then(|stamp| self.wall.monotonic(stamp));
                    return Some(Received { port, from, packet, at });
                }
                Ok(Arrival::Unusable) => self.counters.truncated += 1,
                Err(_) if drained => {}
                // A pending ICMP message, consumed by being reported.
                Err(_) => self.counters.receive_errors += 1,
            }
            pool.give(packet);
        }
    }

    fn send(&mut self, port: Port, to: SocketAddr, packet: PacketBuf, pool: &mut PacketPool) {
        if self.outgoing.push(port, to, packet) {
            self.flush(pool);
        }
    }

    fn flush(&mut self, pool: &mut PacketPool) {
        let slots = &self.slots;
        let outlet = |port: Port| {
            let slot = slots.get(port.index()).filter(|slot| slot.fd >= 0)?;
            Some(Outlet { fd: slot.fd, v6: slot.v6 })
        };
        self.outgoing.flush(outlet, &mut self.counters, pool);
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }

    fn counters(&self) -> Counters {
        self.counters
    }
}

impl std::fmt::Debug for SocketIo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SocketIo")
            .field("ports", &(self.slots.len() - self.free.len()))
            .field("ready", &self.ready.len())
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}
