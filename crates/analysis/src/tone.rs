//! Call progress and special tones.

mod cadence;
mod demodulate;
mod segment;
mod sit;
mod spectrum;
mod table;

pub use segment::ToneSegment;
pub use sit::SitClass;
pub use table::{COUNTRIES, CountryTone, Progress};

use crate::frame::{FRAME, Framer};
use cadence::Beat;
use segment::{Change, Segmenter};

/// Settings of a [`ToneDetector`].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ToneSettings {
    /// ISO 3166 code of the country whose cadences count; all of [`COUNTRIES`] where `None`.
    pub country: Option<String>,
    /// Least level in dBm0; -55 to 0.
    pub level_dbm0: f32,
    /// Length of a beep in ms, least and most.
    pub beep_ms: (u32, u32),
    /// Frequency of a beep in Hz, least and most.
    pub beep_hz: (f32, f32),
}

impl Default for ToneSettings {
    fn default() -> Self {
        Self { country: None, level_dbm0: -48.0, beep_ms: (90, 2200), beep_hz: (380.0, 2030.0) }
    }
}

/// A tone by its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Tone {
    /// Dial, ringing, busy or reorder tone.
    Progress(Progress),
    /// A special information tone.
    Sit(SitClass),
    /// A calling fax machine, CNG: 1100 Hz for 0.5 s [T.30].
    FaxCalling,
    /// An answering fax machine, CED: 2100 Hz [T.30], or ANS with reversals of phase.
    FaxAnswer {
        /// Whether the phase was reversed, to switch echo cancellers off.
        reversals: bool,
    },
    /// An answering modem: ANSam, 2100 Hz modulated by 15 Hz [V.8], or 2225 Hz.
    ModemAnswer {
        /// Whether the phase was reversed.
        reversals: bool,
    },
    /// A single sound of one or two frequencies, such as the one after a voicemail greeting.
    Beep,
}

/// A detected tone.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ToneDetection {
    /// What it is.
    pub tone: Tone,
    /// When its first part began, in ms of audio processed.
    pub start_ms: u32,
    /// When it was certain.
    pub at_ms: u32,
    /// The last of its parts.
    pub segment: ToneSegment,
}

/// Segments that are remembered.
const KEPT: usize = 4;
/// Beats that are remembered.
const BEATS: usize = 6;

/// Finds call progress tones, special information tones, fax, modem and voicemail beeps.
///
/// ```
/// use mediapoint_analysis::{Tone, ToneDetector, ToneSettings};
///
/// let mut detector = ToneDetector::new(ToneSettings::default());
/// let sine = |at: u32| (8000.0 * (at as f32 * 1100.0 * std::f32::consts::TAU / 8000.0).sin()) as i16;
/// let mut pcm: Vec<i16> = (0..4000).map(sine).collect();
/// pcm.resize(6000, 0);
/// assert_eq!(detector.process(&pcm).map(|found| found.tone), Some(Tone::FaxCalling));
/// ```
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ToneDetector {
    settings: ToneSettings,
    framer: Framer,
    segmenter: Segmenter,
    /// The last segments, the newest last.
    last: Vec<ToneSegment>,
    beats: Vec<Beat>,
    beats_start_ms: u32,
    /// Start of the tone that was the last to end a beat.
    paired: Option<u32>,
    /// What is a beep if no other tone follows until that time.
    beep: Option<(ToneSegment, u32)>,
    /// Start of the continuous tone that was reported.
    reported: Option<u32>,
}

impl ToneDetector {
    /// A detector.
    #[must_use]
    pub fn new(settings: ToneSettings) -> Self {
        Self {
            settings,
            framer: Framer::new(),
            segmenter: Segmenter::new(),
            last: Vec::with_capacity(KEPT + 1),
            beats: Vec::with_capacity(BEATS + 1),
            beats_start_ms: 0,
            paired: None,
            beep: None,
            reported: None,
        }
    }

