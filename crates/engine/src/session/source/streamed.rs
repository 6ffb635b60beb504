//! A player whose audio another thread brings, such as a recording that is decrypted and decoded off the worker: blocks of
//! 10 ms in a bounded ring, each with its place. A jump makes all blocks before it obsolete; they are dropped unheard.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use mediapoint_prompt::Position;

use crate::api::id::LegId;
use crate::api::source::{PlayerChange, PlayerEnd, StreamedSpec};
use crate::ring::{Consumer, WakeHandle};
use crate::session::frame::{FrameKind, samples};
use crate::session::leg::crossfade::Crossfade;
use crate::session::source::barge_in::SpeechListener;

/// Milliseconds of a block.
pub const BLOCK_MILLIS: u32 = 10;

/// 10 ms of audio in a ring, at the player's rate.
#[derive(Debug, Clone)]
pub struct PlayerBlock {
    /// The samples.
    pub pcm: Box<[i16]>,
    /// The place behind them in what is played.
    pub until: Duration,
    /// Jumps before it.
    pub jumps: u64,
}

impl PlayerBlock {
    /// A silent block at `rate` hertz.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        Self { pcm: vec![0; samples(rate, BLOCK_MILLIS)].into_boxed_slice(), until: Duration::ZERO, jumps: 0 }
    }
}

/// What both ends of the ring see.
#[derive(Debug)]
pub struct Shared {
    jumps: AtomicU64,
    /// Where the last jump went, in microseconds.
    place: AtomicU64,
    /// How it ended, once the ring is closed.
    end: AtomicU8,
    /// Nothing more is played.
    over: AtomicBool,
}

const FAILED: u8 = 0;
const FINISHED: u8 = 1;

impl Shared {
    /// Of a player that begins at a place. Where its writer goes without a word, it has failed.
    #[must_use]
    pub fn new(place: Duration) -> Self {
        Self {
            jumps: AtomicU64::new(0),
            place: AtomicU64::new(micros(place)),
            end: AtomicU8::new(FAILED),
            over: AtomicBool::new(false),
        }
    }

    /// What was written before is obsolete: it goes on at this place. Returns the jumps so far.
    pub fn jump(&self, place: Duration) -> u64 {
        self.place.store(micros(place), Ordering::Relaxed);
        self.jumps.fetch_add(1, Ordering::Release) + 1
    }

