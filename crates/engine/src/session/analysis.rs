//! The analysis of a leg: takes the frames of its tap, says who or what answered and when the party speaks. It is too much
//! for a worker, see docs/performance.md, and runs beside it.

use std::collections::VecDeque;
use std::time::Duration;

use mediapoint_analysis::{CallAnalyser, Decision, FRAME, Measures, Outcome, RATE, Vad, VoiceActivity};

use crate::api::analysis::{AnalysisEnd, AnalysisSpec, CallAnalysis};
use crate::session::tap::audio::TapFrame;

/// How long nothing has to come before that counts as silence: frames come up to 200 ms late.
const LATE: Duration = Duration::from_millis(500);

/// Silence in one piece that is analysed at most; of a longer one the rest only counts.
const LONGEST_SILENCE: u64 = 60 * RATE as u64;

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// Who or what answered.
    Answer(Box<CallAnalysis>),
    /// The party begins or ends to speak, so long after the analysis began.
    Speech(bool, Duration),
}

/// Speech and pauses.
struct Speech {
    vad: Vad,
    speaks: bool,
    frame: [i16; FRAME],
    held: usize,
    /// Frames so far.
    frames: u32,
}

/// The analysis of a leg.
pub struct Analysis {
    answer: Option<Box<CallAnalyser>>,
    /// A beep may follow a machine.
    wants_beep: bool,
    speech: Option<Box<Speech>>,
    found: VecDeque<Finding>,
    /// Position that the next frame has where nothing is missing; `None` before the first.
    next: Option<u64>,
    /// When the last frame came, or it began.
    last_at: Duration,
    /// Samples of silence since then that were analysed already.
    ahead: u64,
}

impl Analysis {
    /// An analysis that begins now.
    #[must_use]
    pub fn new(spec: AnalysisSpec) -> Self {
        let wants_beep = spec.answer.as_ref().is_some_and(|answer| answer.beep_within_ms > 0);
        let speech = spec.speech.map(|settings| {
            let vad = Vad::new(settings);
            Box::new(Speech { vad, speaks: false, frame: [0; FRAME], held: 0, frames: 0 })
        });
        Self {
            answer: spec.answer.map(|settings| Box::new(CallAnalyser::new(settings))),
            wants_beep,
            speech,
            found: VecDeque::new(),
            next: None,
            last_at: Duration::ZERO,
            ahead: 0,
        }
    }

    /// Takes in a frame of a tap at 8000 Hz, `at` after it began. Where frames are missing there was silence.
    pub fn handle_frame(&mut self, at: Duration, frame: &TapFrame) {
        let pcm = frame.received.pcm();
        let missing = frame.position.saturating_sub(self.next.unwrap_or(frame.position));
        self.silence(missing.saturating_sub(self.ahead));
        self.next = Some(frame.position.saturating_add(pcm.len() as u64));
        (self.last_at, self.ahead) = (at, 0);
        self.process(pcm);
    }

    /// Lets time pass, `at` after it began: where nothing comes, there is silence.
    pub fn handle_timeout(&mut self, at: Duration) {
        let passed = at.saturating_sub(self.last_at).saturating_sub(LATE);
        let wanted =
            u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).saturating_mul(u64::from(RATE / 1000));
        let more = wanted.saturating_sub(self.ahead);
        self.ahead = self.ahead.max(wanted);
        self.silence(more);
    }

    /// It ends before all was decided: says what is most probable, where it has said nothing.
    pub fn finish(&mut self) {
        if let Some(mut answer) = self.answer.take()
            && let Some(decision) = answer.finish()
        {
            self.found.push_back(answered(&answer, decision, AnalysisEnd::Stopped, true));
        }
        self.speech = None;
    }

    /// What was found, in order.
    pub fn poll(&mut self) -> Option<Finding> {
        self.found.pop_front()
    }

    /// True where nothing more is to be found.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.answer.is_none() && self.speech.is_none() && self.found.is_empty()
    }

    fn silence(&mut self, samples: u64) {
        let mut left = samples.min(LONGEST_SILENCE);
        while left > 0 {
            let piece = usize::try_from(left).map_or(FRAME, |left| left.min(FRAME));
            self.process([0; FRAME].get(..piece).unwrap_or_default());
            left -= piece as u64;
        }
        if let Some(speech) = &mut self.speech {
            let skipped = samples.saturating_sub(LONGEST_SILENCE) / FRAME as u64;
            speech.frames = speech.frames.saturating_add(u32::try_from(skipped).unwrap_or(u32::MAX));
        }
    }

    fn process(&mut self, pcm: &[i16]) {
        if let Some(speech) = &mut self.speech {
            speech.process(pcm, &mut self.found);
        }
        let Some(answer) = &mut self.answer else { return };
        let mut decided = answer.process(pcm);
        while let Some(decision) = decided {
            // The beep is the second thing to be said, and the last.
            let last = !self.wants_beep || decision.outcome != Outcome::Machine;
            self.found.push_back(answered(answer, decision, AnalysisEnd::Decided, last));
            if last {
                self.answer = None;
                return;
            }
            decided = answer.process(&[]);
        }
        if answer.is_finished() {
            self.answer = None;
        }
    }
}

impl Speech {
    fn process(&mut self, mut pcm: &[i16], found: &mut VecDeque<Finding>) {
        while !pcm.is_empty() {
            let (now, later) = pcm.split_at(pcm.len().min(FRAME - self.held));
            let room = self.frame.get_mut(self.held..).unwrap_or_default();
            room.iter_mut().zip(now).for_each(|(to, from)| *to = *from);
            (self.held, pcm) = (self.held + now.len(), later);
            if self.held < FRAME {
                return;
            }
            self.held = 0;
            self.frames = self.frames.saturating_add(1);
            let speaks = self.vad.process(&self.frame).speech;
            if speaks != std::mem::replace(&mut self.speaks, speaks) {
                let at = Duration::from_millis(20) * self.frames;
                found.push_back(Finding::Speech(speaks, at));
            }
        }
    }
}

fn answered(answer: &CallAnalyser, decision: Decision, end: AnalysisEnd, last: bool) -> Finding {
    let timeline = answer.timeline().intervals().to_vec();
    Finding::Answer(Box::new(CallAnalysis { decision, end, last, timeline }))
}

/// What is said of an analysis whose state is gone.
#[must_use]
pub fn lost() -> CallAnalysis {
    let decision = Decision {
        outcome: Outcome::Unsure,
        probability: 0.0,
        at_ms: 0,
        measures: Measures::default(),
        tone: None,
        classic: None,
    };
    CallAnalysis { decision, end: AnalysisEnd::Lost, last: true, timeline: Vec::new() }
}
