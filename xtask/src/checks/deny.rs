//! Licences, banned crates, sources and advisories, by cargo-deny with `deny.toml`, of the workspace and of the fuzz targets.

use std::path::Path;
use std::time::SystemTime;

use super::advisories::{DEFAULT, Database, VARIABLE};
use crate::error::Error;
use crate::run::target_folder;
use crate::shell;
use crate::tools::cargo_tool;

const MANIFESTS: [&str; 2] = ["Cargo.toml", crate::fuzz::MANIFEST];

/// `cargo xtask deny`. Advisories come from `source`, else from where the environment says, else from RustSec.
pub(crate) fn check(source: Option<&str>) -> Result<(), Error> {
    for manifest in MANIFESTS {
        let check = ["check", "licenses", "bans", "sources"];
        deny(&["--manifest-path", manifest, "--log-level", "error"], &check)?.run()?;
    }
    let named = std::env::var(VARIABLE).ok().filter(|named| !named.is_empty());
    let source = source.or(named.as_deref()).unwrap_or(DEFAULT);
    let folder = target_folder()?.join("advisories");
    let copy = folder.join("source");
    let database = Database::fetch(source, &copy, SystemTime::now())?;
    let said = database.describe(source);
    println!("{said}");
    if !database.is_current() {
        // Not a failure: what cannot be known here may be known elsewhere. But nobody should overlook it.
        shell::note(&said)?;
    }
    if !database.is_there() {
        return Ok(());
    }
    let config = configuration(&folder)?;
    for manifest in MANIFESTS {
        let global = ["--manifest-path", manifest, "--config", &config, "--log-level", "error"];
        let program = deny(&global, &["check", "advisories"])?;
        // It fetches by git from the address it knows, and gets our copy.
        program
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", &format!("url.{}.insteadOf", copy.display()))
            .env("GIT_CONFIG_VALUE_0", DEFAULT)
            .shown_as(&format!("cargo deny --manifest-path {manifest} check advisories"))
            .run()?;
    }
    Ok(())
}

fn deny<'a>(global: &[&'a str], check: &[&'a str]) -> Result<shell::Program, Error> {
    cargo_tool("deny", global.iter().chain(check).copied())
}

/// `deny.toml` with a place for the database apart from the user's own, which may be younger than a copy of ours.
fn configuration(folder: &Path) -> Result<String, Error> {
    let text = shell::read(Path::new("deny.toml"))?;
    let place = format!("[advisories]\ndb-path = {:?}", folder.display().to_string());
    let path = folder.join("deny.toml");
    std::fs::write(&path, text.replace("[advisories]", &place))
        .map_err(|source| Error::Io { path: path.clone(), source })?;
    Ok(path.display().to_string())
}
