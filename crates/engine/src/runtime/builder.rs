//! How an engine is described before it starts.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use mediapoint_net::{PortOpener as _, PortOptions, SocketOpener};

use crate::api::error::BuildError;
use crate::api::leg::AddressFamily;
use crate::api::points::{Points, Prices};
use crate::api::remote::RemotePolicy;
use crate::runtime::engine::Engine;
use crate::runtime::events::EventReceiver;
use crate::session::call::MAX_LEGS;

/// A local address that legs may be opened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// What the controller calls it; the IPv4 and the IPv6 address of one interface share a name.
    pub name: String,
    /// The address that sockets are bound to.
    pub address: IpAddr,
    /// The address to signal to parties, where it is another (behind one-to-one NAT).
    pub advertised: Option<IpAddr>,
}

impl Interface {
    /// An interface whose bound address is signalled.
    #[must_use]
    pub fn new(name: impl Into<String>, address: IpAddr) -> Self {
        Self { name: name.into(), address, advertised: None }
    }

    /// The address to signal to parties.
    #[must_use]
    pub fn advertised_address(&self) -> IpAddr {
        self.advertised.unwrap_or(self.address)
    }

    /// Its address family.
    #[must_use]
    pub const fn family(&self) -> AddressFamily {
        AddressFamily::of(self.address)
    }
}

/// How packets get to the workers and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PacketBackend {
    /// A socket for each port, on any machine.
    #[default]
    Sockets,
    /// AF_XDP where it is to be had, else sockets; the log says which, and why.
    Auto,
    /// AF_XDP: past the kernel's stack, for the receive queue of each interface that has the worker's number, with a socket for
    /// each port beside. Needs CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW, and interfaces of Ethernet.
    Xdp,
}

/// Describes an engine; made by [`Engine::builder`].
#[derive(Debug, Clone)]
pub struct EngineBuilder {
    pub(crate) workers: usize,
    pub(crate) cores: Vec<usize>,
    pub(crate) pin: bool,
    pub(crate) realtime_priority: u8,
    pub(crate) interfaces: Vec<Interface>,
    pub(crate) packet_backend: PacketBackend,
    pub(crate) ports: RangeInclusive<u16>,
    pub(crate) tick: Duration,
    pub(crate) budget: Points,
    pub(crate) load_marks: Vec<u8>,
    pub(crate) prices: Prices,
    pub(crate) max_legs: usize,
    pub(crate) max_legs_of_call: usize,
    pub(crate) max_files: Option<usize>,
    pub(crate) event_capacity: usize,
    pub(crate) media_timeout: Duration,
    pub(crate) hold_timeout: Duration,
    pub(crate) socket_buffer: Option<usize>,
    pub(crate) rebalance: bool,
    pub(crate) shed: bool,
    pub(crate) shed_late: Duration,
    pub(crate) shed_after: Duration,
    pub(crate) remotes: RemotePolicy,
    pub(crate) kernel_forwarding: bool,
}

impl Default for EngineBuilder {
    fn default() -> Self {
        Self {
            workers: 1,
            cores: Vec::new(),
            pin: true,
            realtime_priority: 0,
            interfaces: Vec::new(),
            packet_backend: PacketBackend::default(),
            ports: 30000..=60000,
            tick: Duration::from_millis(1),
            budget: Points::whole(1000),
            load_marks: vec![80, 95],
            prices: Prices::default(),
            max_legs: 8192,
            max_legs_of_call: MAX_LEGS,
            max_files: None,
            event_capacity: 65_536,
            media_timeout: Duration::from_secs(60),
            hold_timeout: Duration::from_secs(3600),
            socket_buffer: None,
            rebalance: true,
            shed: true,
            shed_late: Duration::from_millis(40),
            shed_after: Duration::from_secs(2),
            remotes: RemotePolicy::default(),
            kernel_forwarding: false,
        }
    }
}

