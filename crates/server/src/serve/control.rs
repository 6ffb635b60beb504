//! The control ports: what the ng protocol asks for goes to the controller, and through it to the engine.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mediapoint_control_ng::listen::{Clock, ListenConfig, ListenError, Listener};
use mediapoint_control_ng::{CacheLimits, Controller, ControllerConfig, Dispatcher};
use mediapoint_engine::{Engine, Event};

use crate::config::Config;

/// Why the control port is not up.
#[derive(Debug, thiserror::Error)]
pub(super) enum ControlError {
    /// Another program listens there.
    #[error("cannot listen on {address}: address in use; another server? choose --{flag}")]
    InUse {
        /// The address.
        address: SocketAddr,
        /// The setting that chooses it.
        flag: &'static str,
    },
    /// The address belongs to another machine.
    #[error("cannot listen on {address}: no such address on this machine; choose --{flag}")]
    NotHere {
        /// The address.
        address: SocketAddr,
        /// The setting that chooses it.
        flag: &'static str,
    },
    /// Anything else.
    #[error("{source}; choose --{flag}")]
    Other {
        /// What happened.
        source: ListenError,
        /// The setting that chooses the address.
        flag: &'static str,
    },
}

/// Tells the controller what happens at the engine, and the time.
#[derive(Debug, Clone)]
pub(super) struct ControllerHandle {
    dispatcher: Arc<Dispatcher<Controller>>,
    clock: mediapoint_net::Clock,
}

impl ControllerHandle {
    /// Hands one of the engine's events over.
    pub(super) fn handle_event(&self, event: &Event) {
        self.dispatcher.handler().handle_event(event);
    }

    /// Carries out what is due by now. How long until something is due again, where anything is.
    pub(super) fn poll(&self) -> Option<Duration> {
        let now = self.clock.now();
        self.dispatcher.handler().poll(now).map(|due| due.since(now))
    }
}

/// The control ports that are up. Dropping them ends them.
#[derive(Debug)]
pub(super) struct Control {
    controller: ControllerHandle,
    udp: Listener,
    tcp: Option<Listener>,
}

impl Control {
    /// Opens the control ports of `config` over `engine`.
    pub(super) fn start(engine: &Engine, config: &Config) -> Result<Self, ControlError> {
        let clock = mediapoint_net::Clock::new();
        let told = ControllerConfig {
            tos: config.dscp << 2,
            unix_at_zero: unix_at_zero(clock),
            ..ControllerConfig::default()
        };
        let controller = Controller::new(engine.clone(), told);
        let dispatcher = Arc::new(Dispatcher::new(controller, CacheLimits::default()));
        let time: Clock = Arc::new(move || clock.now());
        let listen = |address| ListenConfig { allow: config.allow.clone(), ..ListenConfig::new(address) };
        let udp = Listener::udp(&listen(config.ng), Arc::clone(&time), Arc::clone(&dispatcher))
            .map_err(|source| explain(source, "ng"))?;
        let tcp = match config.ng_tcp {
            None => None,
            Some(address) => {
                let listener = Listener::tcp(&listen(address), time, Arc::clone(&dispatcher));
                Some(listener.map_err(|source| explain(source, "ng-tcp"))?)
            }
        };
        Ok(Self { controller: ControllerHandle { dispatcher, clock }, udp, tcp })
    }

    /// A handle on the controller behind the ports.
    pub(super) fn controller(&self) -> ControllerHandle {
        self.controller.clone()
    }

    /// Where UDP messages are taken.
    pub(super) fn udp(&self) -> SocketAddr {
        self.udp.address()
    }

    /// Where TCP connections are taken.
    pub(super) fn tcp(&self) -> Option<SocketAddr> {
        self.tcp.as_ref().map(Listener::address)
    }
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
            ControlError::InUse { address: *address, flag }
        }
        ListenError::Io { address, source } if source.kind() == io::ErrorKind::AddrNotAvailable => {
            ControlError::NotHere { address: *address, flag }
        }
        _ => ControlError::Other { source: error, flag },
    }
}
