//! The first stage: reads a tap, and fills the queue with chunks and facts.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::format::{Encoder, FormatError};
use crate::sink::LossPlace;
use crate::time_line::{Facts, TapFrameView, TapState, TimeLine};
use crate::writer::event::{EventKind, Events};
use crate::writer::queue::{ChunkQueue, Item};
use crate::writer::{AudioSource, RecordingSpec, guarded};

/// Frames of 20 ms that are encoded at most before another recording's turn.
const TURN: usize = 500;

/// What a step has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing, until more audio comes or the queue has room.
    Idle,
    /// More that could be done at once.
    Busy,
    /// Nothing at all: the recording goes on without its encoder.
    Over,
}

/// Whether what the tap's ring drops is lost because the queue was full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BackPressure {
    None,
    /// Audio was left in the ring.
    Blocked,
    /// The ring was emptied since; the frame behind says what it had dropped.
    Emptied,
}

impl BackPressure {
    const fn place(self) -> LossPlace {
        match self {
            Self::None => LossPlace::Tap,
            Self::Blocked | Self::Emptied => LossPlace::Sink,
        }
    }
}

/// A recording that is being encoded.
pub(super) struct Session {
    queue: Arc<ChunkQueue>,
    source: Box<dyn AudioSource>,
    work: Work,
    back_pressure: BackPressure,
    state: TapState,
    complexity: u8,
    /// Samples lost at the tap and at the sink that events told of.
    told: [u64; 2],
}

/// What makes chunks of frames.
struct Work {
    line: TimeLine,
    /// None once the file is complete.
    encoder: Option<Encoder>,
    facts: Facts,
}

impl Session {
    pub(super) fn new(
        queue: Arc<ChunkQueue>,
        source: Box<dyn AudioSource>,
        spec: &RecordingSpec,
        encoder: Encoder,
    ) -> Self {
        let complexity = spec.complexity;
        let work = Work { line: TimeLine::new(spec.rate), encoder: Some(encoder), facts: Facts::default() };
        Self {
            queue,
            source,
            work,
            back_pressure: BackPressure::None,
            state: TapState::Open,
            complexity,
            told: [0; 2],
        }
    }

    /// Encodes what there is, as far as there is room for it.
    pub(super) fn step(&mut self, events: &Events) -> Progress {
        if self.queue.has_failed() {
            return Progress::Over;
        }
        let outcome = guarded("the encoder", || self.advance(events));
        self.report(events);
        match outcome {
            Ok(Ok(progress)) => return progress,
            Ok(Err(error)) => self.queue.fail(error.to_string()),
            Err(panicked) => self.queue.fail(panicked),
        }
        Progress::Over
    }

    /// Does with the least work, or with what was asked for.
    pub(super) fn hurry(&mut self, hurried: bool) {
        let complexity = if hurried { 0 } else { self.complexity };
        if let Some(encoder) = &mut self.work.encoder {
            // What refuses it goes on as before.
            let _ = encoder.set_complexity(complexity);
        }
    }

    fn advance(&mut self, events: &Events) -> Result<Progress, FormatError> {
        let mut left = TURN;
        if self.work.drain(&self.queue, &mut left)? && self.read(events, &mut left)? {
            if self.back_pressure == BackPressure::Blocked {
                self.back_pressure = BackPressure::Emptied;
            }
            let ended = self.source.ended();
            if ended.is_some() || self.queue.is_stopped() {
                // Beyond what can be recorded there is nothing: the recording ends with its last frame.
                let place = self.back_pressure.place();
                if self.work.line.end(ended, place).is_err() {
                    let _ = self.work.line.end(None, place);
                }
                if self.work.drain(&self.queue, &mut left)? {
                    self.work.finish(&self.queue)?;
                    return Ok(Progress::Over);
                }
            }
        }
        if self.queue.is_full() {
            self.back_pressure = BackPressure::Blocked;
            return Ok(Progress::Idle);
        }
        Ok(if left == 0 { Progress::Busy } else { Progress::Idle })
    }

    /// Reads the tap; false if some may be left in it.
    fn read(&mut self, events: &Events, left: &mut usize) -> Result<bool, FormatError> {
        let Self { queue, source, work, back_pressure, state, .. } = self;
        let mut outcome = Ok(true);
        source.read(&mut |view| {
            if *state != view.state {
                *state = view.state;
                events.mention(Some(queue.id()), change(view));
            }
            let place = back_pressure.place();
            if *back_pressure == BackPressure::Emptied {
                *back_pressure = BackPressure::None;
            }
            // What is refused is counted by the time line, and leaves it as it was.
            let _ = work.line.push(view, place);
            outcome = work.drain(queue, left);
            match outcome {
                Ok(true) => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        });
        outcome
    }

    /// Notes figures, and says what was lost since it was last said.
    fn report(&mut self, events: &Events) {
        let of = self.work.line.statistics();
        self.queue.note(self.work.line.position(), of);
        let lost = [(of.lost_at_tap, LossPlace::Tap), (of.lost_at_sink, LossPlace::Sink)];
        for ((lost, place), told) in lost.into_iter().zip(&mut self.told) {
            if lost > *told {
                events.mention(Some(self.queue.id()), EventKind::Lost { samples: lost - *told, place });
                *told = lost;
            }
        }
    }
}

impl Work {
    /// Encodes what the time line has; false if something is left because the queue is full or the turn is over.
    fn drain(&mut self, queue: &ChunkQueue, left: &mut usize) -> Result<bool, FormatError> {
        let Some(encoder) = &mut self.encoder else { return Ok(true) };
        loop {
            if *left == 0 || queue.is_full() {
                return Ok(false);
            }
            let Some(frame) = self.line.poll(&mut self.facts) else { return Ok(true) };
            // Silence that stands for something costs next to nothing.
            *left -= usize::from(!frame.silent);
            if let Some(chunk) = encoder.encode(&frame)? {
                self.facts.drain().for_each(|fact| queue.push(Item::Fact(fact)));
                queue.push(Item::Chunk(chunk));
            }
        }
    }

    fn finish(&mut self, queue: &ChunkQueue) -> Result<(), FormatError> {
        let Some(encoder) = self.encoder.take() else { return Ok(()) };
        let samples = encoder.samples();
        let (last, header) = encoder.finish()?;
        self.facts.drain().for_each(|fact| queue.push(Item::Fact(fact)));
        last.into_iter().chain(header).for_each(|chunk| queue.push(Item::Chunk(chunk)));
        queue.end(samples);
        Ok(())
    }
}

const fn change(view: &TapFrameView<'_>) -> EventKind {
    match view.state {
        TapState::Open => EventKind::Resumed(view.position),
        TapState::Paused => EventKind::Paused(view.position),
        TapState::Secure => EventKind::Masked(view.position),
    }
}
