//! The last stage: completes files, one at a time, so that nothing else waits for it.

use std::sync::Arc;

use crate::sink::Sink;
use crate::writer::event::{EventKind, Events};
use crate::writer::queue::ChunkQueue;
use crate::writer::{SharedClock, guarded};

/// A recording that lacks nothing but its end.
pub(super) struct Ended {
    pub(super) queue: Arc<ChunkQueue>,
    pub(super) outcome: Outcome,
}

/// How a recording ends.
pub(super) enum Outcome {
    /// It is to be completed.
    Complete {
        sink: Box<dyn Sink>,
        /// Samples of one channel.
        samples: u64,
    },
    /// It is given up.
    GivenUp { reason: String },
}

/// Completes a recording, and says so.
pub(super) fn finish(ended: Ended, clock: &SharedClock, events: &Events) {
    let kind = match ended.outcome {
        Outcome::Complete { sink, samples } => {
            match guarded("the sink", || sink.finish(samples, clock.wall())) {
                Ok(Ok(finished)) => EventKind::Finished(finished),
                Ok(Err(error)) => EventKind::Failed { reason: error.to_string() },
                Err(reason) => EventKind::Failed { reason },
            }
        }
        Outcome::GivenUp { reason } => EventKind::Failed { reason },
    };
    events.deliver(ended.queue.id(), kind);
    ended.queue.set_over();
}
