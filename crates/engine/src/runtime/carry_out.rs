//! How a worker carries commands out, gives calls to other workers, and takes them in.

use std::collections::HashMap;

use mediapoint_net::{PacketIo, Port};
use mediapoint_packet::Time;

use crate::api::error::CommandError;
use crate::api::event::{EndReason, Event};
use crate::api::id::{CallId, LegId};
use crate::api::leg::LegConfig;
use crate::api::pending::Completer;
use crate::api::source::MixSpec;
use crate::api::stats::CallStatistics;
use crate::runtime::mailbox::{Arrival, Command, Handle, Outcome, WorkerMessage};
use crate::runtime::ports::OpenPorts;
use crate::runtime::worker::Worker;
use crate::session::Output as _;
use crate::session::command::CallCommand;
use crate::session::port::LegPorts;
use crate::session::snapshot::CallSnapshot;

/// Commands that wait for an expected call at most; further ones fail.
const MAX_STASHED: usize = 1024;

/// A call that is to be given to another worker.
struct Departure {
    call: CallId,
    to: usize,
    reply: Completer<()>,
}

/// Calls on their way between workers.
#[derive(Default)]
pub(super) struct Expected {
    /// Commands to calls that have not come yet.
    stashed: HashMap<CallId, Vec<Command>>,
    /// Calls whose worker had no room in its queue yet.
    departures: Vec<Departure>,
}

impl Expected {
    pub(super) fn has_departures(&self) -> bool {
        !self.departures.is_empty()
    }
}

impl<I: PacketIo<Handle = Handle>> Worker<I> {
    /// Carries a command out, or keeps it for a call that is on its way.
    pub(super) fn carry_out(&mut self, now: Time, command: Command) {
        if let Some(call) = self.awaited_by(&command) {
            return self.stash(call, command);
        }
        match command {
            Command::AddCall { call } => self.add_call(now, call),
            Command::AddLeg { call, leg, config, ports, reply } => {
                let result = self.add_leg(now, call, leg, config, *ports);
                self.done(reply, result);
            }
            Command::Apply { call, command, reply } => {
                let dscp = match &command {
                    CallCommand::ConfigureLeg { leg, config, .. } => Some((*leg, config.dscp)),
                    _ => None,
                };
                let tap = match &command {
                    CallCommand::AddTap { tap } => Some(tap.id()),
                    _ => None,
                };
                let added = match &command {
                    CallCommand::LinkRoom { stream, .. } => Some(stream.id.as_u64()),
                    CallCommand::AddMix { mix, .. } => Some(mix.as_u64()),
                    _ => None,
                };
                let result = self.session.apply(now, call, command, &mut self.output);
                if let (Some(id), true) = (added, result.is_err()) {
                    self.output.message(WorkerMessage::Refused { call, id });
                }
                if let (Some(tap), true) = (tap, result.is_err()) {
                    self.output.message(WorkerMessage::TapRefused { call, tap });
                }
                if let (Some((leg, dscp)), true) = (dscp, result.is_ok()) {
                    self.mark(call, leg, dscp);
                }
                self.done(reply, result);
            }
            Command::Feed { call, leg, command, change, reply } => {
                let result = self.session.apply(now, call, command, &mut self.output);
                let source = self.session.call(call).and_then(|call| call.source_of(leg));
                if let (Some(source), true) = (source, result.is_err()) {
                    self.output.message(WorkerMessage::FeedRefused { leg, change, source });
                }
                self.done(reply, result);
            }
            Command::SetMixInputs { call, mix, spec, change, reply } => {
                let command = CallCommand::SetMixInputs { mix, spec };
                let result = self.session.apply(now, call, command, &mut self.output);
                if result.is_err() {
                    let inputs = self.session.call(call).and_then(|call| call.inputs_of(mix));
                    let spec = inputs.map(|inputs| MixSpec { inputs: inputs.to_vec() });
                    self.output.message(WorkerMessage::InputsRefused { call, mix, change, spec });
                }
                self.done(reply, result);
            }
            Command::MoveLeg { from, leg, to, reply } => {
                let result = self.session.move_leg(now, (from, leg, to), &mut self.output);
                self.done(reply, result);
            }
            Command::EndCall { call, reason, reply } => {
                let result = self.session.end_call(now, call, reason, &mut self.output);
                if result.is_err() {
                    let generation = self.generation;
                    self.output.message(WorkerMessage::Unknown { call, generation });
                }
                self.done(reply, result);
            }
            Command::Statistics { call, reply } => {
                let outcome =
                    Outcome::Statistics(reply, self.session.statistics(now, call, &mut self.output));
                self.output.message(WorkerMessage::Outcome { outcome });
            }
            Command::Snapshot { call, reply } => {
                let outcome = Outcome::Snapshot(reply, self.snapshot(now, call));
                self.output.message(WorkerMessage::Outcome { outcome });
            }
            Command::Restore { snapshot, ports, reply } => {
                let call = snapshot.call();
                let result = self.restore(now, &snapshot, ports);
                if result.is_err() {
                    let (reason, statistics) = (EndReason::NoRoom, CallStatistics::default());
                    self.output.event(Event::CallEnded { call, reason, statistics });
                }
                self.done(reply, result);
            }
            Command::Depart { call, to, reply } => self.depart(now, Departure { call, to, reply }),
            // It may have come before the word of it.
            Command::Expect { call } => {
                if self.session.call(call).is_none() {
                    self.expected.stashed.entry(call).or_default();
                }
            }
            Command::Forget { call } => {
                // The stashed commands fail with their replies.
                let stashed = self.expected.stashed.remove(&call);
                if stashed.is_some() && self.session.call(call).is_none() {
                    self.output.message(WorkerMessage::Lost { call });
                }
            }
            #[cfg(feature = "danger-panic")]
            #[expect(clippy::panic, reason = "the deliberate failure that tests of the take-down ask for")]
            Command::Panic => panic!("a test asked this worker to fail"),
            #[cfg(feature = "danger-panic")]
            Command::Stall(until) => drop(until.recv()),
            Command::Stop => {}
        }
    }

