//! A bounded table of boxed values with small numbers for names.

/// The table.
#[derive(Debug)]
pub(super) struct Slots<T> {
    entries: Vec<Option<Box<T>>>,
    free: Vec<u32>,
    limit: usize,
    used: usize,
}

impl<T> Slots<T> {
    pub(super) fn new(limit: usize) -> Self {
        Self { entries: Vec::new(), free: Vec::new(), limit, used: 0 }
    }

    /// Puts a value in; gives it back where the table is full.
    pub(super) fn insert(&mut self, value: T) -> Result<u32, Box<T>> {
        let value = Box::new(value);
        let next = u32::try_from(self.entries.len()).ok().filter(|_| self.entries.len() < self.limit);
        let Some(slot) = self.free.pop().or(next) else { return Err(value) };
        if self.entries.len() <= slot as usize {
            self.entries.push(None);
        }
        if let Some(entry) = self.entries.get_mut(slot as usize) {
            *entry = Some(value);
        }
        self.used += 1;
        Ok(slot)
    }

    pub(super) fn remove(&mut self, slot: u32) -> Option<Box<T>> {
        let value = self.entries.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        self.used -= 1;
        Some(value)
    }

    pub(super) fn get(&self, slot: u32) -> Option<&T> {
        self.entries.get(slot as usize)?.as_deref()
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.entries.get_mut(slot as usize)?.as_deref_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_used_again() {
        let mut slots = Slots::new(2);
        let slot = slots.insert('a').unwrap();
        assert_eq!(slots.remove(slot).as_deref(), Some(&'a'));
        assert_eq!(slots.insert('b'), Ok(slot));
        assert_eq!(slots.get(slot), Some(&'b'));
    }

    #[test]
    fn a_full_table_takes_no_more() {
        let mut slots = Slots::new(1);
        assert!(slots.insert(1).is_ok());
        assert_eq!(slots.insert(2), Err(Box::new(2)));
        assert_eq!(slots.len(), 1);
    }
}
