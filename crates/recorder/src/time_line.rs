//! The true time line of a recording: frames of a tap, each at its position, become frames of 20 ms without a hole.
//!
//! What is missing is silence of the same length and a [`Fact`], so neither channel shifts against the other and the length
//! is exact to the sample. A step over hours costs no memory: its silence is made frame by frame as it is polled.

use crate::sink::{Fact, FactKind, LossPlace};

/// What holds for a frame of a tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TapState {
    /// It is recorded.
    #[default]
    Open,
    /// The recording is paused.
    Paused,
    /// Secure input is on.
    Secure,
}

impl TapState {
    const fn fact(self) -> Option<FactKind> {
        match self {
            Self::Open => None,
            Self::Paused => Some(FactKind::Paused),
            Self::Secure => Some(FactKind::Masked),
        }
    }
}

/// A frame of a tap, as it stands in the tap's ring.
#[derive(Clone, Copy, Default)]
pub struct TapFrameView<'a> {
    /// Number of its first sample, counted from the tap's first.
    pub position: u64,
    /// Samples just before it that the tap had and dropped because nobody read in time; 0 where it dropped nothing. What
    /// else is missing before the frame is a gap: there was nothing.
    pub dropped: u64,
    /// The left channel.
    pub left: &'a [i16],
    /// The right channel. Of channels that are not of one length the shorter one is filled up with silence.
    pub right: &'a [i16],
    /// What holds for it. Silence is recorded in place of what is not open, whatever the channels hold.
    pub state: TapState,
    /// A beep or an announcement tells of the recording in it. A fact says so where it is recorded.
    pub announced: bool,
}

// Media never reaches `Debug`.
impl std::fmt::Debug for TapFrameView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TapFrameView")
            .field("position", &self.position)
            .field("dropped", &self.dropped)
            .field("samples", &self.left.len().max(self.right.len()))
            .field("state", &self.state)
            .field("announced", &self.announced)
            .finish()
    }
}

/// Where a tap ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TapEnd {
    /// Samples of one channel from its first to its end.
    pub position: u64,
    /// Samples just before the end that it dropped because nobody read in time.
    pub dropped: u64,
}

/// A frame of 20 ms of the time line.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// Number of its first sample.
    pub first_sample: u64,
    /// Samples of it that belong to the recording: all, but in the last frame.
    pub samples: usize,
    /// The left channel.
    pub left: &'a [i16],
    /// The right channel, of the same length.
    pub right: &'a [i16],
    /// True if it is silence that stands for something, throughout.
    pub silent: bool,
}

/// Why a frame was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The caller has to poll what is there first.
    #[error("the time line was not polled to its end")]
    NotDrained,
    /// The time line has ended.
    #[error("the time line has ended")]
    Ended,
    /// The position lies beyond the longest recording.
    #[error("position {0} lies beyond the longest recording")]
    TooFar(u64),
    /// All of it lies before what was recorded already.
    #[error("position {0} was recorded already")]
    Passed(u64),
}

/// Figures of a time line, in samples of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeLineStatistics {
    /// Samples that came from the tap.
    pub taken: u64,
    /// Silence where there was nothing.
    pub gaps: u64,
    /// Silence where audio was lost before it was read.
    pub lost_at_tap: u64,
    /// Silence where audio was lost because the sink took too long.
    pub lost_at_sink: u64,
    /// Silence while the recording was paused.
    pub paused: u64,
    /// Silence while secure input was on.
    pub masked: u64,
    /// Samples that came twice, and frames that lay too far: left out.
    pub refused: u64,
}

/// Facts in order; those that touch are one.
#[derive(Debug, Clone, Default)]
pub struct Facts(Vec<Fact>);

impl Facts {
    /// Adds a fact, or lengthens the last of its kind that it continues.
    pub fn note(&mut self, fact: Fact) {
        if !self.0.last_mut().is_some_and(|last| last.join(&fact)) {
            self.0.push(fact);
        }
    }

    /// Takes all that is there.
    pub fn drain(&mut self) -> impl Iterator<Item = Fact> + '_ {
        self.0.drain(..)
    }

    /// What is there.
    #[must_use]
    pub fn as_slice(&self) -> &[Fact] {
        &self.0
    }
}

