//! The detector: windows in, digits out.
//!
//! Every 8 ms a window is judged alone, which is cheap. A run of windows that may be one digit is judged as a whole once it
//! is long enough: its purity, the tuning, the twist, and how steady level and frequency are. Speech fails one of them.

mod state;

use mediapoint_packet::telephone_event::DtmfDigit;

use crate::analysis::{Folded, HOP, HOP_LEN, HOP_SAMPLES, RATE, Spectrum, Tables, WINDOW};
use crate::history::{Run, Tone};
use crate::settings::{DetectorSettings, RestoreError, SettingsError};
use crate::tones::{dbm0_of, digit_at, power_of};

use state::Active;
pub use state::DetectorState;

/// What a detector reports. Each digit is one `Onset` and later one `Digit`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Detection {
    /// A digit is certain and goes on.
    Onset {
        /// The digit.
        digit: DtmfDigit,
        /// Its first sample, counted from the detector's start.
        at_sample: u64,
    },
    /// A digit has ended.
    Digit(DetectedDigit),
}

impl Detection {
    /// The same, `samples` earlier.
    pub(crate) const fn earlier(self, samples: u64) -> Self {
        match self {
            Self::Onset { digit, at_sample } => {
                Self::Onset { digit, at_sample: at_sample.saturating_sub(samples) }
            }
            Self::Digit(digit) => {
                let start_sample = digit.start_sample.saturating_sub(samples);
                Self::Digit(DetectedDigit { start_sample, ..digit })
            }
        }
    }
}

/// A whole digit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DetectedDigit {
    /// The digit.
    pub digit: DtmfDigit,
    /// Its first sample, counted from the detector's start.
    pub start_sample: u64,
    /// Its length in samples, bridged breaks included.
    pub duration: u64,
    /// Level of the low tone.
    pub low_dbm0: f32,
    /// Level of the high tone.
    pub high_dbm0: f32,
    /// Level of the high tone over the low one.
    pub twist_db: f32,
}

/// What settings say, in units of the analysis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) power: f32,
    pub(crate) high_over_low: f32,
    pub(crate) low_over_high: f32,
    pub(crate) hops: f32,
    pub(crate) gap: f32,
    pub(crate) tolerance: f32,
    pub(crate) purity: f32,
    /// Least mean square of a window worth a transform.
    pub(crate) floor: f32,
}

impl Limits {
    fn of(settings: &DetectorSettings) -> Self {
        let per_ms = RATE / 1000.0;
        let ratio = |db: f32| 10_f32.powf(db / 10.0);
        let power = power_of(settings.lowest_level_dbm0 - settings.level_offset_db);
        Self {
            power,
            high_over_low: ratio(settings.reverse_twist_db),
            low_over_high: ratio(settings.normal_twist_db),
            hops: settings.shortest_digit_ms * per_ms / HOP_LEN,
            gap: (settings.shortest_pause_ms + settings.longest_break_ms) / 2.0 * per_ms,
            tolerance: settings.tolerance_percent / 100.0,
            purity: settings.purity,
            floor: power * 0.3,
        }
    }

    /// True where one window may be part of a digit.
    fn may_be(&self, tone: &Tone, energy: f32) -> bool {
        let floor = self.power * 0.2;
        tone.low > floor
            && tone.high > floor
            && tone.high < tone.low * self.high_over_low * 2.0
            && tone.low < tone.high * self.low_over_high * 2.0
            && tone.low + tone.high > energy * self.purity * 0.5
    }
}

/// Finds DTMF digits in 8000 Hz audio [Q.24].
pub struct Detector {
    settings: DetectorSettings,
    limits: Limits,
    tables: &'static Tables,
    state: DetectorState,
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The state holds audio.
        f.debug_struct("Detector").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Default for Detector {
    /// A detector with the default settings, which lie in their ranges.
    fn default() -> Self {
        Self::of_checked(DetectorSettings::default())
    }
}

impl Detector {
    /// A detector that has heard nothing.
    ///
    /// # Errors
    /// [`SettingsError`] where a setting lies out of its range.
    pub fn new(settings: &DetectorSettings) -> Result<Self, SettingsError> {
        Ok(Self::of_checked(settings.checked()?))
    }

    fn of_checked(settings: DetectorSettings) -> Self {
        let (limits, state) = (Limits::of(&settings), DetectorState::default());
        Self { settings, limits, tables: Tables::shared(), state }
    }

