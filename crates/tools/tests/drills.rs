//! `mediapoint-tools drill` as a process: small drills hold, and one that does not hold is told by its exit code.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test support outside of test functions")]

mod support;

use std::process::Output;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// One at a time: each has a server and an attack, which are bound to a core.
static ONE: Mutex<()> = Mutex::new(());

fn drill(line: &str) -> Output {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    support::tools().arg("drill").args(line.split_whitespace()).output().unwrap()
}

/// The figures of a drill that must hold.
fn held(line: &str) -> Value {
    let done = drill(&format!("{line} --json -"));
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{text}{}", String::from_utf8_lossy(&done.stderr));
    let report: Value = serde_json::from_str(&text).unwrap();
    let outcome = report["drills"][0].clone();
    assert_eq!(outcome["passed"], true, "{outcome}");
    assert!(outcome["checks"].as_array().unwrap().iter().all(|check| check["kept"] == true), "{outcome}");
    outcome["figures"].clone()
}

fn count(figures: &Value, key: &str) -> u64 {
    figures[key].as_u64().unwrap()
}

#[test]
fn calls_that_come_and_go_leave_nothing() {
    let figures = held("churn --calls 300 --parallel 8");
    assert_eq!((count(&figures, "calls"), count(&figures, "requests")), (300, 1200));
    assert!(count(&figures, "relayed_packets") >= 300, "{figures}");
    assert!(figures["offer"]["p99_us"].as_f64().unwrap() > 0.0, "{figures}");
}

#[test]
fn racing_requests_get_an_answer_each() {
    let figures = held("race --requests 2000 --seed 5");
    assert_eq!(count(&figures, "ok") + count(&figures, "refused"), 2000);
    assert!(count(&figures, "repetitions") > 50, "{figures}");
}

/// Honest calls may lose some here: other tests take the cores meanwhile.
#[test]
fn a_flood_is_cut_and_counted() {
    let figures = held("flood --calls 5 --rate 10000 --seconds 1 --lost 50");
    let [party, strangers, forger] = [0, 1, 2].map(|at| figures[at].clone());
    assert_eq!(
        (&party["who"], &strangers["who"], &forger["who"]),
        (&"party".into(), &"strangers".into(), &"forger".into())
    );
    assert!(count(&party, "flood") > count(&party, "came_out"), "{party}");
    assert!(count(&strangers, "foreign_source") > 5_000, "{strangers}");
    assert!(count(&forger, "not_authentic") >= 200 && count(&forger, "came_out") == 0, "{forger}");
}

#[test]
fn forged_names_take_bounded_memory() {
    let figures = held("memory --rounds 4 --requests 400 --calls 4 --connections 60");
    assert_eq!(figures["resident"].as_array().unwrap().len(), 4);
    assert!(count(&figures, "forged_ssrcs") > 5_000 && count(&figures, "connections") == 240, "{figures}");
}

/// The last second is the limit of a machine that has time for it: here other tests take the cores meanwhile.
#[test]
fn recordings_outlive_kills() {
    let figures = held("recordings --rounds 3 --calls 5 --seconds 3 --lost 2500 --seed 4");
    assert_eq!((count(&figures, "rounds"), figures["findings"].as_array().unwrap().len()), (3, 0));
    let recorded = count(&figures, "running_at_kill") + count(&figures, "ended_before");
    assert!(recorded > 5 && recorded == count(&figures, "calls"), "{figures}");
    assert!(count(&figures, "recovered") > 0, "{figures}");
}

#[test]
fn a_limit_that_is_not_kept_is_an_exit_code_and_a_line() {
    let done = drill("memory --rounds 2 --requests 300 --calls 2 --connections 0 --bound 0");
    let text = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(1), "{text}");
    let line = text.lines().find(|line| line.contains("memory at most")).unwrap();
    assert!(line.contains("FAILED"), "{text}");
    // On a busy machine other limits may not be kept either.
    let judged = text.trim_end().lines().last().unwrap();
    assert!(judged.contains("memory: FAILED, ") && judged.ends_with(" of 16 limits"), "{text}");
}

#[test]
fn a_server_that_does_not_serve_is_an_error() {
    for (server, said) in
        [("no/such/server", "error: there is no server at"), ("/bin/true", "error: the server ended at once")]
    {
        let done = drill(&format!("churn --server {server}"));
        assert_eq!(done.status.code(), Some(1));
        let text = String::from_utf8(done.stderr).unwrap();
        assert!(text.lines().any(|line| line.starts_with(said)), "{text}");
    }
}

#[test]
fn help_has_examples_and_every_limit() {
    let help = String::from_utf8(drill("--help").stdout).unwrap();
    for word in ["Examples:", "flood", "churn", "race", "memory", "recordings", "all", "docs/reliability.md"]
    {
        assert!(help.contains(word), "{word}: {help}");
    }
    for (of, options) in [("churn", ["--calls", "--growth"]), ("memory", ["--bound", "--growth"])] {
        let help = String::from_utf8(drill(&format!("{of} --help")).stdout).unwrap();
        assert!(options.iter().all(|option| help.contains(option)), "{help}");
    }
}
