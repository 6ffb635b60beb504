//! Reads a TOML file, and says where in it a fault is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};

/// Why a file of settings or prices cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A key or value of it cannot be used, or it is no TOML.
    #[error("{}:{line}: {}{reason}", path.display(), key.as_ref().map(|key| format!("{key}: ")).unwrap_or_default())]
    Content {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key, where the fault is at one.
        key: Option<String>,
        /// What is wrong, and what is allowed.
        reason: String,
    },
}

/// Reads the file at `path`.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, FileError> {
    let text =
        fs::read_to_string(path).map_err(|source| FileError::Read { path: path.to_owned(), source })?;
    parse(&text, path)
}

/// Reads the text of a file; `path` names it in errors.
pub(crate) fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, FileError> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        let key = key_at(text, at);
        let reason = reason_of(error.message(), key.as_deref());
        FileError::Content { path: path.to_owned(), line, key, reason }
    })
}

/// The key that the byte at `at` belongs to; one of a table with the table's name before it.
fn key_at(text: &str, at: usize) -> Option<String> {
    key_in(DeTable::parse(text).ok()?.get_ref(), at)
}

fn key_in(table: &DeTable<'_>, at: usize) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let name = key.get_ref();
        let within = match value.get_ref() {
            DeValue::Table(table) => key_in(table, at),
            _ => None,
        };
        let is_here = key.span().contains(&at) || value.span().contains(&at);
        within.map(|key| format!("{name}.{key}")).or_else(|| is_here.then(|| name.to_string()))
    })
}

/// The parser's words, where they are about fields rather than keys, turned into those of a file.
fn reason_of(message: &str, key: Option<&str>) -> String {
    match message.split_once(", expected one of ") {
        Some((unknown, allowed)) if unknown.starts_with("unknown field") && key.is_some() => {
            format!("unknown key; allowed: {}", allowed.replace('`', ""))
        }
        _ => message.trim_end().replace('\n', ", "),
    }
}
