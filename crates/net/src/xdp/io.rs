//! The backend over AF_XDP: a socket for the worker's queue of each interface, beside an ordinary socket for each port.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use mediapoint_packet::frame::{FrameHeader, UdpFrame};
use mediapoint_packet::{PacketBuf, PacketPool, Time};

use super::installed::Installed;
use super::interface::XdpInterfaces;
use super::lane::Lane;
use super::paths::{Ends, Known, Paths};
use super::ports::{Ports, Slot};
use super::resolver::Resolver;
use super::scope::{is_direct, scoped};
use crate::clock::Clock;
use crate::counters::Counters;
use crate::forwarding::{Forwarded, ForwardingRule, NotForwarded};
use crate::io::{PacketIo, Port, Received};
use crate::socket::UdpSocket;
use crate::socket_io::{STARVED_PAUSE, SocketIo, SocketIoConfig};
use crate::waker::Waker;

mod forwarding;

/// The longest datagram that goes out in a frame of ours, in octets. Longer ones go by the socket: the kernel knows what the
/// path carries whole, and fragments what it does not. Every IPv6 path carries 1,280 with its headers.
const LONGEST_DIRECT: usize = 1200;

/// Paths to other machines that a worker knows at most.
const MAX_PATHS: usize = 16_384;

/// Packet I/O of one worker by AF_XDP, where a worker serves one receive queue of each interface.
///
/// A datagram that comes to another queue than the worker's is delivered by the kernel, to the port's ordinary socket, and so
/// is everything where there is no such queue: slower, and nothing is lost.
pub struct XdpIo {
    sockets: SocketIo,
    interfaces: XdpInterfaces,
    /// Indexed as the interfaces; `None` where its queue could not be had.
    lanes: Vec<Option<Lane>>,
    queue: u32,
    /// Why a queue could not be had.
    reasons: String,
    ports: Ports,
    paths: Paths,
    resolver: Resolver,
    installed: Installed,
    /// Datagrams taken out of the rings, or brought along by a port that moved here, for the next calls of `receive`.
    stash: VecDeque<Received>,
    clock: Clock,
    now: Time,
    budget_left: usize,
    starved: bool,
    counters: Counters,
    config: SocketIoConfig,
}

impl XdpIo {
    /// A backend without ports, for the receive queue `queue` of each interface.
    ///
    /// # Errors
    /// The kernel's, for want of descriptors or threads. A queue that cannot be had is no error: see [`Self::describe`].
    pub fn new(config: SocketIoConfig, interfaces: &XdpInterfaces, queue: u32) -> io::Result<Self> {
        let sockets = SocketIo::new(config)?;
        let mut reasons = String::new();
        let mut lanes = Vec::new();
        for interface in interfaces.interfaces() {
            let lane = Lane::bind(interface, queue);
            if let Ok(lane) = &lane {
                sockets.watch(lane.socket.as_fd().as_raw_fd())?;
            } else if let Err(error) = &lane {
                // Writing to a string does not fail.
                let _ = write!(reasons, "; queue {queue} of {}: {error}", interface.name);
            }
            lanes.push(lane.ok());
        }
        let indices = lanes.iter().flatten().map(|lane| lane.interface.index).collect();
        let clock = Clock::new();
        Ok(Self {
            sockets,
            interfaces: interfaces.clone(),
            lanes,
            queue,
            reasons,
            ports: Ports::new(),
            paths: Paths::new(MAX_PATHS),
            resolver: Resolver::new(indices)?,
            installed: Installed::default(),
            stash: VecDeque::new(),
            clock,
            now: clock.now(),
            budget_left: config.receive_budget.max(1),
            starved: false,
            counters: Counters::default(),
            config,
        })
    }

