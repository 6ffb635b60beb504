//! The worker's logic without its sockets, clock and queues: datagrams and commands in, datagrams and events out.
//!
//! The worker thread drives one [`Core`]; so does the simulator, on a virtual clock. After every input, whatever is to
//! be sent has been given to the [`Output`]; before sleeping, ask [`Core::next_deadline`].

pub mod continuity;
mod control;
mod hearing;
mod leg;
mod media;
pub mod quality;
pub mod reception;
mod reports;
pub mod route;
mod silence;
mod slots;
pub mod source_guard;
mod speaking;
mod tick;
mod timers;
mod untouched;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use mediapoint_packet::ntp::NtpTime;
use mediapoint_packet::rtp::{RtpTicks, Seq, Ssrc};
use mediapoint_packet::{PacketBuf, Time};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::api::event::{CallId, EndReason, Event};
use crate::api::leg::{LegConfig, LegId, Relearn, Source};
use crate::api::stats::CallStatistics;
use crate::core::continuity::Continuity;
use crate::core::leg::Leg;
use crate::core::reports::Reports;
use crate::core::route::RouteTable;
use crate::core::slots::Slots;
use crate::core::tick::Ticking;
use crate::core::timers::{Due, Timers};

/// Deadlines served in one wake-up at most.
const TIMER_BUDGET: usize = 256;

/// Audio of one tick at most: 20 ms at 48 kHz.
const TICK_MAX_SAMPLES: usize = 960;

/// Names a socket of a leg: twice the leg's slot, plus one for the RTCP port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketKey(pub u32);

impl SocketKey {
    /// The RTP port of the leg in `slot`.
    #[must_use]
    pub const fn rtp(slot: u32) -> Self {
        Self(slot << 1)
    }

    /// The RTCP port of the leg in `slot`.
    #[must_use]
    pub const fn rtcp(slot: u32) -> Self {
        Self(slot << 1 | 1)
    }

    /// The leg's slot.
    #[must_use]
    pub const fn slot(self) -> u32 {
        self.0 >> 1
    }

    /// True for an RTCP port.
    #[must_use]
    pub const fn is_rtcp(self) -> bool {
        self.0 & 1 == 1
    }
}

/// Where a core's products go.
pub trait Output {
    /// Sends a datagram from a socket.
    fn send(&mut self, from: SocketKey, to: SocketAddr, packet: PacketBuf);
    /// An empty buffer; `None` where all are in use.
    fn take(&mut self) -> Option<PacketBuf>;
    /// Takes back a buffer that is not sent.
    fn give(&mut self, packet: PacketBuf);
    /// Tells what happened.
    fn event(&mut self, event: Event);
    /// Closes the sockets of a leg that is gone, after what it sent last.
    fn close(&mut self, slot: u32, leg: LegId);
}

/// What a core is told when it is made.
#[derive(Debug, Clone)]
pub struct CoreConfig {
    /// Legs that it can hold.
    pub max_legs: usize,
    /// Silence of all legs that ends a call.
    pub media_timeout: Duration,
    /// Time on hold that ends a call.
    pub hold_timeout: Duration,
    /// Seed of SSRCs, first sequence numbers and report intervals: random, but in tests.
    pub seed: [u8; 32],
    /// Time since the UNIX epoch at [`Time::ZERO`].
    pub wall_at_zero: Duration,
}

struct Call {
    id: CallId,
    legs: Vec<u32>,
    created: Time,
    /// Since when silence is to be expected: a leg may not speak, or is not answered yet.
    held_since: Option<Time>,
    /// When silence is looked for next; a timer for another time is void.
    next_look: Time,
    /// The media clock, while somebody hears through the media path.
    ticking: Option<Ticking>,
    /// Length of its ticks: 10 or 20.
    tick_millis: u32,
}

/// The calls of one worker.
pub struct Core {
    config: CoreConfig,
    legs: Slots<Leg>,
    calls: Slots<Call>,
    leg_slots: HashMap<LegId, u32>,
    call_slots: HashMap<CallId, u32>,
    timers: Timers,
    random: StdRng,
}

impl Core {
    /// A core without calls.
    #[must_use]
    pub fn new(config: CoreConfig) -> Self {
        Self {
            legs: Slots::new(config.max_legs),
            calls: Slots::new(config.max_legs),
            leg_slots: HashMap::new(),
            call_slots: HashMap::new(),
            timers: Timers::with_capacity(64),
            random: StdRng::from_seed(config.seed),
            config,
        }
    }

    /// Sets what the wall clock says, which sender reports carry.
    pub fn set_wall(&mut self, now: Time, since_unix_epoch: Duration) {
        self.config.wall_at_zero = since_unix_epoch.saturating_sub(now.since(Time::ZERO));
    }