    /// Takes samples at 8 kHz, any number; returns the first detection in them.
    pub fn process(&mut self, mut pcm: &[i16]) -> Option<ToneDetection> {
        let mut found = None;
        loop {
            let (frame, rest) = self.framer.take(pcm);
            pcm = rest;
            let Some(frame) = frame else { return found };
            found = found.or(self.process_frame(&frame));
        }
    }

    /// Takes a frame of 20 ms.
    pub fn process_frame(&mut self, frame: &[i16; FRAME]) -> Option<ToneDetection> {
        let mut found = None;
        if let Change::Ended(segment) = self.segmenter.process(frame)
            && segment.level_dbm0 >= self.settings.level_dbm0
            && segment.duration_ms >= 60
        {
            found = self.ended(segment);
        }
        found.or_else(|| self.continuous()).or_else(|| self.isolated())
    }

    /// The tone that sounds now, once it lasted 60 ms.
    #[must_use]
    pub fn current(&self) -> Option<ToneSegment> {
        self.segmenter.current()
    }

    /// The last tone that ended.
    #[must_use]
    pub fn last_segment(&self) -> Option<ToneSegment> {
        self.last.last().copied()
    }

    /// What is a beep if nothing follows.
    pub(crate) fn pending(&self) -> Option<ToneSegment> {
        self.beep.map(|(segment, _)| segment)
    }

    /// Whether this may be a beep, and no part of a country's cadence.
    pub(crate) fn is_only_a_beep(&self, segment: &ToneSegment) -> bool {
        let (low, high) = self.settings.beep_hz;
        let [hz, second] = segment.hz;
        second == 0.0
            && (low..=high).contains(&hz)
            && cadence::rows(segment.hz, self.settings.country.as_deref()).next().is_none()
    }

