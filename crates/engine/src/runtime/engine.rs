//! The engine as its user holds it: admission, the registry of calls, shutdown.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use mediapoint_net::available_cores;

use crate::api::error::{AdmissionError, BuildError};
use crate::api::event::CallId;
use crate::api::leg::LegId;
use crate::api::points::{Points, Prices};
use crate::api::stats::{EngineLoad, WorkerLoad};
use crate::runtime::builder::{EngineBuilder, Interface};
use crate::runtime::call::{Call, CallSpec};
use crate::runtime::command::{Command, Link};
use crate::runtime::events::{self, EventReceiver, EventSender};
use crate::runtime::housekeeper;
use crate::runtime::ports::{PortLease, PortPool};
use crate::runtime::worker::{self, WorkerConfig};

/// What the registry knows of a call.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) worker: usize,
    pub(crate) generation: u64,
    /// What the call costs with two legs.
    pub(crate) base: Points,
    /// What it costs now.
    pub(crate) points: Points,
    pub(crate) legs: HashMap<LegId, PortLease>,
    /// Legs paid for and not yet in `legs`.
    pub(crate) opening: usize,
}

impl Entry {
    /// What the call costs with so many legs more than it has.
    pub(crate) fn price(&self, prices: &Prices, more: usize) -> Points {
        self.base + (prices.of_legs(self.legs.len() + self.opening + more) - prices.of_legs(2))
    }
}

/// What the control side keeps.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub(crate) calls: HashMap<CallId, Entry>,
    pub(crate) used: Vec<Points>,
}

impl Registry {
    /// Forgets a call and frees its points; its legs' ports are freed as the worker closes them.
    pub(crate) fn remove(&mut self, call: CallId) -> Option<Entry> {
        let entry = self.calls.remove(&call)?;
        if let Some(used) = self.used.get_mut(entry.worker) {
            *used -= entry.points;
        }
        Some(entry)
    }

    /// Takes the price of legs that are gone off a call.
    pub(crate) fn settle(&mut self, call: CallId, prices: &Prices) {
        let Some(entry) = self.calls.get_mut(&call) else { return };
        let back = entry.points - entry.price(prices, 0);
        entry.points -= back;
        if let Some(used) = self.used.get_mut(entry.worker) {
            *used -= back;
        }
    }
}

/// What engine, calls and housekeeper share. No worker ever locks any of it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: EngineBuilder,
    pub(crate) links: Vec<Arc<Link>>,
    pub(crate) registry: Mutex<Registry>,
    pub(crate) ports: Mutex<PortPool>,
    pub(crate) events: EventSender,
    pub(crate) next_call: AtomicU64,
    pub(crate) next_leg: AtomicU64,
    pub(crate) draining: AtomicBool,
    pub(crate) stopping: AtomicBool,
}

impl Shared {
    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn ports(&self) -> MutexGuard<'_, PortPool> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Threads {
    shared: Arc<Shared>,
    workers: Mutex<Vec<JoinHandle<()>>>,
    housekeeper: Mutex<Option<JoinHandle<()>>>,
    receiver: Mutex<Option<EventReceiver>>,
}

/// The media server engine. Clones are handles on the same engine; when the last one goes, all calls end and the
/// threads stop.
#[derive(Debug, Clone)]
pub struct Engine {
    threads: Arc<Threads>,
}

impl Engine {
    /// Describes an engine.
    #[must_use]
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    pub(crate) fn start(config: EngineBuilder) -> Result<Self, BuildError> {
        let cores = cores_of(&config);
        let mut reactors = Vec::new();
        let mut links = Vec::new();
        let worker_config = |index: usize| WorkerConfig {
            core: cores.get(index % cores.len().max(1)).copied(),
            tick: config.tick,
            max_legs: config.max_legs,
            media_timeout: config.media_timeout,
            hold_timeout: config.hold_timeout,
        };
        let configs: Vec<WorkerConfig> = (0..config.workers).map(worker_config).collect();
        for (worker, worker_config) in configs.iter().enumerate() {
            let reactor = worker_config.reactor().map_err(|source| BuildError::Worker { worker, source })?;
            links.push(Arc::new(Link::new(worker, reactor.waker())));
            reactors.push(reactor);
        }
        let (sender, receiver) = events::channel(config.event_capacity);
        let registry = Registry { calls: HashMap::new(), used: vec![Points::ZERO; config.workers] };
        let shared = Arc::new(Shared {
            ports: Mutex::new(PortPool::new(config.ports.clone())),
            links,
            registry: Mutex::new(registry),
            events: sender,
            next_call: AtomicU64::new(1),
            next_leg: AtomicU64::new(1),
            draining: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            config,
        });
        let engine = Self {
            threads: Arc::new(Threads {
                shared: Arc::clone(&shared),
                workers: Mutex::default(),
                housekeeper: Mutex::default(),
                receiver: Mutex::new(Some(receiver)),
            }),
        };
        engine.spawn_housekeeper()?;
        for (worker, (reactor, worker_config)) in reactors.into_iter().zip(configs).enumerate() {
            engine.spawn_worker(worker, reactor, worker_config)?;
        }
        Ok(engine)
    }