    /// The call on its way that a command waits for.
    fn awaited_by(&self, command: &Command) -> Option<CallId> {
        if self.expected.stashed.is_empty() {
            return None;
        }
        let calls = match command {
            Command::AddLeg { call, .. }
            | Command::Apply { call, .. }
            | Command::Feed { call, .. }
            | Command::SetMixInputs { call, .. }
            | Command::EndCall { call, .. }
            | Command::Statistics { call, .. }
            | Command::Snapshot { call, .. }
            | Command::Depart { call, .. } => [Some(*call), None],
            Command::MoveLeg { from, to, .. } => [Some(*from), Some(*to)],
            _ => [None, None],
        };
        calls.into_iter().flatten().find(|call| self.expected.stashed.contains_key(call))
    }

    fn stash(&mut self, call: CallId, command: Command) {
        if let Some(stashed) =
            self.expected.stashed.get_mut(&call).filter(|stashed| stashed.len() < MAX_STASHED)
        {
            stashed.push(command);
        }
    }

    fn done(&mut self, reply: Completer<()>, result: Result<(), CommandError>) {
        self.output.message(WorkerMessage::Outcome { outcome: Outcome::Done(reply, result) });
    }

    fn add_call(&mut self, now: Time, call: CallId) {
        if self.session.add_call(now, call).is_err() {
            let (reason, statistics) = (EndReason::NoRoom, CallStatistics::default());
            self.output.event(Event::CallEnded { call, reason, statistics });
        }
    }

    fn add_leg(
        &mut self,
        now: Time,
        call: CallId,
        leg: LegId,
        config: Box<LegConfig>,
        ports: OpenPorts<Handle>,
    ) -> Result<(), CommandError> {
        let ports = self.output.attach(leg, ports).map_err(|error| CommandError::Port(error.kind()))?;
        let add = CallCommand::AddLeg { leg, config, ports };
        let added = self.session.apply(now, call, add, &mut self.output);
        added.inspect_err(|_| self.output.close(ports, leg))
    }

    fn restore(
        &mut self,
        now: Time,
        snapshot: &CallSnapshot,
        ports: Vec<(LegId, OpenPorts<Handle>)>,
    ) -> Result<(), CommandError> {
        let (attached, result) = self.attach_all(ports);
        let result = result.and_then(|()| self.session.restore(now, snapshot, &attached));
        result.inspect_err(|_| {
            for (leg, ports) in attached {
                self.output.close(ports, leg);
            }
        })
    }

