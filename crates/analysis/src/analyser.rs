//! The call analyser: who or what answered.

use crate::classic::{ClassicRule, ClassicSettings, ClassicVerdict};
use crate::decision::{Decision, Outcome};
use crate::features::FEATURES;
use crate::frame::{FRAME, FRAME_MS, Framer};
use crate::listener::{Listener, Measures};
use crate::model;
use crate::timeline::{Signal, Timeline};
use crate::tone::{Progress, Tone, ToneDetection, ToneDetector, ToneSegment, ToneSettings};

/// Settings of a [`CallAnalyser`]. Times are in ms since answer, where nothing else is said.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AnalyserSettings {
    /// Silence after which the call is silent.
    pub initial_silence_ms: u32,
    /// Time after the start of the first word in which it is decided between person and machine, but for what is unsure then.
    pub decide_within_ms: u32,
    /// By then everything is decided; what is not is unsure.
    pub total_analysis_time_ms: u32,
    /// Silence after the greeting before a person is decided.
    pub after_greeting_silence_ms: u32,
    /// Probability of a person at which it is decided early; 0.5 to 1.
    pub person_probability: f32,
    /// Probability of a machine at which it is decided early; 0.5 to 1.
    pub machine_probability: f32,
    /// Time after the start of the first word from which the two probabilities below suffice.
    pub late_after_ms: u32,
    /// Probability of a person at which it is decided then, silence or not; 0.5 to 1.
    pub late_person_probability: f32,
    /// Probability of a machine at which it is decided then; 0.5 to 1.
    pub late_machine_probability: f32,
    /// Probability of a person from which a forced decision is a person; 0 to 1.
    pub threshold: f32,
    /// A forced decision nearer to the threshold than this is unsure; 0 to 0.5.
    pub unsure_margin: f32,
    /// Time after a machine was decided in which its beep is reported; 0 to switch that off.
    pub beep_within_ms: u32,
    /// Intervals of the time line that are kept; 0 to keep none.
    pub timeline: usize,
    /// What counts as a tone.
    pub tones: ToneSettings,
    /// Parameters of the classic rule that stands beside.
    pub classic: ClassicSettings,
}

impl Default for AnalyserSettings {
    fn default() -> Self {
        Self {
            initial_silence_ms: 5000,
            decide_within_ms: 2440,
            total_analysis_time_ms: 12_000,
            after_greeting_silence_ms: 300,
            person_probability: 0.995,
            machine_probability: 0.99,
            late_after_ms: 2100,
            late_person_probability: 0.9,
            late_machine_probability: 0.88,
            threshold: 0.1,
            unsure_margin: 0.0,
            beep_within_ms: 60_000,
            timeline: 0,
            tones: ToneSettings::default(),
            classic: ClassicSettings::default(),
        }
    }
}

/// What is unsure at the deadline waits for this long at most, in ms.
const UNSURE_MS: u32 = 600;
/// Frames between two looks at the model.
const LOOK_FRAMES: u32 = 3;
/// A tone this long is no vowel, in ms.
const CERTAIN_TONE_MS: u32 = 140;
/// The frequencies of a vowel vary more than this while it is shorter than that, in Hz and ms.
const STEADY_BEEP_HZ: f32 = 2.0;
const LONG_BEEP_MS: u32 = 300;
/// A vowel's level varies more than this, in dB.
const STEADY_DB: f32 = 2.5;
/// Speech before a beep that makes it a machine's, in ms.
const GREETING_MS: u32 = 300;

/// A beep after speech is certain after this time, in ms.
const BEEP_MS: u32 = 200;

/// No tone of a network or a machine is lower, in Hz; the lowest harmonics of a voice are.
const LOWEST_TONE_HZ: f32 = 330.0;
/// Ratios of two harmonics of a voice, and how near to them a ratio counts. No country's tone has such a ratio.
const HARMONICS: [f32; 3] = [1.5, 2.0, 3.0];
const HARMONIC: f32 = 0.03;

/// Whether it is no vowel.
fn is_steady(tone: &ToneSegment) -> bool {
    let [first, second] = tone.hz;
    let harmonics = HARMONICS.iter().any(|ratio| (second - ratio * first).abs() < HARMONIC * second);
    first >= LOWEST_TONE_HZ && !harmonics && tone.level_spread_db < STEADY_DB && tone.is_steady()
}

/// Whether it is a beep and no vowel: a short vowel may be as steady as a cadence's tone, but not as a beep.
fn is_beep(tone: &ToneSegment) -> bool {
    let steady = tone.duration_ms >= LONG_BEEP_MS || tone.hz_spread < STEADY_BEEP_HZ;
    tone.duration_ms >= CERTAIN_TONE_MS && steady && is_steady(tone)
}

