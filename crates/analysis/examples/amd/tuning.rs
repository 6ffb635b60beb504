//! What the analyser would decide when, call by call, for other settings: on the tuning part, by models that were trained on other
//! texts than those of the call.

use mediapoint_analysis::{AnalyserSettings, CallAnalyser, FEATURES};

use crate::set::{Call, parallel};
use crate::train::{self, Example, Tree};

/// A look at a call in progress.
pub struct Moment {
    pub at_ms: u32,
    pub since_first_ms: u32,
    pub silence_ms: u32,
    pub features: [f32; FEATURES],
    /// Logarithm of the odds of a person.
    pub score: f64,
}

/// A person's or machine's call as the model sees it.
pub struct Trace<'a> {
    pub call: &'a Call,
    pub moments: Vec<Moment>,
    /// What a tone decided, and when.
    pub tone: Option<(&'static str, u32)>,
}

/// Until then after the first word a decision may wait, in ms.
const UNTIL_MS: u32 = 3000;
/// Audio of a call that training needs, in ms.
pub const HEARD_MS: f64 = 4600.0;
/// Frames of 20 ms between two looks: as the analyser has it.
const LOOK: usize = 480;
pub const FOLDS: u32 = 4;

pub fn traces(calls: &[Call]) -> Vec<Trace<'_>> {
    let settings = AnalyserSettings {
        decide_within_ms: 60_000,
        total_analysis_time_ms: 60_000,
        person_probability: 2.0,
        machine_probability: 2.0,
        ..AnalyserSettings::default()
    };
    let of: Vec<&Call> = calls.iter().filter(|call| ["person", "machine"].contains(&call.class)).collect();
    parallel(of.len(), |at| {
        let call = of[at];
        let mut analyser = CallAnalyser::new(settings.clone());
        let mut trace = Trace { call, moments: Vec::new(), tone: None };
        for frame in call.pcm.chunks(LOOK) {
            if let Some(decision) = analyser.process(frame) {
                trace.tone = Some((decision.outcome.name(), decision.at_ms));
                break;
            }
            let Some(features) = analyser.features() else { continue };
            let measures = analyser.measures();
            let since_first_ms = analyser.now_ms() - measures.initial_silence_ms;
            if since_first_ms > UNTIL_MS {
                break;
            }
            let (at_ms, silence_ms) = (analyser.now_ms(), measures.silence_ms);
            trace.moments.push(Moment { at_ms, since_first_ms, silence_ms, features, score: 0.0 });
        }
        trace
    })
}

pub fn examples<'a>(traces: impl IntoIterator<Item = &'a Trace<'a>>) -> Vec<Example> {
    let mut out = Vec::new();
    for trace in traces {
        let person = trace.call.class == "person";
        out.extend(trace.moments.iter().step_by(2).map(|moment| Example {
            features: moment.features,
            person,
            weight: 1.0,
        }));
    }
    out
}

/// Gives each moment the score of a model that was trained on the other folds. Returns the calibration.
pub fn cross_validate(traces: &mut [Trace<'_>]) -> (f64, f64) {
    for fold in 0..FOLDS {
        let trees: Vec<Tree> =
            train::train(&examples(traces.iter().filter(|trace| trace.call.group % FOLDS != fold)));
        for trace in traces.iter_mut().filter(|trace| trace.call.group % FOLDS == fold) {
            for moment in &mut trace.moments {
                moment.score = train::score(&trees, &moment.features);
            }
        }
    }
    let scores: Vec<(f64, bool)> = traces
        .iter()
        .flat_map(|trace| trace.moments.iter().map(|moment| (moment.score, trace.call.class == "person")))
        .collect();
    let (slope, offset) = train::calibrate(&scores);
    for moment in traces.iter_mut().flat_map(|trace| &mut trace.moments) {
        moment.score = slope * moment.score + offset;
    }
    (slope, offset)
}

/// Settings that are tried.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    pub person: f64,
    pub machine: f64,
    pub silence_ms: u32,
    pub within_ms: u32,
    pub margin: f64,
    pub threshold: f64,
}

/// Shares in percent: of persons and machines that are recognised at all, and within 2.5 s of the first word and of answer.
#[derive(Debug, Default)]
pub struct Result {
    pub all: [f64; 2],
    pub of_word: [f64; 2],
    pub of_answer: [f64; 2],
    pub median_ms: f64,
}

pub fn judge(traces: &[Trace<'_>], policy: Policy) -> Result {
    let mut counts = [[0_u32; 4]; 2];
    let mut after = Vec::new();
    for trace in traces {
        let row = usize::from(trace.call.class == "machine");
        counts[row][0] += 1;
        let (name, at_ms) = decide(trace, policy);
        if name == trace.call.class {
            counts[row][1] += 1;
            counts[row][2] += u32::from(f64::from(at_ms) <= trace.call.first_ms + 2500.0);
            counts[row][3] += u32::from(at_ms <= 2500);
            if row == 0 {
                after.push(f64::from(at_ms) - trace.call.greeting_end_ms);
            }
        }
    }
    after.sort_by(f64::total_cmp);
    let share = |at: usize| counts.map(|row| 100.0 * f64::from(row[at]) / f64::from(row[0].max(1)));
    Result {
        all: share(1),
        of_word: share(2),
        of_answer: share(3),
        median_ms: after.get(after.len() / 2).copied().unwrap_or(f64::NAN),
    }
}

fn decide(trace: &Trace<'_>, policy: Policy) -> (&'static str, u32) {
    for moment in &trace.moments {
        let person = 1.0 / (1.0 + (-moment.score).exp());
        if moment.since_first_ms >= policy.within_ms {
            if (person - policy.threshold).abs() >= policy.margin || moment.since_first_ms >= UNTIL_MS - 100 {
                return (if person > policy.threshold { "person" } else { "machine" }, moment.at_ms);
            }
        } else if person >= policy.person && moment.silence_ms >= policy.silence_ms {
            return ("person", moment.at_ms);
        } else if 1.0 - person >= policy.machine {
            return ("machine", moment.at_ms);
        }
    }
    trace.tone.unwrap_or(("unsure", 0))
}

/// Prints what some settings do.
pub fn explore(traces: &[Trace<'_>]) {
    for person in [0.95, 0.97, 0.98, 0.99] {
        for machine in [0.93, 0.95, 0.97, 0.98] {
            for (within_ms, margin) in [(2260, 0.0), (2320, 0.0), (2380, 0.0), (2260, 0.05)] {
                let policy = Policy { person, machine, silence_ms: 300, within_ms, margin, threshold: 0.5 };
                let Result { all, of_word, of_answer, median_ms } = judge(traces, policy);
                println!(
                    "{:.2} {person} {machine} {within_ms} {margin}: all {:.1} {:.1}, 2.5 s of word {:.1} {:.1}, of answer {:.1} {:.1}, median {median_ms:.0}",
                    of_word[0] + of_word[1],
                    all[0],
                    all[1],
                    of_word[0],
                    of_word[1],
                    of_answer[0],
                    of_answer[1]
                );
            }
        }
    }
}
