//! `mediapoint calibrate`: another program measures, which is told whom.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{fs, os};

use super::support;

/// This program in a folder of its own, where the other one is not.
fn alone() -> (PathBuf, PathBuf) {
    let folder = support::folder();
    let program = folder.join("mediapoint");
    fs::hard_link(env!("CARGO_BIN_EXE_mediapoint"), &program).unwrap();
    (folder, program)
}

fn calibrate(program: &Path, path: &Path, more: &[&str]) -> Output {
    Command::new(program).arg("calibrate").args(more).env("PATH", path).output().unwrap()
}

#[test]
fn it_starts_the_program_beside_it_with_itself_as_the_server() {
    let (folder, program) = alone();
    os::unix::fs::symlink("/bin/echo", folder.join("mediapoint-tools")).unwrap();
    let output = calibrate(&program, &folder, &["--quick", "--help", "--kinds", "relay"]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(told, format!("calibrate --server {} --quick --help --kinds relay\n", program.display()));
}

#[test]
fn where_it_is_missing_that_is_said() {
    let (folder, program) = alone();
    let output = calibrate(&program, &folder, &["--quick"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: mediapoint-tools, which measures, is neither in "), "{said}");
    assert!(said.contains("cargo build --release -p mediapoint-tools"), "{said}");
}
