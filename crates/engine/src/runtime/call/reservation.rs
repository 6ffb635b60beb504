//! Points for a change of several legs, reserved before its first command is given: all of it is carried out, or nothing is.

use std::sync::Arc;

use super::{Call, legs_of};
use crate::api::error::CommandError;
use crate::api::id::{CallId, LegId, MixId, TapId};
use crate::api::leg::LegConfig;
use crate::api::source::Source;
use crate::runtime::engine::Shared;
use crate::runtime::registry::Registry;
use crate::runtime::work::LegWork;

/// What a leg is to become, as far as that has a price.
#[derive(Debug, Clone, Copy)]
pub struct LegChange<'a> {
    /// The leg.
    pub leg: LegId,
    /// Its configuration; `None` where that stays.
    pub config: Option<&'a LegConfig>,
    /// What feeds it: nothing, one source, or several that are mixed; `None` where that stays.
    pub sources: Option<&'a [Source]>,
    /// Digits are looked for in its audio, too ([`Call::tap_digits`]).
    pub digits: bool,
}

/// Points that a call has for a change of several legs; made by [`Call::reserve`], given back when it is dropped.
///
/// Until then the commands that configure and feed its legs are not refused for want of points, so that one that costs more than
/// the whole change, halfway through it, does not stop it.
#[derive(Debug)]
#[must_use = "what is reserved is given back when this is dropped"]
pub struct Reservation {
    shared: Arc<Shared>,
    call: CallId,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shared.registry().release_hold(self.call, &self.shared.config.prices);
    }
}

impl Call {
    /// Reserves what the call needs when all these changes are carried out. Where its worker has not the points, it moves to one that
    /// has. Hold what is returned until the commands are given.
    ///
    /// # Errors
    /// [`CommandError::NoPoints`] where no worker has the points, [`CommandError::NoSuchLeg`], [`CommandError::NoSuchCall`]; nothing
    /// has changed then.
    pub fn reserve(&self, changes: &[LegChange<'_>]) -> Result<Reservation, CommandError> {
        let mut registry = self.shared.registry();
        let works = self.changed(&registry, changes)?;
        let prices = &self.shared.config.prices;
        let need = registry.need_with(self.id, &works, prices).ok_or(CommandError::NoSuchCall(self.id))?;
        self.make_room_for_changes(&mut registry, &works)?;
        registry.hold(self.id, need.points, prices);
        Ok(Reservation { shared: Arc::clone(&self.shared), call: self.id })
    }

    /// The works of the legs after these changes.
    fn changed(
        &self,
        registry: &Registry,
        changes: &[LegChange<'_>],
    ) -> Result<Vec<(LegId, LegWork)>, CommandError> {
        let mut works: Vec<(LegId, LegWork)> = Vec::with_capacity(changes.len());
        for change in changes {
            let mut work = self.work(registry, change.leg)?;
            if let Some(config) = change.config {
                work = work.reconfigured(LegWork::of(config));
            }
            if let Some(sources) = change.sources {
                work = work.fed_by(match sources {
                    [] => Source::Silence,
                    [source] => *source,
                    // Its mix is not made yet.
                    _ => Source::Mix(MixId(0)),
                });
            }
            if change.digits {
                // Its own tap is not made yet.
                work = work.tapped_for_digits(TapId(0));
            }
            works.push((change.leg, work));
        }
        let mixed = changes.iter().filter_map(|change| change.sources.filter(|sources| sources.len() > 1));
        for leg in mixed.flat_map(legs_of) {
            let work = self.work(registry, leg)?;
            match works.iter_mut().find(|(known, _)| *known == leg) {
                Some((_, known)) => *known = known.mixed_into(),
                None => works.push((leg, work.mixed_into())),
            }
        }
        Ok(works)
    }
}
