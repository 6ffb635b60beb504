//! Decoded audio on its way out: what was played last, for concealment to look back on, and what is yet to be played.

use mediapoint_codec::resample::{Resampler, UnsupportedRates};

use crate::playout::Kind;

/// Runs of different kind that the part yet to be played can have; more are merged into the last.
const MAX_RUNS: usize = 16;

/// A stretch of samples of one kind.
#[derive(Debug, Clone, Copy)]
struct Run {
    kind: Kind,
    samples: usize,
}

/// Samples played and yet to be played, in one piece.
#[derive(Debug)]
pub(crate) struct PlayoutBuffer {
    samples: Box<[i16]>,
    /// Samples kept behind the read position.
    past: usize,
    read: usize,
    end: usize,
    runs: [Run; MAX_RUNS],
    run_count: usize,
}

impl PlayoutBuffer {
    /// A buffer that keeps `past` samples of what was played, silence to begin with, and has room for `room` more.
    pub(crate) fn new(past: usize, room: usize) -> Self {
        // Twice the room: what is kept moves to the front once in a while, not each time.
        let samples = vec![0; past + 2 * room].into_boxed_slice();
        let none = Run { kind: Kind::Nothing, samples: 0 };
        Self { samples, past, read: past, end: past, runs: [none; MAX_RUNS], run_count: 0 }
    }

    /// Samples yet to be played.
    pub(crate) const fn ahead(&self) -> usize {
        self.end - self.read
    }

    /// The samples yet to be played.
    pub(crate) fn unplayed(&self) -> &[i16] {
        self.samples.get(self.read..self.end).unwrap_or_default()
    }

    /// The last `len` samples, played or not; at most what is kept.
    pub(crate) fn recent(&self, len: usize) -> &[i16] {
        self.samples.get(self.end - len.min(self.past)..self.end).unwrap_or_default()
    }

    /// The samples yet to be played, to be changed.
    pub(crate) fn unplayed_mut(&mut self) -> &mut [i16] {
        self.samples.get_mut(self.read..self.end).unwrap_or_default()
    }

    /// All that is kept and room for `growth` samples behind it, and where in it the part yet to be played begins.
    /// `None` where there is no such room.
    pub(crate) fn with_room(&mut self, growth: usize) -> Option<(&mut [i16], usize)> {
        if self.room(growth).len() < growth {
            return None;
        }
        let all = self.samples.get_mut(self.read - self.past..self.end + growth)?;
        Some((all, self.past))
    }

    /// Moves all that is kept to `other`, which is empty, from one rate in hertz to another.
    pub(crate) fn move_to(&self, other: &mut Self, from: u32, to: u32) -> Result<(), UnsupportedRates> {
        let mut resampler = Resampler::new(from, to)?;
        let played = self.samples.get(self.read - self.past..self.read).unwrap_or_default();
        let len = resampler.process(played, other.room(other.past));
        other.commit(len, Kind::Nothing);
        (other.read, other.run_count) = (other.end, 0);
        let mut rest = self.unplayed();
        for run in self.runs.iter().take(self.run_count) {
            let (part, behind) = rest.split_at_checked(run.samples).unwrap_or((rest, &[]));
            rest = behind;
            let room = other.room(part.len() * to as usize / from as usize + 1);
            let len = resampler.process(part, room);
            other.commit(len, run.kind);
        }
        Ok(())
    }

    /// Room for `len` more samples at the end; shorter where the buffer is full.
    pub(crate) fn room(&mut self, len: usize) -> &mut [i16] {
        if self.end + len > self.samples.len() {
            let keep = self.read - self.past;
            self.samples.copy_within(keep..self.end, 0);
            self.read -= keep;
            self.end -= keep;
        }
        let end = (self.end + len).min(self.samples.len());
        self.samples.get_mut(self.end..end).unwrap_or_default()
    }

    /// The last `len` samples, and the room behind them that the last [`room`](Self::room) made.
    pub(crate) fn split(&mut self, len: usize) -> (&[i16], &mut [i16]) {
        let (before, room) = self.samples.split_at_mut(self.end);
        let from = before.len().saturating_sub(len.min(self.past));
        (before.get(from..).unwrap_or_default(), room)
    }

    /// Takes the first `len` samples that were written to the last [`room`](Self::room).
    pub(crate) fn commit(&mut self, len: usize, kind: Kind) {
        let len = len.min(self.samples.len() - self.end);
        self.end += len;
        if len == 0 {
            return;
        }
        let full = self.run_count == MAX_RUNS;
        if let Some(last) = self.run_count.checked_sub(1).and_then(|last| self.runs.get_mut(last))
            && (full || last.kind == kind)
        {
            last.samples += len;
        } else if let Some(next) = self.runs.get_mut(self.run_count) {
            *next = Run { kind, samples: len };
            self.run_count += 1;
        }
    }

    /// True where there is something to be played and all of it is of these kinds.
    pub(crate) fn is_all(&self, kinds: &[Kind]) -> bool {
        let runs = self.runs.get(..self.run_count).unwrap_or_default();
        !runs.is_empty() && runs.iter().all(|run| kinds.contains(&run.kind))
    }

    /// Takes note that the part yet to be played has become this long, by a change at its beginning.
    pub(crate) fn resized(&mut self, ahead: usize) {
        let old = self.ahead();
        self.end = (self.read + ahead).min(self.samples.len());
        let mut gone = old.saturating_sub(ahead);
        for run in self.runs.iter_mut().take(self.run_count) {
            let part = run.samples.min(gone);
            run.samples -= part;
            gone -= part;
        }
        if let Some(first) = self.runs.first_mut().filter(|_| self.run_count > 0) {
            first.samples += ahead.saturating_sub(old);
        }
    }

    /// Plays to `out` and tells how many samples of each kind that were. `out` is filled with silence past the end.
    pub(crate) fn play(&mut self, out: &mut [i16], counts: &mut [usize; Kind::COUNT]) -> usize {
        let len = out.len().min(self.ahead());
        let (now, rest) = out.split_at_mut(len);
        if let Some(samples) = self.samples.get(self.read..self.read + len) {
            now.copy_from_slice(samples);
        }
        rest.fill(0);
        self.read += len;
        let mut left = len;
        let mut done = 0;
        for run in self.runs.iter_mut().take(self.run_count) {
            let part = run.samples.min(left);
            run.samples -= part;
            left -= part;
            if let Some(count) = counts.get_mut(run.kind.number()) {
                *count += part;
            }
            if run.samples > 0 {
                break;
            }
            done += 1;
        }
        self.runs.copy_within(done..self.run_count, 0);
        self.run_count -= done;
        len
    }
}
