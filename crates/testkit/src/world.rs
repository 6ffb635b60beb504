//! One session, its parties and the event queue, on one virtual clock.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mediapoint_engine::session::port::PortKey;
use mediapoint_engine::session::{Output as _, Session, SessionConfig};
use mediapoint_engine::{CallId, CallStatistics, Event, LegStatistics, RemotePolicy};
use mediapoint_packet::{PacketBuf, Time};

use crate::kernel::{Kernel, Verdict};
use crate::link::Arrival;
use crate::outbox::{Outbox, rtcp_port, rtp_port};
use crate::peer::Peer;
use crate::random::Random;

/// Buffers of a world: far more than are ever on the way.
const BUFFERS: usize = 4096;

/// What the engine's wall clock shows at the world's beginning.
pub(crate) const WALL_AT_ZERO: Duration = Duration::from_secs(1_760_000_000);

/// With this variable in the environment every world has a backend that forwards streams by itself: the whole suite runs
/// through it.
const THROUGH_KERNEL: &str = "MEDIAPOINT_TEST_THROUGH_KERNEL";

/// A datagram that was sent: when, from which port, to where, and its octets.
pub type OnTheWire = (Time, PortKey, SocketAddr, Vec<u8>);

/// Names a party of a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PeerId(pub(crate) usize);

enum What {
    ToSession { peer: PeerId, key: PortKey, from: SocketAddr, packet: PacketBuf, arrival: Arrival },
    ToPeer { peer: PeerId, rtcp_port: bool, is_rtcp: bool, packet: PacketBuf, arrival: Arrival },
    Tick(PeerId),
    Report(PeerId),
    Action(Box<dyn FnOnce(&mut World)>),
}

struct Entry {
    at: Time,
    order: u64,
    what: What,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    /// The earliest is the greatest, as the heap wants it; among equals the first one queued.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

/// A session, its parties, and the time.
pub struct World {
    /// What was told so far, and when.
    pub events: Vec<(Time, Event)>,
    /// Packets that the engine sent where no party is.
    pub to_nowhere: u64,
    /// Addresses that those were sent to.
    pub(crate) nowhere: HashSet<SocketAddr>,
    /// Datagrams that were sent: when, from where and to where; where they are kept.
    pub on_the_wire: Option<Vec<OnTheWire>>,
    /// Packets that came to a port that is closed.
    pub to_closed: u64,
    /// What `probe` counted while the session had control.
    pub probed: u64,
    /// Packets and timers that the session was given.
    pub inputs: u64,
    /// Each timer is served by chance up to this much after its time, as on a machine under load.
    pub late_up_to: Duration,
    pub(crate) now: Time,
    /// Both are asked by what only looks at the world, too.
    pub(crate) session: RefCell<Session>,
    /// What the session's clock showed when the world began.
    pub(crate) session_began: Duration,
    pub(crate) config: SessionConfig,
    pub(crate) outbox: RefCell<Outbox>,
    queue: BinaryHeap<Entry>,
    order: u64,
    pub(crate) peers: Vec<Peer>,
    pub(crate) addresses: HashMap<SocketAddr, (PeerId, bool)>,
    pub(crate) open: HashSet<PortKey>,
    pub(crate) random: Random,
    pub(crate) next_id: u64,
    pub(crate) next_slot: u32,
    probe: Option<fn() -> u64>,
    /// Until then the session is given nothing.
    stalled: Time,
    /// The deadline that comes next, and when it is served.
    served: Option<(Time, Time)>,
    lateness: Random,
}

impl World {
    /// A world with the engine's usual time-outs.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with_timeouts(seed, Duration::from_secs(60), Duration::from_secs(3600))
    }

    /// A world with time-outs of its own: for silence and for hold.
    #[must_use]
    pub fn with_timeouts(seed: u64, media_timeout: Duration, hold_timeout: Duration) -> Self {
        let mut random = Random::new(seed);
        let mut session_seed = [0; 32];
        random.fill(&mut session_seed);
        let config = SessionConfig {
            max_legs: 4096,
            media_timeout,
            hold_timeout,
            seed: session_seed,
            wall_at_zero: WALL_AT_ZERO,
            remotes: Default::default(),
            kernel_forwarding: false,
        };
        let world = Self {
            events: Vec::with_capacity(4096),
            to_nowhere: 0,
            nowhere: HashSet::new(),
            on_the_wire: None,
            to_closed: 0,
            probed: 0,
            inputs: 0,
            late_up_to: Duration::ZERO,
            now: Time::ZERO,
            session: RefCell::new(Session::new(config.clone())),
            session_began: Duration::ZERO,
            config,
            outbox: RefCell::new(Outbox::new(BUFFERS)),
            queue: BinaryHeap::with_capacity(BUFFERS),
            order: 0,
            peers: Vec::new(),
            addresses: HashMap::new(),
            open: HashSet::new(),
            random,
            next_id: 1,
            next_slot: 0,
            probe: None,
            stalled: Time::ZERO,
            served: None,
            lateness: Random::new(seed ^ 0x1a7e),
        };
        if std::env::var_os(THROUGH_KERNEL).is_some() { world.through_kernel() } else { world }
    }

