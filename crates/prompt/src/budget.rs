//! The memory of all prompts of a store.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, Weak};

use crate::error::PromptError;

/// Who can drop a prompt that nobody uses.
pub(crate) trait Evict: Send + Sync {
    /// Drops the one that was used longest ago; false where all are in use.
    fn evict_one(&self) -> bool;
}

/// Bytes in use, and their bound.
pub(crate) struct Budget {
    limit: u64,
    used: AtomicU64,
    evict: OnceLock<Weak<dyn Evict>>,
}

impl std::fmt::Debug for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Budget")
            .field("limit", &self.limit)
            .field("used", &self.used())
            .finish_non_exhaustive()
    }
}

impl Budget {
    pub(crate) const fn new(limit: u64) -> Self {
        Self { limit, used: AtomicU64::new(0), evict: OnceLock::new() }
    }

    /// Sets who makes room.
    pub(crate) fn set_evict(&self, evict: Weak<dyn Evict>) {
        let _ = self.evict.set(evict);
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes bytes, dropping prompts that nobody uses where there is no room.
    pub(crate) fn reserve(&self, need: u64) -> Result<(), PromptError> {
        loop {
            let taken = self.used.try_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(need).filter(|sum| *sum <= self.limit)
            });
            let Err(used) = taken else { return Ok(()) };
            // What does not fit into all of it is no reason to drop others.
            let refused = PromptError::Memory { need, used, limit: self.limit };
            if need > self.limit {
                return Err(refused);
            }
            let evict = self.evict.get().and_then(Weak::upgrade);
            if !evict.is_some_and(|evict| evict.evict_one()) {
                return Err(refused);
            }
        }
    }

    pub(crate) fn release(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}
