//! The second stage: empties queues into sinks, and asks for all of them to be synced at once.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use mediapoint_packet::Time;

use crate::sink::Sink;
use crate::writer::event::{EventKind, Events};
use crate::writer::finish::{Ended, Outcome};
use crate::writer::queue::{ChunkQueue, Item};
use crate::writer::{RecorderSettings, SharedClock, guarded};

/// A recording that is being kept.
pub(super) struct Kept {
    queue: Arc<ChunkQueue>,
    sink: Option<Box<dyn Sink>>,
    /// How it ends, until the finisher has room for it.
    outcome: Option<Outcome>,
    handed_on: bool,
    /// Since when the sink refuses.
    refuses: Option<Time>,
    /// Since when nothing follows but metadata.
    ended: Option<Time>,
}

impl Kept {
    pub(super) const fn new(queue: Arc<ChunkQueue>, sink: Box<dyn Sink>) -> Self {
        Self { queue, sink: Some(sink), outcome: None, handed_on: false, refuses: None, ended: None }
    }
}

/// Keeps recordings.
pub(super) struct Keeper {
    clock: SharedClock,
    events: Arc<Events>,
    kept: Vec<Kept>,
    finisher: SyncSender<Ended>,
    patience: Duration,
    sync_every: Duration,
    /// When a sync was asked for last.
    synced: Time,
    syncs: SyncSender<()>,
}

impl Keeper {
    pub(super) fn new(
        clock: SharedClock,
        events: Arc<Events>,
        finisher: SyncSender<Ended>,
        syncs: SyncSender<()>,
        settings: &RecorderSettings,
    ) -> Self {
        let synced = clock.steady();
        let (patience, sync_every) = (settings.patience, settings.sync_every);
        Self { clock, events, kept: Vec::new(), finisher, patience, sync_every, synced, syncs }
    }

    pub(super) fn add(&mut self, kept: Kept) {
        self.kept.push(kept);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Empties the queues, hands on what has ended, and asks for a sync if it is time.
    pub(super) fn step(&mut self) {
        let (wall, now) = (self.clock.wall(), self.clock.steady());
        for kept in &mut self.kept {
            kept.step(wall, now, self.patience, &self.events);
            kept.hand_on(&self.finisher);
        }
        self.kept.retain(|kept| !kept.handed_on);
        if now.since(self.synced) >= self.sync_every && !self.kept.is_empty() {
            self.synced = now;
            // Where there is no room one is asked for that has not begun.
            let _ = self.syncs.try_send(());
        }
    }
}

impl Kept {
    fn step(&mut self, wall: Duration, now: Time, patience: Duration, events: &Events) {
        if !self.queue.has_failed() {
            match guarded("the sink", || self.take_all(wall)) {
                Err(panicked) => self.queue.fail(panicked),
                Ok(Ok(())) => {
                    if self.refuses.take().is_some() {
                        events.mention(Some(self.queue.id()), EventKind::Flowing);
                    }
                }
                Ok(Err(error)) => self.refused(&error, now, patience, events),
            }
        }
        if self.queue.has_ended() {
            self.ended.get_or_insert(now);
        }
        if let Some(reason) = self.queue.take_reason() {
            self.sink = None;
            self.outcome = Some(Outcome::GivenUp { reason });
        } else if self.refuses.is_none()
            && let Some(ended) = self.ended
            && let Some(samples) = self.queue.close(now.since(ended))
            && let Some(sink) = self.sink.take()
        {
            self.outcome = Some(Outcome::Complete { sink, samples });
        }
    }

    /// Gives the sink everything that waits.
    fn take_all(&mut self, wall: Duration) -> io::Result<()> {
        let Some(sink) = &mut self.sink else { return Ok(()) };
        while let Some(item) = self.queue.pop() {
            let taken = match &item {
                Item::Chunk(chunk) => sink.chunk(chunk),
                Item::Fact(fact) => sink.fact(fact),
                Item::Personal(json) => sink.personal(json),
            };
            match taken {
                Ok(()) => self.queue.taken(&item),
                Err(error) => {
                    self.queue.give_back(item);
                    return Err(error);
                }
            }
        }
        sink.tick(wall)
    }

    fn refused(&mut self, error: &io::Error, now: Time, patience: Duration, events: &Events) {
        if self.refuses.is_none() {
            let kind = match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => EventKind::DiskFull,
                other => EventKind::Stalled(other),
            };
            events.mention(Some(self.queue.id()), kind);
        }
        let since = *self.refuses.get_or_insert(now);
        if now.since(since) >= patience {
            self.queue.fail(error.to_string());
        }
    }

    /// Hands a recording on that has ended, if the finisher has room for it.
    fn hand_on(&mut self, finisher: &SyncSender<Ended>) {
        let Some(outcome) = self.outcome.take() else { return };
        match finisher.try_send(Ended { queue: Arc::clone(&self.queue), outcome }) {
            Err(TrySendError::Full(back)) => self.outcome = Some(back.outcome),
            // Nobody is there only when the recorder goes away.
            Ok(()) | Err(TrySendError::Disconnected(_)) => self.handed_on = true,
        }
    }
}
