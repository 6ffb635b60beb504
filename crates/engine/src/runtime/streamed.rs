//! The writing end of a streamed player.

use std::sync::Arc;
use std::time::Duration;

use crate::ring::{Producer, Readiness};
use crate::session::source::streamed::{BLOCK_MILLIS, PlayerBlock, Shared};

/// Writes what a streamed player plays. Dropped before [`PlayerWriter::finish`], the player has failed after what was written.
#[derive(Debug)]
pub struct PlayerWriter {
    producer: Producer<PlayerBlock>,
    shared: Arc<Shared>,
    jumps: u64,
}

impl PlayerWriter {
    pub(crate) const fn new(producer: Producer<PlayerBlock>, shared: Arc<Shared>) -> Self {
        Self { producer, shared, jumps: 0 }
    }

    /// The writing end of a simulated session's player.
    #[cfg(feature = "sim")]
    #[must_use]
    pub const fn over(producer: Producer<PlayerBlock>, shared: Arc<Shared>) -> Self {
        Self::new(producer, shared)
    }

    /// Writes a block of 10 ms; a shorter one is filled up with silence. `until` is the place behind it in what is played.
    /// False where there is no room for it.
    pub fn write(&mut self, pcm: &[i16], until: Duration) -> bool {
        let jumps = self.jumps;
        self.producer.push_with(|block| {
            let samples = pcm.iter().copied().chain(std::iter::repeat(0));
            block.pcm.iter_mut().zip(samples).for_each(|(to, from)| *to = from);
            (block.until, block.jumps) = (until, jumps);
        })
    }

    /// Makes all that waits obsolete: what is written next is at this place.
    pub fn jump(&mut self, place: Duration) {
        self.jumps = self.shared.jump(place);
    }

    /// All was written: the player has finished once it has played what waits.
    pub fn finish(self) {
        self.shared.finish();
    }

    /// Milliseconds of audio that wait to be played.
    #[must_use]
    pub fn waiting_millis(&self) -> u64 {
        self.producer.len() as u64 * u64::from(BLOCK_MILLIS)
    }

    /// True where nothing more is played: the player has ended, or was removed, or its call has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.producer.is_closed() || self.shared.is_over()
    }

    /// Waits until there is room for `blocks` blocks, 1 to what the capacity holds; `None` where `timeout` has passed.
    pub fn wait(&mut self, blocks: usize, timeout: Duration) -> Option<Readiness> {
        self.producer.wait(blocks, Some(timeout))
    }

    /// Blocks that may wait.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.producer.capacity()
    }
}
