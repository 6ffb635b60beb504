//! A bounded table of boxed values with small numbers for names; a number that is used again has another generation.

/// The table.
#[derive(Debug)]
pub(super) struct Slots<T> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
    limit: usize,
    used: usize,
}

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    value: Option<Box<T>>,
}

impl<T> Slots<T> {
    pub(super) fn new(limit: usize) -> Self {
        Self { entries: Vec::new(), free: Vec::new(), limit, used: 0 }
    }

    /// Puts a value in; `None`, dropping it, where the table is full.
    pub(super) fn insert(&mut self, value: T) -> Option<u32> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.entries.len() < self.limit => {
                let slot = u32::try_from(self.entries.len()).ok()?;
                self.entries.push(Entry { generation: 0, value: None });
                slot
            }
            None => return None,
        };
        self.entries.get_mut(slot as usize)?.value = Some(Box::new(value));
        self.used += 1;
        Some(slot)
    }

    pub(super) fn remove(&mut self, slot: u32) -> Option<Box<T>> {
        let entry = self.entries.get_mut(slot as usize)?;
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(slot);
        self.used -= 1;
        Some(value)
    }

    pub(super) fn get(&self, slot: u32) -> Option<&T> {
        self.entries.get(slot as usize)?.value.as_deref()
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.entries.get_mut(slot as usize)?.value.as_deref_mut()
    }

    /// The generation of a slot; two equal ones name the same value.
    pub(super) fn generation(&self, slot: u32) -> u32 {
        self.entries.get(slot as usize).map_or(0, |entry| entry.generation)
    }

    /// The value of that slot and generation.
    pub(super) fn get_exact(&mut self, slot: u32, generation: u32) -> Option<&mut T> {
        let entry = self.entries.get_mut(slot as usize)?;
        if entry.generation == generation { entry.value.as_deref_mut() } else { None }
    }

    pub(super) fn len(&self) -> usize {
        self.used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_used_again_has_another_generation() {
        let mut slots = Slots::new(2);
        let slot = slots.insert('a').unwrap();
        let generation = slots.generation(slot);
        slots.remove(slot);
        assert_eq!(slots.insert('b'), Some(slot));
        assert_eq!(slots.get_exact(slot, generation), None);
        assert_eq!(slots.get(slot), Some(&'b'));
    }

    #[test]
    fn a_full_table_takes_no_more() {
        let mut slots = Slots::new(1);
        assert!(slots.insert(1).is_some());
        assert!(slots.insert(2).is_none());
        assert_eq!(slots.len(), 1);
    }
}