    /// True where a queue could be had.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.lanes.iter().any(Option::is_some)
    }

    /// What serves the ports: interfaces, queue and mode, and why a queue could not be had.
    #[must_use]
    pub fn describe(&self) -> String {
        let lanes: Vec<String> = self.lanes.iter().flatten().map(|lane| lane.describe(self.queue)).collect();
        let lanes = if lanes.is_empty() { "sockets only".into() } else { lanes.join(", ") };
        format!("{lanes}{}", self.reasons)
    }

    /// Ports that are served past the kernel.
    #[must_use]
    pub fn direct_ports(&self) -> usize {
        self.ports.len()
    }

    /// Forwarding rules of this worker, closed ones that were not taken back included.
    #[must_use]
    pub const fn forwarding_rules(&self) -> usize {
        self.installed.len()
    }

    /// Datagrams dropped on arrival since the backend was made, for want of room in the rings above all; those of the ports'
    /// sockets not counted. A system call for each interface: for a round of statistics.
    ///
    /// # Errors
    /// The kernel's, of which none is to be expected.
    pub fn dropped(&self) -> io::Result<u64> {
        self.lanes.iter().flatten().map(|lane| lane.socket.dropped()).sum()
    }

    /// Begins the work of a round.
    fn begin_round(&mut self) {
        self.now = self.clock.now();
        self.budget_left = self.config.receive_budget.max(1);
        self.starved = false;
        while let Some((ends, path)) = self.resolver.answer() {
            self.paths.answer(self.now, ends, path);
        }
        self.look_after_rules();
    }

    /// Gives the kernel the frames back that were received.
    fn end_receiving(&mut self) {
        for lane in self.lanes.iter_mut().flatten() {
            lane.socket.end_receiving();
        }
    }

    /// True where datagrams wait to be received.
    fn has_received(&self) -> bool {
        !self.stash.is_empty() || self.lanes.iter().flatten().any(|lane| lane.socket.has_received())
    }

    /// Serves a port past the kernel, where its interface has a queue for it.
    fn serve(&mut self, port: Port, local: SocketAddr, dscp: u8) {
        let Some(place) = self.interfaces.place_of(local.ip()) else { return };
        let Some(Some(lane)) = self.lanes.get(place) else { return };
        self.ports.insert(port, local, place, dscp);
        if lane.interface.steering.serve(local, self.queue).is_err() {
            // The map is full: the port is served by its socket.
            self.ports.remove(port);
        }
    }

    /// Takes a port out of what is served past the kernel. With `keep`, what came to it is returned, in order.
    fn leave(&mut self, port: Port, keep: bool) -> VecDeque<(SocketAddr, PacketBuf)> {
        self.close_rules_of(port);
        self.end_rule(port);
        let mut kept = VecDeque::new();
        if let Some(slot) = self.ports.get_mut(port)
            && let Some(Some(lane)) = self.lanes.get(slot.lane)
        {
            lane.interface.steering.leave(slot.local);
        }
        if keep {
            self.empty_rings();
        }
        self.ports.remove(port);
        for received in std::mem::take(&mut self.stash) {
            if received.port != port {
                self.stash.push_back(received);
            } else if keep {
                kept.push_back((received.from, received.packet));
            }
        }
        kept
    }

    /// Moves all that was received from the rings to the stash. Allocates: for ports that move, not for each packet.
    fn empty_rings(&mut self) {
        let Self { lanes, ports, stash, counters, .. } = self;
        for lane in lanes.iter_mut().flatten() {
            let interface = lane.interface.index;
            let copy = |frame: &[u8]| {
                let read = UdpFrame::read(frame).ok()?;
                let from = scoped(read.from, interface);
                Some((ports.find(read.to)?, from, PacketBuf::copy_of(read.payload)?))
            };
            while let Some(read) = lane.socket.receive(copy) {
                match read {
                    Some((port, from, packet)) => stash.push_back(Received { port, from, packet, at: None }),
                    None => counters.bad_frames += 1,
                }
            }
        }
    }

    /// The next datagram of the rings.
    fn receive_direct(&mut self, pool: &mut PacketPool) -> Option<Received> {
        if let Some(received) = self.stash.pop_front() {
            self.counters.received += 1;
            return Some(received);
        }
        let Self { lanes, ports, counters, budget_left, starved, .. } = self;
        for lane in lanes.iter_mut().flatten() {
            while lane.socket.has_received() {
                if *budget_left == 0 {
                    return None;
                }
                let Some(mut packet) = pool.take() else {
                    counters.pool_empty += 1;
                    *starved = true;
                    return None;
                };
                *budget_left -= 1;
                counters.budget_spent += u64::from(*budget_left == 0);
                let interface = lane.interface.index;
                let read = |frame: &[u8]| read_into(frame, interface, ports, &mut packet);
                let read = lane.socket.receive(read).flatten();
                if let Some((port, from)) = read {
                    counters.received += 1;
                    return Some(Received { port, from, packet, at: None });
                }
                counters.bad_frames += 1;
                pool.give(packet);
            }
        }
        None
    }

    /// Queues a datagram in a frame of ours; false where it is to go by its socket.
    fn send_direct(&mut self, port: Port, to: SocketAddr, bytes: &[u8]) -> bool {
        let Self { lanes, ports, paths, resolver, counters, now, .. } = self;
        let Some(slot) = ports.get_mut(port) else { return false };
        if bytes.len() > LONGEST_DIRECT || !is_direct(slot.local, to) {
            return false;
        }
        let ends = Ends { from: slot.local.ip(), to: to.ip() };
        let Some(known) = find_path(slot, *now, ends, paths, resolver) else { return false };
        let lane = lanes.get_mut(slot.lane).and_then(Option::as_mut);
        let Some(lane) = lane.filter(|lane| lane.interface.index == known.path.interface) else {
            return false;
        };
        let header = FrameHeader { link: known.path.link, from: slot.local, to, dscp: slot.dscp };
        if lane.socket.send(|room| header.write(bytes, room).ok()).is_none() {
            // No frame is free before what is queued is sent.
            let (calls, _) = lane.socket.flush();
            counters.send_calls += u64::from(calls);
            if lane.socket.send(|room| header.write(bytes, room).ok()).is_none() {
                counters.send_failed(libc::ENOBUFS);
                return true;
            }
        }
        counters.sent += 1;
        true
    }
}

