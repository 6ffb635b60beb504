//! No tracked file may name a machine's own paths or the host of a package registry.
//!
//! Such a name works on one machine only, and tells where the project was made instead of what it is.

use std::path::Path;

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

/// `cargo xtask hygiene`.
pub(crate) fn check() -> Result<(), Error> {
    let machine: Vec<String> = MACHINE_PATHS.iter().map(|parts| parts.concat()).collect();
    let hosts: Vec<String> = REGISTRY_HOSTS.iter().map(|parts| parts.concat()).collect();
    let mut findings = Vec::new();
    let files = shell::tracked_files()?;
    for file in &files {
        let Ok(bytes) = std::fs::read(file) else { continue };
        let Ok(text) = std::str::from_utf8(&bytes) else { continue };
        for (number, line) in text.lines().enumerate() {
            findings.extend(complaint(line, &machine, &hosts).map(|what| at(file, number, &what)));
        }
    }
    conclude("hygiene", findings, &format!("{} files name no machine and no registry host", files.len()))
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
