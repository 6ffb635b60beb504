//! Decoded audio: what was played last, for concealment to look back on, and what is yet to be played.
//!
//! In the steady state a pull leaves nothing over, and its audio goes straight from the decoder to the caller
//! ([`played`](PlayoutBuffer::played)): only the ring of the past is written. The rest is for packets that are not as
//! long as a pull, gaps and time-scaling.

use mediapoint_codec::resample::{Resampler, UnsupportedRates};
use mediapoint_g711::{Law, decode};

use crate::playout::Kind;

/// What is yet to be played at first, in parts of what is kept of the past: 120 ms beside 50. Packets of 20 ms need no more.
const FIRST_ROOM: (usize, usize) = (12, 5);

/// Runs of different kind that the part yet to be played can have; more are merged into the last.
const MAX_RUNS: usize = 16;

/// Successive samples of one kind.
#[derive(Debug, Clone, Copy)]
struct Run {
    kind: Kind,
    samples: u32,
}

const NO_RUN: Run = Run { kind: Kind::Nothing, samples: 0 };

/// Samples played and yet to be played.
// The runs come last: in the steady state there are none.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct PlayoutBuffer {
    /// A ring of what was played last.
    ring: Box<[i16]>,
    /// Where in it the oldest sample is.
    oldest: usize,
    /// As many samples as the ring, for a copy of it, and behind them those yet to be played. While octets wait to be decoded
    /// into the ring, they are in the place of the copy, two in each sample.
    samples: Vec<i16>,
    /// Octets that wait, their law, and where the next one goes.
    waiting: usize,
    law: Law,
    next_octet: usize,
    /// The most of those; the room for them grows as it is needed, and stays.
    most: usize,
    /// The part yet to be played, in samples behind the ring's copy.
    read: usize,
    end: usize,
    run_count: usize,
    runs: [Run; MAX_RUNS],
}

impl PlayoutBuffer {
    /// Keeps `past` samples of what was played, silence to begin with, and has room for up to `room` more.
    pub(crate) fn new(past: usize, room: usize) -> Self {
        let first = (past * FIRST_ROOM.0 / FIRST_ROOM.1).min(room);
        Self {
            ring: vec![0; past].into_boxed_slice(),
            oldest: 0,
            samples: vec![0; past + first],
            waiting: 0,
            law: Law::Mu,
            next_octet: 0,
            most: room,
            read: 0,
            end: 0,
            run_count: 0,
            runs: [NO_RUN; MAX_RUNS],
        }
    }

    /// Back to silence, with nothing to be played.
    pub(crate) fn clear(&mut self) {
        self.ring.fill(0);
        self.waiting = 0;
        (self.read, self.end, self.run_count) = (0, 0, 0);
    }

    /// Samples yet to be played.
    pub(crate) const fn ahead(&self) -> usize {
        self.end - self.read
    }

    /// The last `len` samples, played or not; at most what is kept of the past.
    pub(crate) fn recent(&mut self, len: usize) -> &[i16] {
        let past = self.lay_out_past();
        let end = past + self.ahead();
        self.samples.get(end - len.min(past)..end).unwrap_or_default()
    }

    /// What was played last, as much as is kept of it.
    pub(crate) fn played_last(&mut self) -> &[i16] {
        let past = self.lay_out_past();
        self.samples.get(..past).unwrap_or_default()
    }

    /// The samples yet to be played, to be changed.
    pub(crate) fn unplayed_mut(&mut self) -> &mut [i16] {
        let past = self.past();
        self.samples.get_mut(past + self.read..past + self.end).unwrap_or_default()
    }

    /// The past, the part yet to be played and room for `growth` samples, in one piece, and where in it the second
    /// begins. Changes of the past are lost. `None` where there is no such room.
    pub(crate) fn with_room(&mut self, growth: usize) -> Option<(&mut [i16], usize)> {
        let past = self.lay_out_past();
        self.reserve(self.end + growth);
        let all = self.samples.get_mut(..past + self.end + growth)?;
        Some((all, past))
    }

