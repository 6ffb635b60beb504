//! The checks that read the workspace and build nothing.

mod advisories;
pub(crate) mod arrows;
pub(crate) mod conformance;
pub(crate) mod deny;
pub(crate) mod dependencies;
pub(crate) mod deployed;
pub(crate) mod documents;
pub(crate) mod help;
pub(crate) mod hygiene;
pub(crate) mod names;
pub(crate) mod paths;
pub(crate) mod unused;
pub(crate) mod words;

use crate::error::Error;

/// Turns a list of findings into a result, and says so when there are none.
fn conclude(check: &'static str, findings: Vec<String>, clean: &str) -> Result<(), Error> {
    if findings.is_empty() {
        println!("{check}: {clean}");
        Ok(())
    } else {
        Err(Error::Findings { check, findings })
    }
}
