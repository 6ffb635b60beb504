//! `mediapoint-tools demo` and `mediapoint-tools bench` as processes: each starts a server of its own and ends with figures.

#![expect(clippy::unwrap_used, reason = "test support outside of test functions")]

mod support;

use std::path::PathBuf;
use std::process::Output;

use mediapoint_caller::{audio, speech};

fn tools(arguments: &[&str]) -> Output {
    support::tools().args(arguments).output().unwrap()
}

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Every line fits a terminal of 80 columns.
#[track_caller]
fn fits(text: &str) {
    let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(long.is_empty(), "{long:#?}");
}

/// Something other at every moment, so that the alignment of what was heard has one answer.
fn sweep() -> Vec<i16> {
    (0..8000_i32).map(|n| i16::try_from((n * n / 400) % 601 * 40 - 12_000).unwrap()).collect()
}

/// `./x demo --help` builds nothing: it prints a part of a file.
#[test]
fn the_help_that_is_printed_without_building_is_that_of_the_program() {
    let shown = support::tools().args(["demo", "--help"]).env("COLUMNS", "80").output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap().replace("Usage: mediapoint-tools", "Usage: ./x");
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../xtask/help.txt");
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, part) = text.split_once("@@ demo\n").unwrap();
    let (part, after) = part.split_once("@@ ").unwrap();
    if std::env::var_os("MEDIAPOINT_WRITE_HELP").is_some() {
        let text = format!("{before}@@ demo\n{}\n@@ {after}", shown.trim_end());
        std::fs::write(&file, text).unwrap();
        return;
    }
    assert_eq!(part.trim_end(), shown.trim_end(), "run this test once with MEDIAPOINT_WRITE_HELP=1");
}

#[test]
fn a_demo_of_ones_own_audio_hears_what_was_said_and_keeps_it() {
    let folder = folder("demo");
    let (file, out) = (folder.join("own.wav"), folder.join("out"));
    audio::write_wav(&file, &sweep()).unwrap();
    let (file, out_name) = (file.to_str().unwrap(), out.to_str().unwrap());
    let shown = tools(&["demo", "--audio", file, "--seconds", "2", "--load", "2", "--out", out_name]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.status.success(), "{text}{}", String::from_utf8_lossy(&shown.stderr));
    fits(&text.replace(out_name, "out"));
    for line in
        ["identical but for G.711", "1.200 of 1000.000 media points used", "the server ended by SIGTERM"]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
    let heard = audio::read(&out.join("callee-received.wav")).unwrap();
    assert!(heard.len() >= 16_000, "{}", heard.len());
    assert!(std::fs::read_to_string(out.join("server.log")).unwrap().contains("call ended"));
}

#[test]
fn a_demo_between_other_codecs_hears_the_same_speech() {
    let folder = folder("demo-codecs");
    let file = folder.join("own.wav");
    audio::write_wav(&file, &speech::synthetic(24_000)).unwrap();
    let (file, out) = (file.to_str().unwrap(), folder.to_str().unwrap());
    for (caller, callee) in [("g722", "g729"), ("opus", "pcma")] {
        let shown = tools(&[
            "demo",
            "--caller",
            caller,
            "--callee",
            callee,
            "--audio",
            file,
            "--seconds",
            "3",
            "--load",
            "0",
            "--out",
            out,
        ]);
        let text = String::from_utf8(shown.stdout).unwrap();
        assert!(shown.status.success(), "{text}{}", String::from_utf8_lossy(&shown.stderr));
        assert_eq!(text.matches("the same speech: r").count(), 2, "{text}");
    }
    let refused = tools(&["demo", "--caller", "speex"]);
    assert!(String::from_utf8(refused.stderr).unwrap().contains("allowed: pcmu, pcma, g722, g729, opus"));
}

