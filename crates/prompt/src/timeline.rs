//! The samples of a playlist laid out in time.

use std::sync::Arc;
use std::time::Duration;

use crate::encoded::EncodedPrompt;
use crate::error::PromptError;
use crate::playlist::Playlist;
use crate::prompt::Prompt;

/// Milliseconds that aligned items are filled up to.
const FRAME_MS: u64 = 20;

/// A stretch of a cycle.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Where it ends in the cycle, in samples.
    pub(crate) end: u64,
    /// Samples of it.
    pub(crate) len: u64,
    /// The item that it is of, or stands behind.
    pub(crate) item: usize,
    /// `None` for silence.
    pub(crate) audio: Option<Stretch>,
}

/// A stretch of audio.
#[derive(Debug)]
pub(crate) struct Stretch {
    pub(crate) samples: Arc<[i16]>,
    /// The prompt's sample that it begins with.
    pub(crate) from: u64,
    /// Held so that its memory is known to be in use.
    pub(crate) prompt: Arc<Prompt>,
    /// Its frames, by the playback's codecs.
    pub(crate) encoded: Vec<Arc<EncodedPrompt>>,
}

/// One cycle of the items, and where all of it ends.
#[derive(Debug)]
pub(crate) struct Timeline {
    pub(crate) rate: u32,
    pub(crate) segments: Vec<Segment>,
    /// Samples of a cycle.
    pub(crate) cycle: u64,
    /// Where playing begins.
    pub(crate) start: u64,
    /// Where it ends, counted from the first cycle's beginning; `None` for never.
    pub(crate) end: Option<u64>,
}

/// Samples in a time, rounded down.
pub(crate) fn samples_in(time: Duration, rate: u32) -> u64 {
    let samples = time.as_nanos() * u128::from(rate) / 1_000_000_000;
    u64::try_from(samples).unwrap_or(u64::MAX)
}

impl Timeline {
    /// Lays items out; makes their samples at `rate` where they are not made.
    pub(crate) fn new(playlist: &Playlist, rate: u32) -> Result<Self, PromptError> {
        let pause = samples_in(playlist.pause, rate);
        let frame = u64::from(rate) * FRAME_MS / 1000;
        let (mut segments, mut end) = (Vec::with_capacity(playlist.items.len() * 2), 0_u64);
        for (index, item) in playlist.items.iter().enumerate() {
            let samples = item.prompt.samples(rate)?;
            let all = samples.len() as u64;
            let to = item.end.map_or(all, |end| samples_in(end, rate).min(all));
            let from = samples_in(item.start, rate).min(to);
            let len = to - from;
            let filling = if playlist.align { len.next_multiple_of(frame.max(1)) - len } else { 0 };
            let prompt = Arc::clone(&item.prompt);
            let audio = Some(Stretch { samples, from, prompt, encoded: Vec::new() });
            for (len, audio) in [(len, audio), (filling.saturating_add(pause), None)] {
                if len > 0 {
                    end = end.saturating_add(len);
                    segments.push(Segment { end, len, item: index, audio });
                }
            }
        }
        let start = samples_in(playlist.start, rate);
        let times = playlist.repeat.times.map(|times| match times {
            0 => 0,
            // Nothing is waited for behind the last.
            times => end.saturating_mul(u64::from(times)).saturating_sub(pause),
        });
        let duration =
            playlist.repeat.duration.map(|duration| start.saturating_add(samples_in(duration, rate)));
        let bound = match (times, duration) {
            (Some(times), Some(duration)) => Some(times.min(duration)),
            (times, duration) => times.or(duration),
        };
        let is_silent = segments.iter().all(|segment| segment.audio.is_none());
        let bound = if is_silent { Some(0) } else { bound };
        let start = bound.map_or(start, |bound| start.min(bound));
        Ok(Self { rate, segments, cycle: end, start, end: bound })
    }

    /// The segment that holds a position, and how far into it that is.
    pub(crate) fn at(&self, position: u64) -> Option<(usize, u64)> {
        let within = position.checked_rem(self.cycle)?;
        let index = self.segments.partition_point(|segment| segment.end <= within);
        let segment = self.segments.get(index)?;
        Some((index, (within + segment.len).checked_sub(segment.end)?))
    }

    /// Samples until the end.
    pub(crate) const fn left(&self, position: u64) -> u64 {
        match self.end {
            Some(end) => end.saturating_sub(position),
            None => u64::MAX,
        }
    }
}
