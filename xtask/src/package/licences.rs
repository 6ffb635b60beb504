//! The licences of what is linked into the server, which go with a program in which it is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use cargo_metadata::MetadataCommand;

use crate::checks::deployed;
use crate::error::Error;

/// A list of the crates from outside with their licences, then each text with the crates that it belongs to.
pub(super) fn third_party() -> Result<String, Error> {
    let tree = deployed::tree()?;
    let linked = deployed::linked(&tree);
    let metadata = MetadataCommand::new().exec()?;
    let mut page = String::from("mediapoint is linked with these libraries of others:\n\n");
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in &metadata.packages {
        let version = format!("v{}", package.version);
        if package.source.is_none() || !linked.contains(&(package.name.as_str(), version.as_str())) {
            continue;
        }
        let name = format!("{} {}", package.name, package.version);
        let _ = writeln!(page, "  {name}: {}", package.license.as_deref().unwrap_or("see its text"));
        let folder = package.manifest_path.parent().map(|folder| folder.as_std_path());
        for text in folder.into_iter().flat_map(found) {
            texts.entry(text).or_default().push(name.clone());
        }
    }
    for (text, names) in texts {
        let _ = write!(page, "\n{}\n{}:\n\n{}\n", "-".repeat(80), names.join(", "), text.trim_end());
    }
    Ok(page)
}

/// The texts of licences in a crate's folder and, for C code that it brings, in the folders of that.
fn found(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut texts = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        let names_one = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"];
        if path.is_dir() && ["OPUS", "LICENSES"].contains(&name.as_str()) {
            texts.extend(found(&path));
        } else if path.is_file() && names_one.iter().any(|one| name.starts_with(one)) {
            texts.extend(std::fs::read_to_string(&path).ok());
        }
    }
    texts
}