    /// Adds a call without legs; false where the core is full or has it already.
    pub fn add_call(&mut self, now: Time, id: CallId) -> bool {
        if self.call_slots.contains_key(&id) {
            return false;
        }
        let next_look = now + self.config.media_timeout;
        let call = Call {
            id,
            legs: Vec::with_capacity(4),
            created: now,
            held_since: Some(now),
            next_look,
            ticking: None,
            tick_millis: 20,
        };
        let Some(slot) = self.calls.insert(call) else { return false };
        self.call_slots.insert(id, slot);
        let generation = self.calls.generation(slot);
        self.timers.arm(next_look, Due::Silence { slot, generation });
        true
    }

    /// Adds a leg to a call and returns its slot, which names its sockets; `None` where the call is unknown or the core
    /// is full.
    pub fn add_leg(&mut self, now: Time, call: CallId, id: LegId, config: LegConfig) -> Option<u32> {
        let call_slot = *self.call_slots.get(&call)?;
        let continuity = Continuity::new(
            Ssrc(self.random.next_u32()),
            // [RFC3711 3.3.1] A first number in the lower half keeps the first packets from being taken for a wrap.
            Seq(u16::try_from(self.random.next_u32() & 0x7fff).unwrap_or(0)),
            RtpTicks(self.random.next_u32()),
        );
        let cname = format!("{:016x}{:08x}", self.random.next_u64(), self.random.next_u32());
        let mut leg = Leg::new(now, id, call_slot, config, continuity, Reports::new(cname));
        let report_at = leg.reports.schedule(now, self.chance());
        let slot = self.legs.insert(leg)?;
        self.leg_slots.insert(id, slot);
        if let Some(call) = self.calls.get_mut(call_slot) {
            call.legs.push(slot);
        }
        let generation = self.legs.generation(slot);
        self.timers.arm(report_at, Due::Report { slot, generation });
        self.note_hold(now, call_slot);
        Some(slot)
    }

    /// Makes a leg what `config` says; its slot, or `None` where it is unknown.
    pub fn configure_leg(
        &mut self,
        now: Time,
        id: LegId,
        config: LegConfig,
        relearn: Relearn,
    ) -> Option<u32> {
        let slot = *self.leg_slots.get(&id)?;
        let leg = self.legs.get_mut(slot)?;
        leg.configure(now, config, relearn);
        let call = leg.call;
        let listeners = std::mem::take(&mut leg.listeners);
        for &listener in &listeners {
            self.lay_route(listener);
        }
        if let Some(leg) = self.legs.get_mut(slot) {
            leg.listeners = listeners;
        }
        self.lay_route(slot);
        self.refit(now, slot);
        self.note_hold(now, call);
        Some(slot)
    }

    /// Sets what a leg hears; false where either leg is unknown or they are not of one call.
    pub fn set_source(&mut self, id: LegId, source: Source) -> bool {
        let Some(&slot) = self.leg_slots.get(&id) else { return false };
        if let Source::Leg(heard) = source {
            let Some(&heard) = self.leg_slots.get(&heard) else { return false };
            if self.legs.get(heard).map(|leg| leg.call) != self.legs.get(slot).map(|leg| leg.call) {
                return false;
            }
        }
        self.detach(slot);
        if let Some(leg) = self.legs.get_mut(slot)
            && leg.source != source
        {
            leg.source = source;
            leg.speaking = None;
            leg.continuity.interrupt();
        }
        if let Source::Leg(heard) = source
            && let Some(&heard) = self.leg_slots.get(&heard)
            && let Some(heard) = self.legs.get_mut(heard)
        {
            heard.listeners.push(slot);
        }
        self.lay_route(slot);
        true
    }

    /// Removes a leg, ending its stream with a BYE; false where it is unknown.
    pub fn remove_leg<O: Output>(&mut self, now: Time, id: LegId, out: &mut O) -> bool {
        let Some(&slot) = self.leg_slots.get(&id) else { return false };
        let call = self.legs.get(slot).map(|leg| leg.call);
        self.drop_leg(slot, out);
        if let Some(slot_of_call) = call {
            if let Some(call) = self.calls.get_mut(slot_of_call) {
                call.legs.retain(|&other| other != slot);
            }
            self.note_hold(now, slot_of_call);
        }
        true
    }

    /// Ends a call and tells so; false where it is unknown.
    pub fn end_call<O: Output>(&mut self, now: Time, id: CallId, reason: EndReason, out: &mut O) -> bool {
        let Some(slot) = self.call_slots.remove(&id) else { return false };
        let statistics = self.statistics_of(now, slot);
        let Some(call) = self.calls.remove(slot) else { return false };
        for &leg in &call.legs {
            self.drop_leg(leg, out);
        }
        out.event(Event::CallEnded { call: id, reason, statistics });
        true
    }

    /// Ends every call.
    pub fn end_all<O: Output>(&mut self, now: Time, reason: EndReason, out: &mut O) {
        let calls: Vec<CallId> = self.call_slots.keys().copied().collect();
        for call in calls {
            self.end_call(now, call, reason, out);
        }
    }

