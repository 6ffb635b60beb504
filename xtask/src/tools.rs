//! Programs that extend cargo for a check: those on the search path, else prebuilt ones from PyPI, else compiled.

use std::path::PathBuf;

use crate::error::Error;
use crate::run::target_folder;
use crate::setup::{self, Feature};
use crate::shell::{Program, find_program};

/// Names, versions and digests of the prebuilt ones.
const LIST: &str = "xtask/tools.txt";

/// The program `cargo-NAME` with its arguments, installed first where it is missing.
pub(crate) fn cargo_tool<'a>(
    name: &'a str,
    args: impl IntoIterator<Item = &'a str> + Clone,
) -> Result<Program, Error> {
    let program = format!("cargo-{name}");
    let path = match find_program(&program) {
        Some(path) => path,
        None => installed(&program)?,
    };
    let shown: Vec<&str> = ["cargo", name].into_iter().chain(args.clone()).collect();
    Ok(Program::new(&path.display().to_string(), args).shown_as(&shown.join(" ")))
}

fn installed(program: &str) -> Result<PathBuf, Error> {
    let folder = target_folder()?.join("tools");
    let path = folder.join("bin").join(program);
    if path.is_file() {
        return Ok(path);
    }
    if let Err(error) = prebuilt(&folder.display().to_string()) {
        println!("no prebuilt {program}: {error}");
    }
    if !path.is_file() {
        let folder = folder.display().to_string();
        Program::cargo(["install", program, "--locked", "--quiet", "--root", &folder]).run()?;
    }
    Ok(path)
}

/// Fetches the prebuilt ones into an environment of their own.
fn prebuilt(folder: &str) -> Result<(), Error> {
    // Debian has Python without what makes environments.
    if !Program::new("python3", ["-c", "import ensurepip, venv"]).succeeds() {
        setup::ensure(&[Feature::Tools])?;
    }
    Program::new("python3", ["-m", "venv", folder]).run()?;
    let install = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"];
    let checked = ["--only-binary", ":all:", "--require-hashes", "--requirement", LIST];
    Program::new(&format!("{folder}/bin/python"), install.into_iter().chain(checked)).run()
}
