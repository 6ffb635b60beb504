//! Recordings that are played into calls. Each has a thread that reads, decrypts, decodes and stretches it, and stays a
//! bounded time ahead of the player; the worker copies.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io::{self, Read, Seek};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use mediapoint_recorder::{DecodeError, Decoder, Playback, Side, SpeedOutOfRange};

use crate::api::analysis::SpeechBargeIn;
use crate::api::error::CommandError;
use crate::api::id::{LegId, PlayerId};
use crate::api::pending::Pending;
use crate::api::source::StreamedSpec;
use crate::ring::Readiness;
use crate::runtime::call::Call;
use crate::runtime::streamed::PlayerWriter;
use crate::session::frame::samples;
use crate::session::source::streamed::BLOCK_MILLIS;

/// How long a thread waits for room before it looks for commands again.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Blocks for which there has to be room before more is decoded.
const REFILL: usize = 5;

/// Blocks after which it is asked again whether the recording may be played: 2 s.
const ASK_EVERY: u32 = 200;

/// How a recording is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlayRecordingSpec {
    /// Where it begins.
    pub offset: Duration,
    /// How fast: 0.5 to 2.0, without a change of pitch.
    pub speed: f32,
    /// What of it is heard.
    pub side: Side,
    /// How much is decoded ahead, 40 ms to 10 s. A change of speed is heard so much later.
    pub ahead: Duration,
    /// The leg whose party ends it by pressing a key.
    pub barge_in: Option<LegId>,
    /// The leg whose party ends it by speaking, and what counts as that.
    pub speech_barge_in: Option<SpeechBargeIn>,
}

impl Default for PlayRecordingSpec {
    /// Both channels from the beginning at speed 1.0, with 400 ms ahead.
    fn default() -> Self {
        Self {
            offset: Duration::ZERO,
            speed: 1.0,
            side: Side::Both,
            ahead: Duration::from_millis(400),
            barge_in: None,
            speech_barge_in: None,
        }
    }
}

/// Asked every 2 s of audio whether the recording may be played on: the reason where it may not.
pub type Permission = Box<dyn FnMut() -> Result<(), String> + Send>;

/// Why a recording is not played.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlayRecordingError {
    /// The engine refused.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The speed is out of range.
    #[error(transparent)]
    Speed(#[from] SpeedOutOfRange),
    /// The recording cannot be read.
    #[error(transparent)]
    Recording(#[from] DecodeError),
    /// There is no thread for it.
    #[error("no thread for a playback: {0}")]
    Thread(io::Error),
}

/// What is asked of the thread.
#[derive(Debug, Default)]
struct Wanted {
    seek: Option<Duration>,
    speed: Option<f32>,
    failure: Option<String>,
}

/// A recording that is played into a call. [`Call::change_player`] pauses and resumes it and sets its volume, and
/// [`Call::remove_player`] ends it.
#[derive(Debug, Clone)]
pub struct RecordingPlayback {
    /// The player, which is the [`Source`](crate::Source) of whoever is to hear it.
    pub player: PlayerId,
    wanted: Arc<Mutex<Wanted>>,
}

impl RecordingPlayback {
    /// Goes to another place; behind the end is the end. What was decoded for the old one is not heard any more.
    pub fn seek(&self, place: Duration) {
        lock(&self.wanted).seek = Some(place);
    }

    /// Changes the speed.
    ///
    /// # Errors
    /// It is not within 0.5 to 2.0.
    pub fn set_speed(&self, speed: f32) -> Result<(), SpeedOutOfRange> {
        if !(mediapoint_recorder::Stretcher::SLOWEST..=mediapoint_recorder::Stretcher::FASTEST)
            .contains(&speed)
        {
            return Err(SpeedOutOfRange(speed));
        }
        lock(&self.wanted).speed = Some(speed);
        Ok(())
    }

    /// Why it could not be played to its end, where its player has failed.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        lock(&self.wanted).failure.clone()
    }
}

impl Call {
    /// Plays a recording. The result's player is to be made the source of a leg or an input of a mix. Reads the recording up to
    /// where it begins: not for a thread that may not wait.
    ///
    /// # Errors
    /// [`PlayRecordingError`]; nothing is played then.
    pub fn play_recording<R: Read + Seek + Send + 'static>(
        &self,
        decoder: Decoder<R>,
        spec: &PlayRecordingSpec,
        permission: Permission,
    ) -> Result<(RecordingPlayback, Pending<()>), PlayRecordingError> {
        let mut playback = Playback::new(decoder, spec.side);
        playback.set_speed(spec.speed)?;
        playback.seek(sample(spec.offset, playback.rate()))?;
        let streamed = StreamedSpec {
            rate: playback.rate(),
            capacity: spec.ahead,
            start: spec.offset,
            barge_in: spec.barge_in,
            speech_barge_in: spec.speech_barge_in,
        };
        let (player, writer, outcome) = self.add_streamed_player(&streamed)?;
        let wanted = Arc::new(Mutex::new(Wanted::default()));
        let pump = Pump::new(playback, writer, Arc::clone(&wanted), permission);
        let thread = thread::Builder::new().name("playback".to_owned()).spawn(move || pump.run());
        if let Err(error) = thread {
            // A call that has ended meanwhile has no player any more.
            drop(self.remove_player(player));
            return Err(PlayRecordingError::Thread(error));
        }
        Ok((RecordingPlayback { player, wanted }, outcome))
    }
}

