//! The places of a call's legs by name. A room has a thousand legs, and each is fed by one and an input of a mix.

use crate::api::id::LegId;
use crate::session::leg::Leg;

/// Legs that are found without this: a call of so few takes no memory for it.
const FEW: usize = 8;

/// Names in order, each with its place; none where legs are few.
#[derive(Debug, Default)]
pub(super) struct Places(Vec<(LegId, u16)>);

impl Places {
    /// Those of all legs.
    pub(super) fn of(legs: &[Box<Leg>]) -> Self {
        if legs.len() <= FEW {
            return Self::default();
        }
        let mut places: Vec<_> = legs.iter().map(|leg| leg.id).zip(0..).collect();
        places.sort_unstable_by_key(|(id, _)| *id);
        Self(places)
    }

    /// Notes the last of the legs.
    pub(super) fn note_last(&mut self, legs: &[Box<Leg>]) {
        if self.0.is_empty() {
            *self = Self::of(legs);
        } else if let Some(last) = legs.last() {
            self.insert(last.id, legs.len() - 1);
        }
    }

    fn insert(&mut self, id: LegId, place: usize) {
        let at = self.0.partition_point(|(known, _)| *known < id);
        if let Ok(place) = u16::try_from(place) {
            self.0.insert(at, (id, place));
        }
    }

    /// The place of a leg, where it is noted; it holds until one before it is removed.
    pub(super) fn get(&self, id: LegId) -> Option<usize> {
        let at = self.0.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.0.get(at).map(|(_, place)| usize::from(*place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leg_is_found_whatever_the_order_of_names() {
        let mut places = Places::default();
        for (place, id) in [7, 3, 9, 1, 8].into_iter().enumerate() {
            places.insert(LegId(id), place);
        }
        let found = |id| places.get(LegId(id));
        assert_eq!([7, 3, 9, 1, 8].map(found), [Some(0), Some(1), Some(2), Some(3), Some(4)]);
        assert_eq!(found(2), None);
    }
}
