//! Dependencies that no source file of their crate names, and versions in the workspace's table that no crate takes.
//!
//! A crate counts as used where its name stands in the code, so that one that is only named in a comment does not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cargo_metadata::{Dependency, DependencyKind, Metadata, MetadataCommand, Package};

use super::conclude;
use crate::error::Error;
use crate::shell;

/// Dependencies that are there for what they bring, not for what is called in them: crate, dependency.
const FOR_EFFECT: &[(&str, &str)] = &[];

/// `cargo xtask unused`.
pub(crate) fn check() -> Result<(), Error> {
    let metadata = MetadataCommand::new().no_deps().exec()?;
    let files = shell::tracked_files()?;
    let mut findings = Vec::new();
    let mut dependencies = 0;
    for package in metadata.workspace_packages() {
        let folder = package.manifest_path.parent().unwrap_or(&metadata.workspace_root);
        let folder = folder.strip_prefix(&metadata.workspace_root).unwrap_or(folder);
        let sources = Sources::read(folder.as_std_path(), &files)?;
        dependencies += package.dependencies.len();
        findings.extend(unused(package, &sources));
    }
    findings.extend(unclaimed(&metadata)?);
    conclude(
        "unused",
        findings,
        &format!(
            "each of {dependencies} dependencies is named in the code of its crate, each line of the table taken"
        ),
    )
}

/// Lines of the workspace's table that no member takes.
fn unclaimed(metadata: &Metadata) -> Result<Vec<String>, Error> {
    let manifest = shell::read(metadata.workspace_root.join("Cargo.toml").as_std_path())?;
    let packages = metadata.workspace_packages();
    let taken: BTreeSet<&str> =
        packages.iter().flat_map(|package| &package.dependencies).map(|one| one.name.as_str()).collect();
    let unclaimed = table(&manifest).filter(|name| !taken.contains(name));
    Ok(unclaimed.map(|name| format!("no crate takes {name} from the workspace's table")).collect())
}

/// Names in the workspace's table of dependencies.
fn table(manifest: &str) -> impl Iterator<Item = &str> {
    let lines = manifest.lines().skip_while(|line| *line != "[workspace.dependencies]").skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| line.split_once('=')).map(|(name, _)| name.trim())
}

/// The words of a crate's code.
#[derive(Default)]
struct Sources {
    /// Of what is built into the crate.
    product: BTreeSet<String>,
    /// Of tests, examples and benches.
    tests: BTreeSet<String>,
    /// Of the build script.
    build: BTreeSet<String>,
}

impl Sources {
    fn read(folder: &Path, files: &[PathBuf]) -> Result<Self, Error> {
        let mut sources = Self::default();
        for file in files.iter().filter(|file| file.extension().is_some_and(|ext| ext == "rs")) {
            let Ok(inside) = file.strip_prefix(folder) else { continue };
            let words = match inside.iter().next().and_then(|first| first.to_str()) {
                Some("src") => &mut sources.product,
                Some("build.rs") => &mut sources.build,
                _ => &mut sources.tests,
            };
            words.extend(self::words(&shell::read(file)?));
        }
        Ok(sources)
    }

    fn name(&self, dependency: &Dependency) -> bool {
        let word = dependency.rename.as_ref().unwrap_or(&dependency.name).replace('-', "_");
        match dependency.kind {
            DependencyKind::Development => self.tests.contains(&word) || self.product.contains(&word),
            DependencyKind::Build => self.build.contains(&word),
            _ => self.product.contains(&word),
        }
    }
}

/// Words of code, without comments of whole lines. Examples in documentation count: they are tests.
fn words(source: &str) -> impl Iterator<Item = String> {
    let code = source.lines().scan(false, |example, line| Some(code(line, example)));
    let words = code.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'));
    words.filter(|word| !word.is_empty()).map(str::to_owned)
}

/// The line where it is code, or of an example in documentation; `example` tells whether one is open.
fn code<'l>(line: &'l str, example: &mut bool) -> &'l str {
    let trimmed = line.trim_start();
    let documented = trimmed.strip_prefix("//!").or_else(|| trimmed.strip_prefix("///"));
    match documented {
        Some(text) if text.trim_start().starts_with("```") => {
            *example = !*example;
            ""
        }
        Some(text) if *example => text,
        Some(_) => "",
        None if trimmed.starts_with("//") => "",
        None => {
            *example = false;
            line
        }
    }
}

fn unused(package: &Package, sources: &Sources) -> Vec<String> {
    let for_effect =
        |dependency: &Dependency| FOR_EFFECT.contains(&(package.name.as_str(), dependency.name.as_str()));
    let unused = package.dependencies.iter().filter(|one| !sources.name(one) && !for_effect(one));
    unused.map(|dependency| format!("{} does not use {}", package.name, dependency.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_comment_is_no_use_and_one_in_an_example_is() {
        let source = "// rand is not used\n//! beside hound\n//! ```\n//! use clap::Parser;\n//! ```\n//! and rtp\nuse serde_json::Value;\n";
        let words: BTreeSet<String> = words(source).collect();
        let named = ["rand", "hound", "clap", "rtp", "serde_json"].map(|word| words.contains(word));
        assert_eq!(named, [false, false, true, false, true]);
    }

    #[test]
    fn the_table_ends_with_its_section() {
        let manifest = "[workspace]\na = 1\n[workspace.dependencies]\nclap = \"4\"\n\nserde = { version = \"1\" }\n[profile]\nb = 2\n";
        assert_eq!(table(manifest).collect::<Vec<_>>(), ["clap", "serde"]);
    }
}
