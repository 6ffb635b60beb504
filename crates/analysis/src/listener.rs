//! What is measured of a greeting: words, pauses, loudness, syllables, pitch, band.

use crate::features::{FEATURES, features};
use crate::frame::{FRAME, FRAME_MS};
use crate::pitch::Pitch;
use crate::prosody::Prosody;
use crate::shape::Shape;
use crate::vad::{Activity, Vad, VadSettings, VoiceActivity};

/// Speech shorter than this is a click, in ms.
const LEAST_WORD_MS: u32 = 80;
/// A frame this far above the noise, in dB, may be the faint start of a word.
const FAINT_DB: f32 = 1.8;
/// A click or a faint start this long before a word belongs to it, in ms.
const ONSET_MS: u32 = 160;

/// Measures that a decision rests on.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Measures {
    /// Silence before the first word, in ms.
    pub initial_silence_ms: u32,
    /// Speech in all, in ms.
    pub speech_ms: u32,
    /// Silence since the last word, in ms; 0 during one.
    pub silence_ms: u32,
    /// Stretches of speech between pauses of at least 80 ms.
    pub words: u32,
    /// The longest of them, in ms.
    pub longest_word_ms: u32,
    /// The last of them, in ms.
    pub last_word_ms: u32,
    /// The longest pause between two of them, in ms.
    pub longest_pause_ms: u32,
    /// Peaks of loudness: about one a syllable.
    pub syllables: u32,
    /// Mean level of the speech in dBm0.
    pub level_dbm0: f32,
    /// How far the level of the speech varies, in dB (standard deviation).
    pub level_spread_db: f32,
    /// Level of the background noise in dBm0.
    pub noise_dbm0: f32,
    /// Share of the speech's power above 2 kHz, in dB.
    pub high_band_db: f32,
    /// Share of the speech that is voiced, 0 to 1.
    pub voiced: f32,
    /// Mean pitch in Hz; 0 where nothing is voiced.
    pub pitch_hz: f32,
    /// How far the pitch varies, as a share of its mean (standard deviation).
    pub pitch_spread: f32,
}

/// Sums over frames of speech.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Tally {
    frames: u32,
    level: f32,
    level_squares: f32,
    high: f32,
    voiced: u32,
    pitch: f32,
    pitch_squares: f32,
    syllables: u32,
}

impl Tally {
    fn plus(self, other: Self) -> Self {
        Self {
            frames: self.frames.saturating_add(other.frames),
            level: self.level + other.level,
            level_squares: self.level_squares + other.level_squares,
            high: self.high + other.high,
            voiced: self.voiced.saturating_add(other.voiced),
            pitch: self.pitch + other.pitch,
            pitch_squares: self.pitch_squares + other.pitch_squares,
            syllables: self.syllables.saturating_add(other.syllables),
        }
    }
}

/// Mean and standard deviation.
fn moments(sum: f32, squares: f32, count: u32) -> (f32, f32) {
    let count = count.max(1) as f32;
    let mean = sum / count;
    (mean, (squares / count - mean * mean).max(0.0).sqrt())
}

/// A stretch of speech that goes on.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Run {
    /// Start of its faint beginning.
    onset_ms: u32,
    start_ms: u32,
    active_ms: u32,
    tally: Tally,
}

/// A stretch of speech that ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Word {
    pub(crate) start_ms: u32,
    pub(crate) end_ms: u32,
    pub(crate) level_dbm0: f32,
    pub(crate) pitch_hz: f32,
}

#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Listener {
    vad: Vad,
    pitch: Pitch,
    prosody: Prosody,
    shape: Shape,
    now_ms: u32,
    /// Since when every frame may be speech, if the last one may.
    faint_ms: Option<u32>,
    /// Start and end of what was too short for a word.
    click_ms: Option<(u32, u32)>,
    run: Option<Run>,
    whole: Tally,
    first_ms: Option<u32>,
    end_ms: u32,
    words: u32,
    speech_ms: u32,
    longest_ms: u32,
    last_ms: u32,
    pause_ms: u32,
    noise_dbm0: f32,
    /// Smoothed level, the last extreme of it, and whether it rises.
    envelope: (f32, f32, bool),
    recent_pitch: f32,
    recent_level: f32,
}

