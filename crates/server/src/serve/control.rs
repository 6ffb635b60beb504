//! The control ports: what the ng protocol asks for goes to the controller, and through it to the engine.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use mediapoint_control_ng::listen::{Address, Clock, ListenConfig, ListenError, Listener, Pulse};
use mediapoint_control_ng::request::Id;
use mediapoint_control_ng::wire::Dict;
use mediapoint_control_ng::{
    Access, CacheLimits, Command, Controller, ControllerConfig, Dispatcher, Guard, Handler, NgError,
    Playbacks, Prompts, Recordings, Reply, Request, Time,
};
use mediapoint_engine::{CallId, Engine, Event};

use super::metrics::{self, Snapshot};
use super::secret::{self, SecretError};
use crate::config::Config;
use crate::logging::{Figures, Level, Log, Step};

/// Threads that answer datagrams whatever is being loaded.
const ANSWERING: usize = 2;

/// Why the control port is not up.
#[derive(Debug, thiserror::Error)]
pub(super) enum ControlError {
    /// Another program listens there.
    #[error("cannot listen on {address}: address in use; another server? choose --{flag}")]
    InUse {
        /// The address.
        address: Address,
        /// The setting that chooses it.
        flag: &'static str,
    },
    /// The address belongs to another machine.
    #[error("cannot listen on {address}: no such address on this machine; choose --{flag}")]
    NotHere {
        /// The address.
        address: Address,
        /// The setting that chooses it.
        flag: &'static str,
    },
    /// The secret cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Anything else.
    #[error("{source}; choose --{flag}")]
    Other {
        /// What happened.
        source: ListenError,
        /// The setting that chooses the address.
        flag: &'static str,
    },
}

/// The controller, with the log's figures in its statistics.
#[derive(Debug)]
struct LoggedController {
    controller: Controller,
    log: Figures,
    level: Arc<Level>,
}

impl LoggedController {
    /// Shows the log level, and changes it where one is asked for.
    fn log_level(&self, request: &Request) -> Reply {
        let who = "control port";
        match request.level.as_deref() {
            None => {}
            Some("raise") => self.level.step(Step::MoreVerbose, who),
            Some("lower") => self.level.step(Step::Quieter, who),
            Some(text) => match text.parse() {
                Ok(filter) => self.level.change(&filter, who),
                Err(_) => return Reply::error(&NgError::BadValue { key: "level" }),
            },
        }
        Reply::ok().with("level", self.level.in_force().to_string())
    }
}

impl Handler for LoggedController {
    fn handle(&self, now: Time, request: Request) -> Reply {
        if request.command == Command::Log {
            return self.log_level(&request);
        }
        let is_statistics = request.command == Command::Statistics;
        let reply = self.controller.handle(now, request);
        if !is_statistics {
            return reply;
        }
        let figures = [("droppedlines", self.log.dropped()), ("warningsleftout", self.log.left_out())];
        let log: Dict = figures.map(|(key, figure)| (key.as_bytes().to_vec(), figure.into())).into();
        reply.with_in("statistics", "log", log)
    }
}

/// Tells the controller what happens at the engine, and the time.
#[derive(Debug, Clone)]
pub(super) struct ControllerHandle {
    dispatcher: Arc<Dispatcher<LoggedController>>,
    clock: mediapoint_net::Clock,
}

impl ControllerHandle {
    /// Hands one of the engine's events over.
    pub(super) fn handle_event(&self, event: &Event) {
        self.dispatcher.handler().controller.handle_event(event);
    }

    /// One that keeps nothing of the controller.
    pub(super) fn downgrade(&self) -> WeakController {
        WeakController(Arc::downgrade(&self.dispatcher))
    }

    /// Carries out what is due by now. How long until something is due again, where anything is.
    pub(super) fn poll(&self) -> Option<Duration> {
        let now = self.clock.now();
        self.dispatcher.handler().controller.poll(now).map(|due| due.since(now))
    }
}

/// The controller, for as long as others keep it.
#[derive(Debug, Clone)]
pub(super) struct WeakController(Weak<Dispatcher<LoggedController>>);

impl WeakController {
    /// Ends a call that must not go on without its recording.
    pub(super) fn end_unrecorded(&self, call: CallId, call_id: &Id) {
        if let Some(dispatcher) = self.0.upgrade() {
            dispatcher.handler().controller.end_unrecorded(call, call_id);
        }
    }
}

/// The control ports that are up. Dropping them ends them.
#[derive(Debug)]
pub(super) struct Control {
    controller: ControllerHandle,
    access: Arc<Access>,
    guard: Option<Arc<Guard>>,
    /// For datagrams, and for connections where they are wanted.
    listeners: Arc<(Listener, Option<Listener>)>,
}

