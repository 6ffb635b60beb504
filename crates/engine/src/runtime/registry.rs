//! What the control side keeps of calls and legs: which worker carries them, what they cost, which ports they have, and
//! what is reserved for them.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::api::error::CommandError;
use crate::api::id::{CallId, LegId, TapId};
use crate::api::kind::{PointsByKind, WorkKind};
use crate::api::path::LegPath;
use crate::api::points::{Points, Prices};
use crate::runtime::mailbox::Command;
use crate::runtime::ports::PortLease;
use crate::runtime::work::{LegWork, paths, surcharge};

/// Legs that a call has room for from its admission on.
pub(crate) const LEGS_OF_A_CALL: usize = 2;

/// A call that is on its way to its worker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transit {
    /// The worker that gives it away, and holds its legs until it has arrived.
    pub(crate) from: usize,
    /// That worker's life.
    pub(crate) generation: u64,
    /// Room for legs that is held there.
    pub(crate) room: usize,
}

/// What is kept of a call.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The worker that carries it, or will when it has arrived.
    pub(crate) worker: usize,
    /// That worker's life.
    pub(crate) generation: u64,
    pub(crate) transit: Option<Transit>,
    /// What the call costs with two legs that code nothing.
    base: Points,
    /// Its price was given: codecs and keys do not change it.
    fixed: bool,
    /// What it costs now.
    pub(crate) points: Points,
    /// The same by kind of work.
    pub(crate) kinds: PointsByKind,
    /// Room for legs that is reserved for it.
    pub(crate) room: usize,
    /// Legs that it has, and how many are being opened.
    legs: Vec<(LegId, LegWork)>,
    opening: usize,
    pub(crate) taps: Vec<TapId>,
    /// Its end waits in `Registry::deferred`.
    pub(crate) ending: bool,
}

impl Entry {
    /// A call without legs. `given` is a price that codecs and keys do not change.
    pub(crate) fn new(worker: usize, generation: u64, given: Option<Points>, prices: &Prices) -> Self {
        Self {
            worker,
            generation,
            transit: None,
            base: given.unwrap_or(prices.of_legs(LEGS_OF_A_CALL)),
            fixed: given.is_some(),
            points: Points::ZERO,
            kinds: PointsByKind::ZERO,
            room: 0,
            legs: Vec::new(),
            opening: 0,
            taps: Vec::new(),
            ending: false,
        }
    }

    /// Refuses a leg more than a call can have. A leg counts until its ports are closed, so that the worker has room for
    /// whatever is let through here.
    pub(crate) const fn check_room(&self, limit: usize) -> Result<(), CommandError> {
        if self.leg_count() < limit {
            Ok(())
        } else {
            Err(CommandError::NoRoom { what: "legs of a call", limit })
        }
    }

    /// Its price, where that was given: what it costs with two legs.
    pub(crate) fn given(&self) -> Option<Points> {
        self.fixed.then_some(self.base)
    }

    /// What is reserved for it.
    const fn reserved(&self) -> Need {
        Need { points: self.points, kinds: self.kinds, legs: self.room }
    }

    /// Legs that it has, and those that are being opened.
    pub(crate) const fn leg_count(&self) -> usize {
        self.legs.len() + self.opening
    }

    /// What it needs with `more` legs than it has.
    pub(crate) fn need(&self, prices: &Prices, more: usize) -> Need {
        self.need_of(prices, more, self.legs.iter().map(|(_, work)| work))
    }

    /// What it needs with one leg more.
    pub(crate) fn need_opening(&self, prices: &Prices, work: &LegWork) -> Need {
        self.need_of(prices, 1, self.legs.iter().map(|(_, work)| work).chain(std::iter::once(work)))
    }

    /// What it needs with another work of one of its legs.
    fn need_with(&self, prices: &Prices, leg: LegId, work: &LegWork) -> Need {
        let works = self.legs.iter().map(|(id, known)| if *id == leg { work } else { known });
        self.need_of(prices, 0, works)
    }

    fn need_of<'a>(
        &self,
        prices: &Prices,
        more: usize,
        works: impl Iterator<Item = &'a LegWork> + Clone,
    ) -> Need {
        let legs = self.leg_count() + more;
        let extra = prices.of_legs(legs) - prices.of_legs(LEGS_OF_A_CALL);
        let mut kinds = if self.fixed { PointsByKind::ZERO } else { surcharge(prices, works) };
        kinds.add(WorkKind::Relay, self.base + extra);
        Need { points: kinds.total(), kinds, legs: legs.max(LEGS_OF_A_CALL) }
    }

    fn work_mut(&mut self, leg: LegId) -> Option<&mut LegWork> {
        self.legs.iter_mut().find(|(id, _)| *id == leg).map(|(_, work)| work)
    }
}

/// What a call needs of its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) points: Points,
    /// The same by kind of work.
    pub(crate) kinds: PointsByKind,
    pub(crate) legs: usize,
}