    /// Moves all that is kept to `other`, which is empty, from one rate in hertz to another.
    pub(crate) fn move_to(&mut self, other: &mut Self, from: u32, to: u32) -> Result<(), UnsupportedRates> {
        let mut resampler = Resampler::new(from, to)?;
        let past = self.lay_out_past();
        let (played, mut rest) = self.samples.split_at(past);
        let mut scaled = vec![0; other.past()];
        let len = resampler.process(played, &mut scaled);
        other.remember(scaled.get(..len).unwrap_or_default());
        for run in self.runs.iter().take(self.run_count) {
            let (part, behind) = rest.split_at_checked(run.samples as usize).unwrap_or((rest, &[]));
            rest = behind;
            let room = other.room(part.len() * to as usize / from as usize + 1);
            let len = resampler.process(part, room);
            other.commit(len, run.kind);
        }
        Ok(())
    }

    /// Room for `len` more samples at the end; shorter where the buffer is full.
    pub(crate) fn room(&mut self, len: usize) -> &mut [i16] {
        self.move_to_front();
        self.reserve(self.end + len);
        let start = self.past() + self.end;
        let end = (start + len).min(self.samples.len());
        self.samples.get_mut(start..end).unwrap_or_default()
    }

    /// The last `len` samples, and the room behind them that the last [`room`](Self::room) made.
    pub(crate) fn split(&mut self, len: usize) -> (&[i16], &mut [i16]) {
        let past = self.lay_out_past();
        let (before, room) = self.samples.split_at_mut(past + self.end);
        let from = before.len().saturating_sub(len.min(past));
        (before.get(from..).unwrap_or_default(), room)
    }

    /// Takes the first `len` samples that were written to the last [`room`](Self::room).
    pub(crate) fn commit(&mut self, len: usize, kind: Kind) {
        let len = len.min(self.samples.len() - self.past() - self.end);
        self.end += len;
        if len == 0 {
            return;
        }
        let samples = u32::try_from(len).unwrap_or(u32::MAX);
        let full = self.run_count == MAX_RUNS;
        if let Some(last) = self.run_count.checked_sub(1).and_then(|last| self.runs.get_mut(last))
            && (full || last.kind == kind)
        {
            last.samples += samples;
        } else if let Some(next) = self.runs.get_mut(self.run_count) {
            *next = Run { kind, samples };
            self.run_count += 1;
        }
    }

    /// True where there is something to be played and all of it is of these kinds.
    pub(crate) fn is_all(&self, kinds: &[Kind]) -> bool {
        let runs = self.runs.get(..self.run_count).unwrap_or_default();
        !runs.is_empty() && runs.iter().all(|run| kinds.contains(&run.kind))
    }

    /// The part yet to be played has become this long, by a change at its beginning.
    pub(crate) fn resized(&mut self, ahead: usize) {
        let old = self.ahead();
        self.end = (self.read + ahead).min(self.samples.len() - self.past());
        let mut gone = u32::try_from(old.saturating_sub(ahead)).unwrap_or(u32::MAX);
        for run in self.runs.iter_mut().take(self.run_count) {
            let part = run.samples.min(gone);
            run.samples -= part;
            gone -= part;
        }
        if let Some(first) = self.runs.first_mut().filter(|_| self.run_count > 0) {
            first.samples += u32::try_from(ahead.saturating_sub(old)).unwrap_or(0);
        }
    }

