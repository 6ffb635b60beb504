//! Room for what a call is to do: for a leg more, for other work of a leg.

use mediapoint_net::is_exhaustion;

use super::Call;
use crate::api::error::{AdmissionError, CommandError, OpenLegError};
use crate::api::id::{CallId, LegId};
use crate::api::pending::{Completer, Pending};
use crate::api::points::Points;
use crate::api::source::Source;
use crate::runtime::mailbox::Command;
use crate::runtime::moves::{self, MoveError};
use crate::runtime::registry::{Extra, Need, Registry};
use crate::runtime::work::LegWork;
use crate::session::command::CallCommand;

impl Call {
    /// Reserves what a further leg needs. Where the worker has it not free, the call moves to one that has.
    pub(super) fn pay_for_leg(&self, work: &LegWork) -> Result<(), OpenLegError> {
        let prices = &self.shared.config.prices;
        let mut registry = self.shared.registry();
        let entry = registry.calls.get(&self.id).ok_or(CommandError::NoSuchCall(self.id))?;
        entry.check_room(self.shared.config.max_legs_of_call)?;
        let (need, room, worker) = (entry.need_opening(prices, work), entry.room, entry.worker);
        let priority = entry.priority;
        // Those that it was admitted with are its own.
        let more = need.legs.saturating_sub(room);
        self.shared.check_legs(&registry, more)?;
        if let Some(late) = self.shared.late(worker).filter(|_| more > 0 && !priority) {
            return Err(AdmissionError::Late { worker, late }.into());
        }
        // Legs that moved between calls can leave more reserved than there is room for: none is opened until that is over.
        let (used, limit) =
            (registry.used.get(worker).map_or(0, |used| used.legs), self.shared.config.max_legs);
        if used > limit {
            return Err(AdmissionError::NoLegs { needed: 1, free: 0, limit }.into());
        }
        self.make_room(&mut registry, need)?;
        registry.begin_leg(self.id, prices);
        Ok(())
    }

    /// Moves the call to another worker where its own has not what it is to need, in points and legs.
    fn make_room(&self, registry: &mut Registry, need: Need) -> Result<(), AdmissionError> {
        let Some(entry) = registry.calls.get(&self.id) else { return Ok(()) };
        let (worker, points, room) = (entry.worker, entry.points, entry.room);
        let priority = entry.priority;
        let Some(used) = registry.used.get(worker).copied() else { return Ok(()) };
        let max_legs = self.shared.config.max_legs;
        let more = need.points - points;
        let (_, free) = registry.budget_for(worker, priority);
        let legs = (used.legs + need.legs).saturating_sub(room);
        // While a change of several legs is carried out, a step of it may cost more than all of it.
        let fits_points = more == Points::ZERO || more <= free || entry.has_reserved();
        let fits_legs = need.legs <= room || legs <= max_legs;
        if fits_points && fits_legs {
            return Ok(());
        }
        let other = self.shared.place(registry, need, priority, |other| other != worker);
        if let Ok(other) = other
            && moves::start(&self.shared, registry, self.id, other).map(drop).is_ok()
        {
            return Ok(());
        }
        if fits_points {
            let free = max_legs.saturating_sub(used.legs);
            Err(AdmissionError::NoLegs { needed: need.legs.saturating_sub(room), free, limit: max_legs })
        } else {
            Err(AdmissionError::NoPoints { needed: more, free })
        }
    }

    /// The same for what adds no legs.
    fn make_room_for(&self, registry: &mut Registry, need: Option<Need>) -> Result<(), CommandError> {
        let made = need.map_or(Ok(()), |need| self.make_room(registry, need));
        made.map_err(|error| match error {
            AdmissionError::NoPoints { needed, free } => CommandError::NoPoints { needed, free },
            _ => CommandError::NoSuchCall(self.id),
        })
    }

    /// Brings this call and the one that a leg of it goes to together, on a worker that has what the leg costs more there. Empty
    /// room that this call has left over counts as free: a transfer needs no more points than its parties have.
    pub(super) fn meet(&self, registry: &mut Registry, leg: LegId, to: &Self) -> Result<(), MoveError> {
        let prices = &self.shared.config.prices;
        let unknown = || CommandError::NoSuchCall(self.id);
        let of = |registry: &Registry, call: CallId| {
            registry
                .calls
                .get(&call)
                .map(|entry| (entry.worker, entry.points))
                .ok_or(CommandError::NoSuchCall(call))
        };
        let ((here, paid), (there, paid_there)) = (of(registry, self.id)?, of(registry, to.id)?);
        let need = registry.points_moved(leg, (self.id, to.id), prices).ok_or_else(unknown)?;
        let more_on = |worker: usize| {
            let paid = if worker == here { paid } else { Points::ZERO };
            need.0 + need.1 - paid - if worker == there { paid_there } else { Points::ZERO }
        };
        let of_call = |call: CallId| registry.calls.get(&call).is_some_and(|entry| entry.priority);
        let priority = of_call(self.id) || of_call(to.id);
        let fits = |registry: &Registry, worker: usize| {
            let more = more_on(worker);
            more == Points::ZERO || more <= registry.budget_for(worker, priority).1
        };
        let others = (0..registry.used.len()).filter(|worker| ![here, there].contains(worker));
        let mut meeting = [there, here].into_iter().chain(others).filter(|worker| fits(registry, *worker));
        let Some(at) = meeting.next() else {
            let (needed, free) = (more_on(there), registry.budget_for(there, priority).1);
            return Err(CommandError::NoPoints { needed, free }.into());
        };
        for (call, worker) in [(self.id, here), (to.id, there)] {
            if worker != at {
                let moved = moves::start(&self.shared, registry, call, at);
                drop(moved.map_err(|unmoved| unmoved.into_error(call))?);
            }
        }
        Ok(())
    }

