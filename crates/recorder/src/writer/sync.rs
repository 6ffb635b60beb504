//! Makes what sinks have taken survive a loss of power, on a thread of its own. A disk that others keep busy may take seconds
//! for it; queues are emptied meanwhile, so that a process that is killed loses no more than ever.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use crate::sink::Spool;
use crate::writer::event::{EventKind, Events};

/// Syncs the spool when it is asked to.
pub(super) struct Syncer {
    spool: Arc<dyn Spool>,
    events: Arc<Events>,
    /// The last sync was refused.
    unsynced: bool,
}

impl Syncer {
    pub(super) const fn new(spool: Arc<dyn Spool>, events: Arc<Events>) -> Self {
        Self { spool, events, unsynced: false }
    }

    /// Serves requests until nobody can send any. What is asked for during a sync is one more, behind it.
    pub(super) fn run(mut self, requests: &Receiver<()>) {
        while requests.recv().is_ok() {
            if self.events.is_abandoned() {
                return;
            }
            self.sync();
        }
    }

    pub(super) fn sync(&mut self) {
        match self.spool.sync() {
            Ok(()) => self.unsynced = false,
            Err(error) => {
                if !self.unsynced {
                    self.events.mention(None, EventKind::NotSynced(error.kind()));
                }
                self.unsynced = true;
            }
        }
    }
}
