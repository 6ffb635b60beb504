//! Confusion matrices, times and the operating curve of a part.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mediapoint_analysis::{
    AnalyserSettings, CallAnalyser, ClassicResult, ClassicRule, ClassicSettings, Decision, Outcome,
};

use crate::set::{CLASSES, Call, MODEM, parallel};
use crate::signal::samples;

/// A point of the operating curve: share of persons and of machines that are recognised within 2.5 s.
pub type Point = (f64, f64);

#[derive(Default)]
pub struct Report {
    pub text: String,
    pub failures: Vec<String>,
    pub curve: Vec<Point>,
    pub classic: Point,
    pub chosen: Point,
}

impl Report {
    /// The figures of the picture, as JSON.
    pub fn figures(&self) -> String {
        let point = |(persons, machines): &Point| format!("[{persons:.2}, {machines:.2}]");
        let curve: Vec<String> = self.curve.iter().map(point).collect();
        format!(
            "{{\n  \"curve\": [\n    {}\n  ],\n  \"classic\": {},\n  \"chosen\": {}\n}}\n",
            curve.join(",\n    "),
            point(&self.classic),
            point(&self.chosen)
        )
    }
}

/// Time within which persons and machines are to be recognised.
const WITHIN_MS: f64 = 2500.0;

/// Shares of persons and machines that are to be recognised within that time, and those below which this fails.
const AIM: Point = (97.0, 95.0);
const REACHED: Point = (97.0, 94.5);

struct Judged<'a> {
    call: &'a Call,
    ours: Decision,
    beep: Option<Decision>,
    classic: &'static str,
    classic_ms: u32,
}

fn judge(call: &Call) -> Judged<'_> {
    let mut analyser = CallAnalyser::new(AnalyserSettings::default());
    let mut decisions = call.pcm.chunks(160).filter_map(|chunk| analyser.process(chunk)).collect::<Vec<_>>();
    decisions.extend(analyser.finish());
    let mut rule = ClassicRule::new(ClassicSettings::default());
    let verdict = rule.process(&call.pcm);
    let classic = match verdict.map(|verdict| verdict.result) {
        Some(ClassicResult::Person) => "person",
        Some(ClassicResult::Machine) => "machine",
        _ => "unsure",
    };
    let classic_ms = verdict.map_or(0, |verdict| verdict.at_ms);
    let Some(&ours) = decisions.first() else { unreachable!("finish() decides") };
    Judged { call, ours, beep: decisions.get(1).copied(), classic, classic_ms }
}

pub fn run(calls: &[Call]) -> Report {
    let judged: Vec<Judged<'_>> = parallel(calls.len(), |at| judge(&calls[at]));
    let mut report = Report::default();
    let ours = matrix(&judged, |judged| judged.ours.outcome.name());
    let classic = matrix(&judged, |judged| judged.classic);
    let _ =
        writeln!(report.text, "The analyser:\n\n{}\nThe classic rule:\n\n{}", table(&ours), table(&classic));
    compare(&mut report, &ours, &classic);
    times(&mut report, &judged);
    by(&mut report, &judged, "greeting", length);
    by(&mut report, &judged, "codec", |call| call.codec);
    by(&mut report, &judged, "language", |call| call.language);
    calibration(&mut report, &judged);
    beeps(&mut report, &judged);
    report.classic = within(&judged, |judged| (judged.classic, judged.classic_ms), |call| call.first_ms);
    let odds: Vec<f64> = (-32..=32).map(|step| (-0.15 * f64::from(step)).exp()).collect();
    report.curve = odds.iter().map(|odds| at_odds(calls, *odds)).collect();
    aim_of_curve(&mut report, &odds);
    report
}

/// Whether the operating curve passes the aim, and where.
fn aim_of_curve(report: &mut Report, odds: &[f64]) {
    let reaches = |(_, (persons, machines)): &(&f64, &Point)| *persons >= AIM.0 && *machines >= AIM.1;
    let found = odds.iter().zip(&report.curve).find(reaches);
    let _ = match found {
        Some((odds, (persons, machines))) => writeln!(
            report.text,
            "On the operating curve: {persons:.1} % of persons while {machines:.1} % of machines within 2.5 s, where the odds of a \
             person are multiplied by {odds:.2}.\n"
        ),
        None => writeln!(
            report.text,
            "No point of the operating curve has {} % of persons while {} % of machines.\n",
            AIM.0, AIM.1
        ),
    };
}

type Matrix = BTreeMap<&'static str, BTreeMap<&'static str, u32>>;

fn matrix(judged: &[Judged<'_>], result: impl Fn(&Judged<'_>) -> &'static str) -> Matrix {
    let mut matrix = Matrix::new();
    for judged in judged {
        *matrix.entry(judged.call.class).or_default().entry(result(judged)).or_default() += 1;
    }
    matrix
}

