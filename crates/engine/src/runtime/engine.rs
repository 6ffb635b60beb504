//! The engine as its user holds it: admission, the registry of calls, shutdown.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use mediapoint_net::{PacketIo as _, PortOpener as _, PortOptions, SocketOpener, available_cores};

use crate::api::error::{AdmissionError, BuildError, CommandError, RestoreError};
use crate::api::event::Event;
use crate::api::id::{CallId, LegId, TapId};
use crate::api::leg::{Ports, RemoteAddress};
use crate::api::pending::{Pending, pending};
use crate::api::points::Points;
use crate::api::remote::LocalScope;
use crate::api::stats::{EngineLoad, WorkerLoad};
use crate::runtime::admission::{FILES_OF_A_LEG, Limits};
use crate::runtime::analysts::{self, Analysts};
use crate::runtime::builder::{EngineBuilder, Interface};
use crate::runtime::call::{Call, CallSpec, legs_of};
use crate::runtime::events::{self, EventReceiver, EventSender};
use crate::runtime::mailbox::{Command, Handle, Mailbox};
use crate::runtime::packet_io::{self, WorkerIo};
use crate::runtime::ports::{OpenPorts, PortLease, PortPool, open_at};
use crate::runtime::registry::{Entry, Need, Registry, Used};
use crate::runtime::supervisor;
use crate::runtime::work::LegWork;
use crate::runtime::worker::{self, Mailboxes, WorkerConfig};
use crate::session::analysis::lost;
use crate::session::snapshot::{CallSnapshot, LocalAddresses};

/// What engine, calls and supervisor share. No worker ever locks any of it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: EngineBuilder,
    pub(crate) mailboxes: Mailboxes,
    pub(crate) registry: Mutex<Registry>,
    pub(crate) ports: PortPool,
    pub(crate) limits: Limits,
    pub(crate) events: EventSender,
    pub(crate) analysts: Analysts,
    pub(crate) next_call: AtomicU64,
    /// Names legs, mixes, players, streams and taps.
    pub(crate) next_id: AtomicU64,
    pub(crate) draining: AtomicBool,
    pub(crate) stopping: AtomicBool,
    /// Rounds of the supervisor.
    pub(crate) rounds: AtomicU64,
    /// The engine that this is a trial of.
    pub(crate) tried: Option<Arc<Self>>,
}

impl Shared {
    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub(super) struct Threads {
    pub(super) shared: Arc<Shared>,
    workers: Mutex<Vec<JoinHandle<()>>>,
    supervisor: Mutex<Option<JoinHandle<()>>>,
    analysts: Mutex<Option<JoinHandle<()>>>,
}

/// The media server engine. Clones are handles on the same engine; when the last one goes, all calls end and the
/// threads stop.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(super) threads: Arc<Threads>,
}

impl Engine {
    /// Checks whether media may be sent to an address by a leg on any of the interfaces. A leg of one interface may still be
    /// refused an address that is allowed to another, as loopback addresses are.
    ///
    /// # Errors
    /// [`CommandError::ForbiddenRemote`].
    pub fn check_remote(&self, remote: RemoteAddress) -> Result<(), CommandError> {
        let config = &self.threads.shared.config;
        let scopes = config.interfaces.iter().map(|interface| LocalScope::of(interface.address));
        let mut results = scopes.map(|scope| config.remotes.check_leg(scope, Some(remote)));
        let first = results.next().unwrap_or(Ok(()));
        if results.any(|result| result.is_ok()) { Ok(()) } else { first }
    }

