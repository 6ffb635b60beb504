//! What the control side keeps of calls and legs: which worker carries them, what they cost, which ports they have.

use std::collections::HashMap;

use crate::api::error::CommandError;
use crate::api::id::{CallId, LegId, TapId};
use crate::api::points::{Points, Prices};
use crate::runtime::ports::PortLease;
use crate::session::call::MAX_LEGS;

/// A call that is on its way to its worker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transit {
    /// The worker that gives it away.
    pub(crate) from: usize,
    /// That worker's life.
    pub(crate) generation: u64,
}

/// What is kept of a call.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The worker that carries it, or will when it has arrived.
    pub(crate) worker: usize,
    /// That worker's life.
    pub(crate) generation: u64,
    pub(crate) transit: Option<Transit>,
    /// What the call costs with two legs.
    pub(crate) base: Points,
    /// What it costs now.
    pub(crate) points: Points,
    /// Legs that it has, and legs paid for that are being opened.
    pub(crate) legs: usize,
    pub(crate) opening: usize,
    pub(crate) taps: Vec<TapId>,
}

impl Entry {
    pub(crate) const fn new(worker: usize, generation: u64, base: Points) -> Self {
        Self { worker, generation, transit: None, base, points: base, legs: 0, opening: 0, taps: Vec::new() }
    }

    /// Refuses a leg more than a call can have. A leg counts until its ports are closed, so that the worker has room for
    /// whatever is let through here.
    pub(crate) const fn check_room(&self) -> Result<(), CommandError> {
        if self.legs + self.opening < MAX_LEGS {
            Ok(())
        } else {
            Err(CommandError::NoRoom { what: "legs of a call", limit: MAX_LEGS })
        }
    }

    /// What the call costs with so many legs more than it has.
    pub(crate) fn price(&self, prices: &Prices, more: usize) -> Points {
        self.base + (prices.of_legs(self.legs + self.opening + more) - prices.of_legs(2))
    }
}

/// All calls and legs.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub(crate) calls: HashMap<CallId, Entry>,
    /// The call and the ports of each leg.
    pub(crate) legs: HashMap<LegId, (CallId, PortLease)>,
    /// Points in use on each worker.
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

    /// Adds an opened leg to a call.
    pub(crate) fn add_leg(&mut self, call: CallId, leg: LegId, lease: PortLease) {
        if let Some(entry) = self.calls.get_mut(&call) {
            entry.legs += 1;
            entry.opening = entry.opening.saturating_sub(1);
        }
        self.legs.insert(leg, (call, lease));
    }

    /// Forgets a leg, and returns its ports.
    pub(crate) fn remove_leg(&mut self, leg: LegId, prices: &Prices) -> Option<PortLease> {
        let (call, lease) = self.legs.remove(&leg)?;
        if let Some(entry) = self.calls.get_mut(&call) {
            entry.legs = entry.legs.saturating_sub(1);
        }
        self.settle(call, prices);
        Some(lease)
    }

    /// Notes that a leg has gone to another call.
    pub(crate) fn move_leg(&mut self, leg: LegId, to: CallId, prices: &Prices) {
        let Some((call, _)) = self.legs.get_mut(&leg) else { return };
        let from = std::mem::replace(call, to);
        for (call, step) in [(from, -1_isize), (to, 1)] {
            if let Some(entry) = self.calls.get_mut(&call) {
                entry.legs = entry.legs.saturating_add_signed(step);
            }
            self.settle(call, prices);
        }
    }

    /// Makes a call cost what its legs cost now.
    pub(crate) fn settle(&mut self, call: CallId, prices: &Prices) {
        let Some(entry) = self.calls.get_mut(&call) else { return };
        let price = entry.price(prices, 0);
        let before = std::mem::replace(&mut entry.points, price);
        if let Some(used) = self.used.get_mut(entry.worker) {
            *used = *used - before + entry.points;
        }
    }

    /// Takes all legs of these calls out, with their ports.
    pub(crate) fn take_legs(&mut self, of: &[CallId]) -> Vec<PortLease> {
        let of: std::collections::HashSet<&CallId> = of.iter().collect();
        self.legs.extract_if(|_, (call, _)| of.contains(call)).map(|(_, (_, lease))| lease).collect()
    }

    /// True where the call has the leg.
    pub(crate) fn has_leg(&self, call: CallId, leg: LegId) -> bool {
        self.legs.get(&leg).is_some_and(|(of, _)| *of == call)
    }

    /// The worker with least points in use, and those.
    pub(crate) fn least_used(&self) -> (usize, Points) {
        let used = self.used.iter().copied().enumerate();
        used.min_by_key(|(_, used)| *used).unwrap_or((0, Points::ZERO))
    }
}