/// What is in use of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Used {
    pub(crate) points: Points,
    /// The same by kind of work.
    pub(crate) kinds: PointsByKind,
    /// Room for legs: two of each call at least, those on their way to another worker included.
    pub(crate) legs: usize,
}

/// All calls and legs.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub(crate) calls: HashMap<CallId, Entry>,
    /// The call and the ports of each leg.
    pub(crate) legs: HashMap<LegId, (CallId, PortLease)>,
    /// What is in use of each worker.
    pub(crate) used: Vec<Used>,
    /// Room for legs that is reserved in the whole engine.
    pub(crate) reserved: usize,
    /// Commands that free something and found their worker's queue full. They wait here: what they free must not be lost.
    pub(crate) deferred: VecDeque<(CallId, Command)>,
    /// Legs whose removal waits in `deferred`.
    pub(crate) leaving: HashSet<LegId>,
}

impl Registry {
    pub(crate) fn new(workers: usize) -> Self {
        Self { used: vec![Used::default(); workers], ..Self::default() }
    }

    /// A registry of calls that are tried and not made: what is in use is as here.
    pub(crate) fn trial(&self) -> Self {
        Self { used: self.used.clone(), reserved: self.reserved, ..Self::default() }
    }

    /// A call as it is here, for a trial of it.
    pub(crate) fn copy_of(&self, call: CallId) -> Option<(Entry, Vec<(LegId, PortLease)>)> {
        let entry = self.calls.get(&call)?.clone();
        let leases = entry.legs.iter().filter_map(|(leg, _)| Some((*leg, self.legs.get(leg)?.1))).collect();
        Some((entry, leases))
    }

    /// Takes a copy of a call, for which everything is reserved.
    pub(crate) fn adopt(&mut self, call: CallId, (entry, leases): (Entry, Vec<(LegId, PortLease)>)) {
        self.calls.insert(call, entry);
        self.legs.extend(leases.into_iter().map(|(leg, lease)| (leg, (call, lease))));
    }

    /// The paths of a call's media.
    pub(crate) fn paths(&self, call: CallId) -> Vec<LegPath> {
        self.calls.get(&call).map(|entry| paths(&entry.legs)).unwrap_or_default()
    }

    /// Enters a call, and reserves what it needs.
    pub(crate) fn insert(&mut self, call: CallId, entry: Entry, prices: &Prices) {
        self.calls.insert(call, entry);
        self.settle(call, prices);
    }

    /// Forgets a call and frees what was reserved for it; its legs' ports are freed as the worker closes them.
    pub(crate) fn remove(&mut self, call: CallId) -> Option<Entry> {
        let entry = self.calls.remove(&call)?;
        self.change(entry.worker, entry.reserved(), Need::NOTHING);
        self.reserved = self.reserved.saturating_sub(entry.room);
        if let Some(transit) = entry.transit {
            self.release(transit);
        }
        Some(entry)
    }

    /// A call has come to its worker: the one before holds its legs no longer.
    pub(crate) fn arrived(&mut self, call: CallId) {
        if let Some(transit) = self.calls.get_mut(&call).and_then(|entry| entry.transit.take()) {
            self.release(transit);
        }
    }

    fn release(&mut self, transit: Transit) {
        if let Some(used) = self.used.get_mut(transit.from) {
            used.legs = used.legs.saturating_sub(transit.room);
        }
    }

    /// Notes that a call is on its way to another worker. The one that it leaves holds its legs until it has arrived.
    pub(crate) fn depart(&mut self, call: CallId, to: usize, generation: u64) {
        let Some(entry) = self.calls.get_mut(&call) else { return };
        let transit = Transit { from: entry.worker, generation: entry.generation, room: entry.room };
        (entry.worker, entry.generation, entry.transit) = (to, generation, Some(transit));
        let need = entry.reserved();
        self.change(to, Need::NOTHING, need);
        self.change(transit.from, Need { legs: 0, ..need }, Need::NOTHING);
    }

    /// Notes that a leg is to be opened, and reserves its room.
    pub(crate) fn begin_leg(&mut self, call: CallId, prices: &Prices) {
        if let Some(entry) = self.calls.get_mut(&call) {
            entry.opening += 1;
        }
        self.settle(call, prices);
    }

    /// Takes back that a leg is to be opened.
    pub(crate) fn give_up_leg(&mut self, call: CallId, prices: &Prices) {
        if let Some(entry) = self.calls.get_mut(&call) {
            entry.opening = entry.opening.saturating_sub(1);
        }
        self.settle(call, prices);
    }

    /// Adds an opened leg to a call.
    pub(crate) fn add_leg(
        &mut self,
        call: CallId,
        (leg, work): (LegId, LegWork),
        lease: PortLease,
        prices: &Prices,
    ) {
        if let Some(entry) = self.calls.get_mut(&call) {
            entry.legs.push((leg, work));
            entry.opening = entry.opening.saturating_sub(1);
        }
        self.legs.insert(leg, (call, lease));
        self.settle(call, prices);
    }

