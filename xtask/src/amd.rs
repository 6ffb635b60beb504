//! `cargo xtask amd`: call analysis on recorded and synthesised speech, from Debian's packages to the tables and the picture.

use crate::error::Error;
use crate::pictures;
use crate::setup::{self, Feature};
use crate::shell::Program;

/// The coefficients of the model, as they are in the source.
const MODEL: &str = "crates/analysis/src/model/coefficients.rs";

/// Trains the model anew and compares it with the source, and evaluates on the test part.
/// With `write`, the model, the tables of docs/call-analysis.md and the picture are written.
pub(crate) fn amd(write: bool) -> Result<(), Error> {
    setup::ensure(&[Feature::Build, Feature::Amd])?;
    example(&[if write { "--train" } else { "--check" }, MODEL])?;
    if write {
        example(&["--write", "docs"])?;
        return pictures::check(true);
    }
    example(&[])
}

fn example(arguments: &[&str]) -> Result<(), Error> {
    let run = ["run", "--release", "--package", "mediapoint-analysis", "--example", "amd", "--"];
    Program::cargo(run.into_iter().chain(arguments.iter().copied())).run()
}
