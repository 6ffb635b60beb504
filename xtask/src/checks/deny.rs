//! Licences, banned crates, sources and advisories, by cargo-deny with `deny.toml`.

use crate::error::Error;
use crate::shell::{Program, find_program};

/// `cargo xtask deny`.
pub(crate) fn check() -> Result<(), Error> {
    if find_program("cargo-deny").is_none() {
        Program::cargo(["install", "cargo-deny", "--locked", "--quiet"]).run()?;
    }
    Program::cargo(["deny", "--log-level", "error", "check", "licenses", "bans", "sources"]).run()?;
    // The advisory database is a git repository of its own. Without it the check cannot say anything, and saying so
    // is better than failing on a machine that reaches package registries only.
    if Program::cargo(["deny", "--log-level", "off", "fetch", "db"]).succeeds() {
        Program::cargo(["deny", "--log-level", "error", "check", "--disable-fetch", "advisories"]).run()
    } else {
        println!("advisories: skipped, because the advisory database could not be fetched from here");
        Ok(())
    }
}
