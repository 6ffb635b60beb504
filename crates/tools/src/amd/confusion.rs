//! Labels of a user's own recordings, and how many of each were recognised.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use comfy_table::CellAlignment;

use crate::text;

/// Results, and so labels, in the order of the table, each with its heading.
const RESULTS: [(&str, &str); 11] = [
    ("person", "per"),
    ("machine", "mach"),
    ("beep", "beep"),
    ("fax", "fax"),
    ("sit", "sit"),
    ("busy", "busy"),
    ("reorder", "reor"),
    ("ringing", "ring"),
    ("silence", "sil"),
    ("modem", "mod"),
    ("unsure", "uns"),
];

/// Why labels are unusable.
#[derive(Debug, thiserror::Error)]
pub(super) enum LabelError {
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}:{line}: '{text}' is not FILE,LABEL", path.display())]
    Line { path: PathBuf, line: usize, text: String },
    #[error(
        "{}:{line}: '{label}' is no result: person, machine, beep, fax, sit, busy, reorder, ringing, silence, \
         modem, unsure",
        path.display()
    )]
    Label { path: PathBuf, line: usize, label: String },
}

/// What the files are.
#[derive(Debug)]
pub(super) struct Labels(HashMap<PathBuf, &'static str>);

impl Labels {
    /// Reads lines of FILE,LABEL. Empty lines, and a first line `file,label`, are passed over.
    pub(super) fn read(path: &Path) -> Result<Self, LabelError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| LabelError::Read { path: path.to_owned(), source })?;
        let mut labels = HashMap::new();
        for (at, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
            let (path, line) = (path.to_owned(), at + 1);
            let Some((file, label)) = text.rsplit_once(',') else {
                return Err(LabelError::Line { path, line, text: text.to_owned() });
            };
            let (file, label) = (file.trim().trim_matches('"'), label.trim().trim_matches('"'));
            if at == 0 && (file, label) == ("file", "label") {
                continue;
            }
            let Some((label, _)) = RESULTS.into_iter().find(|(name, _)| *name == label) else {
                return Err(LabelError::Label { path, line, label: label.to_owned() });
            };
            labels.insert(PathBuf::from(file), label);
        }
        Ok(Self(labels))
    }

    fn of(&self, file: &Path) -> Option<&'static str> {
        self.0.get(file).or_else(|| self.0.get(Path::new(file.file_name()?))).copied()
    }
}

/// How many files of a label had which result.
pub(super) struct Confusion {
    labels: Labels,
    counts: BTreeMap<(&'static str, &'static str), u32>,
    unlabelled: u32,
}

impl Confusion {
    pub(super) fn new(labels: Labels) -> Self {
        Self { labels, counts: BTreeMap::new(), unlabelled: 0 }
    }

    pub(super) fn count(&mut self, file: &Path, result: &'static str) {
        match self.labels.of(file) {
            Some(label) => *self.counts.entry((label, result)).or_default() += 1,
            None => self.unlabelled += 1,
        }
    }
}

impl fmt::Display for Confusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = text::table();
        let headings = RESULTS.iter().map(|(_, heading)| *heading);
        table.set_header(["is \\ told"].into_iter().chain(headings).chain(["right"]));
        let (mut all, mut hits) = (0, 0);
        for (label, _) in RESULTS {
            let of = |result| self.counts.get(&(label, result)).copied().unwrap_or(0);
            let row: Vec<u32> = RESULTS.iter().map(|(result, _)| of(*result)).collect();
            let sum: u32 = row.iter().sum();
            if sum == 0 {
                continue;
            }
            (all, hits) = (all + sum, hits + of(label));
            let cells = row.iter().map(|count| if *count == 0 { String::new() } else { count.to_string() });
            table.add_row([label.to_owned()].into_iter().chain(cells).chain([share(of(label), sum)]));
        }
        for index in 0..RESULTS.len() + 2 {
            if let Some(column) = table.column_mut(index) {
                column.set_padding((0, 1));
                if index > 0 {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        writeln!(f, "{table}")?;
        write!(f, "{hits} of {all} right: {}", share(hits, all))?;
        if self.unlabelled > 0 {
            write!(f, "; {} without a label", self.unlabelled)?;
        }
        Ok(())
    }
}

fn share(part: u32, whole: u32) -> String {
    format!("{:.1} %", 100.0 * f64::from(part) / f64::from(whole.max(1)))
}