    /// The same with a backend that forwards by itself the streams that the session hands over. Before there are calls.
    #[must_use]
    pub fn through_kernel(mut self) -> Self {
        self.outbox.get_mut().kernel = Some(Kernel::new());
        self.config.kernel_forwarding = true;
        self.session = RefCell::new(Session::new(self.config.clone()));
        self
    }

    /// What forwards streams that the session has handed over.
    ///
    /// # Panics
    /// In a world without.
    #[expect(clippy::expect_used, reason = "a test that asks for what it did not set up has failed")]
    pub fn kernel(&mut self) -> &mut Kernel {
        self.outbox.get_mut().kernel.as_mut().expect("a world through the kernel")
    }

    /// The time.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// Chance that belongs to this world.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// The session, to be commanded directly; see [`World::with_session`] for commands that put something out.
    pub fn session(&mut self) -> &mut Session {
        self.session.get_mut()
    }

    /// Reads `probe` before and after the session has control and adds the difference to [`World::probed`].
    pub fn set_probe(&mut self, probe: fn() -> u64) {
        self.probe = Some(probe);
    }

    /// A party.
    ///
    /// # Panics
    /// Where the world has no such party.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "only this world makes such names, and keeps what they name")]
    pub fn peer(&self, id: PeerId) -> &Peer {
        &self.peers[id.0]
    }

    /// A party, to be changed.
    ///
    /// # Panics
    /// Where the world has no such party.
    #[expect(clippy::indexing_slicing, reason = "only this world makes such names, and keeps what they name")]
    pub fn peer_mut(&mut self, id: PeerId) -> &mut Peer {
        &mut self.peers[id.0]
    }

    /// A party begins to send: RTP now, reports after their interval where it has one.
    pub fn start(&mut self, id: PeerId) {
        if std::mem::replace(&mut self.peer_mut(id).ticking, true) {
            return;
        }
        self.queue_at(self.now, What::Tick(id));
        if let Some(every) = self.peer(id).reports_every {
            self.queue_at(self.now + every, What::Report(id));
        }
    }

    /// A party stops sending RTP; its timestamps stand still until it starts again.
    pub fn stop(&mut self, id: PeerId) {
        self.peer_mut(id).ticking = false;
    }

    /// Does something later.
    pub fn at(&mut self, time: Time, action: impl FnOnce(&mut Self) + 'static) {
        self.queue_at(time, What::Action(Box::new(action)));
    }

    /// Does something after a while.
    pub fn after(&mut self, delay: Duration, action: impl FnOnce(&mut Self) + 'static) {
        self.at(self.now + delay, action);
    }

    /// Lets time pass.
    pub fn run_for(&mut self, duration: Duration) {
        self.run_until(self.now + duration);
    }

    /// Lets time pass until then.
    pub fn run_until(&mut self, end: Time) {
        loop {
            let queued = self.queue.peek().map(|entry| entry.at);
            let deadline = self.next_timer();
            let next = match (queued, deadline) {
                (Some(queued), Some(deadline)) => queued.min(deadline),
                (queued, deadline) => match queued.or(deadline) {
                    Some(next) => next,
                    None => break,
                },
            };
            if next > end {
                break;
            }
            self.now = next;
            if deadline == Some(next) {
                self.inputs += 1;
                self.with_session(|session, now, out| session.handle_timeouts(now, out));
            } else if let Some(entry) = self.queue.pop() {
                self.happen(entry.what);
            }
        }
        self.now = self.now.max(end);
    }

    /// From now on the session is given nothing for so long, as if its worker had no core; then what came meanwhile, all at
    /// once, and after that its timers.
    pub fn stall(&mut self, duration: Duration) {
        self.stalled = self.now + duration;
    }

    /// When the session's next deadline is served.
    fn next_timer(&mut self) -> Option<Time> {
        let due = self.session.get_mut().next_deadline()?;
        let at = match self.served {
            Some((known, at)) if known == due => at,
            _ => due + self.lateness.duration_below(self.late_up_to),
        };
        self.served = Some((due, at));
        let at = (at - self.session_began).max(self.now);
        // Behind the datagrams of the stall.
        Some(if at <= self.stalled { self.stalled + Duration::from_micros(1) } else { at })
    }

