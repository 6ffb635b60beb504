//! One listener's way through a playlist: samples or payloads, frame by frame. Allocates when it is made and prepared,
//! not when it plays; told the time.

mod envelope;
mod state;

use std::sync::Arc;
use std::time::Duration;

use mediapoint_codec::{Codec, Parameters};

use crate::decode::duration;
use crate::error::PromptError;
use crate::playlist::Playlist;
use crate::timeline::{Timeline, samples_in};

use envelope::{Envelope, Span};
pub use state::PlaybackState;

/// The grid that shared positions stand on.
const SHARED_FRAME: Duration = Duration::from_millis(20);

/// What a read gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filled {
    /// Samples of the playlist, from the front; the rest is silence.
    pub samples: usize,
    /// Nothing is left.
    pub finished: bool,
}

/// Why a playback ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Ended {
    /// All of it was played.
    Finished,
    /// It was stopped.
    Stopped,
}

/// Where a playback is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The item that is played, from 0; at the end, the last one.
    pub item: usize,
    /// Where in the item's prompt, counted from the prompt's beginning.
    pub offset: Duration,
    /// How much was played in all, pauses of the playlist included, other ones not.
    pub played: Duration,
}

/// A codec that a playback was prepared for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CodecKey(usize);

/// Which of a playlist's frames a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FramePlace {
    segment: usize,
    number: usize,
}

impl FramePlace {
    /// True where one encoder made this frame right behind the other.
    #[must_use]
    pub const fn follows(self, other: Self) -> bool {
        self.segment == other.segment && self.number == other.number + 1
    }
}

/// One position for all listeners: what is played follows from the time alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedClock {
    /// When the playlist began, on the clock of [`Playback::follow`].
    pub epoch: Duration,
}

/// A playlist that is being played.
#[derive(Debug)]
pub struct Playback {
    timeline: Timeline,
    names: Box<[Box<str>]>,
    /// Samples of a frame, by codec.
    frames: Vec<u64>,
    shared: Option<SharedClock>,
    /// Samples from the beginning of the first cycle.
    position: u64,
    played: u64,
    paused: bool,
    envelope: Envelope,
    ended: Option<Ended>,
}

impl Playback {
    /// Begins at the playlist's start. Samples are made at `rate`, in hertz, where they are not made: not for a worker.
    ///
    /// # Errors
    /// [`PromptError`] where there is no conversion to the rate, or no memory left for prompts.
    pub fn new(playlist: &Playlist, rate: u32) -> Result<Self, PromptError> {
        let timeline = Timeline::new(playlist, rate)?;
        let names = playlist.items.iter().map(|item| item.prompt.name().into()).collect();
        let (fade_in, fade_out) = (samples_in(playlist.fade_in, rate), samples_in(playlist.fade_out, rate));
        let mut playback = Self {
            position: timeline.start,
            timeline,
            names,
            frames: Vec::new(),
            shared: None,
            played: 0,
            paused: false,
            envelope: Envelope::new(playlist.volume_db, fade_in, fade_out, rate),
            ended: None,
        };
        playback.check_end();
        Ok(playback)
    }

