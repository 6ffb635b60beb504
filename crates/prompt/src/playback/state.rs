//! What a playback can be gone on with from, in another process.

use std::time::Duration;

use crate::decode::duration;
use crate::error::PromptError;
use crate::playback::{Ended, Playback, SharedClock};
use crate::playlist::Playlist;
use crate::timeline::samples_in;

/// A playback without its audio. Times, not samples, so that it goes on at another rate.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PlaybackState {
    /// Of the form of this state: 1.
    pub version: u32,
    /// Names of the items' prompts.
    pub names: Vec<String>,
    /// Time from the beginning of the first cycle.
    pub position: Duration,
    /// How much was played.
    pub played: Duration,
    /// Whether it is paused.
    pub paused: bool,
    /// In decibels.
    pub volume_db: f32,
    /// What is left of the fade of a stop, and all of it.
    pub stopping: Option<(Duration, Duration)>,
    /// When the shared position began.
    pub epoch: Option<Duration>,
    /// Whether it has ended.
    pub ended: Option<Ended>,
}

impl Playback {
    /// Its state, by names; the playlist's is [`Playlist::state`].
    #[must_use]
    pub fn save(&self) -> PlaybackState {
        let time = |samples| duration(samples, self.timeline.rate);
        let stopping =
            self.envelope.stopping().map(|(_, fade)| (time(self.envelope.left(self.played)), time(fade)));
        PlaybackState {
            version: 1,
            names: self.names().map(str::to_owned).collect(),
            position: time(self.position),
            played: time(self.played),
            paused: self.paused,
            volume_db: self.envelope.volume_db(),
            stopping,
            epoch: self.shared.map(|clock| clock.epoch),
            ended: self.ended,
        }
    }

    /// The playback that a state is of, of the same playlist. Codecs are to be prepared anew.
    ///
    /// # Errors
    /// As [`Playback::new`]; [`PromptError::State`] where the playlist or the state's form is another.
    pub fn restored(playlist: &Playlist, state: &PlaybackState, rate: u32) -> Result<Self, PromptError> {
        let mut playback = match state.epoch {
            Some(epoch) => Self::shared(playlist, rate, SharedClock { epoch })?,
            None => Self::new(playlist, rate)?,
        };
        if state.version != 1 || !playback.names().eq(state.names.iter().map(String::as_str)) {
            return Err(PromptError::State);
        }
        // Rounded to the nearest sample: a time was cut off at a nanosecond.
        let samples = |time: Duration| samples_in(time.saturating_add(Duration::from_nanos(500)), rate);
        let end = playback.timeline.end.unwrap_or(u64::MAX);
        playback.position = samples(state.position).min(end);
        playback.played = samples(state.played);
        playback.paused = state.paused;
        playback.envelope.restore_volume(state.volume_db);
        if let Some((left, fade)) = state.stopping {
            let (left, fade) = (samples(left), samples(fade));
            playback.envelope.stop(playback.played.saturating_add(left).saturating_sub(fade), fade);
        }
        playback.ended = state.ended;
        playback.check_end();
        Ok(playback)
    }
}
