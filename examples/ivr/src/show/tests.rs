//! The example, headless: every check of both callers has to hold.

use std::env;
use std::process::Command;

use super::*;

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        Self(env::temp_dir().join(format!("mediapoint-ivr-{}-{name}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// The server in cargo's folder of this profile, built where a test of this package alone finds none.
fn server() -> PathBuf {
    let folder = env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_owned();
    let server = folder.join("mediapoint");
    if !server.is_file() {
        let profile = folder.file_name().unwrap().to_str().unwrap();
        let profile = if profile == "debug" { "dev" } else { profile };
        let built = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--quiet", "--package", "mediapoint-server", "--profile", profile])
            .status()
            .unwrap();
        assert!(built.success(), "the server cannot be built: {built}");
    }
    server
}

#[track_caller]
fn everything_holds(by: By, server: &Path) {
    let folder = Folder::new(by.name());
    let shown = Stage::set(&folder.0, Some(server)).unwrap().play(by).unwrap();
    let failed: Vec<_> = shown.checks.iter().filter(|check| !check.holds).collect();
    assert!(failed.is_empty(), "{failed:#?}\n{}", shown.transcript.table());
    assert_eq!(shown.checks.len(), 2 * 8 + 1, "nothing was left out");
    let table = shown.transcript.table();
    for person in &PEOPLE {
        assert!(!table.contains(person.number), "{table}");
        assert!(folder.0.join(format!("{}-{}-agent.wav", by.name(), person.name)).is_file());
    }
    if by == By::Ng {
        let log = std::fs::read_to_string(folder.0.join("server.log")).unwrap();
        assert!(PEOPLE.iter().all(|person| !log.contains(person.number)), "{log}");
    }
}

#[test]
fn both_callers_are_served_by_the_library() {
    everything_holds(By::Library, Path::new("not needed"));
}

#[test]
fn both_callers_are_served_over_the_ng_protocol() {
    everything_holds(By::Ng, &server());
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let folder = Folder::new("none");
    let stage = Stage::set(&folder.0, Some(Path::new("no/such/server"))).unwrap();
    let error = stage.play(By::Ng).err().unwrap().to_string();
    assert!(error.contains("no/such/server") && error.contains("--server"), "{error}");
}
