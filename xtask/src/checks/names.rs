//! docs/architecture.md takes a reader through the source, and docs/security.md names the tests of each rule: every file,
//! type and function in their `code spans` must exist. What other pages name must at least stand in the source.
//!
//! What counts as a name: a file (`latch.rs`, `session/leg/latch.rs`), a type (`LegConfig`), a path (`demux::classify`,
//! `Source::Leg`), a function (`handle_timeout`, `poll()`). Single lower-case words are prose, or names of crates.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::conclude;
use crate::error::Error;
use crate::shell;

/// Pages whose names must be defined.
const PAGES: &[&str] = &["docs/architecture.md", "docs/security.md"];

/// Pages whose names must stand in the source: they name fields, figures and keys as well.
const LOOSE: &[&str] = &[
    "README.md",
    "CONTRIBUTING.md",
    "docs/codecs.md",
    "docs/embedding.md",
    "docs/glossary.md",
    "docs/operations.md",
    "docs/performance.md",
    "docs/quality.md",
    "docs/reliability.md",
    "docs/testing.md",
];

/// Names of the standard library and the language that a page may use; further down, of the system and examples.
const KNOWN: &[&str] = &[
    "Arc",
    "Copy",
    "Duration",
    "Instant",
    "Option",
    "Result",
    "Send",
    "Sync",
    "Vec",
    "TimeoutStopSec",
    "WatchdogSec",
    "epoll_wait",
    "foo/tests.rs",
];

/// Words that an item's name follows.
const KEYWORDS: &[&str] = &["struct", "enum", "trait", "type", "union", "fn", "mod", "const", "static"];

/// `cargo xtask docs-check`, third part.
pub(crate) fn check() -> Result<(), Error> {
    let index = Index::build()?;
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for path in PAGES.iter().chain(LOOSE) {
        let page = shell::read(Path::new(path))?;
        for (number, span) in spans(&page) {
            let Some(name) = Name::parse(span) else { continue };
            let found = index.has(&name) || LOOSE.contains(path) && index.mentions(span);
            if !found {
                findings.push(format!("{path}:{number}: nothing is called {span}"));
            }
            seen.insert(span.to_owned());
        }
    }
    let done = format!("{} names in {} pages exist in the source", seen.len(), PAGES.len() + LOOSE.len());
    conclude("names", findings, &done)
}

/// Code spans of a page and their lines, without those in blocks.
fn spans(page: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut block = false;
    for (number, line) in page.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            block = !block;
        } else if !block {
            found.extend(line.split('`').skip(1).step_by(2).map(|span| (number + 1, span)));
        }
    }
    found
}