    /// The same with one position for all listeners: [`follow`](Self::follow) says where it is. Its repetitions, start and
    /// fades at the ends are left out: it plays for as long as anybody listens. Items are aligned ([`Playlist::align`]), so
    /// that all frames are encoded before.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn shared(playlist: &Playlist, rate: u32, clock: SharedClock) -> Result<Self, PromptError> {
        let endless = Playlist {
            repeat: crate::playlist::Repeat::FOREVER,
            start: Duration::ZERO,
            fade_in: Duration::ZERO,
            fade_out: Duration::ZERO,
            align: true,
            ..playlist.clone()
        };
        let mut playback = Self::new(&endless, rate)?;
        playback.shared = Some(clock);
        Ok(playback)
    }

    /// Makes the frames of a codec where they are not made: not for a worker. The key is for [`payload`](Self::payload).
    ///
    /// # Errors
    /// [`PromptError`] where there is no such encoder or packet, or no memory left for prompts.
    pub fn prepare(
        &mut self,
        codec: &Codec,
        party: &Parameters,
        packet_ms: u32,
    ) -> Result<CodecKey, PromptError> {
        let key = self.frames.len();
        for stretch in self.timeline.segments.iter_mut().filter_map(|segment| segment.audio.as_mut()) {
            // One that failed half-way leaves no frames behind that other keys would find.
            stretch.encoded.truncate(key);
            stretch.encoded.push(stretch.prompt.encoded(codec, party, packet_ms)?);
        }
        self.frames.push(u64::from(self.timeline.rate) * u64::from(packet_ms) / 1000);
        Ok(CodecKey(key))
    }

    /// Samples a second.
    #[must_use]
    pub const fn rate(&self) -> u32 {
        self.timeline.rate
    }

    /// Goes to the shared position of the time `now`, on a grid of 20 ms; nothing without a shared clock. To be called
    /// before each read or payload, 20 ms of which follow one another without a jump where `now` is at most a frame early
    /// or late.
    pub fn follow(&mut self, now: Duration) {
        let Some(SharedClock { epoch }) = self.shared else { return };
        let frames = now.saturating_sub(epoch).as_nanos() / SHARED_FRAME.as_nanos();
        let frame = samples_in(SHARED_FRAME, self.timeline.rate);
        let target = u64::try_from(frames).unwrap_or(u64::MAX).saturating_mul(frame);
        if self.played == 0
            || self.position.abs_diff(target) > frame
            || !self.position.is_multiple_of(frame.max(1))
        {
            self.position = target;
        }
    }

    /// Fills `out`: samples of the playlist without a gap between its items, and silence where it is paused or ended.
    pub fn read(&mut self, out: &mut [i16]) -> Filled {
        let mut written = 0;
        while let Some(rest) = out.get_mut(written..).filter(|rest| !rest.is_empty()) {
            if self.paused || self.ended.is_some() {
                break;
            }
            let Some((index, offset)) = self.timeline.at(self.position) else { break };
            let Some(segment) = self.timeline.segments.get(index) else { break };
            let left = (segment.len - offset).min(self.left());
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
            let (part, _) = rest.split_at_mut(count);
            match &segment.audio {
                Some(stretch) => {
                    let from = usize::try_from(stretch.from + offset).unwrap_or(usize::MAX);
                    let samples = stretch.samples.get(from..).unwrap_or_default();
                    part.iter_mut().zip(samples).for_each(|(to, sample)| *to = *sample);
                }
                None => part.fill(0),
            }
            self.envelope.shape(part, self.span());
            self.advance(count as u64);
            written += count;
        }
        out.get_mut(written..).unwrap_or_default().fill(0);
        Filled { samples: written, finished: self.ended.is_some() }
    }

    /// The next packet's payload, encoded before, and goes on by its time; `None`, and goes nowhere, where there is none:
    /// between frames of the prompt, over the join of two items, in silence, and wherever the volume is not 0 dB. There
    /// [`read`](Self::read) gives the samples to encode.
    pub fn payload(&mut self, key: CodecKey) -> Option<&[u8]> {
        let frame = *self.frames.get(key.0)?;
        let (index, number) = self.frame_at(key)?;
        let step = frame.min(self.timeline.left(self.position));
        self.advance(step);
        self.timeline.segments.get(index)?.audio.as_ref()?.encoded.get(key.0)?.frame(number)
    }

    /// What [`payload`](Self::payload) would give, without going on: the payload of the samples that [`read`](Self::read)
    /// gives next, and which one it is.
    #[must_use]
    pub fn peek_payload(&self, key: CodecKey) -> Option<(FramePlace, &[u8])> {
        let (index, number) = self.frame_at(key)?;
        let payload = self.timeline.segments.get(index)?.audio.as_ref()?.encoded.get(key.0)?.frame(number)?;
        Some((FramePlace { segment: index, number }, payload))
    }

    /// Segment and number of the frame at the position.
    fn frame_at(&self, key: CodecKey) -> Option<(usize, usize)> {
        let frame = *self.frames.get(key.0)?;
        if self.paused || self.ended.is_some() || !self.envelope.is_flat(self.span(), frame) {
            return None;
        }
        let (index, offset) = self.timeline.at(self.position)?;
        let segment = self.timeline.segments.get(index)?;
        let stretch = segment.audio.as_ref()?;
        let from = stretch.from + offset;
        if !from.is_multiple_of(frame) {
            return None;
        }
        let left = (segment.len - offset).min(self.timeline.left(self.position));
        // A frame that the prompt's end fills up with silence will do where nothing but silence comes next.
        let is_tail = left < frame
            && from + left == stretch.samples.len() as u64
            && self.silence_behind(index, left) >= frame - left;
        if left < frame && !is_tail {
            return None;
        }
        let number = usize::try_from(from / frame).ok()?;
        // Shorter only where the encoder's rate made one frame less of it.
        stretch.encoded.get(key.0)?.frame(number)?;
        Some((index, number))
    }

    /// Samples of silence behind a segment of which `left` are still to come.
    fn silence_behind(&self, index: usize, left: u64) -> u64 {
        if self.timeline.left(self.position) <= left {
            return u64::MAX;
        }
        let next = self.timeline.segments.get(index + 1).or_else(|| self.timeline.segments.first());
        next.filter(|segment| segment.audio.is_none()).map_or(0, |segment| segment.len)
    }

    /// Where it is.
    #[must_use]
    pub fn position(&self) -> Position {
        let rate = self.timeline.rate;
        let played = duration(self.played, rate);
        // The end is that of the last sample played, not the beginning of what would come next.
        let at_end = self.timeline.left(self.position) == 0 && self.position > 0;
        let place = self.timeline.at(self.position - u64::from(at_end));
        let Some((segment, mut offset)) =
            place.and_then(|(index, offset)| Some((self.timeline.segments.get(index)?, offset)))
        else {
            return Position { item: 0, offset: Duration::ZERO, played };
        };
        offset += u64::from(at_end);
        let samples = match &segment.audio {
            Some(stretch) => stretch.from + offset,
            None => self.end_of(segment.item),
        };
        Position { item: segment.item, offset: duration(samples, rate), played }
    }

    /// The prompt's sample that an item ends at.
    fn end_of(&self, item: usize) -> u64 {
        let mut stretches = self.timeline.segments.iter().filter(|segment| segment.item == item);
        let audio = stretches.find_map(|segment| Some((segment.audio.as_ref()?.from, segment.len)));
        audio.map_or(0, |(from, len)| from + len)
    }

    /// How long it plays from where it is; `None` without end.
    #[must_use]
    pub fn left_to_play(&self) -> Option<Duration> {
        if self.ended.is_some() {
            return Some(Duration::ZERO);
        }
        let left = self.left();
        (left < u64::MAX).then(|| duration(left, self.timeline.rate))
    }

    /// Whether it has ended, and why.
    #[must_use]
    pub const fn ended(&self) -> Option<Ended> {
        self.ended
    }

    /// True between [`pause`](Self::pause) and [`resume`](Self::resume).
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.paused
    }

    /// Sets the volume in decibels, -90 to 24, within 20 ms.
    pub fn set_volume(&mut self, decibels: f32) {
        self.envelope.set_volume(decibels, self.played);
    }

    /// Stays where it is, and is silent.
    pub const fn pause(&mut self) {
        self.paused = true;
    }

    /// Goes on from there.
    pub const fn resume(&mut self) {
        self.paused = false;
    }

    /// Ends it, after a fall of the volume over `fade`; at once where that is zero or it is paused. Position stays.
    pub fn stop(&mut self, fade: Duration) {
        if self.ended.is_some() {
            return;
        }
        let fade = samples_in(fade, self.timeline.rate);
        if fade == 0 || self.paused {
            self.ended = Some(Ended::Stopped);
        } else {
            self.envelope.stop(self.played, fade);
        }
    }

    /// Samples until the end, by the playlist or by a stop.
    fn left(&self) -> u64 {
        self.timeline.left(self.position).min(self.envelope.left(self.played))
    }

    const fn span(&self) -> Span {
        let end = match self.timeline.end {
            Some(end) => Some(end.saturating_sub(self.position)),
            None => None,
        };
        Span { played: self.played, left: end }
    }

    const fn advance(&mut self, samples: u64) {
        self.position = self.position.saturating_add(samples);
        self.played = self.played.saturating_add(samples);
        self.check_end();
    }

    const fn check_end(&mut self) {
        if self.ended.is_some() {
            return;
        }
        if self.envelope.left(self.played) == 0 {
            self.ended = Some(Ended::Stopped);
        } else if self.timeline.left(self.position) == 0 {
            self.ended = Some(Ended::Finished);
        }
    }

    /// Names of the items' prompts.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }
}

const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Playback>();
    is_send::<Arc<crate::Prompt>>();
};