/// Reads a frame that came in by an interface to a port of ours.
fn read_into(
    frame: &[u8],
    interface: u32,
    ports: &Ports,
    packet: &mut PacketBuf,
) -> Option<(Port, SocketAddr)> {
    let read = UdpFrame::read(frame).ok()?;
    let port = ports.find(read.to)?;
    packet.fill(read.payload).then_some((port, scoped(read.from, interface)))
}

/// The path of a datagram: the last one of its port, as long as it is good, else that of the table.
fn find_path(
    slot: &mut Slot,
    now: Time,
    ends: Ends,
    paths: &mut Paths,
    resolver: &Resolver,
) -> Option<Known> {
    if let Some((last, known)) = slot.last
        && last == ends
        && now < known.until
    {
        return Some(known);
    }
    let found = paths.find(now, ends, |ends| resolver.ask(ends));
    slot.last = found.map(|known| (ends, known));
    found
}

impl PacketIo for XdpIo {
    type Handle = UdpSocket;

    fn attach(&mut self, mut handle: UdpSocket) -> io::Result<Port> {
        let (local, dscp) = (handle.local_addr(), handle.dscp()?);
        let backlog = handle.take_backlog();
        let port = self.sockets.attach(handle)?;
        self.serve(port, local, dscp);
        let received = |(from, packet)| Received { port, from, packet, at: None };
        self.stash.extend(backlog.into_iter().map(received));
        Ok(port)
    }

    fn detach(&mut self, port: Port) -> Option<UdpSocket> {
        let backlog = self.leave(port, true);
        let mut handle = self.sockets.detach(port)?;
        handle.set_backlog(backlog);
        Some(handle)
    }

    fn close(&mut self, port: Port) {
        self.leave(port, false);
        self.sockets.close(port);
    }

    fn set_dscp(&mut self, port: Port, dscp: u8) -> io::Result<()> {
        self.sockets.set_dscp(port, dscp)?;
        self.close_rules_of(port);
        if let Some(slot) = self.ports.get_mut(port) {
            slot.dscp = dscp;
        }
        Ok(())
    }

    fn set_arrival_times(&mut self, port: Port, wanted: bool) -> io::Result<()> {
        self.sockets.set_arrival_times(port, wanted)
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.end_receiving();
        let left = self.has_received();
        if left && self.starved {
            // Without a buffer to receive into, returning at once would be a busy loop.
            std::thread::sleep(timeout.map_or(STARVED_PAUSE, |timeout| timeout.min(STARVED_PAUSE)));
        }
        let waited = self.sockets.wait(if left { Some(Duration::ZERO) } else { timeout });
        self.begin_round();
        waited
    }

    fn wait_tick(&mut self, pause: Duration) -> io::Result<()> {
        self.end_receiving();
        // What came since the last look waits for the tick, as it does in a socket.
        let is_left = self.budget_left == 0 || !self.stash.is_empty();
        let left = is_left && self.has_received() && !self.starved;
        let waited = self.sockets.wait_tick(if left { Duration::ZERO } else { pause });
        self.begin_round();
        waited
    }

    fn receive(&mut self, pool: &mut PacketPool) -> Option<Received> {
        self.receive_direct(pool).or_else(|| self.sockets.receive(pool))
    }

    fn send(&mut self, port: Port, to: SocketAddr, packet: PacketBuf, pool: &mut PacketPool) {
        if self.send_direct(port, to, packet.bytes()) {
            pool.give(packet);
        } else {
            self.sockets.send(port, to, packet, pool);
        }
    }

    fn flush(&mut self, pool: &mut PacketPool) {
        for lane in self.lanes.iter_mut().flatten() {
            let (calls, _) = lane.socket.flush();
            self.counters.send_calls += u64::from(calls);
        }
        self.sockets.flush(pool);
    }

    fn forward(&mut self, rule: &ForwardingRule) -> Result<(), NotForwarded> {
        self.begin_rule(rule)
    }

    fn forwarded(&mut self, port: Port) -> Option<Forwarded> {
        self.look_at_rule(port)
    }

    fn take_back(&mut self, port: Port) -> Option<Forwarded> {
        self.end_rule(port)
    }

    fn waker(&self) -> Waker {
        self.sockets.waker()
    }

    fn counters(&self) -> Counters {
        let own = Counters { forwarded: self.installed.forwarded, ..self.counters };
        self.sockets.counters() + own
    }
}

impl std::fmt::Debug for XdpIo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("XdpIo")
            .field("serves", &self.describe())
            .field("direct_ports", &self.ports.len())
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}
