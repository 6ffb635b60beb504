//! The outer ends of streams and audio taps.

use std::task::{Context, Poll};
use std::time::Duration;

use mediapoint_codec::resample::RATES;

use crate::api::error::CommandError;
use crate::ring::{Consumer, Producer, Readiness};
use crate::session::frame::samples;
use crate::session::source::stream::{BLOCK_MILLIS, StreamBlock};
use crate::session::tap::audio::TapFrame;

/// Refuses a sample rate that audio cannot be had at.
pub(crate) fn check_rate(rate: u32) -> Result<(), CommandError> {
    if RATES.contains(&rate) { Ok(()) } else { Err(CommandError::OutOfRange { what: "the sample rate" }) }
}

/// Slots of `millis` milliseconds for `capacity`, 40 ms to `most` seconds.
pub(crate) fn slots(capacity: Duration, millis: u32, most: u64) -> Result<usize, CommandError> {
    if !(Duration::from_millis(40)..=Duration::from_secs(most)).contains(&capacity) {
        return Err(CommandError::OutOfRange { what: "the capacity" });
    }
    let slots = capacity.as_millis().div_ceil(u128::from(millis.max(1)));
    usize::try_from(slots).map_err(|_| CommandError::OutOfRange { what: "the capacity" })
}

/// The writing end of a stream into a call. Dropping it ends the stream, after what was written is played.
#[derive(Debug)]
pub struct StreamWriter {
    producer: Producer<StreamBlock>,
    rate: u32,
    /// Samples of a block that is not full yet.
    rest: Vec<i16>,
}

impl StreamWriter {
    pub(crate) fn new(producer: Producer<StreamBlock>, rate: u32) -> Self {
        Self { producer, rate, rest: Vec::with_capacity(samples(rate, BLOCK_MILLIS)) }
    }

    /// Sample rate in hertz.
    #[must_use]
    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// Writes samples, and returns how many were taken: all, or as many as there is room for. They are played in blocks of
    /// 10 ms; what does not fill one waits for the next call.
    pub fn write(&mut self, pcm: &[i16]) -> usize {
        let block = samples(self.rate, BLOCK_MILLIS).max(1);
        let mut taken = 0;
        while let Some(left) = pcm.get(taken..).filter(|left| !left.is_empty()) {
            let part = left.get(..left.len().min(block - self.rest.len())).unwrap_or_default();
            if self.rest.len() + part.len() < block {
                self.rest.extend_from_slice(part);
                return taken + part.len();
            }
            let rest = &mut self.rest;
            let pushed = self.producer.push_with(|slot| {
                let samples = rest.iter().chain(part);
                slot.pcm.iter_mut().zip(samples).for_each(|(to, from)| *to = *from);
            });
            if !pushed {
                return taken;
            }
            self.rest.clear();
            taken += part.len();
        }
        taken
    }

    /// Milliseconds of audio that wait to be played.
    #[must_use]
    pub fn waiting_millis(&self) -> u64 {
        self.producer.len() as u64 * u64::from(BLOCK_MILLIS)
    }

    /// True where the call has ended or the stream was removed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.producer.is_closed()
    }

    /// Waits until there is room for `millis` milliseconds; `None` where `timeout` has passed.
    pub fn wait(&mut self, millis: u32, timeout: Option<Duration>) -> Option<Readiness> {
        self.producer.wait(blocks(millis), timeout)
    }

    /// Polls for room for `millis` milliseconds.
    pub fn poll_ready(&mut self, millis: u32, context: &mut Context<'_>) -> Poll<Readiness> {
        self.producer.poll_ready(blocks(millis), context)
    }
}

fn blocks(millis: u32) -> usize {
    usize::try_from(millis.div_ceil(BLOCK_MILLIS)).unwrap_or(1).max(1)
}

/// The reading end of an audio tap.
#[derive(Debug)]
pub struct TapReader {
    consumer: Consumer<TapFrame>,
    rate: u32,
}

impl TapReader {
    pub(crate) const fn new(consumer: Consumer<TapFrame>, rate: u32) -> Self {
        Self { consumer, rate }
    }

    /// The reading end of a simulated session's tap.
    #[cfg(feature = "sim")]
    #[must_use]
    pub const fn over(consumer: Consumer<TapFrame>, rate: u32) -> Self {
        Self::new(consumer, rate)
    }

    /// Sample rate in hertz.
    #[must_use]
    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// Lets `read` see the next frame, of 10 or 20 ms; `None` where there is none.
    pub fn read<R>(&mut self, read: impl FnOnce(&TapFrame) -> R) -> Option<R> {
        self.consumer.pop_with(|frame| read(frame))
    }

    /// Frames that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.consumer.len()
    }

    /// True where no frame waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.consumer.is_empty()
    }

    /// True where the tap is gone; what waits can still be read.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.consumer.is_closed()
    }

    /// Waits until `frames` frames are there; `None` where `timeout` has passed.
    pub fn wait(&mut self, frames: usize, timeout: Option<Duration>) -> Option<Readiness> {
        self.consumer.wait(frames, timeout)
    }

    /// Polls for `frames` frames.
    pub fn poll_ready(&mut self, frames: usize, context: &mut Context<'_>) -> Poll<Readiness> {
        self.consumer.poll_ready(frames, context)
    }
}