    /// Plays to `out` and adds up how many samples of each kind that were. `out` is filled with silence past the end.
    pub(crate) fn play(&mut self, out: &mut [i16], counts: &mut [usize; Kind::COUNT]) -> usize {
        let len = out.len().min(self.ahead());
        let (now, rest) = out.split_at_mut(len);
        let start = self.past() + self.read;
        if let Some(samples) = self.samples.get(start..start + len) {
            now.copy_from_slice(samples);
        }
        rest.fill(0);
        self.remember(now);
        self.read += len;
        let mut left = u32::try_from(len).unwrap_or(u32::MAX);
        let mut done = 0;
        for run in self.runs.iter_mut().take(self.run_count) {
            let part = run.samples.min(left);
            run.samples -= part;
            left -= part;
            if let Some(count) = counts.get_mut(run.kind.number()) {
                *count += part as usize;
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

    /// Adds to the past what was played without having been here.
    pub(crate) fn remember(&mut self, pcm: &[i16]) {
        self.decode_waiting();
        self.add_to_ring(pcm);
    }

    /// The same of audio that was not decoded: each octet is a sample. It is decoded when the past is looked at.
    pub(crate) fn remember_octets(&mut self, law: Law, octets: &[u8]) {
        let past = self.ring.len();
        if self.law != law {
            self.decode_waiting();
            self.law = law;
        }
        let octets = octets.get(octets.len().saturating_sub(past)..).unwrap_or_default();
        let before_end = octets.len().min(past - self.next_octet);
        let (first, second) = octets.split_at_checked(before_end).unwrap_or((octets, &[]));
        if ![past, first.len(), second.len()].iter().all(|len| len.is_multiple_of(2)) {
            return self.remember_each(octets);
        }
        self.pack(self.next_octet, first);
        self.pack(0, second);
        self.next_octet = (self.next_octet + octets.len()) % past.max(1);
        self.waiting = (self.waiting + octets.len()).min(past);
    }

    /// Puts octets at a place of theirs, two in each sample.
    fn pack(&mut self, at: usize, octets: &[u8]) {
        let to = self.samples.get_mut(at / 2..).unwrap_or_default();
        for (to, pair) in to.iter_mut().zip(octets.as_chunks().0) {
            *to = i16::from_le_bytes(*pair);
        }
    }

    /// Remembers octets that do not come in pairs.
    #[cold]
    fn remember_each(&mut self, octets: &[u8]) {
        self.decode_waiting();
        octets.iter().for_each(|octet| self.add_to_ring(&[decode(self.law, *octet)]));
    }

    /// Decodes the octets that wait into the ring.
    fn decode_waiting(&mut self) {
        if self.waiting > 0 {
            self.decode_octets();
        }
    }

    #[cold]
    fn decode_octets(&mut self) {
        let past = self.ring.len();
        let waiting = std::mem::take(&mut self.waiting);
        let mut at = (self.next_octet + past - waiting) % past.max(1);
        for _ in 0..waiting / 2 {
            let pair = self.samples.get(at / 2).copied().unwrap_or_default().to_le_bytes();
            self.add_to_ring(&pair.map(|octet| decode(self.law, octet)));
            at = (at + 2) % past.max(1);
        }
        self.next_octet = 0;
    }

    fn add_to_ring(&mut self, pcm: &[i16]) {
        let past = self.ring.len();
        let pcm = pcm.get(pcm.len().saturating_sub(past)..).unwrap_or_default();
        let before_end = pcm.len().min(past - self.oldest);
        let (first, second) = pcm.split_at_checked(before_end).unwrap_or((pcm, &[]));
        if let Some(to) = self.ring.get_mut(self.oldest..self.oldest + first.len()) {
            to.copy_from_slice(first);
        }
        if let Some(to) = self.ring.get_mut(..second.len()) {
            to.copy_from_slice(second);
        }
        self.oldest += pcm.len();
        if self.oldest >= past {
            self.oldest -= past;
        }
    }

    const fn past(&self) -> usize {
        self.ring.len()
    }

    /// Makes room for `len` samples yet to be played, as far as there may be so many. A stream's first packets of their length
    /// come here, and bursts: what has become room stays so.
    fn reserve(&mut self, len: usize) {
        let room = self.samples.len() - self.past();
        if len > room && room < self.most {
            self.grow(len.max(2 * room).min(self.most));
        }
    }

    #[cold]
    fn grow(&mut self, room: usize) {
        let len = self.past() + room;
        self.samples.reserve_exact(len.saturating_sub(self.samples.len()));
        self.samples.resize(len, 0);
    }

    /// Copies the past to the front of the part yet to be played; returns its length.
    fn lay_out_past(&mut self) -> usize {
        self.decode_waiting();
        self.move_to_front();
        let past = self.past();
        let (newer, older) = self.ring.split_at(self.oldest);
        let (copy, _) = self.samples.split_at_mut(past);
        let (first, second) = copy.split_at_mut(older.len());
        first.copy_from_slice(older);
        second.copy_from_slice(newer);
        past
    }

    /// The part yet to be played goes right behind the past: of all places, the one that is still in the cache.
    fn move_to_front(&mut self) {
        if self.read > 0 {
            let past = self.past();
            self.samples.copy_within(past + self.read..past + self.end, past);
            (self.read, self.end) = (0, self.end - self.read);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(from: i16, len: i16) -> Vec<i16> {
        (from..from + len).collect()
    }

    #[test]
    fn past_is_in_order_whichever_way_it_was_played() {
        let mut buffer = PlayoutBuffer::new(50, 100);
        let (mut next, mut played) = (1, vec![0; 50]);
        for len in [7, 20, 33, 50, 80, 3, 60, 1, 49] {
            let pcm = numbered(next, len);
            next += len;
            let mut out = vec![0; pcm.len()];
            if len % 2 == 0 {
                buffer.remember(&pcm);
            } else {
                buffer.room(pcm.len()).copy_from_slice(&pcm);
                buffer.commit(pcm.len(), Kind::Speech);
                buffer.play(&mut out, &mut [0; Kind::COUNT]);
                assert_eq!(out, pcm);
            }
            played.extend(pcm);
            assert_eq!(buffer.recent(50), &played[played.len() - 50..]);
            assert_eq!(buffer.recent(9), &played[played.len() - 9..]);
        }
        buffer.room(10).copy_from_slice(&numbered(500, 10));
        buffer.commit(10, Kind::Concealed);
        buffer.play(&mut [0; 4], &mut [0; Kind::COUNT]);
        let (all, from) = buffer.with_room(5).unwrap();
        assert_eq!((from, all.len()), (50, 61));
        assert_eq!(all[46..56], [500, 501, 502, 503, 504, 505, 506, 507, 508, 509]);
        let (past, room) = buffer.split(50);
        assert_eq!(past[40..], numbered(500, 10));
        assert!(room.len() >= 5);
    }

    /// Octets and samples in turn, of both laws, in pieces of all lengths, against a list of samples.
    #[test]
    fn octets_are_the_samples_that_they_stand_for() {
        let mut buffer = PlayoutBuffer::new(50, 100);
        let (mut played, mut random) = (vec![0; 50], 1_u32);
        for n in 0..2000_i16 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (choice, len) = (random >> 24 & 7, i16::try_from(random >> 16 & 63).unwrap());
            let law = if random >> 28 < 3 { Law::A } else { Law::Mu };
            if choice < 5 {
                let octets: Vec<u8> = (0..len).map(|at| (at * 37 + n).to_le_bytes()[0]).collect();
                buffer.remember_octets(law, &octets);
                played.extend(octets.iter().map(|octet| decode(law, *octet)));
            } else {
                let pcm = numbered(n, len);
                buffer.remember(&pcm);
                played.extend(pcm);
            }
            if choice % 3 == 0 {
                assert_eq!(buffer.played_last(), &played[played.len() - 50..], "{n}");
            }
        }
    }

    #[test]
    fn room_grows_to_its_bound_and_what_waits_stays() {
        let mut buffer = PlayoutBuffer::new(50, 400);
        let mut waits = Vec::new();
        for len in [40, 40, 100, 300] {
            let pcm = numbered(i16::try_from(waits.len()).unwrap(), len);
            let room = buffer.room(pcm.len());
            let fits = room.len().min(pcm.len());
            room[..fits].copy_from_slice(&pcm[..fits]);
            buffer.commit(fits, Kind::Speech);
            waits.extend(&pcm[..fits]);
        }
        assert_eq!(waits.len(), 400, "as much as there may be");
        let mut out = vec![0; 400];
        assert_eq!(buffer.play(&mut out, &mut [0; Kind::COUNT]), 400);
        assert_eq!(out, waits);
    }

    #[test]
    fn runs_follow_what_is_played_and_resized() {
        let mut buffer = PlayoutBuffer::new(10, 200);
        for (len, kind) in [(20, Kind::Speech), (30, Kind::Concealed), (10, Kind::Speech)] {
            buffer.room(len);
            buffer.commit(len, kind);
        }
        assert!(buffer.is_all(&[Kind::Speech, Kind::Concealed]) && !buffer.is_all(&[Kind::Speech]));
        buffer.resized(55);
        let mut counts = [0; Kind::COUNT];
        assert_eq!(buffer.play(&mut [0; 40], &mut counts), 40);
        assert_eq!(counts, [15, 0, 25, 0]);
        assert_eq!(buffer.play(&mut [9; 40], &mut counts), 15);
        assert_eq!((counts, buffer.ahead()), ([25, 0, 30, 0], 0));
        assert!(!buffer.is_all(&[Kind::Speech]));
    }
}