impl Control {
    /// Opens the control ports of `config` over `engine`.
    pub(super) fn start(
        engine: &Engine,
        config: &Config,
        log: &Log,
        prompts: &Arc<Prompts>,
        (recordings, playbacks): (Option<Arc<Recordings>>, Option<Arc<Playbacks>>),
    ) -> Result<Self, ControlError> {
        let clock = mediapoint_net::Clock::new();
        let waiting = playbacks.as_ref().map_or(0, |playbacks| playbacks.waiting());
        let settings = ControllerConfig {
            tos: config.dscp << 2,
            digit_log: config.dtmf_log_dest,
            room_members: config.room_members,
            unix_at_zero: unix_at_zero(clock),
            prompts: Some(Arc::clone(prompts)),
            recordings,
            playbacks,
            ..ControllerConfig::default()
        };
        let controller = Controller::new(engine.clone(), settings);
        let handler = LoggedController { controller, log: log.figures(), level: log.level() };
        let dispatcher = Arc::new(Dispatcher::new(handler, CacheLimits::default()));
        let time: Clock = Arc::new(move || clock.now());
        let access = Arc::new(access(config));
        let guard = match &config.ng_secret_file {
            None => None,
            Some(file) => Some(Arc::new(Guard::new(secret::read(file)?, Arc::new(move || clock.wall())))),
        };
        let listen = |address: &Address| ListenConfig {
            access: Arc::clone(&access),
            unix: config.unix,
            guard: guard.clone(),
            // Beside those that wait for media to be loaded, and recordings to be opened.
            threads: ANSWERING + prompts.waiting() + waiting,
            ..ListenConfig::new(address.clone())
        };
        let datagrams = Listener::datagrams(&listen(&config.ng), &time, &dispatcher)
            .map_err(|source| explain(source, "ng"))?;
        let streams = match &config.ng_tcp {
            None => None,
            Some(address) => {
                let listener = Listener::streams(&listen(address), &time, &dispatcher);
                Some(listener.map_err(|source| explain(source, "ng-tcp"))?)
            }
        };
        let listeners = Arc::new((datagrams, streams));
        Ok(Self { controller: ControllerHandle { dispatcher, clock }, access, guard, listeners })
    }

    /// A handle on the controller behind the ports.
    pub(super) fn controller(&self) -> ControllerHandle {
        self.controller.clone()
    }

    /// Reads the counters of engine, controller, control port and log.
    pub(super) fn metrics(&self, engine: &Engine) -> metrics::Source {
        let (engine, dispatcher) = (engine.clone(), Arc::clone(&self.controller.dispatcher));
        Arc::new(move || {
            let handler = dispatcher.handler();
            Snapshot {
                load: engine.load(),
                controller: handler.controller.figures(),
                control: dispatcher.counters().by_name().to_vec(),
                log_lines_dropped: handler.log.dropped(),
                log_warnings_left_out: handler.log.left_out(),
            }
        })
    }

    /// Who may speak, to be changed.
    pub(super) fn access(&self) -> (Arc<Access>, Option<Arc<Guard>>) {
        (Arc::clone(&self.access), self.guard.clone())
    }

    /// A reader of the signs of life of the ports' threads.
    pub(super) fn pulse(&self) -> impl Fn() -> Vec<Pulse> + Send + use<> {
        let listeners = Arc::clone(&self.listeners);
        move || {
            let streams = listeners.1.iter().flat_map(Listener::pulses);
            listeners.0.pulses().chain(streams).collect()
        }
    }

    /// Where datagrams are taken.
    pub(super) fn datagrams(&self) -> &Address {
        self.listeners.0.address()
    }

    /// Where connections are taken.
    pub(super) fn streams(&self) -> Option<&Address> {
        self.listeners.1.as_ref().map(Listener::address)
    }
}

/// Who may speak: those on the list, and never what comes from a media port, by whichever of its addresses.
fn access(config: &Config) -> Access {
    let bound = config.interfaces.iter().map(|interface| interface.address);
    let told = config.interfaces.iter().filter_map(|interface| interface.advertised);
    Access::new(config.allow.clone()).without_media(bound.chain(told), config.ports.clone())
}

/// Unix time when the monotonic clock was zero.
fn unix_at_zero(clock: mediapoint_net::Clock) -> Duration {
    let (wall, monotonic) = (clock.wall(), clock.now());
    wall.saturating_sub(Duration::from_nanos(monotonic.as_nanos()))
}

/// The usual reasons in words that say what to do.
fn explain(error: ListenError, flag: &'static str) -> ControlError {
    match &error {
        ListenError::Io { address, source } if source.kind() == io::ErrorKind::AddrInUse => {
            ControlError::InUse { address: address.clone(), flag }
        }
        ListenError::Io { address, source } if source.kind() == io::ErrorKind::AddrNotAvailable => {
            ControlError::NotHere { address: address.clone(), flag }
        }
        _ => ControlError::Other { source: error, flag },
    }
}
