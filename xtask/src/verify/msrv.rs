//! The oldest compiler that is promised is the one that is pinned, and the workspace builds with it.

use std::path::Path;

use cargo_metadata::MetadataCommand;

use crate::error::Error;
use crate::shell::{self, Program};

const PIN: &str = "rust-toolchain.toml";

/// `cargo xtask msrv`.
pub(crate) fn check() -> Result<(), Error> {
    let pinned = pinned(&shell::read(Path::new(PIN))?)?;
    let metadata = MetadataCommand::new().no_deps().exec()?;
    let mut findings = Vec::new();
    for package in metadata.workspace_packages() {
        let promised = package.rust_version.as_ref().map(ToString::to_string);
        if promised.as_deref() != Some(pinned.as_str()) {
            let promised = promised.as_deref().unwrap_or("none");
            findings.push(format!("{}: rust-version is {promised}, {PIN} says {pinned}", package.name));
        }
    }
    let version = Program::new("rustc", ["--version"]).output()?;
    if version.split_whitespace().nth(1) != Some(pinned.as_str()) {
        findings.push(format!("the compiler in use is {}, {PIN} says {pinned}", version.trim()));
    }
    if !findings.is_empty() {
        return Err(Error::Findings { check: "msrv", findings });
    }
    Program::cargo(["check", "--workspace", "--quiet"]).run()?;
    println!("msrv: the workspace builds with {pinned}, which is pinned and promised");
    Ok(())
}

/// The channel that the toolchain file names.
fn pinned(file: &str) -> Result<String, Error> {
    let value = file.lines().find_map(|line| line.trim().strip_prefix("channel")?.trim().strip_prefix('='));
    let channel = value.map(|value| value.trim().trim_matches('"').to_owned());
    channel.ok_or_else(|| Error::Tool(format!("{PIN} names no channel")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_channel_is_read_from_the_toolchain_file() {
        assert_eq!(pinned("# channel\n[toolchain]\nchannel = \"1.95.0\"\n").ok().as_deref(), Some("1.95.0"));
        assert!(pinned("[toolchain]\n").is_err());
    }
}
