//! A stream from outside: audio blocks that the embedding program pushes through a ring. The pace is the call's; where the
//! program is late, the gap is concealed and counted.

use mediapoint_jitter::Concealer;

use crate::api::id::StreamId;
use crate::api::stats::StreamStatistics;
use crate::ring::{Consumer, WakeHandle};
use crate::session::frame::{Frame, FrameKind, samples};
use crate::session::leg::crossfade::Crossfade;

/// Milliseconds of a block.
pub const BLOCK_MILLIS: u32 = 10;

/// Blocks after which nothing is left of concealed audio: 150 ms.
const SILENT_AFTER: u32 = 15;

/// Blocks of a link that may wait, and how many are left where there are more.
const LINK_MOST: usize = 10;
const LINK_LEFT: usize = 4;

/// 10 ms of audio in a ring, at the stream's rate.
#[derive(Debug, Clone)]
pub struct StreamBlock {
    /// The samples.
    pub pcm: Box<[i16]>,
}

impl StreamBlock {
    /// A silent block at `rate` hertz.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        Self { pcm: vec![0; samples(rate, BLOCK_MILLIS)].into_boxed_slice() }
    }
}

/// A stream of a call.
pub struct Stream {
    /// Its name.
    pub id: StreamId,
    /// True where somebody wants its audio.
    pub wanted: bool,
    consumer: Consumer<StreamBlock>,
    frame: Frame,
    /// `None` for a rate that it does not know; gaps are silent then.
    concealer: Option<Concealer>,
    /// Ends the audio of a stream that was closed.
    crossfade: Crossfade,
    /// It comes from another worker at the call's own pace: what is more than [`LINK_MOST`] blocks is delay that nobody needs.
    is_link: bool,
    started: bool,
    /// Blocks concealed in a row.
    gap: u32,
    statistics: StreamStatistics,
}

impl Stream {
    /// A stream that has brought nothing yet.
    pub fn new(id: StreamId, rate: u32, consumer: Consumer<StreamBlock>) -> Self {
        Self {
            id,
            wanted: false,
            consumer,
            frame: Frame::new(rate),
            concealer: Concealer::new(rate).ok(),
            crossfade: Crossfade::new(rate),
            is_link: false,
            started: false,
            gap: 0,
            statistics: StreamStatistics::default(),
        }
    }

    /// A stream from a room on another worker.
    pub fn of_link(id: StreamId, rate: u32, consumer: Consumer<StreamBlock>) -> Self {
        Self { is_link: true, ..Self::new(id, rate, consumer) }
    }

    /// Sample rate in hertz.
    pub const fn rate(&self) -> u32 {
        self.frame.rate()
    }

    /// Its figures.
    pub const fn statistics(&self) -> StreamStatistics {
        self.statistics
    }

    /// True where a tick moves it on: also the one in which the end of its audio fades out.
    pub fn is_live(&self) -> bool {
        self.wanted && (!self.consumer.is_closed() || !self.consumer.is_empty() || self.sounds())
    }

    /// True where the audio before has not faded out yet.
    const fn sounds(&self) -> bool {
        self.started && self.gap < SILENT_AFTER
    }

    /// Fills the frame of a tick, and returns whom to wake because there is room in the ring.
    pub fn pull(&mut self, millis: u32) -> Option<WakeHandle> {
        if !self.wanted {
            return None;
        }
        let (consumer, concealer, statistics) =
            (&mut self.consumer, &mut self.concealer, &mut self.statistics);
        let (started, gap, crossfade) = (&mut self.started, &mut self.gap, &mut self.crossfade);
        if self.is_link && consumer.len() > LINK_MOST {
            // A worker stood still, and has made up for it.
            while consumer.len() > LINK_LEFT && consumer.pop_with(|_| ()).is_some() {
                statistics.dropped += 1;
            }
        }
        let block = samples(self.frame.rate(), BLOCK_MILLIS).max(1);
        self.frame.fill(millis, |pcm| {
            let mut kind = FrameKind::Nothing;
            for piece in pcm.chunks_mut(block) {
                let popped = consumer.pop_with(|block| {
                    piece.iter_mut().zip(block.pcm.iter()).for_each(|(to, from)| *to = *from);
                });
                if popped.is_some() {
                    if let Some(concealer) = concealer {
                        concealer.good(piece);
                    }
                    crossfade.remember(piece);
                    (kind, *started, *gap) = (FrameKind::Audio, true, 0);
                    statistics.blocks += 1;
                    continue;
                }
                piece.fill(0);
                // A stream that has not begun, or has faded out, is silent.
                if *started && *gap < SILENT_AFTER {
                    kind = FrameKind::Audio;
                    if consumer.is_closed() {
                        // It has ended: nothing is made up beyond its end.
                        crossfade.start();
                        crossfade.apply(piece);
                        *gap = SILENT_AFTER;
                    } else {
                        if let Some(concealer) = concealer {
                            concealer.conceal(piece);
                        }
                        crossfade.remember(piece);
                        *gap += 1;
                    }
                }
                // A program that has ended the stream, or has not begun, is not late.
                if *started && !consumer.is_closed() {
                    statistics.starved += 1;
                }
            }
            kind
        });
        self.consumer.take_wake()
    }

    /// The audio of the present tick.
    pub const fn frame(&mut self) -> &mut Frame {
        &mut self.frame
    }
}
