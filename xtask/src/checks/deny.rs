//! Licences, banned crates, sources and advisories, by cargo-deny with `deny.toml`.

use crate::error::Error;
use crate::tools::cargo_tool;

/// `cargo xtask deny`.
pub(crate) fn check() -> Result<(), Error> {
    cargo_tool("deny", ["--log-level", "error", "check", "licenses", "bans", "sources"])?.run()?;
    // The advisory database is a git repository of its own. Without it the check cannot say anything, and saying so
    // is better than failing on a machine that reaches package registries only.
    if cargo_tool("deny", ["--log-level", "off", "fetch", "db"])?.succeeds() {
        cargo_tool("deny", ["--log-level", "error", "check", "--disable-fetch", "advisories"])?.run()
    } else {
        println!("advisories: skipped, because the advisory database could not be fetched from here");
        Ok(())
    }
}