    /// True where nothing more is played, whatever is written.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// All was written.
    pub fn finish(&self) {
        self.end.store(FINISHED, Ordering::Release);
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A fall of the volume to the end.
#[derive(Debug, Clone, Copy)]
struct Fall {
    left: u32,
    blocks: u32,
}

/// What a streamed player plays.
pub(super) struct Streamed {
    consumer: Consumer<PlayerBlock>,
    shared: Arc<Shared>,
    /// The leg whose party ends it by a key.
    barge_in: Option<LegId>,
    pub(super) speech: Option<Box<SpeechListener>>,
    paused: bool,
    /// Amplitude, and that of the block before.
    gain: f32,
    gain_before: f32,
    fall: Option<Fall>,
    /// How a command or the party ends it.
    ending: PlayerEnd,
    ended: Option<PlayerEnd>,
    /// Jumps before the last block, and the place behind that; `None` before the first.
    at: Option<(u64, Duration)>,
    played: Duration,
    sounds: bool,
    crossfade: Crossfade,
}

impl Streamed {
    pub(super) fn new(spec: &StreamedSpec, consumer: Consumer<PlayerBlock>, shared: Arc<Shared>) -> Self {
        Self {
            consumer,
            shared,
            barge_in: spec.barge_in,
            speech: spec.speech_barge_in.map(|speech| Box::new(SpeechListener::new(speech))),
            paused: false,
            gain: 1.0,
            gain_before: 1.0,
            fall: None,
            ending: PlayerEnd::Stopped,
            ended: None,
            at: None,
            played: Duration::ZERO,
            sounds: false,
            crossfade: Crossfade::new(spec.rate),
        }
    }

    /// Fills a tick, in pieces of a block.
    pub(super) fn fill(&mut self, rate: u32, pcm: &mut [i16]) -> FrameKind {
        let mut kind = FrameKind::Nothing;
        for piece in pcm.chunks_mut(samples(rate, BLOCK_MILLIS).max(1)) {
            if self.fill_block(piece) {
                kind = FrameKind::Audio;
            }
        }
        kind
    }

    /// Fills 10 ms; true where there is sound in it.
    fn fill_block(&mut self, piece: &mut [i16]) -> bool {
        let took = if self.paused || self.ended.is_some() { None } else { self.take(piece) };
        if let Some(jumped) = took {
            self.played += Duration::from_millis(u64::from(BLOCK_MILLIS));
            self.amplify(piece);
            if jumped || !self.sounds {
                self.crossfade.start();
            }
        } else {
            piece.fill(0);
            if self.sounds {
                self.crossfade.start();
            }
        }
        let sounds = took.is_some() || self.sounds;
        self.sounds = took.is_some();
        self.crossfade.apply(piece);
        sounds
    }

    /// Takes the next block that is not obsolete, and says whether it follows a jump. `None` where there is none, or the end.
    fn take(&mut self, piece: &mut [i16]) -> Option<bool> {
        // Before the ring is looked into: what was written before it was closed can be seen then.
        let is_closed = self.consumer.is_closed();
        let jumps = self.shared.jumps.load(Ordering::Acquire);
        for _ in 0..=self.consumer.capacity() {
            let popped = self.consumer.pop_with(|block| {
                let is_current = block.jumps >= jumps;
                if is_current {
                    piece.iter_mut().zip(&block.pcm).for_each(|(to, from)| *to = *from);
                }
                is_current.then_some((block.jumps, block.until))
            });
            match popped {
                Some(Some(at)) => {
                    let before = self.at.replace(at);
                    return Some(before.is_some_and(|before| before.0 != at.0));
                }
                Some(None) => {}
                None => break,
            }
        }
        if is_closed {
            let end = self.shared.end.load(Ordering::Acquire);
            self.over(if end == FINISHED { PlayerEnd::Finished } else { PlayerEnd::Failed });
        }
        None
    }

    /// Applies the volume, which changes along the block, and a fall to the end.
    fn amplify(&mut self, piece: &mut [i16]) {
        let mut gain = self.gain;
        if let Some(Fall { left, blocks }) = self.fall {
            let left = left.saturating_sub(1);
            self.fall = Some(Fall { left, blocks });
            gain *= ratio(left, blocks);
            if left == 0 {
                self.over(self.ending);
            }
        }
        let from = std::mem::replace(&mut self.gain_before, gain);
        #[expect(clippy::float_cmp, reason = "gains as they were set")]
        if from == 1.0 && gain == 1.0 {
            return;
        }
        let len = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        for (n, sample) in (1_u32..).zip(piece) {
            *sample = scaled(*sample, (gain - from).mul_add(ratio(n, len), from));
        }
    }

    pub(super) const fn ended(&self) -> Option<PlayerEnd> {
        self.ended
    }

    pub(super) fn position(&self) -> Position {
        let jumps = self.shared.jumps.load(Ordering::Acquire);
        let offset = match self.at {
            Some((before, until)) if before >= jumps => until,
            _ => Duration::from_micros(self.shared.place.load(Ordering::Relaxed)),
        };
        Position { item: 0, offset, played: self.played }
    }

    pub(super) fn change(&mut self, change: PlayerChange, heard: bool) {
        match change {
            PlayerChange::Pause => self.paused = true,
            PlayerChange::Resume => self.paused = false,
            PlayerChange::Volume(decibels) => self.gain = 10_f32.powf(decibels / 20.0),
            PlayerChange::Stop(fade) => self.end(PlayerEnd::Stopped, fade, heard),
        }
    }

    /// The leg whose party ends it by a key.
    pub(super) const fn ended_by_key_of(&self) -> Option<LegId> {
        self.barge_in
    }

    /// True until it has ended, or is about to.
    pub(super) const fn goes_on(&self) -> bool {
        self.ended.is_none() && self.fall.is_none()
    }

    /// Ends it within so much time, unless it is ending.
    pub(super) fn end(&mut self, end: PlayerEnd, fade: Duration, heard: bool) {
        if !self.goes_on() {
            return;
        }
        let blocks = u32::try_from(fade.as_millis() / u128::from(BLOCK_MILLIS)).unwrap_or(u32::MAX);
        // Where nothing is heard, nothing falls.
        if blocks == 0 || self.paused || !heard {
            self.over(end);
        } else {
            (self.ending, self.fall) = (end, Some(Fall { left: blocks, blocks }));
        }
    }

    fn over(&mut self, end: PlayerEnd) {
        self.ended = Some(end);
        self.shared.over.store(true, Ordering::Release);
    }

    /// Whom to wake because there is room in the ring.
    pub(super) fn take_wake(&mut self) -> Option<WakeHandle> {
        self.consumer.take_wake()
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of some hundred")]
fn ratio(part: u32, whole: u32) -> f32 {
    part as f32 / whole.max(1) as f32
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to 16 bits")]
fn scaled(sample: i16, gain: f32) -> i16 {
    (f32::from(sample) * gain).round().clamp(-32_768.0, 32_767.0) as i16
}