#[test]
fn a_demo_without_its_audio_says_so() {
    let shown = tools(&["demo", "--audio", "no/such.wav"]);
    assert_eq!(shown.status.code(), Some(1));
    assert!(String::from_utf8(shown.stderr).unwrap().starts_with("error: cannot open no/such.wav"));
}

#[test]
fn a_bench_gives_its_figures_as_json() {
    for kind in ["pcmu", "srtp", "pcma"] {
        let measured = tools(&[
            "bench",
            "--calls",
            "2,3",
            "--kind",
            kind,
            "--seconds",
            "0.4",
            "--warm-up",
            "0.1",
            "--json",
            "-",
        ]);
        assert!(measured.status.success(), "{}", String::from_utf8_lossy(&measured.stderr));
        let figures: serde_json::Value = serde_json::from_slice(&measured.stdout).unwrap();
        let runs = figures["runs"].as_array().unwrap();
        let calls: Vec<u64> = runs.iter().map(|run| run["calls"].as_u64().unwrap()).collect();
        assert_eq!(calls, [2, 3]);
        for run in runs {
            assert_eq!((run["lost"].as_u64(), run["misrouted"].as_u64()), (Some(0), Some(0)), "{run}");
            assert!(run["sent"].as_u64().unwrap() > 0 && run["server"]["us_per_packet"].is_number(), "{run}");
        }
    }
}

#[test]
fn a_bench_shows_its_figures_within_a_terminal() {
    let short = ["bench", "--calls", "2,3", "--seconds", "0.4", "--warm-up", "0.1"];
    let measured = tools(&short);
    assert!(measured.status.success(), "{}", String::from_utf8_lossy(&measured.stderr));
    let text = String::from_utf8(measured.stdout).unwrap();
    fits(&text);
    assert!(text.contains("kept") || text.contains("missed"), "{text}");
}

#[test]
fn a_demo_needs_no_recording() {
    // A package manager that lists nothing, wherever the prompts are: the voice is the program's own.
    let folder = folder("own-voice");
    let shown = support::tools()
        .args(["demo", "--seconds", "3", "--load", "0", "--out", folder.to_str().unwrap()])
        .env("PATH", "")
        .output()
        .unwrap();
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.status.success(), "{text}{}", String::from_utf8_lossy(&shown.stderr));
    let heard = audio::read(&folder.join("callee-received.wav")).unwrap();
    assert!(heard.iter().any(|sample| sample.unsigned_abs() > 2000), "nothing was heard: {text}");
}