/// Decides after answer who or what is there; samples in, at most two decisions out: the outcome, and after a machine its beep.
///
/// ```
/// use mediapoint_analysis::{AnalyserSettings, CallAnalyser, Outcome};
///
/// let mut analyser = CallAnalyser::new(AnalyserSettings::default());
/// let decision = analyser.process(&[0; 8 * 6000]).expect("six seconds of silence decide");
/// assert_eq!((decision.outcome, decision.at_ms), (Outcome::Silence, 5000));
/// ```
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CallAnalyser {
    settings: AnalyserSettings,
    framer: Framer,
    frames: u32,
    listener: Listener,
    tones: ToneDetector,
    classic: ClassicRule,
    timeline: Timeline,
    tone_heard: bool,
    outcome: Option<Outcome>,
    decided_ms: u32,
    finished: bool,
    waiting: Option<Decision>,
}

impl CallAnalyser {
    /// An analyser, to be given audio from answer on.
    #[must_use]
    pub fn new(settings: AnalyserSettings) -> Self {
        Self {
            framer: Framer::new(),
            frames: 0,
            listener: Listener::new(),
            tones: ToneDetector::new(settings.tones.clone()),
            classic: ClassicRule::new(settings.classic),
            timeline: Timeline::new(settings.timeline),
            tone_heard: false,
            outcome: None,
            decided_ms: 0,
            finished: false,
            waiting: None,
            settings,
        }
    }

    /// Takes samples at 8 kHz, any number. Returns a decision once it is made; where a long chunk makes two, the next call
    /// returns the second.
    pub fn process(&mut self, mut pcm: &[i16]) -> Option<Decision> {
        let mut first = self.waiting.take();
        loop {
            let (frame, rest) = self.framer.take(pcm);
            pcm = rest;
            let Some(frame) = frame else { return first };
            if let Some(decision) = self.frame(&frame) {
                if first.is_none() {
                    first = Some(decision);
                } else {
                    self.waiting = Some(decision);
                }
            }
        }
    }

    /// Says that the audio ended. Returns a decision if there was none, out of what was heard.
    pub fn finish(&mut self) -> Option<Decision> {
        if let Some(waiting) = self.waiting.take() {
            return Some(waiting);
        }
        if self.finished || self.outcome.is_some() {
            self.finished = true;
            return None;
        }
        self.finished = true;
        let person = self.person();
        Some(match (self.listener.first_ms(), person) {
            (Some(_), Some(person)) if !self.tones.is_waiting() => self.forced(person),
            (None, _) if !self.tone_heard => self.decide(Outcome::Silence, 0.7),
            _ => self.decide(Outcome::Unsure, 0.5),
        })
    }

