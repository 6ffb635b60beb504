//! `mediapoint-tools amd`, and its table of tones beside that of the prompts.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use mediapoint_analysis::{COUNTRIES, Progress};
use mediapoint_prompt::{ToneDefinition, ToneTable};

use super::{folder, text, write_wav};

fn amd(folder: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mediapoint-tools"))
        .current_dir(folder)
        .arg("amd")
        .args(line.split_whitespace())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn cadence(hz: &[f64], beats: &[f64], rate: u32, seconds: f64) -> Vec<i16> {
    let period: f64 = beats.iter().sum();
    (0..(seconds * f64::from(rate)) as usize)
        .map(|n| {
            let time = n as f64 / f64::from(rate);
            let mut at = (time * 1000.0) % period;
            let beat = beats.iter().position(|beat| {
                at -= beat;
                at < 0.0
            });
            if beat.is_none_or(|beat| beat % 2 == 1) {
                return 0;
            }
            let sum: f64 = hz.iter().map(|hz| (std::f64::consts::TAU * hz * time).sin()).sum();
            (3000.0 * sum) as i16
        })
        .collect()
}

/// Two files of known content and their labels.
fn calls(folder: &Path) {
    // At another rate, so that it is resampled.
    write_wav(&folder.join("busy.wav"), 16_000, 1, &cadence(&[480.0, 620.0], &[500.0, 500.0], 16_000, 5.0));
    write_wav(&folder.join("silence.wav"), 8000, 1, &vec![0; 48_000]);
}

#[test]
fn results_are_a_line_or_a_line_of_json_a_file() {
    let folder = folder();
    calls(&folder);
    let output = amd(&folder, "busy.wav silence.wav");
    assert!(output.status.success());
    assert_eq!(
        text(&output.stdout),
        "busy.wav: busy, probability 0.95, at 2100 ms\nsilence.wav: silence, probability 0.95, at 5000 ms\n"
    );
    let output = amd(&folder, "--json silence.wav busy.wav");
    let lines: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        lines[0],
        serde_json::json!({ "file": "silence.wav", "result": "silence", "probability": 0.95, "at_ms": 5000 })
    );
    assert_eq!(lines[1]["result"], "busy");
}

#[test]
fn the_explanation_is_the_time_line_and_the_classic_rule() {
    let folder = folder();
    calls(&folder);
    let said = text(&amd(&folder, "--explain busy.wav").stdout);
    assert!(said.contains("dBm0, 480 + 620 Hz") && said.contains("the classic rule: machine by"), "{said}");
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
}

#[test]
fn labels_give_a_matrix_of_what_was_recognised() {
    let folder = folder();
    calls(&folder);
    fs::create_dir(folder.join("more")).unwrap();
    fs::copy(folder.join("silence.wav"), folder.join("more/other.wav")).unwrap();
    fs::write(
        folder.join("labels.csv"),
        "file,label\nbusy.wav,busy\nsilence.wav,silence\nother.wav,person\n",
    )
    .unwrap();
    let output = amd(&folder, "--labels labels.csv busy.wav silence.wav more/other.wav");
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("2 of 3 right: 66.7 %"), "{said}");
    let row = |name: &str| {
        said.lines().find(|line| line.trim_start_matches(['│', ' ']).starts_with(name)).unwrap_or_default()
    };
    assert!(row("person").contains("0.0 %") && row("busy").contains("100.0 %"), "{said}");
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
}

#[test]
fn what_cannot_be_used_is_said_with_its_place() {
    let folder = folder();
    calls(&folder);
    fs::write(folder.join("labels.csv"), "busy.wav,engaged\n").unwrap();
    let output = amd(&folder, "--labels labels.csv busy.wav");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("labels.csv:1: 'engaged' is no result"), "{output:?}");
    fs::write(folder.join("noise.wav"), [7; 100]).unwrap();
    // The others are judged all the same.
    let output = amd(&folder, "noise.wav missing.wav busy.wav");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).starts_with("busy.wav: busy"), "{output:?}");
    assert_eq!(text(&output.stderr).lines().count(), 2, "{output:?}");
    assert_eq!(amd(&folder, "--country ZZ busy.wav").status.code(), Some(2));
}

/// Frequencies and cadence of a tone that is played; `None` where no row of the other table can say it.
fn played(tone: &ToneDefinition) -> Option<(Vec<f32>, Vec<u32>)> {
    let mut hz = None;
    let mut cadence = Vec::new();
    for (at, step) in tone.steps.iter().enumerate() {
        let sines: Vec<f32> = step.sines.iter().map(|sine| sine.frequency).collect();
        if step.once || sines.is_empty() != (at % 2 == 1) {
            return None;
        }
        if at % 2 == 0 && *hz.get_or_insert_with(|| sines.clone()) != sines {
            return None;
        }
        cadence.extend(step.duration.map(|length| u32::try_from(length.as_millis()).unwrap()));
    }
    Some((hz?, cadence))
}

/// test-of: [ITU-T E.180 sup. 2]
#[test]
fn what_is_played_in_a_country_is_what_is_detected_there() {
    let table = ToneTable::embedded();
    let mut compared = 0;
    for (code, _) in table.countries() {
        let country = code.to_uppercase();
        for (name, tone) in [
            ("dial", Progress::Dial),
            ("ringback", Progress::Ringback),
            ("busy", Progress::Busy),
            ("congestion", Progress::Reorder),
        ] {
            let Some((hz, cadence)) = table.find(code, name).and_then(played) else { continue };
            let mut rows =
                COUNTRIES.iter().filter(|row| row.country == country && row.tone == tone).peekable();
            if rows.peek().is_none() {
                continue;
            }
            let same = rows.clone().any(|row| {
                let own: Vec<f32> = row.hz.into_iter().filter(|hz| *hz > 0.0).collect();
                own == hz && row.cadence_ms == cadence
            });
            assert!(
                same,
                "{country} {name}: {hz:?} {cadence:?} is played, and detected {:?}",
                rows.collect::<Vec<_>>()
            );
            compared += 1;
        }
    }
    println!("{compared} tones are the same in both tables");
    assert!(compared >= 170, "{compared}");
}
