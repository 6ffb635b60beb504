//! Audio in place of lost packets, for codecs that have no concealment of their own.
//!
//! A gap is filled from the audio before it, and from that behind it too where the packet behind it has come: its
//! linear prediction residual is repeated by the pitch period and filtered again, forwards and backwards, both are
//! brought into phase with the far side, and one passes over into the other. It goes beyond ITU-T G.711 Appendix I,
//! which repeats pitch periods of the waveform from before the gap.

mod extrapolation;
mod prediction;
pub(crate) mod repair;

use mediapoint_codec::resample::RATES;

use self::repair::{HISTORY_MS, Repair};
use crate::config::ConfigError;

/// Conceals gaps in one stream of audio, from packets or from any other source.
///
/// Every frame goes through it in its order: [`good`](Self::good) for one that is there, [`conceal`](Self::conceal) for
/// one that is missing, or [`conceal_before`](Self::conceal_before) for a missing one and the one behind it. It adds no
/// delay and allocates nothing once made.
///
/// ```
/// use mediapoint_jitter::Concealer;
///
/// let mut concealer = Concealer::new(8000)?;
/// let tone = |n: usize| ((n as f32 * 0.1).sin() * 8000.0) as i16;
/// let (mut first, mut third) = ([0; 160], [0; 160]);
/// for n in 0..160 {
///     (first[n], third[n]) = (tone(n), tone(n + 320));
/// }
/// concealer.good(&mut first);
/// let mut second = [0; 160];
/// concealer.conceal_before(&mut second, &mut third);
/// assert!((0..160).all(|n| (second[n] - tone(n + 160)).abs() < 800));
/// # Ok::<(), mediapoint_jitter::ConfigError>(())
/// ```
#[derive(Debug)]
pub struct Concealer {
    history: Box<[i16]>,
    repair: Repair,
}

impl Concealer {
    /// For audio at `rate` hertz, one of [`RATES`].
    ///
    /// # Errors
    /// [`ConfigError::Rate`].
    pub fn new(rate: u32) -> Result<Self, ConfigError> {
        if !RATES.contains(&rate) {
            return Err(ConfigError::Rate(rate));
        }
        let history = vec![0; HISTORY_MS * rate as usize / 1000].into_boxed_slice();
        Ok(Self { history, repair: Repair::new(rate) })
    }

    /// Takes a frame that is there, and leaves it as it is. Only behind a gap its beginning, of 6 to 10 ms, is changed to
    /// continue what filled the gap.
    pub fn good(&mut self, pcm: &mut [i16]) {
        self.repair.merge(pcm);
        self.remember(pcm);
    }

    /// Fills `pcm` in place of a missing frame, from the audio before it. A gap of more than 40 ms fades, and is silent
    /// after 140 ms.
    pub fn conceal(&mut self, pcm: &mut [i16]) {
        if !self.repair.in_gap() {
            self.repair.start(&self.history);
        }
        self.repair.extend(pcm);
        self.remember(pcm);
    }

    /// Fills `pcm` in place of what is missing before `next`, from both sides, and takes `next`, which is not to be given
    /// to [`good`](Self::good) again. A gap of more than 120 ms, or before less than 10 ms, is filled as
    /// [`conceal`](Self::conceal) does.
    pub fn conceal_before(&mut self, pcm: &mut [i16], next: &mut [i16]) {
        self.repair.bridge(&self.history, pcm, next);
        self.remember(pcm);
        self.remember(next);
    }

    /// Forgets all audio.
    pub fn reset(&mut self) {
        self.history.fill(0);
        self.repair.stop();
    }

    fn remember(&mut self, pcm: &[i16]) {
        let kept = self.history.len();
        let new = pcm.len().min(kept);
        self.history.copy_within(new.., 0);
        let (_, end) = self.history.split_at_mut(kept - new);
        end.copy_from_slice(pcm.get(pcm.len() - new..).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests;
