//! No tracked file may name a machine's own paths or the host of a package registry, and nothing may stand at the repository's root
//! that is not known there.
//!
//! Such a name works on one machine only, and tells where the project was made instead of what it is. A file that a tool left at the
//! root is the first that a reader sees.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::conclude;
use crate::error::Error;
use crate::shell;

/// Path prefixes that belong to a machine. Built from parts, so that this file passes its own check.
const MACHINE_PATHS: &[&[&str]] = &[&["/ro", "ot/"], &["/ho", "me/"], &["/wo", "rk/"], &["/Use", "rs/"]];

/// Hosts that serve packages; a package is named, never where it came from.
const REGISTRY_HOSTS: &[&[&str]] = &[
    &["index.crates", ".io"],
    &["static.crates", ".io"],
    &["files.python", "hosted.org"],
    &["pypi", ".org"],
    &["registry.npm", "js.org"],
    &["deb.deb", "ian.org"],
    &["security.deb", "ian.org"],
];

/// What stands at the repository's root. A new file there needs a reason, and a line here.
const AT_ROOT: &[&str] = &[
    ".cargo",
    ".ci",
    ".containerignore",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "Containerfile",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "benches",
    "clippy.toml",
    "crates",
    "deny.toml",
    "docs",
    "examples",
    "fuzz",
    "interop",
    "mediapoint.toml",
    "packaging",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "x",
    "xtask",
];

/// `cargo xtask hygiene`.
pub(crate) fn check() -> Result<(), Error> {
    let machine: Vec<String> = MACHINE_PATHS.iter().map(|parts| parts.concat()).collect();
    let hosts: Vec<String> = REGISTRY_HOSTS.iter().map(|parts| parts.concat()).collect();
    let files = shell::tracked_files()?;
    let mut findings = strangers(&files, AT_ROOT);
    for file in &files {
        let Ok(bytes) = std::fs::read(file) else { continue };
        let Ok(text) = std::str::from_utf8(&bytes) else { continue };
        for (number, line) in text.lines().enumerate() {
            findings.extend(complaint(line, &machine, &hosts).map(|what| at(file, number, &what)));
        }
    }
    let count = files.len();
    let good = format!("{count} files name no machine and no registry host, and the root has what it should");
    conclude("hygiene", findings, &good)
}

/// What stands at the root and should not, and what should and does not.
fn strangers(files: &[PathBuf], known: &[&str]) -> Vec<String> {
    let first = |file: &PathBuf| Some(file.components().next()?.as_os_str().to_string_lossy().into_owned());
    let there: BTreeSet<String> = files.iter().filter_map(first).collect();
    let unknown = there.iter().filter(|name| !known.contains(&name.as_str()));
    let unknown =
        unknown.map(|name| format!("{name}: is not known at the root (AT_ROOT of the check lists what is)"));
    let gone = known.iter().filter(|name| !there.contains(**name));
    unknown.chain(gone.map(|name| format!("{name}: is known at the root, and not there"))).collect()
}

fn at(file: &Path, number: usize, what: &str) -> String {
    format!("{}:{}: {what}", file.display(), number + 1)
}

fn complaint(line: &str, machine: &[String], hosts: &[String]) -> Option<String> {
    if let Some(host) = hosts.iter().find(|host| line.contains(host.as_str())) {
        return Some(format!("names the registry host {host}"));
    }
    machine.iter().find(|path| names_path(line, path)).map(|path| format!("names a path under {path}"))
}

/// True where the prefix begins a path, and is not the tail or the middle of another.
fn names_path(line: &str, prefix: &str) -> bool {
    line.match_indices(prefix).any(|(start, _)| {
        let before = line.get(..start).and_then(|head| head.chars().next_back());
        before.is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '~' | '}' | '*')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_at_the_root_is_found_and_what_is_gone() {
        let files: Vec<PathBuf> =
            ["Cargo.toml", "crates/net/src/lib.rs", "notes.txt", "scratch/a/b"].map(PathBuf::from).into();
        let found = strangers(&files, &["Cargo.toml", "README.md", "crates"]);
        let names: Vec<&str> = found.iter().filter_map(|line| Some(line.split_once(':')?.0)).collect();
        assert_eq!(names, ["notes.txt", "scratch", "README.md"]);
        assert_eq!(strangers(&files[..2], &["Cargo.toml", "crates"]), Vec::<String>::new());
    }

    #[test]
    fn path_of_a_machine_is_found_only_where_a_path_begins() {
        let prefix = ["/wo", "rk/"].concat();
        assert!(names_path(&format!("cd {prefix}main"), &prefix));
        assert!(names_path(&format!("\"{prefix}main\""), &prefix));
        assert!(!names_path(&format!("frame{prefix}main"), &prefix));
        assert!(!names_path(&format!("../..{prefix}main"), &prefix));
    }

    #[test]
    fn registry_host_is_found_anywhere_in_a_line() {
        let host = ["pypi", ".org"].concat();
        assert!(complaint(&format!("https://{host}/simple"), &[], std::slice::from_ref(&host)).is_some());
        assert_eq!(complaint("cargo install cargo-deny", &[], &[host]), None);
    }
}