    /// Describes an engine.
    #[must_use]
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    pub(crate) fn start(config: EngineBuilder) -> Result<(Self, EventReceiver), BuildError> {
        let cores = cores_of(&config);
        let mut ios = Vec::new();
        let mut mailboxes = Vec::new();
        let remotes = Arc::new(config.remotes.clone());
        // A leg receives one stream.
        let rules = if config.kernel_forwarding { config.max_legs.saturating_mul(config.workers) } else { 0 };
        let direct = packet_io::choose(config.packet_backend, &config.interfaces, rules)
            .map_err(|source| BuildError::PacketBackend { source })?;
        let worker_config = |index: usize| WorkerConfig {
            worker: index,
            interfaces: direct.clone(),
            core: cores.get(index % cores.len().max(1)).copied(),
            realtime_priority: config.realtime_priority,
            tick: config.tick,
            max_legs: config.max_legs,
            media_timeout: config.media_timeout,
            hold_timeout: config.hold_timeout,
            shed_late: config.shed_late,
            remotes: Arc::clone(&remotes),
            kernel_forwarding: config.kernel_forwarding && direct.is_some(),
        };
        let configs: Vec<WorkerConfig> = (0..config.workers).map(worker_config).collect();
        for (worker, worker_config) in configs.iter().enumerate() {
            let io = worker_config.io().map_err(|source| BuildError::Worker { worker, source })?;
            mailboxes.push(Arc::new(Mailbox::new(worker, io.waker())));
            ios.push(io);
        }
        let (sender, receiver) = events::channel(config.event_capacity);
        let registry = Registry::new(config.workers, config.budget);
        let ports = PortPool::new(config.ports.clone());
        let addresses: HashSet<IpAddr> =
            config.interfaces.iter().map(|interface| interface.address).collect();
        let limits = Limits {
            pairs: ports.pair_count().saturating_mul(addresses.len()),
            files: config.max_files.unwrap_or_else(Limits::files_of_process),
        };
        let shared = Arc::new(Shared {
            ports,
            limits,
            mailboxes: mailboxes.into(),
            registry: Mutex::new(registry),
            events: sender,
            analysts: Analysts::default(),
            next_call: AtomicU64::new(1),
            next_id: AtomicU64::new(1),
            draining: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            rounds: AtomicU64::new(0),
            tried: None,
            config,
        });
        let engine = Self { threads: Arc::new(Threads::of(Arc::clone(&shared))) };
        engine.spawn_supervisor()?;
        engine.spawn_analysts()?;
        for (worker, (io, worker_config)) in ios.into_iter().zip(configs).enumerate() {
            engine.spawn_worker(worker, io, worker_config)?;
        }
        Ok((engine, receiver))
    }

    fn spawn_supervisor(&self) -> Result<(), BuildError> {
        let shared = Arc::clone(&self.threads.shared);
        let handle = std::thread::Builder::new()
            .name("supervisor".into())
            .spawn(move || supervisor::run(&shared))
            .map_err(|source| BuildError::Worker { worker: 0, source })?;
        for mailbox in self.threads.shared.mailboxes.iter() {
            mailbox.set_supervisor(handle.thread().clone());
        }
        *self.threads.supervisor.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
        Ok(())
    }

    fn spawn_analysts(&self) -> Result<(), BuildError> {
        let shared = Arc::clone(&self.threads.shared);
        let handle = std::thread::Builder::new()
            .name("analysis".into())
            .spawn(move || analysts::run(&shared))
            .map_err(|source| BuildError::Worker { worker: 0, source })?;
        self.threads.shared.analysts.set_thread(handle.thread().clone());
        *self.threads.analysts.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
        Ok(())
    }

    fn spawn_worker(&self, worker: usize, io: WorkerIo, config: WorkerConfig) -> Result<(), BuildError> {
        let mailboxes = Arc::clone(&self.threads.shared.mailboxes);
        let handle = std::thread::Builder::new()
            .name(format!("media-{worker}"))
            .spawn(move || worker::run(worker, &mailboxes, &config, io))
            .map_err(|source| BuildError::Worker { worker, source })?;
        self.threads.workers.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        Ok(())
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.threads.shared
    }

    /// Admits a call, on the worker with most free points or on the one asked for.
    ///
    /// # Errors
    /// [`AdmissionError`] with the points needed and free, while draining, or while too many events are unread.
    pub fn create_call(&self, spec: CallSpec) -> Result<Call, AdmissionError> {
        let shared = self.shared();
        let mut registry = shared.registry();
        let call = Entry::new(0, 0, spec.points, &shared.config.prices).with_priority(spec.priority);
        let worker = self.admit(&registry, &call, spec.worker)?;
        let id = CallId(shared.next_call.fetch_add(1, Ordering::Relaxed));
        self.enter(&mut registry, id, (worker, &call), |_| Command::AddCall { call: id })?;
        drop(registry);
        Ok(Call::new(Arc::clone(shared), id))
    }