impl Listener {
    pub(crate) fn new() -> Self {
        let vad = Vad::new(VadSettings { onset_ms: 40, hangover_ms: 60, ..VadSettings::default() });
        Self {
            vad,
            pitch: Pitch::new(),
            prosody: Prosody::default(),
            shape: Shape::new(),
            now_ms: 0,
            faint_ms: None,
            click_ms: None,
            run: None,
            whole: Tally::default(),
            first_ms: None,
            end_ms: 0,
            words: 0,
            speech_ms: 0,
            longest_ms: 0,
            last_ms: 0,
            pause_ms: 0,
            noise_dbm0: -90.0,
            envelope: (-90.0, -90.0, true),
            recent_pitch: 0.0,
            recent_level: -90.0,
        }
    }

    /// When the first word began, once it is one.
    pub(crate) fn first_ms(&self) -> Option<u32> {
        self.first_ms.or_else(|| self.current().map(|run| run.onset_ms))
    }

    fn current(&self) -> Option<&Run> {
        self.run.as_ref().filter(|run| run.active_ms.saturating_sub(run.start_ms) >= LEAST_WORD_MS)
    }

    /// Takes a frame. `tone` is the start of a tone that sounds: then it is no speech.
    pub(crate) fn process(&mut self, frame: &[i16; FRAME], tone: Option<u32>) -> Option<Word> {
        let activity = self.vad.process(frame);
        self.pitch.push(frame);
        self.now_ms = self.now_ms.saturating_add(FRAME_MS);
        self.noise_dbm0 = activity.noise_dbm0;
        self.shape.frame(activity.snr_db);
        if activity.snr_db < FAINT_DB {
            self.faint_ms = None;
        } else {
            self.faint_ms.get_or_insert(self.now_ms.saturating_sub(FRAME_MS));
        }
        if let Some(start) = tone {
            let run = self.run.take()?;
            let cut = run.active_ms.min(start);
            // What was before the tone is a word if it is long enough.
            return self.close(Run { active_ms: cut, ..run });
        }
        if !activity.speech {
            let run = self.run.take()?;
            return self.close(run);
        }
        let now = self.now_ms;
        if self.run.is_none() {
            self.begin();
        }
        let first = self.first_ms();
        let run = self.run.as_mut()?;
        let first = first.unwrap_or(run.onset_ms);
        if run.tally.frames == 0 {
            self.envelope = (activity.level_dbm0, activity.level_dbm0, true);
        }
        if activity.active {
            run.active_ms = now;
            let bands = self.vad.bands();
            let pitch = self.pitch.estimate();
            self.prosody.frame(pitch);
            if let Some(hz) = pitch {
                self.recent_pitch =
                    if self.recent_pitch > 0.0 { 0.7 * self.recent_pitch + 0.3 * hz } else { hz };
            }
            self.recent_level = 0.8 * self.recent_level.max(-60.0) + 0.2 * activity.level_dbm0;
            tally(&mut run.tally, activity, bands, pitch);
            self.shape.active(now.saturating_sub(first), activity.level_dbm0);
        }
        if syllable(&mut self.envelope, activity.level_dbm0) {
            run.tally.syllables = run.tally.syllables.saturating_add(1);
        }
        None
    }

    /// A stretch of speech begins.
    fn begin(&mut self) {
        let start_ms = self.now_ms.saturating_sub(2 * FRAME_MS);
        let faint_ms = self.faint_ms.map_or(start_ms, |faint| faint.max(start_ms.saturating_sub(ONSET_MS)));
        let click_ms = self.click_ms.filter(|(_, end)| end.saturating_add(ONSET_MS) >= start_ms);
        let onset_ms = click_ms.map_or(start_ms, |(start, _)| start).min(faint_ms).min(start_ms);
        self.run = Some(Run { onset_ms, start_ms, active_ms: self.now_ms, tally: Tally::default() });
        if self.first_ms.is_some() {
            self.shape.begin(start_ms.saturating_sub(self.end_ms), self.last_ms);
        } else {
            self.shape = Shape::new();
        }
    }

