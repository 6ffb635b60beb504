//! What the server links: nothing of the softphones, the tools or the tests, read from `cargo tree`.
//!
//! Whoever deploys the server carries, updates and answers for each crate in it.

use std::collections::BTreeSet;

use super::conclude;
use crate::error::Error;
use crate::shell::Program;

const SERVER: &str = "mediapoint-server";

/// Crates that the server must not link, and why they are in the workspace.
const REFUSED: &[(&str, &str)] = &[
    ("mediapoint-caller", "softphones and load"),
    ("mediapoint-tools", "demonstration, measurement, files"),
    ("mediapoint-testkit", "test support"),
    ("rtp", "the softphones' RTP"),
    ("rtcp", "the softphones' RTCP"),
    ("hound", "audio files"),
    ("hdrhistogram", "delays of a load"),
    ("comfy-table", "tables on a terminal"),
    ("indicatif", "progress bars"),
    ("console", "progress bars"),
    ("loom", "tests"),
    ("proptest", "tests"),
    ("mediapoint-allocations", "tests"),
];

/// The same for every crate whose name begins so.
const REFUSED_FAMILIES: &[(&str, &str)] = &[("webrtc-", "the softphones' RTP and SRTP")];

/// `cargo xtask arrows`, second half.
pub(crate) fn check() -> Result<(), Error> {
    let tree = tree()?;
    let linked = linked(&tree);
    let own = linked.iter().filter(|(name, _)| name.starts_with("mediapoint-")).count();
    let clean = format!(
        "{SERVER} links {} crates, {own} of them ours, none of the softphones or tests",
        linked.len()
    );
    conclude("deployed", findings(&linked), &clean)
}

/// What `cargo tree` prints of the server.
pub(crate) fn tree() -> Result<String, Error> {
    // Of this machine's platform: what is for others is not linked here, nor downloaded.
    let arguments = ["tree", "--package", SERVER, "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    Program::cargo(arguments).output()
}

/// Name and version of each crate in what `cargo tree` printed; those it showed before are marked there, not here.
pub(crate) fn linked(tree: &str) -> BTreeSet<(&str, &str)> {
    let words = tree.lines().map(|line| line.split_whitespace());
    words.filter_map(|mut words| Some((words.next()?, words.next()?))).collect()
}

fn findings(linked: &BTreeSet<(&str, &str)>) -> Vec<String> {
    linked
        .iter()
        .filter_map(|(name, _)| Some(format!("{SERVER} links {name} ({})", refused(name)?)))
        .collect()
}

/// Why a crate has no place in the server, if it has none.
fn refused(name: &str) -> Option<&'static str> {
    let by_name = REFUSED.iter().find(|(refused, _)| *refused == name);
    let by_family = || REFUSED_FAMILIES.iter().find(|(family, _)| name.starts_with(family));
    by_name.or_else(by_family).map(|(_, why)| *why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_counted_once_and_by_version() {
        let tree = "mediapoint-server v0.1.0 (/somewhere)\nclap v4.6.9\nsyn v2.0.1 (proc-macro)\nsyn v3.0.1\nclap v4.6.9 (*)\n";
        let linked = linked(tree);
        assert_eq!(linked.len(), 4);
        assert!(findings(&linked).is_empty());
    }

    #[test]
    fn softphones_and_their_families_are_found() {
        let found =
            findings(&linked("rtp v0.17.0\nwebrtc-util v0.6.0\nrtoolbox v0.1.0\nmediapoint-caller v0.1.0\n"));
        let named: Vec<bool> = ["mediapoint-caller", "rtp (", "webrtc-util"]
            .iter()
            .map(|name| found.iter().any(|line| line.contains(name)))
            .collect();
        assert_eq!((named, found.len()), (vec![true; 3], 3));
    }
}
