//! docs/conformance.md from the clause tags in the source.
//!
//! A bracketed RFC number and clause marks code; the same after the words "test-of:" marks its test. A tag
//! without a test fails, unless docs/exceptions/ has a line with the tag and the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use super::conclude;
use crate::error::Error;
use crate::shell;

const PAGE: &str = "docs/conformance.md";
const EXCEPTIONS: &str = "docs/exceptions";

/// A clause of a specification, ordered as it stands in the document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Clause {
    rfc: u32,
    /// The clause's parts, numbers before letters.
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u32),
    Text(String),
}

#[derive(Default)]
struct Mentions {
    code: BTreeSet<String>,
    tests: BTreeSet<String>,
    exceptions: BTreeSet<String>,
}

type Index = BTreeMap<Clause, Mentions>;

/// `cargo xtask docs-check`, second half.
pub(crate) fn check(write: bool) -> Result<(), Error> {
    let index = build()?;
    let page = render(&index);
    let path = Path::new(PAGE);
    if write {
        std::fs::write(path, &page).map_err(|source| Error::Io { path: path.to_path_buf(), source })?;
        println!("conformance: wrote {PAGE}");
    }
    let mut findings = untested(&index);
    if std::fs::read_to_string(path).unwrap_or_default() != page {
        findings.push(format!("{PAGE} is out of date: run `cargo xtask docs-check --conformance write`"));
    }
    conclude(
        "conformance",
        findings,
        &format!("{} clauses marked, each with a test or an exception", index.len()),
    )
}

fn build() -> Result<Index, Error> {
    let mut index = Index::new();
    for file in shell::tracked_files()? {
        let name = file.to_string_lossy().replace('\\', "/");
        let source = name.ends_with(".rs") && !name.starts_with("xtask/");
        let exception = name.starts_with(EXCEPTIONS) && name.ends_with(".md");
        if !source && !exception {
            continue;
        }
        for line in shell::read(&file)?.lines() {
            for (clause, is_test) in tags(line) {
                let mentions = index.entry(clause).or_default();
                let set = match (exception, is_test) {
                    (true, _) => &mut mentions.exceptions,
                    (false, true) => &mut mentions.tests,
                    (false, false) => &mut mentions.code,
                };
                set.insert(name.clone());
            }
        }
    }
    Ok(index)
}

/// Clause tags of one line, each with whether it marks a test. One tag may name several clauses.
fn tags(line: &str) -> Vec<(Clause, bool)> {
    let test_from = line.find("test-of:").unwrap_or(usize::MAX);
    let mut found = Vec::new();
    for (start, opening) in line.match_indices("[RFC") {
        let inside = line.get(start + opening.len()..).and_then(|rest| rest.split_once(']'));
        // A bare number (a link, say) names no clause.
        let Some((number, sections)) = inside.and_then(|(inside, _)| inside.split_once(' ')) else {
            continue;
        };
        let clauses = sections.split(',').filter_map(|section| Clause::parse(number, section.trim()));
        found.extend(clauses.map(|clause| (clause, start > test_from)));
    }
    found
}

impl Clause {
    /// Reads the number `3550` and the section `6.4.1`.
    fn parse(number: &str, section: &str) -> Option<Self> {
        if section.is_empty() || section.contains(char::is_whitespace) {
            return None;
        }
        let part = |part: &str| part.parse().map_or_else(|_| Part::Text(part.to_owned()), Part::Number);
        Some(Self { rfc: number.parse().ok()?, parts: section.split('.').map(part).collect() })
    }

    /// Whether one clause lies within the other.
    fn touches(&self, other: &Self) -> bool {
        self.rfc == other.rfc && self.parts.iter().zip(&other.parts).all(|(a, b)| a == b)
    }

    fn section(&self) -> String {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|part| match part {
                Part::Number(number) => number.to_string(),
                Part::Text(text) => text.clone(),
            })
            .collect();
        parts.join(".")
    }
}

/// Clauses with code but neither a test of them, of a part of them, or of the clause around them, nor an exception.
fn untested(index: &Index) -> Vec<String> {
    let covered: Vec<&Clause> = index
        .iter()
        .filter(|(_, mentions)| !mentions.tests.is_empty() || !mentions.exceptions.is_empty())
        .map(|(clause, _)| clause)
        .collect();
    index
        .iter()
        .filter(|(clause, mentions)| {
            !mentions.code.is_empty() && !covered.iter().any(|other| clause.touches(other))
        })
        .map(|(clause, mentions)| {
            let files: Vec<&str> = mentions.code.iter().map(String::as_str).collect();
            format!("no test of [RFC{} {}], marked in {}", clause.rfc, clause.section(), files.join(", "))
        })
        .collect()
}

fn render(index: &Index) -> String {
    let mut page = String::from(
        "# Conformance\n\nWhich clause of which specification is carried out where, and what tests it. \
         Generated by `cargo xtask docs-check --conformance write` from the tags in the source; do not edit.\n",
    );
    let mut rfc = None;
    for (clause, mentions) in index {
        if rfc != Some(clause.rfc) {
            rfc = Some(clause.rfc);
            let _ = write!(
                page,
                "\n## RFC {}\n\n| clause | code | tests | exception |\n| --- | --- | --- | --- |\n",
                clause.rfc
            );
        }
        let list =
            |set: &BTreeSet<String>| set.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ");
        let row = [clause.section(), list(&mentions.code), list(&mentions.tests), list(&mentions.exceptions)];
        let _ = writeln!(page, "| {} |", row.join(" | "));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(text: &str) -> Clause {
        let (number, section) = text.split_once(' ').unwrap();
        Clause::parse(number, section).unwrap()
    }

    #[test]
    fn tags_are_read_with_their_role() {
        let found = tags("/// Does it [RFC3550 6.4.1]; test-of: [RFC3550 A.8], [RFC4733 2.3]");
        let roles: Vec<bool> = found.iter().map(|(_, test)| *test).collect();
        assert_eq!(roles, [false, true, true]);
        assert_eq!(found[1].0.section(), "A.8");
    }

    #[test]
    fn one_tag_may_name_several_clauses() {
        let found = tags("// test-of: [RFC3711 4.1.1, 4.2.1]");
        assert_eq!(found, [(clause("3711 4.1.1"), true), (clause("3711 4.2.1"), true)]);
    }

    #[test]
    fn link_to_an_rfc_is_no_tag() {
        assert!(tags("see [RFC3550] and [RFC3550 section 6]").is_empty());
    }

    #[test]
    fn clauses_order_by_number_not_by_letter() {
        assert!(clause("3550 6.4") < clause("3550 6.10"));
        assert!(clause("3550 9") < clause("3550 A.1"));
    }

    #[test]
    fn test_of_a_part_covers_the_whole_and_the_other_way_round() {
        assert!(clause("3550 6.4").touches(&clause("3550 6.4.1")));
        assert!(clause("3550 6.4.1").touches(&clause("3550 6.4")));
        assert!(!clause("3550 6.4").touches(&clause("3550 6.5")));
    }

    #[test]
    fn clause_with_code_alone_is_reported() {
        let mut index = Index::new();
        index.entry(clause("3550 5.1")).or_default().code.insert("a.rs".to_owned());
        assert_eq!(untested(&index).len(), 1);
        index.entry(clause("3550 5.1")).or_default().exceptions.insert("b.md".to_owned());
        assert!(untested(&index).is_empty());
    }
}
