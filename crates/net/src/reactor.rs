//! A worker's view of the network: sockets by key, one wait, one drain, one flush a round.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_packet::{PacketBuf, PacketPool};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use crate::counters::Counters;
use crate::receive::{Datagram, MAX_BATCH, ReceiveBatch};
use crate::send::SendBatch;
use crate::socket::UdpSocket;
use crate::waker::Waker;

/// The token of the waker; keys are 32 bits wide and never reach it.
const WAKER: Token = Token(usize::MAX);

/// The pause a wait makes instead of returning at once where the pool has no buffer to receive into.
const STARVED_PAUSE: Duration = Duration::from_millis(1);

/// Bounds of a reactor. Everything is allocated when it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReactorConfig {
    /// Sockets at one time; keys are 0..`max_sockets`.
    pub max_sockets: usize,
    /// Datagrams one receive call takes from a socket before the next socket has its turn, 1..=32.
    pub receive_batch: usize,
    /// Datagrams queued before a flush happens by itself, at least 1.
    pub send_batch: usize,
    /// Datagrams received between two waits, at least 1.
    pub receive_budget: usize,
}

impl Default for ReactorConfig {
    fn default() -> Self {
        Self { max_sockets: 8192, receive_batch: 4, send_batch: 256, receive_budget: 1024 }
    }
}

/// One datagram received.
#[derive(Debug)]
pub struct Received {
    /// The key of the socket it came to.
    pub key: u32,
    /// Who sent it; a v4-mapped address is given as v4.
    pub from: SocketAddr,
    /// The datagram.
    pub packet: PacketBuf,
}

/// The sockets of one worker.
pub struct Reactor {
    poll: Poll,
    events: Events,
    waker: Waker,
    /// Indexed by key.
    entries: Vec<Option<Entry>>,
    /// Keys that may have datagrams, each at most once, next first.
    ready: VecDeque<u32>,
    /// The socket whose datagrams `incoming` holds.
    current: u32,
    incoming: ReceiveBatch,
    outgoing: SendBatch,
    batch: usize,
    budget: usize,
    budget_left: usize,
    starved: bool,
    counters: Counters,
}

struct Entry {
    socket: UdpSocket,
    ready: bool,
}

