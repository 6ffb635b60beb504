//! A session: all calls of one worker, without its sockets, clock and queues. Datagrams, timeouts and commands in, datagrams
//! and events out.
//!
//! The worker drives one [`Session`]; so does the simulator, on a virtual clock. After every input, what is to be sent has
//! been given to the [`Output`]; before sleeping, ask [`Session::next_deadline`].

pub mod ahead;
pub mod analysis;
mod beep;
pub mod call;
pub mod command;
mod demand;
mod derived;
mod digits;
mod forward;
pub mod frame;
mod handover;
mod inactivity;
pub mod leg;
mod passthrough;
pub mod payload_map;
mod places;
pub mod port;
mod presses;
pub mod quality;
mod rooms;
mod rtcp;
#[cfg(test)]
mod secure_input_tests;
mod slices;
mod slots;
pub mod snapshot;
pub mod source;
pub mod tap;
mod tick;
mod timers;
mod wiring;
mod zrtp;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mediapoint_net::{Forwarded, ForwardingRule, NotForwarded, Port};
use mediapoint_packet::{PacketBuf, Time};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::api::error::CommandError;
use crate::api::event::{EndReason, Event};
use crate::api::id::{CallId, LegId};
use crate::api::remote::RemotePolicy;
use crate::api::stats::CallStatistics;
pub use crate::ring::WakeHandle;
use crate::session::call::{Call, Env};
use crate::session::command::CallCommand;
use crate::session::port::{LegPorts, PortKey, PortOwner, PortTable};
use crate::session::slots::Slots;
use crate::session::timers::Deadlines;

/// Calls whose deadlines are served at once at most: a worker that cannot serve all reads its sockets in between, so that
/// packets do not grow old in them.
const TIMEOUT_BUDGET: usize = 64;

/// Calls of them whose memory is asked for at once: their way to it is waited for together. A few, so that it all stays in the
/// nearest cache until its turn.
const DUE_AT_ONCE: usize = 4;

/// Where the products of a session go.
pub trait Output {
    /// Sends a datagram from a port.
    fn send(&mut self, from: PortKey, to: SocketAddr, packet: PacketBuf);
    /// An empty buffer; `None` where all are in use.
    fn take(&mut self) -> Option<PacketBuf>;
    /// An empty buffer for a datagram of `len` octets, large where that is needed; `None` where all of its kind are in use.
    fn take_for(&mut self, len: usize) -> Option<PacketBuf>;
    /// A copy of a datagram; `None` as with [`Output::take_for`].
    fn copy(&mut self, bytes: &[u8]) -> Option<PacketBuf> {
        let mut copy = self.take_for(bytes.len())?;
        copy.fill(bytes).then_some(copy)
    }
    /// Takes back a buffer that is not sent.
    fn give(&mut self, packet: PacketBuf);
    /// Reports an event.
    fn event(&mut self, event: Event);
    /// Closes the ports of a leg that is gone, after what it sent last.
    fn close(&mut self, ports: LegPorts, leg: LegId);
    /// Wakes the reader or writer at the other end of a ring.
    fn wake(&mut self, handle: WakeHandle);
    /// Lets the packet I/O backend forward a stream, see [`mediapoint_net::PacketIo::forward`].
    ///
    /// # Errors
    /// The backend's.
    fn forward(&mut self, rule: &ForwardingRule) -> Result<(), NotForwarded> {
        let _ = rule;
        Err(NotForwarded::Unsupported)
    }
    /// What the backend has forwarded from a port so far; `None` where it forwards nothing from there.
    fn forwarded(&mut self, port: Port) -> Option<Forwarded> {
        let _ = port;
        None
    }
    /// Takes a stream back that the backend forwards: what it forwarded in all.
    fn take_back(&mut self, port: Port) -> Option<Forwarded> {
        let _ = port;
        None
    }
}

/// The configuration of a session.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// Legs that it can hold.
    pub max_legs: usize,
    /// Time without a packet on any leg that ends a call.
    pub media_timeout: Duration,
    /// Time on hold that ends a call.
    pub hold_timeout: Duration,
    /// Seed of SSRCs, first sequence numbers and report intervals: random, but in tests.
    pub seed: [u8; 32],
    /// Time since the UNIX epoch at [`Time::ZERO`].
    pub wall_at_zero: Duration,
    /// Where legs may send to.
    pub remotes: Arc<RemotePolicy>,
    /// Streams that are merely forwarded are offered to the packet I/O backend ([`Output::forward`]).
    pub kernel_forwarding: bool,
}

