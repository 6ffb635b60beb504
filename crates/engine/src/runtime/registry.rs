//! What the control side keeps of calls and legs: which worker carries them, what they cost, which ports they have, and
//! what is reserved for them.

mod entry;

use std::collections::{HashMap, HashSet, VecDeque};

use crate::api::id::{CallId, LegId, MixId, TapId};
use crate::api::kind::PointsByKind;
use crate::api::path::LegPath;
use crate::api::points::{Points, Prices};
use crate::api::source::Source;
use crate::runtime::mailbox::Command;
use crate::runtime::ports::PortLease;
use crate::runtime::work::{LegWork, paths};
pub(crate) use entry::{Entry, Extra, Need, Transit};

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
    /// What each worker may carry now: less than it was given while it does not keep up.
    budgets: Vec<Points>,
    /// What each worker may carry at most.
    configured: Vec<Points>,
    /// Room for legs that is reserved in the whole engine.
    pub(crate) reserved: usize,
    /// Commands that free something and found their worker's queue full. They wait here: what they free must not be lost.
    pub(crate) deferred: VecDeque<(CallId, Command)>,
    /// Legs whose removal waits in `deferred`.
    pub(crate) leaving: HashSet<LegId>,
}

impl Registry {
    pub(crate) fn new(workers: usize, budget: Points) -> Self {
        Self {
            used: vec![Used::default(); workers],
            budgets: vec![budget; workers],
            configured: vec![budget; workers],
            ..Self::default()
        }
    }

    /// Points that a worker may carry now, and those of them that are free.
    pub(crate) fn budget(&self, worker: usize) -> (Points, Points) {
        let budget = self.budgets.get(worker).copied().unwrap_or_default();
        (budget, budget - self.used.get(worker).map_or(Points::ZERO, |used| used.points))
    }

    /// The same for a call with priority: what the worker was given counts for it, shrunk or not.
    pub(crate) fn budget_for(&self, worker: usize, priority: bool) -> (Points, Points) {
        if !priority {
            return self.budget(worker);
        }
        let budget = self.configured.get(worker).copied().unwrap_or_default();
        (budget, budget - self.used.get(worker).map_or(Points::ZERO, |used| used.points))
    }

    /// What is in use of each worker, and points that it may carry now and at most.
    pub(crate) fn carried(&self) -> Vec<(Used, Points, Points)> {
        let budgets = self.budgets.iter().zip(&self.configured);
        self.used.iter().zip(budgets).map(|(used, (budget, most))| (*used, *budget, *most)).collect()
    }

    /// Makes `budget` what a worker may carry now.
    pub(crate) fn set_budget(&mut self, worker: usize, budget: Points) {
        if let Some(known) = self.budgets.get_mut(worker) {
            *known = budget;
        }
    }

    /// Gives every worker as many points.
    pub(crate) fn set_all_budgets(&mut self, budget: Points) {
        self.budgets.fill(budget);
        self.configured.fill(budget);
    }