    /// Attaches the ports of a call's legs: those that could be, and the last error.
    fn attach_all(
        &mut self,
        ports: Vec<(LegId, OpenPorts<Handle>)>,
    ) -> (Vec<(LegId, LegPorts)>, Result<(), CommandError>) {
        let mut attached = Vec::with_capacity(ports.len());
        let mut result = Ok(());
        for (leg, ports) in ports {
            match self.output.attach(leg, ports) {
                Ok(ports) => attached.push((leg, ports)),
                Err(error) => result = Err(CommandError::Port(error.kind())),
            }
        }
        (attached, result)
    }

    fn snapshot(&mut self, now: Time, call: CallId) -> Result<Box<CallSnapshot>, CommandError> {
        let mut snapshot = self.session.snapshot(now, call, &mut self.output)?;
        let legs = self.session.call(call).map(|call| call.ports().collect::<Vec<_>>()).unwrap_or_default();
        for (leg, ports) in legs {
            if let Some(local) = self.output.local_addresses(ports) {
                snapshot.set_local(leg, local);
            }
        }
        Ok(Box::new(snapshot))
    }

    fn mark(&mut self, call: CallId, leg: LegId, dscp: u8) {
        let ports = self.session.call(call).and_then(|call| call.ports().find(|(known, _)| *known == leg));
        let Some((_, ports)) = ports else { return };
        for port in [Some(ports.rtp), ports.rtcp].into_iter().flatten() {
            if let Err(error) = self.output.io.set_dscp(Port::new(port.0), dscp) {
                tracing::warn!(dscp, %error, "cannot set the DSCP of a leg");
            }
        }
    }

    /// Gives a call to another worker, or tries again later where that one's queue is full.
    fn depart(&mut self, now: Time, departure: Departure) {
        let Departure { call, to, reply } = departure;
        let Some(target) = self.mailboxes.get(to).map(std::sync::Arc::clone) else {
            return self.done(reply, Err(CommandError::NoSuchCall(call)));
        };
        // Only this worker and others push; a queue that is not full now may be when the call is ready, so room is kept.
        if target.arrivals.len() + self.mailboxes.len() >= target.arrivals.capacity() {
            return self.expected.departures.push(Departure { call, to, reply });
        }
        let taken = match self.session.take_call(now, call, &mut self.output) {
            Ok(taken) => taken,
            Err(error) => return self.done(reply, Err(error)),
        };
        self.output.flush();
        let legs: Vec<(LegId, LegPorts)> = taken.ports().collect();
        let ports = legs.into_iter().filter_map(|(leg, ports)| Some((leg, self.output.detach(ports)?)));
        let mut arrival = Arrival { ports: ports.collect(), call: taken, reply };
        // There is room, as asked above: each worker has one call under way here.
        while let Err(back) = target.arrivals.push(arrival) {
            arrival = back;
            std::thread::yield_now();
        }
        target.wake();
    }

    pub(super) fn retry_departures(&mut self, now: Time) {
        for departure in std::mem::take(&mut self.expected.departures) {
            self.depart(now, departure);
        }
    }

    /// Takes in the calls that have come from other workers, and carries out what waited for them.
    pub(super) fn take_arrivals(&mut self, now: Time) {
        while let Some(Arrival { mut call, ports, reply }) = self.mailbox.arrivals.pop() {
            let id = call.id();
            let (attached, result) = self.attach_all(ports);
            for &(leg, ports) in &attached {
                call.set_ports(leg, ports);
            }
            let result = result.and_then(|()| {
                let full = CommandError::NoRoom { what: "calls on the worker", limit: self.session.calls() };
                self.session.put_call(call).map_err(|_| full)
            });
            if result.is_ok() {
                self.output.message(WorkerMessage::Arrived { call: id });
            } else {
                for (leg, ports) in attached {
                    self.output.close(ports, leg);
                }
                let (reason, statistics) = (EndReason::NoRoom, CallStatistics::default());
                self.output.event(Event::CallEnded { call: id, reason, statistics });
            }
            self.done(reply, result);
            for command in self.expected.stashed.remove(&id).unwrap_or_default() {
                self.carry_out(now, command);
            }
        }
    }
}