    /// Makes a call go on from a snapshot, with its name, on the same local addresses. The outcome says whether the worker
    /// has taken it; what came to the ports from now on is not lost. Where the worker cannot take it, the call ends.
    ///
    /// Calls, legs and taps keep their names, so that the engine must not have others of the same names.
    ///
    /// # Errors
    /// [`RestoreError`]; nothing has changed then.
    pub fn restore(&self, snapshot: CallSnapshot) -> Result<(Call, Pending<()>), RestoreError> {
        let shared = self.shared();
        snapshot.check()?;
        shared.check_restore(&snapshot)?;
        let id = snapshot.call();
        check_names(&shared.registry(), &snapshot)?;
        // Names that are given from now on must not be those of the snapshot.
        shared.next_call.fetch_max(id.as_u64() + 1, Ordering::Relaxed);
        shared.next_id.fetch_max(snapshot.highest_id() + 1, Ordering::Relaxed);
        let ports = self.open_again(&snapshot)?;
        let leases: Vec<PortLease> = ports.iter().map(|(_, ports)| ports.lease).collect();
        let restored = self.enter_restored(snapshot, ports);
        let outcome = restored.inspect_err(|_| {
            leases.into_iter().for_each(|lease| shared.ports.give_back(lease));
        })?;
        Ok((Call::new(Arc::clone(shared), id), outcome))
    }

    /// Gives the command that restores a call, and enters call, legs and taps into the registry.
    fn enter_restored(
        &self,
        mut snapshot: CallSnapshot,
        ports: Vec<(LegId, OpenPorts<Handle>)>,
    ) -> Result<Pending<()>, RestoreError> {
        let shared = self.shared();
        let prices = &shared.config.prices;
        let (id, taps) = (snapshot.call(), snapshot.taps().collect::<Vec<_>>());
        let analyses = snapshot.analyses().to_vec();
        let mixes: Vec<_> = snapshot.mixes().map(|(mix, inputs)| (mix, legs_of(inputs))).collect();
        let legs: Vec<(LegId, LegWork, PortLease)> = ports
            .iter()
            .map(|(leg, ports)| (*leg, snapshot.work(*leg).unwrap_or_default(), ports.lease))
            .collect();
        let mut registry = shared.registry();
        check_names(&registry, &snapshot)?;
        let call = Entry::new(0, 0, snapshot.price(), prices).with_priority(snapshot.priority());
        let works = legs.iter().map(|(leg, work, _)| (*leg, *work));
        let worker = self.admit(&registry, &call.clone().with_legs(works).with_mixes(&mixes), None)?;
        let rooms = snapshot.make_rooms();
        for (tap, room) in &rooms {
            shared.events.keep_room(*tap, room.clone());
        }
        let (reply, outcome) = pending(worker, None);
        let entered = self.enter(&mut registry, id, (worker, &call), |_| Command::Restore {
            snapshot: Box::new(snapshot),
            ports,
            reply,
        });
        entered.inspect_err(|_| rooms.iter().for_each(|(tap, _)| shared.events.forget_tap(*tap)))?;
        for (leg, work, lease) in legs {
            registry.add_leg(id, (leg, work), lease, prices);
        }
        registry.add_mixes(id, &mixes, prices);
        if let Some(entry) = registry.calls.get_mut(&id) {
            entry.taps = taps;
        }
        // Whoever waits for what they come to is told that it is lost.
        for (tap, leg) in analyses {
            let analysis = Box::new(lost());
            shared.events.send(Event::CallAnalysed { call: id, leg, tap, analysis });
        }
        Ok(outcome)
    }

    /// Opens the local addresses of a snapshot's legs.
    fn open_again(&self, snapshot: &CallSnapshot) -> Result<Vec<(LegId, OpenPorts<Handle>)>, RestoreError> {
        let shared = self.shared();
        let mut opened: Vec<(LegId, OpenPorts<Handle>)> = Vec::new();
        let mut failed = None;
        for (leg, local) in snapshot.legs() {
            let result = self.open_exactly(local, snapshot.dscp(leg));
            match result {
                Ok(ports) => opened.push((leg, ports)),
                Err(source) => {
                    failed = Some(RestoreError::Ports { leg, source });
                    break;
                }
            }
        }
        match failed {
            None => Ok(opened),
            Some(error) => {
                for (_, ports) in opened {
                    let lease = ports.lease;
                    drop(ports);
                    shared.ports.give_back(lease);
                }
                Err(error)
            }
        }
    }