    /// Takes back what was reserved for a leg that could not be opened.
    pub(super) fn settle(&self) {
        self.shared.registry().give_up_leg(self.id, &self.shared.config.prices);
    }

    /// Gives a command that makes other work of a leg. What that costs is there before, or the command is refused.
    pub(in crate::runtime) fn apply_with(
        &self,
        leg: LegId,
        change: impl FnOnce(LegWork) -> LegWork,
        command: CallCommand,
    ) -> Result<Pending<()>, CommandError> {
        let mut registry = self.shared.registry();
        let before = self.work(&registry, leg)?;
        let work = change(before);
        let changes = if work == before { Vec::new() } else { vec![(leg, work)] };
        self.apply_changes(&mut registry, &changes, command)
    }

    /// Gives a command after which a leg has this source. The worker may refuse it: what feeds the leg then counts again.
    pub(in crate::runtime) fn feed(
        &self,
        leg: LegId,
        source: Source,
        command: CallCommand,
    ) -> Result<Pending<()>, CommandError> {
        let (call, change) = (self.id, self.next_id());
        let mut registry = self.shared.registry();
        let work = self.work(&registry, leg)?.fed_by(source).fed_since(change);
        self.send_changes(&mut registry, &[(leg, work)], |reply| Command::Feed {
            call,
            leg,
            command,
            change,
            reply,
        })
    }

    /// Gives a command after which a source is gone, and what it fed costs as what silence feeds.
    pub(in crate::runtime) fn remove_source(
        &self,
        source: Source,
        command: CallCommand,
    ) -> Result<Pending<()>, CommandError> {
        let call = self.id;
        let mut registry = self.shared.registry();
        let outcome = self.send(&mut registry, |reply| Command::Apply { call, command, reply })?;
        registry.forget_source(call, source, &self.shared.config.prices);
        Ok(outcome)
    }

    /// The work of a leg of the call.
    pub(super) fn work(&self, registry: &Registry, leg: LegId) -> Result<LegWork, CommandError> {
        if !registry.calls.contains_key(&self.id) {
            return Err(CommandError::NoSuchCall(self.id));
        }
        registry.work(self.id, leg).ok_or(CommandError::NoSuchLeg(leg))
    }

    /// Gives a command that makes other works of these legs, as [`Call::apply_with`] does.
    pub(super) fn apply_changes(
        &self,
        registry: &mut Registry,
        changes: &[(LegId, LegWork)],
        command: CallCommand,
    ) -> Result<Pending<()>, CommandError> {
        let call = self.id;
        self.send_changes(registry, changes, |reply| Command::Apply { call, command, reply })
    }

    /// The same for any command to the call.
    pub(super) fn send_changes(
        &self,
        registry: &mut Registry,
        changes: &[(LegId, LegWork)],
        command: impl FnOnce(Completer<()>) -> Command,
    ) -> Result<Pending<()>, CommandError> {
        self.make_room_for_changes(registry, changes)?;
        let outcome = self.send(registry, command)?;
        for (leg, work) in changes {
            registry.set_work(self.id, *leg, *work, &self.shared.config.prices);
        }
        Ok(outcome)
    }

    /// Makes room for other works of these legs.
    pub(super) fn make_room_for_changes(
        &self,
        registry: &mut Registry,
        changes: &[(LegId, LegWork)],
    ) -> Result<(), CommandError> {
        if changes.is_empty() {
            return Ok(());
        }
        let need = registry.need_with(self.id, changes, &self.shared.config.prices);
        self.make_room_for(registry, need)
    }

    /// Makes room for something more beside the legs of the call.
    pub(in crate::runtime) fn make_room_beside(
        &self,
        registry: &mut Registry,
        points: Points,
    ) -> Result<(), CommandError> {
        let need = registry.need_beside(self.id, points, &self.shared.config.prices);
        self.make_room_for(registry, need)
    }

    /// Gives a command that makes what costs something beside the legs of the call. That is there before, or the command is refused.
    pub(super) fn apply_beside(
        &self,
        registry: &mut Registry,
        extra: Extra,
        command: CallCommand,
    ) -> Result<Pending<()>, CommandError> {
        let (call, prices) = (self.id, &self.shared.config.prices);
        self.make_room_beside(registry, extra.points)?;
        let outcome = self.send(registry, |reply| Command::Apply { call, command, reply })?;
        registry.add_extra(call, extra, prices);
        Ok(outcome)
    }

    /// A refusal of the system that stands for all ports is one for want of room.
    pub(super) fn explain(&self, error: OpenLegError) -> OpenLegError {
        match error {
            OpenLegError::Socket { source, address } => match source.raw_os_error() {
                Some(errno) if is_exhaustion(&source) => {
                    let legs = self.shared.registry().legs.len();
                    AdmissionError::NoSockets { legs, errno }.into()
                }
                _ => OpenLegError::Socket { source, address },
            },
            error => error,
        }
    }
}
