//! The list of accepted differences, read from `interop/differences.md`, so that what people read is what counts.
//!
//! A row of its tables is: place, aspect, reference, here, reason. A `*` stands for any run of characters.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::Difference;
use crate::error::{Failure, ensure};

const PAGE: &str = include_str!("../../differences.md");

/// Rows that some reply has met in this run.
static MET: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

/// Rows of the tables.
pub(super) struct Accepted(Vec<[String; 5]>);

impl Accepted {
    /// Reads the page that this program was built with.
    pub(super) fn read() -> Result<Self, Failure> {
        Self::parse(PAGE)
    }

    fn parse(page: &str) -> Result<Self, Failure> {
        let mut rows = Vec::new();
        for line in page.lines().filter(|line| line.starts_with("| `")) {
            // A bar within a meaning is written as two characters in Markdown.
            let line = line.replace("\\|", "\u{1}");
            let cells: Vec<String> =
                line.trim_matches('|').split('|').map(|cell| plain(cell).replace('\u{1}', "|")).collect();
            let row: [String; 5] = cells
                .try_into()
                .map_err(|_| Failure::Wrong(format!("differences.md: not five cells: {line}")))?;
            ensure!(row[4].len() > 10, "differences.md: no reason given: {line}");
            rows.push(row);
        }
        Ok(Self(rows))
    }

    /// The reason for which a difference is accepted; its row counts as met from now on.
    ///
    /// # Errors
    /// What is to be said where no row fits, or more than one: a reason that covers for another hides a fault.
    pub(super) fn reason(&self, place: &str, difference: &Difference) -> Result<&str, String> {
        let fits = |[at, aspect, theirs, ours, _]: &[String; 5]| {
            matches(at, place)
                && matches(aspect, &difference.aspect)
                && matches(theirs, &difference.theirs)
                && matches(ours, &difference.ours)
        };
        let fitting: Vec<_> = self.0.iter().enumerate().filter(|(_, row)| fits(row)).collect();
        match fitting.as_slice() {
            [] => Err(String::new()),
            [(index, [.., reason])] => {
                MET.lock().unwrap_or_else(PoisonError::into_inner).insert(*index);
                Ok(reason)
            }
            several => {
                let names: Vec<_> =
                    several.iter().map(|(_, [at, aspect, ..])| format!("{at} {aspect}")).collect();
                Err(format!(" (several rows fit: {})", names.join("; ")))
            }
        }
    }

    /// Rows that no reply has met so far.
    pub(super) fn unmet(&self) -> Vec<String> {
        let met = MET.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = self.0.iter().enumerate().filter(|(index, _)| !met.contains(index));
        rows.map(|(_, [place, aspect, ..])| format!("{place} {aspect}")).collect()
    }
}

/// A cell's text: code is what stands between its marks, and a reason may hold code among its words.
fn plain(cell: &str) -> &str {
    let cell = cell.trim();
    let inner = cell.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
    inner.filter(|inner| !inner.contains('`')).unwrap_or(cell)
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(tail) = text.strip_prefix(head) else { return false };
    // Everything after the star must fit at some later place.
    (0..=tail.len()).filter_map(|at| tail.get(at..)).any(|tail| matches(rest, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn star_stands_for_anything_and_nothing() {
        assert!(matches("a*c", "abbc") && matches("a*c", "ac") && matches("*", ""));
        assert!(!matches("a*c", "abd") && !matches("abc", "abcd"));
    }

    #[test]
    fn a_difference_has_exactly_one_reason() {
        let row = |place: &str| format!("| `{place}` | `m0.port` | `*` | `refused` | a reason to read |\n");
        let page = Accepted::parse(&(row("one/*") + &row("*/case"))).unwrap();
        let difference = || Difference {
            aspect: "m0.port".to_owned(),
            ours: "refused".to_owned(),
            theirs: "open".to_owned(),
        };
        assert_eq!(page.reason("one/other", &difference()), Ok("a reason to read"));
        assert!(page.reason("one/case", &difference()).is_err_and(|fault| fault.contains("several rows")));
        assert_eq!(page.reason("two/other", &difference()), Err(String::new()));
    }

    #[test]
    fn page_is_well_formed_and_each_row_has_a_reason() {
        assert!(!Accepted::read().unwrap().0.is_empty());
        assert!(Accepted::parse("| `a` | `b` | `c` | `d` | short |").is_err());
    }
}
