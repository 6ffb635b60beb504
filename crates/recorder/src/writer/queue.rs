//! A recording's queue: what is encoded and waits for the disk. Bounded in octets.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::sink::{Chunk, Fact, RecordingId};
use crate::time_line::TimeLineStatistics;

/// Octets of metadata that a recording takes after its begin.
const MOST_METADATA: usize = 1 << 18;

/// A piece of a recording on its way to the sink.
pub(super) enum Item {
    Chunk(Chunk),
    Fact(Fact),
    Personal(Vec<u8>),
}

/// Why metadata was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// The recording is complete, or given up.
    #[error("the recording takes no metadata any more")]
    Over,
    /// It is too long, or there is too much of it.
    #[error("a recording takes {MOST_METADATA} octets of metadata after its begin at most")]
    TooLong,
}

/// When a recording that has ended is completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Closing {
    /// At once.
    #[default]
    AtOnce,
    /// Once its last metadata came, or after this time.
    Awaited(Duration),
}

impl Item {
    const fn weight(&self) -> usize {
        match self {
            Self::Chunk(chunk) => chunk.bytes.len() + 64,
            Self::Fact(_) => 64,
            Self::Personal(json) => json.len() + 64,
        }
    }
}

/// Figures of a recording, in samples of one channel where nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordingStatistics {
    /// Length of the time line.
    pub samples: u64,
    /// Silence where there was nothing.
    pub gaps: u64,
    /// Silence where audio was lost between the media worker and the writer.
    pub lost_at_tap: u64,
    /// Silence where audio was lost because the sink did not take it in time.
    pub lost_at_sink: u64,
    /// Silence while the recording was paused.
    pub paused: u64,
    /// Silence while secure input was on.
    pub masked: u64,
    /// Octets of the file that the sink has taken.
    pub bytes: u64,
    /// Octets that wait for the sink.
    pub waiting: u64,
}

#[derive(Default)]
struct Queue {
    items: VecDeque<Item>,
    /// Weight of the items, and of the one that the keeper has in hand.
    weight: usize,
    /// Samples of one channel of the whole recording, once nothing follows.
    end: Option<u64>,
    closing: Closing,
    /// Nothing more is taken.
    closed: bool,
    /// Octets of metadata that were taken.
    metadata: usize,
    reason: Option<String>,
    statistics: RecordingStatistics,
}

/// The queue between an encoder and the keeper.
pub(super) struct ChunkQueue {
    id: RecordingId,
    limit: usize,
    queue: Mutex<Queue>,
    stop: AtomicBool,
    failed: AtomicBool,
    /// Nothing of the recording is left to do.
    over: AtomicBool,
    bytes: AtomicU64,
}

impl ChunkQueue {
    pub(super) fn new(id: RecordingId, limit: usize) -> Self {
        Self {
            id,
            limit,
            queue: Mutex::default(),
            stop: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            over: AtomicBool::new(false),
            bytes: AtomicU64::new(0),
        }
    }

    pub(super) const fn id(&self) -> &RecordingId {
        &self.id
    }

    /// True when the encoder has to leave audio where it is.
    pub(super) fn is_full(&self) -> bool {
        self.queue().weight >= self.limit
    }

    pub(super) fn push(&self, item: Item) {
        let mut queue = self.queue();
        queue.weight += item.weight();
        queue.items.push_back(item);
    }

    /// The next item. It counts as waiting until [`Self::taken`] or [`Self::give_back`].
    pub(super) fn pop(&self) -> Option<Item> {
        self.queue().items.pop_front()
    }

    pub(super) fn taken(&self, item: &Item) {
        if let Item::Chunk(chunk) = item {
            self.bytes.fetch_add(chunk.bytes.len() as u64, Ordering::Relaxed);
        }
        let mut queue = self.queue();
        queue.weight = queue.weight.saturating_sub(item.weight());
    }

    pub(super) fn give_back(&self, item: Item) {
        self.queue().items.push_front(item);
    }

    /// Nothing follows; `samples` of one channel in all.
    pub(super) fn end(&self, samples: u64) {
        self.queue().end = Some(samples);
    }

    /// Has the recording wait after its end, until its last metadata comes or for this time.
    pub(super) fn await_metadata(&self, most: Duration) {
        self.queue().closing = Closing::Awaited(most);
    }

    /// Takes metadata. Its last is what the recording waits for after its end.
    pub(super) fn personal(&self, json: Vec<u8>, last: bool) -> Result<(), MetadataError> {
        let mut queue = self.queue();
        if queue.closed || self.has_failed() {
            return Err(MetadataError::Over);
        }
        if queue.metadata.saturating_add(json.len()) > MOST_METADATA {
            return Err(MetadataError::TooLong);
        }
        queue.metadata += json.len();
        let item = Item::Personal(json);
        queue.weight += item.weight();
        queue.items.push_back(item);
        if last {
            queue.closing = Closing::AtOnce;
        }
        Ok(())
    }

    /// True once nothing follows but metadata.
    pub(super) fn has_ended(&self) -> bool {
        self.queue().end.is_some()
    }

    /// True once no more audio is taken.
    pub(super) fn is_ending(&self) -> bool {
        self.is_stopped() || self.has_failed() || self.is_over() || self.has_ended()
    }

    /// Samples of the whole recording, once everything was taken and `waited` is long enough for metadata. Nothing more is
    /// taken then.
    pub(super) fn close(&self, waited: Duration) -> Option<u64> {
        let mut queue = self.queue();
        let end = queue.end.filter(|_| queue.items.is_empty())?;
        let awaits = match queue.closing {
            Closing::AtOnce => false,
            Closing::Awaited(most) => !self.is_stopped() && waited < most,
        };
        queue.closed = !awaits;
        queue.closed.then_some(end)
    }

    /// Nothing is taken any more, for a reason.
    pub(super) fn fail(&self, reason: String) {
        self.failed.store(true, Ordering::Release);
        let mut queue = self.queue();
        queue.reason.get_or_insert(reason);
        queue.items.clear();
        queue.weight = 0;
    }

    /// Why nothing is taken any more, once.
    pub(super) fn take_reason(&self) -> Option<String> {
        self.queue().reason.take()
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    pub(super) fn set_over(&self) {
        self.over.store(true, Ordering::Release);
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Notes the figures of the time line.
    pub(super) fn note(&self, samples: u64, of: TimeLineStatistics) {
        let statistics = &mut self.queue().statistics;
        statistics.samples = samples;
        statistics.gaps = of.gaps;
        statistics.lost_at_tap = of.lost_at_tap;
        statistics.lost_at_sink = of.lost_at_sink;
        statistics.paused = of.paused;
        statistics.masked = of.masked;
    }

    pub(super) fn statistics(&self) -> RecordingStatistics {
        let queue = self.queue();
        let bytes = self.bytes.load(Ordering::Relaxed);
        RecordingStatistics { bytes, waiting: queue.weight as u64, ..queue.statistics }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
