//! What a store counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a store has done and holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreFigures {
    /// Requests answered by what was there, looked after first where it was due.
    pub hits: u64,
    /// Requests that had to wait for a load, those that joined another's included.
    pub misses: u64,
    /// Files decoded.
    pub loads: u64,
    /// Times that a file or URL was asked for changes and had none.
    pub unchanged: u64,
    /// Loads that failed.
    pub failures: u64,
    /// Requests refused because the queue was full.
    pub refused: u64,
    /// Prompts dropped to make room.
    pub evictions: u64,
    /// Prompts held.
    pub prompts: u64,
    /// Bytes of samples and payloads, of prompts in use that are no longer held, too.
    pub bytes: u64,
    /// Requests that wait.
    pub waiting: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) loads: AtomicU64,
    pub(super) unchanged: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) evictions: AtomicU64,
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