/// A span that names something of the source.
#[derive(Debug, PartialEq, Eq)]
enum Name<'s> {
    File(&'s str),
    Item(&'s str),
    /// What comes before the last `::`, its last part, and what comes after.
    Member(&'s str, &'s str),
}

impl<'s> Name<'s> {
    fn parse(span: &'s str) -> Option<Self> {
        let span = span.strip_suffix("()").unwrap_or(span);
        if Path::new(span).extension().is_some_and(|ext| ext == "rs") && !span.contains(char::is_whitespace) {
            return Some(Self::File(span));
        }
        // Generic arguments say nothing of what exists.
        let plain = span.split('<').next().unwrap_or(span);
        if let Some((path, member)) = plain.rsplit_once("::") {
            let owner = path.rsplit("::").next().unwrap_or(path);
            return (is_identifier(owner) && is_identifier(member)).then_some(Self::Member(owner, member));
        }
        let is_type = plain.starts_with(|c: char| c.is_ascii_uppercase())
            && plain.contains(|c: char| c.is_ascii_lowercase());
        let is_function = plain.contains('_') && !plain.contains(|c: char| c.is_ascii_uppercase())
            || plain.len() < span.len();
        (is_identifier(plain) && (is_type || is_function)).then_some(Self::Item(plain))
    }
}

fn is_identifier(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// What the source defines.
#[derive(Default)]
struct Index {
    files: Vec<PathBuf>,
    /// Items by name, and the files that define them.
    items: BTreeMap<String, BTreeSet<usize>>,
    /// The words of each file's code.
    words: Vec<BTreeSet<String>>,
}

impl Index {
    fn build() -> Result<Self, Error> {
        let mut index = Self::default();
        for file in shell::tracked_files()? {
            let example = file.starts_with("examples");
            if example || file.extension().is_some_and(|ext| ext == "rs") && !file.starts_with("xtask") {
                let source = shell::read(&file)?;
                index.add(file, &source);
            }
        }
        Ok(index)
    }

    fn add(&mut self, file: PathBuf, source: &str) {
        let place = self.files.len();
        let code = || source.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code() {
            let words: Vec<&str> = words(line).collect();
            for pair in words.windows(2) {
                if let [keyword, name] = pair
                    && KEYWORDS.contains(keyword)
                {
                    self.items.entry((*name).to_owned()).or_default().insert(place);
                }
            }
        }
        // A module is called like its file, a crate like its folder.
        for name in module_names(&file) {
            self.items.entry(name).or_default().insert(place);
        }
        self.words.push(code().flat_map(words).map(str::to_owned).collect());
        self.files.push(file);
    }

    fn has(&self, name: &Name<'_>) -> bool {
        match name {
            Name::File(path) => self.files.iter().any(|file| file.ends_with(path)),
            Name::Item(item) => {
                KNOWN.contains(item) || self.items.contains_key(*item) || self.is_variant(item)
            }
            Name::Member(owner, member) => {
                let owners = self.items.get(*owner).into_iter().flatten();
                owners.filter_map(|place| self.words.get(*place)).any(|words| words.contains(*member))
            }
        }
    }

    /// A word of the code, a field or text among them, or a file that is there.
    fn mentions(&self, span: &str) -> bool {
        KNOWN.contains(&span)
            || Path::new(span).is_file()
            // Metrics are put together where they are written; a test of the server compares them with the page.
            || span.starts_with("mediapoint_")
            || self.words.iter().any(|words| words.contains(span))
    }

    /// A variant or a field stands in the code without a keyword before it.
    fn is_variant(&self, item: &str) -> bool {
        item.starts_with(|c: char| c.is_ascii_uppercase())
            && self.words.iter().any(|words| words.contains(item))
    }
}

/// Names under which the items of a file are reached: its own, those of the folders around it, and its crate's.
fn module_names(file: &Path) -> Vec<String> {
    let parts = file.iter().filter_map(|part| part.to_str());
    let parts = parts.map(|part| part.strip_suffix(".rs").unwrap_or(part).replace('-', "_"));
    parts.filter(|part| !["crates", "src", "lib", "main", "mod"].contains(&part.as_str())).collect()
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_types_paths_and_functions_are_names_and_prose_is_not() {
        let parsed = |span| Name::parse(span);
        assert_eq!(parsed("session/leg/latch.rs"), Some(Name::File("session/leg/latch.rs")));
        assert_eq!(parsed("LegConfig"), Some(Name::Item("LegConfig")));
        assert_eq!(parsed("Pending<T>"), Some(Name::Item("Pending")));
        assert_eq!(parsed("packet::demux::classify"), Some(Name::Member("demux", "classify")));
        assert_eq!(parsed("Leg::poll()"), Some(Name::Member("Leg", "poll")));
        assert_eq!(parsed("handle_timeout"), Some(Name::Item("handle_timeout")));
        for span in ["packet", "a=crypto", "cargo xtask arrows", "crates/net", "READY=1", "RTP", "READY"] {
            assert_eq!(parsed(span), None, "{span}");
        }
    }

    #[test]
    fn what_is_defined_is_found_and_what_is_gone_is_not() {
        let mut index = Index::default();
        let source = "// struct Gone;\npub struct Leg { latch: Latch }\nenum Kind { Plain }\nimpl Leg { fn poll_it(&self) {} }\n";
        index.add(PathBuf::from("crates/engine/src/session/leg.rs"), source);
        let has = |span| index.has(&Name::parse(span).unwrap());
        for span in [
            "Leg",
            "Kind",
            "Kind::Plain",
            "Leg::latch",
            "leg::Leg",
            "engine::Leg",
            "poll_it",
            "session/leg.rs",
            "Send",
        ] {
            assert!(has(span), "{span}");
        }
        for span in ["Gone", "Leg::gone", "Latch::Leg", "call::Leg", "poll_other", "leg/session.rs", "eg.rs"]
        {
            assert!(!has(span), "{span}");
        }
        assert!(index.mentions("Latch") && !index.mentions("Gone"));
    }

    #[test]
    fn spans_in_blocks_are_pictures() {
        assert_eq!(spans("see `A`\n```\n`B`\n```\n`C`"), [(1, "A"), (5, "C")]);
    }
}