    /// Whether a tone sounds, or one ended and what it means depends on what follows.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.beep.is_some() || self.current().is_some()
    }

    /// Forgets all that was processed.
    pub fn reset(&mut self) {
        *self = Self::new(self.settings.clone());
    }

    fn detection(&self, tone: Tone, start_ms: u32, segment: ToneSegment) -> ToneDetection {
        ToneDetection { tone, start_ms, at_ms: self.segmenter.now_ms(), segment }
    }

    /// A segment ended.
    fn ended(&mut self, segment: ToneSegment) -> Option<ToneDetection> {
        let was_reported = self.reported == Some(segment.start_ms);
        let paired = self.pair(segment);
        if self.last.len() >= KEPT {
            self.last.remove(0);
        }
        self.last.push(segment);
        if let Some(found) = self.sit() {
            return Some(found);
        }
        if self.is_cng(&segment) {
            self.beep = None;
            return Some(self.detection(Tone::FaxCalling, segment.start_ms, segment));
        }
        let found = if paired { self.cadenced(segment) } else { None };
        if found.is_none() && !was_reported {
            self.expect_beep(segment);
        }
        found
    }

    /// The pause before this tone makes a beat of the tone before. Says whether it does, which it does once.
    fn pair(&mut self, segment: ToneSegment) -> bool {
        if self.paired == Some(segment.start_ms) {
            return false;
        }
        self.paired = Some(segment.start_ms);
        let Some(before) = self.last.last().copied().filter(|before| before.matches(segment.hz, 0.03)) else {
            self.beats.clear();
            return false;
        };
        if self.beats.is_empty() {
            self.beats_start_ms = before.start_ms;
        }
        if self.beats.len() >= BEATS {
            self.beats.remove(0);
        }
        let off_ms = segment.start_ms.saturating_sub(before.end_ms());
        self.beats.push(Beat { on_ms: before.duration_ms, off_ms });
        self.beep = None;
        true
    }

    fn sit(&mut self) -> Option<ToneDetection> {
        match sit::progress(&self.last) {
            3 => {
                let tones: [ToneSegment; 3] = *self.last.last_chunk()?;
                self.beep = None;
                self.last.clear();
                let [first, _, third] = tones;
                Some(self.detection(Tone::Sit(sit::classify(tones)), first.start_ms, third))
            }
            2 => {
                self.beep = None;
                None
            }
            _ => None,
        }
    }

    #[expect(clippy::unused_self, reason = "beside its like")]
    fn is_cng(&self, segment: &ToneSegment) -> bool {
        segment.hz[1] == 0.0
            && (segment.hz[0] - 1100.0).abs() <= 40.0
            && (425..=575).contains(&segment.duration_ms)
    }

    fn cadenced(&mut self, segment: ToneSegment) -> Option<ToneDetection> {
        // Busy and reorder are whole with the second tone and the pause before it: the last tone itself is a beat's half.
        let row = cadence::classify(segment.hz, &self.beats, self.settings.country.as_deref())?;
        let start = self.beats_start_ms;
        self.beep = None;
        self.beats.clear();
        Some(self.detection(Tone::Progress(row.tone), start, segment))
    }

    /// Remembers a segment that may be a beep.
    fn expect_beep(&mut self, segment: ToneSegment) {
        let ((least, most), (low, high)) = (self.settings.beep_ms, self.settings.beep_hz);
        let within = |hz: f32| (low..=high).contains(&hz);
        let [first, second] = segment.hz;
        if !(least..=most).contains(&segment.duration_ms)
            || !within(first)
            || !(second == 0.0 || within(second))
            || segment.level_spread_db > 3.0
            || !segment.is_steady()
            || !self.beats.is_empty()
        {
            return;
        }
        // Where it may be the first part of a cadence, the next part tells.
        let pause = cadence::rows(segment.hz, self.settings.country.as_deref())
            .filter_map(|row| row.cadence_ms.as_chunks::<2>().0.iter().max_by_key(|[_, off]| *off))
            .filter(|[on, _]| on.abs_diff(segment.duration_ms) <= on / 8 + 30)
            .map(|[_, off]| off + off / 8)
            .max();
        let wait = pause.unwrap_or(200) + 200;
        self.beep = Some((segment, segment.end_ms() + wait));
    }

    /// Tones that mean something while they go on.
    fn continuous(&mut self) -> Option<ToneDetection> {
        let current = self.current()?;
        if current.duration_ms >= 100
            && self.pair(current)
            && let Some(found) = self.cadenced(current)
        {
            self.reported = Some(current.start_ms);
            return Some(found);
        }
        if self.reported == Some(current.start_ms) {
            return None;
        }
        let [hz, second] = current.hz;
        let single = second == 0.0;
        let reversals = current.reversals > 0;
        let tone = if single && (hz - 2100.0).abs() <= 25.0 && current.duration_ms >= 1000 {
            if current.modulation > 0.1 {
                Tone::ModemAnswer { reversals }
            } else {
                Tone::FaxAnswer { reversals }
            }
        } else if single && (hz - 2225.0).abs() <= 20.0 && current.duration_ms >= 1000 {
            Tone::ModemAnswer { reversals: false }
        } else if current.duration_ms >= 2400
            && cadence::rows(current.hz, self.settings.country.as_deref())
                .any(|row| row.tone == Progress::Dial)
        {
            Tone::Progress(Progress::Dial)
        } else {
            return None;
        };
        self.reported = Some(current.start_ms);
        Some(self.detection(tone, current.start_ms, current))
    }

    /// A beep is certain once nothing followed.
    fn isolated(&mut self) -> Option<ToneDetection> {
        let (segment, until) = self.beep?;
        if let Some(current) = self.current()
            && (current.matches(segment.hz, 0.03) || current.start_ms < segment.end_ms() + 70)
        {
            return None;
        }
        if self.segmenter.now_ms() < until {
            return None;
        }
        self.beep = None;
        Some(self.detection(Tone::Beep, segment.start_ms, segment))
    }
}