#[test]
fn completions_and_pages_are_made_of_the_command_line() {
    for shell in ["bash", "zsh", "fish"] {
        let text = String::from_utf8(tools(&["completions", shell]).stdout).unwrap();
        assert!(text.contains("mediapoint-tools") && text.contains("versus"), "{shell}: {text}");
    }
    let refused = tools(&["completions", "cmd"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("[possible values: bash"));
    let folder = folder("man");
    let made = tools(&["man", folder.to_str().unwrap()]);
    assert!(made.status.success(), "{made:?}");
    let page = std::fs::read_to_string(folder.join("mediapoint-tools-bench.1")).unwrap();
    assert!(page.contains(".TH mediapoint-tools-bench 1") && page.contains("rounds"), "{page}");
}

#[test]
fn a_pipe_that_nobody_reads_is_no_fault() {
    let mut child = support::tools()
        .args(["codec", "list"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success() && ended.stderr.is_empty(), "{ended:?}");
}

#[test]
fn a_bench_of_transcoded_calls_listens_to_them() {
    let folder = folder("bench-codecs");
    let file = folder.join("own.wav");
    audio::write_wav(&file, &speech::synthetic(64_000)).unwrap();
    let file = file.to_str().unwrap();
    for (kind, octets, more) in
        [("g729", 20.0, "--srtp"), ("g722", 160.0, "--tick=1ms"), ("opus", 0.0, "--srtp")]
    {
        let fixed = ["bench", "--calls", "2", "--seconds", "2.5", "--warm-up", "0.5", "--json", "-"];
        let own = ["--kind", kind, "--audio", file, more];
        let measured = tools(&[fixed.as_slice(), &own].concat());
        assert!(measured.status.success(), "{}", String::from_utf8_lossy(&measured.stderr));
        let figures: serde_json::Value = serde_json::from_slice(&measured.stdout).unwrap();
        let run = &figures["runs"][0];
        assert_eq!((run["lost"].as_u64(), run["misrouted"].as_u64()), (Some(0), Some(0)), "{run}");
        let received = run["received"].as_u64().unwrap();
        assert!(received.abs_diff(run["sent"].as_u64().unwrap()) < 20 && received > 450, "{run}");
        let heard = &run["transcoded"];
        let size = heard["octets_to_callee"].as_f64().unwrap();
        assert!(
            if octets > 0.0 { (size - octets).abs() < 0.1 } else { (10.0..160.0).contains(&size) },
            "{run}"
        );
        assert_eq!(heard["sound"]["streams"].as_u64(), Some(4), "{run}");
        assert!(heard["sound"]["band_correlation"].as_f64().unwrap() > 0.8, "{run}");
    }
}

#[test]
fn two_servers_are_measured_in_turn_and_compared() {
    let server = support::server().to_str().unwrap();
    let folder = folder("versus");
    let file = folder.join("figures.json");
    let short = ["--calls", "2,3", "--rounds", "2", "--seconds", "0.4", "--warm-up", "0.1"];
    let own = ["bench", "--versus", server, "--json", file.to_str().unwrap()];
    let measured = tools(&[own.as_slice(), &short].concat());
    let (table, said) = (measured.stdout, String::from_utf8(measured.stderr).unwrap());
    assert!(measured.status.success(), "{said}");
    assert!(said.contains("[8/8] 3 calls, PCMU relay"), "{said}");
    let table = String::from_utf8(table).unwrap();
    fits(&table.replace(server, "mediapoint"));
    assert!(table.contains("2 round(s)") && table.contains("CPU ratio"), "{table}");
    let figures: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(figures["servers"].as_array().unwrap().len(), 2);
    let loads = figures["loads"].as_array().unwrap();
    let calls: Vec<u64> = loads.iter().map(|load| load["calls"].as_u64().unwrap()).collect();
    assert_eq!(calls, [2, 3]);
    for load in loads {
        let (server, versus) = (&load["figures"][0], &load["figures"][1]);
        for figures in [server, versus] {
            assert_eq!(figures["runs"].as_array().unwrap().len(), 2);
            assert_eq!(figures["faults"].as_u64(), Some(0), "{figures}");
        }
        let cost = |figures: &serde_json::Value| figures["us_per_packet"]["median"].as_f64().unwrap();
        let ratio = load["ratio"]["median"].as_f64().unwrap();
        assert!((ratio - cost(server) / cost(versus)).abs() < 1e-9, "{load}");
    }
}

#[test]
fn a_server_that_is_not_there_is_an_error_that_says_what_to_do() {
    for command in ["demo", "bench"] {
        let refused = tools(&[command, "--server", "no/such/server"]);
        assert_eq!(refused.status.code(), Some(1));
        let said = String::from_utf8(refused.stderr).unwrap();
        let wanted = "error: there is no server at no/such/server: build it with `cargo build --release -p mediapoint-server`";
        assert!(said.starts_with(wanted), "{said}");
    }
}

#[test]
fn help_and_version_are_there_for_every_command() {
    for command in ["demo", "bench", "codec"] {
        let help = tools(&[command, "--help"]);
        let text = String::from_utf8(help.stdout).unwrap();
        assert!(help.status.success() && text.contains("Examples:"), "{command}: {text}");
    }
    let version = String::from_utf8(tools(&["--version"]).stdout).unwrap();
    assert_eq!(version.trim(), concat!("mediapoint-tools ", env!("CARGO_PKG_VERSION")));
}