    fn spawn_housekeeper(&self) -> Result<(), BuildError> {
        let shared = Arc::clone(&self.threads.shared);
        let handle = std::thread::Builder::new()
            .name("housekeeper".into())
            .spawn(move || housekeeper::run(&shared))
            .map_err(|source| BuildError::Worker { worker: 0, source })?;
        for link in &self.threads.shared.links {
            link.set_housekeeper(handle.thread().clone());
        }
        *self.threads.housekeeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
        Ok(())
    }

    fn spawn_worker(
        &self,
        worker: usize,
        reactor: mediapoint_net::Reactor,
        config: WorkerConfig,
    ) -> Result<(), BuildError> {
        let Some(link) = self.threads.shared.links.get(worker).map(Arc::clone) else { return Ok(()) };
        let handle = std::thread::Builder::new()
            .name(format!("media-{worker}"))
            .spawn(move || worker::run(&link, &config, reactor))
            .map_err(|source| BuildError::Worker { worker, source })?;
        self.threads.workers.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        Ok(())
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.threads.shared
    }

    /// The reader of the engine's events; `Some` the first time only.
    #[must_use]
    pub fn events(&self) -> Option<EventReceiver> {
        self.threads.receiver.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Admits a call, on the worker with most free points.
    ///
    /// # Errors
    /// [`AdmissionError`] with the points needed and free, or while draining.
    pub fn create_call(&self, spec: CallSpec) -> Result<Call, AdmissionError> {
        let shared = self.shared();
        if shared.draining.load(Ordering::Acquire) {
            return Err(AdmissionError::Draining);
        }
        let needed = spec.points.unwrap_or_else(|| shared.config.prices.of_legs(2));
        let budget = shared.config.budget;
        let mut registry = shared.registry();
        let (worker, used) = registry
            .used
            .iter()
            .copied()
            .enumerate()
            .min_by_key(|(_, used)| *used)
            .unwrap_or((0, Points::ZERO));
        let free = budget - used;
        if free < needed {
            return Err(AdmissionError::NoPoints { needed, free });
        }
        let link = shared.links.get(worker).ok_or(AdmissionError::Busy { worker })?;
        let id = CallId(shared.next_call.fetch_add(1, Ordering::Relaxed));
        let generation = link.generation.load(Ordering::Acquire);
        link.command(generation, Command::AddCall { call: id })
            .map_err(|_| AdmissionError::Busy { worker })?;
        let entry =
            Entry { worker, generation, base: needed, points: needed, legs: HashMap::new(), opening: 0 };
        registry.calls.insert(id, entry);
        if let Some(used) = registry.used.get_mut(worker) {
            *used += needed;
        }
        drop(registry);
        Ok(Call::new(Arc::clone(shared), id, worker, generation))
    }

    /// A handle on a call that has not ended.
    #[must_use]
    pub fn call(&self, id: CallId) -> Option<Call> {
        let registry = self.shared().registry();
        let entry = registry.calls.get(&id)?;
        Some(Call::new(Arc::clone(self.shared()), id, entry.worker, entry.generation))
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
        let used = shared.registry().used.clone();
        let load = |(link, used): (&Arc<Link>, Points)| {
            let gauges = &link.gauges;
            WorkerLoad {
                budget: shared.config.budget,
                used,
                calls: gauges.calls.load(Ordering::Relaxed),
                received: gauges.received.load(Ordering::Relaxed),
                sent: gauges.sent.load(Ordering::Relaxed),
                dropped: gauges.dropped.load(Ordering::Relaxed),
                cpu: gauges.cpu(),
                events_dropped: unread + gauges.events_dropped.load(Ordering::Relaxed),
                restarts: gauges.restarts.load(Ordering::Relaxed),
            }
        };
        EngineLoad { workers: shared.links.iter().zip(used).map(load).collect() }
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
    pub fn danger_panic_worker(&self, worker: usize) {
        if let Some(link) = self.shared().links.get(worker) {
            drop(link.command(link.generation.load(Ordering::Acquire), Command::Panic));
        }
    }

    /// Ends all calls and stops the threads; what happened until then can still be read from the events.
    pub fn shutdown(&self) {
        self.threads.stop();
    }
}

impl Threads {
    fn stop(&self) {
        self.shared.draining.store(true, Ordering::Release);
        for link in &self.shared.links {
            let mut command = Command::Stop;
            while let Err(back) = link.command(link.generation.load(Ordering::Acquire), command) {
                command = back;
                std::thread::yield_now();
            }
        }
        for handle in self.workers.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            drop(handle.join());
        }
        self.shared.stopping.store(true, Ordering::Release);
        if let Some(handle) = self.housekeeper.lock().unwrap_or_else(PoisonError::into_inner).take() {
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
