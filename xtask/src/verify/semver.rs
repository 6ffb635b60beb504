//! The libraries' interfaces compared with those of the last tag, by cargo-semver-checks.

use cargo_metadata::{MetadataCommand, TargetKind};

use crate::error::Error;
use crate::shell::{Program, find_program};

/// Libraries that nobody outside the workspace links.
const OURS_ALONE: &[&str] = &["mediapoint-caller", "mediapoint-testkit", "mediapoint-benches"];

/// `cargo xtask semver`.
pub(crate) fn check() -> Result<(), Error> {
    let tags = Program::new("git", ["tag", "--list", "v[0-9]*", "--sort=-version:refname"]).output()?;
    let Some(tag) = tags.lines().next() else {
        println!("semver: skipped, there is no tag yet, nothing to compare");
        return Ok(());
    };
    let packages = libraries_since(tag)?;
    if packages.is_empty() {
        println!("semver: skipped, {tag} has none of the libraries");
        return Ok(());
    }
    // It takes minutes to build, so that it is installed only where there is something for it to do.
    if find_program("cargo-semver-checks").is_none() {
        Program::cargo(["install", "cargo-semver-checks", "--locked", "--quiet"]).run()?;
    }
    let named = packages.iter().flat_map(|name| ["--package", name]);
    Program::cargo(["semver-checks", "--baseline-rev", tag].into_iter().chain(named)).run()
}

/// The libraries that were there at the tag already.
fn libraries_since(tag: &str) -> Result<Vec<String>, Error> {
    let metadata = MetadataCommand::new().no_deps().exec()?;
    let mut found = Vec::new();
    for package in metadata.workspace_packages() {
        let library = package.targets.iter().any(|target| target.kind.contains(&TargetKind::Lib));
        let manifest = package.manifest_path.strip_prefix(&metadata.workspace_root);
        if let (true, false, Ok(manifest)) = (library, OURS_ALONE.contains(&package.name.as_str()), manifest)
            && Program::new("git", ["cat-file", "-e", &format!("{tag}:{manifest}")]).succeeds()
        {
            found.push(package.name.to_string());
        }
    }
    Ok(found)
}