    /// Hands a datagram to a leg as if it had come from `from`, at once.
    ///
    /// # Panics
    /// Where the world is out of buffers.
    pub fn inject(&mut self, key: PortKey, from: SocketAddr, bytes: &[u8]) {
        let packet = self.copy(bytes);
        self.give_to_session(key, from, packet);
    }

    /// Sets where legs may send to. Before there are calls.
    pub fn set_remotes(&mut self, remotes: Arc<RemotePolicy>) {
        self.config.remotes = remotes;
        self.session = RefCell::new(Session::new(self.config.clone()));
    }

    /// True where the engine has sent something to an address at which no party is.
    #[must_use]
    pub fn sent_to(&self, address: SocketAddr) -> bool {
        self.nowhere.contains(&address)
    }

    /// A call's figures; all zero where it is gone.
    #[must_use]
    pub fn statistics(&self, call: CallId) -> CallStatistics {
        let (mut session, mut outbox) = (self.session.borrow_mut(), self.outbox.borrow_mut());
        session.statistics(self.session_now(), call, &mut *outbox).unwrap_or_default()
    }

    /// A leg's figures.
    ///
    /// # Panics
    /// Where the leg is gone.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test that asks for a leg that is gone has failed")]
    pub fn leg_statistics(&self, id: PeerId) -> LegStatistics {
        let Peer { call, leg: own, .. } = *self.peer(id);
        let legs = self.statistics(call).legs;
        legs.into_iter().find(|leg| leg.leg == own).expect("the leg is there")
    }

    /// A party says BYE by RTCP, now.
    pub fn say_bye(&mut self, id: PeerId) {
        self.send_report(id, true);
    }

    /// A party reports by RTCP, now.
    pub fn report_now(&mut self, id: PeerId) {
        self.send_report(id, false);
    }

    /// Buffers that the session took and neither sent nor gave back. Only while nothing is on the way.
    #[must_use]
    pub fn buffers_lost(&self) -> usize {
        let on_the_way = self
            .queue
            .iter()
            .filter(|entry| matches!(entry.what, What::ToSession { .. } | What::ToPeer { .. }))
            .count();
        self.outbox.borrow().buffers_out() - on_the_way
    }

    /// The time on the session's clock.
    #[must_use]
    pub fn session_now(&self) -> Time {
        self.now + self.session_began
    }

    /// Gives the session control, with the time on its clock, then carries on what it put out.
    pub fn with_session<T>(&mut self, act: impl FnOnce(&mut Session, Time, &mut Outbox) -> T) -> T {
        let before = self.probe.map_or(0, |probe| probe());
        let now = self.session_now();
        let result = act(self.session.get_mut(), now, self.outbox.get_mut());
        let after = self.probe.map_or(0, |probe| probe());
        self.probed += after - before;
        self.carry_on();
        result
    }

    fn happen(&mut self, what: What) {
        match what {
            What::ToSession { .. } if self.now < self.stalled => self.queue_at(self.stalled, what),
            What::ToSession { peer, key, from, packet, arrival } => {
                let peer = self.peer_mut(peer);
                let link = if key == rtcp_port(peer.slot) { &mut peer.up_rtcp } else { &mut peer.up };
                link.note(&arrival);
                self.give_to_session(key, from, packet);
            }
            What::ToPeer { peer, rtcp_port, is_rtcp, mut packet, arrival } => {
                let now = self.now;
                let peer = self.peer_mut(peer);
                let link = if is_rtcp { &mut peer.down_rtcp } else { &mut peer.down };
                link.note(&arrival);
                peer.hear(now, rtcp_port, &mut packet);
                self.recycle(packet);
            }
            What::Tick(id) => self.tick(id),
            What::Report(id) => {
                if let Some(every) = self.peer(id).reports_every {
                    self.send_report(id, false);
                    self.queue_at(self.now + every, What::Report(id));
                }
            }
            What::Action(action) => action(self),
        }
    }

    fn give_to_session(&mut self, key: PortKey, from: SocketAddr, mut packet: PacketBuf) {
        if !self.open.contains(&key) {
            self.to_closed += 1;
            return self.recycle(packet);
        }
        let now = self.session_now();
        if let Some(kernel) = &mut self.outbox.get_mut().kernel
            && let Verdict::Forward(out, to) = kernel.take(now, key, from, packet.bytes_mut())
        {
            self.outbox.get_mut().send(out, to, packet);
            return self.carry_on();
        }
        self.inputs += 1;
        self.with_session(|session, now, out| session.handle_datagram(now, key, from, packet, out));
    }

