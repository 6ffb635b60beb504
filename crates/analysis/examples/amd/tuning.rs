//! What the analyser would decide when, call by call, for other settings: on the tuning part, by models that were trained on other
//! texts than those of the call.

use mediapoint_analysis::{AnalyserSettings, CallAnalyser, FEATURES, FRAME, FRAME_MS};

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
/// From then after the first word a trace has each frame, before each third, as the analyser looks.
const CLOSE_MS: u32 = 2300;
pub const FOLDS: u32 = 4;

pub fn traces(calls: &[Call]) -> Vec<Trace<'_>> {
    let settings = AnalyserSettings {
        decide_within_ms: 60_000,
        total_analysis_time_ms: 60_000,
        person_probability: 2.0,
        machine_probability: 2.0,
        late_after_ms: 60_000,
        ..AnalyserSettings::default()
    };
    let of: Vec<&Call> = calls.iter().filter(|call| ["person", "machine"].contains(&call.class)).collect();
    parallel(of.len(), |at| {
        let call = of[at];
        let mut analyser = CallAnalyser::new(settings.clone());
        let mut trace = Trace { call, moments: Vec::new(), tone: None };
        for frame in call.pcm.chunks(FRAME) {
            if let Some(decision) = analyser.process(frame) {
                trace.tone = Some((decision.outcome.name(), decision.at_ms));
                break;
            }
            let measures = analyser.measures();
            let since_first_ms = analyser.now_ms().saturating_sub(measures.initial_silence_ms);
            if since_first_ms > UNTIL_MS {
                break;
            }
            if !(analyser.now_ms() / FRAME_MS).is_multiple_of(3) && since_first_ms < CLOSE_MS {
                continue;
            }
            let Some(features) = analyser.features() else { continue };
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
        // Each 120 ms, and each 60 ms when it comes to a decision.
        let looks = trace.moments.iter().filter(|moment| {
            let frames = moment.at_ms / FRAME_MS;
            frames.is_multiple_of(6) || moment.since_first_ms >= CLOSE_MS && frames.is_multiple_of(3)
        });
        out.extend(looks.map(|moment| Example {
            features: moment.features,
            person,
            weight: trace.call.weight,
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
    let scores: Vec<(f64, bool, f64)> = traces
        .iter()
        .flat_map(|trace| {
            let Call { class, weight, .. } = trace.call;
            trace.moments.iter().map(move |moment| (moment.score, *class == "person", *weight))
        })
        .collect();
    let (slope, offset) = train::calibrate(&scores);
    for moment in traces.iter_mut().flat_map(|trace| &mut trace.moments) {
        moment.score = slope * moment.score + offset;
    }
    (slope, offset)
}

/// Settings that are tried: as in [`AnalyserSettings`], but for the silence before a person is decided, which is as it stands there.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    pub person: f64,
    pub machine: f64,
    pub late_after_ms: u32,
    pub late_person: f64,
    pub late_machine: f64,
    pub within_ms: u32,
    pub threshold: f64,
}

impl Policy {
    /// What the analyser does where nothing is set.
    pub fn standing() -> Self {
        let settings = AnalyserSettings::default();
        // As written, not as the nearest number of 32 bits.
        let written = |value: f32| (f64::from(value) * 1000.0).round() / 1000.0;
        Self {
            person: written(settings.person_probability),
            machine: written(settings.machine_probability),
            late_after_ms: settings.late_after_ms,
            late_person: written(settings.late_person_probability),
            late_machine: written(settings.late_machine_probability),
            within_ms: settings.decide_within_ms,
            threshold: written(settings.threshold),
        }
    }
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
    let mut counts = [[0.0; 4]; 2];
    let mut after = Vec::new();
    for trace in traces {
        let row = usize::from(trace.call.class == "machine");
        let weight = |whether: bool| if whether { trace.call.weight } else { 0.0 };
        counts[row][0] += weight(true);
        let (name, at_ms) = decide(trace, policy);
        if name == trace.call.class {
            counts[row][1] += weight(true);
            counts[row][2] += weight(f64::from(at_ms) <= trace.call.first_ms + 2500.0);
            counts[row][3] += weight(at_ms <= 2500);
            if row == 0 {
                after.push((f64::from(at_ms) - trace.call.greeting_end_ms, trace.call.weight));
            }
        }
    }
    after.sort_by(|a, b| a.0.total_cmp(&b.0));
    let share = |at: usize| counts.map(|row| 100.0 * row[at] / row[0]);
    Result { all: share(1), of_word: share(2), of_answer: share(3), median_ms: median(&after) }
}

/// The value below which half of the weight is; values in ascending order.
fn median(of: &[(f64, f64)]) -> f64 {
    let mut left = of.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let passed = of.iter().find(|(_, weight)| {
        left -= weight;
        left <= 0.0
    });
    passed.map_or(f64::NAN, |(value, _)| *value)
}

fn decide(trace: &Trace<'_>, policy: Policy) -> (&'static str, u32) {
    let silence_ms = AnalyserSettings::default().after_greeting_silence_ms;
    for moment in &trace.moments {
        let person = 1.0 / (1.0 + (-moment.score).exp());
        let late = moment.since_first_ms >= policy.late_after_ms;
        let (enough, machine_enough) =
            if late { (policy.late_person, policy.late_machine) } else { (policy.person, policy.machine) };
        if moment.since_first_ms >= policy.within_ms {
            return (if person > policy.threshold { "person" } else { "machine" }, moment.at_ms);
        } else if person >= enough && (late || moment.silence_ms >= silence_ms) {
            return ("person", moment.at_ms);
        } else if 1.0 - person >= machine_enough {
            return ("machine", moment.at_ms);
        }
    }
    trace.tone.unwrap_or(("unsure", 0))
}

/// Prints what the standing settings do, and what each does at other values.
pub fn explore(traces: &[Trace<'_>]) {
    let standing = Policy::standing();
    let show = |what: &str, policy: Policy| {
        let Result { all, of_word, of_answer, median_ms } = judge(traces, policy);
        println!(
            "{what}: all {:.1} {:.1}, 2.5 s of word {:.1} {:.1}, of answer {:.1} {:.1}, median {median_ms:.0}",
            all[0], all[1], of_word[0], of_word[1], of_answer[0], of_answer[1]
        );
    };
    show("persons and machines right in percent, cross-validated", standing);
    for person in [0.98, 0.99, 0.997] {
        show(&format!("person {person}"), Policy { person, ..standing });
    }
    for machine in [0.95, 0.98, 0.995] {
        show(&format!("machine {machine}"), Policy { machine, ..standing });
    }
    for late_after_ms in [1900, 2000, 2100, 2200] {
        show(&format!("late after {late_after_ms} ms"), Policy { late_after_ms, ..standing });
    }
    for late_person in [0.7, 0.8, 0.9] {
        show(&format!("late person {late_person}"), Policy { late_person, ..standing });
    }
    for late_machine in [0.85, 0.86, 0.9, 0.92, 0.95] {
        show(&format!("late machine {late_machine}"), Policy { late_machine, ..standing });
    }
    for within_ms in [2380, 2400, 2440, 2460] {
        show(&format!("within {within_ms} ms"), Policy { within_ms, ..standing });
    }
    for threshold in [0.08, 0.1, 0.12, 0.14, 0.17, 0.2, 0.3] {
        show(&format!("threshold {threshold}"), Policy { threshold, ..standing });
    }
}