    /// What was found, oldest first; empty unless [`AnalyserSettings::timeline`] is set.
    #[must_use]
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// True where it says nothing more, whatever comes.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.finished && self.waiting.is_none()
    }

    /// Milliseconds processed.
    #[must_use]
    pub fn now_ms(&self) -> u32 {
        self.frames.saturating_mul(FRAME_MS)
    }

    /// The measures up to now.
    #[must_use]
    pub fn measures(&self) -> Measures {
        self.listener.measures()
    }

    /// The features that the model would judge now, for its training; nothing before the first word.
    #[must_use]
    pub fn features(&self) -> Option<[f32; FEATURES]> {
        self.listener.features()
    }

    /// Probability now that a person talks; nothing before the first word.
    #[must_use]
    pub fn person(&self) -> Option<f32> {
        self.listener.features().map(|features| model::person(&features))
    }

    fn frame(&mut self, frame: &[i16; FRAME]) -> Option<Decision> {
        if self.finished {
            return None;
        }
        self.frames = self.frames.saturating_add(1);
        let found = self.tones.process_frame(frame);
        let current =
            self.tones.current().filter(|tone| tone.duration_ms >= CERTAIN_TONE_MS && is_steady(tone));
        self.tone_heard |= current.is_some();
        let word = self.listener.process(frame, current.map(|tone| tone.start_ms));
        self.classic.process_frame(frame);
        if self.settings.timeline > 0 {
            self.note(word.map(|word| {
                let signal = Signal::Speech { level_dbm0: word.level_dbm0, pitch_hz: word.pitch_hz };
                (signal, word.start_ms, word.end_ms)
            }));
            let tone = self.tones.last_segment().filter(|_| current.is_none());
            self.timeline.tone(tone);
        }
        match self.outcome {
            None => self.undecided(found, current),
            Some(Outcome::Machine) => self.after_machine(found),
            Some(_) => {
                self.finished = true;
                None
            }
        }
    }

    fn note(&mut self, signal: Option<(Signal, u32, u32)>) {
        if let Some((signal, start_ms, end_ms)) = signal {
            self.timeline.push(signal, start_ms, end_ms);
        }
    }

    /// `tone` sounds now, and is certainly one.
    fn undecided(&mut self, found: Option<ToneDetection>, tone: Option<ToneSegment>) -> Option<Decision> {
        if let Some((outcome, probability)) = found.and_then(|found| self.meaning(found)) {
            return Some(self.decide(outcome, probability));
        }
        // The beep after a short greeting.
        let beeps = tone.is_some_and(|tone| {
            tone.duration_ms >= BEEP_MS && is_beep(&tone) && self.tones.is_only_a_beep(&tone)
        });
        if beeps && self.listener.measures().speech_ms >= GREETING_MS {
            return Some(self.decide(Outcome::Machine, 0.9));
        }
        let now = self.now_ms();
        let late = now >= self.settings.total_analysis_time_ms;
        let Some(first) = self.listener.first_ms() else {
            if late {
                return Some(self.decide(Outcome::Unsure, 0.5));
            }
            let silent =
                now >= self.settings.initial_silence_ms && !self.tone_heard && !self.tones.is_waiting();
            return silent.then(|| self.decide(Outcome::Silence, 0.95));
        };
        // A tone may turn out to be a cadence, or the beep after a short greeting.
        if !late && (tone.is_some() || self.tones.pending().is_some_and(|tone| is_steady(&tone))) {
            return None;
        }
        let deadline = first.saturating_add(self.settings.decide_within_ms);
        if !self.frames.is_multiple_of(LOOK_FRAMES) && !late && now < deadline {
            return None;
        }
        let person = self.person()?;
        if late || now >= deadline {
            let certain = (person - self.settings.threshold).abs() >= self.settings.unsure_margin;
            return (certain || late || now >= deadline.saturating_add(UNSURE_MS))
                .then(|| self.forced(person));
        }
        self.early(person, now >= first.saturating_add(self.settings.late_after_ms))
    }

    /// A decision before the deadline, where the model is certain enough for the time that is left.
    fn early(&mut self, person: f32, late: bool) -> Option<Decision> {
        let settings = &self.settings;
        let (enough, machine_enough) = if late {
            (settings.late_person_probability, settings.late_machine_probability)
        } else {
            (settings.person_probability, settings.machine_probability)
        };
        let silent = self.listener.measures().silence_ms >= settings.after_greeting_silence_ms;
        if person >= enough && (late || silent) {
            return Some(self.decide(Outcome::Person, person));
        }
        (1.0 - person >= machine_enough).then(|| self.decide(Outcome::Machine, 1.0 - person))
    }

    fn forced(&mut self, person: f32) -> Decision {
        let (threshold, margin) = (self.settings.threshold, self.settings.unsure_margin);
        if (person - threshold).abs() < margin {
            self.decide(Outcome::Unsure, person.max(1.0 - person))
        } else if person > threshold {
            self.decide(Outcome::Person, person)
        } else {
            self.decide(Outcome::Machine, 1.0 - person)
        }
    }

    /// What a tone says of the call. The probabilities are chosen, not measured.
    fn meaning(&self, found: ToneDetection) -> Option<(Outcome, f32)> {
        Some(match found.tone {
            Tone::Progress(Progress::Busy) => (Outcome::Busy, 0.95),
            Tone::Progress(Progress::Reorder) => (Outcome::Reorder, 0.95),
            Tone::Progress(Progress::Ringback) => (Outcome::Ringing, 0.97),
            // A dial tone is heard once the far side has hung up.
            Tone::Progress(Progress::Dial) => return None,
            Tone::Sit(class) => (Outcome::Sit(class), 0.98),
            Tone::FaxCalling => (Outcome::Fax, 0.9),
            Tone::FaxAnswer { .. } => (Outcome::Fax, 0.97),
            Tone::ModemAnswer { .. } => (Outcome::Modem, 0.97),
            Tone::Beep if !is_beep(&found.segment) => return None,
            Tone::Beep if self.listener.measures().speech_ms >= GREETING_MS => (Outcome::Machine, 0.95),
            Tone::Beep => (Outcome::Beep, 0.9),
        })
    }

    fn after_machine(&mut self, found: Option<ToneDetection>) -> Option<Decision> {
        let beep = found.filter(|found| found.tone == Tone::Beep && is_beep(&found.segment));
        if beep.is_none() {
            let waited = self.now_ms().saturating_sub(self.decided_ms);
            self.finished = waited >= self.settings.beep_within_ms;
            return None;
        }
        self.finished = true;
        Some(self.decide(Outcome::Beep, 0.9))
    }

    fn decide(&mut self, outcome: Outcome, probability: f32) -> Decision {
        self.outcome = Some(outcome);
        self.decided_ms = self.now_ms();
        Decision {
            outcome,
            probability,
            at_ms: self.decided_ms,
            measures: self.listener.measures(),
            tone: self.tones.last_segment(),
            classic: self.classic_verdict(),
        }
    }

    /// What the classic rule said up to now.
    #[must_use]
    pub fn classic_verdict(&self) -> Option<ClassicVerdict> {
        self.classic.verdict()
    }
}