/// Moves audio from a recording to its player.
struct Pump<R> {
    playback: Playback<R>,
    writer: PlayerWriter,
    wanted: Arc<Mutex<Wanted>>,
    permission: Permission,
    /// What is decoded and not written yet.
    decoded: VecDeque<i16>,
    piece: Vec<i16>,
    block: Vec<i16>,
    ended: bool,
    /// Blocks until permission is asked for again.
    ask_in: u32,
}

impl<R: Read + Seek> Pump<R> {
    fn new(
        playback: Playback<R>,
        writer: PlayerWriter,
        wanted: Arc<Mutex<Wanted>>,
        permission: Permission,
    ) -> Self {
        let (decoded, piece, block) = (VecDeque::new(), Vec::new(), Vec::new());
        Self { playback, writer, wanted, permission, decoded, piece, block, ended: false, ask_in: ASK_EVERY }
    }

    fn run(mut self) {
        loop {
            let has_all = self.ended && self.decoded.is_empty();
            // At its end it waits until all is played: it may be asked to go back.
            let room = if has_all { self.writer.capacity() } else { REFILL.min(self.writer.capacity()) };
            let ready = self.writer.wait(room, LOOK_EVERY);
            if self.writer.is_closed() {
                return;
            }
            let worked = self.take_commands().and_then(|jumped| match ready {
                Some(Readiness::Ready) if has_all && !jumped => Ok(true),
                Some(Readiness::Ready) => self.fill().map(|()| false),
                _ => Ok(false),
            });
            match worked {
                Ok(true) => return self.writer.finish(),
                Ok(false) => {}
                Err(reason) => {
                    lock(&self.wanted).failure = Some(reason);
                    return;
                }
            }
        }
    }

    /// Does what is asked for; true where it goes on somewhere else.
    fn take_commands(&mut self) -> Result<bool, String> {
        let (seek, speed) = {
            let mut wanted = lock(&self.wanted);
            (wanted.seek.take(), wanted.speed.take())
        };
        if let Some(speed) = speed {
            self.playback.set_speed(speed).map_err(|error| error.to_string())?;
        }
        let Some(place) = seek else { return Ok(false) };
        self.playback.seek(sample(place, self.playback.rate())).map_err(|error| error.to_string())?;
        self.writer.jump(place);
        self.decoded.clear();
        self.ended = false;
        Ok(true)
    }

    /// Decodes and writes some blocks, no more than there is room for. A player that takes them as fast as they come does
    /// not keep commands from being looked for.
    fn fill(&mut self) -> Result<(), String> {
        let block = samples(self.playback.rate(), BLOCK_MILLIS).max(1);
        for _ in 0..REFILL {
            while self.decoded.len() < block && !self.ended {
                self.piece.clear();
                self.ended = !self.playback.read(&mut self.piece).map_err(|error| error.to_string())?;
                self.decoded.extend(&self.piece);
            }
            if self.decoded.is_empty() {
                return Ok(());
            }
            self.block.clear();
            self.block.extend(self.decoded.iter().take(block));
            let left = self.decoded.len() - self.block.len();
            let until = self.place_before(left);
            if !self.writer.write(&self.block, until) {
                return Ok(());
            }
            self.decoded.drain(..self.block.len());
            self.ask_in -= 1;
            if self.ask_in == 0 {
                self.ask_in = ASK_EVERY;
                (self.permission)()?;
            }
        }
        Ok(())
    }

    /// The place in the recording that lies `samples` of output before what is decoded next.
    fn place_before(&self, samples: usize) -> Duration {
        let rate = self.playback.rate().max(1);
        #[expect(clippy::cast_precision_loss, reason = "some thousand samples")]
        let before = samples as f64 * f64::from(self.playback.speed()) / f64::from(rate);
        time(self.playback.position(), rate).saturating_sub(Duration::from_secs_f64(before))
    }
}

/// The sample at a time.
fn sample(time: Duration, rate: u32) -> u64 {
    u64::try_from(time.as_nanos() * u128::from(rate) / 1_000_000_000).unwrap_or(u64::MAX)
}

/// The time of a sample.
fn time(sample: u64, rate: u32) -> Duration {
    let rate = u64::from(rate.max(1));
    let part = (sample % rate) * 1_000_000_000 / rate;
    Duration::from_secs(sample / rate) + Duration::from_nanos(part)
}

fn lock(wanted: &Mutex<Wanted>) -> MutexGuard<'_, Wanted> {
    wanted.lock().unwrap_or_else(PoisonError::into_inner)
}