/// Frames of a tap that waits to be put into frames of the time line.
#[derive(Default)]
struct Waiting {
    left: Vec<i16>,
    right: Vec<i16>,
    /// Samples of it that are in the time line.
    taken: usize,
    state: TapState,
    announced: bool,
}

/// A time line in the making.
pub struct TimeLine {
    rate: u32,
    left: Box<[i16]>,
    right: Box<[i16]>,
    /// Samples in the frame in the making.
    filled: usize,
    silent: bool,
    /// The frame was handed out, and makes room at the next poll.
    handed: bool,
    /// Samples in the time line so far.
    position: u64,
    /// Silence that is due before what waits: first where there was nothing, then where audio was lost.
    gap: u64,
    lost: u64,
    /// What the gap is: nothing came, or nothing was wanted.
    gap_kind: FactKind,
    place: LossPlace,
    /// What held at the last frame or mark.
    state: TapState,
    waiting: Waiting,
    ended: bool,
    statistics: TimeLineStatistics,
}

/// The longest recording, in days.
const MAX_DAYS: u64 = 31;
/// The longest frame of a tap in milliseconds; what is longer is cut.
const MAX_FRAME_MILLIS: usize = 120;

impl TimeLine {
    /// A time line of audio at `rate` hertz, a multiple of 50.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let frame = (rate / 50).max(1) as usize;
        Self {
            rate,
            left: vec![0; frame].into_boxed_slice(),
            right: vec![0; frame].into_boxed_slice(),
            filled: 0,
            silent: true,
            handed: false,
            position: 0,
            gap: 0,
            lost: 0,
            gap_kind: FactKind::Gap,
            place: LossPlace::Tap,
            state: TapState::Open,
            waiting: Waiting::default(),
            ended: false,
            statistics: TimeLineStatistics::default(),
        }
    }

    /// Takes a frame of the tap. What the tap dropped before it counts as lost at `place`. A frame without samples is a mark:
    /// what is missing behind it is not a gap, but paused or masked, where the mark says so.
    ///
    /// # Errors
    /// See [`PushError`]; the frame is left out, and the time line as it was.
    pub fn push(&mut self, view: &TapFrameView<'_>, place: LossPlace) -> Result<(), PushError> {
        if self.ended {
            return Err(PushError::Ended);
        }
        if !self.is_drained() {
            return Err(PushError::NotDrained);
        }
        let most = self.rate as usize * MAX_FRAME_MILLIS / 1000;
        let len = view.left.len().max(view.right.len()).min(most);
        if view.position > self.longest() {
            self.statistics.refused += len as u64;
            return Err(PushError::TooFar(view.position));
        }
        let repeated =
            usize::try_from(self.position.saturating_sub(view.position)).unwrap_or(usize::MAX).min(len);
        self.statistics.refused += repeated as u64;
        if repeated == len && len > 0 {
            return Err(PushError::Passed(view.position));
        }
        self.miss(view.position, view.dropped, place);
        self.state = view.state;
        self.waiting.take(view, repeated, len);
        Ok(())
    }

    /// Ends the time line; where the tap ended, if that is more than it has. What the tap dropped at its end counts as lost at
    /// `place`.
    ///
    /// # Errors
    /// [`PushError::NotDrained`], [`PushError::TooFar`].
    pub fn end(&mut self, end: Option<TapEnd>, place: LossPlace) -> Result<(), PushError> {
        if !self.is_drained() {
            return Err(PushError::NotDrained);
        }
        let end = end.unwrap_or_default();
        if end.position > self.longest() {
            return Err(PushError::TooFar(end.position));
        }
        if !self.ended {
            self.miss(end.position, end.dropped, place);
            self.ended = true;
        }
        Ok(())
    }

    /// The next frame, or `None` until more was pushed. What is to be known about it is added to `facts`.
    pub fn poll(&mut self, facts: &mut Facts) -> Option<Frame<'_>> {
        if self.handed {
            (self.filled, self.silent, self.handed) = (0, true, false);
        }
        while self.filled < self.left.len() && self.fill(facts) {}
        let last = self.ended && self.filled > 0;
        if self.filled < self.left.len() && !last {
            return None;
        }
        self.handed = true;
        for channel in [&mut self.left, &mut self.right] {
            channel.iter_mut().skip(self.filled).for_each(|sample| *sample = 0);
        }
        Some(Frame {
            first_sample: self.position.saturating_sub(self.filled as u64),
            samples: self.filled,
            left: &self.left,
            right: &self.right,
            silent: self.silent,
        })
    }

    /// Samples in the time line so far, including those that no frame was handed out with.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Figures so far.
    #[must_use]
    pub const fn statistics(&self) -> TimeLineStatistics {
        self.statistics
    }

    /// True when another frame can be pushed.
    #[must_use]
    pub const fn is_drained(&self) -> bool {
        self.gap == 0 && self.lost == 0 && self.waiting.is_empty()
    }

    /// Silence is due up to a position, of which the tap dropped some.
    fn miss(&mut self, position: u64, dropped: u64, place: LossPlace) {
        let missing = position.saturating_sub(self.position);
        self.lost = dropped.min(missing);
        self.gap = missing - self.lost;
        self.gap_kind = self.state.fact().unwrap_or(FactKind::Gap);
        self.place = place;
    }

    const fn longest(&self) -> u64 {
        MAX_DAYS * 86_400 * self.rate as u64
    }

    /// Puts a piece into the frame in the making; false if there is none.
    fn fill(&mut self, facts: &mut Facts) -> bool {
        let room = self.left.len() - self.filled;
        let mut waited = false;
        let (samples, kind) = if self.gap > 0 {
            let samples = least(room, self.gap);
            self.gap -= samples as u64;
            (samples, Some(self.gap_kind))
        } else if self.lost > 0 {
            let samples = least(room, self.lost);
            self.lost -= samples as u64;
            (samples, Some(FactKind::Lost(self.place)))
        } else if self.waiting.is_empty() {
            return false;
        } else {
            waited = true;
            (room.min(self.waiting.len()), self.waiting.state.fact())
        };
        let to = self.filled..self.filled + samples;
        if let (Some(left), Some(right)) = (self.left.get_mut(to.clone()), self.right.get_mut(to)) {
            match kind {
                None => self.waiting.copy(left, right),
                Some(_) => [left, right].into_iter().for_each(|channel| channel.fill(0)),
            }
        }
        let announced = waited && kind.is_none() && self.waiting.announced;
        if waited {
            self.waiting.taken += samples;
        }
        self.silent &= kind.is_some();
        self.count(samples as u64, kind);
        if let Some(kind) = kind.or(announced.then_some(FactKind::Announced)) {
            facts.note(Fact { start: self.position, samples: samples as u64, kind });
        }
        self.filled += samples;
        self.position += samples as u64;
        true
    }

    const fn count(&mut self, samples: u64, kind: Option<FactKind>) {
        let of = &mut self.statistics;
        let counter = match kind {
            Some(FactKind::Gap) => &mut of.gaps,
            Some(FactKind::Lost(LossPlace::Tap)) => &mut of.lost_at_tap,
            Some(FactKind::Lost(LossPlace::Sink)) => &mut of.lost_at_sink,
            Some(FactKind::Paused) => &mut of.paused,
            Some(FactKind::Masked) => &mut of.masked,
            _ => &mut of.taken,
        };
        *counter += samples;
    }
}

impl Waiting {
    fn take(&mut self, view: &TapFrameView<'_>, from: usize, to: usize) {
        for (channel, samples) in [(&mut self.left, view.left), (&mut self.right, view.right)] {
            channel.clear();
            channel.extend(samples.iter().take(to).skip(from));
            channel.resize(to - from, 0);
        }
        (self.taken, self.state, self.announced) = (0, view.state, view.announced);
    }

    const fn len(&self) -> usize {
        self.left.len().saturating_sub(self.taken)
    }

    const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn copy(&self, left: &mut [i16], right: &mut [i16]) {
        for (to, from) in [(left, &self.left), (right, &self.right)] {
            to.iter_mut().zip(from.iter().skip(self.taken)).for_each(|(to, from)| *to = *from);
        }
    }
}

fn least(room: usize, of: u64) -> usize {
    usize::try_from(of).unwrap_or(usize::MAX).min(room)
}

#[cfg(test)]
mod tests;