    fn close(&mut self, run: Run) -> Option<Word> {
        let length = run.active_ms.saturating_sub(run.start_ms);
        if length < LEAST_WORD_MS {
            self.click_ms = Some((run.onset_ms, run.active_ms));
            return None;
        }
        let pause = self.first_ms.map(|_| run.start_ms.saturating_sub(self.end_ms));
        self.pause_ms = self.pause_ms.max(pause.unwrap_or(0));
        self.first_ms.get_or_insert(run.onset_ms);
        self.end_ms = run.active_ms;
        self.words = self.words.saturating_add(1);
        self.speech_ms = self.speech_ms.saturating_add(length);
        self.longest_ms = self.longest_ms.max(length);
        self.last_ms = length;
        self.whole = self.whole.plus(run.tally);
        let (level_dbm0, _) = moments(run.tally.level, 0.0, run.tally.frames);
        let (pitch_hz, _) = moments(run.tally.pitch, 0.0, run.tally.voiced);
        self.prosody.word(length, level_dbm0, pitch_hz, pause);
        Some(Word { start_ms: run.start_ms, end_ms: run.active_ms, level_dbm0, pitch_hz })
    }

    /// The measures up to now.
    pub(crate) fn measures(&self) -> Measures {
        let run = self.current();
        let tally = run.map_or(self.whole, |run| self.whole.plus(run.tally));
        let length = run.map_or(0, |run| run.active_ms.saturating_sub(run.start_ms));
        let (level, level_spread) = moments(tally.level, tally.level_squares, tally.frames);
        let (pitch, pitch_spread) = moments(tally.pitch, tally.pitch_squares, tally.voiced);
        let pause =
            run.filter(|_| self.first_ms.is_some()).map_or(0, |run| run.start_ms.saturating_sub(self.end_ms));
        let frames = tally.frames.max(1) as f32;
        let last_end = run.map_or(self.end_ms, |run| run.active_ms);
        Measures {
            initial_silence_ms: self.first_ms().unwrap_or(self.now_ms),
            speech_ms: self.speech_ms + length,
            silence_ms: if self.first_ms().is_some() {
                self.now_ms.saturating_sub(last_end)
            } else {
                self.now_ms
            },
            words: self.words + u32::from(run.is_some()),
            longest_word_ms: self.longest_ms.max(length),
            last_word_ms: if run.is_some() { length } else { self.last_ms },
            longest_pause_ms: self.pause_ms.max(pause),
            syllables: tally.syllables + u32::from(run.is_some()),
            level_dbm0: level,
            level_spread_db: level_spread,
            noise_dbm0: self.noise_dbm0,
            high_band_db: tally.high / frames,
            voiced: tally.voiced as f32 / frames,
            pitch_hz: pitch,
            pitch_spread: if pitch > 0.0 { pitch_spread / pitch } else { 0.0 },
        }
    }

    /// The features that the model sees; nothing before the first word.
    pub(crate) fn features(&self) -> Option<[f32; FEATURES]> {
        let first = self.first_ms()?;
        let recent = (self.recent_level, self.recent_pitch);
        Some(features(self.now_ms, first, &self.measures(), &self.prosody, &self.shape, recent))
    }
}

fn tally(tally: &mut Tally, activity: Activity, bands: [f32; 4], pitch: Option<f32>) {
    tally.frames = tally.frames.saturating_add(1);
    tally.level += activity.level_dbm0;
    tally.level_squares += activity.level_dbm0 * activity.level_dbm0;
    let [.., high] = bands;
    tally.high += 10.0 * (high.max(1e-2) / bands.iter().sum::<f32>().max(1e-1)).log10();
    if let Some(hz) = pitch {
        tally.voiced = tally.voiced.saturating_add(1);
        tally.pitch += hz;
        tally.pitch_squares += hz * hz;
    }
}

/// Follows the loudness; says whether it fell 3 dB from a peak.
fn syllable((smooth, extreme, rising): &mut (f32, f32, bool), level: f32) -> bool {
    *smooth += 0.5 * (level - *smooth);
    if *rising {
        *extreme = extreme.max(*smooth);
        if *smooth < *extreme - 3.0 {
            (*extreme, *rising) = (*smooth, false);
            return true;
        }
    } else {
        *extreme = extreme.min(*smooth);
        if *smooth > *extreme + 3.0 {
            (*extreme, *rising) = (*smooth, true);
        }
    }
    false
}
