//! Room for what a call is to do: for a leg more, for other work of a leg.

use mediapoint_net::is_exhaustion;

use super::Call;
use crate::api::error::{AdmissionError, CommandError, OpenLegError};
use crate::api::id::LegId;
use crate::api::pending::Pending;
use crate::api::points::Points;
use crate::runtime::mailbox::Command;
use crate::runtime::moves;
use crate::runtime::registry::{Need, Registry};
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
        // Those that it was admitted with are its own.
        let more = need.legs.saturating_sub(room);
        self.shared.check_legs(&registry, more)?;
        if let Some(late) = self.shared.late(worker).filter(|_| more > 0) {
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
        let Some(used) = registry.used.get(worker).copied() else { return Ok(()) };
        let (budget, max_legs) = (self.shared.config.budget, self.shared.config.max_legs);
        let more = need.points - points;
        let free = budget - used.points;
        let legs = (used.legs + need.legs).saturating_sub(room);
        let fits_points = more == Points::ZERO || more <= free;
        let fits_legs = need.legs <= room || legs <= max_legs;
        if fits_points && fits_legs {
            return Ok(());
        }
        let other = self.shared.place(registry, need, |other| other != worker);
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
        let (call, prices) = (self.id, &self.shared.config.prices);
        let mut registry = self.shared.registry();
        if !registry.calls.contains_key(&call) {
            return Err(CommandError::NoSuchCall(call));
        }
        let before = registry.work(call, leg).ok_or(CommandError::NoSuchLeg(leg))?;
        let work = change(before);
        if work != before
            && let Some(need) = registry.need_with(call, leg, &work, prices)
        {
            self.make_room(&mut registry, need).map_err(|error| match error {
                AdmissionError::NoPoints { needed, free } => CommandError::NoPoints { needed, free },
                _ => CommandError::NoSuchCall(call),
            })?;
        }
        let outcome = self.send(&mut registry, |reply| Command::Apply { call, command, reply })?;
        registry.set_work(call, leg, work, prices);
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