    /// A registry of calls that are tried and not made: what is in use is as here.
    pub(crate) fn trial(&self) -> Self {
        Self {
            used: self.used.clone(),
            budgets: self.budgets.clone(),
            configured: self.configured.clone(),
            reserved: self.reserved,
            ..Self::default()
        }
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
    pub(crate) fn remove(&mut self, call: CallId, prices: &Prices) -> Option<Entry> {
        let mut entry = self.calls.remove(&call)?;
        self.change(entry.worker, entry.reserved(), Need::NOTHING);
        for (other, id) in std::mem::take(&mut entry.extras).into_iter().filter_map(|extra| extra.peer) {
            self.forget_extras(other, id, prices);
        }
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
        self.forget_extras(call, leg.as_u64(), prices);
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
        self.forget_extras(from, leg.as_u64(), prices);
        self.settle(to, prices);
    }

    /// What a call will cost without one of its legs, and another with it.
    pub(crate) fn points_moved(
        &self,
        leg: LegId,
        (from, to): (CallId, CallId),
        prices: &Prices,
    ) -> Option<(Points, Points)> {
        let work = self.work(from, leg)?.moved();
        let (from, to) = (self.calls.get(&from)?, self.calls.get(&to)?);
        Some((from.points_without(prices, leg), to.need_opening(prices, &work).points))
    }

    /// What a call needs with something more beside its legs.
    pub(crate) fn need_beside(&self, call: CallId, points: Points, prices: &Prices) -> Option<Need> {
        self.calls.get(&call).map(|entry| entry.need_beside(prices, points))
    }

    /// Notes what a call pays for beside its legs.
    pub(crate) fn add_extra(&mut self, call: CallId, extra: Extra, prices: &Prices) {
        if let Some(entry) = self.calls.get_mut(&call) {
            entry.extras.push(extra);
        }
        self.settle(call, prices);
    }

    /// Notes that a tap, a stream, a leg or a room is gone, with what a call pays for it and the other side of a link.
    pub(crate) fn forget_extras(&mut self, call: CallId, id: u64, prices: &Prices) {
        let mut peers = Vec::new();
        if let Some(entry) = self.calls.get_mut(&call) {
            let gone = entry.extras.extract_if(.., |extra| extra.id == id || extra.of == id);
            peers.extend(gone.filter_map(|extra| extra.peer));
        }
        self.settle(call, prices);
        for (other, id) in peers {
            if let Some(entry) = self.calls.get_mut(&other) {
                entry.extras.retain(|extra| extra.id != id);
            }
            self.settle(other, prices);
        }
    }

    /// Notes the mixes that a call came with, whose legs it has.
    pub(crate) fn add_mixes(&mut self, call: CallId, mixes: &[(MixId, Vec<LegId>)], prices: &Prices) {
        if let Some(entry) = self.calls.get_mut(&call) {
            entry.add_mixes(mixes);
        }
        self.settle(call, prices);
    }

    /// Notes that a mix is gone.
    pub(crate) fn forget_mix(&mut self, call: CallId, mix: u64, prices: &Prices) {
        let known = self.calls.get(&call).and_then(|entry| {
            entry.mixes.iter().find(|known| known.mix.as_u64() == mix).map(|known| (known.mix, known.change))
        });
        if let Some(known) = known {
            self.restore_inputs(call, known, None, prices);
        }
    }

    /// Notes that a change of a mix's inputs was refused, and which legs it has; `None` where it is gone. Where another change
    /// was commanded since, that one decides.
    pub(crate) fn restore_inputs(
        &mut self,
        call: CallId,
        (mix, change): (MixId, u64),
        legs: Option<Vec<LegId>>,
        prices: &Prices,
    ) {
        let Some(entry) = self.calls.get_mut(&call) else { return };
        if !entry.mixes.iter().any(|known| known.mix == mix && known.change == change) {
            return;
        }
        entry.change_inputs((mix, change), legs);
        self.settle(call, prices);
    }

    /// Reserves for a call what a change of several legs needs.
    pub(crate) fn hold(&mut self, call: CallId, points: Points, prices: &Prices) {
        if let Some(entry) = self.calls.get_mut(&call) {
            let (holds, held) = entry.held;
            entry.held = (holds + 1, held.max(points));
        }
        self.settle(call, prices);
    }

    /// Takes a reservation back.
    pub(crate) fn release_hold(&mut self, call: CallId, prices: &Prices) {
        if let Some(entry) = self.calls.get_mut(&call) {
            let (holds, held) = entry.held;
            entry.held = if holds > 1 { (holds - 1, held) } else { (0, Points::ZERO) };
        }
        self.settle(call, prices);
    }

    /// The work of a leg.
    pub(crate) fn work(&self, call: CallId, leg: LegId) -> Option<LegWork> {
        self.calls.get(&call)?.legs.iter().find(|(known, _)| *known == leg).map(|(_, work)| *work)
    }

    /// What a call needs with other works of some of its legs.
    pub(crate) fn need_with(
        &self,
        call: CallId,
        changes: &[(LegId, LegWork)],
        prices: &Prices,
    ) -> Option<Need> {
        self.calls.get(&call).map(|entry| entry.need_with(prices, changes))
    }

    /// Gives a leg another work.
    pub(crate) fn set_work(&mut self, call: CallId, leg: LegId, work: LegWork, prices: &Prices) {
        if let Some(known) = self.calls.get_mut(&call).and_then(|entry| entry.work_mut(leg)) {
            *known = work;
        }
        self.settle(call, prices);
    }

    /// Notes that a change of what feeds a leg was refused. Where another change was commanded since, that one decides.
    pub(crate) fn restore_source(&mut self, leg: LegId, change: u64, source: Source, prices: &Prices) {
        let Some((call, _)) = self.legs.get(&leg) else { return };
        let call = *call;
        if let Some(work) = self.work(call, leg).filter(|work| work.is_fed_since(change)) {
            self.set_work(call, leg, work.fed_by(source), prices);
        }
    }

    /// Notes that a source of a call's legs is gone, with what the call pays for it: they are fed by silence.
    pub(crate) fn forget_source(&mut self, call: CallId, source: Source, prices: &Prices) {
        let Some(entry) = self.calls.get_mut(&call) else { return };
        for (_, work) in entry.legs.iter_mut().filter(|(_, work)| work.source() == source) {
            *work = work.fed_by(Source::Silence);
        }
        match source {
            Source::Stream(stream) => self.forget_extras(call, stream.as_u64(), prices),
            Source::Room(room) => self.forget_extras(call, room.as_u64(), prices),
            _ => self.settle(call, prices),
        }
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
        self.forget_extras(call, tap.as_u64(), prices);
    }

    /// Makes what is reserved for a call what it needs now.
    fn settle(&mut self, call: CallId, prices: &Prices) {
        let Some(entry) = self.calls.get_mut(&call) else { return };
        let before = entry.reserved();
        let need = entry.need(prices);
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
