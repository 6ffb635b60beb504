//! A stream from outside: audio blocks that the embedding program pushes through a ring. The pace is the call's; where the
//! program is late, the gap is concealed and counted.

use crate::api::id::StreamId;
use crate::api::stats::StreamStatistics;
use crate::ring::{Consumer, WakeHandle};
use crate::session::frame::{Frame, FrameKind, samples};
use crate::session::leg::crossfade::Crossfade;

/// Milliseconds of a block.
pub const BLOCK_MILLIS: u32 = 10;

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
    /// Joins audio and silence at both edges of a gap.
    crossfade: Crossfade,
    in_gap: bool,
    started: bool,
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
            crossfade: Crossfade::new(rate),
            in_gap: true,
            started: false,
            statistics: StreamStatistics::default(),
        }
    }

    /// Sample rate in hertz.
    pub const fn rate(&self) -> u32 {
        self.frame.rate()
    }

    /// Its figures.
    pub const fn statistics(&self) -> StreamStatistics {
        self.statistics
    }

    /// True where a tick moves it on.
    pub fn is_live(&self) -> bool {
        self.wanted && (!self.consumer.is_closed() || !self.consumer.is_empty())
    }

    /// Fills the frame of a tick, and returns whom to wake because there is room in the ring.
    pub fn pull(&mut self, millis: u32) -> Option<WakeHandle> {
        if !self.wanted {
            return None;
        }
        let (consumer, crossfade) = (&mut self.consumer, &mut self.crossfade);
        let (in_gap, started, statistics) = (&mut self.in_gap, &mut self.started, &mut self.statistics);
        let block = samples(self.frame.rate(), BLOCK_MILLIS).max(1);
        self.frame.fill(millis, |pcm| {
            let mut kind = FrameKind::Nothing;
            for piece in pcm.chunks_mut(block) {
                let popped = consumer.pop_with(|block| {
                    piece.iter_mut().zip(block.pcm.iter()).for_each(|(to, from)| *to = *from);
                });
                if popped.is_some() {
                    if std::mem::take(in_gap) {
                        crossfade.start();
                    }
                    (kind, *started) = (FrameKind::Audio, true);
                    statistics.blocks += 1;
                } else {
                    piece.fill(0);
                    if !std::mem::replace(in_gap, true) {
                        crossfade.start();
                        kind = FrameKind::Audio;
                    }
                    // A program that has ended the stream, or has not begun, is not late.
                    if *started && !consumer.is_closed() {
                        statistics.starved += 1;
                    }
                }
                crossfade.apply(piece);
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