/// The calls of one worker.
pub struct Session {
    config: SessionConfig,
    ports: PortTable,
    calls: Slots<Call>,
    names: HashMap<CallId, u32>,
    deadlines: Deadlines,
    random: StdRng,
    legs: usize,
    now: Time,
}

impl Session {
    /// A session without calls.
    #[must_use]
    pub fn new(config: SessionConfig) -> Self {
        Self {
            ports: PortTable::default(),
            calls: Slots::new(config.max_legs),
            names: HashMap::new(),
            deadlines: Deadlines::with_capacity(64),
            random: StdRng::from_seed(config.seed),
            legs: 0,
            now: Time::ZERO,
            config,
        }
    }

    /// Sets the wall clock, which sender reports carry.
    pub fn set_wall(&mut self, now: Time, since_unix_epoch: Duration) {
        self.config.wall_at_zero = since_unix_epoch.saturating_sub(now.since(Time::ZERO));
    }

    /// The time of an input. Time never runs backwards: an earlier one is a fault of the caller, and counts as the latest.
    fn advance(&mut self, now: Time) -> Time {
        debug_assert!(now >= self.now, "time runs backwards: {now:?} after {:?}", self.now);
        self.now = self.now.max(now);
        self.now
    }

    /// Adds a call without legs.
    ///
    /// # Errors
    /// [`CommandError::NoRoom`] where the session is full; [`CommandError::OutOfRange`] for a name in use.
    pub fn add_call(&mut self, now: Time, id: CallId) -> Result<(), CommandError> {
        let now = self.advance(now);
        if self.names.contains_key(&id) {
            return Err(CommandError::OutOfRange { what: "the name of the call" });
        }
        self.insert(Call::new(now, id, &self.config)).map_err(|_| self.full())
    }

    fn full(&self) -> CommandError {
        CommandError::NoRoom { what: "calls on the worker", limit: self.config.max_legs }
    }

    /// Puts a call in; gives it back where there is no room.
    fn insert(&mut self, call: Call) -> Result<(), Box<Call>> {
        let (id, legs, deadline) = (call.id(), call.legs.len(), call.next_deadline());
        if self.legs + legs > self.config.max_legs {
            return Err(Box::new(call));
        }
        let slot = self.calls.insert(call)?;
        self.legs += legs;
        self.names.insert(id, slot);
        self.deadlines.update(slot, deadline);
        self.register_ports(slot, 0);
        Ok(())
    }

    /// Carries out a command to a call.
    ///
    /// # Errors
    /// [`CommandError`]; nothing has changed then.
    pub fn apply<O: Output>(
        &mut self,
        now: Time,
        call: CallId,
        command: CallCommand,
        out: &mut O,
    ) -> Result<(), CommandError> {
        let now = self.advance(now);
        let slot = self.slot(call)?;
        // Legs behind one that is removed have other places.
        let shifts = matches!(command, CallCommand::RemoveLeg { .. });
        if shifts {
            self.forget_ports(slot);
        }
        let room = self.config.max_legs.saturating_sub(self.legs);
        let mut env = Env { config: &self.config, random: &mut self.random, room };
        let Some(call) = self.calls.get_mut(slot) else { return Ok(()) };
        call.take_back_streams(now, out);
        let before = call.legs.len();
        let result = call.apply(now, command, &mut env, out);
        self.legs = self.legs + call.legs.len() - before;
        let deadline = call.next_deadline();
        self.deadlines.update(slot, deadline);
        self.register_ports(slot, if shifts { 0 } else { before });
        result
    }

