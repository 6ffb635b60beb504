//! `mediapoint-tools calibrate` as a process. How much is carried depends on what else the machine does, and is no part of
//! what is judged here.

#![expect(clippy::unwrap_used, reason = "test support outside of test functions")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A folder of this test alone, which is its folder of temporary files, too.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
    fs::create_dir_all(folder.join("tmp")).unwrap();
    folder
}

fn calibrate(folder: &Path, line: &str) -> Command {
    let mut command = support::tools();
    command.arg("calibrate").args(line.split_whitespace());
    command.current_dir(folder).env("TMPDIR", folder.join("tmp"));
    command
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn checked(folder: &Path) -> String {
    fs::write(folder.join("mediapoint.toml"), "points = \"points.toml\"\nng = \"127.0.0.1:0\"\n").unwrap();
    let mut check = Command::new(support::server());
    let output = check.args(["config", "--check", "mediapoint.toml"]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    text(&output)
}

fn leftovers(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder.join("tmp")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Processes that have the folder in their command line, as the servers have that their configuration is in.
fn servers(folder: &Path) -> usize {
    let folder = folder.join("tmp").display().to_string();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(&folder)).count()
}

#[test]
fn two_kinds_are_measured_and_a_server_loads_what_is_written() {
    let folder = folder("two");
    let line = "--kinds relay,g711 --capacity 8 --quick --seconds 1 --json figures.json --chart chart.svg";
    let output = calibrate(&folder, line).output().unwrap();
    let shown = text(&output);
    assert!(output.status.success(), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    assert!(shown.contains("written to points.toml: mediapoint serve --points points.toml"), "{shown}");
    let figures: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.join("figures.json")).unwrap()).unwrap();
    let figures = &figures["calibration"];
    let kinds: Vec<&str> = figures["figures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|figure| figure["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["relay", "g711"]);
    assert_eq!((&figures["prices"]["call"], &figures["limit"]), (&1.0.into(), &"given".into()));
    assert!(figures["figures"][0]["core_us"].as_f64().unwrap() > 0.0, "{figures}");
    assert!(fs::read_to_string(folder.join("chart.svg")).unwrap().ends_with("</svg>\n"));
    let checked = checked(&folder);
    assert!(!checked.contains("points: the"), "it is this machine: {checked}");
    let file = fs::read_to_string(folder.join("points.toml")).unwrap();
    fs::write(folder.join("points.toml"), file.replace("machine = ", "machine = \"Z80\" # ")).unwrap();
    assert!(self::checked(&folder).contains("note  points: the machine was \"Z80\", here it is"));
    assert!(leftovers(&folder).is_empty());
}

#[test]
fn a_search_ends_with_a_number_of_calls_or_says_that_none_keeps_the_service_level() {
    let folder = folder("search");
    let output = calibrate(&folder, "--kinds relay --quick --most-calls 6 --seconds 0.3").output().unwrap();
    let shown = text(&output);
    if output.status.success() {
        assert!(shown.contains("A core carries "), "{shown}");
        checked(&folder);
    } else {
        // Where others keep both cores busy.
        assert!(shown.contains("error: no call keeps the service level on this machine"), "{shown}");
        assert!(!folder.join("points.toml").exists());
    }
    assert!(leftovers(&folder).is_empty());
}

#[test]
fn a_second_run_is_compared_with_the_file_of_the_first() {
    let folder = folder("compare");
    let line = "--kinds relay --capacity 8 --quick --seconds 0.3";
    assert!(calibrate(&folder, line).output().unwrap().status.success());
    let again = format!("{line} --compare points.toml --out again.toml");
    let output = calibrate(&folder, &again).output().unwrap();
    let shown = text(&output);
    assert!(output.status.success() && shown.contains("+0.0 %"), "the same capacity was given: {shown}");
    let other = format!("{} --compare points.toml", line.replace("--capacity 8", "--capacity 7"));
    let output = calibrate(&folder, &other).output().unwrap();
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(3), "{shown}");
    assert!(shown.contains("-12.5 %") && shown.contains("beyond 10 %"), "{shown}");
}

#[test]
fn what_cannot_be_done_is_refused_before_anything_is_measured() {
    let folder = folder("refused");
    fs::write(folder.join("other.toml"), "budget = \"much\"\n").unwrap();
    for (line, code, said) in [
        ("--kinds speex", 2, "\"speex\" is no kind of work; there are relay, g711"),
        ("--seconds 0", 2, "0 seconds cannot be measured"),
        ("--most-calls 0", 2, "0 is not in 1..=4000"),
        ("--compare none.toml", 1, "cannot read none.toml"),
        ("--compare other.toml", 1, "other.toml: "),
        ("--server no/server", 1, "there is no server at no/server"),
        ("--server-core 0 --load-core 0", 1, "need a core each"),
    ] {
        let output = calibrate(&folder, line).output().unwrap();
        let shown = text(&output);
        assert_eq!(output.status.code(), Some(code), "{line}: {shown}");
        assert!(shown.contains(said), "{line}: {shown}");
    }
    assert!(!folder.join("points.toml").exists() && leftovers(&folder).is_empty());
    let listed = calibrate(&folder, "--list").output().unwrap();
    assert!(text(&listed).contains("conference member with the role of listener"));
}

#[test]
fn a_signal_ends_it_and_leaves_nothing_behind() {
    let folder = folder("signal");
    let line = "--kinds relay --capacity 4 --quick --seconds 60";
    let mut child = calibrate(&folder, line).stderr(Stdio::null()).spawn().unwrap();
    let patience = Instant::now() + Duration::from_secs(60);
    while servers(&folder) == 0 {
        assert!(Instant::now() < patience && child.try_wait().unwrap().is_none(), "no server was started");
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!((servers(&folder), leftovers(&folder).len()), (0, 0));
    assert!(!folder.join("points.toml").exists());
}

#[test]
fn a_server_takes_what_is_asked_for_every_kind_of_work() {
    let folder = folder("kinds");
    let kinds = "srtp-gcm128,transcode,g722-g729,opus,dtmf,analysis,prompt,hold,recording,speaker,listener,packet-tap,audio-tap";
    let line = format!("--kinds {kinds} --capacity 4 --quick --seconds 0.2 --json -");
    let output = calibrate(&folder, &line).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let figures: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let figures = &figures["calibration"];
    assert_eq!(figures["left_out"], serde_json::json!([]));
    assert_eq!(figures["figures"].as_array().unwrap().len(), 1 + kinds.split(',').count());
    for price in ["srtp-leg", "pcm-coded", "g729-coded", "opus-coded", "analysis", "recording", "extra-leg"] {
        assert!(figures["prices"][price].as_f64().unwrap() > 0.0, "{price}: {figures}");
    }
    assert!(leftovers(&folder).is_empty());
}