impl EngineBuilder {
    /// Number of workers, each a thread with its own sockets and calls; 1 by default.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Cores that the workers are pinned to, in turn; by default the cores that the process may use, from the last.
    #[must_use]
    pub fn cores(mut self, cores: impl Into<Vec<usize>>) -> Self {
        self.cores = cores.into();
        self
    }

    /// Priority of the workers among threads of real time (`SCHED_RR`), 1 to 99; 0, the default, for ordinary scheduling. It keeps
    /// the delay of packets low where something else is busy on a worker's core. Without the permission a warning is logged.
    #[must_use]
    pub fn realtime_priority(mut self, priority: u8) -> Self {
        self.realtime_priority = priority.min(99);
        self
    }

    /// Whether workers are pinned at all; they are by default.
    #[must_use]
    pub fn pin(mut self, pin: bool) -> Self {
        self.pin = pin;
        self
    }

    /// Adds an address that legs may be opened on; the first one is the default.
    #[must_use]
    pub fn interface(mut self, interface: Interface) -> Self {
        self.interfaces.push(interface);
        self
    }

    /// How packets get to the workers and back; sockets by default.
    #[must_use]
    pub fn packet_backend(mut self, backend: PacketBackend) -> Self {
        self.packet_backend = backend;
        self
    }

    /// Ports that legs may be opened on; 30000 to 60000 by default.
    #[must_use]
    pub fn ports(mut self, ports: RangeInclusive<u16>) -> Self {
        self.ports = ports;
        self
    }

    /// How long a busy worker sleeps between two looks at its sockets: every relayed packet waits for half of it on
    /// average, and the shorter it is the more core time a packet costs. 1 ms by default, 100 µs to 10 ms; a worker that finds
    /// 32 datagrams or more in a tick looks twice as often.
    #[must_use]
    pub fn tick(mut self, tick: Duration) -> Self {
        self.tick = tick.clamp(Duration::from_micros(100), Duration::from_millis(10));
        self
    }

    /// Points that each worker may carry; 1000 by default.
    #[must_use]
    pub fn budget(mut self, budget: Points) -> Self {
        self.budget = budget;
        self
    }

    /// Percents of a worker's budget that are reported as they are reached, and once the worker is 5 percent below them
    /// ([`Event::PointsMark`](crate::Event::PointsMark)); 80 and 95 by default. Those beyond 1 to 100 are left out.
    #[must_use]
    pub fn load_marks(mut self, percents: impl Into<Vec<u8>>) -> Self {
        self.load_marks = percents.into();
        self
    }

    /// What each kind of work costs.
    #[must_use]
    pub fn prices(mut self, prices: Prices) -> Self {
        self.prices = prices;
        self
    }

    /// Legs that each worker can hold; 8192 by default. A call has room for two of them from its admission on.
    #[must_use]
    pub fn max_legs(mut self, legs: usize) -> Self {
        self.max_legs = legs;
        self
    }

    /// Legs that a call can have, [`Call::MAX_LEGS`](crate::Call::MAX_LEGS) at most and by default.
    #[must_use]
    pub fn max_legs_of_call(mut self, legs: usize) -> Self {
        self.max_legs_of_call = legs.min(MAX_LEGS);
        self
    }

    /// Descriptors that the engine may open for its sockets, two for each leg; by default those that the process may open when
    /// the engine is built, but for a few.
    #[must_use]
    pub fn max_files(mut self, files: usize) -> Self {
        self.max_files = Some(files);
        self
    }

    /// Events kept for a reader that is behind; 65,536 by default. Beyond that telemetry is dropped and counted. Call events are
    /// kept in any case; new calls are refused while too many of those wait.
    #[must_use]
    pub fn event_capacity(mut self, events: usize) -> Self {
        self.event_capacity = events;
        self
    }

    /// Silence of all legs after which a call is ended; 60 s by default.
    #[must_use]
    pub fn media_timeout(mut self, timeout: Duration) -> Self {
        self.media_timeout = timeout;
        self
    }

