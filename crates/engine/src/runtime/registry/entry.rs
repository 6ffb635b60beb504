//! What is kept of one call, and what it needs of its worker.

use crate::api::error::CommandError;
use crate::api::id::{CallId, LegId, MixId, TapId};
use crate::api::kind::{PointsByKind, WorkKind};
use crate::api::points::{Points, Prices};
use crate::runtime::work::{LegWork, surcharge};

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

/// What a call pays for beside its legs: a tap on packets or on a room, a side of a link of rooms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extra {
    /// The number of the tap or stream. Legs, rooms, taps and streams are numbered together.
    pub(crate) id: u64,
    /// That of the leg or room that it goes with.
    pub(crate) of: u64,
    /// What it is spent on.
    pub(crate) kind: WorkKind,
    pub(crate) points: Points,
    /// The other side of a link.
    pub(crate) peer: Option<(CallId, u64)>,
}

/// What is kept of a mix.
#[derive(Debug, Clone)]
pub(super) struct MixInputs {
    pub(super) mix: MixId,
    /// The command that it was given these by.
    pub(super) change: u64,
    /// The legs among its inputs.
    pub(super) legs: Vec<LegId>,
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
    pub(super) legs: Vec<(LegId, LegWork)>,
    pub(super) opening: usize,
    pub(crate) taps: Vec<TapId>,
    /// Its mixes.
    pub(super) mixes: Vec<MixInputs>,
    pub(super) extras: Vec<Extra>,
    /// Reservations that are held, and what it costs at least until they are dropped.
    pub(super) held: (u32, Points),
    /// It is not shed, and admitted where a shrunk budget refuses others.
    pub(crate) priority: bool,
    /// Its end is under way: it waits in `Registry::deferred`, or the call was shed.
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
            mixes: Vec::new(),
            extras: Vec::new(),
            held: (0, Points::ZERO),
            priority: false,
            ending: false,
        }
    }

    /// The same call on a worker, in that life of it.
    pub(crate) fn placed(mut self, worker: usize, generation: u64) -> Self {
        (self.worker, self.generation) = (worker, generation);
        self
    }

    /// The same call, with priority or without.
    pub(crate) fn with_priority(mut self, priority: bool) -> Self {
        self.priority = priority;
        self
    }

    /// The same call with these legs.
    pub(crate) fn with_legs(mut self, legs: impl Iterator<Item = (LegId, LegWork)>) -> Self {
        self.legs.extend(legs);
        self
    }

    /// The same call with these mixes of its legs.
    pub(crate) fn with_mixes(mut self, mixes: &[(MixId, Vec<LegId>)]) -> Self {
        self.add_mixes(mixes);
        self
    }

    /// Adds mixes of its legs.
    pub(super) fn add_mixes(&mut self, mixes: &[(MixId, Vec<LegId>)]) {
        for (mix, legs) in mixes {
            self.change_inputs((*mix, 0), Some(legs.clone()));
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
    pub(super) const fn reserved(&self) -> Need {
        Need { points: self.points, kinds: self.kinds, legs: self.room }
    }

    /// Legs that it has, and those that are being opened.
    pub(crate) const fn leg_count(&self) -> usize {
        self.legs.len() + self.opening
    }

    /// What it needs.
    pub(crate) fn need(&self, prices: &Prices) -> Need {
        self.need_of(prices, 0, self.legs.iter().map(|(_, work)| work))
    }

    /// What it needs with one leg more.
    pub(crate) fn need_opening(&self, prices: &Prices, work: &LegWork) -> Need {
        self.need_of(prices, 1, self.legs.iter().map(|(_, work)| work).chain(std::iter::once(work)))
    }

    /// What it needs with other works of some of its legs.
    pub(super) fn need_with(&self, prices: &Prices, changes: &[(LegId, LegWork)]) -> Need {
        let changed = |leg: &LegId| changes.iter().find(|(id, _)| id == leg).map(|(_, work)| work);
        let works = self.legs.iter().map(|(id, known)| changed(id).unwrap_or(known));
        self.need_of(prices, 0, works)
    }

    /// What it needs with something more beside its legs.
    pub(super) fn need_beside(&self, prices: &Prices, points: Points) -> Need {
        let need = self.need(prices);
        if self.fixed { need } else { Need { points: need.points + points, ..need } }
    }

    /// What it costs without one of its legs: of a call that is left with one or none, no more than these.
    pub(super) fn points_without(&self, prices: &Prices, leg: LegId) -> Points {
        let left = self.leg_count().saturating_sub(1);
        let works = self.legs.iter().filter(|(id, _)| *id != leg).map(|(_, work)| work);
        let coded = if self.fixed { Points::ZERO } else { surcharge(prices, works).total() };
        match left {
            0 => Points::ZERO,
            1 => self.base - prices.extra_leg + coded,
            _ => self.base + prices.of_legs(left) - prices.of_legs(LEGS_OF_A_CALL) + coded,
        }
    }

    /// True while room for a change of several legs is reserved.
    pub(crate) const fn has_reserved(&self) -> bool {
        self.held.0 > 0
    }

    /// The legs that are inputs of a mix.
    pub(crate) fn inputs_of(&self, mix: MixId) -> &[LegId] {
        self.mixes.iter().find(|known| known.mix == mix).map_or(&[], |known| &known.legs)
    }

    /// Notes the legs that are inputs of a mix by a command of that number; `None` where it is gone.
    pub(crate) fn set_inputs(&mut self, (mix, change): (MixId, u64), legs: Option<Vec<LegId>>) {
        self.mixes.retain(|known| known.mix != mix);
        self.mixes.extend(legs.map(|legs| MixInputs { mix, change, legs }));
    }

    /// The same, with the works of the legs that it has no more or newly.
    pub(super) fn change_inputs(&mut self, (mix, change): (MixId, u64), legs: Option<Vec<LegId>>) {
        for (leg, work) in self.works_with_inputs(mix, legs.as_deref()) {
            if let Some(known) = self.work_mut(leg) {
                *known = work;
            }
        }
        self.set_inputs((mix, change), legs);
    }

    /// The works of the legs that a mix has no more or newly, where it has these legs; `None` where it is gone.
    pub(crate) fn works_with_inputs(&self, mix: MixId, legs: Option<&[LegId]>) -> Vec<(LegId, LegWork)> {
        let (before, after) = (self.inputs_of(mix), legs.unwrap_or_default());
        let only = |these: &[LegId], others: &[LegId], change: fn(LegWork) -> LegWork| {
            let works = self.legs.iter().filter(|(leg, _)| these.contains(leg) && !others.contains(leg));
            works.map(|(leg, work)| (*leg, change(*work))).collect::<Vec<_>>()
        };
        let mut works = only(before, after, LegWork::mixed_into_less);
        works.extend(only(after, before, LegWork::mixed_into));
        works
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
        if !self.fixed {
            self.extras.iter().for_each(|extra| kinds.add(extra.kind, extra.points));
        }
        kinds.add(WorkKind::Relay, self.base + extra);
        // What is held for a change counts with the call, until it is known what it is for.
        kinds.add(WorkKind::Relay, self.held.1 - kinds.total());
        Need { points: kinds.total(), kinds, legs: legs.max(LEGS_OF_A_CALL) }
    }

    pub(super) fn work_mut(&mut self, leg: LegId) -> Option<&mut LegWork> {
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

impl Need {
    pub(super) const NOTHING: Self = Self { points: Points::ZERO, kinds: PointsByKind::ZERO, legs: 0 };
}