    /// A detector that goes on from `state`.
    ///
    /// # Errors
    /// [`RestoreError`] where a setting lies out of its range, or where no detector can have been in this state.
    pub fn restore(settings: &DetectorSettings, state: DetectorState) -> Result<Self, RestoreError> {
        Ok(Self { state: state.checked()?, ..Self::new(settings)? })
    }

    /// Takes samples in blocks of any length and calls `on` for each onset and each digit, in order.
    pub fn process(&mut self, pcm: &[i16], mut on: impl FnMut(Detection)) {
        let mut rest = pcm;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(HOP - self.state.filled));
            let from = HOP + self.state.filled;
            if let Some(slots) = self.state.window.get_mut(from..from + now.len()) {
                for (slot, sample) in slots.iter_mut().zip(now) {
                    *slot = f32::from(*sample);
                }
            }
            self.state.filled += now.len();
            rest = later;
            if self.state.filled == HOP {
                self.state.filled = 0;
                self.handle_window(self.limits.floor, &mut on);
                self.state.window.copy_within(HOP.., 0);
            }
        }
    }

    /// Windows it has heard.
    pub(crate) const fn hops(&self) -> u64 {
        self.state.hops
    }

    /// Takes the samples of one hop and returns their window's spectrum, which is empty below the mean square `floor`. Not to
    /// be mixed with [`process`](Self::process).
    pub(crate) fn take_hop(
        &mut self,
        hop: &[f32; HOP],
        floor: f32,
        on: &mut impl FnMut(Detection),
    ) -> Spectrum {
        if let Some(slots) = self.state.window.last_chunk_mut() {
            *slots = *hop;
        }
        let spectrum = self.handle_window(floor.min(self.limits.floor), on);
        self.state.window.copy_within(HOP.., 0);
        spectrum
    }

    /// Ends the digit that goes on, as if silence followed, and forgets the audio.
    pub fn flush(&mut self, mut on: impl FnMut(Detection)) {
        let mut silence = WINDOW + HOP;
        while silence > 0 || self.state.active.is_some() {
            self.process(&[0; HOP], &mut on);
            silence = silence.saturating_sub(HOP);
        }
        self.reset();
    }

    /// Forgets all it heard; samples count from zero again.
    pub fn reset(&mut self) {
        self.state = DetectorState::default();
    }

    /// The settings it was made with.
    #[must_use]
    pub const fn settings(&self) -> &DetectorSettings {
        &self.settings
    }

    /// What it knows, to be given to [`Detector::restore`].
    #[must_use]
    pub const fn state(&self) -> &DetectorState {
        &self.state
    }

    /// Samples for which the signal has been such as a digit's; 0 when it is not. It grows by 64 from the first window of
    /// 16 ms on, long before an onset is certain.
    #[must_use]
    pub fn suspicion(&self) -> u64 {
        self.state.run.map_or(0, |run| u64::from(run.count) * HOP_SAMPLES)
    }

    /// The digit that goes on.
    #[must_use]
    pub fn active(&self) -> Option<DtmfDigit> {
        self.state.active.and_then(|active| digit_at(active.low, active.high.wrapping_sub(4)))
    }

    fn handle_window(&mut self, floor: f32, on: &mut impl FnMut(Detection)) -> Spectrum {
        let state = &mut self.state;
        let energy = self.tables.energy(&state.window);
        let now = state.hops;
        state.hops += 1;
        if energy < floor {
            return self.handle_quiet(now, energy, on);
        }
        let folded = Folded::of(&state.window);
        let mut spectrum = self.tables.spectrum(&folded, energy);
        spectrum.energy -= state.dial.share(self.tables, &folded, &spectrum, now);
        state.history.push(spectrum);
        let (low, high) = spectrum.strongest();
        let tone = Tone::of(&spectrum, low, high);
        let fits = self.limits.may_be(&tone, spectrum.energy);
        self.follow(now, &spectrum, on);
        let ended = self.advance_run(fits, low, high);
        self.judge_ended(now, ended, on);
        if let Some(run) = self.state.run.filter(|run| !run.confirmed && run.count > 2) {
            self.judge(now, run, false, on);
        }
        spectrum
    }

    /// Takes a window without a tone: it ends what goes on, and costs no transform.
    fn handle_quiet(&mut self, now: u64, energy: f32, on: &mut impl FnMut(Detection)) -> Spectrum {
        let spectrum = Spectrum::quiet(energy);
        self.state.history.push(spectrum);
        self.follow(now, &spectrum, on);
        let ended = self.state.run.take();
        self.judge_ended(now, ended, on);
        spectrum
    }

    /// Judges a run that has ended unless it was found to be a digit before.
    fn judge_ended(&mut self, now: u64, ended: Option<Run>, on: &mut impl FnMut(Detection)) {
        if let Some(run) = ended.filter(|run| !run.confirmed) {
            self.judge(now, run, true, on);
        }
    }

    /// Lengthens, starts or ends the run; returns one that has ended.
    fn advance_run(&mut self, fits: bool, low: usize, high: usize) -> Option<Run> {
        let fresh = Run { low, high, count: 1, confirmed: false };
        match (&mut self.state.run, fits) {
            (Some(run), true) if run.low == low && run.high == high => {
                run.count = run.count.saturating_add(1);
                None
            }
            (run, true) => run.replace(fresh),
            (run, false) => run.take(),
        }
    }

    /// Lets the digit that goes on last, pause or end.
    fn follow(&mut self, now: u64, spectrum: &Spectrum, on: &mut impl FnMut(Detection)) {
        let Some(active) = &mut self.state.active else { return };
        let tone = Tone::of(spectrum, active.low, active.high);
        let middle = now * HOP_SAMPLES;
        let part = (0.5 * (tone.low / active.level.low + tone.high / active.level.high)).sqrt().min(1.0);
        let pure = tone.low + tone.high > spectrum.energy * 0.4;
        let balanced = tone.low > active.level.low * 0.1 && tone.high > active.level.high * 0.1;
        if pure && balanced && part > 0.85 {
            active.end = middle + HOP_SAMPLES / 2;
            active.sum = active.sum.plus(tone);
            active.windows += 1.0;
        } else if pure && balanced && middle < active.end + HOP_SAMPLES * 2 {
            active.end += whole(part * HOP_LEN);
        }
        if pure && balanced && part > 0.6 {
            active.level = active.level.times(0.75).plus(tone.times(0.25));
        }
        if whole(self.limits.gap) < (middle + HOP_SAMPLES / 2).saturating_sub(active.end) {
            self.finish(on);
        }
    }

    fn finish(&mut self, on: &mut impl FnMut(Detection)) {
        let Some(active) = self.state.active.take() else { return };
        let Some(digit) = digit_at(active.low, active.high.wrapping_sub(4)) else { return };
        let level = active.sum.times(1.0 / active.windows);
        let offset = self.settings.level_offset_db;
        let (low_dbm0, high_dbm0) = (dbm0_of(level.low) + offset, dbm0_of(level.high) + offset);
        on(Detection::Digit(DetectedDigit {
            digit,
            start_sample: active.start,
            duration: active.end.saturating_sub(active.start),
            low_dbm0,
            high_dbm0,
            twist_db: high_dbm0 - low_dbm0,
        }));
    }

    /// Decides whether `run` is a digit.
    fn judge(&mut self, now: u64, run: Run, ended: bool, on: &mut impl FnMut(Detection)) {
        let Some(found) = self.state.history.judge(self.tables, &self.limits, &run, ended) else { return };
        if let Some(current) = self.state.run.as_mut().filter(|_| !ended) {
            current.confirmed = true;
        }
        // The same tone after a break that is bridged goes on.
        if self.state.active.is_some_and(|active| active.low == run.low && active.high == run.high) {
            return;
        }
        self.finish(on);
        let last = now - u64::from(ended);
        let first = last + 1 - u64::from(run.count).min(last + 1);
        let start = (first * HOP_SAMPLES + HOP_SAMPLES / 2).saturating_sub(whole(found.lead * HOP_LEN));
        let Some(digit) = digit_at(run.low, run.high.wrapping_sub(4)) else { return };
        let end = (first * HOP_SAMPLES + HOP_SAMPLES / 2).max(start) + whole(found.after * HOP_LEN);
        self.state.active = Some(Active {
            low: run.low,
            high: run.high,
            start,
            end,
            level: found.level,
            sum: found.level,
            windows: 1.0,
        });
        on(Detection::Onset { digit, at_sample: start });
    }
}

/// A duration in samples to the nearest whole one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "durations are positive and short"
)]
fn whole(samples: f32) -> u64 {
    samples.max(0.0).round() as u64
}