    fn tick(&mut self, id: PeerId) {
        if !self.peer(id).ticking {
            return;
        }
        let now = self.now;
        let mut packet = self.buffer();
        let peer = self.peer_mut(id);
        let next = now + peer.stream.ptime;
        if peer.speak(now, &mut packet) {
            let (key, from) = (rtp_port(peer.slot), peer.address);
            let arrivals = peer.up.carry(now);
            self.spread_to_session(arrivals, packet, id, key, from);
        } else {
            self.recycle(packet);
        }
        self.queue_at(next, What::Tick(id));
    }

    fn send_report(&mut self, id: PeerId, bye: bool) {
        let now = self.now;
        let mut packet = self.buffer();
        let peer = self.peer_mut(id);
        if !peer.report(now, bye, &mut packet) {
            peer.unsent += 1;
            return self.recycle(packet);
        }
        let (key, from) = if peer.mux {
            (rtp_port(peer.slot), peer.address)
        } else {
            (rtcp_port(peer.slot), peer.rtcp_address)
        };
        let arrivals = peer.up_rtcp.carry(now);
        self.spread_to_session(arrivals, packet, id, key, from);
    }

    fn carry_on(&mut self) {
        let now = self.now;
        for (ports, _) in self.outbox.get_mut().closed.drain(..) {
            self.open.remove(&ports.rtp);
            ports.rtcp.map(|rtcp| self.open.remove(&rtcp));
        }
        self.events.extend(self.outbox.get_mut().events.drain(..).map(|event| (now, event)));
        let mut sent = std::mem::take(&mut self.outbox.get_mut().sent);
        for sending in sent.drain(..) {
            if let Some(log) = &mut self.on_the_wire {
                log.push((now, sending.from, sending.to, sending.packet.bytes().to_vec()));
            }
            let Some(&(id, rtcp_port)) = self.addresses.get(&sending.to) else {
                self.to_nowhere += 1;
                if self.nowhere.len() < 1000 {
                    self.nowhere.insert(sending.to);
                }
                self.recycle(sending.packet);
                continue;
            };
            let is_rtcp = mediapoint_packet::demux::is_rtcp(sending.packet.bytes());
            let peer = self.peer_mut(id);
            let link = if is_rtcp { &mut peer.down_rtcp } else { &mut peer.down };
            let arrivals = link.carry(now);
            self.spread(arrivals, sending.packet, |packet, arrival| What::ToPeer {
                peer: id,
                rtcp_port,
                is_rtcp,
                packet,
                arrival,
            });
        }
        self.outbox.get_mut().sent = sent;
    }

    /// Queues the copies of a peer's packet that arrive at the port `key`.
    fn spread_to_session(
        &mut self,
        arrivals: [Option<Arrival>; 2],
        packet: PacketBuf,
        peer: PeerId,
        key: PortKey,
        from: SocketAddr,
    ) {
        self.spread(arrivals, packet, |packet, arrival| What::ToSession { peer, key, from, packet, arrival });
    }

    /// Queues the copies of a packet that arrive.
    fn spread(
        &mut self,
        arrivals: [Option<Arrival>; 2],
        packet: PacketBuf,
        what: impl Fn(PacketBuf, Arrival) -> What,
    ) {
        let [first, second] = arrivals;
        if let Some(arrival) = second {
            let mut copy = self.copy(packet.bytes());
            flip(&mut copy, arrival.flip);
            self.queue_at(arrival.at, what(copy, arrival));
        }
        let mut packet = packet;
        match first {
            Some(arrival) => {
                flip(&mut packet, arrival.flip);
                self.queue_at(arrival.at, what(packet, arrival));
            }
            None => self.recycle(packet),
        }
    }

    fn queue_at(&mut self, at: Time, what: What) {
        self.order += 1;
        self.queue.push(Entry { at: at.max(self.now), order: self.order, what });
    }

    #[expect(clippy::expect_used, reason = "a session that keeps buffers fails its test")]
    fn buffer(&mut self) -> PacketBuf {
        self.outbox.get_mut().take().expect("a free buffer")
    }

    #[expect(clippy::expect_used, reason = "a session that keeps buffers fails its test")]
    fn copy(&mut self, bytes: &[u8]) -> PacketBuf {
        self.outbox.get_mut().copy(bytes).expect("a free buffer")
    }

    fn recycle(&mut self, packet: PacketBuf) {
        self.outbox.get_mut().give(packet);
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("now", &self.now)
            .field("session", &*self.session.borrow())
            .field("peers", &self.peers.len())
            .finish_non_exhaustive()
    }
}

/// Flips one bit of a packet.
fn flip(packet: &mut PacketBuf, which: Option<u64>) {
    let bits = packet.len() as u64 * 8;
    let Some(bit) = which.and_then(|which| which.checked_rem(bits)) else { return };
    if let Some(byte) = usize::try_from(bit / 8).ok().and_then(|at| packet.bytes_mut().get_mut(at)) {
        *byte ^= 1 << (bit % 8);
    }
}
