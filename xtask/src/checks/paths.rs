//! A document that names a path of this repository must name one that exists.
//!
//! Looks at links and at `code spans` of every Markdown file, and at code spans of Rust comments.

use std::path::{Component, Path, PathBuf};

use super::conclude;
use crate::error::Error;
use crate::shell;

/// Folders whose contents documents refer to from the root.
const ROOTS: &[&str] =
    &["crates", "docs", "xtask", "interop", "benches", "fuzz", ".ci", ".cargo", "testdata", "packaging"];

/// `cargo xtask docs-check`, first half.
pub(crate) fn check() -> Result<(), Error> {
    let mut findings = Vec::new();
    let mut documents = 0;
    for file in shell::tracked_files()? {
        let markdown = file.extension().is_some_and(|ext| ext == "md");
        let rust = file.extension().is_some_and(|ext| ext == "rs");
        if !markdown && !rust {
            continue;
        }
        documents += 1;
        let text = shell::read(&file)?;
        for (number, line) in text.lines().enumerate() {
            let names = if markdown { markdown_paths(line, &file) } else { comment_paths(line) };
            for name in names.into_iter().filter(|name| !name.exists()) {
                findings.push(format!("{}:{}: no such path: {}", file.display(), number + 1, name.display()));
            }
        }
    }
    conclude("paths", findings, &format!("every path named in {documents} documents and sources exists"))
}

fn markdown_paths(line: &str, file: &Path) -> Vec<PathBuf> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let links = links(line).into_iter().map(|target| clean(&folder.join(target)));
    links.chain(code_spans(line).filter_map(root_path)).collect()
}

fn comment_paths(line: &str) -> Vec<PathBuf> {
    let trimmed = line.trim_start();
    if trimmed.starts_with("//") { code_spans(trimmed).filter_map(root_path).collect() } else { Vec::new() }
}

/// Targets of `[text](target)` that lie in the repository.
fn links(line: &str) -> Vec<&str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .map(|target| target.split('#').next().unwrap_or(target))
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.contains(' '))
        .filter(|target| !target.starts_with("mailto:"))
        .collect()
}

fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The path in a code span, if it is one from the root: no spaces, wildcards or placeholders.
fn root_path(span: &str) -> Option<PathBuf> {
    let span = span.split(['#', ':']).next()?;
    let first = span.split('/').next()?;
    let plain =
        !span.contains(|c: char| c.is_whitespace() || "*{}<>$()|,".contains(c)) && !span.contains("NNN");
    (span.contains('/') && plain && ROOTS.contains(&first)).then(|| PathBuf::from(span))
}

/// Resolves `.` and `..` without touching the disk.
fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_taken_relative_to_their_document() {
        let found =
            markdown_paths("see [this](../interop/a.md#x) and [that](https://x/y)", Path::new("docs/a.md"));
        assert_eq!(found, [PathBuf::from("interop/a.md")]);
    }

    #[test]
    fn code_spans_count_only_when_they_start_at_a_root_folder() {
        let found =
            markdown_paths("`crates/net/src/lib.rs` `a/b` `crates/*` `cargo xtask`", Path::new("README.md"));
        assert_eq!(found, [PathBuf::from("crates/net/src/lib.rs")]);
    }
}
