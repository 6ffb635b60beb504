//! The handle on one call.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam::channel::bounded;
use mediapoint_net::SocketOptions;

use crate::api::error::{AdmissionError, CommandError, OpenLegError};
use crate::api::event::{CallId, EndReason};
use crate::api::leg::{LegConfig, LegId, OpenedLeg, Placement, Relearn, Source};
use crate::api::points::Points;
use crate::api::stats::CallStatistics;
use crate::runtime::builder::Interface;
use crate::runtime::command::{Command, Link};
use crate::runtime::engine::Shared;

/// How long a question to a worker may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What a call is asked for with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallSpec {
    /// Its price; `None` for that of a session of two legs. Legs beyond the second add to it as they are opened.
    pub points: Option<Points>,
}

/// A handle on a call. Dropping it does not end the call.
#[derive(Debug, Clone)]
pub struct Call {
    shared: Arc<Shared>,
    id: CallId,
    worker: usize,
    generation: u64,
}

impl Call {
    pub(crate) fn new(shared: Arc<Shared>, id: CallId, worker: usize, generation: u64) -> Self {
        Self { shared, id, worker, generation }
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> CallId {
        self.id
    }

    /// The worker that carries it.
    #[must_use]
    pub const fn worker(&self) -> usize {
        self.worker
    }

    /// Opens a leg: binds its ports and gives it to the worker. It hears nothing until [`Call::set_source`].
    ///
    /// # Errors
    /// [`OpenLegError`]; the call is unchanged then.
    pub fn open_leg(&self, placement: &Placement, config: LegConfig) -> Result<OpenedLeg, OpenLegError> {
        let interface = self.interface(placement)?.clone();
        self.pay_for_leg()?;
        let opened = self.open_on(&interface, placement, config);
        if opened.is_err() {
            self.settle();
        }
        opened
    }

    fn open_on(
        &self,
        interface: &Interface,
        placement: &Placement,
        config: LegConfig,
    ) -> Result<OpenedLeg, OpenLegError> {
        let options = SocketOptions {
            dscp: config.dscp.min(63),
            receive_buffer: self.shared.config.socket_buffer,
            ..SocketOptions::default()
        };
        let sockets = self.shared.ports().open(interface.address, placement.ports, &options)?;
        let lease = sockets.lease;
        let told = |socket: &mediapoint_net::UdpSocket| {
            SocketAddr::new(interface.told(), socket.local_addr().port())
        };
        let id = LegId(self.shared.next_leg.fetch_add(1, Ordering::Relaxed));
        let opened = OpenedLeg { id, rtp: told(&sockets.rtp), rtcp: sockets.rtcp.as_ref().map(told) };
        let command =
            Command::AddLeg { call: self.id, leg: id, config: Box::new(config), sockets: Box::new(sockets) };
        let mut registry = self.shared.registry();
        let refused = match registry.calls.get_mut(&self.id) {
            None => Some((command, CommandError::NoSuchCall(self.id))),
            Some(entry) => match self.link().map(|link| link.command(self.generation, command)) {
                Some(Ok(())) => {
                    entry.legs.insert(id, lease);
                    entry.opening = entry.opening.saturating_sub(1);
                    None
                }
                Some(Err(command)) => Some((command, CommandError::Busy { worker: self.worker })),
                None => return Err(CommandError::NoSuchCall(self.id).into()),
            },
        };
        drop(registry);
        if let Some((command, error)) = refused {
            // The sockets close before the ports are lent again.
            drop(command);
            self.shared.ports().give_back(lease);
            return Err(error.into());
        }
        Ok(opened)
    }

    /// Makes a leg what `config` says. What is the same as before goes on as before.
    ///
    /// # Errors
    /// [`CommandError`] where the call or leg is gone, or the worker does not keep up.
    pub fn configure_leg(&self, leg: LegId, config: LegConfig, relearn: Relearn) -> Result<(), CommandError> {
        self.check(leg)?;
        self.command(Command::Configure { leg, config: Box::new(config), relearn })
    }

    /// Sets what a leg hears.
    ///
    /// # Errors
    /// [`CommandError`] where the call or one of the legs is gone, or the worker does not keep up.
    pub fn set_source(&self, leg: LegId, source: Source) -> Result<(), CommandError> {
        self.check(leg)?;
        if let Source::Leg(heard) = source {
            self.check(heard)?;
        }
        self.command(Command::SetSource { leg, source })
    }

    /// Makes two legs each other's source.
    ///
    /// # Errors
    /// As [`Call::set_source`].
    pub fn connect(&self, a: LegId, b: LegId) -> Result<(), CommandError> {
        self.set_source(a, Source::Leg(b))?;
        self.set_source(b, Source::Leg(a))
    }

    /// Closes a leg and frees its ports.
    ///
    /// # Errors
    /// [`CommandError`] where the call or leg is gone, or the worker does not keep up.
    pub fn remove_leg(&self, leg: LegId) -> Result<(), CommandError> {
        self.check(leg)?;
        self.command(Command::RemoveLeg { leg })
    }

    /// Its figures as they are now. Waits for the worker, for a tick as a rule and two seconds at most.
    ///
    /// # Errors
    /// [`CommandError`] where the call is gone, or the worker does not answer.
    pub fn statistics(&self) -> Result<CallStatistics, CommandError> {
        let (reply, answer) = bounded(1);
        self.command(Command::Query { call: self.id, reply })?;
        answer.recv_timeout(ANSWER_WITHIN).map_err(|_| CommandError::NoAnswer { worker: self.worker })
    }

    /// Ends the call; its last figures come with [`crate::Event::CallEnded`].
    ///
    /// # Errors
    /// [`CommandError`] where it has ended already, or the worker does not keep up.
    pub fn end(&self) -> Result<(), CommandError> {
        self.command(Command::EndCall { call: self.id, reason: EndReason::Command })
    }

    /// Points that the call costs now; none where it has ended.
    #[must_use]
    pub fn points(&self) -> Points {
        self.shared.registry().calls.get(&self.id).map_or(Points::ZERO, |entry| entry.points)
    }

    fn link(&self) -> Option<&Link> {
        self.shared.links.get(self.worker).map(Arc::as_ref)
    }

    fn check(&self, leg: LegId) -> Result<(), CommandError> {
        let registry = self.shared.registry();
        let entry = registry.calls.get(&self.id).ok_or(CommandError::NoSuchCall(self.id))?;
        if entry.legs.contains_key(&leg) { Ok(()) } else { Err(CommandError::NoSuchLeg(leg)) }
    }

    fn command(&self, command: Command) -> Result<(), CommandError> {
        if !self.shared.registry().calls.contains_key(&self.id) {
            return Err(CommandError::NoSuchCall(self.id));
        }
        let link = self.link().ok_or(CommandError::NoSuchCall(self.id))?;
        link.command(self.generation, command).map_err(|_| CommandError::Busy { worker: self.worker })
    }

    fn interface(&self, placement: &Placement) -> Result<&Interface, OpenLegError> {
        let interfaces = &self.shared.config.interfaces;
        let name = match &placement.interface {
            Some(name) => name,
            None => interfaces.first().map(|first| &first.name).ok_or_else(|| {
                // An engine is never built without one.
                OpenLegError::UnknownInterface(String::new())
            })?,
        };
        let mut named = interfaces.iter().filter(|interface| interface.name == *name).peekable();
        if named.peek().is_none() {
            return Err(OpenLegError::UnknownInterface(name.clone()));
        }
        match placement.family {
            None => named.next().ok_or_else(|| OpenLegError::UnknownInterface(name.clone())),
            Some(family) => named
                .find(|interface| interface.family() == family)
                .ok_or_else(|| OpenLegError::NoSuchFamily { interface: name.clone(), family }),
        }
    }

    /// Adds a further leg's price, where its worker has it free.
    fn pay_for_leg(&self) -> Result<(), OpenLegError> {
        let budget = self.shared.config.budget;
        let mut registry = self.shared.registry();
        let entry = registry.calls.get(&self.id).ok_or(CommandError::NoSuchCall(self.id))?;
        let more = entry.price(&self.shared.config.prices, 1) - entry.points;
        let free = registry.used.get(entry.worker).map_or(Points::ZERO, |used| budget - *used);
        if more > free {
            return Err(AdmissionError::NoPoints { needed: more, free }.into());
        }
        let worker = entry.worker;
        if let Some(entry) = registry.calls.get_mut(&self.id) {
            entry.points += more;
            entry.opening += 1;
        }
        if let Some(used) = registry.used.get_mut(worker) {
            *used += more;
        }
        Ok(())
    }

    /// Takes the price of a leg that could not be opened off again.
    fn settle(&self) {
        let mut registry = self.shared.registry();
        if let Some(entry) = registry.calls.get_mut(&self.id) {
            entry.opening = entry.opening.saturating_sub(1);
        }
        registry.settle(self.id, &self.shared.config.prices);
    }
}