fn table(matrix: &Matrix) -> String {
    let columns: Vec<&str> = CLASSES.into_iter().chain([MODEM, "unsure"]).collect();
    let mut out = format!(
        "| is \\ told | {} | right |\n|---|{}",
        columns.join(" | "),
        "--:|".repeat(columns.len() + 1)
    );
    for class in CLASSES.into_iter().chain([MODEM]) {
        let Some(row) = matrix.get(class) else { continue };
        let cells: Vec<String> =
            columns.iter().map(|column| row.get(column).map_or(String::new(), u32::to_string)).collect();
        let _ = write!(out, "\n| {class} | {} | {:.1} % |", cells.join(" | "), right(matrix, class));
    }
    out + "\n"
}

fn right(matrix: &Matrix, class: &str) -> f64 {
    let Some(row) = matrix.get(class) else { return 0.0 };
    100.0 * f64::from(row.get(class).copied().unwrap_or(0)) / f64::from(row.values().sum::<u32>().max(1))
}

fn compare(report: &mut Report, ours: &Matrix, classic: &Matrix) {
    for class in CLASSES.into_iter().chain([MODEM]) {
        let (a, b) = (right(ours, class), right(classic, class));
        if a <= b {
            report.failures.push(format!("{class}: {a:.1} % right, the classic rule {b:.1} %"));
        }
    }
    let overall = |matrix: &Matrix| {
        let hits: u32 = matrix.iter().filter_map(|(class, row)| row.get(class)).sum();
        100.0 * f64::from(hits) / f64::from(matrix.values().flat_map(BTreeMap::values).sum::<u32>().max(1))
    };
    let (a, b) = (overall(ours), overall(classic));
    let _ = writeln!(report.text, "Right overall: {a:.1} %, the classic rule {b:.1} %.\n");
    if a < 95.0 {
        report.failures.push(format!("{a:.1} % right overall, at least 95 % are wanted"));
    }
}