impl Reactor {
    /// A reactor without sockets.
    ///
    /// # Errors
    /// The kernel's, for want of descriptors.
    pub fn new(config: ReactorConfig) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(mio::Waker::new(poll.registry(), WAKER)?);
        let batch = config.receive_batch.clamp(1, MAX_BATCH);
        let budget = config.receive_budget.max(1);
        Ok(Self {
            poll,
            events: Events::with_capacity(config.max_sockets.clamp(1, 1024)),
            waker,
            entries: std::iter::repeat_with(|| None).take(config.max_sockets).collect(),
            ready: VecDeque::with_capacity(config.max_sockets),
            current: 0,
            incoming: ReceiveBatch::new(batch),
            outgoing: SendBatch::new(config.send_batch),
            batch,
            budget,
            budget_left: budget,
            starved: false,
            counters: Counters::default(),
        })
    }

    /// A handle that ends this reactor's waits from another thread.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Takes a socket in under `key`. What it received since it was bound is delivered too.
    ///
    /// # Errors
    /// `InvalidInput` for a key not below `max_sockets`, `AlreadyExists` for one in use, else the kernel's. The
    /// socket is closed then.
    pub fn add(&mut self, key: u32, socket: UdpSocket) -> io::Result<()> {
        let place = self.entries.get_mut(key as usize).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("socket key {key} exceeds the reactor's"))
        })?;
        if place.is_some() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("socket key {key} is in use")));
        }
        let token = Token(key as usize);
        self.poll.registry().register(&mut SourceFd(&socket.raw_fd()), token, Interest::READABLE)?;
        *place = Some(Entry { socket, ready: false });
        Ok(())
    }

    /// Takes a socket out again. What is queued on it for sending goes out first; what was received and not yet
    /// taken is lost.
    pub fn remove(&mut self, key: u32) -> Option<UdpSocket> {
        let entry = self.entries.get_mut(key as usize)?.take()?;
        self.outgoing.flush_one(key, &entry.socket, &mut self.counters);
        if self.current == key {
            self.incoming.clear();
        }
        if entry.ready {
            self.ready.retain(|&other| other != key);
        }
        // It fails only for a descriptor that is not registered, and this one is.
        drop(self.poll.registry().deregister(&mut SourceFd(&entry.socket.raw_fd())));
        Some(entry.socket)
    }

    /// The socket under `key`.
    #[must_use]
    pub fn socket(&self, key: u32) -> Option<&UdpSocket> {
        self.entries.get(key as usize)?.as_ref().map(|entry| &entry.socket)
    }

    /// Waits until a datagram comes, a [`Waker`] calls or `timeout` has passed (`None`: never); returns at once
    /// where datagrams were left behind by a spent budget.
    ///
    /// # Errors
    /// The kernel's, none of which is to be expected of a live reactor.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = match (self.ready.is_empty(), self.starved) {
            (true, _) => timeout,
            (false, false) => Some(Duration::ZERO),
            // Without a buffer to receive into, returning at once would be a busy loop.
            (false, true) => Some(timeout.map_or(STARVED_PAUSE, |timeout| timeout.min(STARVED_PAUSE))),
        };
        let sleeps = timeout != Some(Duration::ZERO) && self.waker.may_sleep();
        self.poll_once(if sleeps { timeout } else { Some(Duration::ZERO) })
    }

    /// Sleeps for `pause`, whatever comes meanwhile, then takes note of what came: the wait of a busy worker on
    /// its tick, where a wake-up a datagram would cost more than the datagram.
    ///
    /// # Errors
    /// As [`Reactor::wait`].
    pub fn wait_tick(&mut self, pause: Duration) -> io::Result<()> {
        if !pause.is_zero() && (self.ready.is_empty() || self.starved) {
            std::thread::sleep(pause);
        }
        self.poll_once(Some(Duration::ZERO))
    }

    /// The next datagram of the sockets that are ready, each socket in turn; `None` where all are drained, the
    /// wake-up's budget is spent or the pool is empty. Call it until then, and wait again.
    pub fn receive(&mut self, pool: &mut PacketPool) -> Option<Received> {
        loop {
            while let Some(datagram) = self.incoming.next() {
                match datagram {
                    Datagram::Whole(from, packet) => {
                        self.counters.received += 1;
                        return Some(Received { key: self.current, from, packet });
                    }
                    Datagram::Unusable => self.counters.truncated += 1,
                }
            }
            if !self.receive_batch(pool) {
                return None;
            }
        }
    }

    /// Queues a datagram to `to` on the socket under `key`; flushes where the batch is full.
    pub fn send(&mut self, key: u32, to: SocketAddr, packet: PacketBuf, pool: &mut PacketPool) {
        if self.outgoing.push(key, to, packet) {
            self.flush(pool);
        }
    }

    /// Sends all that is queued and gives the buffers back. What cannot be sent is dropped and counted.
    pub fn flush(&mut self, pool: &mut PacketPool) {
        let entries = &self.entries;
        let socket_of = |key: u32| Some(&entries.get(key as usize)?.as_ref()?.socket);
        self.outgoing.flush(socket_of, &mut self.counters, pool);
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// One look at the poller; a signal ends it like a timeout.
    fn poll_once(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let polled = self.poll.poll(&mut self.events, timeout);
        self.waker.awake();
        self.counters.waits += 1;
        self.budget_left = self.budget;
        self.starved = false;
        match polled {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.events {
            let Ok(key) = u32::try_from(event.token().0) else { continue };
            if let Some(Some(entry)) = self.entries.get_mut(key as usize)
                && !entry.ready
            {
                entry.ready = true;
                self.ready.push_back(key);
            }
        }
        Ok(())
    }

    /// Fills `incoming` from the next ready socket; false where nothing more can be received now.
    fn receive_batch(&mut self, pool: &mut PacketPool) -> bool {
        while let Some(&key) = self.ready.front() {
            if self.budget_left == 0 {
                self.counters.budget_spent += 1;
                return false;
            }
            let want = self.incoming.refill(self.batch.min(self.budget_left), pool);
            if want == 0 {
                self.counters.pool_empty += 1;
                self.starved = true;
                return false;
            }
            self.ready.pop_front();
            let Some(Some(entry)) = self.entries.get_mut(key as usize) else { continue };
            self.counters.receive_calls += 1;
            let came = self.incoming.fill(&entry.socket, want);
            // The poller is edge-triggered: a socket stays ready until a call found it empty. A short batch did;
            // an error (a pending ICMP message) did not, and was consumed by being reported.
            let drained = match &came {
                Ok(came) => *came < want,
                Err(error) => error.kind() == io::ErrorKind::WouldBlock,
            };
            entry.ready = !drained;
            if !drained {
                self.ready.push_back(key);
            }
            match came {
                Ok(0) => {}
                Ok(came) => {
                    self.current = key;
                    self.budget_left -= came;
                    return true;
                }
                Err(_) if drained => {}
                Err(_) => {
                    self.counters.receive_errors += 1;
                    self.budget_left -= 1;
                }
            }
        }
        false
    }
}

impl std::fmt::Debug for Reactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reactor")
            .field("ready", &self.ready.len())
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}