    /// Moves a leg from one call to another, with its ports, keys, stream state and encoder. What it fed becomes silence, and
    /// so does its own source; taps on it go.
    ///
    /// # Errors
    /// [`CommandError`] where one of them is gone; nothing has changed then.
    pub fn move_leg<O: Output>(
        &mut self,
        now: Time,
        (from, leg, to): (CallId, LegId, CallId),
        out: &mut O,
    ) -> Result<(), CommandError> {
        let now = self.advance(now);
        let (from, to) = (self.slot(from)?, self.slot(to)?);
        if from == to {
            return Ok(());
        }
        if self.calls.get(to).is_some_and(|call| call.legs.len() >= call::MAX_LEGS) {
            return Err(CommandError::NoRoom { what: "legs of a call", limit: call::MAX_LEGS });
        }
        self.forget_ports(from);
        let Some(call) = self.calls.get_mut(from) else { return Ok(()) };
        call.take_back_streams(now, out);
        let tick = call.next_tick();
        let taken = call.take_leg(now, leg, out);
        call.note_hold(now, &self.config);
        let deadline = call.next_deadline();
        self.deadlines.update(from, deadline);
        self.register_ports(from, 0);
        let leg = taken?;
        let mut last = 0;
        if let Some(call) = self.calls.get_mut(to) {
            last = call.legs.len();
            call.take_back_streams(now, out);
            call.put_leg(now, leg, tick, out);
            call.note_hold(now, &self.config);
            let deadline = call.next_deadline();
            self.deadlines.update(to, deadline);
        }
        self.register_ports(to, last);
        Ok(())
    }

    /// Ends a call and reports it.
    ///
    /// # Errors
    /// [`CommandError::NoSuchCall`].
    pub fn end_call<O: Output>(
        &mut self,
        now: Time,
        id: CallId,
        reason: EndReason,
        out: &mut O,
    ) -> Result<(), CommandError> {
        let now = self.advance(now);
        let Some(mut call) = self.remove(id) else { return Err(CommandError::NoSuchCall(id)) };
        call.take_back_streams(now, out);
        let statistics = call.statistics(now);
        call.close(now, out);
        out.event(Event::CallEnded { call: id, reason, statistics });
        Ok(())
    }

    /// Ends every call.
    pub fn end_all<O: Output>(&mut self, now: Time, reason: EndReason, out: &mut O) {
        let calls: Vec<CallId> = self.names.keys().copied().collect();
        for call in calls {
            // Every name is that of a call.
            drop(self.end_call(now, call, reason, out));
        }
    }

    /// Takes a call out as one value, to go on in another session. Its ports stay open, and its deadlines stay its own.
    ///
    /// # Errors
    /// [`CommandError::NoSuchCall`].
    pub fn take_call<O: Output>(
        &mut self,
        now: Time,
        id: CallId,
        out: &mut O,
    ) -> Result<Box<Call>, CommandError> {
        let now = self.advance(now);
        let mut call = self.remove(id).ok_or(CommandError::NoSuchCall(id))?;
        call.take_back_streams(now, out);
        Ok(call)
    }

    /// Takes in a call of another session, whose legs have been given this worker's ports by [`Call::set_ports`].
    ///
    /// # Errors
    /// The call, where there is no room for it.
    pub fn put_call(&mut self, call: Box<Call>) -> Result<(), Box<Call>> {
        if self.names.contains_key(&call.id()) {
            return Err(call);
        }
        self.insert(*call)
    }

    fn remove(&mut self, id: CallId) -> Option<Box<Call>> {
        let slot = self.names.remove(&id)?;
        self.forget_ports(slot);
        self.deadlines.remove(slot);
        let call = self.calls.remove(slot)?;
        self.legs -= call.legs.len();
        Some(call)
    }

    /// The figures of a call.
    ///
    /// # Errors
    /// [`CommandError::NoSuchCall`].
    pub fn statistics<O: Output>(
        &mut self,
        now: Time,
        id: CallId,
        out: &mut O,
    ) -> Result<CallStatistics, CommandError> {
        let now = now.max(self.now);
        let slot = self.slot(id)?;
        let call = self.calls.get_mut(slot).ok_or(CommandError::NoSuchCall(id))?;
        call.follow_streams(now, out);
        Ok(call.statistics(now))
    }

    /// A call.
    #[must_use]
    pub fn call(&self, id: CallId) -> Option<&Call> {
        self.calls.get(*self.names.get(&id)?)
    }