fn times(report: &mut Report, judged: &[Judged<'_>]) {
    let ours = |judged: &Judged<'_>| (judged.ours.outcome.name(), judged.ours.at_ms);
    let (persons, machines) = within(judged, ours, |call| call.first_ms);
    report.chosen = (persons, machines);
    let (early_persons, early_machines) = within(judged, ours, |_| 0.0);
    let (sound_persons, sound_machines) = within(judged, ours, |call| call.sound_ms);
    let mut after: Vec<f64> = judged
        .iter()
        .filter(|judged| judged.call.class == "person" && judged.ours.outcome == Outcome::Person)
        .map(|judged| f64::from(judged.ours.at_ms) - judged.call.greeting_end_ms)
        .collect();
    after.sort_by(f64::total_cmp);
    let quantile = |share: f64| after.get((after.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
    let median = quantile(0.5);
    let _ = writeln!(
        report.text,
        "Within 2.5 s of the first word {persons:.1} % of persons and {machines:.1} % of machines are recognised; within 2.5 s \
         of where the recording begins, thump or not, {sound_persons:.1} % and {sound_machines:.1} %; within 2.5 s of answer \
         {early_persons:.1} % and {early_machines:.1} %. A person is decided {median:.0} ms after the end of the \
         greeting (median; 90 %: {:.0} ms).\n",
        quantile(0.9)
    );
    let (aim_persons, aim_machines) = AIM;
    if persons < aim_persons || machines < aim_machines {
        let _ = writeln!(
            report.text,
            "The aim of {aim_persons} % of persons while {aim_machines} % of machines within 2.5 s is not reached with the settings as they stand.\n"
        );
    }
    if persons < REACHED.0 || machines < REACHED.1 {
        report.failures.push(format!(
            "{persons:.1} % of persons and {machines:.1} % of machines in time: less than before"
        ));
    }
    if median.is_nan() || median >= 1500.0 {
        report.failures.push(format!(
            "a person is decided {median:.0} ms after the greeting, less than 1500 ms is wanted"
        ));
    }
}

/// Shares recognised within 2.5 s of `from`.
fn within(
    judged: &[Judged<'_>],
    result: impl Fn(&Judged<'_>) -> (&'static str, u32),
    from: impl Fn(&Call) -> f64,
) -> Point {
    let share = |class: &str| {
        let of: Vec<_> = judged.iter().filter(|judged| judged.call.class == class).collect();
        let hits = of.iter().filter(|judged| {
            let (name, at) = result(judged);
            name == class && f64::from(at) <= from(judged.call) + WITHIN_MS
        });
        100.0 * hits.count() as f64 / of.len().max(1) as f64
    };
    (share("person"), share("machine"))
}

/// Length of a greeting, and what is unusual.
fn length(call: &Call) -> &'static str {
    let ms = call.greeting_end_ms - call.first_ms;
    match (call.unusual, call.class) {
        (true, "person") => "a firm's greeting",
        (true, _) => "few words before the beep",
        (false, "machine") => "longer than 2.0 s",
        (false, _) if ms < 1000.0 => "up to 1.0 s",
        (false, _) if ms < 1500.0 => "up to 1.5 s",
        (false, _) => "up to 2.0 s",
    }
}

fn by(report: &mut Report, judged: &[Judged<'_>], what: &str, of: impl Fn(&Call) -> &'static str) {
    let mut rows: BTreeMap<&str, [u32; 4]> = BTreeMap::new();
    for judged in judged.iter().filter(|judged| ["person", "machine"].contains(&judged.call.class)) {
        let row = rows.entry(of(judged.call)).or_default();
        let machine = usize::from(judged.call.class == "machine");
        row[machine] += 1;
        row[2 + machine] += u32::from(judged.ours.outcome.name() == judged.call.class);
    }
    let _ = writeln!(report.text, "| {what} | persons right | machines right |\n|---|--:|--:|");
    for (name, [persons, machines, right_persons, right_machines]) in rows {
        let share = |part: u32, whole: u32| 100.0 * f64::from(part) / f64::from(whole.max(1));
        let cell = |right: u32, of: u32| {
            if of == 0 { String::new() } else { format!("{:.1} % of {of}", share(right, of)) }
        };
        let (persons, machines) = (cell(right_persons, persons), cell(right_machines, machines));
        let _ = writeln!(report.text, "| {name} | {persons} | {machines} |");
    }
    let _ = writeln!(report.text);
}

/// Whether the probabilities are true.
fn calibration(report: &mut Report, judged: &[Judged<'_>]) {
    let _ = writeln!(report.text, "| probability told | decisions | right |\n|---|--:|--:|");
    for (low, high) in [(0.0, 0.7), (0.7, 0.9), (0.9, 0.97), (0.97, 1.01)] {
        let of: Vec<_> = judged
            .iter()
            .filter(|judged| matches!(judged.ours.outcome, Outcome::Person | Outcome::Machine))
            .filter(|judged| (low..high).contains(&f64::from(judged.ours.probability)))
            .collect();
        let hits = of.iter().filter(|judged| judged.ours.outcome.name() == judged.call.class).count();
        let share = 100.0 * hits as f64 / of.len().max(1) as f64;
        let _ = writeln!(report.text, "| {low:.2} to {:.2} | {} | {share:.1} % |", high.min(1.0), of.len());
    }
    let _ = writeln!(report.text);
}

fn beeps(report: &mut Report, judged: &[Judged<'_>]) {
    let machines = judged.iter().filter(|judged| judged.ours.outcome == Outcome::Machine);
    let (mut of, mut found, mut wrong) = (0, 0, 0);
    for judged in machines {
        let near = |decision: &Decision, at: f64| {
            let start = decision.tone.map_or(0.0, |tone| f64::from(tone.start_ms));
            (start - at).abs() < 100.0
        };
        match (judged.call.beep_ms, &judged.beep) {
            (Some(at), Some(beep)) if near(beep, at) => {
                of += 1;
                found += 1;
            }
            (Some(_), None) => of += 1,
            (Some(_), Some(_)) => {
                of += 1;
                wrong += 1;
            }
            (None, Some(_)) => wrong += 1,
            (None, None) => {}
        }
    }
    let _ = writeln!(
        report.text,
        "Beeps after greetings of machines: {found} of {of} found, {wrong} found where there is none."
    );
}

/// Shares recognised where the model's odds are shifted by a factor.
fn at_odds(calls: &[Call], odds: f64) -> Point {
    let shifted = |probability: f64, by: f64| {
        let odds = probability / (1.0 - probability) * by;
        (odds / (1.0 + odds)) as f32
    };
    let standing = AnalyserSettings::default();
    let settings = AnalyserSettings {
        threshold: shifted(f64::from(standing.threshold), odds),
        unsure_margin: 0.0,
        person_probability: shifted(f64::from(standing.person_probability), odds),
        machine_probability: shifted(f64::from(standing.machine_probability), 1.0 / odds),
        late_person_probability: shifted(f64::from(standing.late_person_probability), odds),
        late_machine_probability: shifted(f64::from(standing.late_machine_probability), 1.0 / odds),
        ..standing
    };
    let mut hits = [[0_u32; 2]; 2];
    let of: Vec<&Call> = calls.iter().filter(|call| ["person", "machine"].contains(&call.class)).collect();
    let right = parallel(of.len(), |at| {
        let mut analyser = CallAnalyser::new(settings.clone());
        let heard = of[at].pcm.get(..samples(of[at].first_ms + WITHIN_MS));
        let found = heard.and_then(|pcm| pcm.chunks(160).find_map(|chunk| analyser.process(chunk)));
        found.is_some_and(|found| found.outcome.name() == of[at].class)
    });
    for (call, right) in of.iter().zip(right) {
        hits[usize::from(call.class == "machine")][usize::from(right)] += 1;
    }
    let share = |[wrong, right]: [u32; 2]| 100.0 * f64::from(right) / f64::from((wrong + right).max(1));
    (share(hits[0]), share(hits[1]))
}
