//! The tasks that build and run things: tests, lints, demonstration, interoperability, comparison, fuzzing.

use std::path::{Path, PathBuf};

use cargo_metadata::MetadataCommand;

use crate::error::Error;
use crate::setup::{self, Feature};
use crate::shell::{Program, find_program};

/// Formatting, clippy and documentation, each warning an error.
pub(crate) fn lint() -> Result<(), Error> {
    setup::ensure(&[Feature::Build])?;
    Program::cargo(["fmt", "--all", "--check"]).run()?;
    Program::cargo(["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"])
        .run()?;
    Program::cargo(["doc", "--workspace", "--no-deps", "--quiet"])
        .env("RUSTDOCFLAGS", "--deny warnings")
        .run()
}

/// Every test of the workspace, then the corpora of the fuzz targets.
pub(crate) fn test() -> Result<(), Error> {
    setup::ensure(&[Feature::Build, Feature::Test])?;
    Program::cargo(["test", "--workspace", "--no-fail-fast"]).run()?;
    if Path::new(FUZZ_MANIFEST).exists() {
        setup::ensure(&[Feature::Fuzz])?;
        // The fuzz workspace's own tests feed each corpus file to the property its target checks.
        Program::cargo(["test", "--manifest-path", FUZZ_MANIFEST]).run()?;
    }
    Ok(())
}

/// Builds server and tools in release and shows a call through the server.
pub(crate) fn demo(args: &[String]) -> Result<(), Error> {
    setup::ensure(&[Feature::Build, Feature::Demo])?;
    release_programs()?;
    // Not by `cargo run`: for one package of the two it would choose other features, and compile anew.
    let tools = target_folder()?.join("release").join("mediapoint-tools").display().to_string();
    let args = std::iter::once("demo").chain(args.iter().map(String::as_str));
    Program::new(&tools, args).shown_as("mediapoint-tools demo").run()
}

/// Exchanges media with outside programs.
pub(crate) fn interop(args: &[String]) -> Result<(), Error> {
    setup::ensure(&[Feature::Build, Feature::Interop])?;
    if !args.iter().any(|arg| arg.contains("rtpengine")) {
        release_programs()?;
    }
    let fixed = ["run", "--quiet", "--package", "mediapoint-interop", "--"];
    Program::cargo(fixed.into_iter().chain(args.iter().map(String::as_str))).run()?;
    if !args.is_empty() {
        return Ok(());
    }
    // The softphones that every end-to-end test rests on, through a server that is not ours.
    Program::cargo(["test", "--package", "mediapoint-caller", "--test", "rtpengine", "--", "--ignored"]).run()
}

fn release_programs() -> Result<(), Error> {
    let packages = ["--package", "mediapoint-server", "--package", "mediapoint-tools"];
    Program::cargo(["build", "--release"].into_iter().chain(packages)).run()
}

fn target_folder() -> Result<PathBuf, Error> {
    Ok(MetadataCommand::new().no_deps().exec()?.target_directory.into_std_path_buf())
}

const FUZZ_MANIFEST: &str = "fuzz/Cargo.toml";

/// Runs one fuzz target, or all of them in turn.
pub(crate) fn fuzz(seconds: u32, target: Option<&str>) -> Result<(), Error> {
    if !Path::new(FUZZ_MANIFEST).exists() {
        return Err(Error::Tool("there is no fuzz/ workspace here".to_owned()));
    }
    setup::ensure(&[Feature::Build, Feature::Fuzz])?;
    if find_program("cargo-fuzz").is_none() {
        Program::cargo(["install", "cargo-fuzz", "--locked", "--quiet"]).run()?;
    }
    let targets = match target {
        Some(name) => vec![name.to_owned()],
        None => fuzz_targets()?,
    };
    let limit = format!("-max_total_time={seconds}");
    let scratch = target_folder()?.join("fuzz-corpus");
    for name in &targets {
        // New inputs go to the first folder named; the corpus under version control is read only.
        let found = scratch.join(name);
        std::fs::create_dir_all(&found).map_err(|source| Error::Io { path: found.clone(), source })?;
        let (found, corpus) = (found.display().to_string(), format!("fuzz/corpus/{name}"));
        let places = [found.as_str(), corpus.as_str()];
        let limits = [&limit, "-rss_limit_mb=2048", "-timeout=10", "-print_final_stats=1"];
        // Words that chance would hardly find.
        let words = format!("fuzz/dictionaries/{name}.dict");
        let words = Path::new(&words).exists().then(|| format!("-dict={words}"));
        let limits = limits.into_iter().chain(words.as_deref());
        let args = ["fuzz", "run", name].into_iter().chain(places).chain(["--"]).chain(limits);
        // libFuzzer's coverage flags are unstable options; the variable lets the pinned stable compiler take them,
        // so that fuzzing needs no second toolchain. The input of a finding is kept in fuzz/artifacts.
        Program::cargo(args).env("RUSTC_BOOTSTRAP", "1").run()?;
    }
    println!("{} fuzz target(s) ran {seconds} s each without a finding", targets.len());
    Ok(())
}

fn fuzz_targets() -> Result<Vec<String>, Error> {
    let listing = Program::cargo(["fuzz", "list"]).env("RUSTC_BOOTSTRAP", "1").output()?;
    let names: Vec<String> =
        listing.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    if names.is_empty() { Err(Error::Tool("fuzz/ has no target".to_owned())) } else { Ok(names) }
}