    /// The figures of a call; `None` where it is unknown.
    #[must_use]
    pub fn statistics(&self, now: Time, id: CallId) -> Option<CallStatistics> {
        Some(self.statistics_of(now, *self.call_slots.get(&id)?))
    }

    /// The slot of a leg.
    #[must_use]
    pub fn slot_of(&self, id: LegId) -> Option<u32> {
        self.leg_slots.get(&id).copied()
    }

    /// Calls held now.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Legs held now.
    #[must_use]
    pub fn legs(&self) -> usize {
        self.legs.len()
    }

    /// When [`Core::handle_timers`] must be called next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Serves what is due.
    pub fn handle_timers<O: Output>(&mut self, now: Time, out: &mut O) {
        for _ in 0..TIMER_BUDGET {
            match self.timers.take_due(now) {
                Some(Due::Report { slot, generation }) => self.report(now, slot, generation, out),
                Some(Due::Silence { slot, generation }) => self.look_for_silence(now, slot, generation, out),
                Some(Due::Tick { slot, generation }) => self.tick(now, slot, generation, out),
                None => return,
            }
        }
    }

    /// Checks what must hold between calls, legs and listeners. For tests of the core.
    ///
    /// # Panics
    /// Where it does not hold.
    #[doc(hidden)]
    pub fn check_invariants(&self) {
        assert_eq!(self.legs.len(), self.leg_slots.len(), "every leg has a name");
        assert_eq!(self.calls.len(), self.call_slots.len(), "every call has a name");
        for (&id, &slot) in &self.leg_slots {
            let Some(leg) = self.legs.get(slot) else { unreachable!("a name without a leg") };
            assert_eq!(leg.id, id, "a name is that of its leg");
            let known = self.calls.get(leg.call).is_some_and(|call| call.legs.contains(&slot));
            assert!(known, "a leg belongs to a call that knows it");
            if let Source::Leg(heard) = leg.source {
                let heard = self.leg_slots.get(&heard).and_then(|&heard| self.legs.get(heard));
                let lists = heard.map_or(0, |heard| heard.listeners.iter().filter(|&&at| at == slot).count());
                assert_eq!(lists, 1, "whoever is heard lists the listener once");
            }
            for &listener in &leg.listeners {
                let hears =
                    self.legs.get(listener).is_some_and(|listener| listener.source == Source::Leg(id));
                assert!(hears, "whoever is listed listens");
            }
        }
    }

    fn wall(&self, now: Time) -> NtpTime {
        NtpTime::from_unix(self.config.wall_at_zero + now.since(Time::ZERO))
    }

    /// Uniform in 0..1.
    fn chance(&mut self) -> f64 {
        f64::from(self.random.next_u32()) / f64::from(u32::MAX)
    }

    /// Lays the ways from the leg that `slot` hears to itself.
    fn lay_route(&mut self, slot: u32) {
        let Some(leg) = self.legs.get(slot) else { return };
        let routes = match leg.source {
            Source::Leg(heard) => self
                .leg_slots
                .get(&heard)
                .and_then(|&heard| self.legs.get(heard))
                .map(|heard| RouteTable::new(heard.spoken(), &leg.hearer())),
            Source::Silence => None,
        };
        if let Some(leg) = self.legs.get_mut(slot) {
            leg.routes = routes.unwrap_or_else(RouteTable::none);
        }
    }

    /// Takes `slot` off the list of whomever it hears.
    fn detach(&mut self, slot: u32) {
        let Some(leg) = self.legs.get(slot) else { return };
        if let Source::Leg(heard) = leg.source
            && let Some(&heard) = self.leg_slots.get(&heard)
            && let Some(heard) = self.legs.get_mut(heard)
        {
            heard.listeners.retain(|&listener| listener != slot);
        }
    }

    fn drop_leg<O: Output>(&mut self, slot: u32, out: &mut O) {
        self.say_bye(slot, out);
        self.detach(slot);
        let Some(leg) = self.legs.remove(slot) else { return };
        self.leg_slots.remove(&leg.id);
        for &listener in &leg.listeners {
            if let Some(listener) = self.legs.get_mut(listener) {
                listener.source = Source::Silence;
                listener.speaking = None;
                listener.routes = RouteTable::none();
            }
        }
        out.close(slot, leg.id);
    }

    fn statistics_of(&self, now: Time, slot: u32) -> CallStatistics {
        let Some(call) = self.calls.get(slot) else { return CallStatistics::default() };
        let legs = call.legs.iter().filter_map(|&leg| self.legs.get(leg)).map(|leg| leg.statistics(now));
        CallStatistics { legs: legs.collect(), age: now.since(call.created) }
    }
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core")
            .field("calls", &self.calls())
            .field("legs", &self.legs())
            .finish_non_exhaustive()
    }
}