    /// Time on hold after which a call is ended; one hour by default.
    #[must_use]
    pub fn hold_timeout(mut self, timeout: Duration) -> Self {
        self.hold_timeout = timeout;
        self
    }

    /// Size of each socket's receive buffer in bytes; the system's default where not set.
    #[must_use]
    pub fn socket_buffer(mut self, bytes: usize) -> Self {
        self.socket_buffer = Some(bytes);
        self
    }

    /// Whether calls move by themselves from a worker that is over its budget, in points or in core time, to one that has room;
    /// they do by default.
    #[must_use]
    pub fn rebalance(mut self, rebalance: bool) -> Self {
        self.rebalance = rebalance;
        self
    }

    /// Whether a worker that is too late for too long sheds its newest calls, one by one, until it is in time: each goes to another
    /// worker that is on time and has room for it, or ends with [`EndReason::Shed`](crate::EndReason::Shed). It does by default;
    /// calls with priority ([`CallSpec::priority`](crate::CallSpec)) are never shed.
    #[must_use]
    pub fn shed(mut self, shed: bool) -> Self {
        self.shed = shed;
        self
    }

    /// Lateness beyond which a worker's round is too late; 40 ms by default, 20 ms to 10 s.
    #[must_use]
    pub fn shed_late(mut self, late: Duration) -> Self {
        self.shed_late = late.clamp(Duration::from_millis(20), Duration::from_secs(10));
        self
    }

    /// How long every round has to be too late until calls are shed; 2 s by default, 200 ms to an hour.
    #[must_use]
    pub fn shed_after(mut self, span: Duration) -> Self {
        self.shed_after = span.clamp(Duration::from_millis(200), Duration::from_secs(3600));
        self
    }

    /// Which remote addresses legs may send to. The ports that legs may be opened on are refused in any case, on every
    /// interface's bound and advertised address that is not loopback, unless the policy has the word for it.
    #[must_use]
    pub fn remotes(mut self, remotes: RemotePolicy) -> Self {
        self.remotes = remotes;
        self
    }

    /// Whether streams that are merely forwarded are handed over to the XDP program, so that their packets do not reach the worker;
    /// they are not by default. A stream is handed over once it has run undisturbed for a second, and taken back when anything
    /// else needs its packets. Without effect where ports are served by sockets ([`EngineBuilder::packet_backend`]).
    #[must_use]
    pub fn kernel_forwarding(mut self, forward: bool) -> Self {
        self.kernel_forwarding = forward;
        self
    }

    /// Starts the engine: opens a socket on every interface to see that it can, and starts the workers. Returns the engine
    /// and the reader of its events.
    ///
    /// # Errors
    /// [`BuildError`] where the description holds nothing to run on, or the system refuses a socket or a thread.
    pub fn build(mut self) -> Result<(Engine, EventReceiver), BuildError> {
        self.check()?;
        // On loopback the ports of the range are other programs' too: what they bind to at random is there.
        let shared = |interface: &&Interface| interface.address.to_canonical().is_loopback();
        self.remotes = self.interfaces.iter().filter(|interface| !shared(interface)).fold(
            self.remotes,
            |policy, interface| {
                let policy = policy.own(interface.address, self.ports.clone());
                policy.own(interface.advertised_address(), self.ports.clone())
            },
        );
        Engine::start(self)
    }

    fn check(&self) -> Result<(), BuildError> {
        if self.workers == 0 {
            return Err(BuildError::NoWorkers);
        }
        if self.interfaces.is_empty() {
            return Err(BuildError::NoInterface);
        }
        let (first, last) = (*self.ports.start(), *self.ports.end());
        if first == 0 || u32::from(last) < u32::from(first) + u32::from(first % 2) + 1 {
            return Err(BuildError::PortRange { first, last });
        }
        for interface in &self.interfaces {
            let address = SocketAddr::new(interface.address, 0);
            SocketOpener
                .open(address, &PortOptions::default())
                .map_err(|source| BuildError::Address { address: interface.address, source })?;
        }
        Ok(())
    }
}
