//! READMEs of crates show the example of the crate's documentation, which is compiled; decisions are numbered on.

use std::path::{Path, PathBuf};

use super::conclude;
use crate::error::Error;
use crate::shell;

const DECISIONS: &str = "docs/decisions";

/// `cargo xtask docs-check`, fourth part. With `write`, examples are brought up to date.
pub(crate) fn check(write: bool) -> Result<(), Error> {
    let files = shell::tracked_files()?;
    let mut findings = Vec::new();
    let mut readmes = 0;
    for readme in files.iter().filter(|file| is_readme_of_crate(file)) {
        let library = readme.with_file_name("src").join("lib.rs");
        let (page, source) = (shell::read(readme)?, shell::read(&library)?);
        let Some(example) = example(&source) else { continue };
        readmes += 1;
        match with_example(&page, &example) {
            None => findings.push(format!("{}: no block of rust", readme.display())),
            Some(wanted) if wanted == page => {}
            Some(wanted) if write => {
                std::fs::write(readme, wanted)
                    .map_err(|source| Error::Io { path: readme.clone(), source })?;
            }
            Some(_) => findings.push(format!(
                "{}: the example is not that of {}: run `cargo xtask docs-check --conformance write`",
                readme.display(),
                library.display()
            )),
        }
    }
    let decisions = numbers(&files);
    findings.extend(hole(&decisions));
    let clean =
        format!("{readmes} READMEs show what the crates' documentation does; {} decisions", decisions.len());
    conclude("documents", findings, &clean)
}

fn is_readme_of_crate(file: &Path) -> bool {
    file.starts_with("crates")
        && file.file_name().is_some_and(|name| name == "README.md")
        && file.iter().count() == 3
}

/// The first example of a library's documentation, without the lines that documentation hides.
fn example(source: &str) -> Option<String> {
    let mut lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    lines.find(|line| line.trim_start().starts_with("```"))?;
    let lines = lines.take_while(|line| !line.trim_start().starts_with("```"));
    let shown =
        lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).filter(|line| !line.starts_with("# "));
    Some(shown.map(|line| format!("{line}\n")).collect())
}

/// The page with its first block of rust replaced.
fn with_example(page: &str, example: &str) -> Option<String> {
    const OPENING: &str = "```rust\n";
    let (before, rest) = page.split_once(OPENING)?;
    let end = if rest.starts_with("```") { 0 } else { rest.find("\n```")? + 1 };
    Some(format!("{before}{OPENING}{example}{}", rest.get(end..)?))
}

fn numbers(files: &[PathBuf]) -> Vec<u32> {
    let pages = files.iter().filter_map(|file| file.strip_prefix(DECISIONS).ok()?.to_str());
    let mut numbers: Vec<u32> = pages.filter_map(|name| name.split('-').next()?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

/// The first number that is missing or there twice.
fn hole(numbers: &[u32]) -> Option<String> {
    let wrong = numbers.iter().zip(1..).find(|(number, expected)| *number != expected)?;
    Some(format!("{DECISIONS}: {:03} stands where {:03} should", wrong.0, wrong.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_taken_without_hidden_lines() {
        let source = "//! What it is.\n//!\n//! ```\n//! let a = 1;\n//!\n//! # Ok::<(), ()>(())\n//! ```\n//! More.\nmod a;\n";
        assert_eq!(example(source).as_deref(), Some("let a = 1;\n\n"));
        assert_eq!(example("//! What it is.\nmod a;\n"), None);
    }

    #[test]
    fn the_block_of_a_page_is_replaced_and_the_rest_stays() {
        let page = "# a\n```rust\nold();\n```\nend\n";
        assert_eq!(with_example(page, "new();\n").as_deref(), Some("# a\n```rust\nnew();\n```\nend\n"));
        assert_eq!(with_example("# a\n```rust\n```\n", "b\n").as_deref(), Some("# a\n```rust\nb\n```\n"));
        assert_eq!(with_example("# a\n", "b\n"), None);
    }

    #[test]
    fn a_hole_and_a_number_used_twice_are_found() {
        assert_eq!(hole(&[1, 2, 3]), None);
        assert!(hole(&[1, 3]).is_some_and(|finding| finding.contains("003 stands where 002")));
        assert!(hole(&[1, 2, 2]).is_some());
    }
}
