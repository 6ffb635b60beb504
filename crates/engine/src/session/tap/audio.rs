//! A tap on the audio of a leg: what the party sends, what it is sent, or both in one time line, into a ring.

use std::time::Duration;

use mediapoint_packet::Time;

use crate::api::id::{LegId, TapId};
use crate::api::stats::TapStatistics;
use crate::api::tap::{AudioTapSpec, Beep, TapSide, TapState};
use crate::ring::{Producer, WakeHandle};
use crate::session::frame::{Frame, FrameKind, MAX_TICK_MILLIS, level, samples};

/// One direction of a tapped frame.
#[derive(Debug, Clone)]
pub struct TapChannel {
    /// What it holds.
    pub kind: FrameKind,
    /// Level in dBov without its sign, 0 to 127.
    pub level: u8,
    pcm: Box<[i16]>,
    len: usize,
}

impl TapChannel {
    fn new(rate: u32) -> Self {
        let pcm = vec![0; samples(rate, MAX_TICK_MILLIS) + 1].into_boxed_slice();
        Self { kind: FrameKind::Nothing, level: 127, pcm, len: 0 }
    }

    /// The samples; silence where nothing was sent.
    #[must_use]
    pub fn pcm(&self) -> &[i16] {
        self.pcm.get(..self.len).unwrap_or_default()
    }

    fn write(&mut self, len: usize, frame: Option<(FrameKind, u8, &[i16])>) {
        let (kind, level, pcm) = frame.unwrap_or((FrameKind::Nothing, 127, &[]));
        self.len = len.min(self.pcm.len());
        (self.kind, self.level) = (kind, level);
        let out = self.pcm.get_mut(..self.len).unwrap_or_default();
        let kept = pcm.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..kept), pcm.get(..kept)) {
            to.copy_from_slice(from);
        }
        out.iter_mut().skip(kept).for_each(|sample| *sample = 0);
    }

    /// Adds a signal to what was written.
    fn add(&mut self, pcm: &[i16]) {
        let out = self.pcm.get_mut(..self.len).unwrap_or_default();
        out.iter_mut().zip(pcm).for_each(|(sum, sample)| *sum = sum.saturating_add(*sample));
        self.kind = FrameKind::Audio;
        self.level = level(self.pcm());
    }
}

/// A tick of a tapped leg. Both channels have the same number of samples: none in a mark, which says where in the time line
/// the tap was paused, went on, or ended.
#[derive(Debug, Clone)]
pub struct TapFrame {
    /// Number of its first sample, counted from when the tap was added: where ticks are missing, because nothing came or the
    /// reader was too slow, it steps.
    pub position: u64,
    /// Samples just before it that were dropped because the reader was too slow. What else is missing before it never was.
    pub dropped: u64,
    /// Whether it holds the audio, or silence that was asked for.
    pub state: TapState,
    /// The parties are told that they are recorded: by a beep that stands in `sent`, or by an announcement.
    pub announced: bool,
    /// What the party sent; silence where the tap leaves it out.
    pub received: TapChannel,
    /// What the party was sent; silence where the tap leaves it out.
    pub sent: TapChannel,
}

impl TapFrame {
    /// An empty frame for audio at `rate` hertz.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        Self {
            position: 0,
            dropped: 0,
            state: TapState::Open,
            announced: false,
            received: TapChannel::new(rate),
            sent: TapChannel::new(rate),
        }
    }
}

/// A tick, as taps write it.
#[derive(Debug, Clone, Copy)]
pub struct TapTick {
    /// When it is due.
    pub at: Time,
    /// Its length in milliseconds.
    pub millis: u32,
    /// A leg of the call has secure input.
    pub secure: bool,
    /// An announcement of the recording is played.
    pub announced: bool,
}

/// When a tap's next beep is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NextBeep {
    AtOnce,
    At(Time),
    Never,
}

/// A tap on audio.
pub struct AudioTap {
    /// Its name.
    pub id: TapId,
    /// The leg.
    pub leg: LegId,
    /// Which of its directions.
    pub side: TapSide,
    /// Sample rate in hertz.
    pub rate: u32,
    producer: Producer<TapFrame>,
    paused: bool,
    mask_secure_input: bool,
    beep: Option<Beep>,
    next_beep: NextBeep,
    /// Time of the first sample.
    began: Option<Time>,
    next: u64,
    /// Samples dropped since the last frame that was written.
    dropped: u64,
    statistics: TapStatistics,
}