    fn open_exactly(
        &self,
        local: Option<LocalAddresses>,
        dscp: Option<u8>,
    ) -> std::io::Result<OpenPorts<Handle>> {
        use std::io::{Error, ErrorKind};
        let shared = self.shared();
        let local = local.ok_or_else(|| Error::from(ErrorKind::AddrNotAvailable))?;
        let lease = PortLease { address: local.rtp.ip(), first: local.rtp.port() };
        if !shared.ports.lend_exactly(lease) {
            return Err(Error::from(ErrorKind::AddrInUse));
        }
        let mut options =
            PortOptions { receive_buffer: shared.config.socket_buffer, ..PortOptions::default() };
        if let Some(dscp) = dscp {
            options.dscp = dscp.min(63);
        }
        let ports = if local.rtcp.is_some() { Ports::RtpAndRtcp } else { Ports::Single };
        let opened = open_at(lease, ports, |at| SocketOpener.open(at, &options));
        opened.inspect_err(|_| shared.ports.give_back(lease))
    }

    /// The worker for a new call.
    fn admit(
        &self,
        registry: &Registry,
        call: &Entry,
        wanted: Option<usize>,
    ) -> Result<usize, AdmissionError> {
        let shared = self.shared();
        if shared.draining.load(Ordering::Acquire) {
            return Err(AdmissionError::Draining);
        }
        if let Some(waiting) = shared.real().events.overfull() {
            return Err(AdmissionError::EventsUnread { waiting });
        }
        if let Some(worker) = wanted.filter(|worker| *worker >= registry.used.len()) {
            return Err(AdmissionError::NoSuchWorker(worker));
        }
        let need: Need = call.need(&shared.config.prices);
        shared.check_legs(registry, need.legs)?;
        shared.place(registry, need, call.priority, |worker| wanted.is_none_or(|wanted| wanted == worker))
    }

    /// Gives the command that makes a call, and enters the call into the registry.
    fn enter(
        &self,
        registry: &mut Registry,
        id: CallId,
        (worker, call): (usize, &Entry),
        command: impl FnOnce(&Mailbox) -> Command,
    ) -> Result<(), AdmissionError> {
        let mailbox = self.shared().mailboxes.get(worker).ok_or(AdmissionError::NoSuchWorker(worker))?;
        let generation = mailbox.generation.load(Ordering::Acquire);
        mailbox.command(generation, command(mailbox)).map_err(|_| AdmissionError::Busy { worker })?;
        let prices = &self.shared().config.prices;
        registry.insert(id, call.clone().placed(worker, generation), prices);
        Ok(())
    }

    /// A handle on a call that has not ended.
    #[must_use]
    pub fn call(&self, id: CallId) -> Option<Call> {
        self.shared().adopt(id);
        let known = self.shared().registry().calls.contains_key(&id);
        known.then(|| Call::new(Arc::clone(self.shared()), id))
    }

    /// The addresses that legs may be opened on.
    #[must_use]
    pub fn interfaces(&self) -> &[Interface] {
        &self.shared().config.interfaces
    }

