//! Delayed deletes: one entry a call at most, whatever is asked for.

use std::collections::{BTreeSet, HashMap};

use mediapoint_packet::Time;

use crate::request::Id;

/// When calls are to be looked at for what is due to be removed.
#[derive(Debug, Default)]
pub(super) struct Deletes {
    by_id: HashMap<Id, Time>,
    order: BTreeSet<(Time, Id)>,
}

impl Deletes {
    /// Looks at a call at this time, where it is not looked at earlier anyway.
    pub(super) fn add(&mut self, due: Time, id: &Id) {
        if self.by_id.get(id).is_some_and(|known| *known <= due) {
            return;
        }
        self.remove(id);
        self.by_id.insert(id.clone(), due);
        self.order.insert((due, id.clone()));
    }

    /// Forgets a call.
    pub(super) fn remove(&mut self, id: &Id) {
        if let Some(due) = self.by_id.remove(id) {
            self.order.remove(&(due, id.clone()));
        }
    }

    /// The next call that is due by `now`, taken out; else when one will be.
    pub(super) fn take_due(&mut self, now: Time) -> Result<Id, Option<Time>> {
        let Some((due, id)) = self.order.first().cloned() else { return Err(None) };
        if due > now {
            return Err(Some(due));
        }
        self.remove(&id);
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_one_entry_and_it_is_the_earliest() {
        let mut deletes = Deletes::default();
        let at = Time::from_millis;
        for n in (0..1000).rev() {
            deletes.add(at(2000 + n), &"a".into());
            deletes.add(at(2000 + n % 7), &"b".into());
        }
        assert_eq!((deletes.by_id.len(), deletes.order.len()), (2, 2));
        assert_eq!(deletes.take_due(at(1999)), Err(Some(at(2000))));
        deletes.remove(&"b".into());
        assert_eq!(deletes.take_due(at(2000)), Ok("a".into()));
        assert_eq!(deletes.take_due(at(9999)), Err(None));
        assert!(deletes.by_id.is_empty());
    }
}