    /// Calls held now.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.names.len()
    }

    /// Legs held now.
    #[must_use]
    pub const fn legs(&self) -> usize {
        self.legs
    }

    /// Takes in a datagram that came to a port.
    pub fn handle_datagram<O: Output>(
        &mut self,
        now: Time,
        port: PortKey,
        from: SocketAddr,
        packet: PacketBuf,
        out: &mut O,
    ) {
        let now = self.advance(now);
        let Some(PortOwner { call: slot, leg, rtcp }) = self.ports.get(port) else { return out.give(packet) };
        let Some(call) = self.calls.get_mut(slot) else { return out.give(packet) };
        let env = Env { config: &self.config, random: &mut self.random, room: 0 };
        call.handle_datagram(now, (usize::from(leg), rtcp), from, packet, &env, out);
        let deadline = call.next_deadline();
        self.deadlines.update(slot, deadline);
    }

    /// When [`Session::handle_timeouts`] is to be called.
    #[must_use]
    pub fn next_deadline(&mut self) -> Option<Time> {
        self.deadlines.next()
    }

    /// Serves what is due, or a part of it: [`Session::next_deadline`] has come then still.
    pub fn handle_timeouts<O: Output>(&mut self, now: Time, out: &mut O) {
        let now = self.advance(now);
        let mut served = 0;
        while served < TIMEOUT_BUDGET {
            let mut due = [None; DUE_AT_ONCE];
            for slot in &mut due {
                *slot = self.deadlines.take_due(now);
                if slot.is_none() {
                    break;
                }
            }
            match due {
                [None, ..] => return,
                // One alone would wait for its memory here as it does in its tick.
                [_, None, ..] => {}
                _ => self.prefetch_due(&due),
            }
            // What is late may be due again at once.
            for slot in due.into_iter().flatten() {
                self.serve(now, slot, out);
                served += 1;
            }
        }
    }

    /// Serves the deadlines of a call that have come.
    fn serve<O: Output>(&mut self, now: Time, slot: u32, out: &mut O) {
        let Some(call) = self.calls.get_mut(slot) else { return };
        let mut env = Env { config: &self.config, random: &mut self.random, room: 0 };
        let ended = call.handle_timeout(now, &mut env, out);
        let (id, deadline) = (call.id(), call.next_deadline());
        self.deadlines.update(slot, deadline);
        if let Some(reason) = ended {
            // It is there: its deadline has just been served.
            drop(self.end_call(now, id, reason, out));
        }
    }

    fn slot(&self, call: CallId) -> Result<u32, CommandError> {
        self.names.get(&call).copied().ok_or(CommandError::NoSuchCall(call))
    }

    /// Notes the ports of a call's legs, from the one at the place `from` on.
    fn register_ports(&mut self, slot: u32, from: usize) {
        let Some(call) = self.calls.get(slot) else { return };
        // Those before it are not gone through.
        let legs = call.legs.iter().enumerate().skip(from);
        for (ports, leg) in
            legs.filter_map(|(at, leg)| Some((leg.transport.ports(), u16::try_from(at).ok()?)))
        {
            self.ports.set(ports.rtp, PortOwner { call: slot, leg, rtcp: false });
            if let Some(rtcp) = ports.rtcp {
                self.ports.set(rtcp, PortOwner { call: slot, leg, rtcp: true });
            }
        }
    }

    fn forget_ports(&mut self, slot: u32) {
        let Some(call) = self.calls.get(slot) else { return };
        for (_, ports) in call.ports() {
            self.ports.clear(ports.rtp);
            if let Some(rtcp) = ports.rtcp {
                self.ports.clear(rtcp);
            }
        }
    }

    /// Checks what must hold between calls, legs and ports. For tests.
    ///
    /// # Panics
    /// Where it does not hold.
    #[doc(hidden)]
    pub fn check_invariants(&self) {
        let calls = || self.names.values().filter_map(|slot| self.calls.get(*slot));
        assert_eq!(self.calls.len(), calls().count(), "every call has a name");
        assert_eq!(self.legs, calls().map(|call| call.legs.len()).sum::<usize>(), "every leg is counted");
        let ports = calls().flat_map(Call::ports).map(|(_, ports)| 1 + usize::from(ports.rtcp.is_some()));
        assert_eq!(self.ports.len(), ports.sum::<usize>(), "every port is that of a leg");
        for call in calls() {
            call.check_invariants();
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("calls", &self.calls())
            .field("legs", &self.legs)
            .finish_non_exhaustive()
    }
}