    /// Forgets a leg.
    pub(crate) fn remove_leg(&mut self, leg: LegId, prices: &Prices) {
        let Some((call, _)) = self.legs.remove(&leg) else { return };
        self.leaving.remove(&leg);
        if let Some(entry) = self.calls.get_mut(&call) {
            entry.legs.retain(|(known, _)| *known != leg);
        }
        self.settle(call, prices);
    }

    /// Notes that a leg has gone to another call, where nothing feeds it yet.
    pub(crate) fn move_leg(&mut self, leg: LegId, to: CallId, prices: &Prices) {
        let Some((call, _)) = self.legs.get_mut(&leg) else { return };
        let from = std::mem::replace(call, to);
        let mut work = LegWork::default();
        if let Some(entry) = self.calls.get_mut(&from)
            && let Some(at) = entry.legs.iter().position(|(known, _)| *known == leg)
        {
            (_, work) = entry.legs.remove(at);
        }
        if let Some(entry) = self.calls.get_mut(&to) {
            entry.legs.push((leg, work.moved()));
        }
        self.settle(from, prices);
        self.settle(to, prices);
    }

    /// The work of a leg.
    pub(crate) fn work(&self, call: CallId, leg: LegId) -> Option<LegWork> {
        self.calls.get(&call)?.legs.iter().find(|(known, _)| *known == leg).map(|(_, work)| *work)
    }

    /// What a call needs with another work of one of its legs.
    pub(crate) fn need_with(
        &self,
        call: CallId,
        leg: LegId,
        work: &LegWork,
        prices: &Prices,
    ) -> Option<Need> {
        self.calls.get(&call).map(|entry| entry.need_with(prices, leg, work))
    }

    /// Gives a leg another work.
    pub(crate) fn set_work(&mut self, call: CallId, leg: LegId, work: LegWork, prices: &Prices) {
        if let Some(known) = self.calls.get_mut(&call).and_then(|entry| entry.work_mut(leg)) {
            *known = work;
        }
        self.settle(call, prices);
    }

    /// An analysis of a leg has come to its end.
    pub(crate) fn end_analysis(&mut self, leg: LegId, prices: &Prices) {
        let Some((call, _)) = self.legs.get(&leg) else { return };
        let call = *call;
        if let Some(work) = self.work(call, leg) {
            self.set_work(call, leg, work.analysed_no_more(), prices);
        }
    }

    /// Notes that a tap is gone.
    pub(crate) fn forget_tap(&mut self, call: CallId, tap: TapId, prices: &Prices) {
        let Some(entry) = self.calls.get_mut(&call) else { return };
        entry.legs.iter_mut().for_each(|(_, work)| *work = work.without_tap(tap));
        self.settle(call, prices);
    }

    /// Makes what is reserved for a call what it needs now.
    fn settle(&mut self, call: CallId, prices: &Prices) {
        let Some(entry) = self.calls.get_mut(&call) else { return };
        let before = entry.reserved();
        let need = entry.need(prices, 0);
        (entry.points, entry.kinds, entry.room) = (need.points, need.kinds, need.legs);
        let worker = entry.worker;
        self.reserved = (self.reserved + need.legs).saturating_sub(before.legs);
        self.change(worker, before, need);
    }

    fn change(&mut self, worker: usize, before: Need, now: Need) {
        if let Some(used) = self.used.get_mut(worker) {
            used.points = used.points - before.points + now.points;
            used.kinds += now.kinds;
            used.kinds -= before.kinds;
            used.legs = (used.legs + now.legs).saturating_sub(before.legs);
        }
    }

    /// Takes all legs of these calls out, with their ports.
    pub(crate) fn take_legs(&mut self, of: &[CallId]) -> Vec<PortLease> {
        let of: HashSet<&CallId> = of.iter().collect();
        let legs = self.legs.extract_if(|_, (call, _)| of.contains(call));
        let (ids, leases): (Vec<LegId>, Vec<PortLease>) = legs.map(|(leg, (_, lease))| (leg, lease)).unzip();
        for leg in &ids {
            self.leaving.remove(leg);
        }
        leases
    }

    /// The ports of a leg.
    pub(crate) fn lease_of(&self, leg: LegId) -> Option<PortLease> {
        self.legs.get(&leg).map(|(_, lease)| *lease)
    }

    /// True where the call has the leg.
    pub(crate) fn has_leg(&self, call: CallId, leg: LegId) -> bool {
        self.legs.get(&leg).is_some_and(|(of, _)| *of == call)
    }
}

impl Need {
    const NOTHING: Self = Self { points: Points::ZERO, kinds: PointsByKind::ZERO, legs: 0 };
}
