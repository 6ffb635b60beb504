//! The parties of a call, found by their names. A copy of them shares each party until one of both changes it: a call is
//! copied for every message that may fail, and the call of a conference room has a thousand parties.

use std::sync::Arc;

use super::party::{Party, PartyId};

/// Parties in the order of their names, which is that in which they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parties(Vec<Arc<Party>>);

impl Parties {
    /// The party of this name.
    pub(crate) fn of_id(&self, id: PartyId) -> Option<&Party> {
        let at = self.0.binary_search_by_key(&id, |party| party.id).ok()?;
        self.0.get(at).map(AsRef::as_ref)
    }

    /// The same to be changed.
    pub(crate) fn of_id_mut(&mut self, id: PartyId) -> Option<&mut Party> {
        let at = self.0.binary_search_by_key(&id, |party| party.id).ok()?;
        self.0.get_mut(at).map(Arc::make_mut)
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Party> + Clone {
        self.0.iter().map(AsRef::as_ref)
    }

    /// All of them to be changed: what is shared with a copy is copied.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Party> {
        self.0.iter_mut().map(Arc::make_mut)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a party, in the place of its name.
    pub(crate) fn push(&mut self, party: Party) {
        let at = self.0.partition_point(|known| known.id < party.id);
        self.0.insert(at, Arc::new(party));
    }

    pub(crate) fn retain(&mut self, mut stays: impl FnMut(&Party) -> bool) {
        self.0.retain(|party| stays(party));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes all of them out.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Party> + use<> {
        std::mem::take(&mut self.0).into_iter().map(Arc::unwrap_or_clone)
    }

    /// Takes out those that do not stay.
    pub(crate) fn take_unless(&mut self, mut stays: impl FnMut(&Party) -> bool) -> Vec<Arc<Party>> {
        self.0.extract_if(.., |party| !stays(party)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Group;
    use mediapoint_packet::Time;

    fn party(id: u32) -> Party {
        Party::new(PartyId(id), Group::default(), Time::ZERO)
    }

    #[test]
    fn a_copy_shares_what_neither_changes() {
        let mut parties = Parties::default();
        for id in [1, 3, 2] {
            parties.push(party(id));
        }
        assert_eq!(parties.iter().map(|party| party.id.0).collect::<Vec<_>>(), [1, 2, 3]);
        let mut copy = parties.clone();
        copy.of_id_mut(PartyId(2)).unwrap().presses = 7;
        let shared = |id| {
            let [one, other] =
                [&parties, &copy].map(|parties| std::ptr::from_ref(parties.of_id(PartyId(id)).unwrap()));
            one == other
        };
        assert_eq!([1, 2, 3].map(shared), [true, false, true]);
        assert_eq!(parties.of_id(PartyId(2)).unwrap().presses, 0);
        assert!(parties.of_id(PartyId(4)).is_none());
    }
}