    /// Calls that have not ended.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.shared().registry().calls.len()
    }

    /// What the engine carries.
    #[must_use]
    pub fn load(&self) -> EngineLoad {
        let shared = self.shared();
        // What the reader was too slow for is nobody's in particular: every worker shows it.
        let unread = shared.events.dropped();
        let registry = shared.registry();
        let carried = registry.carried();
        let reserved = registry.reserved;
        drop(registry);
        let load = |(mailbox, (used, budget, configured)): (&Arc<Mailbox>, (Used, Points, Points))| {
            let gauges = &mailbox.gauges;
            WorkerLoad {
                budget,
                configured,
                used: used.points,
                by_kind: used.kinds,
                legs: used.legs,
                max_legs: shared.config.max_legs,
                late: gauges.late(),
                calls: gauges.calls.load(Ordering::Relaxed),
                received: gauges.received.load(Ordering::Relaxed),
                sent: gauges.sent.load(Ordering::Relaxed),
                forwarded: gauges.forwarded.load(Ordering::Relaxed),
                handed_over: gauges.handed_over.load(Ordering::Relaxed),
                dropped: gauges.dropped.load(Ordering::Relaxed),
                no_large_buffer: gauges.no_large_buffer.load(Ordering::Relaxed),
                too_long: gauges.too_long.load(Ordering::Relaxed),
                cpu: gauges.cpu(),
                events_dropped: unread + gauges.events_dropped.load(Ordering::Relaxed),
                restarts: gauges.restarts.load(Ordering::Relaxed),
            }
        };
        let (events_waiting, tap_rooms) = shared.events.waiting();
        EngineLoad {
            workers: shared.mailboxes.iter().zip(carried).map(load).collect(),
            port_pairs: (shared.real().ports.lent(), shared.limits.pairs),
            files: (reserved * FILES_OF_A_LEG, shared.limits.files),
            events_waiting,
            tap_rooms,
            rounds: shared.rounds.load(Ordering::Relaxed),
        }
    }

    /// Takes no new calls from now on, or takes them again.
    pub fn set_draining(&self, draining: bool) {
        self.shared().draining.store(draining, Ordering::Release);
    }

    /// True while no new calls are taken.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.shared().draining.load(Ordering::Acquire)
    }

    /// Makes a worker fail, to see what becomes of the rest. For tests of exactly that.
    #[cfg(feature = "danger-panic")]
    pub fn danger_panic_worker(&self, worker: usize) {
        if let Some(mailbox) = self.shared().mailboxes.get(worker) {
            drop(mailbox.command(mailbox.generation.load(Ordering::Acquire), Command::Panic));
        }
    }

    /// Makes a worker do nothing until what is returned is dropped, to see who waits for it. For tests of exactly that.
    #[cfg(feature = "danger-panic")]
    #[must_use]
    pub fn danger_stall_worker(&self, worker: usize) -> std::sync::mpsc::Sender<()> {
        let (held, until) = std::sync::mpsc::channel();
        if let Some(mailbox) = self.shared().mailboxes.get(worker) {
            drop(mailbox.command(mailbox.generation.load(Ordering::Acquire), Command::Stall(until)));
        }
        held
    }

    /// Makes each round of a worker take so much longer, as if it had more work than it can do. For tests of exactly that.
    #[cfg(feature = "danger-panic")]
    pub fn danger_slow_worker(&self, worker: usize, round: std::time::Duration) {
        if let Some(mailbox) = self.shared().mailboxes.get(worker) {
            let micros = u64::try_from(round.as_micros()).unwrap_or(u64::MAX);
            mailbox.slow_micros.store(micros, Ordering::Relaxed);
        }
    }

    /// Ends all calls and stops the threads; what happened until then can still be read from the events.
    pub fn shutdown(&self) {
        self.threads.stop();
    }
}

impl Threads {
    /// No threads yet.
    pub(super) fn of(shared: Arc<Shared>) -> Self {
        Self { shared, workers: Mutex::default(), supervisor: Mutex::default(), analysts: Mutex::default() }
    }

    fn stop(&self) {
        self.shared.draining.store(true, Ordering::Release);
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        for (mailbox, handle) in self.shared.mailboxes.iter().zip(workers.iter()) {
            mailbox.stop.store(true, Ordering::Release);
            let mut command = Command::Stop;
            while let Err(back) = mailbox.command(mailbox.generation.load(Ordering::Acquire), command) {
                if handle.is_finished() {
                    break;
                }
                command = back;
                std::thread::yield_now();
            }
        }
        for handle in workers.drain(..) {
            drop(handle.join());
        }
        drop(workers);
        self.shared.analysts.stop();
        if let Some(handle) = self.analysts.lock().unwrap_or_else(PoisonError::into_inner).take() {
            drop(handle.join());
        }
        self.shared.stopping.store(true, Ordering::Release);
        if let Some(handle) = self.supervisor.lock().unwrap_or_else(PoisonError::into_inner).take() {
            handle.thread().unpark();
            drop(handle.join());
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Refuses a snapshot whose call, or one of its legs or taps, has the name of another.
fn check_names(registry: &Registry, snapshot: &CallSnapshot) -> Result<(), RestoreError> {
    let id = snapshot.call();
    if registry.calls.contains_key(&id) {
        return Err(RestoreError::Exists(id));
    }
    if let Some((leg, _)) = snapshot.legs().find(|(leg, _)| registry.legs.contains_key(leg)) {
        return Err(RestoreError::NameInUse { kind: "leg", id: leg.as_u64() });
    }
    let in_use = |tap: &TapId| registry.calls.values().any(|entry| entry.taps.contains(tap));
    match snapshot.taps().find(in_use) {
        Some(tap) => Err(RestoreError::NameInUse { kind: "tap", id: tap.as_u64() }),
        None => Ok(()),
    }
}

/// The cores for the workers: those named, or those the process may use from the last to the first, so that the first
/// one, where the system's own work gathers, is taken last.
fn cores_of(config: &EngineBuilder) -> Vec<usize> {
    if !config.pin {
        return Vec::new();
    }
    if !config.cores.is_empty() {
        return config.cores.clone();
    }
    let mut cores = available_cores();
    cores.reverse();
    cores
}