impl AudioTap {
    /// A tap that writes to a ring of frames at the spec's rate.
    pub fn new(id: TapId, spec: &AudioTapSpec, producer: Producer<TapFrame>) -> Self {
        Self {
            id,
            leg: spec.leg,
            side: spec.side,
            rate: spec.rate,
            producer,
            paused: false,
            mask_secure_input: spec.mask_secure_input,
            beep: spec.beep,
            next_beep: NextBeep::AtOnce,
            began: None,
            next: 0,
            dropped: 0,
            statistics: TapStatistics::default(),
        }
    }

    /// True where nobody reads it any more.
    pub fn is_unread(&self) -> bool {
        self.producer.is_closed()
    }

    /// Its figures.
    pub const fn statistics(&self) -> TapStatistics {
        self.statistics
    }

    /// The time line begins.
    pub fn begin(&mut self, now: Time) {
        self.began.get_or_insert(now);
    }

    /// Puts silence in place of the audio, or ends that, which a beep tells.
    pub const fn pause(&mut self, paused: bool) {
        self.paused = paused;
        self.next_beep = NextBeep::AtOnce;
    }

    /// The beep that is due at `at`; none while silence stands for the audio.
    pub fn beep_due(&self, at: Time, secure: bool) -> Option<Beep> {
        let due = match self.next_beep {
            NextBeep::AtOnce => true,
            NextBeep::At(next) => next <= at,
            NextBeep::Never => false,
        };
        self.beep.filter(|_| due && self.state(secure) == TapState::Open)
    }

    /// Counts the interval of beeps from `at`.
    pub fn note_beep(&mut self, at: Time) {
        let every = self.beep.and_then(|beep| beep.every);
        self.next_beep = every.map_or(NextBeep::Never, |every| NextBeep::At(at + every));
    }

    /// What stands in its next frame; `secure` where a leg of the call has secure input.
    pub const fn state(&self, secure: bool) -> TapState {
        match (self.paused, secure && self.mask_secure_input) {
            (true, _) => TapState::Paused,
            (_, true) => TapState::Masked,
            _ => TapState::Open,
        }
    }

    /// Writes a frame without samples at the present position, and returns whom to wake.
    pub fn mark(&mut self, now: Time, secure: bool) -> Option<WakeHandle> {
        let state = self.state(secure);
        self.write_frame(now, (0, state, false), [None, None, None])
    }

    /// Writes a tick, with `beep` over what the party is sent, and returns whom to wake.
    pub fn write(
        &mut self,
        tick: TapTick,
        received: Option<&mut Frame>,
        sent: Option<&mut Frame>,
        beep: Option<&mut Frame>,
    ) -> Option<WakeHandle> {
        let len = samples(self.rate, tick.millis);
        match self.state(tick.secure) {
            TapState::Open => {
                let announced = tick.announced || beep.is_some();
                self.write_frame(tick.at, (len, TapState::Open, announced), [received, sent, beep])
            }
            state => self.write_frame(tick.at, (len, state, false), [None, None, None]),
        }
    }

    fn write_frame(
        &mut self,
        at: Time,
        (len, state, announced): (usize, TapState, bool),
        [received, sent, beep]: [Option<&mut Frame>; 3],
    ) -> Option<WakeHandle> {
        let began = *self.began.get_or_insert(at);
        let position = position(at.since(began), self.rate, self.next);
        self.next = position + len as u64;
        let (rate, dropped) = (self.rate, self.dropped);
        let written = self.producer.push_with(|slot| {
            (slot.position, slot.dropped, slot.state) = (position, dropped, state);
            slot.announced = announced;
            let read = |frame: &mut Frame| (frame.kind(), frame.level());
            for (channel, frame) in [(&mut slot.received, received), (&mut slot.sent, sent)] {
                match frame {
                    Some(frame) => {
                        let (kind, level) = read(frame);
                        channel.write(len, Some((kind, level, frame.at(rate))));
                    }
                    None => channel.write(len, None),
                }
            }
            if let Some(beep) = beep {
                slot.sent.add(beep.at(rate));
            }
        });
        if written {
            self.statistics.frames += u64::from(len > 0);
            self.dropped = 0;
        } else {
            self.dropped += len as u64;
            self.statistics.dropped += 1;
        }
        self.producer.take_wake()
    }
}

/// Samples passed, in steps of 10 ms; never less than `next`.
fn position(passed: Duration, rate: u32, next: u64) -> u64 {
    let tens = u64::try_from((passed.as_micros() + 5000) / 10_000).unwrap_or(0);
    next.max(tens * u64::from(rate / 100))
}
